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
use super::{Finish, View};
use crate::parallel::scratch::{per_thread, take};
use crate::parallel::{beat, for_each_tile, largest_range, OutOfMemory, Tile};
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
/// Chunks that pack are no lower than this, unless the matrix is.
const ROWS_PER_PACK: usize = 128;
/// Rows of A that lie across k are copied where they are longer than this.
const MOST_STEPS: usize = 96;
/// A chunk has at least so many multiply-adds: one or two microseconds' work.
const SMALLEST_CHUNK: usize = 32_768;
/// So many chunks keep eight threads busy.
const ENOUGH_CHUNKS: usize = 16;

/// For n of 4 and more.
pub(super) fn run(
    (m, n, k): (usize, usize, usize),
    a: View,
    b: View,
    bias: Option<&[f32]>,
    c: &mut [f32],
) -> Result<(), OutOfMemory> {
    let pack_a = a.inner != 1 && (k > MOST_STEPS || !fits_cache(a.inner, k));
    let rows_to_pack = if fits_cache(b.inner, k) { ROWS_TO_PACK.0 } else { ROWS_TO_PACK.1 };
    let pack_b = b.outer != 1 || m >= rows_to_pack;
    let mut rows = take(if pack_a { m * k } else { 0 })?;
    let packed = if pack_b { K_BLOCK.min(k) * PANEL } else { 0 };
    let mut product = Product { a, b, k, bias, pack_b };
    let (grid, step) = (product.grid(m, n), (2, PANEL));
    // Of a long k, the sums of a block and what a chunk's have lost so far.
    let rows_of_chunk = if k > LONG { largest_range(grid.0, m, step.0) } else { 0 };
    let (block, lost) = (rows_of_chunk * PANEL, rows_of_chunk * largest_range(grid.1, n, step.1));
    let scratch = per_thread(packed + block + lost)?;
    if pack_a {
        product.a = pack_rows(a, m, k, &mut rows);
    }
    for_each_tile(c, (m, n), grid, step, |tile| {
        scratch.with(|scratch| {
            let (panel, scratch) = scratch.split_at_mut(packed);
            let (block, lost) = scratch.split_at_mut(block);
            product.chunk(tile, &mut Room { panel, block, lost });
        });
    });
    Ok(())
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

struct Product<'a> {
    a: View<'a>,
    b: View<'a>,
    k: usize,
    bias: Option<&'a [f32]>,
    pack_b: bool,
}

impl Product<'_> {
    /// Chunks of rows and of columns: as many as the caches ask for, then more, of columns first
    /// because each panel then serves all rows.
    fn grid(&self, m: usize, n: usize) -> (usize, usize) {
        let work = m.saturating_mul(n).saturating_mul(self.k);
        let enough = (work / SMALLEST_CHUNK).clamp(1, ENOUGH_CHUNKS);
        let rows = m.div_ceil(LEFT_BLOCK / self.k.clamp(1, K_BLOCK));
        let cols = if self.k > K_BLOCK { n.div_ceil(COL_BLOCK) } else { 1 };
        let cols = cols.max(enough.div_ceil(rows).min(n / PANEL));
        let least = if self.pack_b { ROWS_PER_PACK } else { 16 };
        (rows.max(enough.div_ceil(cols).min(m / least)), cols)
    }

    fn chunk(&self, mut tile: Tile, room: &mut Room) {
        let columns = Columns::of(tile.cols);
        let few_rows = tile.rows * self.k <= LEFT_BLOCK;
        let depths = (0..self.k.max(1)).step_by(K_BLOCK);
        let mut part = |at, p| self.part(at, p, &mut tile, room);
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
        let (data, stride) = if self.pack_b {
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
