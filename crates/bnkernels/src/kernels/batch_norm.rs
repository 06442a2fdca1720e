//! Batch normalisation (Ioffe and Szegedy, 2015): over the batch (and the pixels) of each channel,
//! `mean = Σx / m`, `var = Σ(x − mean)² / m`, `x̂ = (x − mean) / √(var + eps)`, `y = x̂ · weight + bias`.
//! The biased variance normalises; the unbiased one enters the running statistics.
//! Source: <https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html>.
//!
//! Backward, with `m` values a channel: `dbias = Σdy`, `dweight = Σ dy·x̂`, and
//! `dx = weight / √(var + eps) · (dy − dbias / m − x̂ · dweight / m)` in training, where the statistics
//! depend on `x`; `dx = weight / √(var + eps) · dy` in evaluation, where they do not.
//!
//! A mean of 1000 is known in f32 only to 3e-5, which matters where the spread is 0.01. So the mean
//! comes in two floats, whose sum it is: `x` loses the first, and the bias carries the second.

mod backward;
mod chain;
mod forward;
mod lanes;
mod max_pool2d;
mod rows;
mod statistics;

pub use backward::batch_norm_backward;
pub use chain::batch_norm_chain_forward;
pub use forward::batch_norm_forward;
pub use max_pool2d::batch_norm_max_pool2d_backward;
pub use statistics::{batch_norm_statistics, batch_norm_update_running};

use crate::layout::{Blocks, LANES};
use crate::parallel::chunk_range;
use crate::simd::F32x4;
use std::ops::Range;

/// How the input lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[n, c]` in rows.
    Rows,
    /// `[n, c, s]` in lanes.
    Lanes,
}

/// `n` images of `c` channels of `s` values (`s` is 1 in rows).
#[derive(Clone, Copy, Debug)]
pub struct BatchNormShape {
    pub layout: Layout,
    pub n: usize,
    pub c: usize,
    pub s: usize,
}

impl BatchNormShape {
    /// Values of a channel.
    pub fn count(&self) -> usize {
        self.n * self.s
    }

    /// Length of the input, padding included.
    pub fn len(&self) -> usize {
        match self.layout {
            Layout::Rows => self.n * self.c,
            Layout::Lanes => self.blocks().len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn blocks(&self) -> Blocks {
        Blocks::new(self.n, self.c * self.s)
    }
}

/// What normalises each channel: the mean as the sum of two floats, and the biased variance.
#[derive(Clone, Copy)]
pub struct Statistics<'a> {
    pub mean: &'a [f32],
    /// What `mean` lacks; None where it is exact, as a running mean is.
    pub residual: Option<&'a [f32]>,
    pub var: &'a [f32],
    pub eps: f32,
}

/// The affine part; None is 1 and 0.
#[derive(Clone, Copy)]
pub struct Affine<'a> {
    pub weight: Option<&'a [f32]>,
    pub bias: Option<&'a [f32]>,
}

/// Elements of a piece in lanes: half of a first-level cache.
const PIECE: usize = 4096;
/// Rows of a piece in rows.
const PIECE_ROWS: usize = 64;

/// The input is reduced in pieces that fit the first-level cache. Results of all pieces, one for
/// each of their channels, lie as `[pieces][c]` in rows and as `[blocks][c][pieces]` in lanes.
impl BatchNormShape {
    /// Pieces of all rows, or of a channel's pixels in one block.
    fn pieces(&self) -> usize {
        match self.layout {
            Layout::Rows => self.n.div_ceil(PIECE_ROWS),
            Layout::Lanes => (self.s * LANES).div_ceil(PIECE),
        }
    }

    /// How many results there are.
    fn results(&self) -> usize {
        match self.layout {
            Layout::Rows => self.pieces() * self.c,
            Layout::Lanes => self.blocks().count() * self.c * self.pieces(),
        }
    }

    /// Calls `f` with where each of the results of four channels from `channel` on is, in order. Where there are fewer,
    /// the last one stands for the others.
    #[inline(always)]
    fn for_each_result(&self, channel: usize, mut f: impl FnMut([usize; 4])) {
        let (c, pieces) = (self.c, self.pieces());
        let (groups, next, apart) = match self.layout {
            Layout::Rows => (1, 1, c),
            Layout::Lanes => (self.blocks().count(), pieces, 1),
        };
        let channels = [0, 1, 2, 3].map(|i| (channel + i).min(c - 1) * next);
        for group in 0..groups {
            (0..pieces).for_each(|p| f(channels.map(|at| group * c * pieces + at + p * apart)));
        }
    }

    /// How many results a channel has.
    fn results_a_channel(&self) -> usize {
        match self.layout {
            Layout::Rows => self.pieces(),
            Layout::Lanes => self.blocks().count() * self.pieces(),
        }
    }

    /// Of how many values each result of a channel is: few enough to be exact as floats.
    fn counts(&self, counts: &mut [f32]) {
        let pieces = self.pieces();
        let part = |i: usize, of: usize| chunk_range(i % pieces, pieces, of, 1).len();
        for (i, count) in counts.iter_mut().enumerate() {
            *count = match self.layout {
                Layout::Rows => part(i, self.n),
                Layout::Lanes => part(i, self.s) * self.blocks().images(i / pieces),
            } as f32;
        }
    }

    /// Of piece `i` in lanes: its block, its channel and where it lies in the array.
    fn lanes_piece(&self, i: usize) -> (usize, usize, Range<usize>) {
        let (plane, p) = (i / self.pieces(), i % self.pieces());
        let lanes = self.blocks().width(plane / self.c);
        let start = self.blocks().item(self.c, plane);
        let pixels = chunk_range(p, self.pieces(), self.s, 1);
        (plane / self.c, plane % self.c, start + pixels.start * lanes..start + pixels.end * lanes)
    }

    /// Where pieces `range` lie in lanes.
    fn lanes_range(&self, range: Range<usize>) -> Range<usize> {
        if range.is_empty() {
            return 0..0;
        }
        self.lanes_piece(range.start).2.start..self.lanes_piece(range.end - 1).2.end
    }
}

impl Statistics<'_> {
    fn check(&self, c: usize) {
        assert!(self.mean.len() == c && self.var.len() == c);
        assert!(self.residual.is_none_or(|residual| residual.len() == c));
    }

    /// Of four channels from `channel` on, as `inverse`.
    #[inline(always)]
    fn residual(&self, channel: usize) -> F32x4 {
        self.residual.map_or(F32x4::zero(), |residual| get(residual, channel, 0.0))
    }

    /// `1 / √(var + eps)`.
    #[inline(always)]
    fn inverse(&self, channel: usize) -> F32x4 {
        F32x4::splat(1.0) / (get(self.var, channel, 1.0) + F32x4::splat(self.eps)).sqrt()
    }

    /// `weight / √(var + eps)`.
    #[inline(always)]
    fn scale(&self, weight: Option<&[f32]>, channel: usize) -> F32x4 {
        let inverse = self.inverse(channel);
        weight.map_or(inverse, |weight| inverse * get(weight, channel, 0.0))
    }
}

/// The values of four channels from `channel` on; what is no channel is `fill`. (One copy of each of these two serves
/// the core binary, which is to be small.)
#[cfg_attr(feature = "whole", inline(always))]
#[cfg_attr(not(feature = "whole"), inline(never))]
fn get(from: &[f32], channel: usize, fill: f32) -> F32x4 {
    let from = &from[channel..];
    // (What may be of any length is copied by a call.)
    match from.first_chunk::<4>() {
        Some(four) => F32x4::load(four),
        None => F32x4::load_tail(from, fill),
    }
}

/// Writes the values of four channels from `channel` on, or as many as there are.
#[cfg_attr(feature = "whole", inline(always))]
#[cfg_attr(not(feature = "whole"), inline(never))]
fn put(to: &mut [f32], channel: usize, values: F32x4) {
    let to = &mut to[channel..];
    match to.first_chunk_mut::<4>() {
        Some(four) => values.store(four),
        None => values.store_tail(to),
    }
}

#[cfg(test)]
mod tests;
