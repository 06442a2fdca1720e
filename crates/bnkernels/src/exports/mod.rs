//! What JavaScript sees: numbers and pointers in, slices to the kernels.

mod batch_norm;
mod conv2d;
mod copy;
mod cross_entropy;
mod elementwise;
mod gather;
mod matmul;
mod max_pool2d;
mod memory;
mod optim;
mod random;
mod reduce;
mod softmax;
mod team;

use crate::parallel::OutOfMemory;

/// What a kernel's export returns: 1 where no scratch memory was left; then nothing was written.
fn status(result: Result<(), OutOfMemory>) -> u32 {
    result.is_err().into()
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
