//! Convolution for JavaScript.

use super::{input, optional, output, status};
use crate::kernels::conv2d::{self, Conv2dShape};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
pub unsafe fn conv2d_forward(
    n: usize,
    c: usize,
    h: usize,
    w: usize,
    oc: usize,
    kh: usize,
    kw: usize,
    stride_h: usize,
    stride_w: usize,
    padding_h: usize,
    padding_w: usize,
    x: *const f32,
    weight: *const f32,
    bias: *const f32,
    y: *mut f32,
) -> u32 {
    let (stride, padding) = ((stride_h, stride_w), (padding_h, padding_w));
    let s = Conv2dShape { n, c, h, w, oc, kh, kw, stride, padding };
    unsafe {
        let (x, weight) = (input(x, s.x().len()), input(weight, s.weight()));
        status(conv2d::conv2d_forward(&s, x, weight, optional(bias, oc), output(y, s.y().len())))
    }
}

#[wasm_bindgen]
pub unsafe fn conv2d_backward_input(
    n: usize,
    c: usize,
    h: usize,
    w: usize,
    oc: usize,
    kh: usize,
    kw: usize,
    stride_h: usize,
    stride_w: usize,
    padding_h: usize,
    padding_w: usize,
    dy: *const f32,
    weight: *const f32,
    dx: *mut f32,
) -> u32 {
    let (stride, padding) = ((stride_h, stride_w), (padding_h, padding_w));
    let s = Conv2dShape { n, c, h, w, oc, kh, kw, stride, padding };
    unsafe {
        let (dy, weight) = (input(dy, s.y().len()), input(weight, s.weight()));
        status(conv2d::conv2d_backward_input(&s, dy, weight, output(dx, s.x().len())))
    }
}

/// `db` may be 0.
#[wasm_bindgen]
pub unsafe fn conv2d_backward_weight(
    n: usize,
    c: usize,
    h: usize,
    w: usize,
    oc: usize,
    kh: usize,
    kw: usize,
    stride_h: usize,
    stride_w: usize,
    padding_h: usize,
    padding_w: usize,
    x: *const f32,
    dy: *const f32,
    dw: *mut f32,
    db: *mut f32,
) -> u32 {
    let (stride, padding) = ((stride_h, stride_w), (padding_h, padding_w));
    let s = Conv2dShape { n, c, h, w, oc, kh, kw, stride, padding };
    unsafe {
        let (x, dy) = (input(x, s.x().len()), input(dy, s.y().len()));
        let db = (!db.is_null()).then(|| output(db, oc));
        status(conv2d::conv2d_backward_weight(&s, x, dy, Some(output(dw, s.weight())), db))
    }
}
