//! Products of rows of A with panels of B: for each p along k, an element of each row times a vector of the
//! panel, so that the sums need no adding up across lanes.
//!
//! Blocks, as in Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008):
//! a panel of [`K_BLOCK`] stays in the first cache, a chunk's rows and its part of C in the second.
//! A chunk packs what it needs of B for itself: panels that one core packs and another reads cost more
//! than packing them twice.

use super::merge::{merge, LONG};
use super::pack::{pack_panel, pack_rows, Columns, PANEL};
use super::tiles::{Left, Panel};
use super::{Finish, Memory, View};
use crate::parallel::{beat, for_each_tile, is_worth_sharing, largest_range, Tile};
use crate::simd::Dst;

/// A panel of this depth (16 KB, or 8) takes half of the first cache at most.
const K_BLOCK: usize = 256;
/// Floats of A that a chunk takes through each panel: a quarter of the second cache.
const LEFT_BLOCK: usize = 65_536;
/// Columns of a chunk that comes back to its part of C.
const COL_BLOCK: usize = 256;
/// Packing B pays from so many rows on; the second number is for one whose columns the first cache
/// cannot hold.
const ROWS_TO_PACK: (usize, usize) = (100, 24);
/// Chunks that pack are no lower than this, unless the matrix is; the second number is for a large A.
const ROWS_PER_PACK: (usize, usize) = (128, 48);
/// Rows of A that lie across k are copied where they are longer than this.
const MOST_STEPS: usize = 96;
/// Heights and widths of chunks are multiples of these.
const STEP: (usize, usize) = (2, PANEL);
/// A chunk has at least so many multiply-adds: one or two microseconds' work.
const SMALLEST_CHUNK: usize = 32_768;
/// So many chunks keep eight threads busy.
const ENOUGH_CHUNKS: usize = 16;

/// Which of the matrices are copied first.
pub(super) struct Packing {
    a: bool,
    b: bool,
}

impl Packing {
    pub(super) fn new((m, _, k): (usize, usize, usize), a: View, b: View) -> Self {
        let rows_to_pack = if fits_cache(b.inner, k) { ROWS_TO_PACK.0 } else { ROWS_TO_PACK.1 };
        Self {
            a: a.inner != 1 && (k > MOST_STEPS || !fits_cache(a.inner, k)),
            b: b.outer != 1 || m >= rows_to_pack,
        }
    }

    /// Chunks of rows and of columns: as many as the caches ask for, then more, of columns first
    /// because each panel then serves all rows.
    pub(super) fn grid(&self, (m, n, k): (usize, usize, usize)) -> (usize, usize) {
        let work = m.saturating_mul(n).saturating_mul(k);
        let most = if is_worth_sharing(work) { ENOUGH_CHUNKS } else { 1 };
        let enough = (work / SMALLEST_CHUNK).clamp(1, most);
        let rows = m.div_ceil(LEFT_BLOCK / k.clamp(1, K_BLOCK));
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

    /// Floats of the copy of A, and of each thread's memory (see [`Room`]).
    pub(super) fn scratch(&self, (m, n, k): (usize, usize, usize), grid: (usize, usize)) -> (usize, usize) {
        let rows = if k > LONG { largest_range(grid.0, m, STEP.0) } else { 0 };
        let sums = rows * (PANEL + largest_range(grid.1, n, STEP.1));
        (if self.a { m * k } else { 0 }, self.panel(k) + sums)
    }

    /// Floats of a panel of B.
    fn panel(&self, k: usize) -> usize {
        if self.b {
            K_BLOCK.min(k) * PANEL
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
    let product = Product::new((m, n, k), a, b, bias, &mut memory.copies);
    let (grid, each) = (product.packing.grid((m, n, k)), &memory.each);
    for_each_tile(c, (m, n), grid, STEP, |tile| each.with(|room| product.chunk(tile, room)));
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
    Product::new((m, n, k), a, b, bias, copies).chunk(Tile::whole(c, (m, n)), room);
}

/// Whether the first cache holds a block of a column whose elements are `stride` apart: 64 sets of
/// 8 lines, of which a stride of a large power of two uses few.
fn fits_cache(stride: usize, depth: usize) -> bool {
    depth.min(K_BLOCK) << stride.trailing_zeros().min(10) <= 4096
}

/// A thread's scratch memory.
struct Room<'a> {
    /// A packed panel.
    panel: &'a mut [f32],
    /// The sums over a block of k of a panel, and what those of the whole chunk have lost; for a long k.
    block: &'a mut [f32],
    lost: &'a mut [f32],
}

impl<'a> Room<'a> {
    /// Of a chunk of some rows.
    fn of(scratch: &'a mut [f32], product: &Product, rows: usize) -> Self {
        let (panel, scratch) = scratch.split_at_mut(product.packing.panel(product.k));
        let (block, lost) = scratch.split_at_mut(if product.k > LONG { rows * PANEL } else { 0 });
        Self { panel, block, lost }
    }
}

struct Product<'a> {
    a: View<'a>,
    b: View<'a>,
    k: usize,
    bias: Option<&'a [f32]>,
    packing: Packing,
}

impl<'a> Product<'a> {
    fn new(
        (m, n, k): (usize, usize, usize),
        a: View<'a>,
        b: View<'a>,
        bias: Option<&'a [f32]>,
        copies: &'a mut [f32],
    ) -> Self {
        let packing = Packing::new((m, n, k), a, b);
        let a = if packing.a { pack_rows(a, m, k, copies) } else { a };
        Self { a, b, k, bias, packing }
    }

    fn chunk(&self, mut tile: Tile, room: &mut [f32]) {
        let mut room = Room::of(room, self, tile.rows);
        let columns = Columns::of(tile.cols);
        let few_rows = tile.rows * self.k <= LEFT_BLOCK;
        let depths = (0..self.k.max(1)).step_by(K_BLOCK);
        let mut part = |at, p| self.part(at, p, &mut tile, &mut room);
        // The rows of A that stay in the cache decide what stays beside them: C or a block of k.
        if few_rows {
            columns.whole().for_each(|at| depths.clone().for_each(|p| part(at, p)));
        } else {
            depths.clone().for_each(|p| columns.whole().for_each(|at| part(at, p)));
        }
        // Only now that the columns which it sums once more are done.
        columns.last.into_iter().for_each(|at| depths.clone().for_each(|p| part(at, p)));
    }

    /// Adds up a panel (its first column in the tile and its width) over the block of k that starts at `p`.
    fn part(&self, (col, width): (usize, usize), p: usize, tile: &mut Tile, room: &mut Room) {
        assert!(col + width <= tile.cols);
        beat();
        let (depth, finish) = (K_BLOCK.min(self.k - p), Finish::new(self.bias, p));
        let (a, b) = (self.a.skip(p), self.b.skip(p));
        let first = tile.col + col;
        let (data, stride) = if self.packing.b {
            let panel = &mut room.panel[..depth * width];
            pack_panel(b, first, width, depth, panel);
            (&*panel, width)
        } else {
            (&b.data[first.min(b.data.len())..], b.inner)
        };
        let start = finish.start(first);
        let is_long = self.k > LONG;
        let panel = Panel { data, stride, width, depth, start, add_to_c: finish.add_to_c && !is_long };
        let data = &a.data[(tile.row * a.outer).min(a.data.len())..];
        let left = Left { data, row: a.outer, step: a.inner };
        let (rows, cols, (mut c, stride)) = (tile.rows, tile.cols, tile.cursor());
        if is_long {
            let block = &mut room.block[..rows * width];
            panel.sweep(left, rows, &mut Dst::new(block, rows * width), width);
            let (at, ends) = ((&mut c.offset(col), stride), (p == 0, p + depth == self.k));
            return merge(block, width, at, (&mut room.lost[col..], cols), ends);
        }
        panel.sweep(left, rows, &mut c.offset(col), stride);
    }
}
