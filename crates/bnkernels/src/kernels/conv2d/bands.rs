//! One image: a block of it has four lanes, of which three would compute nothing. So its outputs are cut into four
//! bands of rows, one below the other, which take a lane each: a convolution of four images of a quarter of the height,
//! whose windows need no padding above and below, since each band brings the rows that they reach into. (Those outside
//! of the image are zeros that are multiplied, where a whole image skips them.) Or into quarters, two by two, where
//! Winograd's way is faster for these only: those of 8×8 outputs are a tile each.

use super::winograd::forward_pays;
use super::Conv2dShape;
use crate::parallel::scratch::take;
use crate::parallel::{for_each_part, OutOfMemory};
use crate::simd::{reach, Dst, F32x4, Src};

/// Bands: the lanes of a vector.
const BANDS: usize = 4;
/// Products of vectors that must be saved for moving each four pixels to the bands, and from them.
const MOVED: f64 = 16.0;

/// How an image is cut: into so many bands below each other, and side by side; and their convolution.
pub(super) struct Bands {
    below: usize,
    beside: usize,
    pub shape: Conv2dShape,
}

/// The bands of an image that has outputs.
fn of(s: &Conv2dShape, below: usize) -> Bands {
    let beside = BANDS / below;
    let (rows, columns) = (s.oh().div_ceil(below), s.ow().div_ceil(beside));
    let reach = |windows, stride, taps, dilation| (windows - 1) * stride + (taps - 1) * dilation + 1;
    let h = reach(rows, s.stride.0, s.kh, s.dilation.0);
    let w = if beside > 1 { reach(columns, s.stride.1, s.kw, s.dilation.1) } else { s.w };
    let padding = (0, if beside > 1 { 0 } else { s.padding.1 });
    Bands {
        below,
        beside,
        shape: Conv2dShape { n: BANDS, h, w, padding, output: Some((rows, columns)), ..*s },
    }
}

/// Those bands, where they are faster, by the shape alone.
pub(super) fn where_faster(s: &Conv2dShape) -> Option<Bands> {
    if !cfg!(feature = "whole") || s.n != 1 || s.oh() < BANDS {
        return None;
    }
    let bands = of(s, BANDS);
    let quarters = of(s, 2);
    let even = s.oh().is_multiple_of(2) && s.ow().is_multiple_of(2);
    let bands =
        if even && forward_pays(&quarters.shape) && !forward_pays(&bands.shape) { quarters } else { bands };
    // (As f64: a product may be more than 32 bits hold.)
    let of_band = &bands.shape;
    let products = s.oc as f64 * (s.c_of_group() * s.kh * s.kw) as f64;
    let saved = (s.oh() * s.ow()) as f64 - (of_band.oh() * of_band.ow()) as f64;
    let moved = (s.c * of_band.w * of_band.h + s.oc * of_band.ow() * of_band.oh()) as f64;
    (saved * products > MOVED * moved).then_some(bands)
}

/// `forward` of the image `x` by way of the `bands`.
pub(super) fn through(
    s: &Conv2dShape,
    bands: &Bands,
    x: &[f32],
    y: &mut [f32],
    forward: impl FnOnce(&[f32], &mut [f32]) -> Result<(), OutOfMemory>,
) -> Result<(), OutOfMemory> {
    let (mut from, mut to) = (take(bands.shape.x().len())?, take(bands.shape.y().len())?);
    gather(s, bands, x, &mut from);
    forward(&from, &mut to)?;
    scatter(s, bands, &to, y);
    Ok(())
}

/// Lane `b` of a row of the bands' input has the row of the image that lies as far below band `b`'s first, and as far
/// right of it.
fn gather(s: &Conv2dShape, bands: &Bands, x: &[f32], to: &mut [f32]) {
    let (row, of_band) = (s.w * BANDS, &bands.shape);
    let size = of_band.w * BANDS;
    // Of each band: rows before its first, and columns (and its padding is that of the bands' convolution).
    let rows: [usize; BANDS] = std::array::from_fn(|b| b / bands.beside * of_band.oh() * s.stride.0);
    let columns: [usize; BANDS] = std::array::from_fn(|b| b % bands.beside * of_band.ow() * s.stride.1);
    let left = s.padding.1 - of_band.padding.1;
    // Columns that all bands have in the image.
    let end = (s.w + left - columns[BANDS - 1]).min(of_band.w);
    let inside = left.min(end)..end;
    for_each_part([to], [of_band.h * size], (s.c, of_band.h * size, 1), move |channels, [to]| {
        for (c, to) in channels.zip(to.chunks_exact_mut(of_band.h * size)) {
            for (r, to) in to.chunks_exact_mut(size).enumerate() {
                // (Above the image it wraps, and is as far out of it as below. So it does left of it.)
                let at = rows.map(|first| (r + first).wrapping_sub(s.padding.0));
                let real = at.map(|at| at < s.h);
                let lines: [Src; BANDS] = std::array::from_fn(|b| {
                    let first = if real[b] { (c * s.h + at[b]) * row } else { 0 };
                    Src::new(&x[first..], row).offset(columns[b].wrapping_sub(left).wrapping_mul(BANDS))
                });
                let mut to = Dst::new(to, size);
                for j in inside.clone() {
                    let pixels = std::array::from_fn(|b| match real[b] {
                        true => lines[b].load(j * BANDS),
                        false => F32x4::zero(),
                    });
                    to.store(j * BANDS, F32x4::transpose(pixels)[0]);
                }
                for j in (0..inside.start).chain(inside.end..of_band.w) {
                    for (b, line) in lines.into_iter().enumerate() {
                        let real = real[b] && (j + columns[b]).wrapping_sub(left) < s.w;
                        to.set(j * BANDS + b, if real { line.get(j * BANDS) } else { 0.0 });
                    }
                }
            }
        }
    });
}

/// The bands' outputs where they belong in the image's lane; the others are 0.
fn scatter(s: &Conv2dShape, bands: &Bands, from: &[f32], y: &mut [f32]) {
    let (row, of_band) = (s.ow() * BANDS, &bands.shape);
    let (rows, columns) = (of_band.oh(), of_band.ow());
    let size = s.oh() * row;
    for_each_part([y], [size], (s.oc, size, 1), |channels, [y]| {
        for (o, y) in channels.zip(y.chunks_exact_mut(size)) {
            for r in 0..rows {
                let line = columns * BANDS;
                let from = Src::new(&from[(o * rows + r) * line..], line);
                // How many bands have such a row.
                let count = (s.oh() - r).div_ceil(rows).min(bands.below);
                let far = reach([(count, rows * row), (bands.beside, line)], line);
                let mut to = Dst::new(&mut y[r * row..], far);
                let places: [usize; BANDS] =
                    std::array::from_fn(|b| b / bands.beside * rows * row + b % bands.beside * line);
                let count = count * bands.beside;
                for j in (0..line).step_by(BANDS) {
                    let pixels =
                        F32x4::transpose([from.load(j), F32x4::zero(), F32x4::zero(), F32x4::zero()]);
                    for (place, pixel) in places.into_iter().zip(pixels).take(count) {
                        to.store(place + j, pixel);
                    }
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::conv2d::case::Case;
    use crate::kernels::conv2d::forward::forward;

    const SHAPE: Conv2dShape =
        Conv2dShape { c: 3, h: 9, w: 6, oc: 5, kh: 3, kw: 3, padding: (1, 1), ..Conv2dShape::PLAIN };

    /// By way of the bands against the formula, whether or not it is faster.
    fn check(s: Conv2dShape) {
        let case = Case::new(s);
        let quarters = [s.oh(), s.ow()].iter().all(|size| size.is_multiple_of(2)).then_some(2);
        for below in [BANDS].into_iter().chain(quarters) {
            let bands = of(&s, below);
            case.forward(|x, weight, bias, y| {
                through(&s, &bands, x, y, |x, y| forward(&bands.shape, x, weight, bias, y))?;
                assert!(y.iter().enumerate().all(|(i, &value)| i % 4 == 0 || value == 0.0));
                Ok(())
            });
        }
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
        // Quarters where these are whole tiles, and bands are not.
        let beside = |s| where_faster(&s).map(|bands| bands.beside);
        let deep = Conv2dShape { c: 64, oc: 64, h: 8, w: 8, ..SHAPE };
        assert_eq!([beside(large), beside(deep), beside(Conv2dShape { h: 9, ..deep })], [1, 2, 1].map(Some));
    }
}
