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
    if shape.n == 0 {
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
