//! Batch normalisation for JavaScript. `layout`: 0 is rows `[n, c]` (and `s` 1), 1 lanes `[n, c, s]`.

use super::{input, optional, output, status};
use crate::kernels::batch_norm::{self, Affine, BatchNormShape, Layout, Statistics};
use crate::kernels::max_pool2d::MaxPool2dShape;
use wasm_bindgen::prelude::*;

fn shape(layout: u32, n: usize, c: usize, s: usize) -> BatchNormShape {
    BatchNormShape { layout: if layout == 0 { Layout::Rows } else { Layout::Lanes }, n, c, s }
}

#[wasm_bindgen]
pub unsafe fn batch_norm_statistics(
    layout: u32,
    n: usize,
    c: usize,
    s: usize,
    x: *const f32,
    mean: *mut f32,
    residual: *mut f32,
    var: *mut f32,
) -> u32 {
    let shape = shape(layout, n, c, s);
    unsafe {
        let (mean, residual, var) = (output(mean, c), output(residual, c), output(var, c));
        status(batch_norm::batch_norm_statistics(&shape, input(x, shape.len()), mean, residual, var))
    }
}

#[wasm_bindgen]
pub unsafe fn batch_norm_update_running(
    c: usize,
    mean: *const f32,
    var: *const f32,
    count: usize,
    momentum: f32,
    running_mean: *mut f32,
    running_var: *mut f32,
) {
    unsafe {
        let (running_mean, running_var) = (output(running_mean, c), output(running_var, c));
        let (mean, var) = (input(mean, c), input(var, c));
        batch_norm::batch_norm_update_running(mean, var, count, momentum, running_mean, running_var)
    }
}

/// `residual`, `weight` and `bias` may be 0.
#[wasm_bindgen]
pub unsafe fn batch_norm_forward(
    layout: u32,
    n: usize,
    c: usize,
    s: usize,
    x: *const f32,
    mean: *const f32,
    residual: *const f32,
    var: *const f32,
    eps: f32,
    weight: *const f32,
    bias: *const f32,
    y: *mut f32,
) -> u32 {
    let shape = shape(layout, n, c, s);
    unsafe {
        let (mean, residual, var) = (input(mean, c), optional(residual, c), input(var, c));
        let affine = Affine { weight: optional(weight, c), bias: optional(bias, c) };
        let (x, y) = (input(x, shape.len()), output(y, shape.len()));
        status(batch_norm::batch_norm_forward(&shape, x, Statistics { mean, residual, var, eps }, affine, y))
    }
}

/// `residual`, `weight` and `dx` may be 0.
#[wasm_bindgen]
pub unsafe fn batch_norm_backward(
    layout: u32,
    n: usize,
    c: usize,
    s: usize,
    x: *const f32,
    dy: *const f32,
    mean: *const f32,
    residual: *const f32,
    var: *const f32,
    eps: f32,
    weight: *const f32,
    training: bool,
    dx: *mut f32,
    dweight: *mut f32,
    dbias: *mut f32,
) -> u32 {
    let shape = shape(layout, n, c, s);
    let length = shape.len();
    unsafe {
        let (mean, residual, var) = (input(mean, c), optional(residual, c), input(var, c));
        let statistics = Statistics { mean, residual, var, eps };
        let dx = (!dx.is_null()).then(|| output(dx, length));
        let (x, dy) = (input(x, length), input(dy, length));
        let (weight, dweight, dbias) = (optional(weight, c), output(dweight, c), output(dbias, c));
        status(batch_norm::batch_norm_backward(
            &shape,
            x,
            dy,
            statistics,
            weight,
            training,
            dx,
            Some(dweight),
            Some(dbias),
        ))
    }
}

/// Windows of 2 × 2 side by side. `residual`, `weight` and `dx` may be 0.
#[wasm_bindgen]
pub unsafe fn batch_norm_max_pool2d_backward(
    n: usize,
    c: usize,
    h: usize,
    w: usize,
    x: *const f32,
    z: *const f32,
    dy: *const f32,
    mean: *const f32,
    residual: *const f32,
    var: *const f32,
    eps: f32,
    weight: *const f32,
    training: bool,
    dx: *mut f32,
    dweight: *mut f32,
    dbias: *mut f32,
) -> u32 {
    let s = MaxPool2dShape { n, c, h, w, kernel: (2, 2), stride: (2, 2), padding: (0, 0) };
    let (full, quarter) = (s.x().len(), s.y().len());
    unsafe {
        let (mean, residual, var) = (input(mean, c), optional(residual, c), input(var, c));
        let statistics = Statistics { mean, residual, var, eps };
        let dx = (!dx.is_null()).then(|| output(dx, full));
        let (x, z, dy) = (input(x, full), input(z, quarter), input(dy, quarter));
        let (weight, dweight, dbias) = (optional(weight, c), output(dweight, c), output(dbias, c));
        status(batch_norm::batch_norm_max_pool2d_backward(
            &s,
            x,
            z,
            dy,
            statistics,
            weight,
            training,
            dx,
            Some(dweight),
            Some(dbias),
        ))
    }
}
