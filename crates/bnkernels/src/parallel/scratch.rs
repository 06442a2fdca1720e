//! Memory that kernels need beyond their arguments. A kernel asks for all of it on its caller's
//! thread, before it starts a region and before it writes anything: [`take`] for itself, and
//! [`per_thread`] for what each thread of a region needs. Where there is none, it can still say so.
//!
//! Pieces are kept for the next time. They belong to the thread that asked.

use super::team;
use std::alloc::Layout;
use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering::*};

/// No memory was left. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// Bytes to which pieces are aligned, and floats of as many.
const ALIGN: usize = 64;
const LINE: usize = ALIGN / size_of::<f32>();
/// Pieces that are kept; what a kernel asks for beyond them is given back after it.
const PIECES: usize = 16;

#[derive(Clone, Copy)]
struct Piece {
    pointer: *mut f32,
    /// In floats; 0 where there is no piece.
    capacity: usize,
    lent: bool,
}

const NONE: Piece = Piece { pointer: null_mut(), capacity: 0, lent: false };

// Nothing here has a destructor: one would be registered in memory of its own.
thread_local! {
    static POOL: [Cell<Piece>; PIECES] = const { [const { Cell::new(NONE) }; PIECES] };
    static REQUESTS: Cell<u32> = const { Cell::new(0) };
    static FAIL_FROM: Cell<u32> = const { Cell::new(0) };
}

/// Floats of scratch memory, aligned to 64 bytes; they hold anything.
pub struct Scratch {
    length: usize,
    piece: Piece,
    /// Where it lies in the pool; None for a piece that is not kept.
    slot: Option<usize>,
}

/// `length` floats.
pub fn take(length: usize) -> Result<Scratch, OutOfMemory> {
    if length == 0 {
        return Ok(Scratch { length, piece: NONE, slot: None });
    }
    if !request() {
        return Err(OutOfMemory);
    }
    let capacity = length.checked_next_multiple_of(LINE).ok_or(OutOfMemory)?;
    POOL.with(|pool| {
        let idle = || (0..PIECES).filter(|&i| !pool[i].get().lent);
        let fitting = idle().filter(|&i| pool[i].get().capacity >= capacity);
        if let Some(slot) = fitting.min_by_key(|&i| pool[i].get().capacity) {
            return Ok(lend(pool, slot, pool[slot].get(), length));
        }
        // The largest of those that are too small makes room for one that is not.
        let slot = idle().max_by_key(|&i| pool[i].get().capacity);
        slot.into_iter().for_each(|i| release(pool[i].replace(NONE)));
        let mut pointer = allocate(capacity);
        if pointer.is_null() {
            trim();
            pointer = allocate(capacity);
        }
        if pointer.is_null() {
            return Err(OutOfMemory);
        }
        let piece = Piece { pointer, capacity, lent: true };
        match slot {
            Some(slot) => Ok(lend(pool, slot, piece, length)),
            None => Ok(Scratch { length, piece, slot: None }),
        }
    })
}

fn lend(pool: &[Cell<Piece>; PIECES], slot: usize, piece: Piece, length: usize) -> Scratch {
    let piece = Piece { lent: true, ..piece };
    pool[slot].set(piece);
    Scratch { length, piece, slot: Some(slot) }
}

fn layout(capacity: usize) -> Option<Layout> {
    Layout::from_size_align(capacity.checked_mul(size_of::<f32>())?, ALIGN).ok()
}

/// Null where there is no room.
fn allocate(capacity: usize) -> *mut f32 {
    // SAFETY: the size is not zero.
    layout(capacity).map_or(null_mut(), |layout| unsafe { std::alloc::alloc_zeroed(layout) }.cast())
}

fn release(piece: Piece) {
    if let (false, Some(layout)) = (piece.pointer.is_null(), layout(piece.capacity)) {
        // SAFETY: it was allocated with the same layout, and nobody has it.
        unsafe { std::alloc::dealloc(piece.pointer.cast(), layout) }
    }
}

/// Gives back the pieces that nobody uses.
pub fn trim() {
    POOL.with(|pool| {
        for piece in pool.iter().filter(|piece| !piece.get().lent) {
            release(piece.replace(NONE));
        }
    });
}

/// Takes the pieces back from a kernel that was left without its end, by a trap. Nobody may use them.
pub fn reclaim() {
    POOL.with(|pool| pool.iter().for_each(|piece| piece.set(Piece { lent: false, ..piece.get() })));
}

/// Counts a request for memory; false if it is to fail.
pub fn request() -> bool {
    let count = REQUESTS.get().wrapping_add(1);
    REQUESTS.set(count);
    FAIL_FROM.get() == 0 || count < FAIL_FROM.get()
}

/// Requests for memory so far, whether or not the pool had a piece.
pub fn requests() -> u32 {
    REQUESTS.get()
}

/// For tests: the `k`-th request from now on and all after it fail, until this is called with 0.
pub fn fail_from(k: u32) {
    FAIL_FROM.set(if k == 0 { 0 } else { REQUESTS.get().saturating_add(k) });
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: the piece is at least as long, initialised, and lent to nobody else.
        unsafe { std::slice::from_raw_parts(self.piece.pointer, self.length) }
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        if self.length == 0 {
            return &mut [];
        }
        // SAFETY: as in `deref`.
        unsafe { std::slice::from_raw_parts_mut(self.piece.pointer, self.length) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        match self.slot {
            Some(slot) => POOL.with(|pool| pool[slot].set(Piece { lent: false, ..self.piece })),
            None => release(self.piece),
        }
    }
}

/// A piece of scratch memory for each thread of the team.
pub struct PerThread {
    all: Scratch,
    length: usize,
    /// Floats from one thread's piece to the next.
    apart: usize,
    in_use: [AtomicBool; team::MAX_WORKERS + 1],
}

// SAFETY: `with` gives each thread its own piece, and to one at a time.
unsafe impl Sync for PerThread {}

/// `length` floats for each thread that may run a chunk of the regions to come.
pub fn per_thread(length: usize) -> Result<PerThread, OutOfMemory> {
    let apart = length.checked_next_multiple_of(LINE).ok_or(OutOfMemory)?;
    let all = take(apart.checked_mul(team::seats()).ok_or(OutOfMemory)?)?;
    Ok(PerThread { all, length, apart, in_use: [const { AtomicBool::new(false) }; team::MAX_WORKERS + 1] })
}

impl PerThread {
    /// Runs `f` with this thread's piece; it holds anything.
    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(&mut [f32]) -> R) -> R {
        let seat = team::seat();
        assert!(
            (seat + 1) * self.apart <= self.all.length,
            "a thread that came after the scratch was asked for"
        );
        assert!(!self.in_use[seat].swap(true, Relaxed), "a thread has one piece");
        let pointer = self.all.piece.pointer.wrapping_add(seat * self.apart);
        let result = f(if self.length == 0 {
            &mut []
        } else {
            // SAFETY: within the piece, and in no other thread's part; `in_use` keeps this thread's to one.
            unsafe { std::slice::from_raw_parts_mut(pointer, self.length) }
        });
        self.in_use[seat].store(false, Relaxed);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Vec<usize> {
        let mut kept: Vec<usize> = POOL.with(|pool| pool.iter().map(|piece| piece.get().capacity).collect());
        kept.retain(|&capacity| capacity > 0);
        kept.sort_unstable();
        kept
    }

    #[test]
    fn pieces_are_disjoint_aligned_and_kept() {
        for length in [1, 100, 40] {
            let mut outer = take(length).unwrap();
            outer.fill(1.0);
            let mut inner = take(50).unwrap();
            inner.fill(2.0);
            assert!(
                (outer.as_ptr() as usize).is_multiple_of(64) && (inner.as_ptr() as usize).is_multiple_of(64)
            );
            assert!(outer.len() == length && outer.iter().all(|&x| x == 1.0) && inner.len() == 50);
        }
        assert_eq!(kept(), [64, 112]);
        // Too small ones are replaced, the largest first.
        drop(take(1000).unwrap());
        assert_eq!(kept(), [64, 1008]);
        trim();
        assert_eq!(kept(), []);
        let many: Vec<Scratch> = (0..PIECES + 3).map(|_| take(5).unwrap()).collect();
        trim();
        assert_eq!(kept().len(), PIECES);
        drop(many);
        assert!(take(0).unwrap().is_empty());
    }

    #[test]
    fn each_thread_has_its_own() {
        let scratch = per_thread(5).unwrap();
        scratch.with(|mine| {
            mine.fill(1.0);
            assert_eq!(mine.len(), 5);
        });
        per_thread(0).unwrap().with(|mine| assert!(mine.is_empty()));
    }

    #[test]
    fn what_there_is_no_room_for_is_refused() {
        assert!(take(usize::MAX).is_err() && take(usize::MAX / 8).is_err());
        assert!(per_thread(usize::MAX).is_err() && take(5).is_ok());
    }

    #[test]
    fn requests_are_counted_and_fail_when_told() {
        let before = requests();
        let held = take(5).unwrap();
        drop(held);
        drop(take(5).unwrap());
        _ = (take(0), take(5));
        assert_eq!(requests(), before + 3);
        fail_from(2);
        assert!(take(5).is_ok() && take(5).is_err() && take(5).is_err());
        fail_from(0);
        assert!(take(5).is_ok());
    }
}
