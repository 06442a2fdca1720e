//! One image: a block of it has four lanes, of which three would compute nothing. So its outputs are cut into four
//! bands of rows, one below the other, which take a lane each: a convolution of four images of a quarter of the height,
//! whose windows need no padding above and below, since each band brings the rows that they reach into. (Those outside
//! of the image are zeros that are multiplied, where a whole image skips them.)

use super::Conv2dShape;
use crate::parallel::scratch::take;
use crate::parallel::{for_each_part, OutOfMemory};
use crate::simd::{reach, Dst, F32x4, Src};

/// Bands: the lanes of a vector.
const BANDS: usize = 4;
/// Products of vectors that must be saved for moving each four pixels to the bands, and from them.
const MOVED: f64 = 16.0;

/// The convolution of the bands of an image that has outputs.
fn of(s: &Conv2dShape) -> Conv2dShape {
    let rows = s.oh().div_ceil(BANDS);
    let h = (rows - 1) * s.stride.0 + (s.kh - 1) * s.dilation.0 + 1;
    Conv2dShape { n: BANDS, h, padding: (0, s.padding.1), output: Some((rows, s.ow())), ..*s }
}

/// That convolution, where it is faster, by the shape alone.
pub(super) fn where_faster(s: &Conv2dShape) -> Option<Conv2dShape> {
    if !cfg!(feature = "whole") || s.n != 1 || s.oh() < BANDS {
        return None;
    }
    let bands = of(s);
    // (As f64: a product may be more than 32 bits hold.)
    let products = (s.oc * s.ow()) as f64 * (s.c_of_group() * s.kh * s.kw) as f64;
    let moved = (s.c * s.w * bands.h + s.oc * s.ow() * bands.oh()) as f64;
    ((s.oh() - bands.oh()) as f64 * products > MOVED * moved).then_some(bands)
}

/// `forward` of the image `x` by way of the `bands`.
pub(super) fn through(
    s: &Conv2dShape,
    bands: &Conv2dShape,
    x: &[f32],
    y: &mut [f32],
    forward: impl FnOnce(&[f32], &mut [f32]) -> Result<(), OutOfMemory>,
) -> Result<(), OutOfMemory> {
    let (mut from, mut to) = (take(bands.x().len())?, take(bands.y().len())?);
    gather(s, bands, x, &mut from);
    forward(&from, &mut to)?;
    scatter(s, bands, &to, y);
    Ok(())
}

/// Lane `b` of a row of the bands' input has the row of the image that lies as far below band `b`'s first.
fn gather(s: &Conv2dShape, bands: &Conv2dShape, x: &[f32], to: &mut [f32]) {
    let row = s.w * BANDS;
    let apart = bands.oh() * s.stride.0;
    for_each_part([to], [bands.h * row], (s.c, bands.h * row, 1), |channels, [to]| {
        for (c, to) in channels.zip(to.chunks_exact_mut(bands.h * row)) {
            for (r, to) in to.chunks_exact_mut(row).enumerate() {
                // (Above the image it wraps, and is as far out of it as below.)
                let at = |b: usize| (r + b * apart).wrapping_sub(s.padding.0);
                let real: [bool; BANDS] = std::array::from_fn(|b| at(b) < s.h);
                let rows: [Src; BANDS] = std::array::from_fn(|b| {
                    let first = if real[b] { (c * s.h + at(b)) * row } else { 0 };
                    Src::new(&x[first..], row)
                });
                let mut to = Dst::new(to, row);
                for j in (0..row).step_by(BANDS) {
                    let pixels =
                        std::array::from_fn(|b| if real[b] { rows[b].load(j) } else { F32x4::zero() });
                    to.store(j, F32x4::transpose(pixels)[0]);
                }
            }
        }
    });
}

/// The bands' outputs one below the other, in the image's lane; the others are 0.
fn scatter(s: &Conv2dShape, bands: &Conv2dShape, from: &[f32], y: &mut [f32]) {
    let (row, rows) = (s.ow() * BANDS, bands.oh());
    let size = s.oh() * row;
    for_each_part([y], [size], (s.oc, size, 1), |channels, [y]| {
        for (o, y) in channels.zip(y.chunks_exact_mut(size)) {
            for r in 0..rows {
                let from = Src::new(&from[(o * rows + r) * row..], row);
                // How many bands have such a row.
                let count = (s.oh() - r).div_ceil(rows).min(BANDS);
                let mut to = Dst::new(&mut y[r * row..], reach([(count, rows * row)], row));
                for j in (0..row).step_by(BANDS) {
                    let pixels =
                        F32x4::transpose([from.load(j), F32x4::zero(), F32x4::zero(), F32x4::zero()]);
                    for (b, pixel) in pixels.into_iter().take(count).enumerate() {
                        to.store(b * rows * row + j, pixel);
                    }
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::conv2d::forward::forward;
    use crate::reference::guarded::Guarded;
    use crate::reference::{assert_close, conv2d as reference, random, to_lanes, to_rows};

    const SHAPE: Conv2dShape =
        Conv2dShape { c: 3, h: 9, w: 6, oc: 5, kh: 3, kw: 3, padding: (1, 1), ..Conv2dShape::PLAIN };

    /// By way of the bands against the formula, whether or not it is faster.
    fn check(s: Conv2dShape) {
        let (image_x, image_y) = (s.c * s.h * s.w, s.oc * s.oh() * s.ow());
        let (x, weight, bias) = (random(1, image_x), random(2, s.weight()), random(3, s.oc));
        let mut lanes = Guarded::new(&to_lanes(&x, 1, image_x));
        lanes.values_mut().iter_mut().enumerate().filter(|(i, _)| i % 4 > 0).for_each(|(_, pad)| *pad = 7.5);
        let mut y = Guarded::unwritten(s.y().len());
        let bands = of(&s);
        let forward = |x: &[f32], y: &mut [f32]| forward(&bands, x, &weight, Some(&bias), y);
        through(&s, &bands, lanes.values(), y.values_mut(), forward).unwrap();
        let expected = reference::conv2d_forward(&s, &x, &weight, Some(&bias));
        assert_close(&to_rows(y.values(), 1, image_y), &expected, 2e-6);
        assert!(y.values().iter().enumerate().all(|(i, &value)| i % 4 == 0 || value == 0.0));
    }

    #[test]
    fn heights_kernels_and_strides() {
        for h in [1, 2, 4, 7, 8, 9, 17] {
            for (kh, padding) in [(1, 0), (3, 1), (3, 0), (5, 2), (4, 3), (2, 6)] {
                for (stride, dilation) in [(1, 1), (2, 1), (3, 2)] {
                    let s = Conv2dShape { h, kh, kw: 2, padding: (padding, 1), ..SHAPE };
                    if h + 2 * padding > (kh - 1) * dilation {
                        check(Conv2dShape { stride: (stride, 1), dilation: (dilation, 1), ..s });
                    }
                }
            }
        }
        check(Conv2dShape { output: Some((11, 7)), ..SHAPE });
    }

    #[test]
    fn groups_and_many_channels() {
        check(Conv2dShape { c: 6, oc: 4, groups: 2, ..SHAPE });
        check(Conv2dShape { c: 6, oc: 6, groups: 6, stride: (2, 2), ..SHAPE });
        check(Conv2dShape { c: 20, oc: 18, h: 32, w: 32, ..SHAPE });
    }

    #[test]
    fn it_is_chosen_by_the_shape() {
        let large = Conv2dShape { c: 16, oc: 16, h: 32, w: 32, ..SHAPE };
        let chosen = |s| where_faster(&s).is_some();
        assert!(chosen(large) && chosen(Conv2dShape { stride: (2, 2), ..large }));
        assert!(!chosen(Conv2dShape { n: 2, ..large }) && !chosen(Conv2dShape { groups: 16, ..large }));
        assert!(!chosen(Conv2dShape { kh: 1, kw: 1, padding: (0, 0), ..SHAPE }));
        assert!(!chosen(Conv2dShape { c: 16, oc: 16, h: 3, ..SHAPE }));
    }
}
