//! Backward of batch normalisation with max pooling after it, `y = pool(x̂ · weight + bias)`. Both
//! commute: with `z` the tap of each window that the affine part makes the largest (see `factors` of
//! [`max_pool2d_forward`](crate::kernels::max_pool2d::max_pool2d_forward)), `y = ẑ · weight + bias`.
//! So the forward normalises a quarter of the elements, and the sums of the backward are over these
//! alone. Only windows of 2 × 2 side by side, on even heights and widths.

use super::backward::{finish, sum_pieces};
use super::{BatchNormShape, Layout, Statistics};
use crate::kernels::max_pool2d::MaxPool2dShape;
use crate::layout::LANES;
use crate::parallel::{chunk_count, chunk_range, for_each_range, scratch::take, OutOfMemory};
use crate::simd::{Dst, F32x4, Mask4, Src};

/// Windows of a row whose two rows are done one after the other: what is between stays in a first cache.
const STRIP: usize = 64;

/// Overwrites the gradients from `x`, `z` and the gradient `dy` of `y`, all in lanes; `training` says
/// whether the statistics are those of `x`. Padding lanes of `dx` become zero.
pub fn batch_norm_max_pool2d_backward(
    shape: &MaxPool2dShape,
    x: &[f32],
    z: &[f32],
    dy: &[f32],
    statistics: Statistics,
    weight: Option<&[f32]>,
    training: bool,
    dx: Option<&mut [f32]>,
    dweight: Option<&mut [f32]>,
    dbias: Option<&mut [f32]>,
) -> Result<(), OutOfMemory> {
    let s = *shape;
    assert!(s.is_quarter() && s.h.is_multiple_of(2) && s.w.is_multiple_of(2));
    let (input, output) = (s.x(), s.y());
    assert!(x.len() == input.len() && z.len() == output.len() && dy.len() == output.len());
    assert!(weight.is_none_or(|w| w.len() == s.c));
    statistics.check(s.c);
    let pooled = BatchNormShape { layout: Layout::Lanes, n: s.n, c: s.c, s: s.oh() * s.ow() };
    let mut scratch = take(2 * pooled.results() + 3 * s.c)?;
    let (results, factors) = scratch.split_at_mut(2 * pooled.results());
    sum_pieces(&pooled, z, dy, &statistics, results);
    let (count, gradients) = (s.n * s.h * s.w, (dweight, dbias));
    let [scale, slope, shift] = finish(&pooled, &statistics, results, weight, count, gradients, factors);
    let Some(dx) = dx else { return Ok(()) };
    assert_eq!(dx.len(), x.len());
    // An item is a pair of rows.
    let items = s.c * s.oh();
    let total = input.count() * items;
    let chunks = chunk_count(total, 2 * s.w * 16);
    let chunk = |i| chunk_range(i, chunks, total, 1);
    for_each_range(
        [dx],
        chunks,
        |i| [input.item(items, chunk(i).start)..input.item(items, chunk(i).end)],
        move |i, [mut dx]| {
            let mut left = [0.0; 2 * STRIP * LANES];
            for item in chunk(i) {
                let (lanes, images) = (input.width(item / items), input.images(item / items));
                let channel = item / s.oh() % s.c;
                let (mine, rest) = std::mem::take(&mut dx).split_at_mut(2 * s.w * lanes);
                dx = rest;
                let at = input.item(items, item);
                let x = Src::new(&x[at..], mine.len());
                let at = output.item(items, item);
                let windows = s.ow() * lanes;
                let pair = Pair {
                    lanes,
                    padding: (images < lanes).then(|| Mask4::first(images - (lanes - 4))),
                    mean: statistics.mean[channel],
                    slope: if training { slope[channel] } else { 0.0 },
                    shift: if training { shift[channel] } else { 0.0 },
                    scale: scale[channel],
                };
                let (z, dy) = (Src::new(&z[at..], windows), Src::new(&dy[at..], windows));
                let length = mine.len();
                pair.backward(x, z, dy, s.ow(), &mut left, &mut Dst::new(mine, length));
            }
        },
    );
    Ok(())
}

/// A pair of rows of one channel in a block.
struct Pair {
    lanes: usize,
    /// The last vector of a pixel, where some of its lanes are padding.
    padding: Option<Mask4>,
    mean: f32,
    slope: f32,
    shift: f32,
    scale: f32,
}

impl Pair {
    /// `dx = (g − shift − (x − mean) · slope) · scale`, where `g` is the window's gradient at the first
    /// tap that is `z`, and 0 at the others. A row after the other, in strips, by the same loop: a CPU then reads ahead;
    /// `left` is what the row above has left of the gradient.
    fn backward(&self, x: Src, z: Src, dy: Src, windows: usize, left: &mut [f32], dx: &mut Dst) {
        let lanes = self.lanes;
        let (above, below) = left.split_at_mut(STRIP * LANES);
        for j in (0..windows).step_by(STRIP) {
            let count = STRIP.min(windows - j);
            for row in 0..2 {
                let at = 2 * (row * windows + j) * lanes;
                let (x, z, dx) = (x.offset(at), z.offset(j * lanes), dx.offset(at));
                // (What the second row leaves nobody reads.)
                let (rest, to) = if row == 0 {
                    (dy.offset(j * lanes), &mut *above)
                } else {
                    (Src::new(above, count * lanes), &mut *below)
                };
                let to = Dst::new(to, count * lanes);
                if cfg!(feature = "whole") && lanes == LANES && self.padding.is_none() {
                    self.row::<4>((x, z, rest), count, to, dx);
                } else {
                    self.row::<1>((x, z, rest), count, to, dx);
                }
            }
        }
    }

    /// One row of `windows`, `V` vectors at a time; with 1 lanes may be padding.
    #[inline(never)]
    fn row<const V: usize>(
        &self,
        (mut x, mut z, mut rest): (Src, Src, Src),
        windows: usize,
        mut left: Dst,
        mut dx: Dst,
    ) {
        let lanes = if V == 4 { LANES } else { self.lanes };
        let [mean, slope, shift, scale] = [self.mean, self.slope, self.shift, self.scale].map(F32x4::splat);
        for _ in 0..windows {
            for l in (0..lanes).step_by(4 * V) {
                for v in 0..V {
                    let at = l + 4 * v;
                    let (largest, mut gradient) = (z.load(at), rest.load(at));
                    let padding = self.padding.filter(|_| V == 1 && at + 4 == lanes);
                    for tap in [0, lanes] {
                        let value = x.load(tap + at);
                        let hit = value.eq(largest);
                        let mine = hit.keep(gradient) - shift;
                        gradient = hit.clear(gradient);
                        let result = (mean - value).mul_add(slope, mine) * scale;
                        dx.store(tap + at, padding.map_or(result, |mask| mask.keep(result)));
                    }
                    left.store(at, gradient);
                }
            }
            (x, z, rest) = (x.offset(2 * lanes), z.offset(lanes), rest.offset(lanes));
            left.step(lanes);
            dx.step(2 * lanes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::batch_norm::{
        batch_norm_backward, batch_norm_forward, batch_norm_statistics, Affine,
    };
    use crate::kernels::max_pool2d::{max_pool2d_backward, max_pool2d_forward};
    use crate::reference::{
        assert_close, batch_norm as twin, max_pool2d as pool_twin, random, to_lanes, to_rows,
    };

    /// Against the twins one after the other.
    fn check(s: MaxPool2dShape, weight: &[f32], given: Option<(&[f32], &[f32])>) {
        let (image, pooled) = (s.c * s.h * s.w, s.c * s.oh() * s.ow());
        let full = BatchNormShape { layout: Layout::Lanes, n: s.n, c: s.c, s: s.h * s.w };
        let quarter = BatchNormShape { s: s.oh() * s.ow(), ..full };
        let (x, dy, bias) = (random(1, s.n * image), random(2, s.n * pooled), random(3, s.c));
        let lanes = to_lanes(&x, s.n, image);
        let [mut mean, mut residual, mut var] = std::array::from_fn(|_| vec![0.0; s.c]);
        match given {
            Some((m, v)) => (mean, var) = (m.to_vec(), v.to_vec()),
            None => batch_norm_statistics(&full, &lanes, &mut mean, &mut residual, &mut var).unwrap(),
        }
        let statistics = Statistics { mean: &mean, residual: Some(&residual), var: &var, eps: 1e-5 };
        let (mut z, mut y) = (vec![7.0; s.y().len()], vec![7.0; s.y().len()]);
        max_pool2d_forward(&s, &lanes, Some(weight), &mut z);
        let affine = Affine { weight: Some(weight), bias: Some(&bias) };
        batch_norm_forward(&quarter, &z, statistics, affine, &mut y).unwrap();
        let (mut dx, mut dweight, mut dbias) = (vec![7.0; lanes.len()], vec![7.0; s.c], vec![7.0; s.c]);
        let gradient = to_lanes(&dy, s.n, pooled);
        let training = given.is_none();
        let weight_given = Some(weight);
        batch_norm_max_pool2d_backward(
            &s,
            &lanes,
            &z,
            &gradient,
            statistics,
            weight_given,
            training,
            Some(&mut dx),
            Some(&mut dweight),
            Some(&mut dbias),
        )
        .unwrap();

        let size = (s.n, s.c, s.h * s.w);
        let normal = twin::batch_norm(size, &x, &vec![0.0; x.len()], (weight, &bias), given, 1e-5);
        let normal: Vec<f32> = normal.y.iter().map(|&v| v as f32).collect();
        let (expected_y, spread) = pool_twin::max_pool2d(&s, &normal, &dy);
        let spread: Vec<f32> = spread.iter().map(|&v| v as f32).collect();
        let expected = twin::batch_norm(size, &x, &spread, (weight, &bias), given, 1e-5);
        let expected_y: Vec<f64> = expected_y.into_iter().map(f64::from).collect();
        assert_close(&to_rows(&y, s.n, pooled), &expected_y, 1e-5);
        assert_close(&to_rows(&dx, s.n, image), &expected.dx, 1e-5);
        assert_close(&dweight, &expected.dweight, 1e-5);
        assert_close(&dbias, &expected.dbias, 1e-5);
        assert_eq!(
            to_lanes(&to_rows(&dx, s.n, image), s.n, image),
            dx,
            "padding lanes of a gradient are zero"
        );
    }

    #[test]
    fn matches_the_twins_in_training_and_evaluation() {
        for n in [1, 3, 16, 17, 31] {
            for (h, w) in [(2, 2), (4, 6), (10, 10), (28, 28)] {
                let s = MaxPool2dShape {
                    n,
                    c: 3,
                    h,
                    w,
                    kernel: (2, 2),
                    stride: (2, 2),
                    padding: (0, 0),
                    ..MaxPool2dShape::PLAIN
                };
                check(s, &[0.5, -2.0, 1.0], None);
                check(s, &[0.5, -2.0, 1.0], Some((&[0.1, 0.2, -0.3], &[0.5, 1.0, 2.0])));
            }
        }
    }

    #[test]
    fn a_weight_of_zero_takes_the_first_tap_as_both_do_in_turn() {
        let s = MaxPool2dShape {
            n: 5,
            c: 2,
            h: 4,
            w: 4,
            kernel: (2, 2),
            stride: (2, 2),
            padding: (0, 0),
            ..MaxPool2dShape::PLAIN
        };
        let full = BatchNormShape { layout: Layout::Lanes, n: 5, c: 2, s: 16 };
        let (x, dy) = (to_lanes(&random(1, 160), 5, 32), to_lanes(&random(2, 40), 5, 8));
        let (mean, var, weight) = ([0.1, 0.2], [0.5, 0.6], [0.0, 0.0]);
        let statistics = Statistics { mean: &mean, residual: None, var: &var, eps: 1e-5 };
        let affine = Affine { weight: Some(&weight), bias: None };
        let (mut normal, mut y) = (vec![0.0; x.len()], vec![0.0; dy.len()]);
        batch_norm_forward(&full, &x, statistics, affine, &mut normal).unwrap();
        max_pool2d_forward(&s, &normal, None, &mut y);
        let (mut spread, [mut a, mut b, mut c, mut d]) = (vec![0.0; x.len()], [[0.0; 2]; 4]);
        max_pool2d_backward(&s, &normal, &y, &dy, &mut spread);
        batch_norm_backward(
            &full,
            &x,
            &spread,
            statistics,
            Some(&weight),
            true,
            None,
            Some(&mut a),
            Some(&mut b),
        )
        .unwrap();
        let mut z = vec![0.0; dy.len()];
        max_pool2d_forward(&s, &x, Some(&weight), &mut z);
        batch_norm_max_pool2d_backward(
            &s,
            &x,
            &z,
            &dy,
            statistics,
            Some(&weight),
            true,
            None,
            Some(&mut c),
            Some(&mut d),
        )
        .unwrap();
        assert_close(&c, &a.map(f64::from), 1e-5);
        assert_close(&d, &b.map(f64::from), 1e-5);
    }
}
