//! The regions: who runs which chunk, how threads sleep and wake, and what happens when one fails.
//!
//! Protocol: each place of the team has a post, which holds its share as (generation, chunks left) in one
//! word. A claim takes one off by compare-and-swap, so a late worker that still sees an old generation
//! claims nothing; what a claimed chunk runs (its post's region) cannot change before that chunk is done,
//! because the caller waits until the threads have finished all of them.
//!
//! What a hand-over costs is cache lines that go from core to core: 50 ns each between neighbours, five
//! times that between cores that share no cache, where there are some 30 of them in a step of 100 µs. So an
//! idle worker looks at its own post, in which all is that it needs; and it says in a line of its own
//! what it has finished, which the caller adds up. A WebAssembly atomic store waits until its line
//! has come: what a post says of the region is no atomic.
//!
//! A worker says that it `holds` chunks before it claims one, and its heart beats while it works. If
//! it traps, its JavaScript says so ([`worker_failed`]); if it is gone without a word, its heart stands
//! still while the caller waits for it (see [`watch`]). Either way the caller takes back the chunks that
//! nobody has, waits for the workers that still have some, and traps: the region's results are lost,
//! but later regions run, on the caller alone, until there is a new team.

mod failure;
mod watch;

pub use failure::{abandon, failure, reset, worker_failed};
pub use watch::set_patience;

use super::wait::{notify, wait};
use failure::{leave, Leave};
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};

/// Workers beside the caller, at most.
pub const MAX_WORKERS: usize = 31;

/// Looks at the state before an idle worker goes to sleep: some 100 microseconds, longer than JavaScript takes between
/// two compiled steps of a small net. To wake it costs the caller a call of the system, and is late by as much again.
const SPINS: u32 = 240_000;
/// Looks before the caller does: some tens of microseconds. A worker that is late for longer may need its core.
const CALLER_SPINS: u32 = 30_000;

/// A cache line of its own: what one thread writes does not slow those that read its neighbours.
#[repr(align(64))]
struct Line<T>(T);

impl<T> std::ops::Deref for Line<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What a place of the team is told of a region.
struct Post {
    /// Its share of the chunks: (generation, chunks left).
    share: AtomicU64,
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

/// What a thread of the team says of itself; seat 0 is the caller's, worker `i` has seat `i + 1`.
struct Seat {
    /// 1 while it may have a chunk.
    holds: AtomicU32,
    /// Advances while it works.
    beats: AtomicU32,
    /// Chunks it has done since the start.
    done: AtomicU32,
}

static POSTS: [Line<Post>; MAX_WORKERS + 1] = [const {
    let region = Region { total: 0, places: 1, function: [0, 0] };
    Line(Post { share: AtomicU64::new(0), region: UnsafeCell::new(region) })
}; MAX_WORKERS + 1];
/// How many chunks the thread in each seat has finished of the region with a generation: (generation, chunks).
static FINISHED: [Line<AtomicU64>; MAX_WORKERS + 1] = [const { Line(AtomicU64::new(0)) }; MAX_WORKERS + 1];
static SEATS: [Line<Seat>; MAX_WORKERS + 1] =
    [const { Line(Seat { holds: AtomicU32::new(0), beats: AtomicU32::new(0), done: AtomicU32::new(0) }) };
        MAX_WORKERS + 1];
/// Counts regions; a worker that is about to sleep looks at it.
static GENERATION: Line<AtomicU32> = Line(AtomicU32::new(0));
/// What the caller sleeps on; changes when a region is finished, or fails, while it does.
static ENDED: Line<AtomicU32> = Line(AtomicU32::new(0));
/// 1 while the caller sleeps until the region's last chunk is done.
static CALLER_WAITS: AtomicU32 = AtomicU32::new(0);
/// 1 while a region runs: one that starts inside another runs on its caller alone.
static BUSY: Line<AtomicU32> = Line(AtomicU32::new(0));
/// Counts teams; the workers of an old one go home.
static TEAM: AtomicU32 = AtomicU32::new(0);
static WORKERS: AtomicU32 = AtomicU32::new(0);
/// The most workers that this team has had: a smaller one's chunks may still go to any of them.
static MOST_WORKERS: AtomicU32 = AtomicU32::new(0);
/// Workers that may be awake at once: one fewer than there are cores.
static AWAKE_LIMIT: AtomicU32 = AtomicU32::new(MAX_WORKERS as u32);
/// 1 where the caller may sleep too (not on a browser's main thread).
static CALLER_SLEEPS: AtomicU32 = AtomicU32::new(0);
static SLEEPERS: AtomicU32 = AtomicU32::new(0);
/// What sleeping workers wait on; changes whenever some are to wake.
static WAKE: AtomicU32 = AtomicU32::new(0);
/// The generation of the self-test, and how many workers are to come.
static SELF_TEST: AtomicU32 = AtomicU32::new(0);
static EXPECTED: AtomicU32 = AtomicU32::new(0);
/// The first failure of this team: 256 times its kind, plus the worker's index.
static FAILURE: AtomicU32 = AtomicU32::new(0);

thread_local!(static SEAT: Cell<usize> = const { Cell::new(0) });

/// Lets `workers` threads take part from now on, at most `awake_limit` of them awake at a time.
/// `caller_sleeps` says whether the caller's thread may block.
pub fn set_team(workers: usize, awake_limit: usize, caller_sleeps: bool) {
    CALLER_SLEEPS.store(caller_sleeps.into(), SeqCst);
    AWAKE_LIMIT.store(awake_limit.max(1) as u32, SeqCst);
    let workers = workers.min(MAX_WORKERS) as u32;
    MOST_WORKERS.fetch_max(workers, SeqCst);
    WORKERS.store(workers, SeqCst);
}

/// Chunks that worker `index` has done since the start.
pub fn chunks_done(index: usize) -> u32 {
    SEATS[index + 1].done.load(Relaxed)
}

/// Says that this thread is at work: in each chunk, and within those that may be long.
#[inline(always)]
pub fn beat() {
    let beats = &SEATS[SEAT.get() % SEATS.len()].beats;
    // Nobody else writes it, so it need not be one step.
    beats.store(beats.load(Relaxed).wrapping_add(1), Relaxed);
}

/// Places for the scratch memory of the threads that may run a chunk.
pub(super) fn seats() -> usize {
    // (In tests that run beside those of the team, there is none.)
    if takes_part() {
        team_seats()
    } else {
        1
    }
}

/// The seats of the threads that may run a chunk: the first ones.
fn team_seats() -> usize {
    1 + MOST_WORKERS.load(Relaxed) as usize
}

/// This thread's place.
pub(super) fn seat() -> usize {
    SEAT.get()
}

/// Places among which a region's chunks are dealt: the caller, and the workers that may be awake.
fn places() -> usize {
    1 + WORKERS.load(Relaxed).min(AWAKE_LIMIT.load(Relaxed)) as usize
}

/// Claims chunks and runs them, of `place`'s share first, until all are claimed.
fn run_chunks(place: usize, places: usize, seat: usize) {
    let me = &SEATS[seat];
    let share = |i: usize| (place + i) % places;
    // Before the claim: who sees that a chunk is gone sees who may have it.
    me.holds.store(1, Relaxed);
    while let Some((share, (generation, left))) =
        (0..places).map(share).find_map(|i| Some((i, claim(&POSTS[i].share)?)))
    {
        // SAFETY: the claim succeeded, so the region's caller waits for this chunk before it writes another.
        let Region { total, places, function } = unsafe { *POSTS[share].region.get() };
        // The last chunk of the share, and then back by how many were left.
        let index = share_end(total as usize, share, places as usize) - left;
        // SAFETY: for the same reason the closure that the words point to is alive.
        let function: &(dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(function) };
        beat();
        function(index);
        me.done.store(me.done.load(Relaxed).wrapping_add(1), Relaxed);
        // (Not counted from the beginning of this call: a post may be told of the region after it.)
        let before = FINISHED[seat].load(Relaxed);
        let none = u64::from(generation) << 32;
        let finished = 1 + if generation_of(before) == generation { before } else { none };
        FINISHED[seat].store(finished, SeqCst);
        // (Of some that finish at once, the last one sees the others.)
        if CALLER_WAITS.load(SeqCst) == 1 && chunks_finished(generation, team_seats()) == total {
            caller_wakes();
        }
    }
    me.holds.store(0, Release);
}

/// How many chunks of the region the threads in the first `seats` have finished.
fn chunks_finished(generation: u32, seats: usize) -> u32 {
    FINISHED[..seats]
        .iter()
        .map(|finished| finished.load(Acquire))
        .map(|finished| if generation_of(finished) == generation { finished as u32 } else { 0 })
        .sum()
}

fn caller_wakes() {
    ENDED.fetch_add(1, SeqCst);
    notify(&ENDED, u32::MAX);
}

/// Where a share ends of `total` chunks that are dealt among some places.
fn share_end(total: usize, share: usize, places: usize) -> usize {
    // The product may be more than 32 bits hold.
    (total as u64 * (share as u64 + 1) / places as u64) as usize
}

/// The generation, and how many chunks of a share were left, this one included; None when there are none.
fn claim(share: &AtomicU64) -> Option<(u32, usize)> {
    let mut state = share.load(Acquire);
    while state as u32 > 0 {
        match share.compare_exchange_weak(state, state - 1, AcqRel, Acquire) {
            Ok(_) => return Some((generation_of(state), state as u32 as usize)),
            Err(now) => state = now,
        }
    }
    None
}

fn generation_of(state: u64) -> u32 {
    (state >> 32) as u32
}

/// A worker's life: claim chunks, spin a while, sleep. Ends when there is a new team.
pub fn work_forever(index: usize) {
    let team = TEAM.load(SeqCst);
    SEAT.set(index + 1);
    while TEAM.load(Acquire) == team {
        let places = places();
        // More workers than may be awake share places.
        let place = (1 + index % (places - 1).max(1)) % places;
        // (Every post is told of every region, so a worker may look at any of them.)
        let generation = || generation_of(POSTS[place].share.load(Acquire));
        let seen = generation();
        run_chunks(place, places, index + 1);
        let crowd = WORKERS.load(Relaxed).saturating_sub(SLEEPERS.load(Relaxed));
        let mut spins = if crowd > AWAKE_LIMIT.load(Relaxed) { 0 } else { SPINS };
        while spins > 0 && generation() == seen {
            std::hint::spin_loop();
            spins -= 1;
        }
        if spins == 0 {
            sleep(seen, team);
        }
    }
}

fn sleep(generation: u32, team: u32) {
    SLEEPERS.fetch_add(1, SeqCst);
    let wake = WAKE.load(SeqCst);
    if GENERATION.load(SeqCst) == generation && TEAM.load(SeqCst) == team {
        wait(&WAKE, wake, -1);
    }
    // A new team has counted anew.
    if TEAM.load(SeqCst) == team {
        SLEEPERS.fetch_sub(1, SeqCst);
    }
}

/// Runs `function(0)`, …, `function(chunks - 1)`, on all threads that come, and returns when all
/// are done.
pub(super) fn region(chunks: usize, function: &(dyn Fn(usize) + Sync)) {
    let mut workers = WORKERS.load(Relaxed);
    if FAILURE.load(Relaxed) != 0 || !takes_part() {
        // One failed that had no chunk, so that no region was lost.
        workers = 0;
    }
    if chunks <= 1 || workers == 0 || BUSY.swap(1, Acquire) == 1 {
        (0..chunks).for_each(function);
        return;
    }
    let left_by_panic = Leave;
    // What `function` captured lies in this stack's frames above. The chunks that this thread runs write
    // to frames below, and must not do so in cache lines that the workers read all the time.
    let apart = Line([MaybeUninit::<u8>::uninit(); 128]);
    std::hint::black_box(&apart);
    let places = places();
    let generation = publish(chunks, places, function);
    let wanted = (chunks as u32 - 1).min(workers).min(AWAKE_LIMIT.load(Relaxed));
    let awake = workers - SLEEPERS.load(SeqCst).min(workers);
    if awake < wanted {
        WAKE.fetch_add(1, SeqCst);
        notify(&WAKE, wanted - awake);
    }
    run_chunks(0, places, 0);
    let done = || chunks_finished(generation, team_seats()) == chunks as u32;
    let mut spins = CALLER_SPINS;
    while spins > 0 && !done() && FAILURE.load(Relaxed) == 0 {
        std::hint::spin_loop();
        spins -= 1;
    }
    let done = watch::wait_for_region(done);
    std::mem::forget(left_by_panic);
    if done {
        return BUSY.store(0, Release);
    }
    leave();
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    panic!("a worker of the team failed");
}

/// Whether this thread's regions may run on the team: in tests, which run side by side, of one at a time.
fn takes_part() -> bool {
    #[cfg(test)]
    return tests::HAS_TEAM.get();
    #[cfg(not(test))]
    true
}

/// Tells every place of a region, and gives its generation.
fn publish(chunks: usize, places: usize, function: &(dyn Fn(usize) + Sync)) -> u32 {
    let mut generation = GENERATION.load(Relaxed).wrapping_add(1);
    if generation == 0 {
        // What was finished so many regions ago must not be taken for this one's. (Nobody has a chunk now.)
        FINISHED.iter().for_each(|finished| finished.store(0, SeqCst));
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
        post.share.store(u64::from(generation) << 32 | (end - start) as u64, Release);
        start = end;
    }
    GENERATION.store(generation, SeqCst);
    generation
}

/// Starts a region of one chunk per worker, in which each chunk waits for all the others: it ends
/// only if every worker comes. The caller takes no part and does not wait; see [`self_test_done`].
pub fn self_test_start(workers: usize) {
    static ARRIVED: AtomicU32 = AtomicU32::new(0);
    static MEET: fn(usize) = |_| {
        ARRIVED.fetch_add(1, SeqCst);
        while ARRIVED.load(SeqCst) < EXPECTED.load(SeqCst) {
            std::hint::spin_loop();
        }
    };
    ARRIVED.store(0, SeqCst);
    EXPECTED.store(workers as u32, SeqCst);
    SELF_TEST.store(publish(workers, places(), &MEET), SeqCst);
    WAKE.fetch_add(1, SeqCst);
    notify(&WAKE, workers as u32);
}

/// True when the self-test's chunks are done.
pub fn self_test_done() -> bool {
    chunks_finished(SELF_TEST.load(SeqCst), FINISHED.len()) == EXPECTED.load(SeqCst)
}

#[cfg(test)]
mod tests;
