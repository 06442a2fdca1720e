//! The thread team: a region cuts its work into chunks, workers and the caller claim them one by
//! one, and the region ends when the chunks are done (not when every worker has come, so more
//! threads than cores stay fast).
//!
//! Determinism: how many chunks there are, and what each does, follows from the shape alone.
//! A chunk writes only its own part of the outputs; [`for_each_range`] and [`for_each_tile`]
//! check that the parts are in bounds and disjoint, and hand each chunk safe slices.
//!
//! Locality: the chunks are dealt out in contiguous shares, one a place of the team, and a thread
//! claims from its own share first. So the thread that wrote a part of an array mostly reads it in
//! the next region too, and it need not come over from another core's cache.
//!
//! Protocol: a share holds (generation, chunks left) in one word. A claim takes one off by
//! compare-and-swap, so a late worker that still sees an old generation claims nothing; what a
//! claimed chunk runs (`function`, `total`) cannot change before that chunk is done, because the
//! caller waits for `done == total`.

use crate::layout::Blocks;
use crate::simd::Dst;
use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::*};

/// Workers beside the caller, at most.
pub const MAX_WORKERS: usize = 31;

/// Floats of a thread's scratch memory, at least: 256 KB.
const SCRATCH: usize = 1 << 16;

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
/// Workers that may be awake at once: one fewer than there are cores.
static AWAKE_LIMIT: AtomicU32 = AtomicU32::new(MAX_WORKERS as u32);
/// 1 where the caller may sleep too (not on a browser's main thread).
static CALLER_SLEEPS: AtomicU32 = AtomicU32::new(0);
static SLEEPERS: AtomicU32 = AtomicU32::new(0);
/// What sleeping workers wait on; changes whenever some are to wake.
static WAKE: AtomicU32 = AtomicU32::new(0);

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
    WORKERS.store(workers.min(MAX_WORKERS) as u32, SeqCst);
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
fn region(chunks: usize, function: &(dyn Fn(usize) + Sync)) {
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

/// Into how many chunks `items` of `cost` multiply-adds (or loaded elements) each are cut: none
/// smaller than a few microseconds' work, at most 64, from the shape alone.
#[inline(never)]
pub fn chunk_count(items: usize, cost: usize) -> usize {
    const SMALLEST: usize = 8_192;
    let count = (items.saturating_mul(cost) / SMALLEST).clamp(1, 64).min(items.max(1));
    // Even, so that two threads have halves: the same halves from one operation to the next.
    if count > 1 {
        count & !1
    } else {
        1
    }
}

/// Chunk `index` of `items` cut into `chunks` nearly equal parts, each but the last a multiple
/// of `step`.
#[inline(never)]
pub fn chunk_range(index: usize, chunks: usize, items: usize, step: usize) -> Range<usize> {
    let steps = items.div_ceil(step);
    let at = |i: usize| (steps * i / chunks * step).min(items);
    at(index)..at(index + 1)
}

/// Runs `f(chunk, parts)` for each chunk, where `parts[k]` is `outputs[k][bounds(chunk)[k]]`.
///
/// # Panics
/// If a range is out of bounds or reaches back into an earlier chunk's.
#[inline(always)]
pub fn for_each_range<const K: usize>(
    outputs: [&mut [f32]; K],
    chunks: usize,
    bounds: impl Fn(usize) -> [Range<usize>; K] + Sync,
    f: impl Fn(usize, [&mut [f32]; K]) + Sync,
) {
    ranges_region(
        &mut { outputs },
        chunks,
        &move |chunk, ranges| ranges.clone_from_slice(&bounds(chunk)),
        &move |chunk, parts| f(chunk, parts.each_mut().map(std::mem::take)),
    );
}

/// Runs `f(range, parts)` for each chunk of `items`, which are cut by [`chunk_count`] and
/// [`chunk_range`]; `parts[k]` is the range's part of `outputs[k]`, which has `widths[k]` elements
/// an item.
#[inline(always)]
pub fn for_each_part<const K: usize>(
    outputs: [&mut [f32]; K],
    widths: [usize; K],
    (items, cost, step): (usize, usize, usize),
    f: impl Fn(Range<usize>, [&mut [f32]; K]) + Sync,
) {
    parts_region(&mut { outputs }, &widths, (items, cost, step), &move |range, parts| {
        f(range, parts.each_mut().map(std::mem::take))
    });
}

type PartFunction<'a, const K: usize> = dyn Fn(Range<usize>, &mut [&mut [f32]; K]) + Sync + 'a;

/// Not generic over what it runs, as `ranges_region`: one copy serves all kernels.
#[inline(never)]
fn parts_region<const K: usize>(
    outputs: &mut [&mut [f32]; K],
    widths: &[usize; K],
    (items, cost, step): (usize, usize, usize),
    f: &PartFunction<K>,
) {
    let chunks = chunk_count(items, cost);
    if chunks == 1 {
        let mut all = outputs.each_mut().map(std::mem::take);
        for (all, width) in all.iter_mut().zip(widths) {
            *all = &mut std::mem::take(all)[..items * width];
        }
        return f(0..items, &mut all);
    }
    let part = |chunk| chunk_range(chunk, chunks, items, step);
    ranges_region(
        outputs,
        chunks,
        &|chunk, ranges| {
            let items = part(chunk);
            for (range, width) in ranges.iter_mut().zip(widths) {
                *range = items.start * width..items.end * width;
            }
        },
        &|chunk, parts| f(part(chunk), parts),
    );
}

#[inline(never)]
fn ranges_region<const K: usize>(
    outputs: &mut [&mut [f32]; K],
    chunks: usize,
    bounds: &(dyn Fn(usize, &mut [Range<usize>; K]) + Sync),
    f: &(dyn Fn(usize, &mut [&mut [f32]; K]) + Sync),
) {
    let ranges = |chunk| {
        let mut ranges = [const { 0..0 }; K];
        bounds(chunk, &mut ranges);
        ranges
    };
    let mut ends = [0; K];
    for chunk in 0..chunks {
        for (k, range) in ranges(chunk).into_iter().enumerate() {
            assert!(ends[k] <= range.start && range.start <= range.end, "chunks overlap");
            assert!(range.end <= outputs[k].len(), "a chunk ends past its output");
            ends[k] = range.end;
        }
    }
    let pointers = &outputs.each_mut().map(|output| SendPointer(output.as_mut_ptr()));
    region(chunks, &|chunk| {
        let ranges = ranges(chunk);
        let mut parts = std::array::from_fn(|k| {
            // SAFETY: in bounds and disjoint from every other chunk's, as asserted above.
            unsafe { std::slice::from_raw_parts_mut(pointers[k].0.add(ranges[k].start), ranges[k].len()) }
        });
        f(chunk, &mut parts);
    });
}

/// A rectangle of a row-major matrix that one chunk may write.
pub struct Tile<'a> {
    /// First row and column in the matrix.
    pub row: usize,
    pub col: usize,
    pub rows: usize,
    pub cols: usize,
    pointer: *mut f32,
    stride: usize,
    of: PhantomData<&'a mut [f32]>,
}

impl Tile<'_> {
    /// Row `r` of the tile (0 is the tile's first).
    #[inline(always)]
    pub fn row_mut(&mut self, r: usize) -> &mut [f32] {
        assert!(r < self.rows);
        // SAFETY: `for_each_tile` checked that the matrix covers all rows and columns.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.add(r * self.stride), self.cols) }
    }

    /// Rows `r`, …, `r + R - 1` of the tile at once.
    #[inline(always)]
    pub fn rows_mut<const R: usize>(&mut self, r: usize) -> [&mut [f32]; R] {
        assert!(r + R <= self.rows && self.cols <= self.stride);
        // SAFETY: as in `row_mut`; rows no longer than the stride do not overlap.
        std::array::from_fn(|i| unsafe {
            std::slice::from_raw_parts_mut(self.pointer.add((r + i) * self.stride), self.cols)
        })
    }
}

impl Tile<'_> {
    /// The tile as a cursor, and the elements from one row's start to the next's. Only the tile's
    /// own elements may be touched.
    #[inline(always)]
    pub fn cursor(&mut self) -> (Dst<'_>, usize) {
        let length = self.rows.saturating_sub(1) * self.stride + self.cols;
        // SAFETY: `for_each_tile` checked that the matrix covers all rows and columns.
        (unsafe { Dst::from_raw(self.pointer, length) }, self.stride)
    }
}

/// Runs `f` for each tile of the row-major `rows × cols` matrix `output`, cut into a grid of
/// `chunks.0 × chunks.1` tiles; tile heights are multiples of `step.0`, widths of `step.1`.
pub fn for_each_tile(
    output: &mut [f32],
    (rows, cols): (usize, usize),
    chunks: (usize, usize),
    step: (usize, usize),
    f: impl Fn(Tile) + Sync,
) {
    assert!(output.len() >= rows * cols, "the matrix is larger than its slice");
    let pointer = SendPointer(output.as_mut_ptr());
    let pointer = &pointer;
    region(chunks.0 * chunks.1, &move |chunk| {
        let r = chunk_range(chunk / chunks.1, chunks.0, rows, step.0);
        let c = chunk_range(chunk % chunks.1, chunks.1, cols, step.1);
        f(Tile {
            row: r.start,
            col: c.start,
            rows: r.len(),
            cols: c.len(),
            // SAFETY: within the matrix; the grid's tiles are disjoint.
            pointer: unsafe { pointer.0.add(r.start * cols + c.start) },
            stride: cols,
            of: PhantomData,
        });
    });
}

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

/// Runs `f(block, tile)` for each tile of `output`, a batch in lanes. Each block is a row-major
/// matrix of `channels` rows × (pixels × lanes) columns, cut into a grid of `chunks.0 × chunks.1`
/// tiles; tile heights are multiples of `step.0` channels, widths of `step.1` pixels.
pub fn for_each_block_tile(
    output: &mut [f32],
    blocks: Blocks,
    channels: usize,
    chunks: (usize, usize),
    step: (usize, usize),
    f: impl Fn(usize, Tile) + Sync,
) {
    assert_eq!(output.len(), blocks.len());
    assert_eq!(blocks.image % channels, 0);
    let pixels = blocks.image / channels;
    let tiles = chunks.0 * chunks.1;
    let pointer = SendPointer(output.as_mut_ptr());
    let pointer = &pointer;
    region(blocks.count() * tiles, &move |chunk| {
        let (block, tile) = (chunk / tiles, chunk % tiles);
        let lanes = blocks.width(block);
        let r = chunk_range(tile / chunks.1, chunks.0, channels, step.0);
        let p = chunk_range(tile % chunks.1, chunks.1, pixels, step.1);
        let start = blocks.range(block).start + (r.start * pixels + p.start) * lanes;
        let tile = Tile {
            row: r.start,
            col: p.start * lanes,
            rows: r.len(),
            cols: p.len() * lanes,
            // SAFETY: within the block; blocks, and the tiles of a block's grid, are disjoint.
            pointer: unsafe { pointer.0.add(start) },
            stride: pixels * lanes,
            of: PhantomData,
        };
        f(block, tile);
    });
}

#[derive(Clone, Copy)]
struct SendPointer(*mut f32);
// SAFETY: chunks write through it to disjoint parts only.
unsafe impl Sync for SendPointer {}
// SAFETY: as above.
unsafe impl Send for SendPointer {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_ranges_tile_the_items() {
        for (items, chunks, step) in [(10, 3, 1), (100, 7, 8), (5, 5, 4), (0, 1, 4), (784, 64, 4)] {
            let mut end = 0;
            for i in 0..chunks {
                let range = chunk_range(i, chunks, items, step);
                assert_eq!(range.start, end);
                assert!(range.end == items || range.end.is_multiple_of(step));
                end = range.end;
            }
            assert_eq!(end, items);
        }
    }

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

    #[test]
    #[should_panic(expected = "chunks overlap")]
    fn overlapping_chunks_are_refused() {
        for_each_range([&mut [0.0; 4]], 2, |_| [0..2], |_, _| ());
    }

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

    #[test]
    fn tiles_cover_a_matrix() {
        let mut matrix = vec![0.0; 7 * 10];
        for_each_tile(&mut matrix, (7, 10), (3, 2), (2, 4), |mut tile| {
            for r in 0..tile.rows {
                for value in tile.row_mut(r) {
                    *value += 1.0;
                }
            }
        });
        assert!(matrix.iter().all(|&value| value == 1.0));
    }

    #[test]
    fn tiles_cover_a_batch_in_lanes() {
        let blocks = Blocks::new(21, 3 * 10);
        let mut batch = vec![0.0; blocks.len()];
        for_each_block_tile(&mut batch, blocks, 3, (2, 3), (2, 5), |_, mut tile| {
            for r in 0..tile.rows {
                tile.rows_mut::<1>(r)[0].iter_mut().for_each(|value| *value += 1.0);
            }
        });
        assert!(batch.iter().all(|&value| value == 1.0));
    }
}
