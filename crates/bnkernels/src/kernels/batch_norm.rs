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

    /// The results of `channel`, in order.
    fn results_of(&self, channel: usize) -> impl Iterator<Item = usize> + use<> {
        let (c, pieces, layout) = (self.c, self.pieces(), self.layout);
        let groups = if layout == Layout::Rows { 1 } else { self.blocks().count() };
        (0..groups).flat_map(move |b| {
            (0..pieces).map(move |p| match layout {
                Layout::Rows => p * c + channel,
                Layout::Lanes => (b * c + channel) * pieces + p,
            })
        })
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

    fn residual(&self, channel: usize) -> f32 {
        self.residual.map_or(0.0, |residual| residual[channel])
    }

    /// `1 / √(var + eps)` of a channel.
    fn inverse(&self, channel: usize) -> f32 {
        1.0 / (self.var[channel] + self.eps).sqrt()
    }

    /// `weight / √(var + eps)` of each channel.
    fn scale(&self, weight: Option<&[f32]>, out: &mut [f32]) {
        let (one, eps) = (F32x4::splat(1.0), F32x4::splat(self.eps));
        for (out, var) in out.chunks_mut(4).zip(self.var.chunks(4)) {
            (one / (F32x4::load_tail(var, 1.0) + eps).sqrt()).store_tail(out);
        }
        out.iter_mut().zip(weight.into_iter().flatten()).for_each(|(scale, weight)| *scale *= weight);
    }
}

#[cfg(test)]
mod tests;
