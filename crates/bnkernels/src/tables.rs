//! The elementwise operations: one row each, with the derivative. An operation's place in its table is its
//! number in a call. `cargo run --bin bindings` makes a TypeScript function of each row of the first table,
//! with the row's documentation.
//!
//! A row begins with how many vectors are computed at a time: several where the function is short.

use crate::kernels::elementwise::{self, map_vectors};
use crate::simd::F32x4;

mod binary;
mod slope;

#[cfg(not(target_arch = "wasm32"))]
pub use binary::BINARY_DESCRIPTIONS;
pub use binary::{binary, is_binary};
pub use slope::{has_slope, unary_with_slope};

/// What a function takes besides x: up to two numbers, 0 where it takes fewer.
pub type Numbers = [f32; 2];

/// An operation of one array.
pub struct Unary {
    /// Of x.
    forward: fn(Numbers, &[f32], &mut [f32]),
    /// Of forward's x and y, and dy.
    backward: fn(Numbers, [&[f32]; 3], &mut [f32]),
    /// Whether the gradient reads x, and y.
    reads: [bool; 2],
}

/// What the bindings are written from.
#[cfg(not(target_arch = "wasm32"))]
pub struct Description {
    pub name: &'static str,
    pub doc: &'static [&'static str],
    /// Of a unary operation: whether its gradient reads x, and y.
    pub reads: [bool; 2],
    /// The numbers that it takes besides x.
    pub options: &'static [Number],
}

/// A number that a function takes besides x.
#[cfg(not(target_arch = "wasm32"))]
pub struct Number {
    pub name: &'static str,
    pub doc: &'static [&'static str],
    pub default: f64,
}

/// The gradient does not read an argument whose name begins with `_`; a row whose name does is no function of
/// the public's, but a part of one. Behind the name may stand numbers with their defaults, at most two: in the
/// formulas they are vectors.
macro_rules! unary {
    ($($(#[doc = $doc:literal])* $name:ident $u:literal
        $({ $($(#[doc = $of:literal])* $number:ident = $default:expr),+ })?:
        |$x:ident| $value:expr; |$bx:ident, $by:ident, $dy:ident| $gradient:expr;)*) => {
        /// The numbers of the rows.
        #[allow(non_camel_case_types, dead_code)]
        enum Function {
            $($name),*
        }

        // (What a row takes, its gradient need not.)
        #[allow(unused_variables)]
        static UNARY: &[Unary] = &[$(Unary {
            forward: |numbers, x, y| {
                let [$($($number,)+)? ..] = numbers;
                elementwise::run(&[x], y, &move |inputs: &[&[f32]], y: &mut [f32]| {
                    $($(let $number = F32x4::splat($number);)+)?
                    map_vectors::<1, $u>(inputs, y, move |[$x]| $value)
                });
            },
            backward: |numbers, inputs, dx| {
                let [$($($number,)+)? ..] = numbers;
                elementwise::run(&inputs, dx, &move |inputs: &[&[f32]], dx: &mut [f32]| {
                    $($(let $number = F32x4::splat($number);)+)?
                    map_vectors::<3, $u>(inputs, dx, move |[$bx, $by, $dy]| $gradient)
                });
            },
            reads: [is_read(stringify!($bx)), is_read(stringify!($by))],
        }),*];

        #[cfg(not(target_arch = "wasm32"))]
        pub const UNARY_DESCRIPTIONS: &[Description] = &[$(Description {
            name: stringify!($name),
            doc: &[$($doc),*],
            reads: [is_read(stringify!($bx)), is_read(stringify!($by))],
            options: &[$($(Number { name: stringify!($number), doc: &[$($of),*], default: $default }),+)?],
        }),*];
    };
}

const fn is_read(name: &str) -> bool {
    name.as_bytes()[0] != b'_'
}

#[inline(always)]
fn zero() -> F32x4 {
    F32x4::zero()
}

#[inline(always)]
fn one() -> F32x4 {
    F32x4::splat(1.0)
}

#[inline(always)]
fn three() -> F32x4 {
    F32x4::splat(3.0)
}

#[inline(always)]
fn six() -> F32x4 {
    F32x4::splat(6.0)
}

/// `min(max(x, 0), 6)`; NaN stays.
#[inline(always)]
fn to_six(x: F32x4) -> F32x4 {
    let y = x.lt(zero()).clear(x);
    y.gt(six()).select(six(), y)
}

unary! {
    /// `−x`. `x` of any shape.
    neg 4: |x| -x; |_x, _y, dy| -dy;

    /// `|x|`; gradient 0 at 0. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.abs.html
    abs 4: |x| x.abs(); |x, _y, dy| x.gt(zero()).select(dy, x.lt(zero()).select(-dy, zero()));

    /// `√x`; NaN below 0. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.sqrt.html
    sqrt 4: |x| x.sqrt(); |_x, y, dy| dy / (y + y);

    /// `eˣ`. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.exp.html
    exp 1: |x| x.exp(); |_x, y, dy| dy * y;

    /// The natural logarithm; −Infinity at 0, NaN below. `x` of any shape.
    /// https://pytorch.org/docs/stable/generated/torch.log.html
    log 1: |x| x.ln(); |x, _y, dy| dy / x;

    /// `max(x, 0)`; gradient 0 at 0. `x` of any shape.
    /// https://pytorch.org/docs/stable/generated/torch.nn.functional.relu.html
    relu 4: |x| x.lt(zero()).clear(x); |_x, y, dy| y.gt(zero()).keep(dy);

    /// `1 / (1 + e⁻ˣ)`. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.sigmoid.html
    sigmoid 1: |x| x.sigmoid(); |_x, y, dy| dy * y * (one() - y);

    /// The hyperbolic tangent. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.tanh.html
    tanh 1: |x| x.tanh(); |_x, y, dy| dy * (one() - y * y);

    /// `x Φ(x)`, with Φ the normal distribution: `x (1 + erf(x / √2)) / 2`.
    _gelu 1: |x| x * x.normal().0; |x, _y, dy| { let (below, density) = x.normal(); dy * (below + x * density) };

    /// `gelu` with Φ by the tangent: `x (1 + tanh(√(2 / π) (x + 0.044715 x³))) / 2`.
    _gelu_tanh 1: |x| x * x.normal_by_tanh().0;
        |x, _y, dy| { let (below, density) = x.normal_by_tanh(); dy * (below + x * density) };

    /// `x` from `min` to `max`; `max` where that is the smaller. On the bounds there is no gradient.
    _clamp 4 {
        /// The least.
        min = f64::NEG_INFINITY,
        /// The largest.
        max = f64::INFINITY
    }: |x| { let y = x.lt(min).select(min, x); y.gt(max).select(max, y) };
        |x, _y, dy| x.gt(min).and(x.lt(max)).keep(dy);

    /// The sine, of whatever angle. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.sin.html
    sin 1: |x| x.sin_cos().0; |x, _y, dy| dy * x.sin_cos().1;

    /// The cosine, of whatever angle. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.cos.html
    cos 1: |x| x.sin_cos().1; |x, _y, dy| -(dy * x.sin_cos().0);

    /// The error function, `2 / √π ∫ e^(-t²) dt` from 0 to `x`. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.erf.html
    erf 1: |x| x.erf(); |x, _y, dy| dy * F32x4::splat(std::f32::consts::FRAC_2_SQRT_PI) * (-(x * x)).exp_or_zero();

    /// The largest whole number up to `x`; gradient 0. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.floor.html
    floor 2: |x| x.floor(); |_x, _y, _dy| zero();

    /// The smallest whole number from `x` on; gradient 0. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.ceil.html
    ceil 2: |x| x.ceil(); |_x, _y, _dy| zero();

    /// The nearest whole number, of two the even one (not as Math.round); gradient 0. `x` of any shape.
    /// https://pytorch.org/docs/stable/generated/torch.round.html
    round 2: |x| x.nearest(); |_x, _y, _dy| zero();

    /// −1, 0 or 1; 0 for NaN, and gradient 0. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.sign.html
    sign 2: |x| x.gt(zero()).keep(one()) - x.lt(zero()).keep(one()); |_x, _y, _dy| zero();

    /// `1 / √x`; Infinity at 0, NaN below. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.rsqrt.html
    rsqrt 4: |x| one() / x.sqrt(); |_x, y, dy| dy * F32x4::splat(-0.5) * (y * y * y);

    /// `1 / x`. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.reciprocal.html
    reciprocal 4: |x| one() / x; |_x, y, dy| -(dy * y * y);

    /// `ln(1 + x)`, with all digits near 0; −Infinity at −1, NaN below. `x` of any shape.
    /// https://pytorch.org/docs/stable/generated/torch.log1p.html
    log1p 1: |x| x.ln_1p(); |x, _y, dy| dy / (one() + x);

    /// `x / (1 + e⁻ˣ)`, also called swish. `x` of any shape.
    /// https://pytorch.org/docs/stable/generated/torch.nn.functional.silu.html
    silu 1: |x| x * x.sigmoid(); |x, _y, dy| { let s = x.sigmoid(); dy * (s * (one() + x * (one() - s))) };

    /// `x min(max(x + 3, 0), 6) / 6`. `x` of any shape.
    /// https://pytorch.org/docs/stable/generated/torch.nn.functional.hardswish.html
    hardswish 4: |x| x * to_six(x + three()) * F32x4::splat(1.0 / 6.0);
        |x, _y, dy| {
            let slope = x * F32x4::splat(1.0 / 3.0) + F32x4::splat(0.5);
            x.le(-three()).clear(x.lt(three()).select(dy * slope, dy))
        };

    /// `x tanh(ln(1 + eˣ))`. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.nn.functional.mish.html
    mish 1: |x| x * x.tanh_softplus().0;
        |x, _y, dy| { let (value, slope) = x.tanh_softplus(); dy * (value + x * slope) };

    /// `min(max(x, 0), 6)`; gradient 0 at 0 and at 6. `x` of any shape.
    /// https://pytorch.org/docs/stable/generated/torch.nn.functional.relu6.html
    relu6 4: |x| to_six(x); |_x, y, dy| y.gt(zero()).and(y.lt(six())).keep(dy);

    /// `ln(1 + e^(beta x)) / beta`: `relu`, smoothed. `x` of any shape.
    /// https://pytorch.org/docs/stable/generated/torch.nn.functional.softplus.html
    softplus 1 {
        /// The larger, the nearer to `relu`.
        beta = 1.0,
        /// Where `beta x` is larger, the result is `x`.
        threshold = 20.0
    }: |x| {
            let z = beta * x;
            let y = (z.lt(zero()).clear(z) + (-z.abs()).exp_or_zero().ln_1p()) / beta;
            z.gt(threshold).select(x, y)
        };
        |x, _y, dy| { let z = beta * x; z.gt(threshold).select(dy, dy * z.sigmoid()) };

    /// `x` above 0, `alpha (eˣ − 1)` below. `x` of any shape.
    /// https://pytorch.org/docs/stable/generated/torch.nn.functional.elu.html
    elu 1 {
        /// How far below 0 the results reach.
        alpha = 1.0
    }: |x| x.gt(zero()).select(x, alpha * x.exp_m1());
        |x, _y, dy| x.gt(zero()).select(dy, dy * alpha * x.exp());

    /// `x` above 0, `negativeSlope x` below. `x` of any shape.
    /// https://pytorch.org/docs/stable/generated/torch.nn.functional.leaky_relu.html
    leaky_relu 4 {
        /// The slope below 0, and at it.
        negative_slope = 0.01
    }: |x| x.gt(zero()).select(x, negative_slope * x);
        |x, _y, dy| x.gt(zero()).select(dy, negative_slope * dy);
}

pub fn is_unary(op: u32) -> bool {
    (op as usize) < UNARY.len()
}

/// Whether there is a unary operation of that number, and what its gradient reads.
pub fn has_what_it_reads(op: u32, x: Option<&[f32]>, y: Option<&[f32]>) -> bool {
    let has = [x.is_some(), y.is_some()];
    UNARY.get(op as usize).is_some_and(|unary| unary.reads.iter().zip(has).all(|(&reads, has)| has || !reads))
}

/// `y = f(x)`.
pub fn unary_forward(op: u32, numbers: Numbers, x: &[f32], y: &mut [f32]) {
    (UNARY[op as usize].forward)(numbers, x, y)
}

/// The gradient with respect to `x`, from what forward read and wrote.
pub fn unary_backward(
    op: u32,
    numbers: Numbers,
    x: Option<&[f32]>,
    y: Option<&[f32]>,
    dy: &[f32],
    dx: &mut [f32],
) {
    assert!(has_what_it_reads(op, x, y));
    // What is not read may be anything of the right length.
    (UNARY[op as usize].backward)(numbers, [x.unwrap_or(dy), y.unwrap_or(dy), dy], dx)
}

/// The number of the operation of that name.
#[cfg(test)]
pub fn number(of: &[Description], name: &str) -> u32 {
    of.iter().position(|row| row.name == name).expect(name) as u32
}

#[cfg(test)]
mod tests;
