//! A reduction that gives `dbias` and `dweight`, and a map that gives `dx`.

use super::{lanes, rows, BatchNormShape, Layout, Statistics};
use crate::parallel::{scratch::take, OutOfMemory};
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
) -> Result<(), OutOfMemory> {
    let c = shape.c;
    assert!(x.len() == shape.len() && dy.len() == x.len());
    assert!(weight.is_none_or(|w| w.len() == c));
    statistics.check(c);
    let mut scratch = take(2 * shape.results() + 3 * c)?;
    let (results, factors) = scratch.split_at_mut(2 * shape.results());
    sum_pieces(shape, x, dy, &statistics, results);
    let gradients = (dweight, dbias);
    let [scale, slope, shift] =
        finish(shape, &statistics, results, weight, shape.count(), gradients, factors);
    let mean = statistics.mean;
    let Some(dx) = dx else { return Ok(()) };
    assert_eq!(dx.len(), x.len());
    if !training {
        match shape.layout {
            Layout::Rows => {
                let scale = Src::new(scale, c);
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
        return Ok(());
    }
    match shape.layout {
        Layout::Rows => {
            let [mean, shift, slope, scale] = [mean, shift, slope, scale].map(|values| Src::new(values, c));
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
    Ok(())
}

/// `Σ dy` and `Σ dy · (x − mean)` of each piece, one after the other.
pub(super) fn sum_pieces(
    shape: &BatchNormShape,
    x: &[f32],
    dy: &[f32],
    statistics: &Statistics,
    results: &mut [f32],
) {
    let mean = statistics.mean;
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
}

/// Adds up the results of [`sum_pieces`]: writes the gradients, and gives for each channel, in
/// `factors`, the scale, the slope and the shift of `dx = (dy − shift − (x − mean) · slope) · scale`
/// where the statistics are those of `count` values of `x`.
pub(super) fn finish<'a>(
    shape: &BatchNormShape,
    statistics: &Statistics,
    results: &[f32],
    weight: Option<&[f32]>,
    count: usize,
    (mut dweight, mut dbias): (Option<&mut [f32]>, Option<&mut [f32]>),
    factors: &'a mut [f32],
) -> [&'a [f32]; 3] {
    let (c, m) = (shape.c, count as f64);
    assert!(dweight.as_ref().is_none_or(|d| d.len() == c) && dbias.as_ref().is_none_or(|d| d.len() == c));
    let (plain, products) = results.split_at(shape.results());
    let (scale, rest) = factors.split_at_mut(c);
    let (slope, shift) = rest.split_at_mut(c);
    statistics.scale(weight, scale);
    for channel in 0..c {
        let (mut sum, mut product) = (0.0, 0.0);
        for i in shape.results_of(channel) {
            sum += f64::from(plain[i]);
            product += f64::from(products[i]);
        }
        product -= sum * f64::from(statistics.residual(channel));
        if let Some(dweight) = &mut dweight {
            dweight[channel] = (product * f64::from(statistics.inverse(channel))) as f32;
        }
        if let Some(dbias) = &mut dbias {
            dbias[channel] = sum as f32;
        }
        slope[channel] = (product / m / f64::from(statistics.var[channel] + statistics.eps)) as f32;
        shift[channel] = (sum / m) as f32 - statistics.residual(channel) * slope[channel];
    }
    [scale, slope, shift]
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
