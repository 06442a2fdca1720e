//! Sine and cosine of vectors, by polynomials of the Cephes library: see `math`.

use super::math::{Constants, MulAdd};
use super::{F32x4, Mask4};

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
    use super::super::math::tests::worst;
    use super::*;

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
