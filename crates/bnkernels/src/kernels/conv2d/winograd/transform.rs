//! The transforms along one dimension, for the points 0, ±a, ±b, ∞ with `a = 1/√2` and `b = √2 = 2a`.
//!
//! ```text
//!      ⎡1   0   −5/2  0    1  0⎤       ⎡  1       0      0  ⎤
//!      ⎢0  −2a  −2    a    1  0⎥       ⎢−2/3  −2a/3   −1/3⎥        ⎡1  1    1    1/2  1/2  0⎤
//! Bᵀ = ⎢0   2a  −2   −a    1  0⎥   G = ⎢−2/3   2a/3   −1/3⎥   Aᵀ = ⎢0  a   −a    a   −a    0⎥
//!      ⎢0  −b/2 −1/2  b    1  0⎥       ⎢ 1/3   2a/3    2/3⎥        ⎢0  1/2  1/2  1    1    0⎥
//!      ⎢0   b/2 −1/2 −b    1  0⎥       ⎢ 1/3  −2a/3    2/3⎥        ⎣0  a/2 −a/2  2a  −2a   1⎦
//!      ⎣0   1    0   −5/2  0  1⎦       ⎣  0       0      1  ⎦
//! ```
//!
//! (The two columns of Aᵀ for ±b are halved and those rows of G doubled, which saves factors.)

use super::patches::LINE;
use super::{PATCH, PRODUCTS, TILE};
use crate::layout::LANES;
use crate::simd::{Dst, F32x4, Src};
use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};
use std::hint::black_box;
use std::ops::Range;

/// The factors of the transforms and the sizes of their loops. The compilers must not know them: they would build the
/// vectors anew, in three instructions each, wherever one is used, and unroll the loops, by which nothing is won.
#[derive(Clone, Copy)]
pub(super) struct Factors {
    two: F32x4,
    half: F32x4,
    five_halves: F32x4,
    a: F32x4,
    b: F32x4,
    patch: usize,
}

impl Factors {
    pub fn new() -> Self {
        let [two, half, five_halves, a, b] =
            black_box([2.0, 0.5, 2.5, FRAC_1_SQRT_2, SQRT_2]).map(F32x4::splat);
        Self { two, half, five_halves, a, b, patch: black_box(PATCH) }
    }

    /// Bᵀ: six inputs.
    #[inline(always)]
    pub fn input(&self, d: [F32x4; 6]) -> [F32x4; 6] {
        let Self { two, half, five_halves, a, b, .. } = *self;
        let even = [d[2].neg_mul_add(two, d[4]), d[2].neg_mul_add(half, d[4])];
        let odd = [d[1].neg_mul_add(two, d[3]), d[1].neg_mul_add(half, d[3])];
        [
            d[2].neg_mul_add(five_halves, d[0] + d[4]),
            odd[0].mul_add(a, even[0]),
            odd[0].neg_mul_add(a, even[0]),
            odd[1].mul_add(b, even[1]),
            odd[1].neg_mul_add(b, even[1]),
            d[3].neg_mul_add(five_halves, d[1] + d[5]),
        ]
    }

    /// Aᵀ: what the products of a tile make of its four outputs.
    #[inline(always)]
    pub fn output(&self, m: [F32x4; 6]) -> [F32x4; 4] {
        let Self { half, a, .. } = *self;
        let (even, odd) = ([m[1] + m[2], m[3] + m[4]], [m[1] - m[2], m[3] - m[4]]);
        [
            even[1].mul_add(half, m[0] + even[0]),
            (odd[0] + odd[1]) * a,
            even[0].mul_add(half, even[1]),
            odd[0].mul_add(half, odd[1] + odd[1]).mul_add(a, m[5]),
        ]
    }

    /// A: four gradients of outputs.
    #[inline(always)]
    pub fn gradient(&self, y: [F32x4; 4]) -> [F32x4; 6] {
        let Self { half, a, .. } = *self;
        let even = [y[2].mul_add(half, y[0]), y[0].mul_add(half, y[2])];
        let odd = [y[3].mul_add(half, y[1]), y[1] + (y[3] + y[3])];
        [
            y[0],
            odd[0].mul_add(a, even[0]),
            odd[0].neg_mul_add(a, even[0]),
            odd[1].mul_add(a, even[1]),
            odd[1].neg_mul_add(a, even[1]),
            y[3],
        ]
    }

    /// Transforms columns of `N` pixels by `f`, so many `pixels` of `lanes` of each of the lines, where they are `apart`.
    /// The results are lines, too, of pixels side by side.
    #[inline(always)]
    pub fn columns<const N: usize, const W: usize>(
        &self,
        (lines, apart): ([Src; N], usize),
        (pixels, lanes): (usize, usize),
        mut to: Dst,
        f: impl Fn(&Self, [F32x4; N]) -> [F32x4; PATCH],
    ) {
        for_each_pixel::<W>((pixels, lanes), apart, |from| {
            let lines = lines.map(|line| line.offset(from));
            for v in 0..W {
                let column = f(self, lines.map(|line| line.load(4 * v)));
                for (r, value) in column.into_iter().enumerate() {
                    to.store(r * LINE + 4 * v, value);
                }
            }
            to.step(4 * W);
        });
    }

    /// Transforms some rows of a patch, `N` pixels of `W` vectors of each line, by `f`; pixels are `apart`. The results
    /// are `LANES` apart in `to`.
    #[inline(always)]
    pub fn widen<const N: usize, const W: usize>(
        &self,
        (mut patch, apart): (Dst, usize),
        rows: Range<usize>,
        mut to: Dst,
        f: impl Fn(&Self, [F32x4; N]) -> [F32x4; PATCH],
    ) {
        let apart = pixels_apart::<W>(apart);
        patch.step(rows.start * LINE);
        to.step(rows.start * PATCH * LANES);
        for _ in rows {
            for v in 0..W {
                let patch = patch.at(4 * v);
                let row = f(self, std::array::from_fn(|i| patch.load(i * apart)));
                let mut to = to.at(4 * v);
                for (i, value) in row.into_iter().enumerate() {
                    to.store(i * LANES, value);
                }
            }
            patch.step(LINE);
            to.step(PATCH * LANES);
        }
    }

    /// Makes four pixels, which are `apart`, of each row of a tile's products, which are `LANES` apart; to each row its
    /// line.
    #[inline(always)]
    pub fn narrow<const W: usize>(&self, mut products: Dst, (mut to, apart): (Dst, usize)) {
        let apart = pixels_apart::<W>(apart);
        for _ in 0..self.patch {
            for v in 0..W {
                let products = products.at(4 * v);
                let row = self.output(std::array::from_fn(|i| products.load(i * LANES)));
                let mut to = to.at(4 * v);
                for (i, value) in row.into_iter().enumerate() {
                    to.store(i * apart, value);
                }
            }
            products.step(PATCH * LANES);
            to.step(LINE);
        }
    }

    /// The first `rows` rows of outputs, and `bias` with them: so many `pixels` of `lanes` of each, of the columns of six
    /// lines. In `to` rows, and pixels, are `apart`.
    #[inline(always)]
    pub fn outputs<const W: usize>(
        &self,
        lines: Dst,
        (pixels, lanes): (usize, usize),
        (mut to, apart, rows): (Dst, (usize, usize), usize),
        bias: F32x4,
    ) {
        let mut lines = lines;
        for_each_pixel::<W>((pixels, lanes), apart.1, |place| {
            let mut to = to.offset(place);
            for v in 0..W {
                let line = lines.at(4 * v);
                let column = self.output(std::array::from_fn(|r| line.load(r * LINE)));
                if rows == TILE {
                    // (All of them but an image's last.)
                    for (r, value) in column.into_iter().enumerate() {
                        to.offset(r * apart.0).store(4 * v, value + bias);
                    }
                } else {
                    for (r, value) in column.into_iter().enumerate().take(rows) {
                        to.offset(r * apart.0).store(4 * v, value + bias);
                    }
                }
            }
            lines.step(4 * W);
        });
    }
}

/// `f(place)` for each `W` vectors of some pixels of `lanes`: where they are, if pixels are `apart`.
#[inline(always)]
fn for_each_pixel<const W: usize>((pixels, lanes): (usize, usize), apart: usize, mut f: impl FnMut(usize)) {
    let lanes = pixels_apart::<W>(lanes);
    let mut place = 0;
    for _ in 0..pixels {
        for v in (0..lanes).step_by(4 * W) {
            f(place + v);
        }
        place += apart;
    }
}

/// How far pixels are apart that are, where all vectors of a pixel are done together, as many.
#[inline(always)]
fn pixels_apart<const W: usize>(lanes: usize) -> usize {
    if W == 1 {
        lanes
    } else {
        4 * W
    }
}

/// What is between the two passes of [`both`]: memory, since there are too few registers.
pub(super) type Between = [f32; PRODUCTS * 4];
pub(super) const BETWEEN: Between = [0.0; PRODUCTS * 4];

/// Transforms a matrix of `N` × `N` vectors to one of `M` × `M` by `f`: its columns, which `load` gives, then the rows,
/// of which `store` takes each.
#[inline(always)]
pub(super) fn both<const N: usize, const M: usize>(
    between: &mut Between,
    load: impl Fn(usize) -> [F32x4; N],
    f: impl Fn([F32x4; N]) -> [F32x4; M],
    mut store: impl FnMut(usize, [F32x4; M]),
) {
    let mut between = Dst::new(between, PRODUCTS * 4);
    for i in 0..black_box(N) {
        let mut column = between.offset(i * PATCH * 4);
        for (r, value) in f(load(i)).into_iter().enumerate() {
            column.store(r * 4, value);
        }
    }
    for r in 0..black_box(M) {
        let row = between.offset(r * 4);
        store(r, f(std::array::from_fn(|i| row.load(i * PATCH * 4))));
    }
}

/// The factors of the transforms of kernels and of their gradients, which the compilers must not know either.
#[derive(Clone, Copy)]
pub(super) struct TapFactors {
    half: F32x4,
    third: F32x4,
    minus_two_thirds: F32x4,
    /// −2a/3.
    odd: F32x4,
}

impl TapFactors {
    pub fn new() -> Self {
        let factors = [0.5, 1.0 / 3.0, -2.0 / 3.0, FRAC_1_SQRT_2 * -2.0 / 3.0];
        let [half, third, minus_two_thirds, odd] = black_box(factors).map(F32x4::splat);
        Self { half, third, minus_two_thirds, odd }
    }

    /// G: three taps.
    #[inline(always)]
    pub fn taps(&self, g: [F32x4; 3]) -> [F32x4; 6] {
        let even =
            [g[2].mul_add(self.half, g[0]) * self.minus_two_thirds, (g[0] + (g[2] + g[2])) * self.third];
        let odd = g[1] * self.odd;
        [g[0], even[0] + odd, even[0] - odd, even[1] - odd, even[1] + odd, g[2]]
    }

    /// Gᵀ: what sums of products make of the gradients of three taps.
    #[inline(always)]
    pub fn gradient(&self, m: [F32x4; 6]) -> [F32x4; 3] {
        let even = [(m[1] + m[2]) * self.minus_two_thirds, (m[3] + m[4]) * self.third];
        let odd = (m[1] - m[2]) - (m[3] - m[4]);
        [m[0] + even[0] + even[1], odd * self.odd, even[0].mul_add(self.half, even[1] + even[1]) + m[5]]
    }
}
