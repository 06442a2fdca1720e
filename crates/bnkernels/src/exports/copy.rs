//! Copies that change order, for JavaScript.

use super::{dims, input, output};
use crate::kernels::copy::{self, Strided};
use crate::layout::Blocks;
use wasm_bindgen::prelude::*;

/// `dims_at` points to shape, strides of `x`, strides of `y`: `rank` words each.
#[wasm_bindgen]
pub unsafe fn copy_strided(
    dims_at: *const u32,
    rank: usize,
    x: *const f32,
    x_length: usize,
    y: *mut f32,
    y_length: usize,
) {
    let [shape, x_strides, y_strides] = unsafe { dims(dims_at, rank) };
    let dims = Strided { shape, x_strides, y_strides };
    unsafe { copy::copy_strided(dims, input(x, x_length), output(y, y_length)) }
}

#[wasm_bindgen]
pub unsafe fn rows_to_lanes(n: usize, image: usize, x: *const f32, y: *mut f32) {
    let length = Blocks::new(n, image).len();
    unsafe { copy::rows_to_lanes(n, image, input(x, n * image), output(y, length)) }
}

#[wasm_bindgen]
pub unsafe fn lanes_to_rows(n: usize, image: usize, x: *const f32, y: *mut f32) {
    let length = Blocks::new(n, image).len();
    unsafe { copy::lanes_to_rows(n, image, input(x, length), output(y, n * image)) }
}
