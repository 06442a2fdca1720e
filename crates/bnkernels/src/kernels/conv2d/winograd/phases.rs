//! Strided convolutions as one of 3×3 with a step of 1. Along a dimension, output `i` reads
//! `x[s·i + u − p]` at tap `u`. The taps `u = f, f + s, …` of a phase `f` read pixels with one remainder by `s`, and
//! neighbouring outputs read neighbours among these: each phase is a convolution with a step of 1, of each `s`-th pixel
//! and each `s`-th tap, and the outputs are the sum over the phases. So the pixels of a phase (a row's and a column's
//! remainder) of a channel are a channel of their own, and the kernel of each is one of 3×3, whose other taps are 0:
//! 3×3 taps with a step of 2 are phases of 2×2, 2×1, 1×2 and 1×1.
//!
//! A kernel whose first tap is 0 has no product at the point 0, one whose last is 0 none at ∞: what is 0 is not
//! computed. 3×3 with a step of 2 take 81 products for 4×4 outputs, instead of 144.
//!
//! `slot` is where a phase's first tap lies among the three. Phases share their tiles: with `q` the place of the pixel of
//! its first tap for output 0, `q − slot` is the same for all.

use super::{PATCH, TILE};
use crate::kernels::conv2d::Conv2dShape;
use std::ops::Range;

/// Taps of a phase, at most.
const TAPS: usize = 3;
/// Steps, at most.
pub(super) const STEP: usize = 2;

/// One dimension.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub step: usize,
    /// Pixels before the first of each phase that the first window begins at.
    before: isize,
    /// Whether the kernels are, by half a turn.
    rotated: bool,
    kernel: usize,
    /// Of each phase: the remainder of its pixels, and where its first tap lies among three.
    first: [usize; STEP],
    slot: [usize; STEP],
}

impl Axis {
    /// Pixels as they are.
    const PLAIN: Self =
        Self { step: 1, before: 0, rotated: false, kernel: TAPS, first: [0; STEP], slot: [0; STEP] };

    /// The phases of a kernel, with the fewest products; `None` where there are too many taps or steps, or phases do
    /// not share tiles.
    fn new(kernel: usize, step: usize, padding: usize) -> Option<Self> {
        if step > STEP || kernel < step || kernel > TAPS * step {
            return None;
        }
        let shifted = |f: usize| f as isize - padding as isize;
        let place = |f: usize| shifted(f).div_euclid(step as isize);
        let with = |slot: usize| {
            let mut axis = Self { step, before: slot as isize - place(0), kernel, ..Self::PLAIN };
            for f in 0..step {
                axis.first[f] = shifted(f).rem_euclid(step as isize) as usize;
                let slot = place(f) + axis.before;
                axis.slot[f] = usize::try_from(slot).ok().filter(|slot| slot + axis.taps(f) <= TAPS)?;
            }
            Some(axis)
        };
        (0..TAPS).filter_map(with).min_by_key(Self::products)
    }

    /// Taps of a phase.
    fn taps(&self, f: usize) -> usize {
        (self.kernel - f).div_ceil(self.step)
    }

    /// The points at which a phase has products.
    fn points(&self, f: usize) -> Range<usize> {
        let [first, last] = [self.slot[f] > 0, self.slot[f] + self.taps(f) < TAPS].map(usize::from);
        if self.rotated {
            last..PATCH - first
        } else {
            first..PATCH - last
        }
    }

    /// For the way back.
    fn rotated(self) -> Self {
        Self { before: TAPS as isize - 1 - self.before, rotated: !self.rotated, ..self }
    }

    /// Products of all phases together.
    pub fn products(&self) -> usize {
        (0..self.step).map(|f| self.points(f).len()).sum()
    }

    /// Which of the kernel's taps is in a slot of a phase.
    fn tap(&self, f: usize, slot: usize) -> Option<usize> {
        let slot = if self.rotated { TAPS - 1 - slot } else { slot };
        let tap = slot.checked_sub(self.slot[f])?;
        (tap < self.taps(f)).then_some(f + self.step * tap)
    }

    /// Tiles that cover `pixels`.
    pub fn tiles(&self, pixels: usize) -> usize {
        pixels.div_ceil(self.step * TILE)
    }
}

/// The pixels of a phase in an image.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// Of its first pixel.
    pub at: usize,
    pub h: usize,
    pub w: usize,
    /// From one row to the next, and from one pixel.
    pub row: usize,
    pub pixel: usize,
}

/// The tap of the kernel in each of the nine slots.
pub(super) type Slots = [Option<usize>; TAPS * TAPS];

/// Both dimensions. The phases are in such an order that those that have a product are mostly neighbours.
#[derive(Clone, Copy)]
pub(super) struct Phases {
    pub rows: Axis,
    pub columns: Axis,
}

impl Phases {
    /// Pixels as they are.
    pub const PLAIN: Self = Self { rows: Axis::PLAIN, columns: Axis::PLAIN };

    pub fn of(s: &Conv2dShape) -> Option<Self> {
        let rows = Axis::new(s.kh, s.stride.0, s.padding.0)?;
        Some(Self { rows, columns: Axis::new(s.kw, s.stride.1, s.padding.1)? })
    }

    /// Those of the gradient of the input: which begins as far before the outputs, and has rotated kernels.
    pub fn rotated(self) -> Self {
        Self { rows: self.rows.rotated(), columns: self.columns.rotated() }
    }

    /// Rows and columns before the first pixel that the first window begins at.
    pub fn before(&self) -> (isize, isize) {
        (self.rows.before, self.columns.before)
    }

    pub fn count(&self) -> usize {
        self.rows.step * self.columns.step
    }

    /// The phase of rows and that of columns.
    fn at(&self, i: usize) -> (usize, usize) {
        let (row, column) = (i / self.columns.step, i % self.columns.step);
        (row, if row == 0 { column } else { self.columns.step - 1 - column })
    }

    /// Products of all phases together.
    pub fn products(&self) -> usize {
        self.rows.products() * self.columns.products()
    }

    /// The rows and columns of a tile's products that a phase has.
    pub fn points(&self, i: usize) -> (Range<usize>, Range<usize>) {
        let (row, column) = self.at(i);
        (self.rows.points(row), self.columns.points(column))
    }

    /// The pixels of a phase.
    pub fn seen(&self, i: usize, (h, w): (usize, usize), lanes: usize) -> Seen {
        let (row, column) = self.at(i);
        let (row, column) = (self.rows.first[row], self.columns.first[column]);
        let count = |pixels: usize, first, step| pixels.saturating_sub(first).div_ceil(step);
        Seen {
            at: (row * w + column) * lanes,
            h: count(h, row, self.rows.step),
            w: count(w, column, self.columns.step),
            row: self.rows.step * w * lanes,
            pixel: self.columns.step * lanes,
        }
    }

    /// The channels, phase after phase of `channels`, that have product `p`: two runs of them, which may be empty.
    pub fn having(&self, p: usize, channels: usize) -> [Range<usize>; 2] {
        if self.count() == 1 {
            return [0..channels, 0..0];
        }
        let mut runs = [0..0, 0..0];
        for i in 0..self.count() {
            let (rows, columns) = self.points(i);
            if !rows.contains(&(p / PATCH)) || !columns.contains(&(p % PATCH)) {
                continue;
            }
            let mine = i * channels..(i + 1) * channels;
            let run = usize::from(!runs[0].is_empty() && runs[0].end != mine.start);
            runs[run] = if runs[run].is_empty() { mine } else { runs[run].start..mine.end };
        }
        runs
    }

    /// The taps of a phase.
    pub fn taps(&self, i: usize) -> Slots {
        let (row, column) = self.at(i);
        std::array::from_fn(|slot| {
            let (u, v) = (self.rows.tap(row, slot / TAPS)?, self.columns.tap(column, slot % TAPS)?);
            Some(u * self.columns.kernel + v)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_kernels_and_steps() {
        let products = |kernel, step, padding| Axis::new(kernel, step, padding).map(|axis| axis.products());
        for padding in 0..4 {
            assert_eq!(products(3, 1, padding), Some(6));
            let two = 8 + padding % 2;
            assert_eq!([2, 3, 4, 5].map(|kernel| products(kernel, 2, padding)), [two, 9, 10, 11].map(Some));
            assert_eq!(
                [products(7, 2, padding), products(4, 1, padding), products(1, 2, padding)],
                [None; 3]
            );
        }
        assert_eq!([0, 1].map(|padding| products(6, 2, padding)), [Some(12), None]);
        assert_eq!(products(9, 3, 1), None);
    }

    #[test]
    fn each_tap_is_in_one_phase() {
        for (kernel, padding) in [((3, 3), (1, 0)), ((4, 5), (1, 2)), ((5, 2), (0, 1))] {
            let (kh, kw) = kernel;
            let phases = Phases::of(&Conv2dShape { kh, kw, stride: (2, 2), padding, ..Conv2dShape::PLAIN });
            let phases = phases.unwrap();
            let mut taps: Vec<_> = (0..phases.count()).flat_map(|i| phases.taps(i)).flatten().collect();
            let mut rotated: Vec<_> =
                (0..phases.count()).flat_map(|i| phases.rotated().taps(i)).flatten().collect();
            rotated.sort_unstable();
            taps.sort_unstable();
            assert_eq!(taps, rotated);
            assert_eq!(taps, (0..kh * kw).collect::<Vec<_>>());
            let products = (0..PATCH * PATCH).flat_map(|p| phases.having(p, 1)).map(|run| run.len());
            assert_eq!(products.sum::<usize>(), phases.products());
        }
    }
}
