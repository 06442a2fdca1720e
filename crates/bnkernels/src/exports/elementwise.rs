//! Elementwise operations for JavaScript.

use super::{input, output};
use crate::kernels::elementwise;
use wasm_bindgen::prelude::*;

/// # Safety
/// Pointers to live arrays of `n`.
#[wasm_bindgen]
pub unsafe fn relu_forward(x: *const f32, y: *mut f32, n: usize) {
    unsafe { elementwise::relu_forward(input(x, n), output(y, n)) }
}
