//! A block of queries that meets a block of keys.

use super::{Attention, Dropout};
use crate::kernels::matmul::{Form, Product};
use crate::kernels::random::Kept;
use crate::kernels::softmax::maximum;
use crate::kernels::vectors::vectors;
use crate::simd::{reach, Dst, Exp2, F32x4, Mask4, Src};
use std::f64::consts::LOG2_E;

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
    /// `scale / ln 2 · q` of a block's queries, whose scores are powers of 2.
    pub(super) fn scaled_queries(&self, b: usize, first: usize, to: &mut [f32]) {
        let scale = (f64::from(self.scale) * LOG2_E) as f32;
        gather((self.q.of(b, first), self.q.row()), self.e, scale, to);
    }
}

/// Writes rows of `width` values that are `row` apart one after the other, times `scale`.
pub(super) fn gather((from, row): (&[f32], usize), width: usize, scale: f32, to: &mut [f32]) {
    let scale = F32x4::splat(scale);
    if row == width {
        let from = &from[..to.len()];
        return vectors([from], [to], |[x], _| [x * scale]);
    }
    for (i, to) in to.chunks_exact_mut(width.max(1)).enumerate() {
        vectors([&from[i * row..][..width]], [to], |[x], _| [x * scale]);
    }
}

/// Writes rows of `width` values of some heads, which are `apart` each, so that rows and heads lie as `strides` say.
#[inline(never)]
pub(super) fn scatter(
    (from, apart): (&[f32], usize),
    [rows, heads, width]: [usize; 3],
    (to, strides): (&mut [f32], [usize; 2]),
) {
    let whole = width / 4 * 4;
    let mut from = Src::new(from, reach([(heads, apart), (rows, width)], width));
    let mut to = Dst::new(to, reach([(rows, strides[0]), (heads, strides[1])], width));
    for _ in 0..rows {
        let (mut of_head, mut to_head) = (from, to.offset(0));
        for _ in 0..heads {
            for at in (0..whole).step_by(4) {
                to_head.store(at, of_head.load(at));
            }
            for at in whole..width {
                to_head.set(at, of_head.get(at));
            }
            (of_head, to_head) = (of_head.offset(apart), to_head.advance(strides[1]));
        }
        (from, to) = (from.offset(width), to.advance(strides[0]));
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

    /// `(scale · q kᵀ`, plus a mask that is added`) / ln 2`; −∞ where a mask hides a key.
    pub fn scores(&self, a: &Attention, queries: &[f32], keys: &[f32], to: &mut [f32], room: &mut [f32]) {
        self.multiply(queries, keys, a.e, to, room);
        let Some(mask) = a.mask else { return };
        let [hidden, to_base_2] = [f32::NEG_INFINITY, LOG2_E as f32].map(F32x4::splat);
        let [.., down, along] = mask.strides else { unreachable!("a mask fits") };
        for (r, row) in to.chunks_exact_mut(self.cols).enumerate() {
            let at = mask.start(self.b) + (self.first + r) * *down as usize + self.key * *along as usize;
            let values = &mask.values[at..];
            match (*along, mask.boolean) {
                (0, true) if values[0] == 0.0 => row.fill(f32::NEG_INFINITY),
                (0, true) => {}
                (0, false) => {
                    let value = F32x4::splat(values[0]) * to_base_2;
                    vectors([], [row], |[], [x]| [x + value]);
                }
                (_, true) => {
                    let zero = F32x4::zero();
                    vectors([&values[..self.cols]], [row], |[m], [x]| [m.eq(zero).select(hidden, x)]);
                }
                (_, false) => {
                    vectors([&values[..self.cols]], [row], |[m], [x]| [m.mul_add(to_base_2, x)]);
                }
            }
        }
    }

    /// How many keys the query of row `r` sees, and up to which it is computed with: whole vectors as far as there are keys.
    #[inline(always)]
    fn seen(&self, causal: bool, r: usize) -> (usize, usize) {
        let seen = (self.first + r + 1).saturating_sub(self.key).min(self.cols);
        if causal {
            (seen, seen.next_multiple_of(4).min(self.cols))
        } else {
            (self.cols, self.cols)
        }
    }

    /// Of row `r`, what its query sees, up to a whole vector, with −∞ where it sees no more; what is past becomes 0.
    #[inline(always)]
    pub fn hide<'a>(&self, causal: bool, r: usize, row: &'a mut [f32]) -> &'a mut [f32] {
        let (seen, end) = self.seen(causal, r);
        let (row, past) = row.split_at_mut(end);
        if seen < end && end.is_multiple_of(4) {
            // (A vector that is written whole is read faster.)
            let last = &mut row[end - 4..];
            Mask4::first(4 + seen - end)
                .select(F32x4::load(last), F32x4::splat(f32::NEG_INFINITY))
                .store(last);
        } else {
            row[seen..].fill(f32::NEG_INFINITY);
        }
        clear(past);
        row
    }

    /// Of all rows: the scores become weights, `2^(score − largest)` with the largest of them and of those before, and 0
    /// where a query does not see; `sums` those of each row.
    #[inline(never)]
    pub fn weigh(&self, causal: bool, scores: &mut [f32], largest: &mut [f32], sums: &mut [f32]) {
        let exp2 = Exp2::with_constants();
        let rows = scores.chunks_exact_mut(self.cols).zip(largest).zip(sums);
        for (r, ((scores, largest), sum)) in rows.enumerate() {
            let x = self.hide(causal, r, scores);
            *largest = largest.max(maximum(x));
            let base = F32x4::splat(base(*largest));
            let whole = x.len() / 4 * 4;
            let (fours, rest) = x.split_at_mut(whole);
            let (mut total, mut fours) = (F32x4::zero(), Dst::new(fours, whole));
            for _ in 0..whole / 4 {
                let weights = exp2.or_zero(fours.load(0) - base);
                fours.store(0, weights);
                total = total + weights;
                fours = fours.advance(4);
            }
            if !rest.is_empty() {
                let weights = exp2.or_zero(F32x4::load_tail(rest, f32::NEG_INFINITY) - base);
                weights.store_tail(rest);
                total = total + weights;
            }
            *sum = total.sum();
        }
    }

    /// Of all rows, from the scores `x`, `logs` and `d` of each and `dp`: the weights and the scores' gradients,
    /// `p (dp − d) · scale`, in their places.
    #[inline(never)]
    pub fn slopes(&self, causal: bool, x: &mut [f32], dp: &mut [f32], [logs, d]: [&[f32]; 2], scale: f32) {
        let (exp2, scale) = (Exp2::with_constants(), F32x4::splat(scale));
        let rows = x.chunks_exact_mut(self.cols).zip(dp.chunks_exact_mut(self.cols));
        for (r, ((x, dp), (&log, &d))) in rows.zip(logs.iter().zip(d)).enumerate() {
            let x = self.hide(causal, r, x);
            let (dp, past) = dp.split_at_mut(x.len());
            clear(past);
            let [log, d] = [log, d].map(F32x4::splat);
            let whole = x.len() / 4 * 4;
            let ((x, rest), (dp, rest_of_dp)) = (x.split_at_mut(whole), dp.split_at_mut(whole));
            let (mut x, mut dp) = (Dst::new(x, whole), Dst::new(dp, whole));
            for _ in 0..whole / 4 {
                let p = exp2.or_zero(x.load(0) - log);
                dp.store(0, p * (dp.load(0) - d) * scale);
                x.store(0, p);
                (x, dp) = (x.advance(4), dp.advance(4));
            }
            if !rest.is_empty() {
                let p = exp2.or_zero(F32x4::load_tail(rest, 0.0) - log);
                (p * (F32x4::load_tail(rest_of_dp, 0.0) - d) * scale).store_tail(rest_of_dp);
                p.store_tail(rest);
            }
        }
    }
}

/// (The runtime's own fill is a call that costs as much as some vectors.)
#[inline(always)]
fn clear(x: &mut [f32]) {
    let (zero, whole, length) = (F32x4::zero(), x.len() / 4 * 4, x.len());
    let mut to = Dst::new(x, length);
    for at in (0..whole).step_by(4) {
        to.store(at, std::hint::black_box(zero));
    }
    for at in whole..length {
        to.set(at, 0.0);
    }
}

/// What is taken off a row's scores. (Where all is hidden so far, nothing.)
pub(super) fn base(largest: f32) -> f32 {
    if largest == f32::NEG_INFINITY {
        0.0
    } else {
        largest
    }
}

/// As [`Block::slopes`] of a row with dropout, whose weights are multiplied by `factors`.
#[inline(never)]
pub(super) fn slopes_with(x: &mut [f32], dp: &mut [f32], factors: &[f32], [log, d, scale]: [f32; 3]) {
    let [log, d, scale] = [log, d, scale].map(F32x4::splat);
    let exp2 = Exp2::with_constants();
    vectors([factors], [x, dp], |[factor], [x, dp]| {
        let p = exp2.or_zero(x - log);
        [p * factor, p * (dp * factor - d) * scale]
    });
}

impl Dropout {
    /// What the weights of row `r` of a block are multiplied by.
    pub(super) fn factors(&self, a: &Attention, block: &Block, r: usize, to: &mut [f32]) {
        let keep = (1.0 - self.p).clamp(0.0, 1.0);
        let kept = Kept::new(keep, if keep > 0.0 { (1.0 / keep) as f32 } else { 0.0 });
        // Each row has its own blocks of four words, and each block of keys starts with a new one.
        let row = (block.b * a.t + block.first + r) as u64 * a.s.div_ceil(4) as u64;
        let mut words = (row + block.key as u64 / 4..).map(|at| self.stream.block(at));
        let (fours, rest) = to.as_chunks_mut::<4>();
        for (to, words) in fours.iter_mut().zip(&mut words) {
            kept.of(words).store(to);
        }
        if let (false, Some(words)) = (rest.is_empty(), words.next()) {
            kept.of(words).store_tail(rest);
        }
    }
}
