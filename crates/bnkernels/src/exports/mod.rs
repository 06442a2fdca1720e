//! What JavaScript sees: numbers and pointers in, slices to the kernels.

mod batch_norm;
mod conv2d;
mod copy;
mod cross_entropy;
mod elementwise;
mod gather;
mod matmul;
mod max_pool2d;
mod optim;
mod random;
mod reduce;
mod softmax;

use crate::parallel;
use std::alloc::Layout;
use wasm_bindgen::prelude::*;

const ALIGN: usize = 64;
/// Bytes of a page of wasm memory.
const PAGE: usize = 1 << 16;

/// `bytes` of uninitialised memory, aligned to 64; 0 when there is none left.
#[wasm_bindgen]
pub fn allocate(bytes: usize) -> *mut u8 {
    match Layout::from_size_align(bytes.max(1), ALIGN) {
        Ok(layout) => {
            let before = pages();
            // SAFETY: the size is not zero.
            let pointer = unsafe { std::alloc::alloc(layout) };
            if pages() > before {
                reserve(pages() * PAGE / 16);
            }
            pointer
        }
        Err(_) => std::ptr::null_mut(),
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

#[wasm_bindgen]
pub fn team_set(workers: usize, awake_limit: usize, caller_sleeps: bool) {
    parallel::set_team(workers, awake_limit, caller_sleeps);
}

#[wasm_bindgen]
pub fn team_work_forever(index: usize) {
    parallel::work_forever(index)
}

#[wasm_bindgen]
pub fn team_chunks_done(index: usize) -> u32 {
    parallel::chunks_done(index)
}

#[wasm_bindgen]
pub fn team_self_test_start(workers: usize) {
    parallel::self_test_start(workers);
}

#[wasm_bindgen]
pub fn team_self_test_done() -> bool {
    parallel::self_test_done()
}

/// # Safety
/// As for every kernel here: the pointers are to live arrays of the lengths that the shapes give.
unsafe fn input<'a>(pointer: *const f32, length: usize) -> &'a [f32] {
    if length == 0 {
        return &[];
    }
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts(pointer, length) }
}

/// # Safety
/// As `input`; and no other slice overlaps it.
unsafe fn output<'a>(pointer: *mut f32, length: usize) -> &'a mut [f32] {
    if length == 0 {
        return &mut [];
    }
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts_mut(pointer, length) }
}

/// # Safety
/// As `input`: `pointer` is to three times `rank` words.
unsafe fn dims<'a>(pointer: *const u32, rank: usize) -> [&'a [u32]; 3] {
    if rank == 0 {
        return [&[]; 3];
    }
    // SAFETY: as above.
    std::array::from_fn(|i| unsafe { std::slice::from_raw_parts(pointer.add(i * rank), rank) })
}

/// None for a null pointer.
///
/// # Safety
/// As `input`.
unsafe fn optional<'a>(pointer: *const f32, length: usize) -> Option<&'a [f32]> {
    // SAFETY: as above.
    (!pointer.is_null()).then(|| unsafe { input(pointer, length) })
}
