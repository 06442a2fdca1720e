//! softmax for JavaScript.

use super::{input, output};
use crate::kernels::softmax;
use wasm_bindgen::prelude::*;

/// # Safety
/// Pointers to live arrays of rows·cols.
#[wasm_bindgen]
pub unsafe fn softmax_forward(rows: usize, cols: usize, x: *const f32, y: *mut f32) {
    let n = rows * cols;
    unsafe { softmax::softmax_forward(rows, cols, input(x, n), output(y, n)) }
}

/// # Safety
/// Pointers to live arrays of rows·cols.
#[wasm_bindgen]
pub unsafe fn softmax_backward(rows: usize, cols: usize, y: *const f32, dy: *const f32, dx: *mut f32) {
    let n = rows * cols;
    unsafe { softmax::softmax_backward(rows, cols, input(y, n), input(dy, n), output(dx, n)) }
}

/// # Safety
/// Pointers to live arrays of rows·cols.
#[wasm_bindgen]
pub unsafe fn log_softmax_forward(rows: usize, cols: usize, x: *const f32, y: *mut f32) {
    let n = rows * cols;
    unsafe { softmax::log_softmax_forward(rows, cols, input(x, n), output(y, n)) }
}

/// # Safety
/// Pointers to live arrays of rows·cols.
#[wasm_bindgen]
pub unsafe fn log_softmax_backward(rows: usize, cols: usize, y: *const f32, dy: *const f32, dx: *mut f32) {
    let n = rows * cols;
    unsafe { softmax::log_softmax_backward(rows, cols, input(y, n), input(dy, n), output(dx, n)) }
}
