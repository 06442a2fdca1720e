//! Products of rows of A with panels of B: for each p along k, an element of each row times a vector of the
//! panel, so that the sums need no adding up across lanes.
//!
//! Blocks, as in Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008):
//! a panel of [`K_BLOCK`] stays in the first cache, a chunk's rows and its part of C in the second.
//! A chunk packs what it needs of B for itself: panels that one core packs and another reads cost more
//! than packing them twice.

use super::low::{self, Low};
use super::merge::{merge, LONG};
use super::pack::{pack_panels, pack_rows, transpose, Columns, GROUP, PANEL};
use super::tiles::{Left, Panel};
use super::{Finish, Memory, View};
use crate::parallel::scratch::PerThread;
use crate::parallel::{
    beat, chunk_range, for_each_part, for_each_range, for_each_tile, is_worth_sharing, largest_range, Dealt,
    Tile,
};
use crate::simd::Dst;
use std::ops::Range;

/// A panel of this depth (16 KB, or 8) takes half of the first cache at most.
pub(super) const K_BLOCK: usize = 256;
/// Floats of A that a chunk takes through each panel: a quarter of the second cache.
const LEFT_BLOCK: usize = 65_536;
/// Columns of a chunk that comes back to its part of C.
const COL_BLOCK: usize = 256;
/// Packing B pays from so many rows on; the second number is for one whose columns the first cache
/// cannot hold.
const ROWS_TO_PACK: (usize, usize) = (100, 24);
/// Chunks that pack are no lower than this, unless the matrix is; the second number is for a large A.
const ROWS_PER_PACK: (usize, usize) = (128, 48);
/// Rows of A that lie across k are copied where they are longer than this, and C has more than so many columns: for
/// fewer, what a copy saves is less than it takes.
const MOST_STEPS: usize = 96;
const COLS_FOR_COPY: usize = 96;
/// Floats of the sums of all blocks of a long k, at most, where each block is summed by itself.
const MOST_SUMS: usize = 1 << 19;
/// The least rows of such a block's parts, where there are too few blocks for all threads.
const ROWS_PER_PART: usize = 64;
/// The least rows of a half that threads keep.
const LEAST_HALF: usize = 24;
/// Heights and widths of chunks are multiples of these.
const STEP: (usize, usize) = (2, PANEL);
/// A chunk has at least so many multiply-adds: one or two microseconds' work.
const SMALLEST_CHUNK: usize = 32_768;
/// So many chunks keep eight threads busy.
const ENOUGH_CHUNKS: usize = 16;

/// Which of the matrices are copied first.
#[derive(Clone, Copy)]
pub(super) struct Packing {
    a: bool,
    b: bool,
    /// C has two halves of rows, at least: as the gradient of a weight has, so that the thread that makes a row of it
    /// also updates and multiplies with that row of the weight, which never leaves its core.
    halves: bool,
}

impl Packing {
    /// Of a product on one thread.
    pub(super) fn new(shape: (usize, usize, usize), a: View, b: View) -> Self {
        Self::of(shape, a, b, false)
    }

    /// Of one that threads share.
    pub(super) fn shared((m, n, k): (usize, usize, usize), a: View, b: View) -> Self {
        let work = m.saturating_mul(n).saturating_mul(k);
        let halves = a.inner != 1 && m >= 2 * LEAST_HALF && is_worth_sharing(work);
        Self::of((m, n, k), a, b, halves && Self::parts((m, n, k)).is_none())
    }

    fn of((m, n, k): (usize, usize, usize), a: View, b: View, halves: bool) -> Self {
        let rows_to_pack = if fits_cache(b.inner, k) { ROWS_TO_PACK.0 } else { ROWS_TO_PACK.1 };
        let rows = if halves { m / 2 } else { m };
        Self {
            a: a.inner != 1 && n > COLS_FOR_COPY && (k > MOST_STEPS || !fits_cache(a.inner, k)),
            b: b.outer != 1 || rows >= rows_to_pack,
            halves,
        }
    }

    /// Chunks of rows and of columns: as many as the caches ask for, then more, of columns first
    /// because each panel then serves all rows.
    pub(super) fn grid(&self, (m, n, k): (usize, usize, usize)) -> (usize, usize) {
        let work = m.saturating_mul(n).saturating_mul(k);
        let most = if is_worth_sharing(work) { ENOUGH_CHUNKS } else { 1 };
        let enough = (work / SMALLEST_CHUNK).clamp(1, most);
        let rows = m.div_ceil(LEFT_BLOCK / k.clamp(1, K_BLOCK)).max(if self.halves { 2 } else { 1 });
        let cols = if k > K_BLOCK { n.div_ceil(COL_BLOCK) } else { 1 };
        // Where the second cache can't hold all of A, each chunk of columns has to read it again.
        let is_large = m.saturating_mul(k) > 2 * LEFT_BLOCK;
        let narrowest = if is_large { 4 * PANEL } else { PANEL };
        let cols = cols.max(enough.div_ceil(rows).min(n / narrowest));
        let least = match (self.b, is_large) {
            (true, true) => ROWS_PER_PACK.1,
            (true, false) => ROWS_PER_PACK.0,
            (false, _) => 16,
        };
        (rows.max(enough.div_ceil(cols).min(m / least)), cols)
    }

    /// Into how many parts of rows each block of a long k is cut, where the blocks are summed by themselves and then
    /// added up: each operand is then read once, and a block of it is in the second cache.
    fn parts((m, n, k): (usize, usize, usize)) -> Option<usize> {
        let blocks = k.div_ceil(K_BLOCK);
        let sums = m.saturating_mul(n).saturating_mul(blocks);
        // (A page with an MLP has few such sums: the core binary does without.)
        let is_long = cfg!(feature = "whole") && k > LONG;
        let splits = is_long && sums <= MOST_SUMS && is_worth_sharing(m * n * k);
        splits.then(|| ENOUGH_CHUNKS.div_ceil(blocks).min(m / ROWS_PER_PART).max(1))
    }

    /// As `scratch`, of a product that threads share.
    pub(super) fn shared_scratch(&self, (m, n, k): (usize, usize, usize)) -> (usize, usize) {
        let Some(parts) = Self::parts((m, n, k)) else {
            return self.scratch((m, n, k), self.grid((m, n, k)));
        };
        let left = if self.a { largest_range(parts, m, STEP.0) * left_stride(K_BLOCK) } else { 0 };
        (k.div_ceil(K_BLOCK) * m * n, (self.panels(k) + left).max(m * n))
    }

    /// Floats of the copy of A, and of each thread's memory (see [`Room`]).
    pub(super) fn scratch(&self, (m, n, k): (usize, usize, usize), grid: (usize, usize)) -> (usize, usize) {
        let rows = if k > LONG { largest_range(grid.0, m, STEP.0) } else { 0 };
        let sums = rows * (PANEL + largest_range(grid.1, n, STEP.1));
        (if self.a { m * k } else { 0 }, self.panels(k) + sums)
    }

    /// Floats of a group of panels of B.
    fn panels(&self, k: usize) -> usize {
        if self.b {
            K_BLOCK.min(k) * GROUP
        } else {
            0
        }
    }
}

/// For n of 4 and more.
pub(super) fn run(
    (m, n, k): (usize, usize, usize),
    a: View,
    b: View,
    bias: Option<&[f32]>,
    c: &mut [f32],
    memory: &mut Memory,
) {
    let (packing, each) = (Packing::shared((m, n, k), a, b), &memory.each);
    if let Some(parts) = Packing::parts((m, n, k)) {
        let product = Product { a, b, k, bias, packing, blocks: Blocks::Apart };
        return product.run_apart((m, n), parts, c, (&mut memory.copies, each));
    }
    let grid = packing.grid((m, n, k));
    let product = Product::new((m, k), a, b, bias, packing, &mut memory.copies);
    for_each_tile(c, (m, n), (grid, Dealt::Rows), STEP, |tile| each.with(|room| product.chunk(tile, room)));
}

/// As `run`, in one chunk, with memory for the copies and for the chunk.
pub(super) fn run_on_one_thread(
    (m, n, k): (usize, usize, usize),
    a: View,
    b: View,
    bias: Option<&[f32]>,
    c: &mut [f32],
    (copies, room): (&mut [f32], &mut [f32]),
) {
    let packing = Packing::new((m, n, k), a, b);
    Product::new((m, k), a, b, bias, packing, copies).chunk(Tile::whole(c, (m, n)), room);
}

/// Adds up packed panels (their first column in C, their width and depth) of the block of k that starts at `p`, from
/// which on A is given.
pub(super) fn sweep_panels(
    (panels, col, width, depth): (&[f32], usize, usize, usize),
    (a, rows): (View, usize),
    (bias, p): (Option<&[f32]>, usize),
    (c, stride): (&mut [f32], usize),
) {
    let finish = Finish::new(bias, p);
    let left = Left { data: a.data, row: a.outer, step: a.inner };
    let length = c.len();
    let mut c = Dst::new(c, length);
    for at in (0..width).step_by(PANEL) {
        beat();
        let width = PANEL.min(width - at);
        let data = &panels[at * depth..][..width * depth];
        let (start, add_to_c) = (finish.start(col + at), finish.add_to_c);
        let panel = Panel { data, stride: width, width, depth, start, add_to_c };
        panel.sweep(left, rows, &mut c.offset(col + at), stride);
    }
}

/// Whether the first cache holds a block of a column whose elements are `stride` apart: 64 sets of
/// 8 lines, of which a stride of a large power of two uses few.
fn fits_cache(stride: usize, depth: usize) -> bool {
    depth.min(K_BLOCK) << stride.trailing_zeros().min(10) <= 4096
}

/// From a row to the next of a copy of some rows of A, `depth` long: no power of two.
fn left_stride(depth: usize) -> usize {
    depth + 4
}

/// Where the sums over a block of k go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blocks {
    /// To C, which the first block's are, and all others' are added to.
    Added,
    /// The same, of a long k (see [`merge`]).
    Merged,
    /// Each to a matrix of its own.
    Apart,
}

/// A thread's scratch memory.
struct Room<'a> {
    /// A group of packed panels.
    panels: &'a mut [f32],
    /// The sums over a block of k of a panel, and what those of the whole chunk have lost; for a long k.
    block: &'a mut [f32],
    lost: &'a mut [f32],
}

impl<'a> Room<'a> {
    /// Of a chunk of some rows.
    fn of(scratch: &'a mut [f32], product: &Product, rows: usize) -> Self {
        let (panels, scratch) = scratch.split_at_mut(product.packing.panels(product.k));
        let (block, lost) = scratch.split_at_mut(if product.k > LONG { rows * PANEL } else { 0 });
        Self { panels, block, lost }
    }
}

struct Product<'a> {
    a: View<'a>,
    b: View<'a>,
    k: usize,
    bias: Option<&'a [f32]>,
    packing: Packing,
    blocks: Blocks,
}

impl<'a> Product<'a> {
    fn new(
        (m, k): (usize, usize),
        a: View<'a>,
        b: View<'a>,
        bias: Option<&'a [f32]>,
        packing: Packing,
        copies: &'a mut [f32],
    ) -> Self {
        let a = if packing.a { pack_rows(a, m, k, copies) } else { a };
        let blocks = if k > LONG { Blocks::Merged } else { Blocks::Added };
        Self { a, b, k, bias, packing, blocks }
    }

    /// Sums each block of k by itself, each in some parts of rows, and then adds them up as [`merge`] does.
    fn run_apart(
        &self,
        (m, n): (usize, usize),
        parts: usize,
        c: &mut [f32],
        (sums, each): (&mut [f32], &PerThread),
    ) {
        let blocks = self.k.div_ceil(K_BLOCK);
        let rows = |chunk| chunk_range(chunk % parts, parts, m, STEP.0);
        for_each_range(
            [&mut sums[..blocks * m * n]],
            blocks * parts,
            |chunk| {
                let (start, rows) = (chunk / parts * m * n, rows(chunk));
                [start + rows.start * n..start + rows.end * n]
            },
            |chunk, [sums]| each.with(|room| self.block(chunk / parts * K_BLOCK, rows(chunk), n, sums, room)),
        );
        let sums = &*sums;
        for_each_part([c], [n], (m, n * blocks, 1), |rows, [c]| {
            each.with(|lost| {
                for i in 0..blocks {
                    let block = &sums[(i * m + rows.start) * n..][..rows.len() * n];
                    let to = (&mut Dst::new(c, rows.len() * n), n);
                    merge(block, n, to, (&mut lost[..rows.len() * n], n), (i == 0, i + 1 == blocks));
                }
            });
        });
    }

    /// The sums of some rows over the block of k that starts at `p`.
    fn block(&self, p: usize, rows: Range<usize>, n: usize, sums: &mut [f32], room: &mut [f32]) {
        let (panels, left) = room.split_at_mut(self.packing.panels(self.k));
        let mut tile = Tile::whole(sums, (rows.len(), n));
        let depth = K_BLOCK.min(self.k - p);
        let a = self.a.skip(p);
        let a = View { data: &a.data[(rows.start * a.outer).min(a.data.len())..], ..a };
        let a = if self.packing.a {
            let stride = left_stride(depth);
            transpose((a.data, a.inner), depth, rows.len(), left, stride);
            View { data: left, outer: stride, inner: 1 }
        } else {
            a
        };
        let product = Product { a, b: self.b.skip(p), k: depth, bias: self.bias.filter(|_| p == 0), ..*self };
        let mut room = Room { panels, block: &mut [], lost: &mut [] };
        let columns = Columns::of(n);
        columns.groups().chain(columns.last).for_each(|at| product.part(at, 0, &mut tile, &mut room));
    }

    fn chunk(&self, mut tile: Tile, room: &mut [f32]) {
        if low::fits(tile.rows) && !self.packing.b && self.blocks == Blocks::Added && tile.rows > 0 {
            return self.low_chunk(&mut tile);
        }
        let mut room = Room::of(room, self, tile.rows);
        let columns = Columns::of(tile.cols);
        let few_rows = tile.rows * self.k <= LEFT_BLOCK;
        let depths = (0..self.k.max(1)).step_by(K_BLOCK);
        let mut part = |at, p| self.part(at, p, &mut tile, &mut room);
        // The rows of A that stay in the cache decide what stays beside them: C or a block of k.
        if few_rows {
            columns.groups().for_each(|at| depths.clone().for_each(|p| part(at, p)));
        } else {
            depths.clone().for_each(|p| columns.groups().for_each(|at| part(at, p)));
        }
        // Only now that the columns which it sums once more are done.
        columns.last.into_iter().for_each(|at| depths.clone().for_each(|p| part(at, p)));
    }

    /// A chunk of few rows.
    fn low_chunk(&self, tile: &mut Tile) {
        let (rows, cols, col, row) = (tile.rows, tile.cols, tile.col, tile.row);
        let (mut c, stride) = tile.cursor();
        for strip in low::strips(rows, cols) {
            beat();
            for p in (0..self.k.max(1)).step_by(K_BLOCK) {
                let (a, b) = (self.left(p, row), self.b.skip(p));
                let right = (&b.data[col.min(b.data.len())..], b.inner);
                let start = self.bias.filter(|_| p == 0).map(|bias| &bias[col..]);
                let depth = K_BLOCK.min(self.k - p);
                let low = Low { left: a, right, depth, start, add_to_c: p > 0 };
                low.strip(rows, strip, &mut c, stride);
            }
        }
    }

    /// The rows of A from one on, over the block of k that starts at `p`.
    fn left(&self, p: usize, row: usize) -> Left<'_> {
        let a = self.a.skip(p);
        Left { data: &a.data[(row * a.outer).min(a.data.len())..], row: a.outer, step: a.inner }
    }

    /// Adds up a group of panels (its first column in the tile and its width) over the block of k that starts at `p`.
    fn part(&self, (col, width): (usize, usize), p: usize, tile: &mut Tile, room: &mut Room) {
        assert!(col + width <= tile.cols);
        let (depth, finish) = (K_BLOCK.min(self.k - p), Finish::new(self.bias, p));
        let (left, b) = (self.left(p, tile.row), self.b.skip(p));
        if self.packing.b {
            pack_panels(b, tile.col + col, width, depth, room.panels);
        }
        let (first, rows, cols, (mut c, stride)) = (tile.col + col, tile.rows, tile.cols, tile.cursor());
        for at in (0..width).step_by(PANEL) {
            beat();
            let width = PANEL.min(width - at);
            let (data, b_stride) = if self.packing.b {
                (&room.panels[at * depth..][..width * depth], width)
            } else {
                (&b.data[(first + at).min(b.data.len())..], b.inner)
            };
            let (start, add_to_c) =
                (finish.start(first + at), finish.add_to_c && self.blocks == Blocks::Added);
            let panel = Panel { data, stride: b_stride, width, depth, start, add_to_c };
            let mut c = c.offset(col + at);
            if self.blocks == Blocks::Merged {
                let block = &mut room.block[..rows * width];
                panel.sweep(left, rows, &mut Dst::new(block, rows * width), width);
                let ends = (p == 0, p + depth == self.k);
                merge(block, width, (&mut c, stride), (&mut room.lost[col + at..], cols), ends);
            } else {
                panel.sweep(left, rows, &mut c, stride);
            }
        }
    }
}
