//! The gradient with respect to the weight and the bias:
//! `dw[o][c][u][v] = Σ dy[n][o][i][j] · x[n][c][i·sh + u − ph][j·sw + v − pw]` over the batch and
//! the outputs `i`, `j` whose tap exists, and `db[o] = Σ dy[n][o][i][j]`.
//!
//! Each element is a dot product; a register tile computes `R` output channels × `K` streams of
//! `x`, which are channels (of one tap) or, where there are few channels, the rows of the kernel
//! (in one column). For a given tap the outputs that have it form a rectangle, so nothing is
//! clipped inside the loops. The rows of all blocks are cut into parts by the shape; parts are
//! summed in order.

use super::Conv2dShape;
use crate::layout::LANES;
use crate::parallel::{chunk_count, chunk_range, for_each_range};
use crate::simd::{F32x4, Src};
use std::ops::Range;

/// Output channels, and streams, of a full tile. Its sums, what is loaded for them, and a product
/// if it is not fused with the sum, are at most the 15 vectors that V8 has.
fn tile_size(shape: &Conv2dShape) -> (usize, usize) {
    let balanced = |most| shape.oc.div_ceil(shape.oc.div_ceil(most));
    match if by_channel(shape) { shape.c } else { shape.kh } {
        count if cfg!(target_feature = "relaxed-simd") && count > 2 => (balanced(3), 3),
        3 => (balanced(2), 3),
        _ => (balanced(4), 2),
    }
}

/// Whether the streams of a tile are channels, not rows of the kernel.
fn by_channel(shape: &Conv2dShape) -> bool {
    shape.c > 1 || shape.kh == 1
}

/// Chunks wanted at least, where there is work for them.
const CHUNKS: usize = 16;
/// Floats of `x` and `dy` that the taps of a tile share while they are in the first-level cache.
const CACHED: usize = 8192;

/// Overwrites `dw` and `db`; `x` and `dy` in lanes.
pub fn conv2d_backward_weight(
    shape: &Conv2dShape,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    db: Option<&mut [f32]>,
) {
    assert_eq!(dw.len(), shape.weight());
    assert!(db.as_ref().is_none_or(|db| db.len() == shape.oc));
    if shape.n == 0 {
        dw.fill(0.0);
        db.into_iter().for_each(|db| db.fill(0.0));
        return;
    }
    assert_eq!(x.len(), shape.x().len());
    assert_eq!(dy.len(), shape.y().len());
    let s = shape;
    let taps = s.c * s.kh * s.kw;
    // An output channel's row of a part: its taps, then its bias.
    let row = taps + 1;
    let (rows, _) = tile_size(s);
    let tiles = s.oc.div_ceil(rows);
    let reduced = s.y().count() * s.oh();
    let cost = reduced * s.ow() * LANES * taps * rows;
    let parts = CHUNKS.div_ceil(tiles).min(reduced).min(cost / 32_768).max(1);
    let mut sums = vec![0.0; parts * s.oc * row];
    let chunks = chunk_count(parts * tiles, cost / parts / 4);
    let reduction = Reduction::new(s, x, dy, db.is_some());
    let start = |unit: usize| (unit / tiles * s.oc + unit % tiles * rows) * row;
    let units = |chunk| chunk_range(chunk, chunks, parts * tiles, 1);
    for_each_range(
        [&mut sums],
        chunks,
        |chunk| [start(units(chunk).start)..start(units(chunk).end)],
        |chunk, [mut out]| {
            for unit in units(chunk) {
                let o = unit % tiles * rows;
                let rows = rows.min(s.oc - o);
                let (mine, rest) = std::mem::take(&mut out).split_at_mut(rows * row);
                out = rest;
                let part = chunk_range(unit / tiles, parts, reduced, 1);
                reduction.tile(o, rows, part, mine);
            }
        },
    );
    let (first, others) = sums.split_at_mut(s.oc * row);
    for part in others.chunks_exact(s.oc * row) {
        first.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
    }
    for (to, from) in dw.chunks_exact_mut(taps).zip(first.chunks_exact(row)) {
        to.copy_from_slice(&from[..taps]);
    }
    for (to, from) in db.into_iter().flatten().zip(first.chunks_exact(row)) {
        *to = from[taps];
    }
}

struct Reduction<'a> {
    shape: &'a Conv2dShape,
    x: &'a [f32],
    dy: &'a [f32],
    bias: bool,
    by_channel: bool,
    /// Output channels, and streams, of a full tile.
    outputs: usize,
    streams: usize,
    /// For each row and column of the kernel, the outputs whose tap exists.
    rows: Vec<Range<usize>>,
    columns: Vec<Range<usize>>,
}

/// Outputs `i` of `count` with `0 <= i * stride + tap - padding < size`, for each tap.
fn outputs(count: usize, taps: usize, stride: usize, padding: usize, size: usize) -> Vec<Range<usize>> {
    (0..taps)
        .map(|tap| {
            let low = padding.saturating_sub(tap).div_ceil(stride).min(count);
            low..(size + padding).saturating_sub(tap).div_ceil(stride).clamp(low, count)
        })
        .collect()
}

impl<'a> Reduction<'a> {
    fn new(shape: &'a Conv2dShape, x: &'a [f32], dy: &'a [f32], bias: bool) -> Self {
        let s = shape;
        let rows = outputs(s.oh(), s.kh, s.stride.0, s.padding.0, s.h);
        let columns = outputs(s.ow(), s.kw, s.stride.1, s.padding.1, s.w);
        let (outputs, streams) = tile_size(s);
        Self { shape, x, dy, bias, by_channel: by_channel(s), outputs, streams, rows, columns }
    }

    /// Output channels `o..o + outputs`, summed over `part` of the rows of all blocks.
    fn tile(&self, o: usize, outputs: usize, part: Range<usize>, out: &mut [f32]) {
        let s = self.shape;
        let (taps, row) = (s.kh * s.kw, s.c * s.kh * s.kw + 1);
        let mut sums = vec![F32x4::zero(); taps * outputs * self.streams];
        let mut bias = [F32x4::zero(); 4];
        let mut c = 0;
        while c < s.c {
            let streams = if self.by_channel { self.streams.min(s.c - c) } else { 1 };
            sums.fill(F32x4::zero());
            self.for_each_group(&part, |block, rows| {
                let dot = Dot::new(self, block, (o, outputs), c);
                if self.bias && c == 0 {
                    let sums = bias.iter_mut().take(outputs).enumerate();
                    sums.for_each(|(r, sum)| *sum = *sum + dot.sum_of_output(r, &rows));
                }
                if self.by_channel {
                    self.group_by_channel(dot, streams, rows, &mut sums);
                } else {
                    self.group_by_kernel_row(dot, rows, &mut sums);
                }
            });
            for t in 0..taps {
                for k in 0..streams {
                    let at = if self.by_channel { t * streams + k } else { t % s.kw * s.kh + t / s.kw };
                    for r in 0..outputs {
                        out[r * row + (c + k) * taps + t] = sums[at * outputs + r].sum();
                    }
                }
            }
            c += streams;
        }
        for (row, sum) in out.chunks_exact_mut(row).zip(bias) {
            row[taps * s.c] = sum.sum();
        }
    }

    /// Cuts `part` into groups of rows of one block; `CACHED` of `x` and `dy` fit in one.
    fn for_each_group(&self, part: &Range<usize>, mut f: impl FnMut(usize, Range<usize>)) {
        let (s, oh) = (self.shape, self.shape.oh());
        let channels = if self.by_channel { self.streams } else { 1 };
        let row = (s.ow() * self.outputs + s.w * s.stride.0 * channels) * LANES;
        let group = (CACHED / row).max(1);
        let mut at = part.start;
        while at < part.end {
            let (block, row) = (at / oh, at % oh);
            let left = (part.end - at).min(oh - row);
            let count = left.div_ceil(left.div_ceil(group));
            f(block, row..row + count);
            at += count;
        }
    }

    /// Sums lie as `[taps][streams][outputs]`.
    fn group_by_channel(&self, mut dot: Dot, streams: usize, rows: Range<usize>, sums: &mut [F32x4]) {
        dot.x_stream = dot.x_row * self.shape.h;
        let sums = sums.chunks_exact_mut(streams * dot.outputs);
        let taps = self.rows.iter().enumerate().flat_map(|(u, rows)| {
            self.columns.iter().enumerate().map(move |(v, columns)| (u, rows, v, columns))
        });
        for ((u, valid, v, columns), sums) in taps.zip(sums) {
            let rows = rows.start.max(valid.start)..rows.end.min(valid.end);
            dot.run((u, v), rows, columns.clone(), sums);
        }
    }

    /// Sums lie as `[columns of the kernel][rows of the kernel][outputs]`.
    fn group_by_kernel_row(&self, mut dot: Dot, rows: Range<usize>, sums: &mut [F32x4]) {
        let kh = self.shape.kh;
        dot.x_stream = dot.x_row;
        // The rows of the kernel that an output row has are neighbours, and most have the same.
        let taps = |i: usize| {
            let first = self.rows.iter().take_while(|rows| !rows.contains(&i)).count();
            (first, self.rows.iter().filter(|rows| rows.contains(&i)).count())
        };
        let mut i = rows.start;
        while i < rows.end {
            let (first, count) = taps(i);
            let same = (i..rows.end).take_while(|&i| taps(i) == (first, count)).count();
            for u in (first..first + count).step_by(self.streams) {
                let streams = self.streams.min(first + count - u);
                for (v, columns) in self.columns.iter().enumerate() {
                    let at = (v * kh + u) * dot.outputs;
                    let sums = &mut sums[at..at + streams * dot.outputs];
                    dot.run((u, v), i..i + same, columns.clone(), sums);
                }
            }
            i += same;
        }
    }
}

/// Dot products of some channels of `dy` with some streams of `x`, in a block.
struct Dot<'a> {
    shape: &'a Conv2dShape,
    x: Src<'a>,
    dy: Src<'a>,
    lanes: usize,
    outputs: usize,
    x_row: usize,
    x_stream: usize,
    dy_row: usize,
    dy_output: usize,
}

/// Rows of runs of vectors, and how far apart they are.
struct Area {
    rows: usize,
    x_row: usize,
    dy_row: usize,
    runs: usize,
    x_run: usize,
    dy_run: usize,
    vectors: usize,
}

impl<'a> Dot<'a> {
    fn new(of: &'a Reduction, block: usize, (o, outputs): (usize, usize), c: usize) -> Self {
        let s = of.shape;
        let lanes = s.y().width(block);
        let (x_row, dy_row) = (s.w * lanes, s.ow() * lanes);
        let x = &of.x[s.x().range(block)][c * s.h * x_row..];
        let dy = &of.dy[s.y().range(block)][o * s.oh() * dy_row..];
        let dy_output = s.oh() * dy_row;
        let (x, dy) = (Src::new(x), Src::new(dy));
        Self { shape: s, x, dy, lanes, outputs, x_row, x_stream: 0, dy_row, dy_output }
    }

    /// Adds to `sums`, `[streams][outputs]`, what the outputs in `rows` and `columns` give to a tap.
    fn run(&self, tap: (usize, usize), rows: Range<usize>, columns: Range<usize>, sums: &mut [F32x4]) {
        let Self { shape: s, lanes, .. } = *self;
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        let row = rows.start * s.stride.0 + tap.0 - s.padding.0;
        let column = columns.start * s.stride.1 + tap.1 - s.padding.1;
        let x = self.x.offset(row * self.x_row + column * lanes);
        let dy = self.dy.offset(rows.start * self.dy_row + columns.start * lanes);
        let (runs, run) = if s.stride.1 == 1 { (1, columns.len()) } else { (columns.len(), 1) };
        let area = Area {
            rows: rows.len(),
            x_row: s.stride.0 * self.x_row,
            dy_row: self.dy_row,
            runs,
            x_run: s.stride.1 * lanes,
            dy_run: lanes,
            vectors: run * lanes / 4,
        };
        match (self.outputs, sums.len() / self.outputs) {
            (3, 3) => self.tile::<3, 3>(&area, x, dy, sums),
            (2, 3) => self.tile::<2, 3>(&area, x, dy, sums),
            (1, 3) => self.tile::<1, 3>(&area, x, dy, sums),
            (4, 2) => self.tile::<4, 2>(&area, x, dy, sums),
            (3, 2) => self.tile::<3, 2>(&area, x, dy, sums),
            (2, 2) => self.tile::<2, 2>(&area, x, dy, sums),
            (1, 2) => self.tile::<1, 2>(&area, x, dy, sums),
            (4, _) => self.tile::<4, 1>(&area, x, dy, sums),
            (3, _) => self.tile::<3, 1>(&area, x, dy, sums),
            (2, _) => self.tile::<2, 1>(&area, x, dy, sums),
            _ => self.tile::<1, 1>(&area, x, dy, sums),
        }
    }

    /// The sum of output channel `r` of the tile over `rows`.
    fn sum_of_output(&self, r: usize, rows: &Range<usize>) -> F32x4 {
        let dy = self.dy.offset(r * self.dy_output + rows.start * self.dy_row);
        let length = rows.len() * self.dy_row;
        let whole = length / 16 * 16;
        let mut sums = [F32x4::zero(); 4];
        for at in (0..whole).step_by(16) {
            sums = std::array::from_fn(|k| sums[k] + dy.load(at + 4 * k));
        }
        for at in (whole..length).step_by(4) {
            sums[0] = sums[0] + dy.load(at);
        }
        (sums[0] + sums[1]) + (sums[2] + sums[3])
    }

    #[inline(never)]
    fn tile<const R: usize, const K: usize>(&self, area: &Area, x: Src, dy: Src, sums: &mut [F32x4]) {
        assert_eq!(sums.len(), R * K);
        let mut tile: [[F32x4; K]; R] = std::array::from_fn(|r| std::array::from_fn(|k| sums[k * R + r]));
        let (x_stream, dy_output) = (self.x_stream, self.dy_output);
        for i in 0..area.rows {
            for j in 0..area.runs {
                let mut x = x.offset(i * area.x_row + j * area.x_run);
                let mut dy = dy.offset(i * area.dy_row + j * area.dy_run);
                let mut left = area.vectors;
                // Four vectors have one step of the pointers; an exit after each keeps the compilers
                // from mixing them, for which there are too few registers.
                loop {
                    let xs: [Src; K] = std::array::from_fn(|k| x.offset(k * x_stream));
                    let dys: [Src; R] = std::array::from_fn(|r| dy.offset(r * dy_output));
                    add_products(xs, dys, 0, &mut tile);
                    if left == 1 {
                        break;
                    }
                    add_products(xs, dys, 4, &mut tile);
                    if left == 2 {
                        break;
                    }
                    add_products(xs, dys, 8, &mut tile);
                    if left == 3 {
                        break;
                    }
                    add_products(xs, dys, 12, &mut tile);
                    if left == 4 {
                        break;
                    }
                    left -= 4;
                    (x, dy) = (x.offset(16), dy.offset(16));
                }
            }
        }
        for (r, row) in tile.iter().enumerate() {
            for (k, &sum) in row.iter().enumerate() {
                sums[k * R + r] = sum;
            }
        }
    }
}

/// Adds to each sum the product of its vectors `at` floats from the cursors.
#[inline(always)]
fn add_products<const R: usize, const K: usize>(
    x: [Src; K],
    dy: [Src; R],
    at: usize,
    sums: &mut [[F32x4; K]; R],
) {
    let values = x.map(|x| x.load(at));
    for (dy, sums) in dy.iter().zip(sums) {
        let factor = dy.load(at);
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = value.mul_add(factor, *sum);
        }
    }
}
