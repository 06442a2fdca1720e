//! Functions of vectors that are made of `exp`.

use super::math::Constants;
use super::F32x4;

/// Polynomials of [`F32x4::normal`], fitted for the least relative error: of x² near 0 (4e-8), and of `t` in
/// the tail (7e-8); then 0.28 and what else it needs.
static NORMAL: [f32; 16] = [
    9.423_575e-5,
    -1.169_354_9e-3,
    9.967_197e-3,
    -6.648_958_5e-2,
    3.989_422_6e-1,
    -5.914_455_7e-2,
    1.305_872_2e-1,
    -2.783_815_1e-3,
    1.095_963_34e-1,
    9.767_035e-2,
    1.123_236_4e-1,
    1.116_735_8e-1,
    0.28,
    -0.5,
    0.5,
    // 1 / √2π
    0.398_942_3,
];

/// Of `(tanh(x) - x) / x³` near 0, in powers of x² (Cephes, tanhf), and up to where.
static TANH: [f32; 6] =
    [-5.704_988_7e-3, 2.063_909e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1, 0.625];

impl F32x4 {
    /// `1 / (1 + e⁻ˣ)`.
    #[inline(always)]
    pub fn sigmoid(self) -> Self {
        let [y] = Self::sigmoid_of([self]);
        y
    }

    /// `sigmoid` of vectors side by side; see [`F32x4::exp_or_zero_of`].
    #[inline(always)]
    pub fn sigmoid_of<const N: usize>(x: [Self; N]) -> [Self; N] {
        let one = Self::splat(1.0);
        Self::exp_or_zero_of(x.map(|x| -x)).map(|power| one / (one + power))
    }

    /// The hyperbolic tangent: `1 - 2 / (e²ˣ + 1)`; near 0, where that would cancel, a polynomial. Relative error below
    /// 2.5e-7.
    #[inline(always)]
    pub fn tanh(self) -> Self {
        let [y] = Self::tanh_of([self]);
        y
    }

    /// `tanh` of vectors side by side.
    #[inline(always)]
    pub fn tanh_of<const N: usize>(x: [Self; N]) -> [Self; N] {
        let table = Constants::new(&TANH);
        let (one, magnitude, square) = (Self::splat(1.0), x.map(|x| x.abs()), x.map(|x| x * x));
        let powers = Self::exp_or_zero_of(magnitude.map(|x| x + x));
        let near = table.polynomials(square, 0, 5, Self::mul_add);
        std::array::from_fn(|i| {
            let far = one - Self::splat(2.0) / (powers[i] + one);
            let near = (near[i] * square[i]).mul_add(x[i], x[i]);
            magnitude[i].lt(table.get(5)).select(near, far.with_sign_of(x[i]))
        })
    }

    /// The normal distribution up to x, `Φ(x) = (1 + erf(x / √2)) / 2`, and its density
    /// `φ(x) = e^(-x² / 2) / √2π`. Between -1 and 1, Φ is ½ and an odd polynomial; beyond, the tail is
    /// `e^(-x² / 2)` times a polynomial of `t = 1 / (1 + 0.28 |x|)`, so that small tails have all digits.
    #[inline(always)]
    pub fn normal(self) -> (Self, Self) {
        let table = Constants::new(&NORMAL);
        let one = Self::splat(1.0);
        let (magnitude, square) = (self.abs(), self * self);
        let bell = (square * table.get(13)).exp_or_zero();
        let near = table.polynomial(square, 0, 5, Self::mul_add).mul_add(self, table.get(14));
        let t = one / table.get(12).mul_add(magnitude, one);
        let tail = bell * t * table.polynomial(t, 5, 12, Self::mul_add);
        let far = self.lt(Self::zero()).select(tail, one - tail);
        (magnitude.lt(one).select(near, far), bell * table.get(15))
    }

    /// The error function, `2 Φ(√2 x) - 1`, near 0 without the cancellation: see `normal`.
    #[inline(always)]
    pub fn erf(self) -> Self {
        let table = Constants::new(&NORMAL);
        let one = Self::splat(1.0);
        let x = self * Self::splat(std::f32::consts::SQRT_2);
        let (magnitude, square) = (x.abs(), x * x);
        let near = x * table.polynomial(square, 0, 5, Self::mul_add);
        let t = one / table.get(12).mul_add(magnitude, one);
        let tail = (square * table.get(13)).exp_or_zero() * t * table.polynomial(t, 5, 12, Self::mul_add);
        let far = one - (tail + tail);
        let far = self.lt(Self::zero()).select(-far, far);
        magnitude.lt(one).select(near + near, far)
    }

    /// `Φ(x)` by the tangent, `(1 + tanh(√(2 / π) (x + 0.044715 x³))) / 2`, and its derivative.
    #[inline(always)]
    pub fn normal_by_tanh(self) -> (Self, Self) {
        let c = Self::splat;
        // Twice √(2 / π), as (1 + tanh(u)) / 2 is sigmoid(2 u). Past 12 all is 0 or 1, and x³ stays finite.
        let (twice, cubic) = (c(1.595_769), c(0.044_715));
        let x = self.at_least(c(-12.0)).at_most(c(12.0));
        let square = x * x;
        let below = (twice * x * (c(1.0) + cubic * square)).sigmoid();
        (below, below * (c(1.0) - below) * twice * (c(1.0) + c(3.0) * cubic * square))
    }

    /// `tanh(ln(1 + eˣ))`, and its derivative: of `n = eˣ`, `(n² + 2n) / (n² + 2n + 2)`.
    #[inline(always)]
    pub fn tanh_softplus(self) -> (Self, Self) {
        let c = Self::splat;
        // Past 20 it is 1, and the square stays finite.
        let n = self.at_most(c(20.0)).exp_or_zero();
        let product = n * (n + c(2.0));
        let rest = c(2.0) / (product + c(2.0));
        let value = product / (product + c(2.0));
        let slope = rest * (c(1.0) + value) * (n / (n + c(1.0)));
        (value, self.gt(c(20.0)).clear(slope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::special::{erf, normal};

    #[test]
    fn the_hyperbolic_tangent_is_close_and_never_past_one() {
        let small = (-4000..4000).map(|i| (i as f32 * 1e-2).sinh() * 1e-16);
        for x in small.chain((-12_000..12_000).map(|i| i as f32 * 1e-3)) {
            let (actual, expected) = (F32x4::splat(x).tanh().to_array()[1], f64::from(x).tanh());
            assert!((f64::from(actual) - expected).abs() <= 2.5e-7 * expected.abs(), "tanh({x}): {actual}");
            assert!(actual.abs() <= 1.0);
        }
        let lane = |x: f32| F32x4::splat(x).tanh().to_array()[2];
        assert_eq!((lane(f32::INFINITY), lane(f32::NEG_INFINITY), lane(0.0)), (1.0, -1.0, 0.0));
        assert!(lane(f32::NAN).is_nan());
    }

    #[test]
    fn the_error_function_is_close_and_handles_the_extremes() {
        let lane = |x: f32| F32x4::splat(x).erf().to_array()[3];
        for i in -6_000..6_000 {
            let x = i as f32 * 1e-3;
            let expected = erf(f64::from(x));
            let error = (f64::from(lane(x)) - expected).abs();
            assert!(error < 2e-7 * expected.abs().max(1e-3), "erf({x}): {}, expected {expected}", lane(x));
        }
        assert_eq!(
            (lane(f32::INFINITY), lane(f32::NEG_INFINITY), lane(1e30), lane(0.0)),
            (1.0, -1.0, 1.0, 0.0)
        );
        assert!(lane(f32::NAN).is_nan());
    }

    #[test]
    fn the_normal_distribution_is_close_and_handles_the_extremes() {
        let lane = |x: f32| {
            let (below, density) = F32x4::splat(x).normal();
            (below.to_array()[1], density.to_array()[1])
        };
        for i in -13_000..9_000 {
            let x = i as f32 * 1e-3;
            let (below, density) = normal(f64::from(x));
            let (actual, actual_density) = lane(x);
            assert!((f64::from(actual) - below).abs() < 1e-7, "Φ({x}): {actual}, expected {below}");
            // e^(-x² / 2) has the rounding of its exponent.
            let tolerance = 4e-7 + f64::from(x * x) * 6e-8;
            assert!(
                (f64::from(actual) / below - 1.0).abs() < tolerance,
                "Φ({x}): {actual}, expected {below}"
            );
            assert!((f64::from(actual_density) / density - 1.0).abs() < tolerance, "φ({x})");
        }
        assert_eq!(
            (lane(0.0).0, lane(f32::INFINITY), lane(f32::NEG_INFINITY)),
            (0.5, (1.0, 0.0), (0.0, 0.0))
        );
        assert_eq!((lane(1e30).0, lane(-1e30).0), (1.0, 0.0));
        assert!(lane(f32::NAN).0.is_nan() && lane(f32::NAN).1.is_nan());
    }
}
