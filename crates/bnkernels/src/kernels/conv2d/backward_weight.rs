//! The gradient with respect to the weight and the bias:
//! `dw[o][c][u][v] = Σ dy[n][o][i][j] · x[n][c][i·sh + u·dh − ph][j·sw + v·dw − pw]` over the batch and
//! the outputs `i`, `j` whose tap exists, and `db[o] = Σ dy[n][o][i][j]`.
//!
//! Each element is a dot product; a register tile computes `R` output channels × `K` streams of
//! `x`, which are channels (of one tap) or, where there are few channels, the rows of the kernel
//! (in one column). For a given tap the outputs that have it form a rectangle, so nothing is
//! clipped inside the loops. The rows of all blocks are cut into parts by the shape; parts are
//! summed in order. Where a part is long, what its sums gather is moved to totals time and again, with
//! what these lose beside them: then the size of the batch costs no digits.

use super::dot::Dot;
use super::{dilated, few, line, winograd, Conv2dShape};
use crate::kernels::reduce::{sum_run, RUN};
use crate::layout::LANES;
use crate::parallel::scratch::{per_thread, take};
use crate::parallel::{beat, chunk_count, chunk_range, for_each_part, for_each_range, OutOfMemory};
use crate::simd::F32x4;
use std::ops::Range;

/// Output channels, and streams, of a full tile. Its sums, what is loaded for them, and a product
/// if it is not fused with the sum, are at most the 15 vectors that V8 has.
fn tile_size(shape: &Conv2dShape) -> (usize, usize) {
    let outputs = shape.oc_of_group();
    if outputs == 1 && shape.groups > 1 {
        return (1, 3);
    }
    let balanced = |most| outputs.div_ceil(outputs.div_ceil(most));
    match if by_channel(shape) { shape.c_of_group() } else { shape.kh } {
        count if cfg!(target_feature = "relaxed-simd") && count > 2 => (balanced(3), 3),
        3 => (balanced(2), 3),
        _ => (balanced(4), 2),
    }
}

/// Whether the streams of a tile are channels, not rows of the kernel.
fn by_channel(shape: &Conv2dShape) -> bool {
    shape.c_of_group() > 1 || shape.kh == 1
}

/// Chunks wanted at least, where there is work for them.
const CHUNKS: usize = 16;
/// Floats of `x` and `dy` that the taps of a tile share while they are in the first-level cache.
const CACHED: usize = 8192;

/// Terms of a lane that one running sum gathers: more than that in a part, and it is closed whenever it
/// has about `CLOSED` of them.
const LONG: usize = 8192;
const CLOSED: usize = 256;

/// Overwrites `dw` and `db`; `x` and `dy` in lanes.
pub fn conv2d_backward_weight(
    shape: &Conv2dShape,
    x: &[f32],
    dy: &[f32],
    dw: Option<&mut [f32]>,
    db: Option<&mut [f32]>,
) -> Result<(), OutOfMemory> {
    assert!(dw.as_ref().is_none_or(|dw| dw.len() == shape.weight()));
    assert!(db.as_ref().is_none_or(|db| db.len() == shape.oc));
    assert_eq!(x.len(), shape.x().len());
    assert_eq!(dy.len(), shape.y().len());
    let s = shape;
    let taps = s.c_of_group() * s.kh * s.kw;
    let nothing = x.is_empty() || dy.is_empty();
    let dw = match dw {
        Some(dw) if !nothing => dw,
        other => {
            other.into_iter().for_each(|dw| dw.fill(0.0));
            db.into_iter().for_each(|db| sum_outputs(s, dy, db));
            return Ok(());
        }
    };
    if line::pays(s) {
        return line::backward_weight(s, x, dy, dw, db);
    }
    if let Some(dilated) = dilated::where_faster(s) {
        return dilated.backward_weight(x, dy, dw, db);
    }
    if winograd::pays(s) {
        return winograd::backward_weight(s, x, dy, dw, db);
    }
    if few::pays(s) {
        return few::backward_weight(s, x, dy, dw, db);
    }
    // An output channel's row of a part: its taps, then its bias.
    let row = taps + 1;
    let (rows, _) = tile_size(s);
    let tiles_of_group = s.oc_of_group().div_ceil(rows);
    let tiles = s.groups * tiles_of_group;
    // Output channels of a tile: those of one group.
    let outputs = |tile: usize| {
        let (group, first) = (tile / tiles_of_group, tile % tiles_of_group * rows);
        (group * s.oc_of_group() + first, rows.min(s.oc_of_group() - first))
    };
    let reduced = s.y().count() * s.oh();
    let cost = reduced * s.ow() * LANES * taps * rows;
    let parts = CHUNKS.div_ceil(tiles).min(reduced).min(cost / 32_768).max(1);
    let mut sums = take(parts * s.oc * row)?;
    let chunks = chunk_count(parts * tiles, cost / parts / 4);
    let long = reduced.div_ceil(parts) * terms(s, 1) > LONG;
    let reduction = Reduction::new(s, x, dy, db.is_some(), long);
    let sets = if reduction.long { 3 } else { 1 };
    let scratch = per_thread(sets * 4 * s.kh * s.kw * reduction.outputs * reduction.streams)?;
    let scratch = &scratch;
    let start = |unit: usize| (unit / tiles * s.oc + outputs(unit % tiles).0) * row;
    let units = |chunk| chunk_range(chunk, chunks, parts * tiles, 1);
    for_each_range(
        [&mut sums],
        chunks,
        |chunk| [start(units(chunk).start)..start(units(chunk).end)],
        move |chunk, [mut out]| {
            scratch.with(|scratch| {
                let scratch = F32x4::vectors_mut(scratch);
                for unit in units(chunk) {
                    let (o, rows) = outputs(unit % tiles);
                    let (mine, rest) = std::mem::take(&mut out).split_at_mut(rows * row);
                    out = rest;
                    let part = chunk_range(unit / tiles, parts, reduced, 1);
                    reduction.tile(o, rows, part, scratch, mine);
                }
            });
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
    Ok(())
}

/// `db` alone: the padding lanes of `dy` are zero.
pub(super) fn sum_outputs(shape: &Conv2dShape, dy: &[f32], db: &mut [f32]) {
    let (oc, blocks) = (shape.oc, shape.y());
    for_each_part([db], [1], (oc, blocks.len() / oc.max(1), 1), |channels, [db]| {
        for (o, db) in channels.zip(db) {
            let planes =
                (0..blocks.count()).map(|b| blocks.item(oc, b * oc + o)..blocks.item(oc, b * oc + o + 1));
            *db = planes.flat_map(|plane| dy[plane].chunks(RUN)).map(sum_run).sum::<f64>() as f32;
        }
    });
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
    /// Whether sums are closed on the way.
    long: bool,
}

/// How many terms some rows of outputs give to a lane, at most.
fn terms(s: &Conv2dShape, rows: usize) -> usize {
    rows * s.ow() * (LANES / 4)
}

/// Moves sums to their totals; `lost` is what these lack.
fn close(sums: &mut [F32x4], totals: &mut [F32x4], lost: &mut [F32x4]) {
    for ((sum, total), lost) in sums.iter_mut().zip(totals).zip(lost) {
        let (new, error) = total.two_sum(*sum);
        (*sum, *total, *lost) = (F32x4::zero(), new, *lost + error);
    }
}

/// The sum of the lanes of a total and what it lacks.
fn sum_closed(total: F32x4, lost: F32x4) -> f32 {
    let lanes = total.to_array().into_iter().chain(lost.to_array());
    lanes.map(f64::from).sum::<f64>() as f32
}

/// Outputs `i` of `count` with `0 <= i * stride + tap - padding < size`; `tap` counts inputs.
pub(super) fn outputs(count: usize, tap: usize, stride: usize, padding: usize, size: usize) -> Range<usize> {
    // Divisions are slow, and mostly there are none.
    let strides = |n: usize| if stride == 1 { n } else { n.div_ceil(stride) };
    let low = strides(padding.saturating_sub(tap)).min(count);
    low..strides((size + padding).saturating_sub(tap)).clamp(low, count)
}

impl<'a> Reduction<'a> {
    fn new(shape: &'a Conv2dShape, x: &'a [f32], dy: &'a [f32], bias: bool, long: bool) -> Self {
        let s = shape;
        let (outputs, streams) = tile_size(s);
        Self { shape, x, dy, bias, by_channel: by_channel(s), outputs, streams, long }
    }

    /// The outputs that have row `u` of the kernel.
    fn rows(&self, u: usize) -> Range<usize> {
        let s = self.shape;
        outputs(s.oh(), u * s.dilation.0, s.stride.0, s.padding.0, s.h)
    }

    /// The outputs that have column `v` of the kernel.
    fn columns(&self, v: usize) -> Range<usize> {
        let s = self.shape;
        outputs(s.ow(), v * s.dilation.1, s.stride.1, s.padding.1, s.w)
    }

    /// Output channels `o..o + outputs`, summed over `part` of the rows of all blocks. `scratch` are the
    /// sums of a full tile for all taps, and if they are `long`, their totals and what these lack.
    fn tile(&self, o: usize, outputs: usize, part: Range<usize>, scratch: &mut [F32x4], out: &mut [f32]) {
        let s = self.shape;
        let c_of_group = s.c_of_group();
        let (taps, row) = (s.kh * s.kw, c_of_group * s.kh * s.kw + 1);
        let first = o / s.oc_of_group() * c_of_group;
        let (sums, totals) = scratch.split_at_mut(taps * self.outputs * self.streams);
        let (totals, lost) = totals.split_at_mut(totals.len() / 2);
        let mut bias = [F32x4::zero(); 4];
        let mut bias_lost = [F32x4::zero(); 4];
        let mut c = 0;
        while c < c_of_group {
            let streams = if self.by_channel { self.next_streams(c_of_group - c) } else { 1 };
            [&mut *sums, totals, lost].into_iter().for_each(|all| all.fill(F32x4::zero()));
            self.for_each_group(&part, |block, rows| {
                let dot = Dot::new(s, (self.x, self.dy), block, (o, outputs), first + c, self.by_channel);
                if self.bias && c == 0 {
                    for (r, sum) in bias.iter_mut().take(outputs).enumerate() {
                        let more = dot.sum_of_output(r, &rows);
                        if self.long {
                            close(&mut [more], std::slice::from_mut(sum), &mut bias_lost[r..=r]);
                        } else {
                            *sum = *sum + more;
                        }
                    }
                }
                if self.by_channel {
                    self.group_by_channel(dot, streams, rows, sums);
                } else {
                    self.group_by_kernel_row(dot, rows, sums);
                }
                if self.long {
                    close(sums, totals, lost);
                }
            });
            for t in 0..taps {
                for k in 0..streams {
                    let at = if self.by_channel { t * streams + k } else { t % s.kw * s.kh + t / s.kw };
                    for r in 0..outputs {
                        let at = at * outputs + r;
                        let sum = if self.long { sum_closed(totals[at], lost[at]) } else { sums[at].sum() };
                        out[r * row + (c + k) * taps + t] = sum;
                    }
                }
            }
            c += streams;
        }
        for (row, (sum, lost)) in out.chunks_exact_mut(row).zip(bias.into_iter().zip(bias_lost)) {
            row[taps * c_of_group] = if self.long { sum_closed(sum, lost) } else { sum.sum() };
        }
    }

    /// How many of the `left` streams the next tile takes: no more than a full one's, and no single
    /// one at the end that a neighbour could take.
    fn next_streams(&self, left: usize) -> usize {
        left.div_ceil(left.div_ceil(self.streams))
    }

    /// Cuts `part` into groups of rows of one block; `CACHED` of `x` and `dy` fit in one, and no more terms
    /// than are closed together.
    fn for_each_group(&self, part: &Range<usize>, mut f: impl FnMut(usize, Range<usize>)) {
        let (s, oh) = (self.shape, self.shape.oh());
        let channels = if self.by_channel { self.streams } else { 1 };
        let row = (s.ow() * self.outputs + s.w * s.stride.0 * channels) * LANES;
        let most = if self.long { CLOSED / terms(s, 1) } else { usize::MAX };
        let group = (CACHED / row).min(most).max(1);
        let mut at = part.start;
        while at < part.end {
            let (block, row) = (at / oh, at % oh);
            let left = (part.end - at).min(oh - row);
            let count = left.div_ceil(left.div_ceil(group));
            beat();
            f(block, row..row + count);
            at += count;
        }
    }

    /// Sums lie as `[taps][streams][outputs]`.
    fn group_by_channel(&self, dot: Dot, streams: usize, rows: Range<usize>, sums: &mut [F32x4]) {
        let mut sums = sums.chunks_exact_mut(streams * dot.outputs);
        for u in 0..self.shape.kh {
            let valid = self.rows(u);
            let rows = rows.start.max(valid.start)..rows.end.min(valid.end);
            for (v, sums) in (0..self.shape.kw).zip(&mut sums) {
                dot.run((u, v), rows.clone(), self.columns(v), sums);
            }
        }
    }

    /// Sums lie as `[columns of the kernel][rows of the kernel][outputs]`.
    fn group_by_kernel_row(&self, dot: Dot, rows: Range<usize>, sums: &mut [F32x4]) {
        let (s, outputs) = (self.shape, dot.outputs);
        // The rows of the kernel that an output row has are neighbours, and most have the same.
        let taps = |i: usize| {
            let (before, end) = (i * s.stride.0, s.h + s.padding.0);
            let taps = |length: usize| if s.dilation.0 == 1 { length } else { length.div_ceil(s.dilation.0) };
            let first = taps(s.padding.0.saturating_sub(before)).min(s.kh);
            (first, taps(end.saturating_sub(before)).clamp(first, s.kh) - first)
        };
        let mut i = rows.start;
        while i < rows.end {
            let (first, count) = taps(i);
            let same = (i..rows.end).take_while(|&i| taps(i) == (first, count)).count();
            let mut u = first;
            while u < first + count {
                let streams = self.next_streams(first + count - u);
                for v in 0..s.kw {
                    let sums = &mut sums[(v * s.kh + u) * outputs..][..streams * outputs];
                    dot.run((u, v), i..i + same, self.columns(v), sums);
                }
                u += streams;
            }
            i += same;
        }
    }
}
