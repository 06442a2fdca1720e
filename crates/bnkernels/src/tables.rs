//! The elementwise operations: one row each, with the derivative. An operation's place in its table is its
//! number in a call. `cargo run --bin bindings` makes a TypeScript function of each row of the first table,
//! with the row's documentation.
//!
//! A row begins with how many vectors are computed at a time: several where the function is short.

use crate::kernels::elementwise::{self, map_vectors, Broadcast, Kernel};
use crate::simd::F32x4;

/// An operation of one array.
pub struct Unary {
    /// Of x.
    forward: Kernel<'static>,
    /// Of forward's x and y, and dy.
    backward: Kernel<'static>,
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
}

/// The gradient does not read an argument whose name begins with `_`.
macro_rules! unary {
    ($($(#[doc = $doc:literal])* $name:ident $u:literal:
        |$x:ident| $value:expr; |$bx:ident, $by:ident, $dy:ident| $gradient:expr;)*) => {
        static UNARY: &[Unary] = &[$(Unary {
            forward: &|inputs: &[&[f32]], y: &mut [f32]| map_vectors::<1, $u>(inputs, y, |[$x]| $value),
            backward: &|inputs: &[&[f32]], dx: &mut [f32]| {
                map_vectors::<3, 4>(inputs, dx, |[$bx, $by, $dy]| $gradient)
            },
            reads: [is_read(stringify!($bx)), is_read(stringify!($by))],
        }),*];

        #[cfg(not(target_arch = "wasm32"))]
        pub const UNARY_DESCRIPTIONS: &[Description] = &[$(Description {
            name: stringify!($name),
            doc: &[$($doc),*],
            reads: [is_read(stringify!($bx)), is_read(stringify!($by))],
        }),*];
    };
}

macro_rules! binary {
    ($($(#[doc = $doc:literal])* $name:ident $u:literal: |$a:ident, $b:ident| $value:expr;)*) => {
        static BINARY: &[Kernel<'static>] =
            &[$(&|inputs: &[&[f32]], y: &mut [f32]| elementwise::binary::<$u>(inputs, y, |$a, $b| $value)),*];

        #[cfg(not(target_arch = "wasm32"))]
        pub const BINARY_DESCRIPTIONS: &[Description] =
            &[$(Description { name: stringify!($name), doc: &[$($doc),*], reads: [false; 2] }),*];
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

    /// `x Φ(x)`, with Φ the normal distribution: `x (1 + erf(x / √2)) / 2`. `x` of any shape.
    /// https://pytorch.org/docs/stable/generated/torch.nn.functional.gelu.html
    gelu 1: |x| x * x.normal().0; |x, _y, dy| { let (below, density) = x.normal(); dy * (below + x * density) };
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
    maximum_share 1: |a, b| a.gt(b).select(one(), a.lt(b).select(zero(), F32x4::splat(0.5)));
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
pub fn unary_forward(op: u32, x: &[f32], y: &mut [f32]) {
    elementwise::run(&[x], y, UNARY[op as usize].forward)
}

/// The gradient with respect to `x`, from what forward read and wrote.
pub fn unary_backward(op: u32, x: Option<&[f32]>, y: Option<&[f32]>, dy: &[f32], dx: &mut [f32]) {
    assert!(has_what_it_reads(op, x, y));
    // What is not read may be anything of the right length.
    elementwise::run(&[x.unwrap_or(dy), y.unwrap_or(dy), dy], dx, UNARY[op as usize].backward)
}

pub fn is_binary(op: u32) -> bool {
    (op as usize) < BINARY.len()
}

/// `y = a ∘ b`.
pub fn binary(op: u32, dims: Broadcast, a: &[f32], b: &[f32], y: &mut [f32]) {
    elementwise::broadcast(dims, a, b, y, BINARY[op as usize])
}

/// The number of the operation of that name.
#[cfg(test)]
pub fn number(of: &[Description], name: &str) -> u32 {
    of.iter().position(|row| row.name == name).expect(name) as u32
}

#[cfg(test)]
mod tests;
