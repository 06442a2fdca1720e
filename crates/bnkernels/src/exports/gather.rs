//! Gathers for JavaScript.

use super::{input, output};
use crate::kernels::gather;
use wasm_bindgen::prelude::*;

/// The position of the first index out of range, or -1; then nothing was written.
///
/// # Safety
/// Pointers to live arrays: `source` of source_rows·row bytes, `indices` of `count` u32, `y` of
/// count·row.
#[wasm_bindgen]
pub unsafe fn gather_u8(
    source: *const u8,
    source_rows: usize,
    indices: *const u32,
    count: usize,
    row: usize,
    scale: f32,
    shift: f32,
    y: *mut f32,
) -> i32 {
    unsafe {
        let (source, indices) = (slice(source, source_rows * row), slice(indices, count));
        position(gather::gather_u8(source, indices, row, scale, shift, output(y, count * row)))
    }
}

/// The position of the first index out of range, or -1; then nothing was written.
///
/// # Safety
/// Pointers to live arrays: `source` of source_rows·row, `indices` of `count` u32, `y` of
/// count·row.
#[wasm_bindgen]
pub unsafe fn gather_f32(
    source: *const f32,
    source_rows: usize,
    indices: *const u32,
    count: usize,
    row: usize,
    y: *mut f32,
) -> i32 {
    unsafe {
        let (source, indices) = (input(source, source_rows * row), slice(indices, count));
        position(gather::gather_f32(source, indices, row, output(y, count * row)))
    }
}

fn position(bad: Option<usize>) -> i32 {
    bad.map_or(-1, |position| position as i32)
}

/// # Safety
/// As `input`.
unsafe fn slice<'a, T>(pointer: *const T, length: usize) -> &'a [T] {
    if length == 0 {
        return &[];
    }
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts(pointer, length) }
}
