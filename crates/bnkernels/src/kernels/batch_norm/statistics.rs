//! Mean and biased variance of a batch, and how they enter the running ones.
//!
//! Each piece subtracts its first value (a pivot: differences to a near value are exact), takes
//! the mean of what is left, and then the sum of squared differences to that mean. Pieces are
//! merged by Chan, Golub and LeVeque's formula in f64, so a mean that is large against the spread
//! costs no digits; `residual` keeps those that the mean loses when it is rounded to f32.

use super::{lanes, put, rows, BatchNormShape, Layout};
use crate::parallel::{scratch::take, OutOfMemory};
use crate::simd::{F32x4, F64x4, Mask4, Src};
use std::ops::Range;

/// Mean (as the sum of two floats) and biased variance of each channel; NaN if there are no values.
pub fn batch_norm_statistics(
    shape: &BatchNormShape,
    x: &[f32],
    mean: &mut [f32],
    residual: &mut [f32],
    var: &mut [f32],
) -> Result<(), OutOfMemory> {
    let c = shape.c;
    assert!(x.len() == shape.len() && mean.len() == c && residual.len() == c && var.len() == c);
    let mut scratch = take(3 * shape.results() + shape.results_a_channel())?;
    let (pivot, rest) = scratch.split_at_mut(shape.results());
    let (shift, rest) = rest.split_at_mut(shape.results());
    let (squares, counts) = rest.split_at_mut(shape.results());
    match shape.layout {
        Layout::Rows => {
            rows::for_each_strip(shape, [&mut *pivot, &mut *shift, &mut *squares], RowStatistics { x, c })
        }
        Layout::Lanes => {
            lanes::for_each_piece(shape, [&mut *pivot, &mut *shift, &mut *squares], |block, _, range| {
                let blocks = shape.blocks();
                lanes_statistics(&x[range], blocks.width(block), blocks.images(block))
            })
        }
    }
    shape.counts(counts);
    let parts = [&*pivot, shift, squares].map(|part| Src::new(part, shape.results()));
    for channel in (0..c).step_by(4) {
        let (mut count, mut center, mut spread) = (0.0f64, F64x4::splat(0.0), F64x4::splat(0.0));
        let mut counts = counts.iter();
        shape.for_each_result(channel, |at| {
            let [pivot, shift, squares] = parts.map(|part| part.gather(at).widened());
            let (values, piece) = (counts.next().map_or(0.0, |&values| f64::from(values)), pivot + shift);
            let total = count + values;
            let apart = piece - center;
            center = center + apart * F64x4::splat(values / total);
            spread = spread + squares + apart * apart * F64x4::splat(count * values / total);
            count = total;
        });
        let rounded = center.narrowed();
        put(mean, channel, rounded);
        put(var, channel, (spread * F64x4::splat(1.0 / count)).narrowed());
        put(residual, channel, (center - rounded.widened()).narrowed());
    }
    Ok(())
}

/// Pivot, mean less pivot, and sum of squared differences to the mean.
///
/// The pivot is the mean of a sixteenth of the values: whatever they are, the sum of squared differences to it is at most
/// 17 times that to the mean of all, so that the one comes from the other without harm, and all are read once. It is 0
/// where that is as near, and nothing then has to be subtracted.
fn lanes_statistics(x: &[f32], lanes: usize, images: usize) -> [f32; 3] {
    let Some(&first) = x.first() else { return [0.0; 3] };
    // (Of a pixel of four vectors, the last one too has sums of its own then, as it needs where it has padding.)
    let sums = if lanes == 16 && images < 16 { lanes_sums::<4, true> } else { lanes_sums::<6, true> };
    let (pivot, is_near) = if x.len() > 64 {
        let some = (x.len() / lanes).div_ceil(16) * lanes;
        let [sum, squares, share] = sums(&x[..some], lanes, images, first);
        let shift = sum * share;
        let pivot = first + shift;
        (pivot, pivot * pivot <= 4.0 * (squares - sum * shift) * share)
    } else {
        let some = &x[..images.min(4)];
        (some.iter().sum::<f32>() / some.len() as f32, false)
    };
    let pivot = if is_near { 0.0 } else { pivot };
    let sums =
        if cfg!(feature = "whole") && is_near && images == lanes { lanes_sums::<6, false> } else { sums };
    let [sum, squares, share] = sums(x, lanes, images, pivot);
    let shift = sum * share;
    // (`max` would make 0 of a NaN.)
    let squares = squares - sum * shift;
    [pivot, shift, if squares < 0.0 { 0.0 } else { squares }]
}

/// The sums of differences to the pivot (0 if not `PIVOT`) and of their squares, and one part of as many. Each of `P`
/// vectors side by side, which are one or more pixels, has sums of its own; those with padding lose these lanes at the end.
fn lanes_sums<const P: usize, const PIVOT: bool>(
    x: &[f32],
    lanes: usize,
    images: usize,
    pivot: f32,
) -> [f32; 3] {
    let (length, step) = (x.len(), 4 * P);
    let share = 1.0 / (length / lanes * images) as f32;
    let (mut at, pivot) = (Src::new(x, length), F32x4::splat(pivot));
    let mut sums = [[F32x4::zero(); 2]; P];
    let add = |[sum, squares]: [F32x4; 2], x: F32x4| {
        let apart = if PIVOT { x - pivot } else { x };
        [sum + apart, apart.mul_add(apart, squares)]
    };
    for _ in 0..length / step {
        for (part, sums) in sums.iter_mut().enumerate() {
            *sums = add(*sums, at.at(4 * part).load(0));
        }
        at = at.offset(step);
    }
    for (part, sums) in sums.iter_mut().enumerate().take(length % step / 4) {
        *sums = add(*sums, at.load(4 * part));
    }
    if images < lanes {
        let last = Mask4::first(images - (lanes - 4));
        for (part, sums) in sums.iter_mut().enumerate() {
            if (4 * part + 4).is_multiple_of(lanes) {
                *sums = sums.map(|sum| last.keep(sum));
            }
        }
    }
    let [sum, squares] =
        std::array::from_fn(|k| sums.iter().map(|sums| sums[k]).reduce(|a, b| a + b).map_or(0.0, F32x4::sum));
    [sum, squares, share]
}

struct RowStatistics<'a> {
    x: &'a [f32],
    c: usize,
}

impl rows::Strip<3> for RowStatistics<'_> {
    #[inline(always)]
    fn run<const V: usize, const ONE: bool>(&self, range: Range<usize>, column: usize) -> [[F32x4; V]; 3] {
        let (Range { start, end }, c) = (range, self.c);
        let first = rows::cursor::<V, ONE>(self.x, (end, c), column).offset(start * c);
        let pivot = rows::load::<V, ONE>(first, 0);
        let (mut sums, mut next) = ([F32x4::zero(); V], first);
        for _ in start..end {
            sums = std::array::from_fn(|v| sums[v] + (rows::load_one::<ONE>(next, 4 * v) - pivot[v]));
            next = next.offset(c);
        }
        let count = F32x4::splat((end - start) as f32);
        let shift = sums.map(|sum| sum / count);
        let (mut squares, mut next) = ([F32x4::zero(); V], first);
        for _ in start..end {
            squares = std::array::from_fn(|v| {
                let apart = rows::load_one::<ONE>(next, 4 * v) - pivot[v] - shift[v];
                apart.mul_add(apart, squares[v])
            });
            next = next.offset(c);
        }
        [pivot, shift, squares]
    }
}

/// `running = (1 − momentum) · running + momentum · batch`, in place; the variance of the batch's `count`
/// values a channel enters unbiased. Without a momentum they become the average over all batches: each weighs one
/// part of those there will be. `tracked` counts the batches.
pub fn batch_norm_update_running(
    mean: &[f32],
    var: &[f32],
    count: usize,
    momentum: Option<f32>,
    (running_mean, running_var): (&mut [f32], &mut [f32]),
    tracked: Option<&mut [f32]>,
) {
    assert!(mean.len() == running_mean.len() && var.len() == running_var.len());
    let mut seen = 0.0;
    if let Some([tracked]) = tracked {
        seen = *tracked;
        *tracked += 1.0;
    }
    let momentum = momentum.unwrap_or((1.0 / (f64::from(seen) + 1.0)) as f32);
    let unbiased = (count as f64 / (count as f64 - 1.0)) as f32;
    for (running, batch, factor) in [(running_mean, mean, 1.0), (running_var, var, unbiased)] {
        for (running, &batch) in running.iter_mut().zip(batch) {
            *running = (1.0 - momentum) * *running + momentum * (batch * factor);
        }
    }
}
