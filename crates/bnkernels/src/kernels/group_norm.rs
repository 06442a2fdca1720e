//! Group normalisation (Wu and He, 2018) of activations in lanes: over the values of a group of an image's channels,
//! `mean = Σx / m`, `rstd = 1 / √(Σ(x − mean)² / m + eps)`, `x̂ = (x − mean) · rstd`, `y = x̂ · weight + bias`, with
//! weight and bias of the channel.
//! Source: <https://docs.pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html>.
//!
//! Backward, with `g = dy · weight`: `dx = rstd · (g − Σg / m − x̂ · Σ(g·x̂) / m)`, sums over the group, and over images
//! and pixels `dweight = Σ dy·x̂`, `dbias = Σ dy`.
//!
//! An image is a lane, so that all of this is done lane by lane. Channels are summed each for itself, on all threads, and
//! a group's sums are those of its channels. As in batch normalisation, the mean is the sum of two floats.

use crate::layout::Blocks;
use crate::parallel::scratch::take;
use crate::parallel::{chunk_count, chunk_range, for_each_range, OutOfMemory};
use crate::simd::{Dst, F32x4, Src};

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

/// The sums of `Q` values of each pixel, over the pixels of a channel, lane by lane: what `of` gives for the four lanes
/// from one on gives those at a place.
#[inline(always)]
fn sums<const Q: usize, G: Fn(usize) -> [F32x4; Q]>(
    s: usize,
    lanes: usize,
    of: impl Fn(usize) -> G,
    mut store: impl FnMut(usize, [F32x4; Q]),
) {
    for lane in (0..lanes).step_by(4) {
        let of = of(lane);
        let (mut totals, mut lost) = ([F32x4::zero(); Q], [F32x4::zero(); Q]);
        for first in (0..s).step_by(CLOSED) {
            // Two sums each, which do not wait for each other.
            let mut some = [[F32x4::zero(); Q]; 2];
            for i in first..s.min(first + CLOSED) {
                let values = of(i * lanes + lane);
                let sum = &mut some[i % 2];
                for (sum, value) in sum.iter_mut().zip(values) {
                    *sum = *sum + value;
                }
            }
            for q in 0..Q {
                let (total, error) = totals[q].two_sum(some[0][q] + some[1][q]);
                (totals[q], lost[q]) = (total, lost[q] + error);
            }
        }
        store(lane, std::array::from_fn(|q| totals[q] + lost[q]));
    }
}

/// Writes `y` (a missing weight is 1, a missing bias 0), and the mean, what that lacks, and `rstd` of each group of each
/// image, in lanes `[n, groups]`.
pub fn group_norm_forward(
    shape: &GroupNormShape,
    x: &[f32],
    weight: Option<&[f32]>,
    bias: Option<&[f32]>,
    eps: f32,
    y: &mut [f32],
    [mean, residual, rstd]: [&mut [f32]; 3],
) -> Result<(), OutOfMemory> {
    let s = shape;
    let image = s.x();
    assert!(x.len() == image.len() && y.len() == x.len());
    assert!(weight.is_none_or(|w| w.len() == s.c) && bias.is_none_or(|b| b.len() == s.c));
    let length = s.channels().len();
    let (mut first, mut second) = (take(length)?, take(length)?);
    let plane_of = |plane: usize| &x[image.item(s.c, plane)..image.item(s.c, plane + 1)];
    for_each_plane(s, [&mut first], [1], |plane, [sum]| {
        let x = plane_of(plane);
        let x = Src::new(x, x.len());
        sums(s.s, s.lanes(plane), |_| |i| [x.load(i)], |lane, [total]| total.store(&mut sum[lane..]));
    });
    let count = (s.c / s.groups * s.s) as f64;
    of_groups(s, [&first], |_| 1.0, |lane, [sum]| mean[lane] = (sum / count) as f32);
    let means = &*mean;
    for_each_plane(s, [&mut first, &mut second], [1, 1], |plane, [sum, squares]| {
        let (x, mean) = (plane_of(plane), &means[s.group(plane)..]);
        let x = Src::new(x, x.len());
        sums(
            s.s,
            s.lanes(plane),
            |lane| {
                let mean = F32x4::load(&mean[lane..]);
                move |i| {
                    let away = x.load(i) - mean;
                    [away, away * away]
                }
            },
            |lane, [total, square]| {
                total.store(&mut sum[lane..]);
                square.store(&mut squares[lane..]);
            },
        );
    });
    of_groups(
        s,
        [&first, &second],
        |_| 1.0,
        |lane, [sum, squares]| {
            let more = sum / count;
            residual[lane] = more as f32;
            rstd[lane] = (1.0 / ((squares / count - more * more).max(0.0) + f64::from(eps)).sqrt()) as f32;
        },
    );
    clear_padding(s, rstd);
    let (mean, residual, rstd) = (&*mean, &*residual, &*rstd);
    for_each_plane(s, [y], [s.s], |plane, [y]| {
        let (x, group, lanes) = (plane_of(plane), s.group(plane), s.lanes(plane));
        let own = |of: Option<&[f32]>, missing| F32x4::splat(of.map_or(missing, |of| of[plane % s.c]));
        let (weight, bias) = (own(weight, 1.0), own(bias, 0.0));
        let (length, x) = (y.len(), Src::new(x, x.len()));
        let mut y = Dst::new(y, length);
        for lane in (0..lanes).step_by(4) {
            let at = |of: &[f32]| F32x4::load(&of[group + lane..]);
            let factor = at(rstd) * weight;
            let (mean, shift) = (at(mean), bias - at(residual) * factor);
            for i in (lane..s.s * lanes).step_by(lanes) {
                y.store(i, (x.load(i) - mean).mul_add(factor, shift));
            }
        }
    });
    Ok(())
}

/// Calls `f` for each lane of each group, with the sums over the group's channels, in order, each times its factor.
fn of_groups<const Q: usize>(
    s: &GroupNormShape,
    sums: [&[f32]; Q],
    factor: impl Fn(usize) -> f64,
    mut f: impl FnMut(usize, [f64; Q]),
) {
    let own = s.c / s.groups;
    for group in 0..s.x().count() * s.groups {
        let (block, c) = (group / s.groups, group % s.groups * own);
        let lanes = s.x().width(block);
        let first = s.channels().item(s.c, block * s.c + c);
        for lane in 0..lanes {
            let of = |i: usize, sums: &[f32]| f64::from(sums[first + i * lanes + lane]) * factor(c + i);
            let sum = |of_channels: &[f32]| (0..own).map(|i| of(i, of_channels)).sum::<f64>();
            f(s.statistics().item(s.groups, group) + lane, sums.map(sum));
        }
    }
}

/// Lanes that are no image have an `rstd` of 0, and with it gradients of 0.
fn clear_padding(s: &GroupNormShape, rstd: &mut [f32]) {
    let of = s.statistics();
    let Some(block) = of.count().checked_sub(1) else { return };
    for group in rstd[of.range(block)].chunks_exact_mut(of.width(block)) {
        group[of.images(block)..].fill(0.0);
    }
}

/// Overwrites the gradients that are wanted, from what forward read and wrote.
pub fn group_norm_backward(
    shape: &GroupNormShape,
    x: &[f32],
    dy: &[f32],
    [mean, residual, rstd]: [&[f32]; 3],
    weight: Option<&[f32]>,
    dx: Option<&mut [f32]>,
    dweight: Option<&mut [f32]>,
    dbias: Option<&mut [f32]>,
) -> Result<(), OutOfMemory> {
    let s = shape;
    let image = s.x();
    assert!(x.len() == image.len() && dy.len() == x.len());
    let length = s.channels().len();
    let (mut plain, mut along) = (take(length)?, take(length)?);
    let (mut of_plain, mut of_along) = (take(s.statistics().len())?, take(s.statistics().len())?);
    let plane_of =
        |of: &[f32], plane: usize| image.item(s.c, plane)..image.item(s.c, plane + 1).min(of.len());
    for_each_plane(s, [&mut plain, &mut along], [1, 1], |plane, [plain, along]| {
        let (x, dy) = (&x[plane_of(x, plane)], &dy[plane_of(dy, plane)]);
        let (x, dy, group) = (Src::new(x, x.len()), Src::new(dy, dy.len()), s.group(plane));
        sums(
            s.s,
            s.lanes(plane),
            |lane| {
                let at = |of: &[f32]| F32x4::load(&of[group + lane..]);
                let (mean, residual, rstd) = (at(mean), at(residual), at(rstd));
                move |i| {
                    let dy = dy.load(i);
                    [dy, dy * (((x.load(i) - mean) - residual) * rstd)]
                }
            },
            |lane, [sum, product]| {
                sum.store(&mut plain[lane..]);
                product.store(&mut along[lane..]);
            },
        );
    });
    let own = |c: usize| weight.map_or(1.0, |weight| weight[c]);
    if let Some(dx) = dx {
        let count = (s.c / s.groups * s.s) as f64;
        of_groups(
            s,
            [&plain, &along],
            |c| f64::from(own(c)),
            |lane, [sum, product]| {
                let scale = -f64::from(rstd[lane]) / count;
                of_plain[lane] = (sum * scale) as f32;
                of_along[lane] = (product * scale * f64::from(rstd[lane])) as f32;
            },
        );
        let (of_plain, of_along) = (&of_plain[..], &of_along[..]);
        for_each_plane(s, [dx], [s.s], |plane, [dx]| {
            let (x, dy) = (&x[plane_of(x, plane)], &dy[plane_of(dy, plane)]);
            let (group, lanes, length) = (s.group(plane), s.lanes(plane), dx.len());
            let weight = F32x4::splat(own(plane % s.c));
            let (x, dy, mut dx) = (Src::new(x, x.len()), Src::new(dy, dy.len()), Dst::new(dx, length));
            for lane in (0..lanes).step_by(4) {
                let at = |of: &[f32]| F32x4::load(&of[group + lane..]);
                let (factor, mean, along) = (at(rstd) * weight, at(mean), at(of_along));
                let shift = at(of_plain) - at(residual) * along;
                for i in (lane..s.s * lanes).step_by(lanes) {
                    dx.store(i, dy.load(i).mul_add(factor, (x.load(i) - mean).mul_add(along, shift)));
                }
            }
        });
    }
    for (gradient, sums) in [(dweight, &along), (dbias, &plain)] {
        for (c, gradient) in gradient.into_iter().flatten().enumerate() {
            let of = s.channels();
            let planes =
                (0..of.count()).map(|block| of.item(s.c, block * s.c + c)..of.item(s.c, block * s.c + c + 1));
            *gradient =
                planes.flat_map(|plane| &sums[plane]).map(|&value| f64::from(value)).sum::<f64>() as f32;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
