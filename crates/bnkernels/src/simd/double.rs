//! Four `f64`, in two vectors: for sums and quotients of four channels that floats are too short for.

use super::F32x4;
#[cfg(target_arch = "wasm32")]
use core::arch::wasm32::*;
use std::array::from_fn;
use std::ops::{Add, Div, Mul, Sub};

#[cfg(target_arch = "wasm32")]
type Half = v128;
#[cfg(not(target_arch = "wasm32"))]
type Half = [f64; 2];

#[derive(Clone, Copy)]
pub struct F64x4([Half; 2]);

impl F64x4 {
    #[inline(always)]
    pub fn splat(value: f64) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self([f64x2_splat(value); 2]);
        #[cfg(not(target_arch = "wasm32"))]
        Self([[value; 2]; 2])
    }

    /// Each rounded to the nearest float.
    #[inline(always)]
    pub fn narrowed(self) -> F32x4 {
        let [low, high] = self.0;
        #[cfg(target_arch = "wasm32")]
        return F32x4(i64x2_shuffle::<0, 2>(f32x4_demote_f64x2_zero(low), f32x4_demote_f64x2_zero(high)));
        #[cfg(not(target_arch = "wasm32"))]
        F32x4::new(low[0] as f32, low[1] as f32, high[0] as f32, high[1] as f32)
    }
}

impl F32x4 {
    #[inline(always)]
    pub fn widened(self) -> F64x4 {
        #[cfg(target_arch = "wasm32")]
        return F64x4(
            [self.0, i64x2_shuffle::<1, 1>(self.0, self.0)].map(|half| f64x2_promote_low_f32x4(half)),
        );
        #[cfg(not(target_arch = "wasm32"))]
        {
            let [a, b, c, d] = self.to_array().map(f64::from);
            F64x4([[a, b], [c, d]])
        }
    }
}

macro_rules! operators {
    ($($operator:ident $function:ident $instruction:ident $sign:tt),*) => {
        $(impl $operator for F64x4 {
            type Output = Self;
            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                #[cfg(target_arch = "wasm32")]
                return Self(from_fn(|i| $instruction(self.0[i], other.0[i])));
                #[cfg(not(target_arch = "wasm32"))]
                Self(from_fn(|i| from_fn(|j| self.0[i][j] $sign other.0[i][j])))
            }
        })*
    };
}
operators!(Add add f64x2_add +, Sub sub f64x2_sub -, Mul mul f64x2_mul *, Div div f64x2_div /);
