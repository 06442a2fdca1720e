//! The transforms, for the points 0, ±p, ±q, ±r, ∞.
//!
//! Of the inputs `d` each pair of points ±a takes `e = d₆ − (b² + c²) d₄ + b²c² d₂` of the even ones, where `b` and `c`
//! are the other two, and `o` of the odd ones alike, and is `e ± a·o`; the point 0 takes
//! `d₆ − (p² + q² + r²) d₄ + (p²q² + p²r² + q²r²) d₂ − p²q²r² d₀`, and ∞ the odd ones alike.
//! `Aᵀ` has the powers of the points: output `i` is `Σ aⁱ m`, and the last one has the product at ∞ with it.
//! `G` has the powers, too, divided by `Π (a − a')` over the other points but ∞.

use super::POINTS;
use crate::layout::LANES;
use crate::simd::{Dst, F32x4, Src};
use std::hint::black_box;

/// Outputs of the larger tiles.
pub(super) const LARGEST: usize = 6;

/// The points. (Of some tried, these lose fewest digits: of sums over 48 channels 1.1e-6 of the largest output,
/// where 1/2, 1 and 2 lose 1.4e-6.)
const P: f64 = 0.6;
const Q: f64 = 1.0;
const R: f64 = 1.875;
const SQUARES: [f64; 3] = [P * P, Q * Q, R * R];

/// What the taps of a part, `TAPS` at most, are multiplied by: `G` of five taps, of which those of fewer are the first
/// columns, but for the product at ∞, which is the last tap.
pub(super) const TAPS: usize = 5;

/// `G`, without ∞.
const fn taps() -> [[f32; TAPS]; POINTS - 1] {
    let points = [0.0, P, -P, Q, -Q, R, -R];
    let mut table = [[0.0; TAPS]; POINTS - 1];
    let mut j = 0;
    while j < POINTS - 1 {
        let (mut product, mut i) = (1.0, 0);
        while i < POINTS - 1 {
            if i != j {
                product *= points[j] - points[i];
            }
            i += 1;
        }
        let (mut power, mut u) = (1.0, 0);
        while u < TAPS {
            table[j][u] = (power / product) as f32;
            power *= points[j];
            u += 1;
        }
        j += 1;
    }
    table
}

/// `G`, its rows but the last.
pub(super) static OF_TAPS: [[f32; TAPS]; POINTS - 1] = taps();

/// The factors of the transforms. (The compilers must not know them: they would build the vectors anew wherever one is
/// used.)
#[derive(Clone, Copy)]
pub(super) struct Factors {
    /// Of each pair of points: the point, the sum of the others' squares, and their product.
    point: [F32x4; 3],
    sum: [F32x4; 3],
    product: [F32x4; 3],
    /// The points' squares.
    square: [F32x4; 3],
    /// Of all three squares: the sum, the sum of products of two, and the product.
    all: [F32x4; 3],
}

impl Factors {
    pub fn new() -> Self {
        let splat = |values: [f64; 3]| black_box(values.map(|value| value as f32)).map(F32x4::splat);
        let [p, q, r] = SQUARES;
        Self {
            point: splat([P, Q, R]),
            sum: splat([q + r, p + r, p + q]),
            product: splat([q * r, p * r, p * q]),
            square: splat(SQUARES),
            all: splat([p + q + r, p * q + p * r + q * r, p * q * r]),
        }
    }

    /// Bᵀ of eight inputs, `W` vectors of each; the results are lines, too, of `LANES`.
    #[inline(always)]
    pub fn inputs<const W: usize>(&self, d: [Src; POINTS], mut to: Dst) {
        for v in 0..W {
            let d = d.map(|d| d.load(4 * v));
            let mut store = |i: usize, value| to.store(i * LANES + 4 * v, value);
            let [s1, s2, s3] = self.all;
            store(0, d[0].neg_mul_add(s3, d[2].mul_add(s2, d[4].neg_mul_add(s1, d[6]))));
            for k in 0..3 {
                let (sum, product) = (self.sum[k], self.product[k]);
                let even = d[2].mul_add(product, d[4].neg_mul_add(sum, d[6]));
                let odd = d[1].mul_add(product, d[3].neg_mul_add(sum, d[5]));
                store(2 * k + 1, odd.mul_add(self.point[k], even));
                store(2 * k + 2, odd.neg_mul_add(self.point[k], even));
            }
            store(7, d[1].neg_mul_add(s3, d[3].mul_add(s2, d[5].neg_mul_add(s1, d[7]))));
        }
    }

    /// Aᵀ: the outputs of a tile of as many, of the sums of products, lines of `LANES`; those behind them may be anything.
    #[inline(always)]
    pub fn outputs(&self, sums: &Dst, tile: usize) -> [F32x4; LARGEST] {
        let load = |i: usize| sums.load(i * LANES);
        let mut even: [F32x4; 3] = std::array::from_fn(|k| load(2 * k + 1) + load(2 * k + 2));
        let mut odd: [F32x4; 3] = std::array::from_fn(|k| load(2 * k + 1) - load(2 * k + 2));
        odd = std::array::from_fn(|k| odd[k] * self.point[k]);
        std::array::from_fn(|i| {
            let of = if i % 2 == 0 { &mut even } else { &mut odd };
            if i > 1 {
                *of = std::array::from_fn(|k| of[k] * self.square[k]);
            }
            let sum = (of[0] + of[1]) + of[2];
            let sum = if i == 0 { sum + load(0) } else { sum };
            if i == tile - 1 {
                sum + load(7)
            } else {
                sum
            }
        })
    }

    /// A of the gradients of the outputs of a tile, `W` vectors of each; what is behind its last is 0. The results are
    /// lines of `LANES`.
    #[inline(always)]
    pub fn gradients<const W: usize>(&self, dy: [Src; LARGEST], last: Src, mut to: Dst) {
        for v in 0..W {
            let y = dy.map(|dy| dy.load(4 * v));
            let mut store = |i: usize, value| to.store(i * LANES + 4 * v, value);
            store(0, y[0]);
            for k in 0..3 {
                let square = self.square[k];
                let even = y[4].mul_add(square, y[2]).mul_add(square, y[0]);
                let odd = y[5].mul_add(square, y[3]).mul_add(square, y[1]);
                store(2 * k + 1, odd.mul_add(self.point[k], even));
                store(2 * k + 2, odd.neg_mul_add(self.point[k], even));
            }
            store(7, last.load(4 * v));
        }
    }
}
