//! 2-D average pooling of activations in lanes: `y[n][c][i][j]` is the sum of the taps in the window of
//! `kh × kw` at `(i·sh − ph, j·sw − pw)`, divided by how many there are; taps outside of the image are 0.
//! Source: <https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html>.
//!
//! Backward gives each tap its window's `dy`, divided by the same number.

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
    fn output(&self) -> Image {
        let (h, w) = self.windows.output;
        Image { blocks: self.y(), h, w }
    }

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

    /// How many taps of window `i` count.
    #[inline(always)]
    fn counted(&self, axis: Axis, i: usize) -> usize {
        if self.count_include_pad {
            // Those past the padding do not.
            let start = i * axis.stride;
            (start + axis.taps).min(axis.size + 2 * axis.padding).saturating_sub(start)
        } else {
            axis.window(i).len()
        }
    }

    /// One over what a window with so many rows and columns of taps that count is divided by.
    #[inline(always)]
    fn share(&self, rows: usize, columns: usize) -> f32 {
        let taps = if self.divisor_override > 0 { self.divisor_override } else { rows * columns };
        1.0 / taps as f32
    }
}

/// The input, or the output.
#[derive(Clone, Copy)]
struct Image {
    blocks: Blocks,
    h: usize,
    w: usize,
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

    /// The windows that cover a pixel.
    fn covering(&self, pixel: usize) -> Range<usize> {
        let at = pixel + self.padding;
        let end = (at / self.stride + 1).min(self.windows);
        let start = (at + 1).saturating_sub(self.taps).div_ceil(self.stride);
        start.min(end)..end
    }
}

/// `y`, in lanes, from `x` in lanes.
pub fn avg_pool2d_forward(shape: &AvgPool2dShape, x: &[f32], y: &mut [f32]) {
    run(shape, x, y, false);
}

/// `dx`, in lanes, from `dy` in lanes.
pub fn avg_pool2d_backward(shape: &AvgPool2dShape, dy: &[f32], dx: &mut [f32]) {
    run(shape, dy, dx, true);
}

/// Row by row of what is written.
fn run(shape: &AvgPool2dShape, from: &[f32], to: &mut [f32], backward: bool) {
    let s = *shape;
    let (mut input, mut output) = (Image { blocks: s.x(), h: s.h, w: s.w }, s.output());
    if backward {
        std::mem::swap(&mut input, &mut output);
    }
    assert!(s.is_valid() && from.len() == input.blocks.len() && to.len() == output.blocks.len());
    if to.is_empty() {
        return;
    }
    // One item is a row of a channel.
    let items = s.c * output.h;
    let total = output.blocks.count() * items;
    let Windows { kernel, stride, .. } = s.windows;
    let taps = |taps: usize, stride: usize| if backward { taps.div_ceil(stride) } else { taps };
    let cost = output.w * taps(kernel.0, stride.0) * taps(kernel.1, stride.1) * LANES;
    let chunks = chunk_count(total, cost);
    let chunk = |i| chunk_range(i, chunks, total, 1);
    for_each_range(
        [to],
        chunks,
        |i| [output.blocks.item(items, chunk(i).start)..output.blocks.item(items, chunk(i).end)],
        move |i, [mut to]| {
            for item in chunk(i) {
                let lanes = output.blocks.width(item / items);
                let (row, rest) = std::mem::take(&mut to).split_at_mut(output.w * lanes);
                to = rest;
                let start = input.blocks.item(s.c, item / output.h);
                let from = Src::new(&from[start..], input.h * input.w * lanes);
                let to = Dst::new(row, output.w * lanes);
                let row = item % output.h;
                match (lanes == LANES, backward) {
                    (true, false) => s.forward_row::<4>(row, lanes, from, to),
                    (false, false) => s.forward_row::<1>(row, lanes, from, to),
                    (true, true) => s.backward_row::<4>(row, lanes, from, to),
                    (false, true) => s.backward_row::<1>(row, lanes, from, to),
                }
            }
        },
    );
}

impl AvgPool2dShape {
    /// Row `i` of the output, of one channel; `V` vectors of a pixel at a time.
    #[inline(never)]
    fn forward_row<const V: usize>(&self, i: usize, lanes: usize, x: Src, mut y: Dst) {
        let (vertical, horizontal) = (self.rows(), self.columns());
        let (rows, counted) = (vertical.window(i), self.counted(vertical, i));
        for j in 0..horizontal.windows {
            let columns = horizontal.window(j);
            let share = F32x4::splat(self.share(counted, self.counted(horizontal, j)));
            for lane in (0..lanes).step_by(4 * V) {
                let mut sums = [F32x4::zero(); V];
                for row in rows.clone() {
                    let mut x = x.offset((row * self.w + columns.start) * lanes + lane);
                    for _ in columns.clone() {
                        sums.iter_mut().enumerate().for_each(|(v, sum)| *sum = *sum + x.load(4 * v));
                        x = x.offset(lanes);
                    }
                }
                let mut y = y.offset(j * lanes + lane);
                sums.into_iter().enumerate().for_each(|(v, sum)| y.store(4 * v, sum * share));
            }
        }
    }

    /// Row `row` of the input's gradient.
    #[inline(never)]
    fn backward_row<const V: usize>(&self, row: usize, lanes: usize, dy: Src, mut dx: Dst) {
        let (vertical, horizontal) = (self.rows(), self.columns());
        for at in (0..self.w * lanes).step_by(4) {
            dx.store(at, F32x4::zero());
        }
        for i in vertical.covering(row) {
            let counted = self.counted(vertical, i);
            for j in 0..horizontal.windows {
                let columns = horizontal.window(j);
                let share = F32x4::splat(self.share(counted, self.counted(horizontal, j)));
                for lane in (0..lanes).step_by(4 * V) {
                    let dy = dy.offset((i * horizontal.windows + j) * lanes + lane);
                    let values: [F32x4; V] = std::array::from_fn(|v| dy.load(4 * v) * share);
                    let mut dx = dx.offset(columns.start * lanes + lane);
                    for _ in columns.clone() {
                        for (v, &value) in values.iter().enumerate() {
                            dx.store(4 * v, dx.load(4 * v) + value);
                        }
                        dx = dx.advance(lanes);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
