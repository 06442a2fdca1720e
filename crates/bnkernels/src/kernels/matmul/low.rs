//! Few rows of A: tiles as wide as the registers hold, as the few sums of a panel's would wait for each other. The same
//! bits as the tiles of panels.

use super::pack::PANEL;
use super::tiles::{multiply_add, Left};
use crate::simd::{reach, Dst, F32x4, Src};

/// The most rows.
pub(super) const ROWS: usize = 3;

/// A block of k of a tile with few rows.
pub(super) struct Low<'a> {
    pub left: Left<'a>,
    /// B from the tile's first column on, and the elements from a row of it to the next.
    pub right: (&'a [f32], usize),
    pub depth: usize,
    /// What the sums start with, from the tile's first column on; else 0.
    pub start: Option<&'a [f32]>,
    pub add_to_c: bool,
}

/// The first column of each strip, and whether it is a wide one or one of 4 columns. The last one has columns of the one
/// before where there are not as many left: it sums them once more.
pub(super) fn strips(rows: usize, cols: usize) -> impl Iterator<Item = (usize, bool)> {
    let wide = [32, 16, 12][rows - 1];
    let width = if cols < wide { 4 } else { wide };
    (0..cols).step_by(width).map(move |col| (col.min(cols - width), width == wide))
}

impl Low<'_> {
    /// Writes the columns of a strip to `c`, whose rows are `stride` apart.
    pub(super) fn strip(&self, rows: usize, (col, wide): (usize, bool), c: &mut Dst, stride: usize) {
        match (rows, wide) {
            (1, true) => self.tile::<1, 8>(col, c, stride),
            (2, true) => self.tile::<2, 4>(col, c, stride),
            (ROWS, true) => self.tile::<ROWS, 3>(col, c, stride),
            (1, false) => self.tile::<1, 1>(col, c, stride),
            (2, false) => self.tile::<2, 1>(col, c, stride),
            (ROWS, false) => self.tile::<ROWS, 1>(col, c, stride),
            _ => unreachable!("few rows"),
        }
    }

    #[inline(never)]
    fn tile<const MR: usize, const NV: usize>(&self, col: usize, c: &mut Dst, stride: usize) {
        let Left { data, row, step } = self.left;
        let (right, b_stride) = self.right;
        let start = self.start.map_or([F32x4::zero(); NV], |start| {
            let start = Src::new(&start[col..], 4 * NV);
            std::array::from_fn(|v| start.load(4 * v))
        });
        let mut a = Src::new(data, reach([(MR, row), (self.depth, step)], 1));
        let right = &right[col.min(right.len())..];
        let mut b = Src::new(right, reach([(self.depth, b_stride)], 4 * NV));
        let mut sums = [start; MR];
        for _ in 0..self.depth {
            multiply_add(&mut sums, |r| a.offset(r * row).load_splat(0), b);
            (a, b) = (a.offset(step), b.offset(b_stride));
        }
        for (r, sums) in sums.into_iter().enumerate() {
            let mut c = c.offset(r * stride + col);
            for (v, sum) in sums.into_iter().enumerate() {
                c.store(4 * v, if self.add_to_c { c.load(4 * v) + sum } else { sum });
            }
        }
    }
}

/// Whether tiles of so many rows are done here.
pub(super) fn fits(rows: usize) -> bool {
    // (The panels of the strict build are wide enough, but for one row.)
    cfg!(feature = "whole") && rows <= if PANEL == 8 { ROWS } else { 1 }
}
