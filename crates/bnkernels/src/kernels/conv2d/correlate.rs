//! What forward and backward_input share: each output is a weighted sum over a window of the input.
//! A row of outputs is cut into segments, whose windows stay in the first-level cache while all
//! output channels read them.

use super::plan::{Axis, Cut, Dimension};
use super::tile::{Rows, Run, Taps, ROWS};
use crate::layout::{Blocks, LANES};
use crate::parallel::{beat, for_each_block_tile, scratch::PerThread, Tile};
use crate::simd::{reach, Src};

/// A correlation of `[n][groups · inputs][..]` to `[n][groups · outputs][..]`, in each group of all its
/// inputs. Output row `i` belongs to phase
/// `i % rows.phases()` of the rows, and is number `i / rows.phases()` there; columns likewise.
pub(super) struct Correlation<'a> {
    pub n: usize,
    pub groups: usize,
    /// Channels of a group.
    pub inputs: usize,
    pub outputs: usize,
    pub rows: Dimension,
    pub columns: Dimension,
    pub bias: Option<&'a [f32]>,
}

impl Correlation<'_> {
    /// `weight` lies as `[groups][outputs][inputs][taps][taps]`, phase after phase; `scratch` are `CACHED` floats.
    pub(super) fn run(&self, scratch: &PerThread, x: &[f32], weight: &[f32], y: &mut [f32]) {
        let (oh, ow) = (self.rows.outputs, self.columns.outputs);
        let (ih, iw) = (self.rows.input, self.columns.input);
        let (kh, kw) = (self.rows.kernel, self.columns.kernel);
        let outputs = self.groups * self.outputs;
        let input = Blocks::new(self.n, self.groups * self.inputs * ih * iw);
        let output = Blocks::new(self.n, outputs * oh * ow);
        assert_eq!(x.len(), input.len());
        assert!(self.bias.is_none_or(|bias| bias.len() == outputs));
        assert_eq!(weight.len(), outputs * self.inputs * kh * kw);
        if cfg!(feature = "whole") && self.groups > 1 && (self.inputs == 1 || self.outputs == 1) {
            return self.run_by_channel(x, weight, y);
        }
        let phases = self.rows.phases() * self.columns.phases();
        let cost = ow * LANES * self.inputs * kh * kw / phases * ROWS;
        let grid = grid(output.count(), outputs.div_ceil(ROWS), oh, cost, self.groups == 1);
        for_each_block_tile(y, output, outputs, grid, (ROWS, ow), |b, mut tile| {
            let (lanes, x) = (output.width(b), &x[input.range(b)]);
            let block = Block { of: self, x, weight, lanes, channel: ih * iw * lanes };
            let first = tile.col / (ow * lanes);
            scratch.with(|scratch| {
                for i in 0..tile.cols / (ow * lanes) {
                    beat();
                    block.row(first + i, &mut tile, i * ow * lanes, scratch);
                }
            });
        });
    }
}

/// How a block is cut into chunks of some microseconds: by rows first where all channels of a row read the same inputs,
/// and by channels, which then each copy their windows together, only where rows are too few for some threads;
/// otherwise by channels first, so that a chunk's rows are in its cache.
fn grid(blocks: usize, channels: usize, rows: usize, cost: usize, same: bool) -> (usize, usize) {
    const SMALLEST: usize = 131_072;
    let wanted = (blocks * channels * rows).saturating_mul(cost) / SMALLEST;
    let wanted = wanted.clamp(1, 64).div_ceil(blocks);
    if !same {
        let by_channels = wanted.min(channels);
        return (by_channels, wanted.div_ceil(by_channels).min(rows));
    }
    const ENOUGH: usize = 16;
    let by_rows = wanted.min(rows);
    let by_channels = wanted.min(ENOUGH.div_ceil(blocks)).div_ceil(by_rows);
    (by_channels.min(channels), by_rows)
}

/// Tiles of outputs that must read a window for it to be copied together first.
const AGAIN: usize = 4;

/// A block of the batch.
struct Block<'a> {
    of: &'a Correlation<'a>,
    x: &'a [f32],
    weight: &'a [f32],
    lanes: usize,
    /// Elements of one input channel.
    channel: usize,
}

/// Pixels of a row that have the same taps, of some input channels.
struct Segment<'a> {
    taps: Taps,
    /// From the first tap of the first pixel on.
    x: &'a [f32],
    run: Run,
    /// Where the first pixel lies in a row of the tile.
    y: usize,
    /// Where the first tap of output channel 0 lies.
    weight: usize,
    start: bool,
}

impl Block<'_> {
    /// Output row `i` of the tile's channels; it starts at `y` in each row of the tile.
    fn row(&self, i: usize, tile: &mut Tile, y: usize, scratch: &mut [f32]) {
        let Self { of, lanes, .. } = *self;
        let (rows, columns) = (of.rows.phases(), of.columns.phases());
        let vertical = &of.rows.phase(i % rows);
        let window = vertical.window(i / rows);
        for phase in 0..columns {
            let axis = &of.columns.phase(phase);
            let mut cut = Cut::new(of.inputs, of.outputs, lanes, vertical, axis);
            if of.groups > 1 || tile.rows < AGAIN * ROWS {
                // Few outputs read its inputs again: each group has its own, a chunk of channels (of an image of few
                // rows) reads for itself.
                cut.gathered = None;
            }
            let before = vertical.before * of.columns.kernel + vertical.taps * axis.before;
            let kernel = vertical.taps * axis.taps;
            let run = Run { pixels: 1, lanes, x_step: axis.stride * lanes, y_step: columns * lanes };
            let interior = axis.interior();
            for first in (0..of.inputs).step_by(cut.channels) {
                let segment = |j: usize| {
                    let beside = axis.window(j);
                    let x = first * self.channel + (window.at * axis.input + beside.at) * lanes;
                    let empty = window.taps * beside.taps == 0;
                    Segment {
                        taps: Taps {
                            channels: if empty { 0 } else { cut.channels.min(of.inputs - first) },
                            rows: window.taps,
                            columns: beside.taps,
                            x_channel: self.channel,
                            x_row: vertical.dilation * axis.input * lanes,
                            x_tap: axis.dilation * lanes,
                            w_channel: kernel,
                            w_row: axis.taps,
                            w_output: of.inputs * kernel,
                        },
                        x: &self.x[x..],
                        run,
                        y: y + phase * lanes + j * run.y_step,
                        weight: of.groups * of.outputs * of.inputs * before
                            + first * kernel
                            + window.tap * axis.taps
                            + beside.tap,
                        start: first == 0,
                    }
                };
                for j in axis.border() {
                    self.segment(&segment(j), tile);
                }
                for j in interior.clone().step_by(cut.pixels) {
                    let mut segment = segment(j);
                    segment.run.pixels = cut.pixels.min(interior.end - j);
                    if let Some(columns) = cut.gathered {
                        segment.gather(axis, columns * lanes, scratch);
                        segment.x = scratch;
                    }
                    self.segment(&segment, tile);
                }
            }
        }
    }

    /// A segment of all channels of the tile.
    fn segment(&self, s: &Segment, tile: &mut Tile) {
        let y = s.y..s.y + (s.run.pixels - 1) * s.run.y_step + self.lanes;
        let Correlation { groups, inputs, outputs, .. } = *self.of;
        let group_of = |o: usize| if groups == 1 { 0 } else { o / outputs };
        let (first, group) = (tile.row, inputs * self.channel);
        let all = s.source(group_of(first + tile.rows - 1) * group);
        let weight = Src::new(self.weight, s.reach_of_weight(first + tile.rows));
        let mut r = 0;
        while r < tile.rows {
            let o = first + r;
            let mine = group_of(o);
            // Of one group only.
            let rows = if r + ROWS <= tile.rows.min((mine + 1) * outputs - first) { ROWS } else { 1 };
            let x = all.offset(mine * group);
            let w = weight.offset(s.weight + o * s.taps.w_output);
            if rows == ROWS {
                let y = tile.rows_mut::<ROWS>(r).map(|row| &mut row[y.clone()]);
                s.run.sum(&s.taps, x, w, y, self.start(s.start, o));
            } else {
                let y = tile.rows_mut::<1>(r).map(|row| &mut row[y.clone()]);
                s.run.sum(&s.taps, x, w, y, self.start(s.start, o));
            }
            r += rows;
        }
    }

    /// What outputs from `o` on start from: the bias, or what was summed so far.
    fn start<const R: usize>(&self, first: bool, o: usize) -> Option<[f32; R]> {
        let bias = self.of.bias;
        first.then(|| std::array::from_fn(|r| bias.map_or(0.0, |bias| bias[o + r])))
    }
}

impl Segment<'_> {
    /// The cursor that reads its windows, and those that lie up to `further` elements behind them.
    fn source(&self, further: usize) -> Src<'_> {
        let Taps { channels, rows, columns, x_channel, x_row, x_tap, .. } = self.taps;
        let Run { pixels, lanes, x_step, .. } = self.run;
        let windows = [(channels, x_channel), (rows, x_row), (columns, x_tap), (pixels, x_step)];
        let reach = reach(windows, lanes);
        Src::new(self.x, if reach == 0 { 0 } else { reach.saturating_add(further) })
    }

    /// How far the taps of the first `outputs` channels reach in the weight.
    fn reach_of_weight(&self, outputs: usize) -> usize {
        let Taps { channels, rows, columns, w_channel, w_row, w_output, .. } = self.taps;
        let taps = [(outputs, w_output), (channels, w_channel), (rows, w_row)];
        reach(taps, self.weight + columns)
    }

    /// Copies its windows to `to`, rows of `step` floats one after the other.
    fn gather(&mut self, axis: &Axis, step: usize, to: &mut [f32]) {
        let Taps { channels, rows, x_channel, x_row, .. } = self.taps;
        let length = ((self.run.pixels - 1) * axis.stride + axis.extent()) * self.run.lanes;
        let x = Src::new(self.x, reach([(channels, x_channel), (rows, x_row)], length));
        Rows { channels, rows, x_channel, x_row, length }.gather(x, to, step);
        (self.taps.x_channel, self.taps.x_row) = (rows * step, step);
    }
}
