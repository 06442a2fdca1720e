//! How a thread sleeps on a word of shared memory, on each target.

use std::sync::atomic::AtomicU32;

/// Waits at most `nanoseconds` (a negative number: for ever) while `word` is `expected`; true if all of
/// that time passed.
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
pub(super) fn wait(word: &AtomicU32, expected: u32, nanoseconds: i64) -> bool {
    const TIMED_OUT: i32 = 2;
    // SAFETY: the word is a live, aligned static.
    let answer = unsafe {
        core::arch::wasm32::memory_atomic_wait32(word.as_ptr().cast(), expected as i32, nanoseconds)
    };
    answer == TIMED_OUT
}

/// Wakes `count` threads that wait on `word`.
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
pub(super) fn notify(word: &AtomicU32, count: u32) {
    // SAFETY: the word is a live, aligned static.
    unsafe { core::arch::wasm32::memory_atomic_notify(word.as_ptr().cast(), count) };
}

/// For tests: nobody is woken before the time is over.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn wait(word: &AtomicU32, expected: u32, nanoseconds: i64) -> bool {
    use std::sync::atomic::Ordering::SeqCst;
    let sleep = |nanoseconds| std::thread::sleep(std::time::Duration::from_nanos(nanoseconds));
    if nanoseconds >= 0 && word.load(SeqCst) == expected {
        sleep(nanoseconds as u64);
        return true;
    }
    while nanoseconds < 0 && word.load(SeqCst) == expected {
        sleep(50_000);
    }
    false
}

/// A build without threads has nobody to wait for.
#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
pub(super) fn wait(_word: &AtomicU32, _expected: u32, _nanoseconds: i64) -> bool {
    false
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "atomics")))]
pub(super) fn notify(_word: &AtomicU32, _count: u32) {}
