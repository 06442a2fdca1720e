//! Memory that kernels need beyond their arguments.

use std::cell::Cell;

/// Floats of a thread's scratch memory, at least: 256 KB.
const SCRATCH: usize = 1 << 16;

/// Runs `f` with `length` floats of this thread's own scratch memory, aligned to 64 bytes; they
/// hold anything. It is kept for the next time, one piece for each level of nesting.
pub fn with_scratch<R>(length: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    thread_local!(static FREE: Cell<Vec<Vec<f32>>> = const { Cell::new(Vec::new()) });
    if length == 0 {
        return f(&mut []);
    }
    let mut free = FREE.take();
    let mut scratch = free.pop().unwrap_or_default();
    FREE.set(free);
    if scratch.len() < length + 16 {
        // Not too little, so that it need not grow when a thread comes to a larger chunk late.
        scratch = vec![0.0; (length + 16).max(SCRATCH)];
    }
    let start = scratch.as_ptr().align_offset(64).min(16);
    let result = f(&mut scratch[start..start + length]);
    let mut free = FREE.take();
    free.push(scratch);
    FREE.set(free);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_scratch_is_disjoint_and_aligned() {
        for length in [1, 100, 40] {
            with_scratch(length, |outer| {
                outer.fill(1.0);
                with_scratch(50, |inner| {
                    inner.fill(2.0);
                    assert!(inner.len() == 50 && (inner.as_ptr() as usize).is_multiple_of(64));
                });
                assert!(outer.len() == length && outer.iter().all(|&x| x == 1.0));
            });
        }
    }
}
