//! The kernels as the products read them, `G g Gᵀ`.

use super::transform::{both, taps, Between, BETWEEN};
use super::{PATCH, PRODUCTS};
use crate::parallel::{chunk_count, for_each_tile};
use crate::simd::{Dst, Src};
use std::hint::black_box;

/// Kernels of 3×3 from `inputs` to `outputs` channels. They lie as `[outputs][inputs][3][3]`, or if they are to be
/// `rotated` by half a turn, as `[inputs][outputs][3][3]`.
pub(super) struct Kernels<'a> {
    pub weight: &'a [f32],
    pub inputs: usize,
    pub outputs: usize,
    pub rotated: bool,
}

impl Kernels<'_> {
    /// Inputs of an output's row.
    pub fn row(&self) -> usize {
        self.inputs.next_multiple_of(4)
    }

    /// Rows of each of the 36 matrices: those of the outputs, one more where their count is odd, and one that
    /// keeps the matrices from sharing lines of a cache.
    pub fn rows(&self) -> usize {
        self.outputs.next_multiple_of(2) + 1
    }

    /// Writes `to` as `[36][rows][row]`; what stands for no channel may be anything.
    pub fn transform(&self, to: &mut [f32]) {
        assert_eq!(self.weight.len(), self.inputs * self.outputs * 9);
        let (row, rows) = (self.row(), self.rows());
        let chunks = chunk_count(rows, row * 16);
        for_each_tile(to, (PRODUCTS, rows * row), (1, chunks), (1, row), |mut tile| {
            let outputs = tile.col / row..((tile.col + tile.cols) / row).min(self.outputs);
            let (mut to, apart) = tile.cursor();
            // Nine taps of four channels side by side.
            let (mut taps, mut between) = ([0.0; 9 * 4], BETWEEN);
            for (i, o) in outputs.enumerate() {
                for c in (0..self.inputs).step_by(4) {
                    self.gather(o, c, &mut taps);
                    write_products(&taps, to.offset(i * row + c), apart, &mut between);
                }
            }
        });
    }

    /// The taps from inputs `c..c + 4`, if there are so many, to output `o`.
    #[inline(always)]
    fn gather(&self, o: usize, c: usize, taps: &mut [f32; 9 * 4]) {
        let kernels = Src::new(self.weight, self.weight.len());
        let mut taps = Dst::new(taps, 9 * 4);
        let (first, next, step) = match self.rotated {
            false => ((o * self.inputs + c) * 9, 9, 1),
            true => ((c * self.outputs + o) * 9 + 8, self.outputs * 9, 1usize.wrapping_neg()),
        };
        for i in 0..4.min(self.inputs - c) {
            let mut tap = kernels.offset(first + i * next);
            for t in 0..black_box(9) {
                taps.set(t * 4 + i, tap.get(0));
                tap = tap.offset(step);
            }
        }
    }
}

/// G g Gᵀ of four kernels, each product `apart` from the next.
#[inline(always)]
fn write_products(lines: &[f32; 9 * 4], mut to: Dst, apart: usize, between: &mut Between) {
    let lines = Src::new(lines, 9 * 4);
    let load = |v: usize| std::array::from_fn(|u| lines.offset(4 * v).load(u * 3 * 4));
    both(between, load, taps, PATCH, |r, row| {
        let mut to = to.offset(r * PATCH * apart);
        for (i, value) in row.into_iter().enumerate() {
            to.store(i * apart, value);
        }
    });
}
