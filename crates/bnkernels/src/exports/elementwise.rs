//! Elementwise operations for JavaScript.

use super::{dims, input, output};
use crate::kernels::elementwise::{self, Broadcast};
use wasm_bindgen::prelude::*;

macro_rules! unary {
    ($($forward:ident $backward:ident)*) => {$(
        #[wasm_bindgen]
        pub unsafe fn $forward(x: *const f32, y: *mut f32, n: usize) {
            unsafe { elementwise::$forward(input(x, n), output(y, n)) }
        }

        #[wasm_bindgen]
        pub unsafe fn $backward(x: *const f32, y: *const f32, dy: *const f32, dx: *mut f32, n: usize) {
            unsafe { elementwise::$backward(input(x, n), input(y, n), input(dy, n), output(dx, n)) }
        }
    )*};
}

unary! {
    neg_forward neg_backward
    abs_forward abs_backward
    sqrt_forward sqrt_backward
    exp_forward exp_backward
    log_forward log_backward
    relu_forward relu_backward
    sigmoid_forward sigmoid_backward
    tanh_forward tanh_backward
}

#[wasm_bindgen]
pub unsafe fn pow_forward(x: *const f32, exponent: f32, y: *mut f32, n: usize) {
    unsafe { elementwise::pow_forward(input(x, n), exponent, output(y, n)) }
}

#[wasm_bindgen]
pub unsafe fn pow_backward(x: *const f32, exponent: f32, dy: *const f32, dx: *mut f32, n: usize) {
    unsafe { elementwise::pow_backward(input(x, n), exponent, input(dy, n), output(dx, n)) }
}

#[wasm_bindgen]
pub unsafe fn accumulate(x: *const f32, y: *mut f32, n: usize) {
    unsafe { elementwise::accumulate(input(x, n), output(y, n)) }
}

#[wasm_bindgen]
pub unsafe fn fill(y: *mut f32, n: usize, value: f32) {
    elementwise::fill(unsafe { output(y, n) }, value);
}

macro_rules! binary {
    ($($name:ident)*) => {$(
        /// `dims_at` points to shape, strides of `a`, strides of `b`: `rank` words each.
        #[wasm_bindgen]
        pub unsafe fn $name(
            dims_at: *const u32, rank: usize,
            a: *const f32, a_length: usize, b: *const f32, b_length: usize, y: *mut f32, n: usize,
        ) {
            let [shape, a_strides, b_strides] = unsafe { dims(dims_at, rank) };
            let dims = Broadcast { shape, a_strides, b_strides };
            unsafe { elementwise::$name(dims, input(a, a_length), input(b, b_length), output(y, n)) }
        }
    )*};
}

binary! { add sub mul div maximum maximum_share }
