//! The vectors elsewhere: plain arrays, whose results have the bits of the strict WebAssembly builds.

use super::{F32x4, Mask4};
use std::array::from_fn;

pub(super) type Raw = [f32; 4];
pub(super) type RawMask = [bool; 4];

macro_rules! binary {
    ($($name:ident => $f:expr),*) => {
        impl F32x4 { $(#[inline(always)] pub fn $name(self, other: Self) -> Self {
            let f: fn(f32, f32) -> f32 = $f;
            Self(from_fn(|i| f(self.0[i], other.0[i])))
        })* }
    };
}
macro_rules! unary {
    ($($name:ident => $f:expr),*) => {
        impl F32x4 { $(#[inline(always)] pub fn $name(self) -> Self {
            let f: fn(f32) -> f32 = $f;
            Self(self.0.map(f))
        })* }
    };
}
macro_rules! compare {
    ($($name:ident => $operator:tt),*) => {
        impl F32x4 { $(#[inline(always)] pub fn $name(self, other: Self) -> Mask4 {
            Mask4(from_fn(|i| self.0[i] $operator other.0[i]))
        })* }
    };
}
// wasm's min and max give NaN if either is NaN, unlike Rust's.
binary!(add_ => |a, b| a + b, sub_ => |a, b| a - b, mul_ => |a, b| a * b, div_ => |a, b| a / b,
    max => |a, b| if a.is_nan() || b.is_nan() { f32::NAN } else { a.max(b) },
    min => |a, b| if a.is_nan() || b.is_nan() { f32::NAN } else { a.min(b) },
    at_least => |a, b| if a < b { b } else { a }, at_most => |a, b| if b < a { b } else { a });
unary!(neg_ => |a| -a, abs => f32::abs, sqrt => f32::sqrt, nearest => f32::round_ties_even,
    floor => f32::floor, ceil => f32::ceil);
compare!(eq => ==, ne => !=, lt => <, le => <=, gt => >, ge => >=);

impl F32x4 {
    #[inline(always)]
    pub fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    #[inline(always)]
    pub fn new(a: f32, b: f32, c: f32, d: f32) -> Self {
        Self([a, b, c, d])
    }

    #[inline(always)]
    pub fn to_array(self) -> [f32; 4] {
        self.0
    }

    #[inline(always)]
    pub fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(from_fn(|i| self.0[i] * factor.0[i] + addend.0[i]))
    }

    #[inline(always)]
    pub fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        Self(from_fn(|i| addend.0[i] - self.0[i] * factor.0[i]))
    }

    #[inline(always)]
    pub fn or_bits(self, other: Self) -> Self {
        Self(from_fn(|i| f32::from_bits(self.0[i].to_bits() | other.0[i].to_bits())))
    }

    #[inline(always)]
    pub fn with_sign_of(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i].copysign(other.0[i])))
    }

    #[inline(always)]
    pub fn low_bits_as_exponent(self) -> Self {
        Self(self.0.map(|x| f32::from_bits(x.to_bits() << 23)))
    }

    #[inline(always)]
    pub fn low_bits_as_two_powers(self) -> [Self; 2] {
        let whole = self.0.map(|x| (x.to_bits() << 23) as i32);
        let half = whole.map(|whole| (whole >> 1) & !0x7f_ffff);
        let power = |shifted: i32| f32::from_bits(1.0f32.to_bits().wrapping_add(shifted as u32));
        [Self(half.map(power)), Self(from_fn(|i| power(whole[i].wrapping_sub(half[i]))))]
    }

    #[inline(always)]
    pub fn split_exponent(self) -> (Self, Self) {
        let bits = self.0.map(f32::to_bits);
        (
            Self(bits.map(|b| f32::from_bits(b & 0x007f_ffff | 0x3f00_0000))),
            Self(bits.map(|b| ((b >> 23) as i32 - 126) as f32)),
        )
    }

    #[inline(always)]
    pub fn largest(self) -> f32 {
        self.0.into_iter().fold(self.0[0], |max, x| if max < x { x } else { max })
    }

    #[inline(always)]
    pub fn from_bytes(bytes: &[u8; 16]) -> [Self; 4] {
        from_fn(|v| Self(from_fn(|i| f32::from(bytes[4 * v + i]))))
    }

    #[inline(always)]
    pub fn sums(rows: [Self; 4]) -> Self {
        Self(rows.map(|row| (row.0[0] + row.0[2]) + (row.0[1] + row.0[3])))
    }

    #[inline(always)]
    pub fn transpose(rows: [Self; 4]) -> [Self; 4] {
        from_fn(|i| Self(from_fn(|j| rows[j].0[i])))
    }
}

impl Mask4 {
    #[inline(always)]
    pub fn first(count: usize) -> Self {
        Self(from_fn(|i| i < count))
    }

    #[inline(always)]
    pub fn select(self, yes: F32x4, no: F32x4) -> F32x4 {
        F32x4(from_fn(|i| if self.0[i] { yes.0[i] } else { no.0[i] }))
    }

    #[inline(always)]
    pub fn at_most(words: [u32; 4], most: u32) -> Self {
        Self(words.map(|word| word <= most))
    }

    #[inline(always)]
    pub fn keep(self, value: F32x4) -> F32x4 {
        self.select(value, F32x4::zero())
    }

    #[inline(always)]
    pub fn clear(self, value: F32x4) -> F32x4 {
        self.select(F32x4::zero(), value)
    }

    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] && other.0[i]))
    }

    #[inline(always)]
    pub fn or(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] || other.0[i]))
    }

    #[inline(always)]
    pub fn not(self) -> Self {
        Self(self.0.map(|b| !b))
    }

    #[inline(always)]
    pub fn any(self) -> bool {
        self.0.iter().any(|&b| b)
    }
}
