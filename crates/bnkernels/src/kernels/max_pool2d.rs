//! 2-D max pooling of activations in lanes: `y[i][j]` is the largest `x` in the window of
//! `kernel` at `(i, j) · stride − padding`; NaN if one is. The gradient goes to the first of equals.
//! Source: <https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html>.

use crate::layout::Blocks;
use crate::parallel::for_each_range;
use crate::simd::{Dst, F32x4, Src};
use std::ops::Range;

/// `[n, c, h, w]`; pairs are (vertical, horizontal).
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2dShape {
    pub n: usize,
    pub c: usize,
    pub h: usize,
    pub w: usize,
    pub kernel: (usize, usize),
    pub stride: (usize, usize),
    pub padding: (usize, usize),
}

impl MaxPool2dShape {
    pub fn oh(&self) -> usize {
        (self.h + 2 * self.padding.0 - self.kernel.0) / self.stride.0 + 1
    }

    pub fn ow(&self) -> usize {
        (self.w + 2 * self.padding.1 - self.kernel.1) / self.stride.1 + 1
    }

    pub fn x(&self) -> Blocks {
        Blocks::new(self.n, self.c * self.h * self.w)
    }

    pub fn y(&self) -> Blocks {
        Blocks::new(self.n, self.c * self.oh() * self.ow())
    }

    /// Rows and columns of the input that the window of output `(i, j)` covers.
    #[inline(always)]
    fn window(&self, i: usize, j: usize) -> (Range<usize>, Range<usize>) {
        let span = |at: usize, stride: usize, kernel: usize, padding: usize, size: usize| {
            (at * stride).saturating_sub(padding)..(at * stride + kernel).saturating_sub(padding).min(size)
        };
        (
            span(i, self.stride.0, self.kernel.0, self.padding.0, self.h),
            span(j, self.stride.1, self.kernel.1, self.padding.1, self.w),
        )
    }

    /// Runs `f(block width, range of x, part)` for each channel of each block of `output`.
    fn for_each_channel(
        &self,
        output: &mut [f32],
        of: Blocks,
        f: impl Fn(usize, Range<usize>, Range<usize>, &mut [f32]) + Sync,
    ) {
        let (x, y) = (self.x(), self.y());
        for_each_range(
            [output],
            of.count() * self.c,
            |i| [of.item(self.c, i)..of.item(self.c, i + 1)],
            |i, [part]| {
                let range = |blocks: Blocks| blocks.item(self.c, i)..blocks.item(self.c, i + 1);
                f(x.width(i / self.c), range(x), range(y), part);
            },
        );
    }
}

/// `x` and `y` in lanes.
pub fn max_pool2d_forward(shape: &MaxPool2dShape, x: &[f32], y: &mut [f32]) {
    let s = *shape;
    assert!(x.len() == s.x().len() && y.len() == s.y().len());
    s.for_each_channel(y, s.y(), |width, x_range, _, y| {
        let (x, mut y) = (Src::new(&x[x_range]), Dst::new(y));
        for i in 0..s.oh() {
            for j in 0..s.ow() {
                let (rows, columns) = s.window(i, j);
                for v in (0..width).step_by(4) {
                    let mut largest = F32x4::splat(f32::NEG_INFINITY);
                    for r in rows.clone() {
                        for c in columns.clone() {
                            largest = largest.max(x.load((r * s.w + c) * width + v));
                        }
                    }
                    y.store((i * s.ow() + j) * width + v, largest);
                }
            }
        }
    });
}

/// `dx`, in lanes, from `x`, `y` and `dy` in lanes.
pub fn max_pool2d_backward(shape: &MaxPool2dShape, x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32]) {
    let s = *shape;
    assert!(x.len() == s.x().len() && dx.len() == x.len());
    assert!(y.len() == s.y().len() && dy.len() == y.len());
    // Windows that do not overlap write each element once; then only what no window covers is 0.
    let apart = s.stride.0 >= s.kernel.0 && s.stride.1 >= s.kernel.1;
    let covered = apart
        && s.stride == s.kernel
        && s.padding == (0, 0)
        && s.h.is_multiple_of(s.kernel.0)
        && s.w.is_multiple_of(s.kernel.1);
    s.for_each_channel(dx, s.x(), |width, x_range, y_range, dx| {
        if !covered {
            dx.fill(0.0);
        }
        let (x, y, dy) = (Src::new(&x[x_range]), Src::new(&y[y_range.clone()]), Src::new(&dy[y_range]));
        let mut dx = Dst::new(dx);
        for i in 0..s.oh() {
            for j in 0..s.ow() {
                let (rows, columns) = s.window(i, j);
                for v in (0..width).step_by(4) {
                    let at = (i * s.ow() + j) * width + v;
                    let largest = y.load(at);
                    // What is left of the gradient: 0 once a tap has taken it.
                    let mut left = dy.load(at);
                    for r in rows.clone() {
                        for c in columns.clone() {
                            let at = (r * s.w + c) * width + v;
                            let value = x.load(at);
                            let hit = value.eq(largest).or(value.ne(value));
                            let gradient = hit.select(left, F32x4::zero());
                            left = hit.select(F32x4::zero(), left);
                            dx.store(at, if apart { gradient } else { dx.load(at) + gradient });
                        }
                    }
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, max_pool2d as twin, random, to_lanes, to_rows};

    #[test]
    fn matches_its_twin() {
        let cases = [
            ((7, 6), (2, 2), (2, 2), (0, 0)),
            ((8, 4), (2, 2), (2, 2), (0, 0)),
            ((7, 7), (3, 3), (2, 2), (1, 1)),
            ((5, 9), (2, 3), (1, 2), (1, 0)),
            ((5, 5), (3, 3), (1, 1), (0, 1)),
            ((1, 1), (1, 1), (1, 1), (0, 0)),
            ((9, 9), (2, 2), (3, 3), (0, 0)),
        ];
        for ((h, w), kernel, stride, padding) in cases {
            for n in [0, 1, 2, 5, 16, 17, 33] {
                let s = MaxPool2dShape { n, c: 3, h, w, kernel, stride, padding };
                let image = 3 * h * w;
                // Coarse values, so that there are ties.
                let x: Vec<f32> = random(1, n * image).iter().map(|v| (v * 6.0).round()).collect();
                let dy = random(2, n * 3 * s.oh() * s.ow());
                let (expected_y, expected_dx) = twin::max_pool2d(&s, &x, &dy);
                let x = to_lanes(&x, n, image);
                let (mut y, mut dx) = (vec![f32::NAN; s.y().len()], vec![f32::NAN; x.len()]);
                max_pool2d_forward(&s, &x, &mut y);
                let dy = to_lanes(&dy, n, 3 * s.oh() * s.ow());
                max_pool2d_backward(&s, &x, &y, &dy, &mut dx);
                assert_close(&to_rows(&y, n, 3 * s.oh() * s.ow()), &expected_y, 1e-7);
                assert_close(&to_rows(&dx, n, image), &expected_dx, 1e-6);
                assert_eq!(to_lanes(&to_rows(&dx, n, image), n, image), dx, "padding lanes are zero");
            }
        }
    }

    #[test]
    fn nan_comes_through() {
        let s = MaxPool2dShape { n: 1, c: 1, h: 1, w: 2, kernel: (1, 2), stride: (1, 2), padding: (0, 0) };
        let x = to_lanes(&[1.0, f32::NAN], 1, 2);
        let mut y = vec![0.0; 4];
        max_pool2d_forward(&s, &x, &mut y);
        assert!(y[0].is_nan());
    }
}
