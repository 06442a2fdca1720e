//! The inner loops: a tile of C in registers gathers, for each p along k, rows of the left matrix
//! times a vector of the right one.

use super::pack::PANEL;
use crate::simd::{Dst, F32x4, Src};

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
        // The extreme elements that a tile reads.
        let last = self.depth.saturating_sub(1);
        assert!(self.depth == 0 || last * self.stride + self.width <= self.data.len());
        assert!(self.depth == 0 || (rows - 1) * left.row + last * left.step < left.data.len());
        if left.step == 1 {
            self.sweep_in::<true>(left, rows, c, stride);
        } else {
            self.sweep_in::<false>(left, rows, c, stride);
        }
    }

    fn sweep_in<const ALONG_K: bool>(&self, left: Left, rows: usize, c: &mut Dst, stride: usize) {
        let mut at = Sweep { left, row: 0, rows, stride };
        match self.width / 4 {
            1 => {
                self.tiles::<8, 1, ALONG_K>(&mut at, 8, c);
                self.tiles::<4, 1, ALONG_K>(&mut at, 4, c);
                self.tiles::<1, 1, ALONG_K>(&mut at, 1, c);
            }
            2 if PANEL == 8 => {
                // Low tiles are slow: 7 rows are better 5 + 2 than 6 + 1, and 8 are 4 + 4, 9 are 5 + 4.
                let least = if matches!(rows % 6, 1..=3) { 10 } else { 6 };
                self.tiles::<6, 2, ALONG_K>(&mut at, least, c);
                let least = if rows % 6 == 2 { 9 } else { 5 };
                self.tiles::<5, 2, ALONG_K>(&mut at, least, c);
                self.tiles::<4, 2, ALONG_K>(&mut at, 4, c);
                self.tiles::<2, 2, ALONG_K>(&mut at, 2, c);
                self.tiles::<1, 2, ALONG_K>(&mut at, 1, c);
            }
            2 => {
                self.tiles::<4, 2, ALONG_K>(&mut at, 4, c);
                self.tiles::<2, 2, ALONG_K>(&mut at, 2, c);
                self.tiles::<1, 2, ALONG_K>(&mut at, 1, c);
            }
            3 if PANEL > 8 => {
                self.tiles::<2, 3, ALONG_K>(&mut at, 2, c);
                self.tiles::<1, 3, ALONG_K>(&mut at, 1, c);
            }
            4 if PANEL > 8 => {
                self.tiles::<2, 4, ALONG_K>(&mut at, 2, c);
                self.tiles::<1, 4, ALONG_K>(&mut at, 1, c);
            }
            _ => unreachable!("a panel is not wider than PANEL"),
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
        let (a_row, a_step) = if ALONG_K { (a_row, 1) } else { (1, a_step) };
        let start = Src::new(&self.start[..4 * NV]);
        let start: [F32x4; NV] = std::array::from_fn(|v| start.load(4 * v));
        let b_start = Src::new(self.data);
        let mut c = c.offset(at.row * at.stride);
        let mut a_start = Src::new(data).offset(at.row * a_row);
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
fn multiply_add<const MR: usize, const NV: usize>(
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
