//! Batch normalisation for JavaScript: `layout` is 0 for rows, 1 for lanes.

use super::{input, output};
use crate::kernels::batch_norm::{self, Layout};
use crate::layout::Blocks;
use wasm_bindgen::prelude::*;

fn layout_of(number: u32) -> Layout {
    match number {
        0 => Layout::Rows,
        _ => Layout::Lanes,
    }
}

fn length(layout: Layout, n: usize, c: usize, s: usize) -> usize {
    match layout {
        Layout::Rows => n * c * s,
        Layout::Lanes => Blocks::new(n, c * s).len(),
    }
}

/// # Safety
/// As `input`; 0 is None.
unsafe fn maybe<'a>(pointer: *const f32, length: usize) -> Option<&'a [f32]> {
    unsafe { (!pointer.is_null()).then(|| input(pointer, length)) }
}

/// # Safety
/// As `output`; 0 is None.
unsafe fn maybe_output<'a>(pointer: *mut f32, length: usize) -> Option<&'a mut [f32]> {
    unsafe { (!pointer.is_null()).then(|| output(pointer, length)) }
}

/// # Safety
/// `x` of the shape; `mean`, `var` and `residue` (or 0) of `c`.
#[wasm_bindgen]
pub unsafe fn batch_norm_statistics(
    layout: u32,
    n: usize,
    c: usize,
    s: usize,
    x: *const f32,
    mean: *mut f32,
    var: *mut f32,
    residue: *mut f32,
) {
    let layout = layout_of(layout);
    unsafe {
        batch_norm::batch_norm_statistics(
            layout,
            n,
            c,
            s,
            input(x, length(layout, n, c, s)),
            output(mean, c),
            output(var, c),
            maybe_output(residue, c),
        );
    }
}

/// # Safety
/// Pointers to live arrays of `c`.
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
        batch_norm::batch_norm_update_running(
            input(mean, c),
            input(var, c),
            count,
            momentum,
            output(running_mean, c),
            output(running_var, c),
        );
    }
}

/// # Safety
/// `x` and `y` of the shape; the others of `c`; `weight`, `bias` and `residue` may be 0.
#[wasm_bindgen]
pub unsafe fn batch_norm_forward(
    layout: u32,
    n: usize,
    c: usize,
    s: usize,
    x: *const f32,
    mean: *const f32,
    var: *const f32,
    eps: f32,
    weight: *const f32,
    bias: *const f32,
    y: *mut f32,
    residue: *const f32,
) {
    let layout = layout_of(layout);
    let length = length(layout, n, c, s);
    unsafe {
        batch_norm::batch_norm_forward(
            layout,
            n,
            c,
            s,
            input(x, length),
            input(mean, c),
            input(var, c),
            eps,
            maybe(weight, c),
            maybe(bias, c),
            output(y, length),
            maybe(residue, c),
        );
    }
}

/// # Safety
/// `x`, `dy` and `dx` of the shape; the others of `c`; `weight` and the outputs may be 0.
#[wasm_bindgen]
pub unsafe fn batch_norm_backward(
    layout: u32,
    n: usize,
    c: usize,
    s: usize,
    x: *const f32,
    dy: *const f32,
    mean: *const f32,
    var: *const f32,
    eps: f32,
    weight: *const f32,
    training: bool,
    dx: *mut f32,
    dweight: *mut f32,
    dbias: *mut f32,
) {
    let layout = layout_of(layout);
    let length = length(layout, n, c, s);
    unsafe {
        batch_norm::batch_norm_backward(
            layout,
            n,
            c,
            s,
            input(x, length),
            input(dy, length),
            input(mean, c),
            input(var, c),
            eps,
            maybe(weight, c),
            training,
            maybe_output(dx, length),
            maybe_output(dweight, c),
            maybe_output(dbias, c),
        );
    }
}
