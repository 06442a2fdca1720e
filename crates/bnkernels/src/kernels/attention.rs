//! Scaled dot-product attention: of queries `[t, e]`, keys `[s, e]` and values `[s, ev]` of each of a batch,
//! `y = softmax(scale · q kᵀ + mask) v`.
//! Sources: <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html>;
//! Vaswani et al., 2017; in blocks as of Dao et al., "FlashAttention", 2022.
//!
//! No `[t, s]` matrix is kept, nor ever there as a whole: blocks of queries meet blocks of keys, and each row's
//! maximum and sum are corrected when a block brings larger scores. For backward there remains a number a row,
//! the logarithm `l` of its sum: `p = e^(score − l)` again. With `d = Σ dy y` of each row, `dv = pᵀ dy`,
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
use super::softmax::{maximum, EXP_COST};
use super::vectors::vectors;
use crate::parallel::scratch::per_thread;
use crate::parallel::{chunk_count, chunk_range, for_each_range, OutOfMemory};
use crate::simd::F32x4;
use block::Block;

/// Queries of a block, and where each sees the keys up to its own only; and keys of a block.
const ROWS: usize = 64;
const CAUSAL_ROWS: usize = 16;
const COLS: usize = 64;

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

/// What both directions read.
#[derive(Clone, Copy)]
pub struct Attention<'a> {
    pub batch: usize,
    pub t: usize,
    pub s: usize,
    pub e: usize,
    pub ev: usize,
    pub q: &'a [f32],
    pub k: &'a [f32],
    pub v: &'a [f32],
    pub mask: Option<Mask<'a>>,
    /// Whether query i sees the keys up to i only.
    pub causal: bool,
    pub scale: f32,
    pub dropout: Option<Dropout>,
}

impl Attention<'_> {
    fn check(&self) {
        let Self { batch, t, s, e, ev, .. } = *self;
        assert!(self.q.len() == batch * t * e && self.k.len() == batch * s * e);
        assert!(self.v.len() == batch * s * ev && self.mask.is_none_or(|mask| mask.fits(batch, t, s)));
    }

    /// Queries of a block.
    fn block_rows(&self) -> usize {
        if self.causal {
            CAUSAL_ROWS
        } else {
            ROWS
        }
    }

    /// The blocks of keys that meet `rows` queries from `first` on of number `b`.
    fn blocks(&self, b: usize, first: usize, rows: usize) -> impl Iterator<Item = Block> {
        let s = self.s;
        let seen = if self.causal { s.min(first + rows) } else { s };
        (0..seen).step_by(COLS).map(move |key| {
            let all = COLS.min(s - key);
            // Whole panels of a product, as far as there are keys.
            Block { b, first, rows, key, all, cols: all.min((seen - key).next_multiple_of(8)) }
        })
    }

    /// The most scratch memory that a product needs, of a size `of(rows, cols)` of any block.
    fn room(&self, of: impl Fn(usize, usize) -> Product) -> usize {
        let height = self.block_rows();
        // (The first blocks differ in what they see of the keys, the last in its height.)
        let last = self.t.saturating_sub(1) / height * height;
        let firsts = (0..last).step_by(height).take(COLS / CAUSAL_ROWS).chain([last]);
        let firsts = firsts.filter(|&first| first < self.t);
        let all = firsts.flat_map(|first| self.blocks(0, first, height.min(self.t - first)));
        all.map(|block| of(block.rows, block.cols).scratch_of_one_thread()).max().unwrap_or(0)
    }
}

/// Writes `[s, width]` as `[width, keys]` of each block of keys, one after the other.
fn across(from: &[f32], width: usize, to: &mut [f32]) {
    let block = COLS * width.max(1);
    for (from, to) in from.chunks(block).zip(to.chunks_mut(block)) {
        let keys = from.len() / width;
        transpose((from, width), keys, width, to, keys);
    }
}

/// Floats up to the next 64 bytes, where the next piece of scratch memory may start.
fn aligned(length: usize) -> usize {
    length.next_multiple_of(16)
}

/// Writes `y` and, for backward, `log_sums` of each row.
pub fn attention_forward(a: Attention, y: &mut [f32], log_sums: &mut [f32]) -> Result<(), OutOfMemory> {
    a.check();
    let Attention { batch, t, e, ev, v, .. } = a;
    assert!(y.len() == batch * t * ev && log_sums.len() == batch * t);
    if y.is_empty() || a.s == 0 {
        y.fill(0.0);
        log_sums.fill(0.0);
        return Ok(());
    }
    let mixes = |rows, cols| Product::new(Form::NN, (rows, ev, cols));
    let room = aligned(a.room(|rows, cols| Block::product(e, rows, cols)).max(a.room(mixes)));
    let drops = if a.dropout.is_some() { COLS } else { 0 };
    let (height, keys) = (a.block_rows(), aligned(a.s * e));
    let scratch = &per_thread(room + keys + height * (e + COLS + ev + 2) + drops)?;
    let blocks = t.div_ceil(height);
    let chunks = chunk_count(batch * blocks, height.min(t) * a.s * (e + ev + EXP_COST));
    let items = |chunk| chunk_range(chunk, chunks, batch * blocks, 1);
    // The first row of a block.
    let row = |item: usize| item / blocks * t + (item % blocks * height).min(t);
    for_each_range(
        [y, log_sums],
        chunks,
        |chunk| {
            let rows = row(items(chunk).start)..row(items(chunk).end);
            [rows.start * ev..rows.end * ev, rows]
        },
        move |chunk, [mut y, mut log_sums]| {
            scratch.with(|scratch| {
                let (room, rest) = scratch.split_at_mut(room);
                let (keys, rest) = rest.split_at_mut(keys);
                let (queries, rest) = rest.split_at_mut(height * e);
                let (largest, rest) = rest.split_at_mut(height);
                let (total, rest) = rest.split_at_mut(height);
                let (all_scores, rest) = rest.split_at_mut(height * COLS);
                let (all_mixed, factors) = rest.split_at_mut(height * ev);
                let mut keys_of = None;
                for item in items(chunk) {
                    let (b, first) = (item / blocks, item % blocks * height);
                    let rows = height.min(t - first);
                    let (of_block, others) = std::mem::take(&mut y).split_at_mut(rows * ev);
                    let (logs, other_logs) = std::mem::take(&mut log_sums).split_at_mut(rows);
                    (y, log_sums) = (others, other_logs);
                    if keys_of != Some(b) {
                        across(&a.k[b * a.s * e..][..a.s * e], e, &mut keys[..a.s * e]);
                        keys_of = Some(b);
                    }
                    let (queries, largest) = (&mut queries[..rows * e], &mut largest[..rows]);
                    let total = &mut total[..rows];
                    a.scaled_queries(b, first, queries);
                    largest.fill(f32::NEG_INFINITY);
                    for block in a.blocks(b, first, rows) {
                        let Block { key, cols, .. } = block;
                        let p = &mut all_scores[..rows * cols];
                        block.scores(&a, queries, keys, p, room);
                        for (r, p) in p.chunks_exact_mut(cols).enumerate() {
                            let p = block.hide(&a, r, p);
                            let before = largest[r];
                            largest[r] = before.max(maximum(p));
                            // (Where all is hidden so far, no score is taken off.)
                            let base = if largest[r] == f32::NEG_INFINITY { 0.0 } else { largest[r] };
                            let sum = block::weights(p, base);
                            if key == 0 {
                                total[r] = sum;
                            } else {
                                let correction = F32x4::splat(before - base).exp_or_zero();
                                total[r] = total[r] * correction.to_array()[0] + sum;
                                vectors([], [&mut of_block[r * ev..][..ev]], |[], [y]| [y * correction]);
                            }
                            if let Some(dropout) = a.dropout {
                                let factors = &mut factors[..p.len()];
                                dropout.factors(&a, &block, r, factors);
                                vectors([factors], [p], |[factor], [p]| [p * factor]);
                            }
                        }
                        let v = &v[(b * a.s + key) * ev..][..cols * ev];
                        if key == 0 {
                            mixes(rows, cols).run_on_one_thread(p, v, None, of_block, room);
                        } else {
                            let mixed = &mut all_mixed[..rows * ev];
                            mixes(rows, cols).run_on_one_thread(p, v, None, mixed, room);
                            vectors([mixed], [&mut *of_block], |[part], [y]| [y + part]);
                        }
                    }
                    for (&total, y) in total.iter().zip(of_block.chunks_exact_mut(ev)) {
                        // (Of a row that saw nothing y is 0.)
                        let whole = F32x4::splat(if total == 0.0 { 1.0 } else { total });
                        vectors([], [y], |[], [y]| [y / whole]);
                    }
                    let zero = F32x4::zero();
                    vectors([&*largest, &*total], [logs], |[largest, total], _| {
                        [total.eq(zero).clear(largest + total.ln())]
                    });
                }
            });
        },
    );
    Ok(())
}

#[cfg(test)]
mod tests;
