//! What is written, and the mean and spread of each group.

use super::{by_lanes, each, for_each_group, for_each_plane, sums, whole, GroupNormShape};
use crate::parallel::scratch::take;
use crate::parallel::OutOfMemory;
use crate::simd::{Dst, F32x4, Src};
use std::array::from_fn;

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
    let (mut near, mut more, mut square) = (take(length)?, take(length)?, take(length)?);
    let plane_of = |plane: usize| whole(&x[image.item(s.c, plane)..image.item(s.c, plane + 1)]);
    for_each_plane(s, [&mut near, &mut more, &mut square], [1; 3], |plane, made| {
        by_lanes!(s.lanes(plane), spread, s.s, plane_of(plane), made);
    });
    for_each_group(s, |lane, channels| {
        let count = (s.c / s.groups) as f64;
        let mean_of = |at: usize| f64::from(near[at]) + f64::from(more[at]);
        let of_group = channels.clone().map(|(_, at)| mean_of(at)).sum::<f64>() / count;
        let spread = |(_, at): (usize, usize)| f64::from(square[at]) + (mean_of(at) - of_group).powi(2);
        let variance = channels.map(spread).sum::<f64>() / count;
        mean[lane] = of_group as f32;
        residual[lane] = (of_group - f64::from(mean[lane])) as f32;
        rstd[lane] = (1.0 / (variance.max(0.0) + f64::from(eps)).sqrt()) as f32;
    });
    clear_padding(s, rstd);
    let made = [&*mean, &*residual, &*rstd];
    for_each_plane(s, [y], [s.s], |plane, [y]| {
        let own = |of: Option<&[f32]>, missing| F32x4::splat(of.map_or(missing, |of| of[plane % s.c]));
        let made = made.map(|of| &of[s.group(plane)..]);
        by_lanes!(s.lanes(plane), normalise, plane_of(plane), made, [own(weight, 1.0), own(bias, 0.0)], y);
    });
    Ok(())
}

/// Lanes that are no image have an `rstd` of 0, and with it gradients of 0.
fn clear_padding(s: &GroupNormShape, rstd: &mut [f32]) {
    let of = s.statistics();
    let Some(block) = of.count().checked_sub(1) else { return };
    for group in rstd[of.range(block)].chunks_exact_mut(of.width(block)) {
        group[of.images(block)..].fill(0.0);
    }
}

/// Of a channel: something near the mean, what that lacks, and the mean square of what is away from the mean.
fn spread<const V: usize, const U: usize>(
    lanes: usize,
    pixels: usize,
    x: Src,
    [mean, more, square]: [&mut [f32]; 3],
) {
    let scale = F32x4::splat(1.0 / pixels as f32);
    for lane in (0..lanes).step_by(4 * V) {
        let x = x.offset(lane);
        let near = sums::<V, U, 1>((lanes, pixels), |_, at| [x.load(at)]).map(|[sum]| sum * scale);
        let around = sums::<V, U, 2>((lanes, pixels), |v, at| {
            let away = x.load(at) - near[v];
            [away, away * away]
        });
        for v in 0..V {
            let (at, [lacks, squares]) = (lane + 4 * v, around[v].map(|sum| sum * scale));
            near[v].store(&mut mean[at..]);
            lacks.store(&mut more[at..]);
            (squares - lacks * lacks).store(&mut square[at..]);
        }
    }
}

/// `y = (x - mean) * factor + shift`, of a channel.
fn normalise<const V: usize, const U: usize>(
    lanes: usize,
    x: Src,
    [mean, residual, rstd]: [&[f32]; 3],
    [weight, bias]: [F32x4; 2],
    y: &mut [f32],
) {
    let length = y.len();
    let mut y = Dst::new(y, length);
    for lane in (0..lanes).step_by(4 * V) {
        let [mean, residual] = [mean, residual].map(|of| each::<V>(&of[lane..]));
        let factor = each::<V>(&rstd[lane..]).map(|rstd| rstd * weight);
        let shift: [_; V] = from_fn(|v| bias - residual[v] * factor[v]);
        for i in (lane..length).step_by(lanes) {
            for v in 0..V {
                let at = i + 4 * v;
                y.store(at, (x.load(at) - mean[v]).mul_add(factor[v], shift[v]));
            }
        }
    }
}
