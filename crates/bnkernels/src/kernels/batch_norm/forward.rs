//! `y = (x − mean) · scale + bias`; subtracting first keeps the digits of a small spread.

use super::{lanes, rows, scale, Layout, Shape};
use crate::simd::{F32x4, Src};

/// Overwrites `y`. `residue` is what `mean` lost to rounding, if it is known.
pub fn batch_norm_forward(
    layout: Layout,
    n: usize,
    c: usize,
    s: usize,
    x: &[f32],
    mean: &[f32],
    var: &[f32],
    eps: f32,
    weight: Option<&[f32]>,
    bias: Option<&[f32]>,
    y: &mut [f32],
    residue: Option<&[f32]>,
) {
    let shape = Shape::new(layout, n, c, s);
    assert_eq!((x.len(), y.len()), (shape.len(), shape.len()));
    assert_eq!((mean.len(), var.len()), (c, c));
    let slope: Vec<f32> = (0..c).map(|i| scale(var[i], eps, weight.map(|w| w[i]))).collect();
    // The residue is far below the rounding of x, so the bias may carry it.
    let shift: Vec<f32> =
        (0..c).map(|i| bias.map_or(0.0, |b| b[i]) - residue.map_or(0.0, |r| r[i]) * slope[i]).collect();
    match layout {
        Layout::Rows => rows::write(shape, y, |at, column, width| {
            let apart = rows::load(x, at, width) - rows::load(mean, column, width);
            apart.mul_add(rows::load(&slope, column, width), rows::load(&shift, column, width))
        }),
        Layout::Lanes => lanes::write(shape, y, false, |channel, range| {
            let x = Src::new(&x[range]);
            let [mean, slope, shift] = [mean[channel], slope[channel], shift[channel]].map(F32x4::splat);
            move |at| (x.load(at) - mean).mul_add(slope, shift)
        }),
    }
}
