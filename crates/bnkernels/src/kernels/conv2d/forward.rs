//! The forward pass: one phase, whose windows step by the stride.

use super::correlate::Correlation;
use super::plan::{Dimension, CACHED};
use super::{bands, dilated, line, winograd, Conv2dShape};
use crate::layout::Blocks;
use crate::parallel::{scratch::per_thread, OutOfMemory};

/// `y = conv2d(x, weight) + bias`; `x` and `y` in lanes.
pub fn conv2d_forward(
    shape: &Conv2dShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
) -> Result<(), OutOfMemory> {
    if y.is_empty() {
        return Ok(());
    }
    if x.is_empty() {
        fill_with_bias(shape.y(), shape.oc, bias, y);
        return Ok(());
    }
    assert_eq!(weight.len(), shape.weight());
    assert_eq!((x.len(), y.len()), (shape.x().len(), shape.y().len()));
    if let Some(bands) = bands::where_faster(shape) {
        return bands::through(shape, &bands, x, y, |x, y| forward(&bands.shape, x, weight, bias, y));
    }
    forward(shape, x, weight, bias, y)
}

/// The same, of images as they are.
pub(super) fn forward(
    s: &Conv2dShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
) -> Result<(), OutOfMemory> {
    if line::pays(s) {
        return line::forward(s, x, weight, bias, y);
    }
    if let Some(dilated) = dilated::where_faster(s) {
        return dilated.forward(x, weight, bias, y);
    }
    if winograd::forward_pays(s) {
        return winograd::forward(s, x, weight, bias, y);
    }
    let [rows, columns] = Dimension::of(s, false);
    let (groups, inputs, outputs) = (s.groups, s.c_of_group(), s.oc_of_group());
    let correlation = Correlation { n: s.n, groups, inputs, outputs, rows, columns, bias };
    correlation.run(&per_thread(CACHED)?, x, weight, y);
    Ok(())
}

/// All there is where the input has no values.
pub(super) fn fill_with_bias(blocks: Blocks, channels: usize, bias: Option<&[f32]>, y: &mut [f32]) {
    assert_eq!(y.len(), blocks.len());
    for plane in 0..blocks.count() * channels {
        let range = blocks.item(channels, plane)..blocks.item(channels, plane + 1);
        y[range].fill(bias.map_or(0.0, |bias| bias[plane % channels]));
    }
}
