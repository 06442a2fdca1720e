//! A reduction that gives `dbias` and `dweight`, and a map that gives `dx`.

use super::{get, lanes, put, rows, BatchNormShape, Layout, Statistics};
use crate::parallel::{scratch::take, OutOfMemory};
use crate::simd::{F32x4, F64x4, Src};
use std::hint::black_box;
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
            Layout::Rows => rows::write(shape, [dy], [scale], dx, |[dy], [scale]| dy * scale),
            Layout::Lanes => lanes::write(shape, [dy], dx, true, |channel| {
                let scale = F32x4::splat(scale[channel]);
                move |[dy]| dy * scale
            }),
        }
        return Ok(());
    }
    match shape.layout {
        Layout::Rows => {
            let factors = [mean, shift, slope, scale];
            rows::write(shape, [x, dy], factors, dx, |[x, dy], [mean, shift, slope, scale]| {
                (mean - x).mul_add(slope, dy - shift) * scale
            })
        }
        Layout::Lanes => lanes::write(shape, [x, dy], dx, true, |channel| {
            let [mean, shift, slope, scale] =
                [mean[channel], shift[channel], slope[channel], scale[channel]].map(F32x4::splat);
            move |[x, dy]| (mean - x).mul_add(slope, dy - shift) * scale
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
            let mean = F32x4::splat(mean[channel]);
            lanes::sums([x, dy].map(|values| &values[range.clone()]), |[x, dy], [plain, products]| {
                [plain + dy, dy.mul_add(x - mean, products)]
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
    let (c, share) = (shape.c, F64x4::splat(1.0 / count as f64));
    assert!(dweight.as_ref().is_none_or(|d| d.len() == c) && dbias.as_ref().is_none_or(|d| d.len() == c));
    let (plain, products) = results.split_at(shape.results());
    let parts = [plain, products].map(|part| Src::new(part, shape.results()));
    let (scale, rest) = factors.split_at_mut(c);
    let (slope, shift) = rest.split_at_mut(c);
    for channel in (0..c).step_by(4) {
        let (mut sum, mut product) = (F64x4::splat(0.0), F64x4::splat(0.0));
        shape.for_each_result(channel, |at| {
            let [plain, products] = parts.map(|part| part.gather(at).widened());
            (sum, product) = (sum + plain, product + products);
        });
        let residual = statistics.residual(channel);
        product = product - sum * residual.widened();
        if let Some(dweight) = &mut dweight {
            put(dweight, channel, (product * statistics.inverse(channel).widened()).narrowed());
        }
        if let Some(dbias) = &mut dbias {
            put(dbias, channel, sum.narrowed());
        }
        let var = get(statistics.var, channel, 1.0) + F32x4::splat(statistics.eps);
        let of_channels = (product * share / var.widened()).narrowed();
        put(scale, channel, statistics.scale(weight, channel));
        put(slope, channel, of_channels);
        put(shift, channel, (sum * share).narrowed() - residual * of_channels);
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
    fn run<const V: usize, const ONE: bool>(&self, range: Range<usize>, column: usize) -> [[F32x4; V]; 2] {
        let (Range { start, end }, c) = (range, self.c);
        let mut at = [self.x, self.dy].map(|x| rows::cursor::<V, ONE>(x, (end, c), column).offset(start * c));
        let mean = rows::cursor::<V, ONE>(self.mean, (1, c), column);
        let (mut plain, mut products) = ([F32x4::zero(); V], [F32x4::zero(); V]);
        for _ in start..end {
            // The means are loaded in each round, and the values one vector after the other: there would be more than
            // registers, and V8 would keep sums in memory.
            let mean = black_box(mean);
            for v in 0..V {
                let [x, dy, mean] = [at[0], at[1], mean].map(|x| rows::load_one::<ONE>(x, 4 * v));
                plain[v] = plain[v] + dy;
                products[v] = dy.mul_add(x - mean, products[v]);
            }
            at = at.map(|x| x.offset(c));
        }
        [plain, products]
    }
}
