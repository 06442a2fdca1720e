//! One vector type, [`F32x4`]: SIMD128 in WebAssembly ([`wasm`]), a plain `[f32; 4]` elsewhere
//! ([`native`]), so that `cargo test` runs the same kernels natively.
//!
//! [`Src`] and [`Dst`] are cursors into a slice for inner loops. Who makes one says how far it will
//! reach, and that is checked once, in every build; [`reach`] works it out. Off WebAssembly each
//! load and store is checked against it too, so that the tests find a kernel that says too little.

mod angle;
mod cursor;
mod double;
mod math;
#[cfg(not(target_arch = "wasm32"))]
mod native;
mod special;
#[cfg(target_arch = "wasm32")]
mod wasm;

pub use cursor::{reach, Dst, Src};
pub use double::F64x4;
pub use math::{Exp, Exp2};

#[cfg(not(target_arch = "wasm32"))]
use native::{Raw, RawMask};
use std::ops::{Add, Div, Mul, Neg, Sub};
#[cfg(target_arch = "wasm32")]
use wasm::{Raw, RawMask};

/// Lanes of a vector.
pub const WIDTH: usize = 4;

/// Four `f32`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct F32x4(Raw);

/// Four truth values, each all ones or all zeros: what a comparison gives.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Mask4(RawMask);

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

    /// `from`, aligned to 16 bytes and a multiple of 4 long, as vectors.
    #[inline(always)]
    pub fn vectors_mut(from: &mut [f32]) -> &mut [Self] {
        // SAFETY: a vector is four floats, and any are one.
        let (before, vectors, after) = unsafe { from.align_to_mut::<Self>() };
        assert!(before.is_empty() && after.is_empty(), "no whole vectors");
        vectors
    }

    /// The sum of two, and what it lacks: exactly `self + other` together. A sum that is not finite lacks nothing.
    #[inline(always)]
    pub fn two_sum(self, other: Self) -> (Self, Self) {
        let sum = self + other;
        let of_other = sum - self;
        let lacks = (self - (sum - of_other)) + (other - of_other);
        (sum, lacks.eq(lacks).keep(lacks))
    }

    /// The first four of `from`.
    #[inline(always)]
    pub fn load(from: &[f32]) -> Self {
        Self::new(from[0], from[1], from[2], from[3])
    }

    /// Up to four of `from`; the rest is `fill`.
    #[inline(never)]
    pub fn load_tail(from: &[f32], fill: f32) -> Self {
        // (A copy of unknown length is a call.)
        let lane = |i: usize| from.get(i).copied().unwrap_or(fill);
        Self::new(lane(0), lane(1), lane(2), lane(3))
    }

    #[inline(always)]
    pub fn store(self, to: &mut [f32]) {
        to[..4].copy_from_slice(&self.to_array());
    }

    /// As many lanes as `to` holds, at most four.
    #[inline(never)]
    pub fn store_tail(self, to: &mut [f32]) {
        for (i, lane) in self.to_array().into_iter().enumerate() {
            if let Some(to) = to.get_mut(i) {
                *to = lane;
            }
        }
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
