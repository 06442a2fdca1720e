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

    /// How many windows from `i` on have all their taps in the image, or 1 for one that has not.
    fn run(&self, i: usize) -> usize {
        if self.window(i).len() < self.taps {
            return 1;
        }
        let end = (self.size + self.padding - self.taps) / self.stride + 1;
        end.min(self.windows) - i
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
    /// Row `i` of the output, of one channel; `V` vectors of a pixel at a time. A row of the image after the other, in
    /// the order of memory, by the same loop: a CPU then reads ahead.
    fn forward_row<const V: usize>(&self, i: usize, lanes: usize, x: Src, mut y: Dst) {
        let (vertical, horizontal) = (self.rows(), self.columns());
        let (rows, counted) = (vertical.window(i), self.counted(vertical, i));
        let mut j = 0;
        while j < horizontal.windows {
            let (columns, windows) = (horizontal.window(j), horizontal.run(j));
            let (taps, stride) = (columns.len(), horizontal.stride * lanes);
            let x = x.offset((rows.start * self.w + columns.start) * lanes);
            let sums = Sums { windows, rows: rows.len(), taps, lanes, below: self.w * lanes, stride };
            let share = self.share(counted, self.counted(horizontal, j));
            match taps {
                2 if V == 4 => sums.of_few::<2>(share, x, y.offset(j * lanes)),
                3 if V == 4 => sums.of_few::<3>(share, x, y.offset(j * lanes)),
                _ => sums.of_any::<V>(share, x, y.offset(j * lanes)),
            }
            j += windows;
        }
    }

    /// Row `row` of the input's gradient.
    fn backward_row<const V: usize>(&self, row: usize, lanes: usize, dy: Src, mut dx: Dst) {
        let (vertical, horizontal) = (self.rows(), self.columns());
        let covering = vertical.covering(row);
        // Each pixel in one window: nothing to add to.
        let tiled = horizontal.taps == horizontal.stride
            && horizontal.padding == 0
            && horizontal.windows * horizontal.taps == horizontal.size
            && covering.len() == 1;
        if !tiled {
            for at in (0..self.w * lanes).step_by(4) {
                dx.store(at, F32x4::zero());
            }
        }
        for i in covering {
            let counted = self.counted(vertical, i);
            let mut j = 0;
            while j < horizontal.windows {
                let (columns, windows) = (horizontal.window(j), horizontal.run(j));
                let (taps, stride) = (columns.len(), horizontal.stride * lanes);
                let dy = dy.offset((i * horizontal.windows + j) * lanes);
                let sums = Sums { windows, rows: 1, taps, lanes, below: 0, stride };
                let share = self.share(counted, self.counted(horizontal, j));
                let dx = dx.offset(columns.start * lanes);
                if tiled {
                    sums.give::<V, false>(share, dy, dx);
                } else {
                    sums.give::<V, true>(share, dy, dx);
                }
                j += windows;
            }
        }
    }
}

/// Windows of a row that have as many taps.
struct Sums {
    windows: usize,
    rows: usize,
    /// Taps in a row.
    taps: usize,
    lanes: usize,
    /// Elements from a tap to that below it, and from a window's first to the next one's.
    below: usize,
    stride: usize,
}

impl Sums {
    /// Times `share`, in 16 lanes, of `TAPS` a row; a vector after the other, so that all of it is in registers.
    #[inline(never)]
    fn of_few<const TAPS: usize>(&self, share: f32, x: Src, mut y: Dst) {
        for row in 0..self.rows {
            // What is not yet all of a sum is written as it is.
            let share = F32x4::splat(if row + 1 < self.rows { 1.0 } else { share });
            let (mut x, mut y) = (x.offset(row * self.below), y.offset(0));
            for _ in 0..self.windows {
                for v in 0..LANES / 4 {
                    let sum = (1..TAPS).fold(x.load(4 * v), |sum, t| sum + x.load(t * LANES + 4 * v));
                    y.store(4 * v, if row > 0 { y.load(4 * v) + sum } else { sum } * share);
                }
                x = x.offset(self.stride);
                y.step(LANES);
            }
        }
    }

    /// As `of_few`, for any number of taps and of lanes, `V` vectors at a time.
    #[inline(never)]
    fn of_any<const V: usize>(&self, share: f32, x: Src, mut y: Dst) {
        for row in 0..self.rows {
            let share = F32x4::splat(if row + 1 < self.rows { 1.0 } else { share });
            let (mut x, mut y) = (x.offset(row * self.below), y.offset(0));
            for _ in 0..self.windows {
                for lane in (0..self.lanes).step_by(4 * V) {
                    let mut sums = [F32x4::zero(); V];
                    let mut tap = x.offset(lane);
                    for _ in 0..self.taps {
                        sums.iter_mut().enumerate().for_each(|(v, sum)| *sum = *sum + tap.load(4 * v));
                        tap = tap.offset(self.lanes);
                    }
                    for (v, sum) in sums.into_iter().enumerate() {
                        let at = lane + 4 * v;
                        y.store(at, if row > 0 { y.load(at) + sum } else { sum } * share);
                    }
                }
                x = x.offset(self.stride);
                y.step(self.lanes);
            }
        }
    }

    /// Gives each tap of one row its window's `dy` times `share`; with `ADD` to what it has.
    #[inline(never)]
    fn give<const V: usize, const ADD: bool>(&self, share: f32, mut dy: Src, mut dx: Dst) {
        let share = F32x4::splat(share);
        for _ in 0..self.windows {
            for lane in (0..self.lanes).step_by(4 * V) {
                let values: [F32x4; V] = std::array::from_fn(|v| dy.load(lane + 4 * v) * share);
                let mut tap = dx.offset(lane);
                for _ in 0..self.taps {
                    for (v, &value) in values.iter().enumerate() {
                        tap.store(4 * v, if ADD { tap.load(4 * v) + value } else { value });
                    }
                    tap.step(self.lanes);
                }
            }
            dy = dy.offset(self.lanes);
            dx.step(self.stride);
        }
    }
}

#[cfg(test)]
mod tests;
