//! Batch normalisation in lanes with elementwise operations behind it, forward and backward, piece by piece: what
//! passes between is neither written to memory nor read from it. The same bits as one after the other.
//!
//! Forward, the steps find the normalised piece in their first temporary. Backward, they leave the gradient of it
//! there; if they need the piece itself, it is made again and stands in the second.

use super::backward::{finish, gradient, plain_gradient, terms};
use super::forward::{factors, normalised};
use super::{lanes, Affine, BatchNormShape, Layout, Statistics, LANES};
use crate::kernels::chain::Steps;
use crate::parallel::scratch::{per_thread, take};
use crate::parallel::{largest_range, OutOfMemory};
use crate::simd::{Dst, F32x4, Src};
use std::ops::Range;

/// Elements of the largest piece.
fn largest_piece(shape: &BatchNormShape) -> usize {
    largest_range(shape.pieces().max(1), shape.s, 1) * LANES
}

/// Writes the normalised piece of a channel.
fn normalise(x: &[f32], factors: [f32; 3], y: &mut [f32]) {
    let length = x.len();
    let (x, mut y) = (Src::new(x, length), Dst::new(y, length));
    let map = normalised(x, factors);
    for at in (0..length).step_by(4) {
        y.store(at, map(at));
    }
}

/// As `batch_norm_forward`, and then the steps, which write what there is to write.
pub fn batch_norm_chain_forward(
    shape: &BatchNormShape,
    x: &[f32],
    statistics: Statistics,
    affine: Affine,
    steps: &dyn Steps,
) -> Result<(), OutOfMemory> {
    let c = shape.c;
    assert!(shape.layout == Layout::Lanes && x.len() == shape.len() && steps.temporaries() > 0);
    let mut of_channels = take(2 * c)?;
    let apart = largest_piece(shape);
    let scratch = &per_thread(steps.temporaries() * apart)?;
    let factors = factors(&statistics, affine, &mut of_channels);
    lanes::for_each_piece(shape, [], |_, channel, range| {
        scratch.with(|scratch| {
            normalise(&x[range.clone()], factors.map(|factor| factor[channel]), &mut scratch[..range.len()]);
            steps.run(range, scratch);
        });
        []
    });
    Ok(())
}

/// As `batch_norm_backward`, of the gradient that the steps make; `again` where they need the normalised piece.
pub fn batch_norm_chain_backward(
    shape: &BatchNormShape,
    x: &[f32],
    statistics: Statistics,
    affine: Affine,
    (training, again): (bool, bool),
    dx: Option<&mut [f32]>,
    gradients: (Option<&mut [f32]>, Option<&mut [f32]>),
    steps: &dyn Steps,
) -> Result<(), OutOfMemory> {
    let c = shape.c;
    assert!(shape.layout == Layout::Lanes && x.len() == shape.len());
    assert!(steps.temporaries() > usize::from(again));
    let mut of_channels = take(2 * c)?;
    let mut results = take(2 * shape.results() + 3 * c)?;
    let apart = largest_piece(shape);
    let scratch = &per_thread(steps.temporaries() * apart)?;
    let forward = factors(&statistics, affine, &mut of_channels);
    // Leaves the gradient at the beginning of the scratch.
    let make = |channel: usize, range: Range<usize>, scratch: &mut [f32]| {
        if again {
            let y = &mut scratch[apart..][..range.len()];
            normalise(&x[range.clone()], forward.map(|factor| factor[channel]), y);
        }
        steps.run(range, scratch);
    };
    let (results, factors) = results.split_at_mut(2 * shape.results());
    let (plain, products) = results.split_at_mut(shape.results());
    lanes::for_each_piece(shape, [plain, products], |_, channel, range| {
        scratch.with(|scratch| {
            make(channel, range.clone(), scratch);
            let (x, dy) = (Src::new(&x[range.clone()], range.len()), Src::new(scratch, range.len()));
            lanes::sums(range.len(), terms(x, dy, statistics.mean[channel]))
        })
    });
    let [scale, slope, shift] =
        finish(shape, &statistics, results, affine.weight, shape.count(), gradients, factors);
    let Some(dx) = dx else { return Ok(()) };
    assert_eq!(dx.len(), x.len());
    lanes::write_pieces(shape, dx, true, |channel, range, dx| {
        scratch.with(|scratch| {
            make(channel, range.clone(), scratch);
            let (x, dy) = (Src::new(&x[range.clone()], range.len()), Src::new(scratch, range.len()));
            if training {
                let factors = [statistics.mean[channel], shift[channel], slope[channel], scale[channel]];
                store(dx, gradient(x, dy, factors));
            } else {
                store(dx, plain_gradient(dy, scale[channel]));
            }
        });
    });
    Ok(())
}

#[inline(always)]
fn store(to: &mut [f32], map: impl Fn(usize) -> F32x4) {
    let length = to.len();
    let mut to = Dst::new(to, length);
    for at in (0..length).step_by(4) {
        to.store(at, map(at));
    }
}
