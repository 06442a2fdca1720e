//! Memory for JavaScript: pieces of the heap that the kernels' own scratch memory comes from, too.

use crate::parallel::scratch;
use std::alloc::Layout;
use wasm_bindgen::prelude::*;

const ALIGN: usize = 64;
/// Bytes of a page of wasm memory.
const PAGE: usize = 1 << 16;

/// `bytes` of uninitialised memory, aligned to 64; 0 when there is none left.
#[wasm_bindgen]
pub fn allocate(bytes: usize) -> *mut u8 {
    match Layout::from_size_align(bytes.max(1), ALIGN) {
        Ok(layout) if scratch::request() => {
            let before = pages();
            // SAFETY: the size is not zero.
            let pointer = unsafe { std::alloc::alloc(layout) };
            if pages() > before {
                reserve(pages() * PAGE / 16);
            }
            pointer
        }
        _ => std::ptr::null_mut(),
    }
}

/// Lets the memory grow by some `bytes` more, if there are any. Growth makes every view of the memory
/// stale, and without a reserve it comes late and again: with each new order of sizes that leaves the
/// free pieces a little too small.
fn reserve(bytes: usize) {
    let Ok(layout) = Layout::from_size_align(bytes.max(1), ALIGN) else { return };
    // SAFETY: the size is not zero; what was allocated is freed with the same layout.
    unsafe {
        // (The compiler may leave out an allocation that nothing looks at.)
        let pointer = std::hint::black_box(std::alloc::alloc(layout));
        if !pointer.is_null() {
            std::alloc::dealloc(pointer, layout);
        }
    }
}

/// Pages that the memory has.
fn pages() -> usize {
    #[cfg(target_arch = "wasm32")]
    return core::arch::wasm32::memory_size(0);
    #[cfg(not(target_arch = "wasm32"))]
    0
}

/// # Safety
/// `pointer` came from `allocate(bytes)` and is used no more.
#[wasm_bindgen]
pub unsafe fn release(pointer: *mut u8, bytes: usize) {
    // SAFETY: the same layout as in `allocate`.
    unsafe { std::alloc::dealloc(pointer, Layout::from_size_align_unchecked(bytes.max(1), ALIGN)) }
}

/// Gives back what kernels keep for the next time.
#[wasm_bindgen]
pub fn scratch_trim() {
    scratch::trim();
}

/// Requests for memory so far: each `allocate`, and each piece of scratch memory that a kernel wanted,
/// also where one was kept.
#[wasm_bindgen]
pub fn memory_requests() -> u32 {
    scratch::requests()
}

/// For tests of failure: the `k`-th request from now on and all after it fail, until this is called with 0.
#[wasm_bindgen]
pub fn memory_fail_from(k: u32) {
    scratch::fail_from(k);
}
