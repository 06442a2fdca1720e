//! Convolution for JavaScript.

use super::{input, output};
use crate::kernels::conv2d::{self, Conv2dShape};
use wasm_bindgen::prelude::*;

fn shape(s: [usize; 11]) -> Conv2dShape {
    let [n, c, h, w, oc, kh, kw, stride_h, stride_w, padding_h, padding_w] = s;
    Conv2dShape { n, c, h, w, oc, kh, kw, stride: (stride_h, stride_w), padding: (padding_h, padding_w) }
}

/// # Safety
/// Pointers to live arrays of the lengths that the shape gives; `bias` may be 0.
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
) {
    let s = shape([n, c, h, w, oc, kh, kw, stride_h, stride_w, padding_h, padding_w]);
    unsafe {
        let bias = (!bias.is_null()).then(|| input(bias, oc));
        conv2d::conv2d_forward(
            &s,
            input(x, s.x().len()),
            input(weight, s.weight()),
            bias,
            output(y, s.y().len()),
        );
    }
}

/// # Safety
/// Pointers to live arrays of the lengths that the shape gives.
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
) {
    let s = shape([n, c, h, w, oc, kh, kw, stride_h, stride_w, padding_h, padding_w]);
    unsafe {
        conv2d::conv2d_backward_input(
            &s,
            input(dy, s.y().len()),
            input(weight, s.weight()),
            output(dx, s.x().len()),
        );
    }
}

/// # Safety
/// Pointers to live arrays of the lengths that the shape gives; `db` may be 0.
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
) {
    let s = shape([n, c, h, w, oc, kh, kw, stride_h, stride_w, padding_h, padding_w]);
    unsafe {
        let db = (!db.is_null()).then(|| output(db, oc));
        conv2d::conv2d_backward_weight(
            &s,
            input(x, s.x().len()),
            input(dy, s.y().len()),
            output(dw, s.weight()),
            db,
        );
    }
}
