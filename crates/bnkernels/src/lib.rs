//! The kernels of simdgrad.

//!
//! # The kernel contract
//! - All values are `f32`, except raw `u8` images, `u32` indices and the `f64` reference twins.
//! - **rows**: an array is row-major and contiguous; the last dimension varies fastest.
//! - **lanes** (batch in lanes): a 4-D array `[N, C, H, W]` lies as blocks of [`layout::LANES`]
//!   (16) images. Block `b` starts at `b * 16 * C * H * W` and lies as `[C][H][W][L]` with
//!   `L = 16`, except for the last block, where `L` is what is left of `N`, rounded up to a
//!   multiple of 4. Lanes past `N` are padding: finite in activations, zero in gradients.
//!   Whoever writes an array keeps that so.
//! - An output never overlaps an input, unless the kernel's own text says so.
//! - A kernel writes every element of its outputs (and nothing else); outputs may come in
//!   uninitialised, unless the kernel's text says that it accumulates.
//! - What a kernel needs beyond its arguments it asks of `parallel::scratch`, before it starts a region or writes
//!   anything; where there is none, it returns `OutOfMemory`. It allocates nothing else.
//! - Work is cut into chunks by the shape alone (`parallel`), and each reduction has one order,
//!   so that the bits do not depend on the number of threads. Long ones are closed in pieces, so that their length
//!   costs no digits.
//! - Shapes were checked by the caller in TypeScript; the slices' lengths are asserted here.
//! - Unsafe code lives in `simd`, `parallel` and `exports`.

#![deny(unsafe_op_in_unsafe_fn)]
#![allow(
    clippy::too_many_arguments,
    clippy::missing_safety_doc,
    clippy::single_range_in_vec_init,
    clippy::should_implement_trait
)]
#![cfg_attr(all(target_arch = "wasm32", target_feature = "atomics"), feature(stdarch_wasm_atomic_wait))]

pub mod layout;
pub mod parallel;
pub mod simd;

pub mod kernels;
pub mod tables;

pub mod exports;

#[cfg(test)]
mod reference;
