//! A kernel as a sum of parts of a few taps. The taps `u = f, f + s, …` of a phase `f` of a stride `s` read inputs that
//! are `s` apart, and neighbouring outputs read neighbours among these; of each phase the taps are cut into parts of as
//! many as a tile takes, or fewer. A part with fewer has no product at ∞, and with two fewer none at 0: what is 0 is not
//! computed.

use super::products::Channels;
use super::{Line, POINTS};
use std::ops::Range;

/// Parts of a kernel, at most.
const MOST: usize = 24;

/// Some taps of a kernel, a stride apart.
#[derive(Clone, Copy, Default)]
pub(super) struct Part {
    /// The first of them in the kernel, and how many.
    pub tap: usize,
    pub taps: usize,
    /// Where the first lies among the taps of a full part: 0 or 1.
    pub slot: usize,
    /// Where the patch of output 0 begins in the input; from one of its inputs to the next it is `Parts::step`.
    pub first: isize,
}

/// All of them, those of more taps before those of fewer.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    all: [Part; MOST],
    count: usize,
    /// Outputs of a tile.
    pub tile: usize,
    /// Inputs from one of a patch to the next, and taps of the kernel.
    pub step: usize,
    pub apart: usize,
}

impl Parts {
    /// `None` where there would be too many.
    pub fn of(line: &Line) -> Option<Self> {
        let Line { taps, stride, dilation, padding, .. } = *line;
        let tile = if taps.div_ceil(stride) <= 3 { 6 } else { 4 };
        let most = POINTS + 1 - tile;
        let step = stride * dilation;
        let mut parts = Self { all: [Part::default(); MOST], count: 0, tile, step, apart: stride };
        for phase in 0..stride.min(taps) {
            let of_phase = (taps - phase).div_ceil(stride);
            let count = of_phase.div_ceil(most);
            for i in 0..count {
                let (first, end) = ((of_phase * i).div_ceil(count), (of_phase * (i + 1)).div_ceil(count));
                let (tap, taps) = (phase + first * stride, end - first);
                let slot = usize::from(taps + 2 <= most);
                let first = (tap * dilation) as isize - padding as isize - (slot * step) as isize;
                *parts.all.get_mut(parts.count)? = Part { tap, taps, slot, first };
                parts.count += 1;
            }
        }
        parts.all[..parts.count].sort_by_key(|part| std::cmp::Reverse(part.taps));
        Some(parts)
    }

    pub fn count(&self) -> usize {
        self.count
    }

    pub fn iter(&self) -> impl Iterator<Item = &Part> {
        self.all[..self.count].iter()
    }

    pub fn get(&self, i: usize) -> &Part {
        &self.all[i]
    }

    /// Taps of a full part.
    pub fn most(&self) -> usize {
        POINTS + 1 - self.tile
    }

    /// How many parts have a product at a point: the first ones.
    pub fn having(&self, point: usize) -> usize {
        let has = |part: &&Part| match point {
            0 => part.slot == 0,
            7 => part.slot + part.taps == self.most(),
            _ => true,
        };
        self.iter().filter(has).count()
    }

    /// Products of all parts together.
    pub fn products(&self) -> usize {
        (0..POINTS).map(|point| self.having(point)).sum()
    }
}

/// So many channels in each part.
#[derive(Clone, Copy)]
pub(super) struct OfParts<'a> {
    pub channels: usize,
    pub parts: &'a Parts,
}

impl Channels for OfParts<'_> {
    fn count(&self) -> usize {
        self.channels * self.parts.count()
    }

    fn having(&self, p: usize) -> [Range<usize>; 2] {
        [0..self.channels * self.parts.having(p), 0..0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(taps: usize, stride: usize) -> Parts {
        let line =
            Line { n: 1, c: 1, oc: 1, from: 99, to: 99, inner: 1, taps, stride, dilation: 1, padding: 1 };
        Parts::of(&line).unwrap()
    }

    #[test]
    fn products_of_kernels_and_strides() {
        let tile_and_products = |taps, stride| (parts(taps, stride).tile, parts(taps, stride).products());
        let plain = [(6, 7), (6, 8), (4, 7), (4, 8), (4, 12), (4, 13), (4, 14), (4, 15)];
        assert_eq!([2, 3, 4, 5, 6, 7, 8, 9].map(|taps| tile_and_products(taps, 1)), plain);
        assert_eq!([3, 6, 7, 80].map(|taps| tile_and_products(taps, 2).1), [13, 16, 13, 128]);
        assert_eq!((parts(80, 4).count(), parts(80, 4).products()), (16, 128));
    }

    #[test]
    fn each_tap_is_in_one_part() {
        for (taps, stride) in [(2, 1), (3, 1), (11, 1), (7, 2), (80, 4), (3, 5)] {
            let parts = parts(taps, stride);
            let of_part = |part: &Part| (0..part.taps).map(|i| part.tap + i * stride).collect::<Vec<_>>();
            let mut all: Vec<_> = parts.iter().flat_map(of_part).collect();
            all.sort_unstable();
            assert_eq!(all, (0..taps).collect::<Vec<_>>());
            // Those without a product are the last.
            for point in [0, 7] {
                let having = parts.having(point);
                let has = |part: &Part| (part.slot == 0, part.slot + part.taps == parts.most());
                let at = |part| if point == 0 { has(part).0 } else { has(part).1 };
                assert!(parts.iter().enumerate().all(|(i, part)| at(part) == (i < having)));
            }
        }
    }
}
