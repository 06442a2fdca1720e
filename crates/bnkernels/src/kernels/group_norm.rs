//! Group normalisation (Wu and He, 2018) of activations in lanes: over the values of a group of an image's channels,
//! `mean = Σx / m`, `rstd = 1 / √(Σ(x − mean)² / m + eps)`, `x̂ = (x − mean) · rstd`, `y = x̂ · weight + bias`, with
//! weight and bias of the channel.
//! Source: <https://docs.pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html>.
//!
//! Backward, with `g = dy · weight`: `dx = rstd · (g − Σg / m − x̂ · Σ(g·x̂) / m)`, sums over the group, and over images
//! and pixels `dweight = Σ dy·x̂`, `dbias = Σ dy`.
//!
//! An image is a lane, so that all of this is done lane by lane. Channels are summed each for itself, on all threads: its
//! mean, and the spread around that while a cache has the channel. A group's are made of those of its channels (Chan,
//! Golub and LeVeque, 1979). As in batch normalisation, a mean is the sum of two floats.

mod backward;
mod forward;

pub use backward::group_norm_backward;
pub use forward::group_norm_forward;

use crate::layout::Blocks;
use crate::parallel::{chunk_count, chunk_range, for_each_range};
use crate::simd::{F32x4, Src};
use std::array::from_fn;
use std::iter::{StepBy, Zip};
use std::ops::{Range, RangeFrom};

/// `n` images of `c` channels of `s` values, in `groups` of channels, in order.
#[derive(Clone, Copy, Debug)]
pub struct GroupNormShape {
    pub n: usize,
    pub c: usize,
    pub s: usize,
    pub groups: usize,
}

impl GroupNormShape {
    /// The images.
    pub fn x(&self) -> Blocks {
        Blocks::new(self.n, self.c * self.s)
    }

    /// One number for each channel of each image.
    fn channels(&self) -> Blocks {
        Blocks::new(self.n, self.c)
    }

    /// One number for each group of each image.
    pub fn statistics(&self) -> Blocks {
        Blocks::new(self.n, self.groups)
    }

    /// Where the numbers of channel `plane`'s group lie; channels are counted through block after block.
    fn group(&self, plane: usize) -> usize {
        let (block, c) = (plane / self.c, plane % self.c);
        let group = block * self.groups + c / (self.c / self.groups);
        self.statistics().item(self.groups, group)
    }

    fn lanes(&self, plane: usize) -> usize {
        self.x().width(plane / self.c)
    }
}

/// Multiply-adds that a value is worth, when work is cut into chunks.
const COST: usize = 4;
/// Values that one running sum gathers before it is closed.
const CLOSED: usize = 64;

/// Runs `f(plane, parts)` for each channel of each block, with its part of the outputs: `sizes[k]` numbers a lane.
fn for_each_plane<const K: usize>(
    s: &GroupNormShape,
    outputs: [&mut [f32]; K],
    sizes: [usize; K],
    f: impl Fn(usize, [&mut [f32]; K]) + Sync,
) {
    let planes = s.x().count() * s.c;
    let chunks = chunk_count(planes, s.s * crate::layout::LANES * COST);
    let range = |chunk| chunk_range(chunk, chunks, planes, 1);
    for_each_range(
        outputs,
        chunks,
        |chunk| {
            sizes.map(|size| {
                let blocks = Blocks::new(s.n, s.c * size);
                blocks.item(s.c, range(chunk).start)..blocks.item(s.c, range(chunk).end)
            })
        },
        move |chunk, mut parts| {
            for plane in range(chunk) {
                let mut k = 0;
                let mine = parts.each_mut().map(|part| {
                    let (mine, rest) = std::mem::take(part).split_at_mut(sizes[k] * s.lanes(plane));
                    *part = rest;
                    k += 1;
                    mine
                });
                f(plane, mine);
            }
        },
    );
}

/// Calls `f::<V, U>(lanes, …)` for a channel of so many lanes: `V` vectors of a pixel at a time, and `U` pixels side by
/// side in its sums.
macro_rules! by_lanes {
    ($lanes:expr, $f:ident, $($argument:expr),*) => {
        match $lanes {
            16 => $f::<4, 1>(16, $($argument),*),
            8 => $f::<2, 2>(8, $($argument),*),
            lanes => $f::<1, 4>(lanes, $($argument),*),
        }
    };
}
use by_lanes;

/// The sums of `Q` values of each pixel, over the pixels of a channel, lane by lane: what `of` gives for vector `v` of
/// `V` at a place.
#[inline(always)]
fn sums<const V: usize, const U: usize, const Q: usize>(
    (lanes, pixels): (usize, usize),
    of: impl Fn(usize, usize) -> [F32x4; Q],
) -> [[F32x4; Q]; V] {
    let mut totals = [[[F32x4::zero(); 2]; Q]; V];
    for first in (0..pixels).step_by(CLOSED * U) {
        let end = pixels.min(first + CLOSED * U);
        let mut some = [[[F32x4::zero(); Q]; V]; U];
        let mut add = |u: usize, i: usize| {
            for (v, sums) in some[u].iter_mut().enumerate() {
                for (sum, value) in sums.iter_mut().zip(of(v, i * lanes + 4 * v)) {
                    *sum = *sum + value;
                }
            }
        };
        let whole = end - (end - first) % U;
        for i in (first..whole).step_by(U) {
            for u in 0..U {
                add(u, i + u);
            }
        }
        for i in whole..end {
            add(0, i);
        }
        for (v, of_vector) in totals.iter_mut().enumerate() {
            for (q, [total, lost]) in of_vector.iter_mut().enumerate() {
                let sum = some[1..].iter().fold(some[0][v][q], |sum, more| sum + more[v][q]);
                let error;
                (*total, error) = total.two_sum(sum);
                *lost = *lost + error;
            }
        }
    }
    totals.map(|of| of.map(|[total, lost]| total + lost))
}

/// The numbers of all lanes.
#[inline(always)]
fn each<const V: usize>(of: &[f32]) -> [F32x4; V] {
    from_fn(|v| F32x4::load(&of[4 * v..]))
}

fn whole(of: &[f32]) -> Src<'_> {
    Src::new(of, of.len())
}

/// Calls `f` for each lane of each group, with the group's channels and where each has its number.
fn for_each_group(s: &GroupNormShape, mut f: impl FnMut(usize, Zip<Range<usize>, StepBy<RangeFrom<usize>>>)) {
    let own = s.c / s.groups;
    for group in 0..s.x().count() * s.groups {
        let (block, c) = (group / s.groups, group % s.groups * own);
        let lanes = s.x().width(block);
        let first = s.channels().item(s.c, block * s.c + c);
        for lane in 0..lanes {
            let places = (first + lane..).step_by(lanes);
            f(s.statistics().item(s.groups, group) + lane, (c..c + own).zip(places));
        }
    }
}

#[cfg(test)]
mod tests;
