//! What forward and backward_input share: each output is a weighted sum over a window of the input.
//! A row of outputs is cut into segments, whose windows stay in the first-level cache while all
//! output channels read them.

use super::tile::{Run, Start, Walk};
use crate::layout::{Blocks, LANES};
use crate::parallel::{for_each_block_tile, with_scratch, Tile};
use crate::simd::Src;
use std::ops::Range;

/// Output channels of a full tile.
const ROWS: usize = 2;
/// Floats of the input that all output channels read before the next are loaded: half of a
/// first-level cache.
const CACHED: usize = 4096;
/// Pixels that `CACHED` should hold the windows of, if need be of fewer channels.
const PIXELS: usize = 4;

/// Where the windows of one dimension lie: output `i` of the phase reads the inputs
/// `i * stride + offset + tap` that exist.
pub(super) struct Axis {
    pub input: usize,
    pub taps: usize,
    pub stride: usize,
    pub offset: isize,
    /// Outputs of this phase.
    pub count: usize,
    /// Taps of the phases before this one.
    pub before: usize,
}

/// The part of a window that lies inside the input.
#[derive(Clone, Copy)]
struct Window {
    tap: usize,
    taps: usize,
    at: usize,
}

impl Axis {
    fn window(&self, i: usize) -> Window {
        let start = (i * self.stride) as isize + self.offset;
        let tap = (-start).clamp(0, self.taps as isize);
        let end = (self.input as isize - start).clamp(tap, self.taps as isize);
        let at = if end > tap { (start + tap) as usize } else { 0 };
        Window { tap: tap as usize, taps: (end - tap) as usize, at }
    }

    /// Outputs whose whole window lies inside the input.
    fn interior(&self) -> Range<usize> {
        let low = self.offset.min(0).unsigned_abs().div_ceil(self.stride).min(self.count);
        let room = self.input as isize - self.taps as isize - self.offset;
        let high = if room < 0 { 0 } else { room as usize / self.stride + 1 };
        low..high.clamp(low, self.count)
    }
}

/// A correlation of `[n][inputs][..]` to `[n][outputs][..]`. Output row `i` belongs to phase
/// `i % rows.len()` of the rows, and is number `i / rows.len()` there; columns likewise.
pub(super) struct Correlation<'a> {
    pub n: usize,
    pub inputs: usize,
    pub outputs: usize,
    pub rows: &'a [Axis],
    pub columns: &'a [Axis],
    pub bias: Option<&'a [f32]>,
}

impl Correlation<'_> {
    fn kernel(&self) -> (usize, usize) {
        (self.rows.iter().map(|a| a.taps).sum(), self.columns.iter().map(|a| a.taps).sum())
    }

    fn output_size(&self) -> (usize, usize) {
        (self.rows.iter().map(|a| a.count).sum(), self.columns.iter().map(|a| a.count).sum())
    }

    /// The weight as tiles read it, from `weight(phase of rows, phase of columns, output, input,
    /// tap, tap)`: for each phase and tile of outputs `[inputs][taps][taps][outputs of the tile]`.
    fn pack(&self, weight: impl Fn((usize, usize), (usize, usize), (usize, usize)) -> f32) -> Vec<f32> {
        let (kh, kw) = self.kernel();
        let mut packed = Vec::with_capacity(self.outputs * self.inputs * kh * kw);
        for (p, row) in self.rows.iter().enumerate() {
            for (q, column) in self.columns.iter().enumerate() {
                for (o, tile) in tiles(self.outputs) {
                    for c in 0..self.inputs {
                        for u in 0..row.taps {
                            for v in 0..column.taps {
                                packed.extend((o..o + tile).map(|o| weight((p, q), (o, c), (u, v))));
                            }
                        }
                    }
                }
            }
        }
        packed
    }

    pub(super) fn run(
        &self,
        x: &[f32],
        weight: impl Fn((usize, usize), (usize, usize), (usize, usize)) -> f32,
        y: &mut [f32],
    ) {
        let (oh, ow) = self.output_size();
        let (ih, iw) = (self.rows[0].input, self.columns[0].input);
        let (kh, kw) = self.kernel();
        let input = Blocks::new(self.n, self.inputs * ih * iw);
        let output = Blocks::new(self.n, self.outputs * oh * ow);
        assert_eq!(x.len(), input.len());
        assert!(self.bias.is_none_or(|bias| bias.len() == self.outputs));
        let weight = &self.pack(weight)[..];
        let phases = self.rows.len() * self.columns.len();
        let cost = ow * LANES * self.inputs * kh * kw / phases * ROWS;
        let grid = grid(output.count(), self.outputs.div_ceil(ROWS), oh, cost);
        for_each_block_tile(y, output, self.outputs, grid, (ROWS, ow), |b, mut tile| {
            let (lanes, x) = (output.width(b), &x[input.range(b)]);
            let block = Block { of: self, x, weight, lanes, channel: ih * iw * lanes };
            let first = tile.col / (ow * lanes);
            with_scratch(CACHED, |scratch| {
                for i in 0..tile.cols / (ow * lanes) {
                    block.row(first + i, &mut tile, i * ow * lanes, scratch);
                }
            });
        });
    }
}

/// The tiles of `count` channels, as (first, how many).
fn tiles(count: usize) -> impl Iterator<Item = (usize, usize)> {
    let whole = count / ROWS * ROWS;
    (0..whole).step_by(ROWS).map(|i| (i, ROWS)).chain((whole..count).map(|i| (i, 1)))
}

/// How a block is cut into chunks of some microseconds: by rows first (all channels of a row read
/// the same inputs), then by channels.
fn grid(blocks: usize, channels: usize, rows: usize, cost: usize) -> (usize, usize) {
    const SMALLEST: usize = 65_536;
    let wanted = (blocks * channels * rows).saturating_mul(cost) / SMALLEST;
    let wanted = wanted.clamp(1, 64).div_ceil(blocks);
    let by_rows = wanted.min(rows);
    (wanted.div_ceil(by_rows).min(channels), by_rows)
}

/// A block of the batch.
struct Block<'a> {
    of: &'a Correlation<'a>,
    x: &'a [f32],
    weight: &'a [f32],
    lanes: usize,
    /// Elements of one input channel.
    channel: usize,
}

/// What a row's segments share.
struct Row {
    vertical: Window,
    /// Input channels `first..first + channels` are summed.
    first: usize,
    channels: usize,
    /// Where the weight of this phase starts, and taps of a kernel in it.
    weight: usize,
    taps: usize,
    /// Where the phase's first output lies in a row of the tile.
    y: usize,
}

impl Block<'_> {
    /// Output row `i` of the tile's channels; it starts at `y` in each row of the tile.
    fn row(&self, i: usize, tile: &mut Tile, y: usize, scratch: &mut [f32]) {
        let (of, lanes) = (self.of, self.lanes);
        let vertical = &of.rows[i % of.rows.len()];
        for (phase, axis) in of.columns.iter().enumerate() {
            // As many channels at a time as have the windows of some pixels in the cache.
            let column = vertical.taps.max(1) * lanes;
            let most = CACHED / (column * (axis.stride * (PIXELS - 1) + axis.taps.max(1)));
            let channels = of.inputs.div_ceil(of.inputs.div_ceil(most.max(1)));
            let columns = (CACHED / (column * channels)).saturating_sub(axis.taps);
            let pixels = (columns / axis.stride + 1).max(PIXELS);
            let before = vertical.before * of.kernel().1 + vertical.taps * axis.before;
            let interior = axis.interior();
            for first in (0..of.inputs).step_by(channels) {
                let row = Row {
                    vertical: vertical.window(i / of.rows.len()),
                    first,
                    channels: channels.min(of.inputs - first),
                    weight: of.outputs * of.inputs * before,
                    taps: vertical.taps * axis.taps,
                    y: y + phase * lanes,
                };
                for j in (0..interior.start).chain(interior.end..axis.count) {
                    self.segment(&row, axis, j..j + 1, tile, scratch);
                }
                for j in interior.clone().step_by(pixels) {
                    self.segment(&row, axis, j..(j + pixels).min(interior.end), tile, scratch);
                }
            }
        }
    }

    /// Outputs `pixels` of a row, which have the same taps, of all channels of the tile.
    fn segment(&self, row: &Row, axis: &Axis, pixels: Range<usize>, tile: &mut Tile, scratch: &mut [f32]) {
        let (of, lanes, step) = (self.of, self.lanes, self.of.columns.len());
        let Row { vertical, channels, taps, .. } = *row;
        let window = axis.window(pixels.start);
        let mut walk = Walk {
            channels,
            rows: vertical.taps,
            taps: window.taps,
            x_channel: self.channel,
            x_row: axis.input * lanes,
            x_tap: lanes,
            w_channel: taps,
            w_row: axis.taps,
        };
        let x = &self.x[row.first * self.channel + (vertical.at * axis.input + window.at) * lanes..];
        let columns = (pixels.len() - 1) * axis.stride + window.taps;
        let x = if self.crowded(channels) && tile.rows >= 4 * ROWS {
            walk.gather(x, columns * lanes, scratch)
        } else {
            Src::new(x)
        };
        let run = Run { pixels: pixels.len(), lanes, x_step: axis.stride * lanes, y_step: step * lanes };
        let y = row.y + pixels.start * run.y_step;
        let y = y..y + (pixels.len() - 1) * run.y_step + lanes;
        let first = tile.row;
        for (r, rows) in tiles(tile.rows) {
            let weight = row.weight + (first + r) * of.inputs * taps;
            let skipped = row.first * taps + vertical.tap * axis.taps + window.tap;
            let w = Src::new(self.weight).offset(weight + skipped * rows);
            if rows == ROWS {
                let y = tile.rows_mut::<ROWS>(r).map(|row| &mut row[y.clone()]);
                walk.run(x, w, run, y, &self.start(row.first, first + r));
            } else {
                let y = tile.rows_mut::<1>(r).map(|row| &mut row[y.clone()]);
                walk.run(x, w, run, y, &self.start(row.first, first + r));
            }
        }
    }

    /// What outputs from `o` on start from, when input channels from `first` on are added.
    fn start<const R: usize>(&self, first: usize, o: usize) -> Start<R> {
        match (first, self.of.bias) {
            (0, Some(bias)) => Start::Value(std::array::from_fn(|r| bias[o + r])),
            (0, None) => Start::Value([0.0; R]),
            _ => Start::Stored,
        }
    }

    /// Whether so many channels lie a multiple of 4 KB apart that they evict each other from a
    /// first-level cache of eight ways.
    fn crowded(&self, channels: usize) -> bool {
        let shared = (4 * self.channel).trailing_zeros().min(12);
        channels >> (12 - shared) > 4
    }
}
