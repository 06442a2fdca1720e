//! Random numbers for JavaScript. Seed and offset (a counter of blocks of four words) are 64 bits
//! in two words, the lower first.

use super::output;
use crate::kernels::random::{self, Stream};
use wasm_bindgen::prelude::*;

fn stream(seed: [u32; 2], offset: [u32; 2]) -> Stream {
    let join = |[low, high]: [u32; 2]| u64::from(high) << 32 | u64::from(low);
    Stream { seed: join(seed), offset: join(offset) }
}

/// Uses `ceil(n / 4)` blocks.
///
/// # Safety
/// A pointer to a live array of `n`.
#[wasm_bindgen]
pub unsafe fn fill_uniform(
    n: usize,
    out: *mut f32,
    seed_low: u32,
    seed_high: u32,
    offset_low: u32,
    offset_high: u32,
    low: f32,
    high: f32,
) {
    let stream = stream([seed_low, seed_high], [offset_low, offset_high]);
    unsafe { random::fill_uniform(output(out, n), stream, low, high) }
}

/// Uses `ceil(n / 4)` blocks.
///
/// # Safety
/// A pointer to a live array of `n`.
#[wasm_bindgen]
pub unsafe fn fill_normal(
    n: usize,
    out: *mut f32,
    seed_low: u32,
    seed_high: u32,
    offset_low: u32,
    offset_high: u32,
    mean: f32,
    std: f32,
) {
    let stream = stream([seed_low, seed_high], [offset_low, offset_high]);
    unsafe { random::fill_normal(output(out, n), stream, mean, std) }
}

/// Uses `ceil(n / 4)` blocks.
///
/// # Safety
/// A pointer to a live array of `n`.
#[wasm_bindgen]
pub unsafe fn fill_bernoulli(
    n: usize,
    out: *mut f32,
    seed_low: u32,
    seed_high: u32,
    offset_low: u32,
    offset_high: u32,
    keep_probability: f64,
    scale: f32,
) {
    let stream = stream([seed_low, seed_high], [offset_low, offset_high]);
    unsafe { random::fill_bernoulli(output(out, n), stream, keep_probability, scale) }
}

/// The number of blocks used up.
///
/// # Safety
/// A pointer to a live array of `n` u32.
#[wasm_bindgen]
pub unsafe fn random_permutation(
    n: usize,
    out: *mut u32,
    seed_low: u32,
    seed_high: u32,
    offset_low: u32,
    offset_high: u32,
) -> u32 {
    let stream = stream([seed_low, seed_high], [offset_low, offset_high]);
    // SAFETY: as above; an empty slice has no pointer.
    let out = if n == 0 { &mut [][..] } else { unsafe { std::slice::from_raw_parts_mut(out, n) } };
    random::random_permutation(out, stream) as u32
}
