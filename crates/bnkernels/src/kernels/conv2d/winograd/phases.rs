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
//! A phase of four taps and more (or a kernel of as many, with a step of 1) is cut into parts of two or three: the sum of
//! convolutions of the same pixels, a part's taps further on. 5×5 taps take 121 products for 4×4 outputs, instead of 400;
//! 7×7 with a step of 2, 256 instead of 784. On the way back, of a step of 1, the outputs have the parts: then the
//! gradient is a correlation as forward is.
//!
//! `slot` is where a phase's first tap lies among the three. Phases share their tiles: with `q` the place of the pixel of
//! its first tap for output 0, `q − slot` is the same for all.

use super::{PATCH, TILE};
use crate::kernels::conv2d::Conv2dShape;
use std::ops::Range;

/// Taps of a phase, or of a part of one, at most.
const TAPS: usize = 3;
/// Steps, at most.
pub(super) const STEP: usize = 2;
/// Phases of a dimension, or parts of them, at most. (Then what has a product is two runs of channels.)
pub(super) const MOST: usize = 3;

/// A phase, or a part of one.
#[derive(Clone, Copy)]
struct Part {
    /// The kernel's first tap that it has, and how many that are a step apart.
    tap: usize,
    taps: usize,
    /// The remainder of its pixels, and how many of these before the first its first window begins.
    remainder: usize,
    before: isize,
    /// Where its first tap lies among three.
    slot: usize,
}

/// One dimension.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub step: usize,
    kernel: usize,
    /// Whether the kernels are, by half a turn.
    rotated: bool,
    parts: [Part; MOST],
    count: usize,
}

impl Axis {
    /// Pixels as they are.
    const PLAIN: Self = Self {
        step: 1,
        kernel: TAPS,
        rotated: false,
        parts: [Part { tap: 0, taps: TAPS, remainder: 0, before: 0, slot: 0 }; MOST],
        count: 1,
    };

    /// The phases of a kernel, with the fewest products; `None` where there are too many taps or steps, or phases do
    /// not share tiles. Phases of more than three taps are cut into parts, which share none.
    fn new(kernel: usize, step: usize, padding: isize) -> Option<Self> {
        if step > STEP || kernel < step {
            return None;
        }
        let place = |tap: usize| (tap as isize - padding).div_euclid(step as isize);
        let part = |tap: usize, taps: usize, slot: usize, before: isize| {
            let remainder = (tap as isize - padding).rem_euclid(step as isize) as usize;
            Part { tap, taps, remainder, before, slot }
        };
        if kernel > TAPS * step {
            let mut axis = Self { step, kernel, count: 0, ..Self::PLAIN };
            for f in 0..step {
                let taps = (kernel - f).div_ceil(step);
                let count = taps.div_ceil(TAPS);
                for i in 0..count {
                    let (first, end) = ((taps * i).div_ceil(count), (taps * (i + 1)).div_ceil(count));
                    let tap = f + first * step;
                    *axis.parts.get_mut(axis.count)? = part(tap, end - first, 0, -place(tap));
                    axis.count += 1;
                }
            }
            // Those that have a product at ∞ come first.
            axis.parts[..axis.count].sort_by_key(|part| std::cmp::Reverse(part.taps));
            return Some(axis);
        }
        let with = |slot: usize| {
            let mut axis = Self { step, kernel, count: step, ..Self::PLAIN };
            let before = slot as isize - place(0);
            for f in 0..step {
                let taps = (kernel - f).div_ceil(step);
                let slot = place(f) + before;
                let slot = usize::try_from(slot).ok().filter(|slot| slot + taps <= TAPS)?;
                axis.parts[f] = part(f, taps, slot, before);
            }
            Some(axis)
        };
        (0..TAPS).filter_map(with).min_by_key(Self::products)
    }

    /// Whether phases are cut.
    fn is_long(&self) -> bool {
        self.kernel > TAPS * self.step
    }

    /// The points at which a phase has products.
    fn points(&self, f: usize) -> Range<usize> {
        let Part { taps, slot, .. } = self.parts[f];
        let [first, last] = [slot > 0, slot + taps < TAPS].map(usize::from);
        if self.rotated && !self.is_long() {
            last..PATCH - first
        } else {
            first..PATCH - last
        }
    }

    /// For the way back: of phases, tiles of outputs; of one that is cut, those of a kernel by half a turn.
    fn back(self, padding: usize) -> Option<Self> {
        if self.is_long() {
            let padding = self.kernel as isize - 1 - padding as isize;
            let back = Self { rotated: true, ..Self::new(self.kernel, self.step, padding)? };
            return (self.step == 1).then_some(back);
        }
        let parts = self.parts.map(|part| Part { before: TAPS as isize - 1 - part.before, ..part });
        Some(Self { parts, rotated: !self.rotated, ..self })
    }

    /// Products of all phases together.
    pub fn products(&self) -> usize {
        (0..self.count).map(|f| self.points(f).len()).sum()
    }

    /// Which of the kernel's taps is in a slot of a phase.
    fn tap(&self, f: usize, slot: usize) -> Option<usize> {
        let Part { tap: first, taps, slot: begin, .. } = self.parts[f];
        let turned = self.rotated && !self.is_long();
        let slot = if turned { TAPS - 1 - slot } else { slot };
        let tap = slot.checked_sub(begin).filter(|&tap| tap < taps)?;
        let tap = first + self.step * tap;
        Some(if self.rotated && self.is_long() { self.kernel - 1 - tap } else { tap })
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
    /// How many rows and columns of it its first window begins before the first phase's.
    pub shift: (isize, isize),
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
        let rows = Axis::new(s.kh, s.stride.0, s.padding.0 as isize)?;
        Some(Self { rows, columns: Axis::new(s.kw, s.stride.1, s.padding.1 as isize)? })
    }

    /// Those of the gradient of the input: which begins as far before the outputs, and has rotated kernels. They are
    /// phases of the input; those that are cut are parts of the outputs ([`Self::is_long`]).
    pub fn back(self, s: &Conv2dShape) -> Option<Self> {
        let whole = self.rows.is_long() == self.columns.is_long() || self.count_of_steps() == 1;
        let (rows, columns) = (self.rows.back(s.padding.0)?, self.columns.back(s.padding.1)?);
        whole.then_some(Self { rows, columns })
    }

    /// Whether some are cut into parts, because they have too many taps.
    pub fn is_long(&self) -> bool {
        self.rows.is_long() || self.columns.is_long()
    }

    fn count_of_steps(&self) -> usize {
        self.rows.step * self.columns.step
    }

    /// Rows and columns before the first pixel that the first phase's first window begins at.
    pub fn before(&self) -> (isize, isize) {
        let (row, column) = self.at(0);
        (self.rows.parts[row].before, self.columns.parts[column].before)
    }

    pub fn count(&self) -> usize {
        self.rows.count * self.columns.count
    }

    /// The phase of rows and that of columns.
    fn at(&self, i: usize) -> (usize, usize) {
        let (row, column) = (i / self.columns.count, i % self.columns.count);
        (row, if row % 2 == 0 { column } else { self.columns.count - 1 - column })
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
        let (of_row, of_column) = (self.rows.parts[row], self.columns.parts[column]);
        let before = self.before();
        let shift = (of_row.before - before.0, of_column.before - before.1);
        let (row, column) = (of_row.remainder, of_column.remainder);
        let count = |pixels: usize, first, step| pixels.saturating_sub(first).div_ceil(step);
        Seen {
            at: (row * w + column) * lanes,
            h: count(h, row, self.rows.step),
            w: count(w, column, self.columns.step),
            row: self.rows.step * w * lanes,
            pixel: self.columns.step * lanes,
            shift,
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
        for padding in 0..4isize {
            assert_eq!(products(3, 1, padding), Some(6));
            let two = 8 + (padding % 2) as usize;
            assert_eq!([2, 3, 4, 5].map(|kernel| products(kernel, 2, padding)), [two, 9, 10, 11].map(Some));
            // In parts.
            assert_eq!(
                [4, 5, 6, 7, 8, 9].map(|kernel| products(kernel, 1, padding)),
                [10, 11, 12, 16, 17, 18].map(Some)
            );
            assert_eq!(products(7, 2, padding), Some(16));
            let none = [(10, 1), (8, 2), (9, 2), (1, 2), (9, 3)];
            assert!(none.iter().all(|&(kernel, step)| products(kernel, step, padding).is_none()));
        }
        assert_eq!([0, 1].map(|padding| products(6, 2, padding)), [Some(12), None]);
    }

    #[test]
    fn each_tap_is_in_one_phase() {
        let strided =
            [((3, 3), (1, 0)), ((4, 5), (1, 2)), ((5, 2), (0, 1)), ((7, 7), (3, 3)), ((7, 3), (3, 1))];
        let plain = [((5, 5), (2, 2)), ((7, 7), (3, 0)), ((9, 4), (4, 1)), ((3, 6), (1, 1))];
        let all = strided.map(|of| (of, 2)).into_iter().chain(plain.map(|of| (of, 1)));
        for ((kernel, padding), step) in all {
            let (kh, kw) = kernel;
            let s = Conv2dShape { kh, kw, stride: (step, step), padding, ..Conv2dShape::PLAIN };
            let phases = Phases::of(&s).unwrap();
            let back = phases.back(&s);
            assert_eq!(back.is_some(), step == 1 || !phases.is_long());
            for phases in [Some(phases), back].into_iter().flatten() {
                let mut taps: Vec<_> = (0..phases.count()).flat_map(|i| phases.taps(i)).flatten().collect();
                taps.sort_unstable();
                assert_eq!(taps, (0..kh * kw).collect::<Vec<_>>());
                // Whoever has a product is in one of the runs, and nobody else.
                for p in 0..PATCH * PATCH {
                    let has = |i: usize| {
                        let (rows, columns) = phases.points(i);
                        rows.contains(&(p / PATCH)) && columns.contains(&(p % PATCH))
                    };
                    let runs = phases.having(p, 1);
                    let count = |i: usize| runs.iter().filter(|run| run.contains(&i)).count();
                    assert!((0..phases.count()).all(|i| count(i) == usize::from(has(i))));
                }
            }
        }
    }
}
