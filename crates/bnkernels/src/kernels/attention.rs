//! Scaled dot-product attention: of queries `[t, e]`, keys `[s, e]` and values `[s, ev]` of each of a batch,
//! `y = softmax(scale · q kᵀ + mask) v`.
//! Sources: <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html>;
//! Vaswani et al., 2017; in blocks as of Dao et al., "FlashAttention", 2022.
//!
//! No `[t, s]` matrix is kept, nor ever there as a whole: blocks of queries meet blocks of keys, and each row's
//! maximum and sum are corrected when a block brings larger scores. For backward there remains a number a row,
//! the logarithm `l` of its sum: `p = e^(score − l)` again. Scores and logarithms are taken to base 2, which the
//! queries' scale brings with it. With `d = Σ dy y` of each row, `dv = pᵀ dy`,
//! `dp = dy vᵀ`, `ds = p (dp − d)`, `dq = scale · ds k`, `dk = scale · dsᵀ q`.
//!
//! The keys (and for backward the values) of one of the batch are transposed once, so that no product has to add up
//! lanes. Where a query sees the keys up to its own only, blocks have fewer queries, and of each block of keys what one
//! of them sees.
//!
//! A row that sees no key gives 0, and its gradients are 0, as in PyTorch.
//!
//! Dropout multiplies `p` by numbers that are a function of a stream and of the place, so that backward has the
//! same ones again.

mod backward;
mod block;

pub use backward::{attention_backward, Gradients};

use super::matmul::{transpose, Form, Product};
use super::random::Stream;
use super::softmax::EXP_COST;
use super::vectors::vectors;
use crate::parallel::scratch::per_thread;
use crate::parallel::{chunk_count, chunk_range, for_each_range, OutOfMemory};
use crate::simd::{Exp2, F32x4};
use block::{base, Block};
use std::f32::consts::LOG2_E;
use std::ops::Range;

/// Queries and keys of a block; and where each query sees the keys up to its own only.
const BLOCK: (usize, usize) = (64, 64);
const CAUSAL_BLOCK: (usize, usize) = (16, 128);

/// Which keys a query sees, and how much.
#[derive(Clone, Copy)]
pub struct Mask<'a> {
    pub values: &'a [f32],
    /// Of the batch, the queries and the keys; and the steps along them: 0 where the mask is repeated.
    pub shape: &'a [u32],
    pub strides: &'a [u32],
    /// Whether 0 hides a key and all else shows it; else the values are added to the scores.
    pub boolean: bool,
}

impl Mask<'_> {
    /// Whether it is one for these sizes, and its values reach. (In f64, as sizes may be anything.)
    pub fn fits(self, batch: usize, t: usize, s: usize) -> bool {
        let [lead @ .., rows, cols] = self.shape else { return false };
        let count: f64 = lead.iter().map(|&size| f64::from(size)).product();
        let all: f64 = self.shape.iter().map(|&size| f64::from(size)).product();
        let steps = self.shape.iter().zip(self.strides);
        let last: f64 = steps.map(|(&size, &step)| (f64::from(size) - 1.0) * f64::from(step)).sum();
        let sizes = count == batch as f64 && *rows as usize == t && *cols as usize == s;
        sizes && self.strides[self.strides.len() - 1] <= 1 && (all == 0.0 || last < self.values.len() as f64)
    }

    /// Where the mask of number `b` of the batch starts.
    fn start(self, b: usize) -> usize {
        let lead = self.shape.len() - 2;
        let (mut left, mut at) = (b, 0);
        for d in (0..lead).rev() {
            let size = self.shape[d] as usize;
            at += left % size * self.strides[d] as usize;
            left /= size;
        }
        at
    }
}

/// Weights are set to 0 with the probability `p`, and else divided by `1 − p`.
#[derive(Clone, Copy)]
pub struct Dropout {
    pub p: f64,
    pub stream: Stream,
}

/// Queries, keys, values or the result's gradients, each of a batch rows of one width. They may lie in an array of
/// which they are a part, as heads of all of a layer's columns.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    pub data: &'a [f32],
    /// Of the batch, so many lie in one of it as heads.
    pub heads: usize,
    /// Elements from one of the batch to the next, from a head to the next, and from a row to the next.
    pub strides: [usize; 3],
}

impl<'a> Rows<'a> {
    /// Of `rows` rows of `width` values of each, one after the other.
    pub fn dense(data: &'a [f32], rows: usize, width: usize) -> Self {
        Self { data, heads: 1, strides: [rows * width, 0, width] }
    }

    /// Whether there are `rows` rows of `width` values of each of a batch. (In f64, as sizes may be anything.)
    pub fn fits(self, batch: usize, rows: usize, width: usize) -> bool {
        if self.heads == 0 || !batch.is_multiple_of(self.heads) {
            return false;
        }
        let last = |count: usize, stride: usize| (count as f64 - 1.0) * stride as f64;
        let [outer, head, row] = self.strides;
        let start = last(batch / self.heads, outer) + last(self.heads, head) + last(rows, row);
        let is_empty = batch == 0 || rows == 0 || width == 0;
        is_empty || row >= width && start + width as f64 <= self.data.len() as f64
    }

    /// From row `first` of number `b` on.
    fn of(self, b: usize, first: usize) -> &'a [f32] {
        let [outer, head, row] = self.strides;
        let at = b / self.heads * outer + b % self.heads * head + first * row;
        // (What is empty may have any strides.)
        &self.data[at.min(self.data.len())..]
    }

    fn row(self) -> usize {
        self.strides[2]
    }
}

/// Where rows are written of a batch, of which `heads` lie in one of it, as of [`Rows`].
#[derive(Clone, Copy)]
pub struct Lies {
    /// The first element.
    pub start: usize,
    pub heads: usize,
    pub strides: [usize; 3],
}

impl Lies {
    /// One row after the other, of `rows` of `width` values of each.
    pub fn dense(rows: usize, width: usize) -> Self {
        Self { start: 0, heads: 1, strides: [rows * width, 0, width] }
    }

    /// Whether that holds of the rows.
    fn is_dense(self, rows: usize, width: usize) -> bool {
        let [outer, head, row] = self.strides;
        let one = if self.heads == 1 { outer } else { head };
        self.start == 0 && row == width && one == rows * width && outer == self.heads * one
    }

    /// Whether there is room in `length` elements, and what lies in one of the batch has a piece of them to itself.
    /// (In f64, as sizes may be anything.)
    pub fn fits(self, length: usize, batch: usize, rows: usize, width: usize) -> bool {
        if self.heads == 0 || !batch.is_multiple_of(self.heads) {
            return false;
        }
        if batch == 0 || rows == 0 || width == 0 {
            return true;
        }
        let [outer, head, row] = self.strides.map(|stride| stride as f64);
        let last = |count: usize, stride: f64| (count as f64 - 1.0) * stride;
        let end = self.start as f64 + last(self.heads, head) + last(rows, row) + width as f64;
        row >= width as f64 && end <= outer && (batch / self.heads) as f64 * outer <= length as f64
    }

    /// Where row `row` of number `b` starts.
    fn at(self, b: usize, row: usize) -> usize {
        let [outer, head, stride] = self.strides;
        self.start + b / self.heads * outer + b % self.heads * head + row * stride
    }

    /// The piece of what lies in some of the batch, which are all heads of each.
    fn piece(self, batch: Range<usize>) -> Range<usize> {
        let at = |b: usize| b / self.heads * self.strides[0];
        at(batch.start)..at(batch.end)
    }
}

/// What both directions read.
#[derive(Clone, Copy)]
pub struct Attention<'a> {
    pub batch: usize,
    pub t: usize,
    pub s: usize,
    pub e: usize,
    pub ev: usize,
    pub q: Rows<'a>,
    pub k: Rows<'a>,
    pub v: Rows<'a>,
    pub mask: Option<Mask<'a>>,
    /// Whether query i sees the keys up to i only.
    pub causal: bool,
    pub scale: f32,
    pub dropout: Option<Dropout>,
}

impl Attention<'_> {
    fn check(&self) {
        let Self { batch, t, s, e, ev, .. } = *self;
        assert!(self.q.fits(batch, t, e) && self.k.fits(batch, s, e));
        assert!(self.v.fits(batch, s, ev) && self.mask.is_none_or(|mask| mask.fits(batch, t, s)));
    }

    /// Queries and keys of a block.
    fn block_size(&self) -> (usize, usize) {
        if self.causal {
            CAUSAL_BLOCK
        } else {
            BLOCK
        }
    }

    /// The blocks of keys that meet `rows` queries from `first` on of number `b`.
    fn blocks(&self, b: usize, first: usize, rows: usize) -> impl Iterator<Item = Block> {
        let (s, (_, width)) = (self.s, self.block_size());
        let seen = if self.causal { s.min(first + rows) } else { s };
        (0..seen).step_by(width).map(move |key| {
            let all = width.min(s - key);
            // Whole panels of a product, as far as there are keys.
            Block { b, first, rows, key, all, cols: all.min((seen - key).next_multiple_of(8)) }
        })
    }

    /// The most scratch memory that a product needs, of a size `of(rows, cols)` of any block.
    fn room(&self, of: impl Fn(usize, usize) -> Product) -> usize {
        let (height, width) = self.block_size();
        // (The first blocks differ in what they see of the keys, the last in its height.)
        let last = self.t.saturating_sub(1) / height * height;
        let firsts = (0..last).step_by(height).take(width / height).chain([last]);
        let firsts = firsts.filter(|&first| first < self.t);
        let all = firsts.flat_map(|first| self.blocks(0, first, height.min(self.t - first)));
        all.map(|block| of(block.rows, block.cols).scratch_of_one_thread()).max().unwrap_or(0)
    }
}

/// Writes `s` rows of `width` values, `row` apart, as `[width, keys]` of each block of so many keys, one after the other.
fn across((from, row): (&[f32], usize), (s, width): (usize, usize), to: &mut [f32], keys: usize) {
    if width == 0 {
        return;
    }
    for (i, to) in to[..s * width].chunks_mut(keys * width).enumerate() {
        let keys_here = to.len() / width;
        transpose((&from[i * keys * row..], row), keys_here, width, to, keys_here);
    }
}

/// Floats up to the next 64 bytes, where the next piece of scratch memory may start.
fn aligned(length: usize) -> usize {
    length.next_multiple_of(16)
}

/// Writes `y`, which lies so, and, for backward, `log_sums` of each row.
pub fn attention_forward(
    a: Attention,
    y: &mut [f32],
    lies: Lies,
    log_sums: &mut [f32],
) -> Result<(), OutOfMemory> {
    a.check();
    let Attention { batch, t, e, ev, v, .. } = a;
    assert!(y.len() == batch * t * ev && lies.fits(y.len(), batch, t, ev) && log_sums.len() == batch * t);
    if y.is_empty() || a.s == 0 {
        y.fill(0.0);
        log_sums.fill(0.0);
        return Ok(());
    }
    let mixes = |rows, cols| Product::new(Form::NN, (rows, ev, cols)).of_wider(v.row());
    let room = aligned(a.room(|rows, cols| Block::product(e, rows, cols)).max(a.room(mixes)));
    let (height, width) = a.block_size();
    let drops = if a.dropout.is_some() { width } else { 0 };
    let keys = aligned(a.s * e);
    let scratch = &per_thread(room + keys + height * (e + width + 2 * ev + 4) + drops)?;
    let blocks = t.div_ceil(height);
    let chunks = chunk_count(batch * blocks, height.min(t) * a.s * (e + ev + EXP_COST));
    // (What lies between others' rows is done with them.)
    let is_dense = lies.is_dense(t, ev);
    let items =
        |chunk| chunk_range(chunk, chunks, batch * blocks, if is_dense { 1 } else { lies.heads * blocks });
    // The first row of a block.
    let row = |item: usize| item / blocks * t + (item % blocks * height).min(t);
    let piece = |items: Range<usize>| {
        if is_dense {
            row(items.start) * ev..row(items.end) * ev
        } else {
            lies.piece(items.start / blocks..items.end / blocks)
        }
    };
    for_each_range(
        [y, log_sums],
        chunks,
        |chunk| {
            let items = items(chunk);
            [piece(items.clone()), row(items.start)..row(items.end)]
        },
        move |chunk, [y, mut log_sums]| {
            let start = piece(items(chunk)).start;
            scratch.with(|scratch| {
                let (room, rest) = scratch.split_at_mut(room);
                let (keys, rest) = rest.split_at_mut(keys);
                let (queries, rest) = rest.split_at_mut(height * e);
                let (largest, rest) = rest.split_at_mut(height);
                let (total, rest) = rest.split_at_mut(height);
                let (before, rest) = rest.split_at_mut(height);
                let (sums, rest) = rest.split_at_mut(height);
                let (all_scores, rest) = rest.split_at_mut(height * width);
                let (all_mixed, rest) = rest.split_at_mut(height * ev);
                let (all_sums, factors) = rest.split_at_mut(height * ev);
                let mut keys_of = None;
                for item in items(chunk) {
                    let (b, first) = (item / blocks, item % blocks * height);
                    let rows = height.min(t - first);
                    let of_block = &mut all_sums[..rows * ev];
                    let (logs, others) = std::mem::take(&mut log_sums).split_at_mut(rows);
                    log_sums = others;
                    if keys_of != Some(b) {
                        across((a.k.of(b, 0), a.k.row()), (a.s, e), keys, width);
                        keys_of = Some(b);
                    }
                    let (queries, largest) = (&mut queries[..rows * e], &mut largest[..rows]);
                    let [total, before, sums] =
                        [&mut *total, &mut *before, &mut *sums].map(|of_rows| &mut of_rows[..rows]);
                    a.scaled_queries(b, first, queries);
                    largest.fill(f32::NEG_INFINITY);
                    for block in a.blocks(b, first, rows) {
                        let Block { key, cols, .. } = block;
                        let p = &mut all_scores[..rows * cols];
                        block.scores(&a, queries, keys, p, room);
                        if key == 0 {
                            block.weigh(a.causal, p, largest, total);
                        } else {
                            before.copy_from_slice(largest);
                            block.weigh(a.causal, p, largest, sums);
                            for (r, total) in total.iter_mut().enumerate() {
                                let correction = F32x4::splat(before[r] - base(largest[r]));
                                let correction = Exp2::with_constants().or_zero(correction);
                                *total = *total * correction.to_array()[0] + sums[r];
                                vectors([], [&mut of_block[r * ev..][..ev]], |[], [y]| [y * correction]);
                            }
                        }
                        if let Some(dropout) = a.dropout {
                            for (r, p) in p.chunks_exact_mut(cols).enumerate() {
                                let factors = &mut factors[..cols];
                                dropout.factors(&a, &block, r, factors);
                                vectors([factors], [p], |[factor], [p]| [p * factor]);
                            }
                        }
                        let (v, mixes) = (v.of(b, key), mixes(rows, cols));
                        if key == 0 {
                            mixes.run_on_one_thread(p, v, None, of_block, room);
                        } else {
                            let mixed = &mut all_mixed[..rows * ev];
                            mixes.run_on_one_thread(p, v, None, mixed, room);
                            vectors([mixed], [&mut *of_block], |[part], [y]| [y + part]);
                        }
                    }
                    let [zero, one, to_base_2] = [0.0, 1.0, LOG2_E].map(F32x4::splat);
                    vectors([&*largest], [logs, total], |[largest], [_, total]| {
                        // (A row that saw nothing has the logarithm 0, and y is 0.)
                        let none = total.eq(zero);
                        let log = none.clear(total.ln().mul_add(to_base_2, largest));
                        [log, one / none.select(one, total)]
                    });
                    let (y, row) = (&mut y[lies.at(b, first) - start..], lies.strides[2]);
                    for (r, (&inverse, sums)) in total.iter().zip(of_block.chunks_exact(ev)).enumerate() {
                        let inverse = F32x4::splat(inverse);
                        vectors([sums], [&mut y[r * row..][..ev]], |[sum], _| [sum * inverse]);
                    }
                }
            });
        },
    );
    Ok(())
}

#[cfg(test)]
mod tests;
