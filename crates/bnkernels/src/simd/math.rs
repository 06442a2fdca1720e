//! exp, ln, sine and cosine of vectors: argument reduction and polynomials of the Cephes library
//! (S. L. Moshier, single precision). No libm is called, so that the bits are the same on every
//! machine: always for the `_unfused` forms, which round each product, and in the strict builds
//! for the others, which use `mul_add`.

use super::{F32x4, Mask4};

type MulAdd = fn(F32x4, F32x4, F32x4) -> F32x4;

/// Constants read from memory: V8 builds a vector constant from three instructions wherever it is
/// used; a load that splats is one.
pub(super) struct Constants<const N: usize>(&'static [f32; N]);

impl<const N: usize> Constants<N> {
    #[inline(always)]
    pub(super) fn new(table: &'static [f32; N]) -> Self {
        // Or LLVM would turn the loads back into constants.
        Self(std::hint::black_box(table))
    }

    #[inline(always)]
    pub(super) fn get(&self, index: usize) -> F32x4 {
        F32x4::splat(self.0[index])
    }

    /// The polynomial in `x` with constants `from..to`, the highest power first.
    #[inline(always)]
    pub(super) fn polynomial(&self, x: F32x4, from: usize, to: usize, mul_add: MulAdd) -> F32x4 {
        let mut y = self.get(from);
        for index in from + 1..to {
            y = mul_add(y, x, self.get(index));
        }
        y
    }
}

/// ln 2 in two parts, the first with so few bits that its multiples by exponents are exact.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

static EXP: [f32; 13] = [
    1.987_569_1e-4,
    1.398_199_9e-3,
    8.333_452e-3,
    4.166_579_6e-2,
    1.666_666_5e-1,
    0.5,
    std::f32::consts::LOG2_E,
    -LN2_HIGH,
    -LN2_LOW,
    1.0,
    -104.0,
    89.0,
    0.5,
];

static LN: [f32; 19] = [
    7.037_683_6e-2,
    -1.151_461e-1,
    1.167_699_9e-1,
    -1.242_014_1e-1,
    1.424_932_3e-1,
    -1.666_805_8e-1,
    2.000_071_5e-1,
    -2.499_999_4e-1,
    3.333_333e-1,
    f32::MIN_POSITIVE,
    8_388_608.0,
    23.0,
    std::f32::consts::FRAC_1_SQRT_2,
    LN2_LOW,
    -0.5,
    LN2_HIGH,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
];

/// Beyond this magnitude angles are reduced in whole numbers.
const LARGE_ANGLE: f32 = 8192.0;

/// 2 / π to 192 binary places, 64 before them.
static TWO_OVER_PI: [u64; 4] = [0, 0xa2f9_836e_4e44_1529, 0xfc27_57d1_f534_ddc0, 0xdb62_9599_3c43_9041];

/// 2 / π; then -π / 2 in three parts, of which the first two have so few bits that their multiples are exact.
static REDUCE_ANGLE: [f32; 5] =
    [std::f32::consts::FRAC_2_PI, -1.570_312_5, -4.837_513e-4, -7.549_79e-8, LARGE_ANGLE];

static SIN_COS: [f32; 9] = [
    -1.951_529_6e-4,
    8.332_161e-3,
    -1.666_665_5e-1,
    2.443_315_7e-5,
    -1.388_731_6e-3,
    4.166_664_6e-2,
    0.5,
    1.0,
    std::f32::consts::FRAC_PI_2,
];

impl F32x4 {
    /// e to the power of each lane: `2^n e^r` with `n` whole and |r| <= ln 2 / 2. Relative error
    /// below 2e-7; denormal results come out right, larger ones than f32 holds are inf.
    #[inline(always)]
    pub fn exp(self) -> Self {
        self.exp_and_fraction().0
    }

    /// `eˣ - 1`, near 0 without the cancellation. Relative error below 1e-6.
    #[inline(always)]
    pub fn exp_m1(self) -> Self {
        let (y, n, fraction) = self.exp_and_fraction();
        n.eq(Self::zero()).and(self.eq(self)).select(fraction, y - Self::splat(1.0))
    }

    /// `exp`, and the `n` and `e^r - 1` that it is made of.
    #[inline(always)]
    fn exp_and_fraction(self) -> (Self, Self, Self) {
        let table = Constants::new(&EXP);
        // Past these bounds the result is 0 or inf anyway, and `n` stays small.
        let x = self.at_least(table.get(10)).at_most(table.get(11));
        let n = (x * table.get(6)).nearest();
        let r = n.mul_add(table.get(7), x);
        let r = n.mul_add(table.get(8), r);
        let p = table.polynomial(r, 0, 6, Self::mul_add);
        let fraction = p.mul_add(r * r, r);
        let y = fraction + table.get(9);
        // Two factors, because 2^n itself may be inf or denormal where the result is not.
        let half = (n * table.get(12)).nearest();
        let y = y * half.exp2_of_whole() * (n - half).exp2_of_whole();
        (self.ne(self).select(self, y), n, fraction)
    }

    /// The natural logarithm: `e ln 2 + ln(m)` with m in [√½, √2). Relative error below 2e-7
    /// (absolute near 1); ln(0) = -inf, NaN below 0.
    #[inline(always)]
    pub fn ln(self) -> Self {
        self.ln_by(Self::mul_add)
    }

    #[inline(always)]
    pub fn ln_unfused(self) -> Self {
        self.ln_by(|a, b, c| a * b + c)
    }

    /// `ln(1 + x)`, near 0 with all digits: what rounding takes from `1 + x`, the quotient gives back.
    /// https://docs.oracle.com/cd/E19957-01/806-3568/ncg_goldberg.html, theorem 4
    #[inline(always)]
    pub fn ln_1p(self) -> Self {
        let one = Self::splat(1.0);
        let sum = one + self;
        let y = sum.ln() * (self / (sum - one));
        sum.eq(one).or(sum.eq(Self::splat(f32::INFINITY))).select(self, y)
    }

    #[inline(always)]
    fn ln_by(self, mul_add: MulAdd) -> Self {
        let table = Constants::new(&LN);
        let one = Self::splat(1.0);
        let denormal = self.lt(table.get(9));
        let x = denormal.select(self * table.get(10), self);
        let (m, e) = x.split_exponent();
        let e = denormal.select(e - table.get(11), e);
        let small = m.lt(table.get(12));
        let e = small.select(e - one, e);
        let f = small.select(m + m, m) - one;
        let z = f * f;
        let p = table.polynomial(f, 0, 9, mul_add);
        let y = mul_add(e, table.get(13), f * z * p);
        let y = mul_add(z, table.get(14), y);
        let y = mul_add(e, table.get(15), f + y);
        let y = self.eq(table.get(16)).select(self, y);
        let y = self.eq(Self::zero()).select(table.get(17), y);
        // Not (x >= 0): negative or NaN.
        self.ge(Self::zero()).select(y, table.get(18))
    }

    /// Sine and cosine of `2π` times each lane, for lanes in [0, 1].
    #[inline(always)]
    pub fn sin_cos_of_turns_unfused(self) -> (Self, Self) {
        let table = Constants::new(&SIN_COS);
        let quarters = self * Self::splat(4.0);
        let q = quarters.nearest();
        let x = (quarters - q) * table.get(8);
        Self::sin_cos_in_quadrant(q, x, |a, b, c| a * b + c)
    }

    /// Sine and cosine, with an error below 2e-7 for whatever angle; NaN for an infinite one.
    #[inline(always)]
    pub fn sin_cos(self) -> (Self, Self) {
        let table = Constants::new(&REDUCE_ANGLE);
        let n = (self * table.get(0)).nearest();
        let x = n.mul_add(table.get(1), self);
        let x = n.mul_add(table.get(2), x);
        let x = n.mul_add(table.get(3), x);
        let q = n - (n * Self::splat(0.25)).floor() * Self::splat(4.0);
        let large = self.abs().lt(table.get(4)).not();
        let (q, x) = if large.any() {
            let (far_q, far_x) = self.reduce_large_angle();
            (large.select(far_q, q), large.select(far_x, x))
        } else {
            (q, x)
        };
        Self::sin_cos_in_quadrant(q, x, Self::mul_add)
    }

    /// The quadrant, from 0 to 3, and the rest of each large lane.
    #[cold]
    #[inline(never)]
    fn reduce_large_angle(self) -> (Self, Self) {
        let [a, b, c, d] = self.to_array().map(reduce_large_angle);
        (Self::new(a.0, b.0, c.0, d.0), Self::new(a.1, b.1, c.1, d.1))
    }

    /// Sine and cosine of `x`, at most π / 4, and `q` right angles; 4 are as good as none.
    #[inline(always)]
    fn sin_cos_in_quadrant(q: Self, x: Self, mul_add: MulAdd) -> (Self, Self) {
        let table = Constants::new(&SIN_COS);
        let z = x * x;
        let sin = mul_add(table.polynomial(z, 0, 3, mul_add) * z, x, x);
        let cos = mul_add(table.polynomial(z, 3, 6, mul_add), z * z, -(z * table.get(6))) + table.get(7);
        let is = |quadrant: f32| q.eq(Self::splat(quadrant));
        let swap = is(1.0).or(is(3.0));
        let negate = |mask: Mask4, value: Self| mask.select(-value, value);
        (
            negate(is(2.0).or(is(3.0)), swap.select(cos, sin)),
            negate(is(1.0).or(is(2.0)), swap.select(sin, cos)),
        )
    }
}

/// The quadrant, from 0 to 3, and the rest, of an angle of at least `LARGE_ANGLE`: M. Payne and R. Hanek, Radian
/// reduction for trigonometric functions, 1983. The angle is `m 2^e` with `m` whole: of its product with 2 / π, the
/// places that are whole multiples of 4 are left out, and 62 after the point kept.
fn reduce_large_angle(angle: f32) -> (f32, f32) {
    let bits = angle.to_bits();
    let exponent = (bits >> 23 & 0xff) as usize;
    if exponent == 255 {
        return (0.0, f32::NAN);
    }
    if angle.abs() < LARGE_ANGLE {
        return (0.0, 0.0);
    }
    let whole = u64::from(bits & 0x7f_ffff | 0x80_0000);
    // e - 2 places are left out, after the 64 that stand before them in the table; e is the exponent less 150.
    let place = exponent - 88;
    let (word, shift) = (place / 64, place % 64);
    let pair = u128::from(TWO_OVER_PI[word]) << 64 | u128::from(TWO_OVER_PI[word + 1]);
    let quarters = whole.wrapping_mul((pair << shift >> 64) as u64);
    let q = quarters.wrapping_add(1 << 61) >> 62;
    let rest =
        ((quarters << 2) as i64 as f64 / 18_446_744_073_709_551_616.0 * std::f64::consts::FRAC_PI_2) as f32;
    if angle < 0.0 {
        ((4 - q) as f32, -rest)
    } else {
        (q as f32, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error of `f` against `expected`, relative to `scale(expected)`, over `values`.
    fn worst(
        values: impl Iterator<Item = f32>,
        f: impl Fn(F32x4) -> F32x4,
        expected: impl Fn(f64) -> f64,
        scale: impl Fn(f64) -> f64,
    ) -> f64 {
        values
            .map(|x| {
                let e = expected(f64::from(x));
                (f64::from(f(F32x4::splat(x)).to_array()[2]) - e).abs() / scale(e)
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn exp_is_close_and_handles_the_extremes() {
        let sweep = (-87_000..88_700).map(|i| i as f32 * 1e-3);
        assert!(worst(sweep, F32x4::exp, f64::exp, |e| e) < 2e-7);
        let denormal = (-103_000..-87_000).map(|i| i as f32 * 1e-3);
        assert!(worst(denormal, F32x4::exp, f64::exp, |_| 1.5e-45) < 1.0);
        let exp = |x| F32x4::splat(x).exp().to_array()[0];
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-0.0), 1.0);
        assert_eq!(
            (exp(88.73), exp(1e30), exp(f32::INFINITY)),
            (f32::INFINITY, f32::INFINITY, f32::INFINITY)
        );
        assert_eq!((exp(-104.0), exp(-1e30), exp(f32::NEG_INFINITY)), (0.0, 0.0, 0.0));
        assert!(exp(88.72).is_finite());
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn ln_is_close_and_handles_the_extremes() {
        let all = (1..0x7f80_0000u32).step_by(65_521).map(f32::from_bits);
        assert!(worst(all, F32x4::ln, f64::ln, |e| e.abs()) < 2e-7);
        let near_one = (-4000..4000).map(|i| 1.0 + i as f32 * 1e-4);
        assert!(worst(near_one, F32x4::ln_unfused, f64::ln, |e| e.abs().max(1e-30)) < 2e-7);
        let ln = |x| F32x4::splat(x).ln().to_array()[0];
        assert_eq!((ln(0.0), ln(-0.0)), (f32::NEG_INFINITY, f32::NEG_INFINITY));
        assert_eq!((ln(1.0), ln(f32::INFINITY)), (0.0, f32::INFINITY));
        assert!(ln(-1.0).is_nan() && ln(f32::NEG_INFINITY).is_nan() && ln(f32::NAN).is_nan());
        assert!((ln(f32::from_bits(1)) + 103.278_93).abs() < 1e-4);
    }

    #[test]
    fn exp_m1_and_ln_1p_are_close_near_zero_too() {
        let small =
            || (-4000..4000).map(|i| (i as f32 * 1e-2).sinh() * 1e-16).filter(|&x| x > -0.99 && x < 80.0);
        let wide = || (-900..800).map(|i| i as f32 * 0.1 + 0.013);
        assert!(worst(small(), F32x4::exp_m1, f64::exp_m1, |e| e.abs().max(1e-37)) < 1e-6);
        assert!(worst(wide(), F32x4::exp_m1, f64::exp_m1, f64::abs) < 1e-6);
        assert!(worst(small(), F32x4::ln_1p, f64::ln_1p, |e| e.abs().max(1e-37)) < 5e-7);
        assert!(worst(wide().filter(|&x| x > -0.99), F32x4::ln_1p, f64::ln_1p, f64::abs) < 5e-7);
        let [exp_m1, ln_1p] =
            [F32x4::exp_m1, F32x4::ln_1p].map(|f| move |x| f(F32x4::splat(x)).to_array()[0]);
        assert_eq!((exp_m1(0.0), exp_m1(-200.0), exp_m1(100.0)), (0.0, -1.0, f32::INFINITY));
        assert_eq!((ln_1p(0.0), ln_1p(-1.0), ln_1p(f32::INFINITY)), (0.0, f32::NEG_INFINITY, f32::INFINITY));
        assert!(exp_m1(f32::NAN).is_nan() && ln_1p(f32::NAN).is_nan() && ln_1p(-1.5).is_nan());
    }

    #[test]
    fn sine_and_cosine_are_close_however_large_the_angle() {
        let near = || (-820_000..820_000).map(|i| i as f32 * 0.010_01);
        let all =
            || (0..0x7f80_0000u32).step_by(65_521).flat_map(|b| [f32::from_bits(b), -f32::from_bits(b)]);
        let (sin, cos) = (|x: F32x4| x.sin_cos().0, |x: F32x4| x.sin_cos().1);
        assert!(worst(near(), sin, f64::sin, |_| 1.0) < 2e-7);
        assert!(worst(near(), cos, f64::cos, |_| 1.0) < 2e-7);
        assert!(worst(all(), sin, f64::sin, |_| 1.0) < 2e-7);
        assert!(worst(all(), cos, f64::cos, |_| 1.0) < 2e-7);
        // A lane does not mind what its neighbours are.
        let mixed = F32x4::new(1.0, 1e30, -3.0, f32::INFINITY).sin_cos().0.to_array();
        for (i, x) in [1.0f64, 1e30f32.into(), -3.0].into_iter().enumerate() {
            assert!((f64::from(mixed[i]) - x.sin()).abs() < 2e-7);
        }
        assert!(mixed[3].is_nan() && F32x4::splat(f32::NAN).sin_cos().1.to_array()[0].is_nan());
    }

    #[test]
    fn sine_and_cosine_of_turns_are_close() {
        let turns = || (0..=1 << 16).map(|i| i as f32 / 65_536.0);
        let angle = |t: f64| t * std::f64::consts::TAU;
        let sin = |x: F32x4| x.sin_cos_of_turns_unfused().0;
        let cos = |x: F32x4| x.sin_cos_of_turns_unfused().1;
        assert!(worst(turns(), sin, |t| angle(t).sin(), |_| 1.0) < 2e-7);
        assert!(worst(turns(), cos, |t| angle(t).cos(), |_| 1.0) < 2e-7);
    }
}
