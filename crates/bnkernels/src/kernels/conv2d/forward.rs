//! The forward pass: one phase, whose windows step by the stride.

use super::correlate::Correlation;
use super::plan::{Dimension, CACHED};
use super::Conv2dShape;
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
        fill_with_bias(shape, bias, y);
        return Ok(());
    }
    let dimension = |input, outputs, kernel, stride, padding| Dimension {
        input,
        outputs,
        kernel,
        stride,
        padding,
        transposed: false,
    };
    let s = shape;
    assert_eq!(weight.len(), s.weight());
    let correlation = Correlation {
        n: s.n,
        inputs: s.c,
        outputs: s.oc,
        rows: dimension(s.h, s.oh(), s.kh, s.stride.0, s.padding.0),
        columns: dimension(s.w, s.ow(), s.kw, s.stride.1, s.padding.1),
        bias,
    };
    correlation.run(&per_thread(CACHED)?, x, weight, y);
    Ok(())
}

/// All there is where the input has no values.
fn fill_with_bias(shape: &Conv2dShape, bias: Option<&[f32]>, y: &mut [f32]) {
    let (blocks, oc) = (shape.y(), shape.oc);
    assert_eq!(y.len(), blocks.len());
    for plane in 0..blocks.count() * oc {
        let range = blocks.item(oc, plane)..blocks.item(oc, plane + 1);
        y[range].fill(bias.map_or(0.0, |bias| bias[plane % oc]));
    }
}
