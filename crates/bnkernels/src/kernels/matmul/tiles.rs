//! The inner loops: a tile of C in registers gathers, for each p along k, rows of the left matrix
//! times a vector of the right one.
//!
//! x86 has 16 vector registers, of which V8 keeps one. A strict multiply-add needs one for its
//! product, so 2 rows × 4 vectors are the most that does not spill (in Node 20: 9 sums run at half the
//! speed). A relaxed one needs none: 6 × 2 sums take all 15, and hide its latency of four cycles, where
//! 8 sums reach 90 % of the peak at most.

use super::pack::PANEL;
use crate::simd::{reach, Dst, F32x4, Src};

/// Tiles of 6 × 2 vectors.
const TALL: bool = PANEL == 8;

/// The rows of the left matrix, over a block of k.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    /// From the block's first element on.
    pub data: &'a [f32],
    /// Elements from a row to the next, and from a position along k to the next: one of them is 1.
    pub row: usize,
    pub step: usize,
}

/// A panel of the right matrix over a block of k, `depth` vectors of `width` (a multiple of 4)
/// that are `stride` apart.
pub(super) struct Panel<'a> {
    pub data: &'a [f32],
    pub stride: usize,
    pub width: usize,
    pub depth: usize,
    /// What the sums start with.
    pub start: [f32; PANEL],
    pub add_to_c: bool,
}

impl Panel<'_> {
    /// Writes every tile of `rows` rows to `c`, whose rows are `stride` apart; the tallest tiles
    /// that the registers hold first.
    pub fn sweep(&self, left: Left, rows: usize, c: &mut Dst, stride: usize) {
        if rows == 0 {
            return;
        }
        if left.step == 1 {
            self.sweep_with::<true, TALL>(left, rows, c, stride);
        } else {
            self.sweep_with::<false, TALL>(left, rows, c, stride);
        }
    }

    #[inline(always)]
    fn sweep_with<const ALONG_K: bool, const TALL: bool>(
        &self,
        left: Left,
        rows: usize,
        c: &mut Dst,
        stride: usize,
    ) {
        let mut at = Sweep { left, row: 0, rows, stride };
        match self.width / 4 {
            1 => {
                self.tiles::<8, 1, ALONG_K>(&mut at, 8, c);
                self.tiles::<4, 1, ALONG_K>(&mut at, 4, c);
                self.tiles::<1, 1, false>(&mut at, 1, c);
            }
            2 if TALL => {
                // Low tiles are slow: 7 rows are better 5 + 2 than 6 + 1, and 8 are 4 + 4, 9 are 5 + 4.
                let least = if matches!(rows % 6, 1..=3) { 10 } else { 6 };
                self.tiles::<6, 2, ALONG_K>(&mut at, least, c);
                let least = if rows % 6 == 2 { 9 } else { 5 };
                self.tiles::<5, 2, ALONG_K>(&mut at, least, c);
                self.tiles::<4, 2, ALONG_K>(&mut at, 4, c);
                self.tiles::<2, 2, ALONG_K>(&mut at, 2, c);
                self.tiles::<1, 2, false>(&mut at, 1, c);
            }
            2 => {
                self.tiles::<4, 2, ALONG_K>(&mut at, 4, c);
                self.tiles::<2, 2, ALONG_K>(&mut at, 2, c);
                self.tiles::<1, 2, false>(&mut at, 1, c);
            }
            3 if !TALL => {
                self.tiles::<2, 3, ALONG_K>(&mut at, 2, c);
                self.tiles::<1, 3, false>(&mut at, 1, c);
            }
            4 if !TALL => {
                self.tiles::<2, 4, ALONG_K>(&mut at, 2, c);
                self.tiles::<1, 4, false>(&mut at, 1, c);
            }
            _ => unreachable!("a panel is no wider than PANEL"),
        };
    }

    /// The tiles of `MR` rows and `NV` vectors, until fewer than `least` rows are left.
    #[inline(always)]
    fn tiles<const MR: usize, const NV: usize, const ALONG_K: bool>(
        &self,
        at: &mut Sweep,
        least: usize,
        c: &mut Dst,
    ) {
        // A call costs as much as a few vectors.
        if at.row + least <= at.rows {
            self.some_tiles::<MR, NV, ALONG_K>(at, least, c);
        }
    }

    #[inline(never)]
    fn some_tiles<const MR: usize, const NV: usize, const ALONG_K: bool>(
        &self,
        at: &mut Sweep,
        least: usize,
        c: &mut Dst,
    ) {
        debug_assert!(least >= MR);
        let Left { data, row: a_row, step: a_step } = at.left;
        let (depth, b_stride, add_to_c) = (self.depth, self.stride, self.add_to_c);
        // (Of a single row both ways are one: its elements are a step apart, whatever that is.)
        let (a_row, a_step) = match (MR, ALONG_K) {
            (1, _) => (a_row, a_step),
            (_, true) => (a_row, 1),
            (_, false) => (1, a_step),
        };
        let start = Src::new(&self.start, 4 * NV);
        let start: [F32x4; NV] = std::array::from_fn(|v| start.load(4 * v));
        let b_start = Src::new(self.data, reach([(depth, b_stride)], 4 * NV));
        let mut c = c.offset(at.row * at.stride);
        let a_reach = reach([(at.rows, a_row), (depth, a_step)], 1);
        let mut a_start = Src::new(data, a_reach).offset(at.row * a_row);
        while at.row + least <= at.rows {
            let (mut a, mut b) = (a_start, b_start);
            let mut sums = [start; MR];
            for _ in 0..depth {
                multiply_add(&mut sums, |r| a.offset(r * a_row).load_splat(0), b);
                (a, b) = (a.offset(a_step), b.offset(b_stride));
            }
            for (r, sums) in sums.into_iter().enumerate() {
                let mut c = c.offset(r * at.stride);
                for (v, sum) in sums.into_iter().enumerate() {
                    c.store(4 * v, if add_to_c { c.load(4 * v) + sum } else { sum });
                }
            }
            a_start = a_start.offset(MR * a_row);
            c = c.advance(MR * at.stride);
            at.row += MR;
        }
    }
}

/// Where a sweep over a panel's rows is.
struct Sweep<'a> {
    left: Left<'a>,
    row: usize,
    rows: usize,
    stride: usize,
}

/// `sums[r] += x(r) * b[..]`.
#[inline(always)]
pub(super) fn multiply_add<const MR: usize, const NV: usize>(
    sums: &mut [[F32x4; NV]; MR],
    x: impl Fn(usize) -> F32x4,
    b: Src,
) {
    let b: [F32x4; NV] = std::array::from_fn(|v| b.load(4 * v));
    for (r, sums) in sums.iter_mut().enumerate() {
        let x = x(r);
        for (sum, b) in sums.iter_mut().zip(b) {
            *sum = x.mul_add(b, *sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, random};

    fn check<const ALONG_K: bool, const TALL: bool>(rows: usize, width: usize, depth: usize, add_to_c: bool) {
        let (a, b, old) = (random(1, rows * depth), random(2, depth * (width + 3)), random(3, rows * width));
        let (row, step) = if ALONG_K { (depth, 1) } else { (1, rows) };
        let start = std::array::from_fn(|j| j as f32);
        let panel = Panel { data: &b, stride: width + 3, width, depth, start, add_to_c };
        let mut c = old.clone();
        let left = Left { data: &a, row, step };
        panel.sweep_with::<ALONG_K, TALL>(left, rows, &mut Dst::new(&mut c, rows * width), width);
        let expected: Vec<f64> = (0..rows * width)
            .map(|at| {
                let (i, j) = (at / width, at % width);
                let term = |p: usize| f64::from(a[i * row + p * step]) * f64::from(b[p * (width + 3) + j]);
                let old = if add_to_c { f64::from(old[at]) } else { 0.0 };
                f64::from(start[j]) + old + (0..depth).map(term).sum::<f64>()
            })
            .collect();
        assert_close(&c, &expected, 1e-6);
    }

    #[test]
    fn tiles_of_either_build_agree_with_the_formula() {
        for rows in 1..=26 {
            for (depth, add_to_c) in [(0, false), (1, true), (6, false), (6, true)] {
                for width in [4, 8, 12, 16] {
                    check::<true, false>(rows, width, depth, add_to_c);
                    check::<false, false>(rows, width, depth, add_to_c);
                }
                for width in [4, 8] {
                    check::<true, true>(rows, width, depth, add_to_c);
                    check::<false, true>(rows, width, depth, add_to_c);
                }
            }
        }
    }
}
