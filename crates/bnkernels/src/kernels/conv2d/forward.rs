//! The forward pass: one phase, whose windows step by the stride.

use super::correlate::Correlation;
use super::plan::Axis;
use super::Conv2dShape;

/// `y = conv2d(x, weight) + bias`; `x` and `y` in lanes.
pub fn conv2d_forward(shape: &Conv2dShape, x: &[f32], weight: &[f32], bias: Option<&[f32]>, y: &mut [f32]) {
    if shape.n == 0 {
        return;
    }
    let axis = |input, taps, stride, padding: usize, count| Axis {
        input,
        taps,
        stride,
        offset: -(padding as isize),
        count,
        before: 0,
    };
    let s = shape;
    assert_eq!(weight.len(), s.weight());
    let correlation = Correlation {
        n: s.n,
        inputs: s.c,
        outputs: s.oc,
        rows: &[axis(s.h, s.kh, s.stride.0, s.padding.0, s.oh())],
        columns: &[axis(s.w, s.kw, s.stride.1, s.padding.1, s.ow())],
        bias,
    };
    correlation.run(x, weight, y);
}
