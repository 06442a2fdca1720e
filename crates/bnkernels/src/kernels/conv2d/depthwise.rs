//! Correlations in which each output channel sums one input channel, or few, that no other one reads (as of
//! depthwise convolutions). Nothing is shared between channels, so each is done alone, from its first row to its
//! last: its inputs come through the caches once, in the order of memory.
//!
//! Whole kernels of 3×3 that move by a pixel, the commonest, keep their nine weights in registers, and the sums of
//! the three outputs that the pixels at hand are taps of: each pixel is loaded once. Other windows of up to 3×3 taps,
//! as those that move by two pixels have on the way there and back, keep their weights in registers, too. The rest are
//! tiles of `tile.rs`.

use super::correlate::Correlation;
use super::plan::{Axis, Window};
use super::tile::{Run, Taps};
use crate::layout::{Blocks, LANES};
use crate::parallel::{beat, chunk_count, chunk_range, for_each_range};
use crate::simd::{Dst, F32x4, Src};
use std::ops::Range;

/// Rows of outputs for which a phase of the columns is worked out once.
const BAND: usize = 8;

impl Correlation<'_> {
    /// As `run`, channel by channel.
    pub(super) fn run_by_channel(&self, x: &[f32], weight: &[f32], y: &mut [f32]) {
        let (oh, ow) = (self.rows.outputs, self.columns.outputs);
        let outputs = self.groups * self.outputs;
        let output = Blocks::new(self.n, outputs * oh * ow);
        let input = Blocks::new(self.n, self.groups * self.inputs * self.rows.input * self.columns.input);
        // One item is a row of a channel.
        let items = outputs * oh;
        let total = output.count() * items;
        let taps = self.rows.kernel * self.columns.kernel / (self.rows.phases() * self.columns.phases());
        let chunks = chunk_count(total, ow * LANES * self.inputs * taps.max(1));
        let chunk = |i| chunk_range(i, chunks, total, 1);
        for_each_range(
            [y],
            chunks,
            |i| [output.item(items, chunk(i).start)..output.item(items, chunk(i).end)],
            move |i, [mut y]| {
                let mut rows = chunk(i);
                while !rows.is_empty() {
                    beat();
                    let (block, row) = (rows.start / items, rows.start % items);
                    let count = (oh - row % oh).min(rows.len()).min(BAND);
                    rows.start += count;
                    let lanes = output.width(block);
                    let (band, rest) = std::mem::take(&mut y).split_at_mut(count * ow * lanes);
                    y = rest;
                    let o = row / oh;
                    let area = self.rows.input * self.columns.input * lanes;
                    let x = &x[input.range(block)][o / self.outputs * self.inputs * area..];
                    let channel = Channel {
                        of: self,
                        x: Src::new(x, self.inputs * area),
                        weight: Src::new(weight, weight.len()),
                        o,
                        lanes,
                    };
                    channel.band(row % oh..row % oh + count, Dst::new(band, count * ow * lanes));
                }
            },
        );
    }
}

/// An output channel of a block of the batch.
struct Channel<'a> {
    of: &'a Correlation<'a>,
    /// The input channels that it sums.
    x: Src<'a>,
    weight: Src<'a>,
    o: usize,
    lanes: usize,
}

/// A row of outputs of one phase: which rows of the kernel it has, and where its taps lie.
struct Row {
    window: Window,
    /// Weights of all channels in the phases before.
    before: usize,
    taps: usize,
    dilation: usize,
}

impl Channel<'_> {
    fn band(&self, rows: Range<usize>, mut y: Dst) {
        let Correlation { groups, outputs, inputs, rows: vertical, columns, bias, .. } = self.of;
        let bias = bias.map_or(0.0, |bias| bias[self.o]);
        for q in 0..columns.phases() {
            let axis = &columns.phase(q);
            for i in rows.clone() {
                let phase = vertical.phase(i % vertical.phases());
                let before = phase.before * columns.kernel + phase.taps * axis.before;
                let row = Row {
                    window: phase.window(i / vertical.phases()),
                    before: groups * outputs * inputs * before,
                    taps: phase.taps,
                    dilation: phase.dilation,
                };
                let place = ((i - rows.start) * columns.outputs + q) * self.lanes;
                let step = columns.phases() * self.lanes;
                if (inputs, row.window.taps, axis.taps, axis.stride) == (&1, 3, 3, 1) {
                    self.slide(&row, axis, &mut y, (place, step), bias);
                } else {
                    self.jump(&row, axis, y.offset(place), step, bias);
                }
            }
        }
    }

    /// Taps of a window of input channel 0: those of `rows` and `columns` of the kernel.
    fn taps(&self, row: &Row, axis: &Axis, columns: usize) -> Taps {
        let inputs = self.of.inputs;
        let kernel = row.taps * axis.taps;
        Taps {
            channels: if row.window.taps * columns == 0 { 0 } else { inputs },
            rows: row.window.taps,
            columns,
            x_channel: self.of.rows.input * axis.input * self.lanes,
            x_row: row.dilation * axis.input * self.lanes,
            x_tap: axis.dilation * self.lanes,
            w_channel: kernel,
            w_row: axis.taps,
            w_output: inputs * kernel,
        }
    }

    /// Any windows.
    fn jump(&self, row: &Row, axis: &Axis, mut y: Dst, y_step: usize, bias: f32) {
        let run = Run { pixels: 1, lanes: self.lanes, x_step: axis.stride * self.lanes, y_step };
        let mut run = |j: usize, pixels: usize| {
            let beside = axis.window(j);
            let taps = self.taps(row, axis, beside.taps);
            let x = self.x.offset((row.window.at * axis.input + beside.at) * self.lanes);
            let w = row.before + self.o * taps.w_output + row.window.tap * axis.taps + beside.tap;
            Run { pixels, ..run }.sum_into(
                &taps,
                x,
                self.weight.offset(w),
                [y.offset(j * y_step)],
                Some([bias]),
            );
        };
        axis.border().for_each(|j| run(j, 1));
        let interior = axis.interior();
        if interior.is_empty() {
            return;
        }
        let few = match (self.of.inputs, row.window.taps, axis.taps) {
            (1, 1, 1) => few::<1, 1>,
            (1, 1, 2) => few::<1, 2>,
            (1, 2, 1) => few::<2, 1>,
            (1, 2, 2) => few::<2, 2>,
            (1, 2, 3) => few::<2, 3>,
            (1, 3, 3) => few::<3, 3>,
            _ => return run(interior.start, interior.len()),
        };
        let taps = self.taps(row, axis, axis.taps);
        let x = self.x.offset((row.window.at * axis.input + axis.window(interior.start).at) * self.lanes);
        let w = row.before + self.o * taps.w_output + row.window.tap * axis.taps;
        let apart = [taps.x_row, taps.x_tap, axis.stride * self.lanes, y_step];
        let to = y.offset(interior.start * y_step);
        few((x, apart), self.weight.offset(w), bias, to, (interior.len(), self.lanes));
    }

    /// Windows of 3×3 taps that move by one pixel; the outputs lie from `place` on, `y_step` apart. Where taps lie `d`
    /// apart, every `d`-th output reads every `d`-th pixel.
    fn slide(&self, row: &Row, axis: &Axis, y: &mut Dst, (place, y_step): (usize, usize), bias: f32) {
        let d = axis.dilation;
        let taps = self.taps(row, axis, 3);
        let weight = self.weight.offset(row.before + self.o * taps.w_output + row.window.tap * 3);
        for r in 0..d.min(axis.count) {
            let start = r as isize + axis.offset;
            let first = start.rem_euclid(d as isize);
            let line = Line {
                pixels: axis.input.saturating_sub(first as usize).div_ceil(d),
                x: self.x.offset((row.window.at * axis.input + first as usize) * self.lanes),
                x_row: taps.x_row,
                x_step: taps.x_tap,
                outputs: (axis.count - r).div_ceil(d),
                y: place + r * y_step,
                y_step: d * y_step,
                before: (first - start) / d as isize,
                lanes: self.lanes,
            };
            line.sum(weight, bias, y);
        }
    }
}

/// So many outputs of a row, of `R` × `C` taps each. Rows, taps, windows and outputs are `apart`.
#[inline(never)]
fn few<const R: usize, const C: usize>(
    (x, [x_row, x_tap, x_step, y_step]): (Src, [usize; 4]),
    w: Src,
    bias: f32,
    mut y: Dst,
    (outputs, lanes): (usize, usize),
) {
    let bias = F32x4::splat(bias);
    let weights: [[F32x4; C]; R] = std::array::from_fn(|r| std::array::from_fn(|c| w.load_splat(r * C + c)));
    for lane in (0..lanes).step_by(4) {
        let (mut x, mut to) = (x.offset(lane), y.offset(lane));
        for _ in 0..outputs {
            let mut sum = bias;
            for (r, row) in weights.iter().enumerate() {
                for (c, weight) in row.iter().enumerate() {
                    sum = x.offset(r * x_row + c * x_tap).load(0).mul_add(*weight, sum);
                }
            }
            to.store(0, sum);
            (x, to) = (x.offset(x_step), to.advance(y_step));
        }
    }
}

/// Three rows of pixels, and a row of outputs: output `m` has pixel `m + v - before` as its tap `v`.
struct Line<'a> {
    pixels: usize,
    x: Src<'a>,
    x_row: usize,
    x_step: usize,
    outputs: usize,
    y: usize,
    y_step: usize,
    before: isize,
    lanes: usize,
}

impl Line<'_> {
    #[inline(never)]
    fn sum(&self, w: Src, bias: f32, y: &mut Dst) {
        let Self { pixels, x_row, x_step, outputs, y_step, before, lanes, .. } = *self;
        // Pixels that are a tap of an output, and the output of which the first of them is the last tap.
        let low = (-before).max(0);
        let high = (outputs as isize + 2 - before).min(pixels as isize).max(low);
        let first = low + before - 2;
        let bias = F32x4::splat(bias);
        let weights: [[F32x4; 3]; 3] =
            std::array::from_fn(|r| std::array::from_fn(|k| w.load_splat(3 * r + k)));
        for lane in (0..lanes).step_by(4) {
            // Outputs that no pixel is a tap of.
            for m in (0..first.min(outputs as isize)).chain(high + before..outputs as isize) {
                y.store(self.y + m as usize * y_step + lane, bias);
            }
            let mut x = self.x.offset(low as usize * x_step + lane);
            // The sums of outputs `m`, `m + 1` and `m + 2`; outputs before 0 are larger than all.
            let mut m = first as usize;
            let mut to = y.offset(m.wrapping_mul(y_step).wrapping_add(self.y + lane));
            let mut sums = [bias; 3];
            for _ in low..high {
                for (r, [a, b, c]) in weights.iter().enumerate() {
                    let pixel = x.load(r * x_row);
                    sums[0] = pixel.mul_add(*c, sums[0]);
                    sums[1] = pixel.mul_add(*b, sums[1]);
                    sums[2] = pixel.mul_add(*a, sums[2]);
                }
                if m < outputs {
                    to.store(0, sums[0]);
                }
                sums = [sums[1], sums[2], bias];
                m = m.wrapping_add(1);
                (x, to) = (x.offset(x_step), to.advance(y_step));
            }
            for sum in &sums[..2] {
                if m < outputs {
                    to.store(0, *sum);
                }
                m = m.wrapping_add(1);
                to = to.advance(y_step);
            }
        }
    }
}
