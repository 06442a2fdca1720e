//! The gradient with respect to the weight and the bias:
//! `dw[o][c][u][v] = Σ dy[n][o][i][j] · x[n][c][i·sh + u − ph][j·sw + v − pw]` over the batch and
//! the outputs `i`, `j` whose tap exists, and `db[o] = Σ dy[n][o][i][j]`.
//!
//! Each element is a dot product; a register tile computes `R` output channels × `K` streams of
//! `x`, which are channels (of one tap) or, where there are few channels, the rows of the kernel
//! (in one column). For a given tap the outputs that have it form a rectangle, so nothing is
//! clipped inside the loops. The rows of all blocks are cut into parts by the shape; parts are
//! summed in order.

use super::dot::Dot;
use super::Conv2dShape;
use crate::layout::LANES;
use crate::parallel::{chunk_count, chunk_range, for_each_range};
use crate::simd::F32x4;
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
    dw: Option<&mut [f32]>,
    db: Option<&mut [f32]>,
) {
    assert!(dw.as_ref().is_none_or(|dw| dw.len() == shape.weight()));
    assert!(db.as_ref().is_none_or(|db| db.len() == shape.oc));
    if shape.n == 0 {
        dw.into_iter().for_each(|dw| dw.fill(0.0));
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
        move |chunk, [mut out]| {
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
    if let Some(dw) = dw {
        for (to, from) in dw.chunks_exact_mut(taps).zip(first.chunks_exact(row)) {
            to.copy_from_slice(&from[..taps]);
        }
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
            let streams = if self.by_channel { self.next_streams(s.c - c) } else { 1 };
            sums.fill(F32x4::zero());
            self.for_each_group(&part, |block, rows| {
                let dot = Dot::new(s, (self.x, self.dy), block, (o, outputs), c, self.by_channel);
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

    /// How many of the `left` streams the next tile takes: no more than a full one's, and no single
    /// one at the end that a neighbour could take.
    fn next_streams(&self, left: usize) -> usize {
        left.div_ceil(left.div_ceil(self.streams))
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
    fn group_by_channel(&self, dot: Dot, streams: usize, rows: Range<usize>, sums: &mut [F32x4]) {
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
    fn group_by_kernel_row(&self, dot: Dot, rows: Range<usize>, sums: &mut [F32x4]) {
        let (kh, outputs) = (self.shape.kh, dot.outputs);
        // The rows of the kernel that an output row has are neighbours, and most have the same.
        let taps = |i: usize| {
            let first = self.rows.iter().take_while(|rows| !rows.contains(&i)).count();
            (first, self.rows.iter().filter(|rows| rows.contains(&i)).count())
        };
        let mut i = rows.start;
        while i < rows.end {
            let (first, count) = taps(i);
            let same = (i..rows.end).take_while(|&i| taps(i) == (first, count)).count();
            let mut u = first;
            while u < first + count {
                let streams = self.next_streams(first + count - u);
                for (v, columns) in self.columns.iter().enumerate() {
                    let at = (v * kh + u) * outputs;
                    dot.run((u, v), i..i + same, columns.clone(), &mut sums[at..at + streams * outputs]);
                }
                u += streams;
            }
            i += same;
        }
    }
}
