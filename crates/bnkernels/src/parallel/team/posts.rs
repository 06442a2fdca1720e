//! How a region is handed over: what its threads are told of it, and what they say that they have finished.
//!
//! Each place of the team has a post, which holds its share as (generation, chunks left) in one word. A claim takes one
//! off by compare-and-swap, so a late worker that still sees an old generation claims nothing; what a claimed chunk runs
//! (its post's region) cannot change before that chunk is done, because the caller waits until the threads have finished
//! all of them.
//!
//! What a hand-over costs is cache lines that go from core to core: 50 ns each between neighbours, five times that
//! between cores that share no cache, where there are some 30 of them in a step of 100 µs. So an idle worker looks at its
//! own post, in which all is that it needs; and it says in a line of its own what it has finished, which the caller adds
//! up. A WebAssembly atomic store waits until its line has come: what a post says of the region is no atomic.

use super::{Line, MAX_WORKERS};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};

/// What a place of the team is told of a region.
pub(super) struct Post {
    /// Its share of the chunks: (generation, chunks left).
    pub share: AtomicU64,
    /// Read by who has claimed a chunk, written while nobody has.
    region: UnsafeCell<Region>,
}

// SAFETY: a claim comes after the write (it reads what was stored in `share` after it), and the next write after
// all that was claimed is finished.
unsafe impl Sync for Post {}

#[derive(Clone, Copy)]
struct Region {
    /// How many chunks it has.
    total: u32,
    /// Among how many places they were dealt.
    places: u32,
    /// The two words of its `&dyn Fn(usize)`.
    function: [usize; 2],
}

pub(super) static POSTS: [Line<Post>; MAX_WORKERS + 1] = [const {
    let region = Region { total: 0, places: 1, function: [0, 0] };
    Line(Post { share: AtomicU64::new(0), region: UnsafeCell::new(region) })
}; MAX_WORKERS + 1];
/// How many chunks the thread in each seat has finished of the region with a generation: (generation, chunks).
pub(super) static FINISHED: [Line<AtomicU64>; MAX_WORKERS + 1] =
    [const { Line(AtomicU64::new(0)) }; MAX_WORKERS + 1];
/// Counts regions; a worker that is about to sleep looks at it.
pub(super) static GENERATION: Line<AtomicU32> = Line(AtomicU32::new(0));

/// A chunk that is the claimer's.
pub(super) struct Chunk {
    pub generation: u32,
    /// Of so many.
    pub total: u32,
    pub index: usize,
    /// What it runs; alive only until all chunks are finished.
    pub function: &'static (dyn Fn(usize) + Sync),
}

/// Tells the posts of the first `places` of a region, and gives its generation.
pub(super) fn publish(chunks: usize, places: usize, function: &(dyn Fn(usize) + Sync)) -> u32 {
    let mut generation = GENERATION.load(Relaxed).wrapping_add(1);
    if generation == 0 {
        // What was finished so many regions ago must not be taken for this one's. (Nobody has a chunk now.)
        forget_finished();
        generation = 1;
    }
    // SAFETY: a fat reference is two words; they are only read while the region runs.
    let function: [usize; 2] = unsafe { std::mem::transmute(function) };
    let region = Region { total: chunks as u32, places: places as u32, function };
    let mut start = 0;
    for (i, post) in POSTS[..places].iter().enumerate() {
        let end = share_end(chunks, i, places);
        // SAFETY: all that was claimed of the region before is finished, so nobody reads it.
        unsafe { *post.region.get() = region };
        post.share.store(state(generation, end - start), Release);
        start = end;
    }
    GENERATION.store(generation, SeqCst);
    generation
}

/// A chunk of the share at one post; None when there are none left.
pub(super) fn claim(place: usize) -> Option<Chunk> {
    let post = &POSTS[place];
    let mut state = post.share.load(Acquire);
    while chunks_of(state) > 0 {
        match post.share.compare_exchange_weak(state, state - 1, AcqRel, Acquire) {
            Ok(_) => {
                // SAFETY: the claim succeeded, so the region's caller waits for this chunk before it writes another.
                let Region { total, places, function } = unsafe { *post.region.get() };
                // SAFETY: for the same reason the closure that the words point to is alive.
                let function: &(dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(function) };
                // The last chunk of the share, and then back by how many were left.
                let index = share_end(total as usize, place, places as usize) - chunks_of(state) as usize;
                return Some(Chunk { generation: generation_of(state), total, index, function });
            }
            Err(now) => state = now,
        }
    }
    None
}

/// Of which region a post was told last.
pub(super) fn told(place: usize) -> u32 {
    generation_of(POSTS[place].share.load(Acquire))
}

/// The thread in a seat has finished one chunk more of a region.
pub(super) fn finish(seat: usize, generation: u32) {
    // (A worker may have begun before all posts were told: so what it had finished counts, whenever that was.)
    let before = FINISHED[seat].load(Relaxed);
    let before = if generation_of(before) == generation { before } else { state(generation, 0) };
    FINISHED[seat].store(before + 1, SeqCst);
}

/// How many chunks of a region the threads in the first `seats` have finished.
pub(super) fn chunks_finished(generation: u32, seats: usize) -> u32 {
    FINISHED[..seats]
        .iter()
        .map(|finished| finished.load(Acquire))
        .map(|finished| if generation_of(finished) == generation { chunks_of(finished) } else { 0 })
        .sum()
}

pub(super) fn forget_finished() {
    FINISHED.iter().for_each(|finished| finished.store(0, SeqCst));
}

/// After this nobody claims a chunk of the region.
pub(super) fn take_back() {
    let none = state(GENERATION.load(SeqCst), 0);
    POSTS.iter().for_each(|post| _ = post.share.swap(none, AcqRel));
}

/// Where a share ends of `total` chunks that are dealt among some places.
fn share_end(total: usize, share: usize, places: usize) -> usize {
    // The product may be more than 32 bits hold.
    (total as u64 * (share as u64 + 1) / places as u64) as usize
}

fn state(generation: u32, chunks: usize) -> u64 {
    u64::from(generation) << 32 | chunks as u64
}

fn generation_of(state: u64) -> u32 {
    (state >> 32) as u32
}

fn chunks_of(state: u64) -> u32 {
    state as u32
}
