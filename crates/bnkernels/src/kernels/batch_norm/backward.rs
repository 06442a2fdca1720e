//! With `x̂ = (x − mean) · invstd` and `m` values a channel:
//! `dbias = Σ dy`, `dweight = Σ dy · x̂`, and
//! in training `dx = weight · invstd · (dy − dbias / m − x̂ · dweight / m)`,
//! in evaluation, where mean and variance are constants, `dx = weight · invstd · dy`.

use super::{lanes, rows, scale, Layout, Shape};
use crate::simd::{F32x4, Src};
use std::ops::Range;

/// Overwrites the gradients that are wanted; padding lanes of `dx` become zero.
pub fn batch_norm_backward(
    layout: Layout,
    n: usize,
    c: usize,
    s: usize,
    x: &[f32],
    dy: &[f32],
    mean: &[f32],
    var: &[f32],
    eps: f32,
    weight: Option<&[f32]>,
    training: bool,
    dx: Option<&mut [f32]>,
    dweight: Option<&mut [f32]>,
    dbias: Option<&mut [f32]>,
) {
    let shape = Shape::new(layout, n, c, s);
    assert_eq!((x.len(), dy.len()), (shape.len(), shape.len()));
    assert_eq!((mean.len(), var.len()), (c, c));
    let mut sums = Vec::new();
    if dweight.is_some() || dbias.is_some() || (training && dx.is_some()) {
        sums = channel_sums(shape, x, dy, mean);
    }
    for (i, to) in dweight.into_iter().flatten().enumerate() {
        *to = (sums[i].1 * f64::from(scale(var[i], eps, None))) as f32;
    }
    for (i, to) in dbias.into_iter().flatten().enumerate() {
        *to = sums[i].0 as f32;
    }
    let Some(dx) = dx else { return };
    assert_eq!(dx.len(), shape.len());
    // dx = (dy - mean of dy - (x - mean) * slope) * scale
    let m = shape.count() as f64;
    let scales: Vec<f32> = (0..c).map(|i| scale(var[i], eps, weight.map(|w| w[i]))).collect();
    if !training {
        match layout {
            Layout::Rows => rows::write(shape, dx, |at, column, width| {
                rows::load(dy, at, width) * rows::load(&scales, column, width)
            }),
            Layout::Lanes => lanes::write(shape, dx, true, |channel, range| {
                let (dy, scale) = (Src::new(&dy[range]), F32x4::splat(scales[channel]));
                move |at| dy.load(at) * scale
            }),
        }
        return;
    }
    let means: Vec<f32> = sums.iter().map(|sum| (sum.0 / m) as f32).collect();
    let slopes: Vec<f32> =
        sums.iter().zip(var).map(|(sum, &var)| (sum.1 / m / f64::from(var + eps)) as f32).collect();
    match layout {
        Layout::Rows => rows::write(shape, dx, |at, column, width| {
            let apart = rows::load(mean, column, width) - rows::load(x, at, width);
            let dy = rows::load(dy, at, width) - rows::load(&means, column, width);
            apart.mul_add(rows::load(&slopes, column, width), dy) * rows::load(&scales, column, width)
        }),
        Layout::Lanes => lanes::write(shape, dx, true, |channel, range| {
            let (x, dy) = (Src::new(&x[range.clone()]), Src::new(&dy[range]));
            let [mean, mean_dy, slope, scale] =
                [mean[channel], means[channel], slopes[channel], scales[channel]].map(F32x4::splat);
            move |at| (mean - x.load(at)).mul_add(slope, dy.load(at) - mean_dy) * scale
        }),
    }
}

/// `Σ dy` and `Σ dy · (x − mean)` of each channel.
fn channel_sums(shape: Shape, x: &[f32], dy: &[f32], mean: &[f32]) -> Vec<(f64, f64)> {
    let mut results = vec![0.0; 2 * shape.results()];
    let (plain, products) = results.split_at_mut(shape.results());
    match shape.layout {
        Layout::Rows => {
            rows::for_each_strip(shape, [plain, products], RowSums { x, dy, mean, c: shape.c });
        }
        // Padding lanes of dy are zero, so they need no care.
        Layout::Lanes => lanes::for_each_piece(shape, [plain, products], |_, channel, range| {
            let (x, dy) = (Src::new(&x[range.clone()]), Src::new(&dy[range.clone()]));
            let mean = F32x4::splat(mean[channel]);
            lanes::sums(range.len(), |at| {
                let dy = dy.load(at);
                [dy, dy * (x.load(at) - mean)]
            })
        }),
    }
    let (plain, products) = results.split_at(shape.results());
    (0..shape.c)
        .map(|channel| {
            shape
                .pieces_of(channel)
                .fold((0.0, 0.0), |sum, (i, _)| (sum.0 + f64::from(plain[i]), sum.1 + f64::from(products[i])))
        })
        .collect()
}

struct RowSums<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    mean: &'a [f32],
    c: usize,
}

impl rows::Strip<2> for RowSums<'_> {
    #[inline(always)]
    fn run<const V: usize>(&self, range: Range<usize>, column: usize, width: usize) -> [[F32x4; V]; 2] {
        let mean: [F32x4; V] = std::array::from_fn(|v| rows::load(self.mean, column + 4 * v, width));
        let (mut plain, mut products) = ([F32x4::zero(); V], [F32x4::zero(); V]);
        for row in range {
            for v in 0..V {
                let at = row * self.c + column + 4 * v;
                let dy = rows::load(self.dy, at, width);
                plain[v] = plain[v] + dy;
                products[v] = dy.mul_add(rows::load(self.x, at, width) - mean[v], products[v]);
            }
        }
        [plain, products]
    }
}
