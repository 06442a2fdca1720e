//! One vector type, [`F32x4`]: SIMD128 in WebAssembly, a plain `[f32; 4]` elsewhere, so that
//! `cargo test` and Miri run the same kernels natively.
//!
//! [`Src`] and [`Dst`] are cursors into a slice for inner loops: debug builds (`cargo test`,
//! Miri) check each access, release builds do not. A kernel that uses one asserts the extreme
//! index once, before its loops.

mod math;
mod special;

use std::marker::PhantomData;
use std::ops::{Add, Div, Mul, Neg, Sub};

#[cfg(target_arch = "wasm32")]
use core::arch::wasm32 as wasm;

/// Lanes of a vector.
pub const WIDTH: usize = 4;

/// Four `f32`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct F32x4(Raw);

#[cfg(target_arch = "wasm32")]
type Raw = wasm::v128;
#[cfg(not(target_arch = "wasm32"))]
type Raw = [f32; 4];

/// Four truth values, each all ones or all zeros: what a comparison gives.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Mask4(RawMask);

#[cfg(target_arch = "wasm32")]
type RawMask = wasm::v128;
#[cfg(not(target_arch = "wasm32"))]
type RawMask = [bool; 4];

#[cfg(target_arch = "wasm32")]
mod imp {
    use super::{wasm::*, F32x4, Mask4};

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
    unary!(neg_ => f32x4_neg, abs => f32x4_abs, sqrt => f32x4_sqrt, nearest => f32x4_nearest);
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

        /// The bits `(exponent + 127) << 23`: two to the power of a whole number in -126..=127.
        #[inline(always)]
        pub fn exp2_of_whole(self) -> Self {
            // Added to 1.5 · 2^23, a whole number stands in the low bits.
            Self(i32x4_shl(f32x4_add(self.0, f32x4_splat(12_582_912.0 + 127.0)), 23))
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
            F32x4(v128_bitselect(yes.0, no.0, self.0))
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
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    use super::{F32x4, Mask4};
    use std::array::from_fn;

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
    unary!(neg_ => |a| -a, abs => f32::abs, sqrt => f32::sqrt, nearest => f32::round_ties_even);
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
        pub fn exp2_of_whole(self) -> Self {
            Self(self.0.map(|e| f32::from_bits(((e as i32).wrapping_add(127) as u32) << 23)))
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
}

impl F32x4 {
    #[inline(always)]
    pub fn zero() -> Self {
        Self::splat(0.0)
    }

    /// The sum of the lanes, as `(a + b) + (c + d)`.
    #[inline(always)]
    pub fn sum(self) -> f32 {
        let [a, b, c, d] = self.to_array();
        (a + b) + (c + d)
    }

    /// The first four of `from`.
    #[inline(always)]
    pub fn load(from: &[f32]) -> Self {
        Self::new(from[0], from[1], from[2], from[3])
    }

    /// Up to four of `from`; the rest is `fill`.
    #[inline(always)]
    pub fn load_tail(from: &[f32], fill: f32) -> Self {
        let mut lanes = [fill; 4];
        lanes[..from.len()].copy_from_slice(from);
        Self::new(lanes[0], lanes[1], lanes[2], lanes[3])
    }

    #[inline(always)]
    pub fn store(self, to: &mut [f32]) {
        to[..4].copy_from_slice(&self.to_array());
    }

    /// As many lanes as `to` holds, at most four.
    #[inline(always)]
    pub fn store_tail(self, to: &mut [f32]) {
        let length = to.len();
        to.copy_from_slice(&self.to_array()[..length]);
    }
}

macro_rules! operator {
    ($($operator:ident $function:ident $method:ident),*) => {
        $(impl $operator for F32x4 {
            type Output = Self;
            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                self.$method(other)
            }
        })*
    };
}
operator!(Add add add_, Sub sub sub_, Mul mul mul_, Div div div_);

impl Neg for F32x4 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.neg_()
    }
}

/// A cursor that reads from a slice; see the module's page for who checks its bounds.
#[derive(Clone, Copy)]
pub struct Src<'a> {
    pointer: *const f32,
    #[cfg(debug_assertions)]
    left: isize,
    of: PhantomData<&'a [f32]>,
}

impl<'a> Src<'a> {
    #[inline(always)]
    pub fn new(slice: &'a [f32]) -> Self {
        Self {
            pointer: slice.as_ptr(),
            #[cfg(debug_assertions)]
            left: slice.len() as isize,
            of: PhantomData,
        }
    }

    #[inline(always)]
    fn check(self, _index: usize, _count: usize) {
        #[cfg(debug_assertions)]
        assert!((_index + _count) as isize <= self.left, "read past the end of a slice");
    }

    /// The cursor moved on by `count` elements.
    #[inline(always)]
    pub fn offset(self, count: usize) -> Self {
        Self {
            pointer: self.pointer.wrapping_add(count),
            #[cfg(debug_assertions)]
            left: self.left - count as isize,
            of: PhantomData,
        }
    }

    /// The cursor at element `index`, which exists: unlike `offset`'s, a constant becomes part of the
    /// loads' own offsets.
    #[inline(always)]
    pub fn at(self, index: usize) -> Self {
        self.check(index, 1);
        Self {
            // SAFETY: in bounds, as in `load`.
            pointer: unsafe { self.pointer.add(index) },
            #[cfg(debug_assertions)]
            left: self.left - index as isize,
            of: PhantomData,
        }
    }

    /// Four elements from `index` on.
    #[inline(always)]
    pub fn load(self, index: usize) -> F32x4 {
        self.check(index, WIDTH);
        // SAFETY: in bounds, as the caller asserted for its extreme index (checked in debug).
        unsafe { F32x4(self.pointer.add(index).cast::<Raw>().read_unaligned()) }
    }

    /// The element at `index` in all four lanes.
    #[inline(always)]
    pub fn load_splat(self, index: usize) -> F32x4 {
        F32x4::splat(self.get(index))
    }

    #[inline(always)]
    pub fn get(self, index: usize) -> f32 {
        self.check(index, 1);
        // SAFETY: as in `load`.
        unsafe { *self.pointer.add(index) }
    }
}

/// A cursor that writes to a slice; see the module's page for who checks its bounds.
pub struct Dst<'a> {
    pointer: *mut f32,
    #[cfg(debug_assertions)]
    left: usize,
    of: PhantomData<&'a mut [f32]>,
}

impl<'a> Dst<'a> {
    #[inline(always)]
    pub fn new(slice: &'a mut [f32]) -> Self {
        Self {
            pointer: slice.as_mut_ptr(),
            #[cfg(debug_assertions)]
            left: slice.len(),
            of: PhantomData,
        }
    }

    /// # Safety
    /// Nothing else reads or writes the `length` elements from `pointer` on during `'a`, unless
    /// the two never touch the same element.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(pointer: *mut f32, _length: usize) -> Self {
        Self {
            pointer,
            #[cfg(debug_assertions)]
            left: _length,
            of: PhantomData,
        }
    }

    /// A cursor that starts `count` elements further on.
    #[inline(always)]
    pub fn offset(&mut self, count: usize) -> Dst<'_> {
        Dst {
            pointer: self.pointer.wrapping_add(count),
            #[cfg(debug_assertions)]
            left: self.left.saturating_sub(count),
            of: PhantomData,
        }
    }

    /// The cursor moved on by `count` elements.
    #[inline(always)]
    pub fn advance(self, count: usize) -> Self {
        Self {
            pointer: self.pointer.wrapping_add(count),
            #[cfg(debug_assertions)]
            left: self.left.saturating_sub(count),
            of: PhantomData,
        }
    }

    #[inline(always)]
    fn check(&self, _index: usize, _count: usize) {
        #[cfg(debug_assertions)]
        assert!(_index + _count <= self.left, "write past the end of a slice");
    }

    #[inline(always)]
    pub fn load(&self, index: usize) -> F32x4 {
        self.check(index, WIDTH);
        // SAFETY: as in `Src::load`.
        unsafe { F32x4(self.pointer.add(index).cast::<Raw>().read_unaligned()) }
    }

    #[inline(always)]
    pub fn store(&mut self, index: usize, value: F32x4) {
        self.check(index, WIDTH);
        // SAFETY: as in `Src::load`.
        unsafe { self.pointer.add(index).cast::<Raw>().write_unaligned(value.0) }
    }

    #[inline(always)]
    pub fn get(&self, index: usize) -> f32 {
        self.check(index, 1);
        // SAFETY: as in `Src::load`.
        unsafe { *self.pointer.add(index) }
    }

    #[inline(always)]
    pub fn set(&mut self, index: usize, value: f32) {
        self.check(index, 1);
        // SAFETY: as in `Src::load`.
        unsafe { *self.pointer.add(index) = value }
    }
}
