//! Products of rows of A with panels of B: for each p along k, an element of each row times a vector of the
//! panel, so that the sums need no adding up across lanes.
//!
//! Blocks, as in Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008):
//! a panel of [`K_BLOCK`] stays in the first cache, a chunk's rows and its part of C in the second.
//! A chunk packs what it needs of B for itself: panels that one core packs and another reads cost more
//! than packing them twice.

use super::pack::{pack_panel, pack_rows, Columns, PANEL};
use super::tiles::{Left, Panel};
use super::{Finish, Memory, View};
use crate::parallel::{beat, for_each_tile, Tile};

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

    /// Floats of the copy of A, and of a panel of B.
    pub(super) fn scratch(&self, m: usize, k: usize) -> (usize, usize) {
        (if self.a { m * k } else { 0 }, if self.b { K_BLOCK.min(k) * PANEL } else { 0 })
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
    let (grid, each) = (product.grid(m, n), &memory.each);
    for_each_tile(c, (m, n), grid, (2, PANEL), |tile| each.with(|panel| product.chunk(tile, panel)));
}

/// As `run`, in one chunk, with memory for the copies and for a panel.
pub(super) fn run_on_one_thread(
    (m, n, k): (usize, usize, usize),
    a: View,
    b: View,
    bias: Option<&[f32]>,
    c: &mut [f32],
    (copies, panel): (&mut [f32], &mut [f32]),
) {
    Product::new((m, n, k), a, b, bias, copies).chunk(Tile::whole(c, (m, n)), panel);
}

/// Whether the first cache holds a block of a column whose elements are `stride` apart: 64 sets of
/// 8 lines, of which a stride of a large power of two uses few.
fn fits_cache(stride: usize, depth: usize) -> bool {
    depth.min(K_BLOCK) << stride.trailing_zeros().min(10) <= 4096
}

struct Product<'a> {
    a: View<'a>,
    b: View<'a>,
    k: usize,
    bias: Option<&'a [f32]>,
    pack_b: bool,
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
        Self { a, b, k, bias, pack_b: packing.b }
    }

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

    /// `scratch` holds a panel, if B is packed.
    fn chunk(&self, mut tile: Tile, scratch: &mut [f32]) {
        let columns = Columns::of(tile.cols);
        let few_rows = tile.rows * self.k <= LEFT_BLOCK;
        let depths = (0..self.k.max(1)).step_by(K_BLOCK);
        let mut part = |panel, p| self.part(panel, p, &mut tile, scratch);
        // The rows of A that stay in the cache decide what stays beside them: C or a block of k.
        if few_rows {
            columns.whole().for_each(|panel| depths.clone().for_each(|p| part(panel, p)));
        } else {
            depths.clone().for_each(|p| columns.whole().for_each(|panel| part(panel, p)));
        }
        // Only now that the columns which it sums once more are done.
        columns.last.into_iter().for_each(|panel| depths.clone().for_each(|p| part(panel, p)));
    }

    /// Adds up a panel (its first column in the tile and its width) over the block of k that starts at `p`.
    fn part(&self, (col, width): (usize, usize), p: usize, tile: &mut Tile, scratch: &mut [f32]) {
        assert!(col + width <= tile.cols);
        beat();
        let (depth, finish) = (K_BLOCK.min(self.k - p), Finish::new(self.bias, p));
        let (a, b) = (self.a.skip(p), self.b.skip(p));
        let first = tile.col + col;
        let (data, stride) = if self.pack_b {
            let panel = &mut scratch[..depth * width];
            pack_panel(b, first, width, depth, panel);
            (&*panel, width)
        } else {
            (&b.data[first.min(b.data.len())..], b.inner)
        };
        let start = finish.start(first);
        let panel = Panel { data, stride, width, depth, start, add_to_c: finish.add_to_c };
        let data = &a.data[(tile.row * a.outer).min(a.data.len())..];
        let left = Left { data, row: a.outer, step: a.inner };
        let (rows, (mut c, stride)) = (tile.rows, tile.cursor());
        panel.sweep(left, rows, &mut c.offset(col), stride);
    }
}
