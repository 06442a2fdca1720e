//! The elementwise operations of two arrays, broadcast: one row each. Their gradients are made of one another, in
//! autograd/ops.

#[cfg(not(target_arch = "wasm32"))]
use super::Description;
use super::{one, zero};
use crate::kernels::elementwise::{self, Broadcast, Kernel};
use crate::simd::F32x4;

/// How a row is run.
macro_rules! run {
    ([] $u:literal $($arguments:expr),+) => {
        elementwise::binary::<$u>($($arguments),+)
    };
    ([small] $u:literal $($arguments:expr),+) => {
        elementwise::small_binary::<$u>($($arguments),+)
    };
}

/// Behind a name stands how many vectors are computed at a time, and `small` where few use it: see `small_binary`.
macro_rules! binary {
    ($($(#[doc = $doc:literal])* $name:ident $u:literal $($small:ident)?: |$a:ident, $b:ident| $value:expr;)*) => {
        static BINARY: &[Kernel<'static>] = &[$(&|inputs: &[&[f32]], y: &mut [f32]| {
            run!([$($small)?] $u inputs, y, |$a, $b| $value)
        }),*];

        #[cfg(not(target_arch = "wasm32"))]
        pub const BINARY_DESCRIPTIONS: &[Description] =
            &[$(Description { name: stringify!($name), doc: &[$($doc),*], reads: [false; 2], options: &[] }),*];
    };
}

binary! {
    /// `a + b`.
    add 4: |a, b| a + b;

    /// `a - b`.
    sub 4: |a, b| a - b;

    /// `a · b`.
    mul 4: |a, b| a * b;

    /// `a / b`.
    div 2: |a, b| a / b;

    /// `max(a, b)`; NaN where either is.
    maximum 2: |a, b| a.max(b);

    /// What share of the gradient `maximum` passes to `a`: 1, 0, or ½ where both are equal.
    maximum_share 2 small: |a, b| a.gt(b).select(one(), a.lt(b).select(zero(), F32x4::splat(0.5)));

    /// `min(a, b)`; NaN where either is.
    minimum 2: |a, b| a.min(b);

    /// 1 where `a = b`, else 0; as all comparisons.
    eq 2 small: |a, b| a.eq(b).keep(one());

    /// 1 where `a ≠ b`; so with NaN.
    ne 2 small: |a, b| a.ne(b).keep(one());

    /// 1 where `a < b`.
    lt 2 small: |a, b| a.lt(b).keep(one());

    /// 1 where `a ≤ b`.
    le 2 small: |a, b| a.le(b).keep(one());

    /// 1 where `a > b`.
    gt 2 small: |a, b| a.gt(b).keep(one());

    /// 1 where `a ≥ b`.
    ge 2 small: |a, b| a.ge(b).keep(one());

    /// `b` where `a` is not 0; 0 where it is, whatever `b` is there.
    keep 2 small: |a, b| a.eq(zero()).clear(b);

    /// `b` where `a` is 0; 0 where it is not, whatever `b` is there.
    drop 2 small: |a, b| a.eq(zero()).keep(b);

    /// The one of `a` and `b` that `keep` and `drop` left: the bits that either has.
    join 2 small: |a, b| a.or_bits(b);

    /// `a` above 0, `b · a` below.
    prelu 2: |a, b| a.gt(zero()).select(a, b * a);

    /// The slope of `prelu` in `a`: 1 above 0, `b` below.
    prelu_slope 2 small: |a, b| a.gt(zero()).select(one(), b);

    /// The gradient of `prelu`'s `b`, of `a` and the result's `b`: 0 where `a` is above 0, else their product.
    prelu_weight 2 small: |a, b| a.gt(zero()).clear(a * b);
}

pub fn is_binary(op: u32) -> bool {
    (op as usize) < BINARY.len()
}

/// `y = a ∘ b`.
pub fn binary(op: u32, dims: Broadcast, a: &[f32], b: &[f32], y: &mut [f32]) {
    elementwise::broadcast(dims, a, b, y, BINARY[op as usize])
}
