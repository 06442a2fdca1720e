//! The transforms along one dimension, for the points 0, ±a, ±b, ∞ with `a = 1/√2` and `b = √2`.
//!
//! ```text
//!      ⎡1   0   −5/2  0    1  0⎤       ⎡  1       0      0  ⎤
//!      ⎢0  −2a  −2    a    1  0⎥       ⎢−2/3  −2a/3   −1/3⎥        ⎡1  1    1    1    1   0⎤
//! Bᵀ = ⎢0   2a  −2   −a    1  0⎥   G = ⎢−2/3   2a/3   −1/3⎥   Aᵀ = ⎢0  a   −a    b   −b   0⎥
//!      ⎢0  −b/2 −1/2  b    1  0⎥       ⎢ 1/6    b/6    1/3⎥        ⎢0  1/2  1/2  2    2   0⎥
//!      ⎢0   b/2 −1/2 −b    1  0⎥       ⎢ 1/6   −b/6    1/3⎥        ⎣0  a/2 −a/2  2b  −2b  1⎦
//!      ⎣0   1    0   −5/2  0  1⎦       ⎣  0       0      1  ⎦
//! ```

use super::{PATCH, PRODUCTS};
use crate::simd::{Dst, F32x4};
use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};
use std::hint::black_box;

/// What is between the two passes of [`both`]: memory, since there are too few registers.
pub(super) type Between = [f32; PRODUCTS * 4];
pub(super) const BETWEEN: Between = [0.0; PRODUCTS * 4];

/// Transforms a matrix of `N` × `N` vectors to one of `M` × `M` by `f`: its columns, which `load` gives, then the rows,
/// of which `store` takes `rows`. (Not unrolled, by which nothing is won.)
#[inline(always)]
pub(super) fn both<const N: usize, const M: usize>(
    between: &mut Between,
    load: impl Fn(usize) -> [F32x4; N],
    f: impl Fn([F32x4; N]) -> [F32x4; M],
    rows: usize,
    mut store: impl FnMut(usize, [F32x4; M]),
) {
    let mut between = Dst::new(between, PRODUCTS * 4);
    for i in 0..black_box(N) {
        let mut column = between.offset(i * PATCH * 4);
        for (r, value) in f(load(i)).into_iter().enumerate() {
            column.store(r * 4, value);
        }
    }
    for r in 0..black_box(rows) {
        let row = between.offset(r * 4);
        store(r, f(std::array::from_fn(|i| row.load(i * PATCH * 4))));
    }
}

/// Bᵀ: six inputs.
#[inline(always)]
pub(super) fn input(d: [F32x4; 6]) -> [F32x4; 6] {
    let (five_halves, half) = (F32x4::splat(-2.5), F32x4::splat(-0.5));
    let even = [d[4] - (d[2] + d[2]), d[2].mul_add(half, d[4])];
    let odd = [d[3] - (d[1] + d[1]), d[1].mul_add(half, d[3])];
    let odd = [odd[0] * F32x4::splat(FRAC_1_SQRT_2), odd[1] * F32x4::splat(SQRT_2)];
    [
        d[2].mul_add(five_halves, d[0] + d[4]),
        even[0] + odd[0],
        even[0] - odd[0],
        even[1] + odd[1],
        even[1] - odd[1],
        d[3].mul_add(five_halves, d[1] + d[5]),
    ]
}

/// Aᵀ: what the products of a tile make of its four outputs.
#[inline(always)]
pub(super) fn output(m: [F32x4; 6]) -> [F32x4; 4] {
    let half = F32x4::splat(0.5);
    let even = [m[1] + m[2], m[3] + m[4]];
    let odd = [(m[1] - m[2]) * F32x4::splat(FRAC_1_SQRT_2), (m[3] - m[4]) * F32x4::splat(SQRT_2)];
    [
        m[0] + even[0] + even[1],
        odd[0] + odd[1],
        even[0].mul_add(half, even[1] + even[1]),
        odd[0].mul_add(half, odd[1] + odd[1]) + m[5],
    ]
}

/// A: four gradients of outputs.
#[inline(always)]
pub(super) fn gradient(y: [F32x4; 4]) -> [F32x4; 6] {
    let half = F32x4::splat(0.5);
    let even = [y[2].mul_add(half, y[0]), y[0] + (y[2] + y[2])];
    let odd = [y[3].mul_add(half, y[1]), y[1] + (y[3] + y[3])];
    let odd = [odd[0] * F32x4::splat(FRAC_1_SQRT_2), odd[1] * F32x4::splat(SQRT_2)];
    [y[0], even[0] + odd[0], even[0] - odd[0], even[1] + odd[1], even[1] - odd[1], y[3]]
}

/// G: three taps.
#[inline(always)]
pub(super) fn taps(g: [F32x4; 3]) -> [F32x4; 6] {
    let [thirds, sixth] = [F32x4::splat(-2.0 / 3.0), F32x4::splat(1.0 / 6.0)];
    let even = [g[2].mul_add(F32x4::splat(0.5), g[0]) * thirds, (g[0] + (g[2] + g[2])) * sixth];
    let odd = [g[1] * F32x4::splat(FRAC_1_SQRT_2 * -2.0 / 3.0), g[1] * F32x4::splat(SQRT_2 / 6.0)];
    [g[0], even[0] + odd[0], even[0] - odd[0], even[1] + odd[1], even[1] - odd[1], g[2]]
}

/// Gᵀ: what sums of products make of the gradients of three taps.
#[inline(always)]
pub(super) fn gradient_of_taps(m: [F32x4; 6]) -> [F32x4; 3] {
    let [thirds, sixth] = [F32x4::splat(-2.0 / 3.0), F32x4::splat(1.0 / 6.0)];
    let even = [(m[1] + m[2]) * thirds, (m[3] + m[4]) * sixth];
    let odd = [
        (m[1] - m[2]) * F32x4::splat(FRAC_1_SQRT_2 * -2.0 / 3.0),
        (m[3] - m[4]) * F32x4::splat(SQRT_2 / 6.0),
    ];
    let half = F32x4::splat(0.5);
    [m[0] + even[0] + even[1], odd[0] + odd[1], even[0].mul_add(half, even[1] + even[1]) + m[5]]
}
