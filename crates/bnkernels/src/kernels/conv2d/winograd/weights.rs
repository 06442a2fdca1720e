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
    /// Floats of an output in a matrix.
    pub fn row(&self) -> usize {
        self.inputs.next_multiple_of(2)
    }

    /// From one of the 36 matrices to the next: its outputs, one more where their count is odd, and a line that keeps
    /// the matrices from evicting each other from a cache.
    pub fn apart(&self) -> usize {
        self.outputs.next_multiple_of(2) * self.row() + 16
    }

    /// Writes `to` as `[36][outputs / 2][inputs][2]`; what stands for no channel may be anything.
    pub fn transform(&self, to: &mut [f32]) {
        assert_eq!(self.weight.len(), self.inputs * self.outputs * 9);
        let (row, apart) = (self.row(), self.apart());
        let chunks = chunk_count(self.outputs.div_ceil(2), row * 32);
        for_each_tile(to, (PRODUCTS, apart), (1, chunks), (1, 2 * row), |mut tile| {
            let outputs = tile.col / row..((tile.col + tile.cols) / row).min(self.outputs);
            let (mut to, apart) = tile.cursor();
            // Nine taps of four channel pairs side by side.
            let (mut taps, mut between) = ([0.0; 9 * 4], BETWEEN);
            for (i, o) in outputs.enumerate().step_by(2) {
                for c in (0..self.inputs).step_by(2) {
                    self.gather(o, c, &mut taps);
                    write_products(&taps, to.offset(i * row + 2 * c), apart, &mut between);
                }
            }
        });
    }

    /// The taps from inputs `c` and `c + 1` to outputs `o` and `o + 1`, as far as there are such.
    #[inline(always)]
    fn gather(&self, o: usize, c: usize, taps: &mut [f32; 9 * 4]) {
        let kernels = Src::new(self.weight, self.weight.len());
        let mut taps = Dst::new(taps, 9 * 4);
        for i in 0..4 {
            let (o, c) = (o + i % 2, c + i / 2);
            if o >= self.outputs || c >= self.inputs {
                continue;
            }
            let (first, step) = match self.rotated {
                false => ((o * self.inputs + c) * 9, 1),
                true => ((c * self.outputs + o) * 9 + 8, 1usize.wrapping_neg()),
            };
            let mut tap = kernels.offset(first);
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
    both(between, load, taps, |r, row| {
        let mut to = to.offset(r * PATCH * apart);
        for (i, value) in row.into_iter().enumerate() {
            to.store(i * apart, value);
        }
    });
}
