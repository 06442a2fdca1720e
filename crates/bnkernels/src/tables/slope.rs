//! Functions of the table whose derivative is most of the work once more: a compiled step computes both at once, and
//! its backward has one multiplication left, `dx = dy · slope`, to the bits of the table's gradient.

use super::{one, Function};
use crate::kernels::vectors::vectors;
use crate::parallel::for_each_part;
use crate::simd::F32x4;

const GELU: u32 = Function::_gelu as u32;
const GELU_TANH: u32 = Function::_gelu_tanh as u32;
const SILU: u32 = Function::silu as u32;
const MISH: u32 = Function::mish as u32;

/// Whether [`unary_with_slope`] knows the operation of that number.
pub fn has_slope(op: u32) -> bool {
    matches!(op, GELU | GELU_TANH | SILU | MISH)
}

/// `y = f(x)`, and then `x = f′(x)`. No number that a function takes is known here.
pub fn unary_with_slope(op: u32, x: &mut [f32], y: &mut [f32]) {
    let n = y.len();
    assert!(x.len() == n && has_slope(op));
    for_each_part([x, y], [1, 1], (n, 1, 4), move |_, [x, y]| match op {
        GELU => both(x, y, |x| with_factor(x, x.normal())),
        GELU_TANH => both(x, y, |x| with_factor(x, x.normal_by_tanh())),
        MISH => both(x, y, |x| with_factor(x, x.tanh_softplus())),
        _ => both(x, y, |x| {
            let s = x.sigmoid();
            (x * s, s * (one() + x * (one() - s)))
        }),
    });
}

/// Of `x · f(x)`, from `f` and its derivative.
#[inline(always)]
fn with_factor(x: F32x4, (value, slope): (F32x4, F32x4)) -> (F32x4, F32x4) {
    (x * value, value + x * slope)
}

#[inline(always)]
fn both(x: &mut [f32], y: &mut [f32], f: impl Fn(F32x4) -> (F32x4, F32x4)) {
    vectors([], [x, y], |[], [x, _]| {
        let (value, slope) = f(x);
        [slope, value]
    });
}
