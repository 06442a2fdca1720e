//! Max pooling for JavaScript.

use super::{input, output};
use crate::kernels::max_pool2d::{self, MaxPool2dShape};
use wasm_bindgen::prelude::*;

/// # Safety
/// Pointers to live arrays of the lengths that the shape gives.
#[wasm_bindgen]
pub unsafe fn max_pool2d_forward(
    n: usize,
    c: usize,
    h: usize,
    w: usize,
    kh: usize,
    kw: usize,
    stride_h: usize,
    stride_w: usize,
    padding_h: usize,
    padding_w: usize,
    x: *const f32,
    y: *mut f32,
) {
    let stride = (stride_h, stride_w);
    let s = MaxPool2dShape { n, c, h, w, kh, kw, stride, padding: (padding_h, padding_w) };
    unsafe { max_pool2d::max_pool2d_forward(&s, input(x, s.x().len()), output(y, s.y().len())) }
}

/// # Safety
/// Pointers to live arrays of the lengths that the shape gives.
#[wasm_bindgen]
pub unsafe fn max_pool2d_backward(
    n: usize,
    c: usize,
    h: usize,
    w: usize,
    kh: usize,
    kw: usize,
    stride_h: usize,
    stride_w: usize,
    padding_h: usize,
    padding_w: usize,
    x: *const f32,
    y: *const f32,
    dy: *const f32,
    dx: *mut f32,
) {
    let stride = (stride_h, stride_w);
    let s = MaxPool2dShape { n, c, h, w, kh, kw, stride, padding: (padding_h, padding_w) };
    let (input_length, output_length) = (s.x().len(), s.y().len());
    unsafe {
        max_pool2d::max_pool2d_backward(
            &s,
            input(x, input_length),
            input(y, output_length),
            input(dy, output_length),
            output(dx, input_length),
        );
    }
}
