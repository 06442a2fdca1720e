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

/// Output channels, and streams, of a full tile: nine accumulators.
const ROWS: usize = 3;
const STREAMS: usize = 3;
/// Chunks wanted at least, where there is work for them.
const CHUNKS: usize = 16;
/// Floats of `x` and `dy` that the taps of a tile share while they are in the first-level cache.
const CACHED: usize = 4096;

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
    let tiles = s.oc.div_ceil(ROWS);
    let reduced = s.y().count() * s.oh();
    let cost = reduced * s.ow() * LANES * taps * ROWS;
    let parts = CHUNKS.div_ceil(tiles).min(reduced).min(cost / 32_768).max(1);
    let mut sums = vec![0.0; parts * s.oc * row];
    let chunks = chunk_count(parts * tiles, cost / parts / 4);
    let reduction = Reduction::new(s, x, dy, db.is_some());
    let start = |unit: usize| (unit / tiles * s.oc + unit % tiles * ROWS) * row;
    let units = |chunk| chunk_range(chunk, chunks, parts * tiles, 1);
    for_each_range(
        [&mut sums],
        chunks,
        |chunk| [start(units(chunk).start)..start(units(chunk).end)],
        |chunk, [mut out]| {
            for unit in units(chunk) {
                let o = unit % tiles * ROWS;
                let rows = ROWS.min(s.oc - o);
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
        Self { shape, x, dy, bias, rows, columns }
    }

    /// Output channels `o..o + outputs`, summed over `part` of the rows of all blocks.
    fn tile(&self, o: usize, outputs: usize, part: Range<usize>, out: &mut [f32]) {
        let s = self.shape;
        let (taps, row) = (s.kh * s.kw, s.c * s.kh * s.kw + 1);
        let by_channel = s.c >= STREAMS || s.kh == 1;
        let mut sums = vec![F32x4::zero(); taps * outputs * STREAMS];
        let mut c = 0;
        while c < s.c {
            let streams = if by_channel { STREAMS.min(s.c - c) } else { 1 };
            sums.fill(F32x4::zero());
            self.for_each_group(&part, |block, rows| {
                if by_channel {
                    self.group_by_channel((o, outputs), (c, streams), block, rows, &mut sums);
                } else {
                    self.row_by_kernel_row((o, outputs), c, block, rows.start, &mut sums);
                }
            });
            for t in 0..taps {
                for k in 0..streams {
                    for r in 0..outputs {
                        out[r * row + (c + k) * taps + t] = sums[(t * streams + k) * outputs + r].sum();
                    }
                }
            }
            c += streams;
        }
        for r in 0..if self.bias { outputs } else { 0 } {
            out[r * row + row - 1] = self.sum_of_output(o + r, &part);
        }
    }

    /// Cuts `part` into groups of rows of one block; `CACHED` of `x` and `dy` fit in one.
    fn for_each_group(&self, part: &Range<usize>, mut f: impl FnMut(usize, Range<usize>)) {
        let (s, oh) = (self.shape, self.shape.oh());
        let row = (s.ow() * ROWS + s.w * s.stride.0 * STREAMS) * LANES;
        let group = if s.c >= STREAMS || s.kh == 1 { (CACHED / row).max(1) } else { 1 };
        let mut at = part.start;
        while at < part.end {
            let (block, row) = (at / oh, at % oh);
            let count = group.min(part.end - at).min(oh - row);
            f(block, row..row + count);
            at += count;
        }
    }

    /// What the streams of a tile share in `block`.
    fn dot(&self, block: usize, x_stream: usize) -> Dot {
        let s = self.shape;
        let lanes = s.y().width(block);
        let plain = s.stride.1 == 1;
        Dot {
            rows: 1,
            x_row: s.stride.0 * s.w * lanes,
            dy_row: s.ow() * lanes,
            runs: 1,
            x_run: if plain { 0 } else { s.stride.1 * lanes },
            dy_run: if plain { 0 } else { lanes },
            vectors: lanes / 4,
            x_stream,
            dy_output: s.oh() * s.ow() * lanes,
        }
    }

    /// Sets the length of `dot` to `columns` outputs.
    fn set_columns(&self, dot: &mut Dot, columns: usize, lanes: usize) {
        if self.shape.stride.1 == 1 {
            dot.vectors = columns * lanes / 4;
        } else {
            dot.runs = columns;
        }
    }

    /// `x` of channel `c` at the tap `(u, v)` of output `(i, j)`, and `dy` of channel `o` there.
    fn cursors(
        &self,
        block: usize,
        (o, c): (usize, usize),
        tap: (usize, usize),
        at: (usize, usize),
    ) -> (Src<'_>, Src<'_>) {
        let s = self.shape;
        let lanes = s.y().width(block);
        let row = at.0 * s.stride.0 + tap.0 - s.padding.0;
        let column = at.1 * s.stride.1 + tap.1 - s.padding.1;
        let x = s.x().range(block).start + ((c * s.h + row) * s.w + column) * lanes;
        let dy = s.y().range(block).start + ((o * s.oh() + at.0) * s.ow() + at.1) * lanes;
        (Src::new(self.x).offset(x), Src::new(self.dy).offset(dy))
    }

    fn group_by_channel(
        &self,
        (o, outputs): (usize, usize),
        (c, streams): (usize, usize),
        block: usize,
        rows: Range<usize>,
        sums: &mut [F32x4],
    ) {
        let s = self.shape;
        let lanes = s.y().width(block);
        let mut dot = self.dot(block, s.h * s.w * lanes);
        for (u, valid) in self.rows.iter().enumerate() {
            let rows = rows.start.max(valid.start)..rows.end.min(valid.end);
            if rows.is_empty() {
                continue;
            }
            dot.rows = rows.len();
            for (v, columns) in self.columns.iter().enumerate() {
                if columns.is_empty() {
                    continue;
                }
                self.set_columns(&mut dot, columns.len(), lanes);
                let (x, dy) = self.cursors(block, (o, c), (u, v), (rows.start, columns.start));
                let sums = &mut sums[(u * s.kw + v) * streams * outputs..];
                dot.run(outputs, streams, x, dy, sums, outputs);
            }
        }
    }

    fn row_by_kernel_row(
        &self,
        (o, outputs): (usize, usize),
        c: usize,
        block: usize,
        i: usize,
        sums: &mut [F32x4],
    ) {
        let s = self.shape;
        let lanes = s.y().width(block);
        let mut dot = self.dot(block, s.w * lanes);
        let mut u = 0;
        while u < s.kh {
            let streams = (u..s.kh.min(u + STREAMS)).take_while(|&u| self.rows[u].contains(&i)).count();
            for (v, columns) in self.columns.iter().enumerate() {
                if columns.is_empty() || streams == 0 {
                    continue;
                }
                self.set_columns(&mut dot, columns.len(), lanes);
                let (x, dy) = self.cursors(block, (o, c), (u, v), (i, columns.start));
                let sums = &mut sums[(u * s.kw + v) * outputs..];
                dot.run(outputs, streams, x, dy, sums, s.kw * outputs);
            }
            u += streams.max(1);
        }
    }

    /// The sum of `dy` over `part`, for one channel.
    fn sum_of_output(&self, o: usize, part: &Range<usize>) -> f32 {
        let s = self.shape;
        let mut sums = [F32x4::zero(); 4];
        for at in part.clone() {
            let (block, i) = (at / s.oh(), at % s.oh());
            let row = s.ow() * s.y().width(block);
            let start = s.y().range(block).start + (o * s.oh() + i) * row;
            let dy = Src::new(&self.dy[start..start + row]);
            let whole = row / 16 * 16;
            for v in (0..whole).step_by(16) {
                sums = std::array::from_fn(|k| sums[k] + dy.load(v + 4 * k));
            }
            for v in (whole..row).step_by(4) {
                sums[0] = sums[0] + dy.load(v);
            }
        }
        ((sums[0] + sums[1]) + (sums[2] + sums[3])).sum()
    }
}

/// Dot products of `R` channels of `dy` with `K` streams of `x`, over `rows` of `runs` of
/// `vectors`.
struct Dot {
    rows: usize,
    x_row: usize,
    dy_row: usize,
    runs: usize,
    x_run: usize,
    dy_run: usize,
    vectors: usize,
    x_stream: usize,
    dy_output: usize,
}

impl Dot {
    /// Adds to `sums[k * stream + r]`.
    fn run(&self, outputs: usize, streams: usize, x: Src, dy: Src, sums: &mut [F32x4], stream: usize) {
        match (outputs, streams) {
            (3, 3) => self.tile::<3, 3>(x, dy, sums, stream),
            (3, 2) => self.tile::<3, 2>(x, dy, sums, stream),
            (3, _) => self.tile::<3, 1>(x, dy, sums, stream),
            (2, 3) => self.tile::<2, 3>(x, dy, sums, stream),
            (2, 2) => self.tile::<2, 2>(x, dy, sums, stream),
            (2, _) => self.tile::<2, 1>(x, dy, sums, stream),
            (_, 3) => self.tile::<1, 3>(x, dy, sums, stream),
            (_, 2) => self.tile::<1, 2>(x, dy, sums, stream),
            _ => self.tile::<1, 1>(x, dy, sums, stream),
        }
    }

    #[inline(never)]
    fn tile<const R: usize, const K: usize>(&self, x: Src, dy: Src, sums: &mut [F32x4], stream: usize) {
        let mut tile: [[F32x4; K]; R] =
            std::array::from_fn(|r| std::array::from_fn(|k| sums[k * stream + r]));
        for i in 0..self.rows {
            for j in 0..self.runs {
                let mut x = x.offset(i * self.x_row + j * self.x_run);
                let mut dy = dy.offset(i * self.dy_row + j * self.dy_run);
                for _ in 0..self.vectors {
                    let values: [F32x4; K] = std::array::from_fn(|k| x.load(k * self.x_stream));
                    for (r, sums) in tile.iter_mut().enumerate() {
                        let factor = dy.load(r * self.dy_output);
                        for (sum, value) in sums.iter_mut().zip(values) {
                            *sum = value.mul_add(factor, *sum);
                        }
                    }
                    (x, dy) = (x.offset(4), dy.offset(4));
                }
            }
        }
        for (r, row) in tile.iter().enumerate() {
            for (k, &sum) in row.iter().enumerate() {
                sums[k * stream + r] = sum;
            }
        }
    }
}
