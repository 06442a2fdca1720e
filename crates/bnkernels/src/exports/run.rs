//! Runs kernels from rows.

use super::row::{Row, Status, MOST_WORDS};
use super::CALLS;
use std::cell::UnsafeCell;
use wasm_bindgen::prelude::*;

struct RowBuffer(UnsafeCell<[f64; MOST_WORDS]>);

// SAFETY: only the thread that calls kernels uses it.
unsafe impl Sync for RowBuffer {}

static ROW: RowBuffer = RowBuffer(UnsafeCell::new([0.0; MOST_WORDS]));

/// Where a row may be written: 256 words, more than any kernel has.
#[wasm_bindgen]
pub fn row() -> *mut f64 {
    ROW.0.get().cast()
}

/// Runs the kernel whose row is at `row`; see [`Status`] for what it gives. The kernel's number, if it has
/// one, is then in word 1.
///
/// # Safety
/// There is a whole row, and its arrays are live and do not overlap.
#[wasm_bindgen]
pub unsafe fn run(row: *mut f64) -> u32 {
    // SAFETY: as above.
    unsafe { call(row) }.0 as u32
}

/// Runs `count` kernels, whose rows lie one after the other; ends with the first that fails.
///
/// # Safety
/// As for `run`.
#[wasm_bindgen]
pub unsafe fn run_list(rows: *mut f64, count: usize) -> u32 {
    let mut next = rows;
    for _ in 0..count {
        // SAFETY: as above.
        let (status, end) = unsafe { call(next) };
        if status != Status::Done {
            return status as u32;
        }
        next = end.cast_mut();
    }
    Status::Done as u32
}

/// Runs one kernel; gives how that ended, and the end of its row.
unsafe fn call(row: *mut f64) -> (Status, *const f64) {
    // SAFETY: there is a row.
    let (code, mut arguments) = unsafe { (*row, Row::new(row.add(2))) };
    let kernel = CALLS.get(code as usize).filter(|_| code as usize as f64 == code);
    let status = kernel.map_or(Status::UnknownKernel, |kernel| kernel(&mut arguments));
    if status == Status::Done {
        // SAFETY: as above.
        unsafe { *row.add(1) = arguments.number() };
    }
    (status, arguments.end())
}

/// Whether `mul_add` rounds once, as relaxed SIMD does on most CPUs: `fround(a²) - a · a` is 0 where the
/// product is rounded first.
#[wasm_bindgen]
pub fn fuses() -> bool {
    use crate::simd::F32x4;
    let a = F32x4::splat(std::hint::black_box(1.0 + 1.0 / 4096.0));
    (-a).mul_add(a, a * a).to_array()[0] != 0.0
}

/// Whether this binary has the kernels that few use, too (the declarations that say `in whole`).
#[wasm_bindgen]
pub fn is_whole() -> bool {
    cfg!(feature = "whole")
}
