//! 2-D average pooling of activations in lanes: `y[n][c][i][j]` is the sum of the taps in the window of
//! `kh × kw` at `(i·sh − ph, j·sw − pw)`, divided by how many there are; taps outside of the image are 0.
//! Source: <https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html>.
//!
//! Backward gives each tap its window's `dy`, divided by the same number. It looks from each pixel at the
//! windows that cover it, so that a pixel is written once.

use crate::layout::{Blocks, LANES};
use crate::parallel::{chunk_count, chunk_range, for_each_range};
use crate::simd::{Dst, F32x4, Src};
use std::ops::Range;

/// Windows of `kernel`, `output` of them: as many as fit, or one more that ends past the padding (PyTorch's
/// `ceil_mode`). Pairs are (vertical, horizontal).
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    pub kernel: (usize, usize),
    pub stride: (usize, usize),
    pub padding: (usize, usize),
    pub output: (usize, usize),
}

/// `[n, c, h, w]` in windows.
#[derive(Clone, Copy, Debug)]
pub struct AvgPool2dShape {
    pub n: usize,
    pub c: usize,
    pub h: usize,
    pub w: usize,
    pub windows: Windows,
    /// Whether taps in the padding count.
    pub count_include_pad: bool,
    /// What to divide by instead; 0 is none.
    pub divisor_override: usize,
}

impl AvgPool2dShape {
    /// Blocks of the input.
    pub fn x(&self) -> Blocks {
        Blocks::new(self.n, self.c * self.h * self.w)
    }

    /// Blocks of the output.
    pub fn y(&self) -> Blocks {
        Blocks::new(self.n, self.c * self.windows.output.0 * self.windows.output.1)
    }

    fn rows(&self) -> Axis {
        let Windows { kernel, stride, padding, output } = self.windows;
        Axis { size: self.h, taps: kernel.0, stride: stride.0, padding: padding.0, windows: output.0 }
    }

    fn columns(&self) -> Axis {
        let Windows { kernel, stride, padding, output } = self.windows;
        Axis { size: self.w, taps: kernel.1, stride: stride.1, padding: padding.1, windows: output.1 }
    }

    /// Whether every window has a tap in the image, if that has pixels. (In f64, as sizes may be anything.)
    pub fn is_valid(&self) -> bool {
        let axis = |axis: Axis| {
            let start = (axis.windows as f64 - 1.0) * axis.stride as f64;
            axis.taps > 0
                && axis.stride > 0
                && axis.padding <= axis.taps / 2
                && start < axis.size as f64 + axis.padding as f64
        };
        axis(self.rows()) && axis(self.columns())
    }

    /// One over what the window at row `i` and column `j` of the output is divided by.
    #[inline(always)]
    fn share(&self, i: usize, j: usize) -> f32 {
        let taps = match self.divisor_override {
            0 => {
                self.rows().counted(i, self.count_include_pad)
                    * self.columns().counted(j, self.count_include_pad)
            }
            divisor => divisor,
        };
        1.0 / taps as f32
    }
}

/// One of the two dimensions.
#[derive(Clone, Copy)]
struct Axis {
    size: usize,
    taps: usize,
    stride: usize,
    padding: usize,
    windows: usize,
}

impl Axis {
    /// The taps of window `i` that lie in the image.
    #[inline(always)]
    fn window(&self, i: usize) -> Range<usize> {
        let end = (i * self.stride + self.taps).saturating_sub(self.padding).min(self.size);
        (i * self.stride).saturating_sub(self.padding).min(end)..end
    }

    /// How many taps of window `i` count.
    #[inline(always)]
    fn counted(&self, i: usize, padding: bool) -> usize {
        if padding {
            // Those past the padding do not.
            let start = i * self.stride;
            (start + self.taps).min(self.size + 2 * self.padding).saturating_sub(start)
        } else {
            self.window(i).len()
        }
    }

    /// The windows that cover a pixel. Pixels are asked for from left to right, from `last` on.
    #[inline(always)]
    fn covering(&self, pixel: usize, last: Range<usize>) -> Range<usize> {
        let at = pixel + self.padding;
        let Range { mut start, mut end } = last;
        while start < self.windows && start * self.stride + self.taps <= at {
            start += 1;
        }
        while end < self.windows && end * self.stride <= at {
            end += 1;
        }
        start.min(end)..end
    }
}

/// `y`, in lanes, from `x` in lanes.
pub fn avg_pool2d_forward(shape: &AvgPool2dShape, x: &[f32], y: &mut [f32]) {
    let s = *shape;
    let (input, output) = (s.x(), s.y());
    assert!(s.is_valid() && x.len() == input.len() && y.len() == output.len());
    let Windows { kernel, output: (oh, ow), .. } = s.windows;
    for_each_row(output, (s.c, oh), ow * kernel.0 * kernel.1, y, move |plane, i, lanes, y| {
        let start = input.item(s.c, plane);
        let x = Src::new(&x[start..], s.h * s.w * lanes);
        if lanes == LANES {
            s.forward_row::<4>(x, i, (lanes, 0), y);
        } else {
            (0..lanes).step_by(4).for_each(|lane| s.forward_row::<1>(x, i, (lanes, lane), y));
        }
    });
}

/// `dx`, in lanes, from `dy` in lanes.
pub fn avg_pool2d_backward(shape: &AvgPool2dShape, dy: &[f32], dx: &mut [f32]) {
    let s = *shape;
    let (input, output) = (s.x(), s.y());
    assert!(s.is_valid() && dx.len() == input.len() && dy.len() == output.len());
    let Windows { kernel, stride, output: (oh, ow), .. } = s.windows;
    let cost = s.w * kernel.0.div_ceil(stride.0) * kernel.1.div_ceil(stride.1);
    for_each_row(input, (s.c, s.h), cost, dx, move |plane, row, lanes, dx| {
        let start = output.item(s.c, plane);
        let dy = Src::new(&dy[start..], oh * ow * lanes);
        if lanes == LANES {
            s.backward_row::<4>(dy, row, (lanes, 0), dx);
        } else {
            (0..lanes).step_by(4).for_each(|lane| s.backward_row::<1>(dy, row, (lanes, lane), dx));
        }
    });
}

/// Runs `f(channel counted through all blocks, row, lanes, values)` for each row of each channel of `y`, of
/// `rows` rows a channel, each `cost` vectors of 16 multiply-adds.
fn for_each_row(
    blocks: Blocks,
    (c, rows): (usize, usize),
    cost: usize,
    y: &mut [f32],
    f: impl Fn(usize, usize, usize, &mut [f32]) + Sync,
) {
    if y.is_empty() {
        return;
    }
    let items = c * rows;
    let total = blocks.count() * items;
    let chunks = chunk_count(total, cost * LANES);
    let chunk = |i| chunk_range(i, chunks, total, 1);
    for_each_range(
        [y],
        chunks,
        |i| [blocks.item(items, chunk(i).start)..blocks.item(items, chunk(i).end)],
        move |i, [mut y]| {
            for item in chunk(i) {
                let lanes = blocks.width(item / items);
                let (row, rest) = std::mem::take(&mut y).split_at_mut(blocks.image / items * lanes);
                y = rest;
                f(item / rows, item % rows, lanes, row);
            }
        },
    );
}

impl AvgPool2dShape {
    /// Row `i` of the output, from one channel; `V` vectors of each pixel, from a lane on.
    #[inline(always)]
    fn forward_row<const V: usize>(&self, x: Src, i: usize, (lanes, lane): (usize, usize), y: &mut [f32]) {
        let (rows, columns) = (self.rows().window(i), self.columns());
        let length = y.len();
        let mut y = Dst::new(y, length);
        for j in 0..columns.windows {
            let mut sums = [F32x4::zero(); V];
            for row in rows.clone() {
                for column in columns.window(j) {
                    let x = x.offset((row * self.w + column) * lanes + lane);
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = *sum + x.load(4 * v);
                    }
                }
            }
            let share = F32x4::splat(self.share(i, j));
            for (v, sum) in sums.into_iter().enumerate() {
                y.store(j * lanes + lane + 4 * v, sum * share);
            }
        }
    }

    /// A row of the input's gradient, of one channel.
    #[inline(always)]
    fn backward_row<const V: usize>(
        &self,
        dy: Src,
        row: usize,
        (lanes, lane): (usize, usize),
        dx: &mut [f32],
    ) {
        let (rows, columns) = (self.rows().covering(row, 0..0), self.columns());
        let length = dx.len();
        let mut dx = Dst::new(dx, length);
        let mut covering = 0..0;
        for column in 0..self.w {
            covering = columns.covering(column, covering);
            let mut sums = [F32x4::zero(); V];
            for i in rows.clone() {
                for j in covering.clone() {
                    let share = F32x4::splat(self.share(i, j));
                    let dy = dy.offset((i * columns.windows + j) * lanes + lane);
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = dy.load(4 * v).mul_add(share, *sum);
                    }
                }
            }
            for (v, sum) in sums.into_iter().enumerate() {
                dx.store(column * lanes + lane + 4 * v, sum);
            }
        }
    }
}

#[cfg(test)]
mod tests;
