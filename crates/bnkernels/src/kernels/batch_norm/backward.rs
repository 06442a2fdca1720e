//! A reduction that gives `dbias` and `dweight`, and a map that gives `dx`.

use super::{lanes, rows, BatchNormShape, Layout, Statistics};
use crate::simd::{F32x4, Src};
use std::ops::Range;

/// Overwrites the gradients; `training` says whether the statistics are those of `x`. Padding lanes
/// of `dx` become zero.
pub fn batch_norm_backward(
    shape: &BatchNormShape,
    x: &[f32],
    dy: &[f32],
    statistics: Statistics,
    weight: Option<&[f32]>,
    training: bool,
    dx: Option<&mut [f32]>,
    dweight: Option<&mut [f32]>,
    dbias: Option<&mut [f32]>,
) {
    let c = shape.c;
    assert!(x.len() == shape.len() && dy.len() == x.len());
    assert!(weight.is_none_or(|w| w.len() == c));
    statistics.check(c);
    let mean = statistics.mean;
    let sums = channel_sums(shape, x, dy, &statistics);
    affine_gradients(&sums, &statistics, dweight, dbias);
    let Some(dx) = dx else { return };
    assert_eq!(dx.len(), x.len());
    let scale = statistics.scale(weight);
    if !training {
        match shape.layout {
            Layout::Rows => {
                let scale = Src::new(&scale, c);
                rows::write(shape, dx, |row| {
                    let dy = Src::new(&dy[row..], c);
                    move |at, width| rows::load(dy, at, width) * rows::load(scale, at, width)
                })
            }
            Layout::Lanes => lanes::write(shape, dx, true, |channel, range| {
                let dy = Src::new(&dy[range.clone()], range.len());
                let scale = F32x4::splat(scale[channel]);
                move |at| dy.load(at) * scale
            }),
        }
        return;
    }
    let (slope, shift) = slope_and_shift(&sums, &statistics, shape.count());
    match shape.layout {
        Layout::Rows => {
            let [mean, shift, slope, scale] =
                [mean, &shift, &slope, &scale].map(|values| Src::new(values, c));
            rows::write(shape, dx, |row| {
                let (x, dy) = (Src::new(&x[row..], c), Src::new(&dy[row..], c));
                move |at, width| {
                    let apart = rows::load(mean, at, width) - rows::load(x, at, width);
                    let dy = rows::load(dy, at, width) - rows::load(shift, at, width);
                    apart.mul_add(rows::load(slope, at, width), dy) * rows::load(scale, at, width)
                }
            })
        }
        Layout::Lanes => lanes::write(shape, dx, true, |channel, range| {
            let [x, dy] = [x, dy].map(|values| Src::new(&values[range.clone()], range.len()));
            let [mean, shift, slope, scale] =
                [mean[channel], shift[channel], slope[channel], scale[channel]].map(F32x4::splat);
            move |at| (mean - x.load(at)).mul_add(slope, dy.load(at) - shift) * scale
        }),
    }
}

/// `Σ dy` and `Σ dy · (x − mean)` of a channel.
#[derive(Clone, Copy, Default)]
pub(super) struct Sums {
    plain: f64,
    products: f64,
}

pub(super) fn affine_gradients(
    sums: &[Sums],
    statistics: &Statistics,
    dweight: Option<&mut [f32]>,
    dbias: Option<&mut [f32]>,
) {
    if let Some(dweight) = dweight {
        assert_eq!(dweight.len(), sums.len());
        let inverse = statistics.scale(None);
        for ((to, sum), inverse) in dweight.iter_mut().zip(sums).zip(inverse) {
            *to = (sum.products * f64::from(inverse)) as f32;
        }
    }
    if let Some(dbias) = dbias {
        assert_eq!(dbias.len(), sums.len());
        dbias.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum.plain as f32);
    }
}

/// For each channel of `count` values what gives `dx = (dy − shift − (x − mean) · slope) · scale`.
pub(super) fn slope_and_shift(sums: &[Sums], statistics: &Statistics, count: usize) -> (Vec<f32>, Vec<f32>) {
    let m = count as f64;
    let slope: Vec<f32> = sums
        .iter()
        .zip(statistics.var)
        .map(|(sum, &var)| (sum.products / m / f64::from(var + statistics.eps)) as f32)
        .collect();
    let shift = sums.iter().zip(&slope).enumerate();
    let shift = shift.map(|(i, (sum, slope))| (sum.plain / m) as f32 - statistics.residual(i) * slope);
    let shift = shift.collect();
    (slope, shift)
}

pub(super) fn channel_sums(
    shape: &BatchNormShape,
    x: &[f32],
    dy: &[f32],
    statistics: &Statistics,
) -> Vec<Sums> {
    let mean = statistics.mean;
    let mut results = vec![0.0; 2 * shape.results()];
    let (plain, products) = results.split_at_mut(shape.results());
    match shape.layout {
        Layout::Rows => {
            rows::for_each_strip(shape, [plain, products], RowSums { x, dy, mean, c: shape.c });
        }
        // Padding lanes of dy are zero, so they need no care.
        Layout::Lanes => lanes::for_each_piece(shape, [plain, products], |_, channel, range| {
            let [x, dy] = [x, dy].map(|values| Src::new(&values[range.clone()], range.len()));
            let mean = F32x4::splat(mean[channel]);
            lanes::sums(range.len(), |at, [plain, products]| {
                let dy = dy.load(at);
                [plain + dy, dy.mul_add(x.load(at) - mean, products)]
            })
        }),
    }
    let (plain, products) = results.split_at(shape.results());
    (0..shape.c)
        .map(|channel| {
            let mut sums = Sums::default();
            for i in shape.results_of(channel) {
                sums.plain += f64::from(plain[i]);
                sums.products += f64::from(products[i]);
            }
            sums.products -= sums.plain * f64::from(statistics.residual(channel));
            sums
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
        let end = column + 4 * (V - 1) + width;
        let far = rows::reach_of_strip(range.end, self.c, end);
        let (x, dy, mean) = (Src::new(self.x, far), Src::new(self.dy, far), Src::new(self.mean, end));
        let mean: [F32x4; V] = std::array::from_fn(|v| rows::load(mean, column + 4 * v, width));
        let (mut plain, mut products) = ([F32x4::zero(); V], [F32x4::zero(); V]);
        for row in range {
            for v in 0..V {
                let at = row * self.c + column + 4 * v;
                let dy = rows::load(dy, at, width);
                plain[v] = plain[v] + dy;
                products[v] = dy.mul_add(rows::load(x, at, width) - mean[v], products[v]);
            }
        }
        [plain, products]
    }
}
