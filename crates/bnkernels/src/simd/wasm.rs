//! The vectors in WebAssembly: SIMD128, and relaxed SIMD where the build has it.

use super::{F32x4, Mask4};
use core::arch::wasm32::*;

pub(super) type Raw = v128;
pub(super) type RawMask = v128;

macro_rules! binary {
    ($($name:ident => $instruction:ident),*) => {
        impl F32x4 { $(#[inline(always)] pub fn $name(self, other: Self) -> Self { Self($instruction(self.0, other.0)) })* }
    };
}
macro_rules! unary {
    ($($name:ident => $instruction:ident),*) => {
        impl F32x4 { $(#[inline(always)] pub fn $name(self) -> Self { Self($instruction(self.0)) })* }
    };
}
macro_rules! compare {
    ($($name:ident => $instruction:ident),*) => {
        impl F32x4 { $(#[inline(always)] pub fn $name(self, other: Self) -> Mask4 { Mask4($instruction(self.0, other.0)) })* }
    };
}
// `at_least` and `at_most` are `max` and `min` in one instruction instead of eight. What they
// make of a NaN is undefined: for relaxed builds LLVM turns them into relaxed_max, relaxed_min.
binary!(add_ => f32x4_add, sub_ => f32x4_sub, mul_ => f32x4_mul, div_ => f32x4_div,
    max => f32x4_max, min => f32x4_min, at_least => f32x4_pmax, at_most => f32x4_pmin);
unary!(neg_ => f32x4_neg, abs => f32x4_abs, sqrt => f32x4_sqrt, nearest => f32x4_nearest,
    floor => f32x4_floor, ceil => f32x4_ceil);
compare!(eq => f32x4_eq, ne => f32x4_ne, lt => f32x4_lt, le => f32x4_le, gt => f32x4_gt, ge => f32x4_ge);

impl F32x4 {
    #[inline(always)]
    pub fn splat(value: f32) -> Self {
        Self(f32x4_splat(value))
    }

    #[inline(always)]
    pub fn new(a: f32, b: f32, c: f32, d: f32) -> Self {
        Self(f32x4(a, b, c, d))
    }

    #[inline(always)]
    pub fn to_array(self) -> [f32; 4] {
        [
            f32x4_extract_lane::<0>(self.0),
            f32x4_extract_lane::<1>(self.0),
            f32x4_extract_lane::<2>(self.0),
            f32x4_extract_lane::<3>(self.0),
        ]
    }

    /// `self * factor + addend`: one rounding in the relaxed builds where the CPU has it,
    /// two in the strict ones.
    #[inline(always)]
    pub fn mul_add(self, factor: Self, addend: Self) -> Self {
        #[cfg(target_feature = "relaxed-simd")]
        return Self(f32x4_relaxed_madd(self.0, factor.0, addend.0));
        #[cfg(not(target_feature = "relaxed-simd"))]
        return Self(f32x4_add(f32x4_mul(self.0, factor.0), addend.0));
    }

    /// `addend - self * factor`, rounded as in `mul_add`.
    #[inline(always)]
    pub fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        #[cfg(target_feature = "relaxed-simd")]
        return Self(f32x4_relaxed_nmadd(self.0, factor.0, addend.0));
        #[cfg(not(target_feature = "relaxed-simd"))]
        return Self(f32x4_sub(addend.0, f32x4_mul(self.0, factor.0)));
    }

    /// The bits that either has: one of two of which the other is 0.
    #[inline(always)]
    pub fn or_bits(self, other: Self) -> Self {
        Self(v128_or(self.0, other.0))
    }

    /// The lanes, none below 0, with the signs of `other`'s.
    #[inline(always)]
    pub fn with_sign_of(self, other: Self) -> Self {
        Self(v128_or(self.0, v128_and(other.0, f32x4_splat(-0.0))))
    }

    /// A number whose sign and exponent are the low nine bits: a power of two for 1 to 254, inf for 255.
    #[inline(always)]
    pub fn low_bits_as_exponent(self) -> Self {
        Self(i32x4_shl(self.0, 23))
    }

    /// Two powers of two, whose product's exponent, without bias, is the whole number in the low nine bits.
    #[inline(always)]
    pub fn low_bits_as_two_powers(self) -> [Self; 2] {
        let whole = i32x4_shl(self.0, 23);
        let half = v128_and(i32x4_shr(whole, 1), u32x4_splat(0xff80_0000));
        let one = f32x4_splat(1.0);
        [Self(i32x4_add(half, one)), Self(i32x4_add(i32x4_sub(whole, half), one))]
    }

    /// Splits a positive normal number into mantissa in [0.5, 1) and exponent.
    #[inline(always)]
    pub fn split_exponent(self) -> (Self, Self) {
        let exponent = i32x4_sub(u32x4_shr(self.0, 23), i32x4_splat(126));
        let mantissa = v128_or(v128_and(self.0, u32x4_splat(0x007f_ffff)), u32x4_splat(0x3f00_0000));
        (Self(mantissa), Self(f32x4_convert_i32x4(exponent)))
    }

    /// The largest lane, where none is NaN.
    #[inline(always)]
    pub fn largest(self) -> f32 {
        let pairs = f32x4_pmax(self.0, i64x2_shuffle::<1, 0>(self.0, self.0));
        f32x4_extract_lane::<0>(f32x4_pmax(pairs, i32x4_shuffle::<1, 0, 3, 2>(pairs, pairs)))
    }

    /// Sixteen bytes as numbers.
    #[inline(always)]
    pub fn from_bytes(bytes: &[u8; 16]) -> [Self; 4] {
        // SAFETY: sixteen bytes are read; any alignment will do.
        let bytes = unsafe { v128_load(bytes.as_ptr().cast()) };
        let (low, high) = (u16x8_extend_low_u8x16(bytes), u16x8_extend_high_u8x16(bytes));
        [
            u32x4_extend_low_u16x8(low),
            u32x4_extend_high_u16x8(low),
            u32x4_extend_low_u16x8(high),
            u32x4_extend_high_u16x8(high),
        ]
        .map(|four| Self(f32x4_convert_i32x4(four)))
    }

    /// The sum of each row, as `(a + c) + (b + d)`: in fewer instructions than the sum of what `transpose` gives.
    #[inline(always)]
    pub fn sums(rows: [Self; 4]) -> Self {
        let [a, b, c, d] = rows.map(|row| row.0);
        let pairs = |a, b| f32x4_add(i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b));
        let (ab, cd) = (pairs(a, b), pairs(c, d));
        Self(f32x4_add(i64x2_shuffle::<0, 2>(ab, cd), i64x2_shuffle::<1, 3>(ab, cd)))
    }

    /// Four rows of four, transposed.
    #[inline(always)]
    pub fn transpose(rows: [Self; 4]) -> [Self; 4] {
        let [a, b, c, d] = rows.map(|row| row.0);
        let ab_low = i32x4_shuffle::<0, 4, 1, 5>(a, b);
        let ab_high = i32x4_shuffle::<2, 6, 3, 7>(a, b);
        let cd_low = i32x4_shuffle::<0, 4, 1, 5>(c, d);
        let cd_high = i32x4_shuffle::<2, 6, 3, 7>(c, d);
        [
            Self(i64x2_shuffle::<0, 2>(ab_low, cd_low)),
            Self(i64x2_shuffle::<1, 3>(ab_low, cd_low)),
            Self(i64x2_shuffle::<0, 2>(ab_high, cd_high)),
            Self(i64x2_shuffle::<1, 3>(ab_high, cd_high)),
        ]
    }
}

impl Mask4 {
    /// The first `count` lanes true, the rest false.
    #[inline(always)]
    pub fn first(count: usize) -> Self {
        Self(i32x4_lt(i32x4(0, 1, 2, 3), i32x4_splat(count as i32)))
    }

    #[inline(always)]
    pub fn select(self, yes: F32x4, no: F32x4) -> F32x4 {
        // One instruction instead of three, and of lanes that are all ones or all zeros the same.
        #[cfg(target_feature = "relaxed-simd")]
        return F32x4(i32x4_relaxed_laneselect(yes.0, no.0, self.0));
        #[cfg(not(target_feature = "relaxed-simd"))]
        return F32x4(v128_bitselect(yes.0, no.0, self.0));
    }

    /// Where a word is no larger than `most`.
    #[inline(always)]
    pub fn at_most(words: [u32; 4], most: u32) -> Self {
        let [a, b, c, d] = words;
        Self(u32x4_le(u32x4(a, b, c, d), u32x4_splat(most)))
    }

    /// `value` where true, 0 elsewhere.
    #[inline(always)]
    pub fn keep(self, value: F32x4) -> F32x4 {
        F32x4(v128_and(value.0, self.0))
    }

    /// 0 where true, `value` elsewhere.
    #[inline(always)]
    pub fn clear(self, value: F32x4) -> F32x4 {
        F32x4(v128_andnot(value.0, self.0))
    }

    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self(v128_and(self.0, other.0))
    }

    #[inline(always)]
    pub fn or(self, other: Self) -> Self {
        Self(v128_or(self.0, other.0))
    }

    #[inline(always)]
    pub fn not(self) -> Self {
        Self(v128_not(self.0))
    }

    #[inline(always)]
    pub fn any(self) -> bool {
        v128_any_true(self.0)
    }
}
