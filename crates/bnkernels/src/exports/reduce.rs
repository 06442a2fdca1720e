//! Sums and maxima for JavaScript.

use super::{input, output, status};
use crate::kernels::reduce::{self, ReduceShape};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
pub unsafe fn sum_forward(
    outer: usize,
    n: usize,
    inner: usize,
    x: *const f32,
    scale: f32,
    y: *mut f32,
) -> u32 {
    let shape = ReduceShape { outer, n, inner };
    unsafe {
        status(reduce::sum_forward(shape, input(x, outer * n * inner), scale, output(y, outer * inner)))
    }
}

#[wasm_bindgen]
pub unsafe fn max_forward(outer: usize, n: usize, inner: usize, x: *const f32, y: *mut f32, index: *mut f32) {
    let (shape, m) = (ReduceShape { outer, n, inner }, outer * inner);
    unsafe { reduce::max_forward(shape, input(x, outer * n * inner), output(y, m), output(index, m)) }
}

#[wasm_bindgen]
pub unsafe fn max_backward(
    outer: usize,
    n: usize,
    inner: usize,
    index: *const f32,
    dy: *const f32,
    dx: *mut f32,
) {
    let (shape, m) = (ReduceShape { outer, n, inner }, outer * inner);
    unsafe { reduce::max_backward(shape, input(index, m), input(dy, m), output(dx, outer * n * inner)) }
}
