//! Optimiser steps for JavaScript.

use super::{input, output};
use crate::kernels::adam::{adam_step as adam, Adam};
use crate::kernels::sgd::{sgd_step as sgd, Sgd};
use wasm_bindgen::prelude::*;

/// `momentum_buffer` is 0 where there is no momentum.
///
/// # Safety
/// Pointers to live arrays of `n`.
#[wasm_bindgen]
pub unsafe fn sgd_step(
    n: usize,
    p: *mut f32,
    g: *const f32,
    momentum_buffer: *mut f32,
    lr: f64,
    momentum: f64,
    dampening: f64,
    weight_decay: f64,
    nesterov: bool,
    first_step: bool,
) {
    let options = Sgd { lr, momentum, dampening, weight_decay, nesterov };
    unsafe {
        let buffer = (!momentum_buffer.is_null()).then(|| output(momentum_buffer, n));
        sgd(output(p, n), input(g, n), buffer, options, first_step)
    }
}

/// `decoupled` makes it AdamW; `step` counts from 1.
///
/// # Safety
/// Pointers to live arrays of `n`.
#[wasm_bindgen]
pub unsafe fn adam_step(
    n: usize,
    p: *mut f32,
    g: *const f32,
    m: *mut f32,
    v: *mut f32,
    lr: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
    decoupled: bool,
    step: u32,
) {
    let options = Adam { lr, beta1, beta2, eps, weight_decay, decoupled };
    unsafe { adam(output(p, n), input(g, n), output(m, n), output(v, n), options, step) }
}
