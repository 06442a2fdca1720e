//! Batch normalisation in lanes with elementwise operations behind it, piece by piece: what passes between is neither
//! written to memory nor read from it. The same bits as one after the other. The steps find the normalised piece in
//! their first temporary.

use super::forward::{factors, normalised};
use super::{lanes, Affine, BatchNormShape, Layout, Statistics, LANES};
use crate::kernels::chain::Steps;
use crate::parallel::scratch::{per_thread, take};
use crate::parallel::{largest_range, OutOfMemory};

/// Elements of the largest piece.
fn largest_piece(shape: &BatchNormShape) -> usize {
    largest_range(shape.pieces().max(1), shape.s, 1) * LANES
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
            let map = normalised(factors.map(|factor| factor[channel]));
            lanes::map([&x[range.clone()]], &mut scratch[..range.len()], map);
            steps.run(range, scratch);
        });
        []
    });
    Ok(())
}
