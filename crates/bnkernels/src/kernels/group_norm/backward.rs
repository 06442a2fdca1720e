//! The gradients, from what forward read and wrote.

use super::{by_lanes, each, for_each_group, for_each_plane, sums, whole, GroupNormShape};
use crate::parallel::scratch::take;
use crate::parallel::OutOfMemory;
use crate::simd::{Dst, F32x4, Src};
use std::array::from_fn;

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
    let made = [mean, residual, rstd];
    let planes_of =
        |plane: usize| [x, dy].map(|of| whole(&of[image.item(s.c, plane)..image.item(s.c, plane + 1)]));
    for_each_plane(s, [&mut plain, &mut along], [1, 1], |plane, sums| {
        let made = made.map(|of| &of[s.group(plane)..]);
        by_lanes!(s.lanes(plane), gradient_sums, s.s, planes_of(plane), made, sums);
    });
    let own = |c: usize| weight.map_or(1.0, |weight| weight[c]);
    if let Some(dx) = dx {
        for_each_group(s, |lane, channels| {
            let scale = -f64::from(rstd[lane]) / (s.c / s.groups * s.s) as f64;
            let sum = |of: &[f32]| {
                channels.clone().map(|(c, at)| f64::from(of[at]) * f64::from(own(c))).sum::<f64>() * scale
            };
            of_plain[lane] = sum(&plain) as f32;
            of_along[lane] = (sum(&along) * f64::from(rstd[lane])) as f32;
        });
        let sums = [&of_plain[..], &of_along[..]];
        for_each_plane(s, [dx], [s.s], |plane, [dx]| {
            let (made, sums) = (made.map(|of| &of[s.group(plane)..]), sums.map(|of| &of[s.group(plane)..]));
            let weight = F32x4::splat(own(plane % s.c));
            by_lanes!(s.lanes(plane), gradient, planes_of(plane), made, weight, sums, dx);
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

/// The sums of `dy` and of `dy·x̂`, of a channel.
fn gradient_sums<const V: usize, const U: usize>(
    lanes: usize,
    pixels: usize,
    values: [Src; 2],
    made: [&[f32]; 3],
    [plain, along]: [&mut [f32]; 2],
) {
    for lane in (0..lanes).step_by(4 * V) {
        let [x, dy] = values.map(|of| of.offset(lane));
        let [mean, residual, rstd] = made.map(|of| each::<V>(&of[lane..]));
        let sums = sums::<V, U, 2>((lanes, pixels), |v, at| {
            let dy = dy.load(at);
            [dy, dy * (x.load(at) - mean[v])]
        });
        for v in 0..V {
            let (at, [sum, product]) = (lane + 4 * v, sums[v]);
            sum.store(&mut plain[at..]);
            ((product - residual[v] * sum) * rstd[v]).store(&mut along[at..]);
        }
    }
}

/// `dx = dy * factor + (x - mean) * along + plain`, of a channel.
fn gradient<const V: usize, const U: usize>(
    lanes: usize,
    [x, dy]: [Src; 2],
    made: [&[f32]; 3],
    weight: F32x4,
    sums: [&[f32]; 2],
    dx: &mut [f32],
) {
    let length = dx.len();
    let mut dx = Dst::new(dx, length);
    for lane in (0..lanes).step_by(4 * V) {
        let [mean, residual, rstd] = made.map(|of| each::<V>(&of[lane..]));
        let [plain, along] = sums.map(|of| each::<V>(&of[lane..]));
        let factor = rstd.map(|rstd| rstd * weight);
        let shift: [_; V] = from_fn(|v| plain[v] - residual[v] * along[v]);
        for i in (lane..length).step_by(lanes) {
            for v in 0..V {
                let at = i + 4 * v;
                let of_x = (x.load(at) - mean[v]).mul_add(along[v], shift[v]);
                dx.store(at, dy.load(at).mul_add(factor[v], of_x));
            }
        }
    }
}
