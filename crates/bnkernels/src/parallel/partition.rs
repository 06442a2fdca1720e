//! How work is cut: into ranges of items or tiles of a matrix, by the shape alone.

use super::team::region;
use crate::layout::Blocks;
use crate::simd::Dst;
use std::marker::PhantomData;
use std::ops::Range;

/// Loaded elements (or as much work) from which a region is shared: some eight microseconds' work. To hand half of
/// it over costs the region itself, under half a microsecond while the workers are awake, and the way of what is
/// read and written from one core's cache to the other's, some microseconds for the arrays of such work.
const WORTH_SHARING: usize = 32_768;
/// Multiply-adds of a product, whose tiles stay in registers, in the time that other kernels take for an element:
/// 0.03 ns each on one core, and 0.25 to 0.4.
const PRODUCTS: usize = 10;

/// Whether a product of so many multiply-adds is worth sharing.
pub fn is_worth_sharing(multiply_adds: usize) -> bool {
    multiply_adds >= PRODUCTS * WORTH_SHARING
}

/// Into how many chunks `items` of `cost` multiply-adds (or loaded elements) each are cut: none
/// smaller than a few microseconds' work, at most 64, from the shape alone; into one, for the caller, where all is
/// too little to share.
#[inline(never)]
pub fn chunk_count(items: usize, cost: usize) -> usize {
    const SMALLEST: usize = 8_192;
    let work = items.saturating_mul(cost);
    if work < WORTH_SHARING {
        return 1;
    }
    let count = (work / SMALLEST).clamp(1, 64).min(items.max(1));
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
    let steps = items.div_ceil(step) as u64;
    // The product may be more than 32 bits hold.
    let at = |i: usize| ((steps * i as u64 / chunks as u64) as usize * step).min(items);
    at(index)..at(index + 1)
}

/// The length of the largest of the ranges of [`chunk_range`].
pub fn largest_range(chunks: usize, items: usize, step: usize) -> usize {
    (items.div_ceil(step).div_ceil(chunks) * step).min(items)
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
        &move |chunk: usize, ranges: &mut [Range<usize>; K]| ranges.clone_from_slice(&bounds(chunk)),
        &move |chunk: usize, parts: &mut [&mut [f32]; K]| f(chunk, parts.each_mut().map(std::mem::take)),
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
    let f = move |range: Range<usize>, parts: &mut [&mut [f32]; K]| {
        f(range, parts.each_mut().map(std::mem::take))
    };
    parts_region(&mut { outputs }, &widths, (items, cost, step), &f);
}

/// A function of two arguments. A trait of our own: each `dyn Fn` carries its closure's code twice, once for
/// calls that consume it.
trait Function<A, B>: Sync {
    fn call(&self, a: A, b: B);
}

impl<A, B, F: Fn(A, B) + Sync> Function<A, B> for F {
    #[inline(always)]
    fn call(&self, a: A, b: B) {
        self(a, b);
    }
}

/// Does a range of items, of which it gets the parts of the outputs.
type PartFunction<'a, const K: usize> =
    dyn for<'p, 'o> Function<Range<usize>, &'p mut [&'o mut [f32]; K]> + 'a;
/// Does a chunk, of which it gets the parts of the outputs.
type ChunkFunction<'a, const K: usize> = dyn for<'p, 'o> Function<usize, &'p mut [&'o mut [f32]; K]> + 'a;
/// Writes the ranges of a chunk.
type Bounds<'a, const K: usize> = dyn for<'r> Function<usize, &'r mut [Range<usize>; K]> + 'a;

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
        return f.call(0..items, &mut all);
    }
    let part = |chunk| chunk_range(chunk, chunks, items, step);
    ranges_region(
        outputs,
        chunks,
        &|chunk: usize, ranges: &mut [Range<usize>; K]| {
            let items = part(chunk);
            for (range, width) in ranges.iter_mut().zip(widths) {
                *range = items.start * width..items.end * width;
            }
        },
        &|chunk: usize, parts: &mut [&mut [f32]; K]| f.call(part(chunk), parts),
    );
}

#[inline(never)]
fn ranges_region<const K: usize>(
    outputs: &mut [&mut [f32]; K],
    chunks: usize,
    bounds: &Bounds<K>,
    f: &ChunkFunction<K>,
) {
    let ranges = |chunk| {
        let mut ranges = [const { 0..0 }; K];
        bounds.call(chunk, &mut ranges);
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
        f.call(chunk, &mut parts);
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

impl<'a> Tile<'a> {
    /// All of a matrix.
    pub fn whole(matrix: &'a mut [f32], (rows, cols): (usize, usize)) -> Self {
        assert!(matrix.len() >= rows * cols, "the matrix is larger than its slice");
        let pointer = matrix.as_mut_ptr();
        Self { row: 0, col: 0, rows, cols, pointer, stride: cols, of: PhantomData }
    }
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

/// What of a grid of tiles is dealt out first: the threads' shares are contiguous in it.
#[derive(Clone, Copy)]
pub enum Dealt {
    Rows,
    Columns,
}

/// Runs `f` for each tile of the row-major `rows × cols` matrix `output`, cut into a grid of
/// `chunks.0 × chunks.1` tiles; tile heights are multiples of `step.0`, widths of `step.1`. The threads' shares of
/// them are rows of the grid, or columns where these are `dealt`.
pub fn for_each_tile(
    output: &mut [f32],
    (rows, cols): (usize, usize),
    (chunks, dealt): ((usize, usize), Dealt),
    step: (usize, usize),
    f: impl Fn(Tile) + Sync,
) {
    assert!(rows.checked_mul(cols).is_some_and(|n| n <= output.len()), "the matrix is larger than its slice");
    let pointer = SendPointer(output.as_mut_ptr());
    let pointer = &pointer;
    region(chunks.0 * chunks.1, &move |chunk| {
        let (r, c) = tile_range(chunk, (rows, cols), (chunks, dealt), step);
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

/// The rows and columns of a tile.
fn tile_range(
    chunk: usize,
    (rows, cols): (usize, usize),
    (chunks, dealt): ((usize, usize), Dealt),
    step: (usize, usize),
) -> (Range<usize>, Range<usize>) {
    let (row, col) = match dealt {
        Dealt::Rows => (chunk / chunks.1, chunk % chunks.1),
        Dealt::Columns => (chunk % chunks.0, chunk / chunks.0),
    };
    (chunk_range(row, chunks.0, rows, step.0), chunk_range(col, chunks.1, cols, step.1))
}

/// An output of which each chunk of items gets its columns of every row: `rows` rows, in which each item has
/// `width` elements.
pub struct Stripe<'a> {
    pub output: &'a mut [f32],
    pub rows: usize,
    pub width: usize,
}

/// Runs `f(range, tiles)` for each chunk of `items`, cut into `chunks` whose lengths are multiples of `step`;
/// `tiles[k]` has all rows of `outputs[k]`, and of each row what the range's items have.
pub fn for_each_stripe<const K: usize>(
    outputs: [Stripe; K],
    (items, chunks, step): (usize, usize, usize),
    f: impl Fn(Range<usize>, [Tile; K]) + Sync,
) {
    for Stripe { output, rows, width } in &outputs {
        let length = rows.checked_mul(*width).and_then(|row| row.checked_mul(items));
        assert!(length.is_some_and(|length| length <= output.len()), "the matrix is larger than its slice");
    }
    let outputs =
        &outputs.map(|Stripe { output, rows, width }| (SendPointer(output.as_mut_ptr()), rows, width));
    region(chunks, &move |chunk| {
        let range = chunk_range(chunk, chunks, items, step);
        if range.is_empty() {
            return;
        }
        let tiles = std::array::from_fn(|k| {
            let (pointer, rows, width) = &outputs[k];
            let col = range.start * width;
            Tile {
                row: 0,
                col,
                rows: *rows,
                cols: range.len() * width,
                // (Within the matrix where it has a row; the ranges are disjoint.)
                pointer: pointer.0.wrapping_add(col),
                stride: items * width,
                of: PhantomData,
            }
        });
        f(range, tiles);
    });
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
    for_each_block_tile_and_part(output, blocks, channels, chunks, step, &mut [], |b, tile, _| f(b, tile));
}

/// The same, and each tile has its part of `parts`, in order and all of one length.
pub fn for_each_block_tile_and_part(
    output: &mut [f32],
    blocks: Blocks,
    channels: usize,
    chunks: (usize, usize),
    step: (usize, usize),
    parts: &mut [f32],
    f: impl Fn(usize, Tile, &mut [f32]) + Sync,
) {
    assert_eq!(output.len(), blocks.len());
    if output.is_empty() {
        return;
    }
    assert_eq!(blocks.image % channels, 0);
    let pixels = blocks.image / channels;
    let tiles = chunks.0 * chunks.1;
    let part = parts.len() / (blocks.count() * tiles);
    let pointers = &(SendPointer(output.as_mut_ptr()), SendPointer(parts.as_mut_ptr()));
    region(blocks.count() * tiles, &move |chunk| {
        let (pointer, parts) = pointers;
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
        // SAFETY: in bounds, as `part` is a share of the length, and each chunk's own.
        let part = unsafe { std::slice::from_raw_parts_mut(parts.0.add(chunk * part), part) };
        f(block, tile, part);
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
            let lengths = (0..chunks).map(|i| chunk_range(i, chunks, items, step).len());
            assert!(lengths.max() <= Some(largest_range(chunks, items, step)));
        }
    }

    #[test]
    fn work_that_is_too_little_to_share_is_one_chunk() {
        for (items, cost) in [(0, 5), (1, 1 << 30), (100, 100), (8, WORTH_SHARING / 8 - 1)] {
            assert_eq!(chunk_count(items, cost), 1, "{items} {cost}");
        }
        for (items, cost, chunks) in [(8, WORTH_SHARING / 8, 4), (2, 1 << 30, 2), (1 << 20, usize::MAX, 64)] {
            assert_eq!(chunk_count(items, cost), chunks, "{items} {cost}");
        }
        assert!(!is_worth_sharing(64 * 64 * 64) && is_worth_sharing(32 * 784 * 100));
    }

    #[test]
    #[should_panic(expected = "chunks overlap")]
    fn overlapping_chunks_are_refused() {
        for_each_range([&mut [0.0; 4]], 2, |_| [0..2], |_, _| ());
    }

    #[test]
    fn tiles_cover_a_matrix() {
        let mut matrix = vec![0.0; 7 * 10];
        for_each_tile(&mut matrix, (7, 10), ((3, 2), Dealt::Rows), (2, 4), |mut tile| {
            for r in 0..tile.rows {
                for value in tile.row_mut(r) {
                    *value += 1.0;
                }
            }
        });
        assert!(matrix.iter().all(|&value| value == 1.0));
    }

    #[test]
    fn stripes_cover_their_matrices() {
        let (mut wide, mut narrow) = (vec![0.0; 3 * 10 * 4], vec![0.0; 10]);
        let outputs = [
            Stripe { output: &mut wide, rows: 3, width: 4 },
            Stripe { output: &mut narrow, rows: 1, width: 1 },
            Stripe { output: &mut [], rows: 3, width: 0 },
        ];
        for_each_stripe(outputs, (10, 4, 3), |range, [mut wide, mut narrow, mut none]| {
            for r in 0..3 {
                wide.row_mut(r).iter_mut().for_each(|value| *value += range.start as f32);
                assert!(none.row_mut(r).is_empty());
            }
            narrow.row_mut(0).iter_mut().zip(range).for_each(|(value, item)| *value += item as f32);
        });
        assert_eq!(narrow, (0..10).map(|item| item as f32).collect::<Vec<_>>());
        for row in wide.chunks(40) {
            let firsts: Vec<f32> = row.chunks(4).map(|item| item[0]).collect();
            assert_eq!(firsts, [0.0, 0.0, 0.0, 3.0, 3.0, 3.0, 6.0, 6.0, 6.0, 9.0]);
        }
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

    #[test]
    fn each_tile_of_a_batch_has_its_part() {
        let blocks = Blocks::new(21, 3 * 10);
        let (mut batch, mut parts) = (vec![0.0; blocks.len()], vec![0.0; 2 * 6 * 5]);
        for_each_block_tile_and_part(&mut batch, blocks, 3, (3, 2), (1, 5), &mut parts, |b, tile, part| {
            assert_eq!(part.len(), 5);
            part.iter_mut()
                .for_each(|value| *value += (b * 6 + tile.row * 2 + usize::from(tile.col > 0)) as f32);
        });
        assert_eq!(parts, (0..60).map(|i| (i / 5) as f32).collect::<Vec<_>>());
    }
}
