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
    /// The first key, and how many.
    pub key: usize,
    pub cols: usize,
}

impl Block {
    /// `scale · q kᵀ + mask`, −∞ where a key is hidden.
    pub fn scores(&self, a: &Attention, to: &mut [f32], room: &mut [f32]) {
        let &Self { b, first, rows, key, cols } = self;
        let (t, s, e) = (a.t, a.s, a.e);
        let (q, k) = (&a.q[(b * t + first) * e..][..rows * e], &a.k[(b * s + key) * e..][..cols * e]);
        Product::new(Form::NT, (rows, cols, e)).run_on_one_thread(q, k, None, to, room);
        let (scale, hidden) = (F32x4::splat(a.scale), F32x4::splat(f32::NEG_INFINITY));
        let start = a.mask.map_or(0, |mask| mask.start(b));
        for (r, row) in to.chunks_exact_mut(cols).enumerate() {
            match a.mask {
                None => vectors([], [&mut *row], |[], [x]| [x * scale]),
                Some(mask) => {
                    let [.., down, along] = mask.strides else { unreachable!("a mask fits") };
                    let at = start + (first + r) * *down as usize + key * *along as usize;
                    let values = &mask.values[at..];
                    match (*along, mask.boolean) {
                        (0, true) if values[0] == 0.0 => row.fill(f32::NEG_INFINITY),
                        (0, true) => vectors([], [&mut *row], |[], [x]| [x * scale]),
                        (0, false) => {
                            let value = F32x4::splat(values[0]);
                            vectors([], [&mut *row], |[], [x]| [x * scale + value]);
                        }
                        (_, true) => {
                            let zero = F32x4::zero();
                            vectors([&values[..cols]], [&mut *row], |[m], [x]| {
                                [m.eq(zero).select(hidden, x * scale)]
                            });
                        }
                        (_, false) => vectors([&values[..cols]], [&mut *row], |[m], [x]| [x * scale + m]),
                    }
                }
            }
            if a.causal {
                let seen = (first + r + 1).saturating_sub(key).min(cols);
                row[seen..].fill(f32::NEG_INFINITY);
            }
        }
    }
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
