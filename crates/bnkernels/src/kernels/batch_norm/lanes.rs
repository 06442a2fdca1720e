//! Batch normalisation of `[n, c, s]` in lanes: a channel of a block is one contiguous run.

use super::{BatchNormShape, Channel, Gradient, Moments, Vectors};
use crate::parallel::for_each_range;
use crate::simd::{Dst, F32x4, Mask4, Src};
use std::ops::Range;

/// Four running sums, taken in turn, so that additions need not wait for each other.
type Sums = [F32x4; 4];

fn total(sums: Sums) -> f64 {
    ((sums[0] + sums[1]) + (sums[2] + sums[3])).to_array().iter().map(|&v| f64::from(v)).sum()
}

/// A channel of a block.
struct Run {
    range: Range<usize>,
    width: usize,
    images: usize,
}

impl BatchNormShape {
    /// Runs in the batch: channels of the first block, of the second, …
    fn runs(&self) -> usize {
        self.blocks().count() * self.c
    }

    fn run(&self, i: usize) -> Run {
        let (blocks, b) = (self.blocks(), i / self.c);
        let range = blocks.item(self.c, i)..blocks.item(self.c, i + 1);
        Run { range, width: blocks.width(b), images: blocks.images(b) }
    }
}

impl Run {
    /// Calls `f(offset, turn, mask)` for each vector of the run; the mask is false in padding lanes.
    #[inline(always)]
    fn for_each(&self, mut f: impl FnMut(usize, usize, Option<Mask4>)) {
        let length = self.range.len();
        if self.images == self.width {
            let whole = length / 16 * 16;
            for at in (0..whole).step_by(16) {
                for turn in 0..4 {
                    f(at + 4 * turn, turn, None);
                }
            }
            for at in (whole..length).step_by(4) {
                f(at, 0, None);
            }
        } else {
            for pixel in (0..length).step_by(self.width) {
                for v in (0..self.width).step_by(4) {
                    f(pixel + v, v / 4, Some(Mask4::first(self.images - v)));
                }
            }
        }
    }
}

#[inline(always)]
fn real(mask: Option<Mask4>, value: F32x4) -> F32x4 {
    mask.map_or(value, |mask| mask.select(value, F32x4::zero()))
}

pub fn moments(shape: &BatchNormShape, x: &[f32]) -> Vec<Moments> {
    // Of each run: sum and squares (each as the sum of two floats), shift and delta.
    let mut partial = vec![0.0f32; shape.runs() * 6];
    for_each_range(
        [&mut partial],
        shape.runs(),
        |i| [i * 6..i * 6 + 6],
        |i, [part]| {
            let run = shape.run(i);
            let x = Src::new(&x[run.range.clone()]);
            let shift = F32x4::splat(x.get(0));
            let mut sums = [F32x4::zero(); 4];
            run.for_each(|at, turn, mask| sums[turn] = sums[turn] + real(mask, x.load(at) - shift));
            let sum = total(sums);
            let count = run.images * shape.s;
            let delta = (sum / count as f64) as f32;
            let center = F32x4::splat(delta);
            let mut squares = [F32x4::zero(); 4];
            run.for_each(|at, turn, mask| {
                let off = real(mask, (x.load(at) - shift) - center);
                squares[turn] = off.mul_add(off, squares[turn]);
            });
            let squares = total(squares);
            // An f64 as the sum of two f32.
            let split = |value: f64| [value as f32, (value - f64::from(value as f32)) as f32];
            part[..2].copy_from_slice(&split(sum));
            part[2..4].copy_from_slice(&split(squares));
            part[4] = x.get(0);
            part[5] = delta;
        },
    );
    (0..shape.c)
        .map(|c| {
            (0..shape.blocks().count()).fold(Moments::default(), |merged, b| {
                let i = b * shape.c + c;
                let p = &partial[i * 6..i * 6 + 6];
                let join = |high: f32, low: f32| f64::from(high) + f64::from(low);
                let count = shape.run(i).images * shape.s;
                merged.merge(Moments::from_sums(count, p[4], join(p[0], p[1]), p[5], join(p[2], p[3])))
            })
        })
        .collect()
}

pub fn forward(shape: &BatchNormShape, x: &[f32], channels: &[Channel], y: &mut [f32]) {
    for_each_range(
        [y],
        shape.runs(),
        |i| [shape.run(i).range],
        |i, [y]| {
            let x = Src::new(&x[shape.run(i).range]);
            let channel = Vectors::splat(&channels[i % shape.c]);
            let (length, mut y) = (y.len(), Dst::new(y));
            for at in (0..length).step_by(4) {
                y.store(at, channel.forward(x.load(at)));
            }
        },
    );
}

/// `dweight = Σ dy · x̂`, `dbias = Σ dy`. (Padding lanes of `dy` are zero.)
pub fn sums(
    shape: &BatchNormShape,
    x: &[f32],
    dy: &[f32],
    channels: &[Channel],
    dweight: &mut [f32],
    dbias: &mut [f32],
) {
    let mut partial = vec![0.0; shape.runs() * 2];
    for_each_range(
        [&mut partial],
        shape.runs(),
        |i| [i * 2..i * 2 + 2],
        |i, [part]| {
            let run = shape.run(i);
            let (x, dy) = (Src::new(&x[run.range.clone()]), Src::new(&dy[run.range.clone()]));
            let channel = Vectors::splat(&channels[i % shape.c]);
            let (mut slopes, mut sums) = ([F32x4::zero(); 4], [F32x4::zero(); 4]);
            run.for_each(|at, turn, _| {
                let gradient = dy.load(at);
                sums[turn] = sums[turn] + gradient;
                slopes[turn] = gradient.mul_add(channel.normalise(x.load(at)), slopes[turn]);
            });
            part[0] = total(slopes) as f32;
            part[1] = total(sums) as f32;
        },
    );
    for c in 0..shape.c {
        let merged = |k: usize| {
            (0..shape.blocks().count()).map(|b| f64::from(partial[(b * shape.c + c) * 2 + k])).sum::<f64>()
        };
        dweight[c] = merged(0) as f32;
        dbias[c] = merged(1) as f32;
    }
}

pub fn gradient(shape: &BatchNormShape, x: &[f32], dy: &[f32], gradients: &[Gradient], dx: &mut [f32]) {
    for_each_range(
        [dx],
        shape.runs(),
        |i| [shape.run(i).range],
        |i, [dx]| {
            let run = shape.run(i);
            let (x, dy) = (Src::new(&x[run.range.clone()]), Src::new(&dy[run.range.clone()]));
            let g = &gradients[i % shape.c];
            let channel = Vectors::splat(&g.channel);
            let (mean, slope) = (F32x4::splat(g.mean), F32x4::splat(g.slope));
            let mut dx = Dst::new(dx);
            run.for_each(|at, _, mask| {
                dx.store(at, real(mask, channel.gradient(x.load(at), dy.load(at), mean, slope)));
            });
        },
    );
}
