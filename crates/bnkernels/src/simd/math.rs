//! exp and ln of vectors: argument reduction and polynomials of the Cephes library
//! (S. L. Moshier, single precision). No libm is called, so that the bits are the same on every
//! machine: always for the `_unfused` forms, which round each product, and in the strict builds
//! for the others, which use `mul_add`.

use super::F32x4;

pub(super) type MulAdd = fn(F32x4, F32x4, F32x4) -> F32x4;

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
        let [y] = self.polynomials([x], from, to, mul_add);
        y
    }

    /// The same of vectors side by side.
    #[inline(always)]
    pub(super) fn polynomials<const M: usize>(
        &self,
        x: [F32x4; M],
        from: usize,
        to: usize,
        mul_add: MulAdd,
    ) -> [F32x4; M] {
        let mut y = [self.get(from); M];
        for index in from + 1..to {
            y = std::array::from_fn(|i| mul_add(y[i], x[i], self.get(index)));
        }
        y
    }
}

/// 1.5 · 2^23: added to it, a number becomes whole, and stands in the low bits.
const WHOLE: f32 = 12_582_912.0;

/// ln 2 in two parts, the first with so few bits that its multiples by exponents are exact.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// Of `(e^r - 1 - r) / r²`, fitted for the least relative error of `e^r` (3e-9), and what else [`F32x4::exp`] needs.
static EXP: [f32; 15] = [
    1.381_453_8e-3,
    8.368_745e-3,
    4.166_839e-2,
    1.666_652_1e-1,
    0.499_999_94,
    std::f32::consts::LOG2_E,
    -LN2_HIGH,
    -LN2_LOW,
    1.0,
    // Below and above these the results are 0 and inf.
    -104.0,
    89.0,
    // And the least whose result has all its bits, and one that belongs to the largest power of two.
    -87.3,
    88.3,
    // With the bias of an exponent, and without.
    WHOLE + 127.0,
    WHOLE,
];

/// Of `(2^r - 1) / r`, fitted for the least relative error of `2^r` (2e-9); then what else [`Exp2`] needs: 1, the least
/// power whose result has all its bits, and 1.5 · 2^23 with the bias of an exponent.
static EXP2: [f32; 9] = [
    1.535_336_2e-4,
    1.339_887_5e-3,
    9.618_437e-3,
    5.550_332_4e-2,
    2.402_264_8e-1,
    std::f32::consts::LN_2,
    1.0,
    -126.0,
    WHOLE + 127.0,
];

/// Two to the power of numbers of at most 0, or hardly more: `2^n 2^r` with `n` whole and |r| <= ½. Relative error below
/// 1.5e-7. It holds its constants, for loops of many.
#[derive(Clone, Copy)]
pub struct Exp2([F32x4; 9]);

impl Exp2 {
    #[inline(always)]
    pub fn with_constants() -> Self {
        let table = Constants::new(&EXP2);
        Self(std::array::from_fn(|i| table.get(i)))
    }

    /// Results too small to have all their bits (below 2^-126) are 0. NaN stays NaN.
    #[inline(always)]
    pub fn or_zero(&self, x: F32x4) -> F32x4 {
        let [a, b, c, d, e, f, one, least, whole] = self.0;
        let power = x + whole;
        let r = x - (power - whole);
        let y = a.mul_add(r, b).mul_add(r, c).mul_add(r, d).mul_add(r, e).mul_add(r, f).mul_add(r, one);
        x.lt(least).clear(y * power.low_bits_as_exponent())
    }
}

/// [`F32x4::exp_or_zero`] of numbers of at most 88, to the same bits. It holds its constants, for loops of many.
#[derive(Clone, Copy)]
pub struct Exp([F32x4; 11]);

impl Exp {
    #[inline(always)]
    pub fn with_constants() -> Self {
        let table = Constants::new(&EXP);
        Self([0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 13].map(|i| table.get(i)))
    }

    #[inline(always)]
    pub fn or_zero(&self, x: F32x4) -> F32x4 {
        let [a, b, c, d, e, log2e, high, low, one, least, whole] = self.0;
        let power = x.mul_add(log2e, whole);
        let n = power - whole;
        let r = n.mul_add(low, n.mul_add(high, x));
        let p = a.mul_add(r, b).mul_add(r, c).mul_add(r, d).mul_add(r, e);
        let y = (p.mul_add(r * r, r) + one) * power.low_bits_as_exponent();
        x.lt(least).clear(y)
    }
}

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

impl F32x4 {
    /// e to the power of each lane: `2^n e^r` with `n` whole and |r| <= ln 2 / 2. Relative error
    /// below 1e-7; denormal results come out right, larger ones than f32 holds are inf.
    #[inline(always)]
    pub fn exp(self) -> Self {
        self.exp_and_fraction().0
    }

    /// As `exp`, in fewer steps: results too small to have all their bits (below e^-87.3) are 0.
    #[inline(always)]
    pub fn exp_or_zero(self) -> Self {
        let [y] = Self::exp_or_zero_of([self]);
        y
    }

    /// `exp_or_zero` of vectors side by side, which share the loads of constants: half of its instructions.
    #[inline(always)]
    pub fn exp_or_zero_of<const N: usize>(x: [Self; N]) -> [Self; N] {
        let table = Constants::new(&EXP);
        let parts = Self::exp_parts(x, &table, 12, 13);
        std::array::from_fn(|i| {
            let (fraction, _, power) = parts[i];
            let y = (fraction + table.get(8)) * power.low_bits_as_exponent();
            x[i].lt(table.get(11)).clear(y)
        })
    }

    /// `eˣ - 1`, near 0 without the cancellation. Relative error below 1e-6.
    #[inline(always)]
    pub fn exp_m1(self) -> Self {
        let (y, n, fraction) = self.exp_and_fraction();
        n.eq(Self::zero()).select(fraction, y - Self::splat(1.0))
    }

    /// `exp`, and the `n` and `e^r - 1` that it is made of.
    #[inline(always)]
    fn exp_and_fraction(self) -> (Self, Self, Self) {
        let table = Constants::new(&EXP);
        let [(fraction, n, power)] = Self::exp_parts([self], &table, 10, 14);
        // Two factors, because 2^n itself may be inf or denormal where the result is not.
        let [half, rest] = power.low_bits_as_two_powers();
        let y = (fraction + table.get(8)) * half * rest;
        (self.lt(table.get(9)).clear(y), n, fraction)
    }

    /// `e^r - 1`, `n`, and a number whose low bits are `n`, or `n + bias`. `n` is that of `table[most]` above it, where `e^r`
    /// then grows; far below 0 all is anything. A NaN stays one in `e^r`, whatever becomes of `n`.
    #[inline(always)]
    fn exp_parts<const N: usize>(
        x: [Self; N],
        table: &Constants<15>,
        most: usize,
        whole: usize,
    ) -> [(Self, Self, Self); N] {
        let whole = table.get(whole);
        let power = x.map(|x| x.at_most(table.get(most)).mul_add(table.get(5), whole));
        let n = power.map(|power| power - whole);
        let r: [Self; N] = std::array::from_fn(|i| n[i].mul_add(table.get(6), x[i]));
        let r: [Self; N] = std::array::from_fn(|i| n[i].mul_add(table.get(7), r[i]));
        let p = table.polynomials(r, 0, 5, Self::mul_add);
        std::array::from_fn(|i| (p[i].mul_add(r[i] * r[i], r[i]), n[i], power[i]))
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
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The largest error of `f` against `expected`, relative to `scale(expected)`, over `values`.
    pub fn worst(
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
        let sweep = || (-87_000..88_700).map(|i| i as f32 * 1e-3);
        assert!(worst(sweep(), F32x4::exp, f64::exp, |e| e) < 1.2e-7);
        let normal = sweep().filter(|&x| x > -87.3 && x < 88.4);
        assert!(worst(normal, F32x4::exp_or_zero, f64::exp, |e| e) < 1.2e-7);
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
        let exp = |x| F32x4::splat(x).exp_or_zero().to_array()[0];
        assert_eq!(
            (exp(0.0), exp(-0.0), exp(89.0), exp(f32::INFINITY)),
            (1.0, 1.0, f32::INFINITY, f32::INFINITY)
        );
        assert_eq!((exp(-87.4), exp(-1e30), exp(f32::NEG_INFINITY)), (0.0, 0.0, 0.0));
        assert!(exp(f32::NAN).is_nan() && exp(1e30) == f32::INFINITY && exp(88.7).is_finite());
    }

    #[test]
    fn exp_with_constants_has_the_same_bits() {
        let exp = Exp::with_constants();
        let hard = [0.0, -0.0, 1e-40, -87.3, -87.4, -1e30, f32::NEG_INFINITY];
        for x in (-100_000..88_000).map(|i| i as f32 * 1e-3).chain(hard) {
            let (x, bits) = (F32x4::splat(x), |y: F32x4| y.to_array().map(f32::to_bits));
            assert_eq!(bits(exp.or_zero(x)), bits(x.exp_or_zero()), "{:?}", x.to_array());
        }
        assert!(exp.or_zero(F32x4::splat(f32::NAN)).to_array()[0].is_nan());
    }

    #[test]
    fn exp2_is_close_up_to_zero_and_handles_the_extremes() {
        let exp2 = Exp2::with_constants();
        let sweep = (-125_990..1_000).map(|i| i as f32 * 1e-3);
        assert!(worst(sweep, |x| exp2.or_zero(x), f64::exp2, |e| e) < 1.5e-7);
        let exp2 = |x| exp2.or_zero(F32x4::splat(x)).to_array()[1];
        assert_eq!((exp2(0.0), exp2(-0.0), exp2(-3.0), exp2(1.0)), (1.0, 1.0, 0.125, 2.0));
        assert_eq!((exp2(-126.1), exp2(-1e30), exp2(f32::NEG_INFINITY)), (0.0, 0.0, 0.0));
        assert!(exp2(f32::NAN).is_nan());
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
}
