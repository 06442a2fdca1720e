//! The kernels as the products read them, `G g`.

use super::parts::Parts;
use super::transform::{OF_TAPS, TAPS};
use super::POINTS;
use crate::parallel::{chunk_count, for_each_tile, Dealt};
use crate::simd::{Dst, F32x4, Src};

/// Kernels `[oc][c][taps]`, and which way they are taken: from inputs to outputs, or (`back`) from outputs to inputs,
/// reversed.
pub(super) struct Kernels<'a> {
    pub weight: &'a [f32],
    pub parts: &'a Parts,
    /// Channels that are summed over, of each part, and those of the sums.
    pub channels: (usize, usize),
    pub taps: usize,
    pub back: bool,
}

impl Kernels<'_> {
    fn inputs(&self) -> usize {
        self.channels.0 * self.parts.count()
    }

    /// Floats of an output in a matrix.
    pub fn row(&self) -> usize {
        self.inputs().next_multiple_of(2)
    }

    /// From one of the 8 matrices to the next: its outputs, one more where their count is odd, and a line that keeps
    /// the matrices from evicting each other from a cache.
    pub fn apart(&self) -> usize {
        self.channels.1.next_multiple_of(2) * self.row() + 16
    }

    /// Writes `to` as `[8][outputs / 2][inputs][2]`; what stands for no channel may be anything.
    pub fn transform(&self, to: &mut [f32]) {
        let ((inputs, all), row, apart) = ((self.inputs(), self.channels.1), self.row(), self.apart());
        let chunks = chunk_count(all.div_ceil(2), row * 32);
        for_each_tile(to, (POINTS, apart), ((1, chunks), Dealt::Rows), (1, 2 * row), |mut tile| {
            let outputs = tile.col / row..((tile.col + tile.cols) / row).min(all);
            let (mut to, apart) = tile.cursor();
            for (i, o) in outputs.enumerate().step_by(2) {
                for c in (0..inputs).step_by(2) {
                    // The taps of four channel pairs side by side, where they lie among those of a full part.
                    let mut taps = [0.0; TAPS * 4];
                    for pair in 0..4 {
                        let (o, c) = (o + pair % 2, c + pair / 2);
                        if o < all && c < inputs {
                            self.gather(o, c, pair, &mut taps);
                        }
                    }
                    write_products(&taps, self.parts.most(), to.offset(i * row + 2 * c), apart);
                }
            }
        });
    }

    /// The taps of a pair.
    #[inline(always)]
    fn gather(&self, o: usize, input: usize, pair: usize, taps: &mut [f32; TAPS * 4]) {
        let (inputs, outputs) = self.channels;
        let (part, c) = (self.parts.get(input / inputs), input % inputs);
        let (kernel, apart) = if self.back { (c * outputs + o, -1) } else { (o * inputs + c, 1) };
        let kernel = &self.weight[kernel * self.taps..][..self.taps];
        let first = if self.back { self.taps - 1 - part.tap } else { part.tap };
        let apart = apart * self.parts.apart as isize;
        for i in 0..part.taps {
            taps[(part.slot + i) * 4 + pair] = kernel[(first as isize + i as isize * apart) as usize];
        }
    }
}

/// `G` of four kernels of `most` taps, each product `apart` from the next.
#[inline(always)]
fn write_products(taps: &[f32; TAPS * 4], most: usize, mut to: Dst, apart: usize) {
    let taps = Src::new(taps, TAPS * 4);
    for (p, factors) in OF_TAPS.iter().enumerate() {
        let mut sum = taps.load(0) * F32x4::splat(factors[0]);
        for (u, &factor) in factors.iter().enumerate().skip(1) {
            sum = taps.load(4 * u).mul_add(F32x4::splat(factor), sum);
        }
        to.store(p * apart, sum);
    }
    to.store((POINTS - 1) * apart, taps.load((most - 1) * 4));
}
