//! The regions: who runs which chunk, and how threads sleep and wake.
//!
//! Protocol: a share holds (generation, chunks left) in one word. A claim takes one off by
//! compare-and-swap, so a late worker that still sees an old generation claims nothing; what a
//! claimed chunk runs (`function`, `total`) cannot change before that chunk is done, because the
//! caller waits for `done == total`.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::*};

/// Workers beside the caller, at most.
pub const MAX_WORKERS: usize = 31;

/// Looks at the state before an idle worker goes to sleep: some tens of microseconds.
const SPINS: u32 = 60_000;

/// A cache line of its own: what one thread writes does not slow those that read its neighbours.
#[repr(align(64))]
struct Line<T>(T);

impl<T> std::ops::Deref for Line<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A share of a region's chunks: (generation, chunks left).
type Share = Line<AtomicU64>;

static SHARES: [Share; MAX_WORKERS + 1] = [const { Line(AtomicU64::new(0)) }; MAX_WORKERS + 1];
/// Counts regions; idle workers watch it.
static GENERATION: Line<AtomicU32> = Line(AtomicU32::new(0));
static REGION: Line<Region> = Line(Region {
    total: AtomicU32::new(0),
    places: AtomicU32::new(1),
    function: [AtomicUsize::new(0), AtomicUsize::new(0)],
});
static DONE: Line<AtomicU32> = Line(AtomicU32::new(0));
/// 1 while a region runs: one that starts inside another runs on its caller alone.
static BUSY: Line<AtomicU32> = Line(AtomicU32::new(0));
/// Chunks each worker has done since the start.
static CHUNKS_DONE: [Line<AtomicU32>; MAX_WORKERS] = [const { Line(AtomicU32::new(0)) }; MAX_WORKERS];
static WORKERS: AtomicU32 = AtomicU32::new(0);
/// The most workers that there have been: a smaller team's chunks may still go to any of them.
static SEATS: AtomicU32 = AtomicU32::new(0);
/// Workers that may be awake at once: one fewer than there are cores.
static AWAKE_LIMIT: AtomicU32 = AtomicU32::new(MAX_WORKERS as u32);
/// 1 where the caller may sleep too (not on a browser's main thread).
static CALLER_SLEEPS: AtomicU32 = AtomicU32::new(0);
static SLEEPERS: AtomicU32 = AtomicU32::new(0);
/// What sleeping workers wait on; changes whenever some are to wake.
static WAKE: AtomicU32 = AtomicU32::new(0);

thread_local!(static SEAT: Cell<usize> = const { Cell::new(0) });

/// The region that runs.
struct Region {
    /// How many chunks it has.
    total: AtomicU32,
    /// Among how many places they were dealt.
    places: AtomicU32,
    /// The two words of its `&dyn Fn(usize)`.
    function: [AtomicUsize; 2],
}

/// Lets `workers` threads take part from now on, at most `awake_limit` of them awake at a time.
/// `caller_sleeps` says whether the caller's thread may block.
pub fn set_team(workers: usize, awake_limit: usize, caller_sleeps: bool) {
    CALLER_SLEEPS.store(caller_sleeps.into(), SeqCst);
    AWAKE_LIMIT.store(awake_limit.max(1) as u32, SeqCst);
    let workers = workers.min(MAX_WORKERS) as u32;
    SEATS.fetch_max(workers, SeqCst);
    WORKERS.store(workers, SeqCst);
}

/// Places for the scratch memory of the threads that may run a chunk: the caller's is 0.
pub(super) fn seats() -> usize {
    1 + SEATS.load(Relaxed) as usize
}

/// This thread's place.
pub(super) fn seat() -> usize {
    SEAT.get()
}

/// Chunks that worker `index` has done since the start.
pub fn chunks_done(index: usize) -> u32 {
    CHUNKS_DONE[index].load(Relaxed)
}

/// Places among which a region's chunks are dealt: the caller, and the workers that may be awake.
fn places() -> usize {
    1 + WORKERS.load(Relaxed).min(AWAKE_LIMIT.load(Relaxed)) as usize
}

/// Claims and runs one chunk, of `place`'s share if there is one left; false when all are claimed.
fn run_one_chunk(place: usize, places: usize, done_by_me: Option<&AtomicU32>) -> bool {
    let share = |i: usize| (place + i) % places;
    let Some((share, left)) = (0..places).map(share).find_map(|i| Some((i, claim(&SHARES[i])?))) else {
        return false;
    };
    // The last chunk of the share, and then back by how many were left.
    let dealt = REGION.places.load(Relaxed) as usize;
    let index = REGION.total.load(Relaxed) as usize * (share + 1) / dealt - left;
    let words = [REGION.function[0].load(Relaxed), REGION.function[1].load(Relaxed)];
    // SAFETY: the claim succeeded, so the region's caller waits for this chunk and the closure
    // that the words point to is alive.
    let function: &(dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(words) };
    function(index);
    if let Some(counter) = done_by_me {
        counter.fetch_add(1, Relaxed);
    }
    DONE.fetch_add(1, Release);
    true
}

/// How many chunks of a share were left, this one included; None when there are none.
fn claim(share: &Share) -> Option<usize> {
    let mut state = share.0.load(Acquire);
    while state as u32 > 0 {
        match share.0.compare_exchange_weak(state, state - 1, AcqRel, Acquire) {
            Ok(_) => return Some(state as u32 as usize),
            Err(now) => state = now,
        }
    }
    None
}

/// A worker's life: claim chunks, spin a while, sleep. Returns never.
pub fn work_forever(index: usize) -> ! {
    let counter = &CHUNKS_DONE[index];
    SEAT.set(index + 1);
    loop {
        let generation = GENERATION.load(Acquire);
        let places = places();
        // More workers than may be awake share places.
        let place = 1 + index % (places - 1).max(1);
        while run_one_chunk(place % places, places, Some(counter)) {}
        let crowd = WORKERS.load(Relaxed).saturating_sub(SLEEPERS.load(Relaxed));
        let mut spins = if crowd > AWAKE_LIMIT.load(Relaxed) { 0 } else { SPINS };
        while spins > 0 && GENERATION.load(Acquire) == generation {
            std::hint::spin_loop();
            spins -= 1;
        }
        if spins == 0 {
            sleep(generation);
        }
    }
}

fn sleep(generation: u32) {
    SLEEPERS.fetch_add(1, SeqCst);
    let wake = WAKE.load(SeqCst);
    if GENERATION.load(SeqCst) == generation {
        wait(&WAKE, wake, -1);
    }
    SLEEPERS.fetch_sub(1, SeqCst);
}

#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
fn wait(word: &AtomicU32, expected: u32, nanoseconds: i64) {
    // SAFETY: the word is a live, aligned static.
    unsafe { core::arch::wasm32::memory_atomic_wait32(word.as_ptr().cast(), expected as i32, nanoseconds) };
}

#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
fn notify(word: &AtomicU32, count: u32) {
    // SAFETY: the word is a live, aligned static.
    unsafe { core::arch::wasm32::memory_atomic_notify(word.as_ptr().cast(), count) };
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "atomics")))]
fn wait(word: &AtomicU32, expected: u32, nanoseconds: i64) {
    std::thread::yield_now();
    while nanoseconds < 0 && word.load(SeqCst) == expected {
        std::thread::yield_now();
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "atomics")))]
fn notify(_word: &AtomicU32, _count: u32) {}

/// Runs `function(0)`, …, `function(chunks - 1)`, on all threads that come, and returns when all
/// are done.
pub(super) fn region(chunks: usize, function: &(dyn Fn(usize) + Sync)) {
    let workers = WORKERS.load(Relaxed);
    if chunks <= 1 || workers == 0 || BUSY.swap(1, Acquire) == 1 {
        (0..chunks).for_each(function);
        return;
    }
    // What `function` captured lies in this stack's frames above. The chunks that this thread runs write
    // to frames below, and must not do so in cache lines that the workers read all the time.
    let apart = Line([MaybeUninit::<u8>::uninit(); 128]);
    std::hint::black_box(&apart);
    let places = places();
    publish(chunks, places, function);
    let wanted = (chunks as u32 - 1).min(workers).min(AWAKE_LIMIT.load(Relaxed));
    let awake = workers - SLEEPERS.load(SeqCst).min(workers);
    if awake < wanted {
        WAKE.fetch_add(1, SeqCst);
        notify(&WAKE, wanted - awake);
    }
    while run_one_chunk(0, places, None) {}
    let mut spins = 0;
    loop {
        let done = DONE.load(Acquire);
        if done == chunks as u32 {
            break;
        }
        spins += 1;
        if spins > SPINS / 2 && CALLER_SLEEPS.load(Relaxed) == 1 {
            // A worker has its chunk for long: it may have lost its core, perhaps to this very loop.
            wait(&DONE, done, 50_000);
        } else {
            std::hint::spin_loop();
        }
    }
    BUSY.store(0, Release);
}

fn publish(chunks: usize, places: usize, function: &(dyn Fn(usize) + Sync)) {
    // SAFETY: a fat reference is two words; they are only read while the region runs.
    let words: [usize; 2] = unsafe { std::mem::transmute(function) };
    REGION.function[0].store(words[0], Relaxed);
    REGION.function[1].store(words[1], Relaxed);
    REGION.total.store(chunks as u32, Relaxed);
    REGION.places.store(places as u32, Relaxed);
    DONE.store(0, Relaxed);
    let generation = GENERATION.load(Relaxed).wrapping_add(1);
    for (i, share) in SHARES[..places].iter().enumerate() {
        let count = chunks * (i + 1) / places - chunks * i / places;
        share.0.store(u64::from(generation) << 32 | count as u64, Release);
    }
    GENERATION.store(generation, SeqCst);
}

/// Starts a region of one chunk per worker, in which each chunk waits for all the others: it ends
/// only if every worker comes. The caller takes no part and does not wait; see [`self_test_done`].
pub fn self_test_start(workers: usize) {
    static ARRIVED: AtomicU32 = AtomicU32::new(0);
    static EXPECTED: AtomicU32 = AtomicU32::new(0);
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
    DONE.load(Acquire) == REGION.total.load(Relaxed)
}

#[cfg(test)]
mod tests {
    use super::super::for_each_range;
    use super::*;

    #[test]
    fn a_region_on_threads_runs_each_chunk_once() {
        for index in 0..3 {
            std::thread::spawn(move || work_forever(index));
        }
        self_test_start(3);
        while !self_test_done() {
            std::thread::yield_now();
        }
        set_team(3, 3, true);
        assert!((0..3).all(|i| chunks_done(i) == 1));
        for round in 1..200 {
            let mut output = vec![0.0; 64];
            for_each_range(
                [&mut output],
                round % 64 + 1,
                |i| [i..i + 1],
                |i, [part]| part[0] += (i * round) as f32,
            );
            for (i, &value) in output.iter().enumerate() {
                assert_eq!(value, if i <= round % 64 { (i * round) as f32 } else { 0.0 });
            }
        }
        set_team(0, 1, false);
    }
}
