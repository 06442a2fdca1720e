//! Max pooling for JavaScript.

use super::{input, optional, output};
use crate::kernels::max_pool2d::{self, MaxPool2dShape};
use wasm_bindgen::prelude::*;

/// `factors`, of `c`, may be 0.
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
    factors: *const f32,
    y: *mut f32,
) {
    let (kernel, stride, padding) = ((kh, kw), (stride_h, stride_w), (padding_h, padding_w));
    let s = MaxPool2dShape { n, c, h, w, kernel, stride, padding };
    unsafe {
        let (x, factors) = (input(x, s.x().len()), optional(factors, c));
        max_pool2d::max_pool2d_forward(&s, x, factors, output(y, s.y().len()))
    }
}

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
    let (kernel, stride, padding) = ((kh, kw), (stride_h, stride_w), (padding_h, padding_w));
    let s = MaxPool2dShape { n, c, h, w, kernel, stride, padding };
    let (xs, ys) = (s.x().len(), s.y().len());
    unsafe {
        let (x, y, dy) = (input(x, xs), input(y, ys), input(dy, ys));
        max_pool2d::max_pool2d_backward(&s, x, y, dy, output(dx, xs))
    }
}
