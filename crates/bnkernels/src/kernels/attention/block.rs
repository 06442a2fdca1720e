//! A block of queries that meets a block of keys.

use super::{Attention, Dropout};
use crate::kernels::matmul::{Form, Product};
use crate::kernels::vectors::vectors;
use crate::simd::F32x4;

pub(super) struct Block {
    /// Which of the batch.
    pub b: usize,
    /// The first query, and how many.
    pub first: usize,
    pub rows: usize,
    /// The first key; how many there are, and how many matter.
    pub key: usize,
    pub all: usize,
    pub cols: usize,
}

impl Attention<'_> {
    /// `scale · q` of a block's queries.
    pub(super) fn scaled_queries(&self, b: usize, first: usize, to: &mut [f32]) {
        let scale = F32x4::splat(self.scale);
        let q = &self.q[(b * self.t + first) * self.e..][..to.len()];
        vectors([q], [to], |[q], _| [q * scale]);
    }
}

impl Block {
    /// The product of `rows` rows of `width` values with keys or values that lie transposed.
    pub fn product(width: usize, rows: usize, cols: usize) -> Product {
        Product::new(Form::NN, (rows, cols, width))
    }

    /// The products of rows of `width` values with this block's keys (or values), of all that lie `across`.
    pub fn multiply(&self, rows: &[f32], across: &[f32], width: usize, to: &mut [f32], room: &mut [f32]) {
        let product = Self::product(width, self.rows, self.cols).of_wider(self.all);
        product.run_on_one_thread(rows, &across[self.key * width..][..self.all * width], None, to, room);
    }

    /// `scale · q kᵀ`, plus a mask that is added; −∞ where a mask hides a key.
    pub fn scores(&self, a: &Attention, queries: &[f32], keys: &[f32], to: &mut [f32], room: &mut [f32]) {
        self.multiply(queries, keys, a.e, to, room);
        let Some(mask) = a.mask else { return };
        let hidden = F32x4::splat(f32::NEG_INFINITY);
        let [.., down, along] = mask.strides else { unreachable!("a mask fits") };
        for (r, row) in to.chunks_exact_mut(self.cols).enumerate() {
            let at = mask.start(self.b) + (self.first + r) * *down as usize + self.key * *along as usize;
            let values = &mask.values[at..];
            match (*along, mask.boolean) {
                (0, true) if values[0] == 0.0 => row.fill(f32::NEG_INFINITY),
                (0, true) => {}
                (0, false) => {
                    let value = F32x4::splat(values[0]);
                    vectors([], [row], |[], [x]| [x + value]);
                }
                (_, true) => {
                    let zero = F32x4::zero();
                    vectors([&values[..self.cols]], [row], |[m], [x]| [m.eq(zero).select(hidden, x)]);
                }
                (_, false) => vectors([&values[..self.cols]], [row], |[m], [x]| [x + m]),
            }
        }
    }

    /// Of row `r`, what its query sees, up to a whole vector, with −∞ where it sees no more; what is past becomes 0.
    pub fn hide<'a>(&self, a: &Attention, r: usize, row: &'a mut [f32]) -> &'a mut [f32] {
        if !a.causal {
            return row;
        }
        let seen = (self.first + r + 1).saturating_sub(self.key).min(row.len());
        let (row, past) = row.split_at_mut(seen.next_multiple_of(4).min(row.len()));
        row[seen..].fill(f32::NEG_INFINITY);
        past.fill(0.0);
        row
    }
}

/// `x = e^(x − base)`; gives the sum.
#[inline(never)]
pub(super) fn weights(x: &mut [f32], base: f32) -> f32 {
    let base = F32x4::splat(base);
    let (fours, rest) = x.as_chunks_mut::<4>();
    let mut total = F32x4::zero();
    for x in fours {
        let weights = (F32x4::load(x) - base).exp_or_zero();
        weights.store(x);
        total = total + weights;
    }
    if !rest.is_empty() {
        let weights = (F32x4::load_tail(rest, f32::NEG_INFINITY) - base).exp_or_zero();
        weights.store_tail(rest);
        total = total + weights;
    }
    total.sum()
}

impl Dropout {
    /// What the weights of row `r` of a block are multiplied by.
    pub(super) fn factors(&self, a: &Attention, block: &Block, r: usize, to: &mut [f32]) {
        let keep = (1.0 - self.p).clamp(0.0, 1.0);
        let threshold = (keep * 4_294_967_296.0) as u64;
        let factor = if keep > 0.0 { (1.0 / keep) as f32 } else { 0.0 };
        // Each row has its own blocks of four words, and each block of keys starts with a new one.
        let row = (block.b * a.t + block.first + r) as u64 * a.s.div_ceil(4) as u64;
        let first = row + block.key as u64 / 4;
        for (words, to) in (first..).zip(to.chunks_mut(4)) {
            for (word, to) in self.stream.block(words).into_iter().zip(to) {
                *to = if u64::from(word) < threshold { factor } else { 0.0 };
            }
        }
    }
}
