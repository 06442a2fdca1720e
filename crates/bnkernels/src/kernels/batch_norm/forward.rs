//! `y = (x − mean) · scale + bias`; subtracting first keeps the digits of a small spread.

use super::{get, lanes, put, rows, Affine, BatchNormShape, Layout, Statistics};
use crate::parallel::{scratch::take, OutOfMemory};
use crate::simd::F32x4;

/// `y = x̂ · weight + bias`, in training and evaluation alike.
pub fn batch_norm_forward(
    shape: &BatchNormShape,
    x: &[f32],
    statistics: Statistics,
    affine: Affine,
    y: &mut [f32],
) -> Result<(), OutOfMemory> {
    let c = shape.c;
    assert!(x.len() == shape.len() && y.len() == x.len());
    let mut scratch = take(2 * c)?;
    let [mean, scale, shift] = factors(&statistics, affine, &mut scratch);
    match shape.layout {
        Layout::Rows => rows::write(shape, [x], [mean, scale, shift], y, |[x], [mean, scale, shift]| {
            (x - mean).mul_add(scale, shift)
        }),
        Layout::Lanes => lanes::write(shape, [x], y, false, |channel| {
            normalised([mean[channel], scale[channel], shift[channel]])
        }),
    }
    Ok(())
}

/// Mean, scale and shift of each channel: `y = (x − mean) · scale + shift`. The last two are in `room`.
pub(super) fn factors<'a>(
    statistics: &Statistics<'a>,
    Affine { weight, bias }: Affine,
    room: &'a mut [f32],
) -> [&'a [f32]; 3] {
    let c = room.len() / 2;
    assert!(weight.is_none_or(|w| w.len() == c) && bias.is_none_or(|b| b.len() == c));
    statistics.check(c);
    let (scale, shift) = room.split_at_mut(c);
    for channel in (0..c).step_by(4) {
        let of_channels = statistics.scale(weight, channel);
        let bias = bias.map_or(F32x4::zero(), |bias| get(bias, channel, 0.0));
        put(scale, channel, of_channels);
        put(shift, channel, bias - statistics.residual(channel) * of_channels);
    }
    [statistics.mean, scale, shift]
}

/// Normalises vectors of a channel with this mean, scale and shift.
#[inline(always)]
pub(super) fn normalised(factors: [f32; 3]) -> impl Fn([F32x4; 1]) -> F32x4 {
    let [mean, scale, shift] = factors.map(F32x4::splat);
    move |[x]| (x - mean).mul_add(scale, shift)
}
