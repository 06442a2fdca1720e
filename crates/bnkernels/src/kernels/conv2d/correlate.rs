//! The loop that forward and backward_input share: each output is a weighted sum over a window of
//! the input, and lies in registers while its window is walked.
//!
//! A tile is `R` output channels × `V` vectors of lanes. In the interior of a row with stride 1,
//! pixels and lanes are one contiguous run, which tiles cut anywhere; elsewhere a tile is a pixel.

use crate::layout::{Blocks, LANES};
use crate::parallel::for_each_block_tile;
use crate::simd::{Dst, F32x4, Src};
use std::ops::Range;

/// Output channels of a full tile.
const ROWS: usize = 2;
/// Vectors of a full tile. Measured: 2 × 4 accumulators; more than nine spill.
const VECTORS: usize = LANES / 4;
/// Taps that are summed before the next tile's turn, so that what a tile reads of the input stays
/// in the first-level cache for its neighbour.
const TAPS: usize = 256;

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
    /// `[outputs][inputs][taps of the row][taps of the column]` for each phase of the rows and,
    /// in it, each phase of the columns.
    pub weight: &'a [f32],
    pub bias: Option<&'a [f32]>,
}

impl Correlation<'_> {
    fn kernel(&self) -> (usize, usize) {
        (self.rows.iter().map(|a| a.taps).sum(), self.columns.iter().map(|a| a.taps).sum())
    }

    fn output_size(&self) -> (usize, usize) {
        (self.rows.iter().map(|a| a.count).sum(), self.columns.iter().map(|a| a.count).sum())
    }

    pub(super) fn run(&self, x: &[f32], y: &mut [f32]) {
        let (oh, ow) = self.output_size();
        let (ih, iw) = (self.rows[0].input, self.columns[0].input);
        let (kh, kw) = self.kernel();
        let input = Blocks::new(self.n, self.inputs * ih * iw);
        let output = Blocks::new(self.n, self.outputs * oh * ow);
        assert_eq!(x.len(), input.len());
        assert_eq!(self.weight.len(), self.outputs * self.inputs * kh * kw);
        assert!(self.bias.is_none_or(|bias| bias.len() == self.outputs));
        if output.is_empty() {
            return;
        }
        let cost = ow * LANES * self.inputs * kh * kw / (self.rows.len() * self.columns.len());
        let grid = grid(output.count(), self.outputs.div_ceil(ROWS), oh, cost * ROWS);
        for_each_block_tile(y, output, self.outputs, grid, (ROWS, ow), |b, mut tile| {
            let lanes = output.width(b);
            let block = BlockRows { of: self, x: &x[input.range(b)], lanes, channel: ih * iw * lanes };
            let (first, channel) = (tile.col / (ow * lanes), tile.row);
            let step = (TAPS * self.rows.len() * self.columns.len() / (kh * kw).max(1)).max(1);
            for i in 0..tile.cols / (ow * lanes) {
                let at = i * ow * lanes;
                for c in (0..self.inputs).step_by(step) {
                    let channels = c..(c + step).min(self.inputs);
                    let mut r = 0;
                    while r + ROWS <= tile.rows {
                        let out = tile.rows_mut::<ROWS>(r).map(|row| &mut row[at..at + ow * lanes]);
                        block.row(first + i, channels.clone(), channel + r, out);
                        r += ROWS;
                    }
                    while r < tile.rows {
                        let out = tile.rows_mut::<1>(r).map(|row| &mut row[at..at + ow * lanes]);
                        block.row(first + i, channels.clone(), channel + r, out);
                        r += 1;
                    }
                }
            }
        });
    }
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

struct BlockRows<'a> {
    of: &'a Correlation<'a>,
    x: &'a [f32],
    lanes: usize,
    /// Elements of one input channel.
    channel: usize,
}

impl BlockRows<'_> {
    /// Adds what `channels` give to output row `i` of channels `o..o + R`; the first channels
    /// start from the bias.
    fn row<const R: usize>(&self, i: usize, channels: Range<usize>, o: usize, out: [&mut [f32]; R]) {
        let Self { of, lanes, .. } = *self;
        let vertical = &of.rows[i % of.rows.len()];
        let step = of.columns.len();
        let window = vertical.window(i / of.rows.len());
        let row = of.columns[0].input * lanes;
        let start = match (channels.start, of.bias) {
            (0, Some(bias)) => Start::Value(std::array::from_fn(|r| bias[o + r])),
            (0, None) => Start::Value([0.0; R]),
            _ => Start::Stored,
        };
        let mut y = out.map(Dst::new);
        let x = Src::new(self.x).offset(channels.start * self.channel + window.at * row);
        for (phase, axis) in of.columns.iter().enumerate() {
            let taps = vertical.taps * axis.taps;
            let weight =
                of.outputs * of.inputs * (vertical.before * of.kernel().1 + vertical.taps * axis.before)
                    + (o * of.inputs + channels.start) * taps
                    + window.tap * axis.taps;
            let walk = Walk {
                channels: channels.len(),
                rows: window.taps,
                lanes,
                x_channel: self.channel,
                x_row: row,
                w_output: of.inputs * taps,
                w_channel: taps,
                w_row: axis.taps,
            };
            let weight = Src::new(of.weight).offset(weight);
            let mut pixel = |j: usize| {
                let w = axis.window(j);
                let run = Run { at: (j * step + phase) * lanes, tiles: 1, x_step: 0, y_step: 0 };
                walk.run(
                    lanes / 4,
                    x.offset(w.at * lanes),
                    weight.offset(w.tap),
                    w.taps,
                    run,
                    &mut y,
                    &start,
                );
            };
            let interior = axis.interior();
            (0..interior.start).for_each(&mut pixel);
            (interior.end..axis.count).for_each(&mut pixel);
            if interior.is_empty() {
                continue;
            }
            let at = (interior.start * axis.stride) as isize + axis.offset;
            let x = x.offset(at as usize * lanes);
            let at = (interior.start * step + phase) * lanes;
            if axis.stride == 1 && step == 1 {
                let vectors = interior.len() * lanes / 4;
                let whole = vectors / VECTORS;
                let run = Run { at, tiles: whole, x_step: VECTORS * 4, y_step: VECTORS * 4 };
                walk.run(VECTORS, x, weight, axis.taps, run, &mut y, &start);
                let done = whole * VECTORS * 4;
                let run = Run { at: at + done, tiles: 1, x_step: 0, y_step: 0 };
                walk.run(vectors % VECTORS, x.offset(done), weight, axis.taps, run, &mut y, &start);
            } else {
                let (x_step, y_step) = (axis.stride * lanes, step * lanes);
                let run = Run { at, tiles: interior.len(), x_step, y_step };
                walk.run(lanes / 4, x, weight, axis.taps, run, &mut y, &start);
            }
        }
    }
}

/// What the accumulators start from.
enum Start<const R: usize> {
    Value([f32; R]),
    Stored,
}

/// Tiles, `at` and each `step` further.
#[derive(Clone, Copy)]
struct Run {
    at: usize,
    tiles: usize,
    x_step: usize,
    y_step: usize,
}

/// How a window's channels and rows lie in the input and in the weight.
struct Walk {
    channels: usize,
    rows: usize,
    lanes: usize,
    x_channel: usize,
    x_row: usize,
    w_output: usize,
    w_channel: usize,
    w_row: usize,
}

impl Walk {
    /// Picks the code for `vectors` a tile and `taps` a row; full tiles have their own for the
    /// usual taps.
    #[inline(always)]
    fn run<const R: usize>(
        &self,
        vectors: usize,
        x: Src,
        w: Src,
        taps: usize,
        run: Run,
        y: &mut [Dst; R],
        start: &Start<R>,
    ) {
        match (vectors, taps) {
            (4, 1) => self.tiles::<R, 4, 1>(x, w, taps, run, y, start),
            (4, 2) => self.tiles::<R, 4, 2>(x, w, taps, run, y, start),
            (4, 3) => self.tiles::<R, 4, 3>(x, w, taps, run, y, start),
            (4, 4) => self.tiles::<R, 4, 4>(x, w, taps, run, y, start),
            (4, 5) => self.tiles::<R, 4, 5>(x, w, taps, run, y, start),
            (4, _) => self.tiles::<R, 4, 0>(x, w, taps, run, y, start),
            (3, _) => self.tiles::<R, 3, 0>(x, w, taps, run, y, start),
            (2, _) => self.tiles::<R, 2, 0>(x, w, taps, run, y, start),
            (1, _) => self.tiles::<R, 1, 0>(x, w, taps, run, y, start),
            _ => (),
        }
    }

    /// `run.tiles` tiles of `R` outputs × `V` vectors, with `K` taps a row (`taps` if `K` is 0).
    #[inline(never)]
    fn tiles<const R: usize, const V: usize, const K: usize>(
        &self,
        x: Src,
        w: Src,
        taps: usize,
        run: Run,
        y: &mut [Dst; R],
        start: &Start<R>,
    ) {
        let taps = if K == 0 { taps } else { K };
        let Self { channels, rows, lanes, .. } = *self;
        for tile in 0..run.tiles {
            let at = run.at + tile * run.y_step;
            let mut sums: [[F32x4; V]; R] = match start {
                Start::Value(values) => values.map(|value| [F32x4::splat(value); V]),
                Start::Stored => std::array::from_fn(|r| std::array::from_fn(|v| y[r].load(at + 4 * v))),
            };
            let (mut xc, mut wc) = (x.offset(tile * run.x_step), w);
            for _ in 0..channels {
                let (mut xr, mut wr) = (xc, wc);
                for _ in 0..rows {
                    let mut xt = xr;
                    for k in 0..taps {
                        let values: [F32x4; V] = std::array::from_fn(|v| xt.load(4 * v));
                        for (r, sums) in sums.iter_mut().enumerate() {
                            let factor = wr.load_splat(r * self.w_output + k);
                            for (sum, value) in sums.iter_mut().zip(values) {
                                *sum = value.mul_add(factor, *sum);
                            }
                        }
                        xt = xt.offset(lanes);
                    }
                    xr = xr.offset(self.x_row);
                    wr = wr.offset(self.w_row);
                }
                xc = xc.offset(self.x_channel);
                wc = wc.offset(self.w_channel);
            }
            for (y, sums) in y.iter_mut().zip(sums) {
                for (v, sum) in sums.into_iter().enumerate() {
                    y.store(at + 4 * v, sum);
                }
            }
        }
    }
}
