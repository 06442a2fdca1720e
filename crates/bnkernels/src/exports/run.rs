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

/// Runs kernels from rows that lie one after the other, up to `end`; ends with the first that fails, and says in
/// word 1 of its row how. Gives `end`, or where that row is.
///
/// # Safety
/// As for `run`.
#[wasm_bindgen]
pub unsafe fn run_list(rows: *mut f64, end: *const f64) -> *const f64 {
    let mut next = rows;
    while next.cast_const() < end {
        // SAFETY: as above.
        let (status, after) = unsafe { call(next) };
        if status != Status::Done {
            // SAFETY: as above.
            unsafe { *next.add(1) = f64::from(status as u32) };
            return next;
        }
        next = after.cast_mut();
    }
    end
}

/// Runs one kernel; gives how that ended, and the end of its row.
pub(super) unsafe fn call(row: *mut f64) -> (Status, *const f64) {
    // SAFETY: there is a row.
    let (code, mut arguments) = unsafe { (*row, Row::new(row.add(2))) };
    let kernel = CALLS.get(code as usize).filter(|_| code as usize as f64 == code);
    let status = kernel.map_or(Status::UnknownKernel, |kernel| kernel(&mut arguments));
    if status == Status::Done {
        // SAFETY: as above.
        unsafe { *row.add(1) = arguments.number() };
    }
    (status, arguments.position())
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
