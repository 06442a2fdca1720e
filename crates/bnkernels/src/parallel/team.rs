//! The regions: who runs which chunk, how threads sleep and wake, and what happens when one fails.
//!
//! The caller tells each place of the team its share of the chunks, and adds up what the threads have finished (see
//! [`posts`]).
//!
//! A worker says that it `holds` chunks before it claims one, and its heart beats while it works. If
//! it traps, its JavaScript says so ([`worker_failed`]); if it is gone without a word, its heart stands
//! still while the caller waits for it (see [`watch`]). Either way the caller takes back the chunks that
//! nobody has, waits for the workers that still have some, and traps: the region's results are lost,
//! but later regions run, on the caller alone, until there is a new team.

mod failure;
mod posts;
mod watch;

pub use failure::{abandon, failure, reset, worker_failed};
pub use watch::set_patience;

use super::wait::{notify, wait};
use failure::{leave, Leave};
use posts::{chunks_finished, claim, finish, publish, told, Chunk, GENERATION};
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU32, Ordering::*};

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

/// What a thread of the team says of itself; seat 0 is the caller's, worker `i` has seat `i + 1`.
struct Seat {
    /// 1 while it may have a chunk.
    holds: AtomicU32,
    /// Advances while it works.
    beats: AtomicU32,
    /// Chunks it has done since the start.
    done: AtomicU32,
}

static SEATS: [Line<Seat>; MAX_WORKERS + 1] =
    [const { Line(Seat { holds: AtomicU32::new(0), beats: AtomicU32::new(0), done: AtomicU32::new(0) }) };
        MAX_WORKERS + 1];
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
/// How many workers are to come to the self-test.
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
    while let Some(Chunk { generation, total, index, function }) = (0..places).map(share).find_map(claim) {
        beat();
        function(index);
        me.done.store(me.done.load(Relaxed).wrapping_add(1), Relaxed);
        finish(seat, generation);
        // (Of some that finish at once, the last one sees the others.)
        if CALLER_WAITS.load(SeqCst) == 1 && chunks_finished(generation, team_seats()) == total {
            caller_wakes();
        }
    }
    me.holds.store(0, Release);
}

fn caller_wakes() {
    ENDED.fetch_add(1, SeqCst);
    notify(&ENDED, u32::MAX);
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
        let seen = told(place);
        run_chunks(place, places, index + 1);
        let crowd = WORKERS.load(Relaxed).saturating_sub(SLEEPERS.load(Relaxed));
        let mut spins = if crowd > AWAKE_LIMIT.load(Relaxed) { 0 } else { SPINS };
        while spins > 0 && told(place) == seen {
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
    let done = done() || watch::wait_for_region(done);
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
    publish(workers, places(), &MEET);
    WAKE.fetch_add(1, SeqCst);
    notify(&WAKE, workers as u32);
}

/// True when the self-test's chunks are done.
pub fn self_test_done() -> bool {
    // (No region is published before there is a team.)
    chunks_finished(GENERATION.load(SeqCst), SEATS.len()) == EXPECTED.load(SeqCst)
}

#[cfg(test)]
mod tests;
