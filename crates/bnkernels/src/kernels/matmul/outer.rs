//! Products of rows of a left matrix with panels of a right one: for each p along k, an element of
//! each row times a vector of the panel, so that the sums need no adding up across lanes.
//!
//! Left is A and right is B; in form NT, where the matrix on the right has to be transposed, it is
//! the smaller one, and the product may be that of B and Aᵀ: C's transpose.
//!
//! Blocks, as in Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008):
//! a panel of [`K_BLOCK`] stays in the first cache, a chunk's rows and its part of C in the second.

use super::pack::{pack_panels, pack_rows, transpose, Columns, PANEL};
use super::tiles::{Left, Panel};
use super::{Finish, View};
use crate::parallel::{for_each_tile, with_scratch, Tile};
use crate::simd::{Dst, F32x4};
use std::ops::Range;

/// A panel of this depth (16 KB, or 8) takes half of the first cache at most.
const K_BLOCK: usize = 256;
/// Floats of the left matrix that a chunk takes through each panel: 128 KB.
const LEFT_BLOCK: usize = 32_768;
/// Columns of a chunk that comes back to its part of C.
const COL_BLOCK: usize = 256;
/// Packing the right matrix pays from so many rows on; the second number is for one whose columns
/// the first cache cannot hold.
const ROWS_TO_PACK: (usize, usize) = (200, if PANEL == 16 { 32 } else { 64 });
/// Rows that lie across k are copied where they are longer than this.
const MOST_STEPS: usize = 96;
/// Floats of a packed matrix (4 MB); more is done in slabs along k.
const SLAB: usize = 1 << 20;
/// A chunk has at least so many multiply-adds: two microseconds' work.
const SMALLEST_CHUNK: usize = 65_536;
/// So many chunks keep eight threads busy.
const ENOUGH_CHUNKS: usize = 16;

pub(super) fn run((m, n, k): (usize, usize, usize), a: View, b: View, bias: Option<&[f32]>, c: &mut [f32]) {
    let swapped = n < 4 || (b.outer != 1 && m < n);
    let (left, right, rows, cols) = if swapped { (b, a, n, m) } else { (a, b, m, n) };
    let pack_left = left.inner != 1 && (k > MOST_STEPS || !fits_cache(left.inner, k));
    let rows_to_pack = if fits_cache(right.inner, k) { ROWS_TO_PACK.0 } else { ROWS_TO_PACK.1 };
    let pack_right = right.outer != 1 || cols < 4 || rows >= rows_to_pack;
    // The last columns may be summed twice (see `Columns`), which must not add them to C twice.
    let slab = match (pack_left || pack_right) && (swapped || cols.is_multiple_of(4)) {
        true => (SLAB / rows.max(cols) / K_BLOCK).max(1) * K_BLOCK,
        false => k.max(1),
    };
    // A sum of no terms is still written, hence the max.
    for k0 in (0..k.max(1)).step_by(slab) {
        let depth = slab.min(k - k0);
        let (left, right) = (left.skip(k0), right.skip(k0));
        let panels_len = if pack_right { Columns::of(cols).packed_len(depth) } else { 0 };
        let left_len = if pack_left { rows * depth } else { 0 };
        with_scratch(panels_len + left_len, |scratch| {
            let (panels, left_rows) = scratch.split_at_mut(panels_len);
            if pack_right {
                pack_panels(right, cols, depth, panels);
            }
            let left = if pack_left {
                pack_rows(left, rows, depth, left_rows);
                View { data: left_rows, outer: depth, inner: 1 }
            } else {
                left
            };
            let packed = pack_right.then_some(&*panels);
            let product = Product { left, right, packed, depth, finish: Finish::new(bias, k0) };
            product.run(swapped, (m, n), c);
        });
    }
}

/// Whether the first cache holds a block of a column whose elements are `stride` apart: 64 sets of
/// 8 lines, of which a stride of a large power of two uses few.
fn fits_cache(stride: usize, depth: usize) -> bool {
    depth.min(K_BLOCK) << stride.trailing_zeros().min(10) <= 4096
}

struct Product<'a> {
    left: View<'a>,
    right: View<'a>,
    /// The panels of `right`.
    packed: Option<&'a [f32]>,
    depth: usize,
    finish: Finish<'a>,
}

impl Product<'_> {
    fn run(&self, swapped: bool, (m, n): (usize, usize), c: &mut [f32]) {
        if swapped {
            let (row_chunks, col_chunks) = grid(n, m, self.depth, true);
            for_each_tile(c, (m, n), (col_chunks, row_chunks), (PANEL, 2), |tile| self.swapped_chunk(tile));
        } else {
            for_each_tile(c, (m, n), grid(m, n, self.depth, false), (2, PANEL), |mut tile| {
                let (rows, cols) = (tile.row..tile.row + tile.rows, tile.col..tile.col + tile.cols);
                let (mut c, stride) = tile.cursor();
                let width = cols.len();
                self.sweep(rows, cols, self.finish, (&mut c, width, stride));
            });
        }
    }

    /// Sums C's transpose, then writes it.
    fn swapped_chunk(&self, mut tile: Tile) {
        let (rows, cols) = (tile.col..tile.col + tile.cols, tile.row..tile.row + tile.rows);
        let stride = tile.rows.next_multiple_of(4);
        with_scratch(tile.cols * stride, |sums| {
            let finish = Finish { bias: None, add_to_c: false };
            self.sweep(rows, cols, finish, (&mut Dst::new(sums), stride, stride));
            if self.finish.add_to_c {
                for r in 0..tile.rows {
                    for (j, c) in tile.row_mut(r).iter_mut().enumerate() {
                        *c += sums[j * stride + r];
                    }
                }
                return;
            }
            if let Some(bias) = self.finish.bias {
                for (sums, &bias) in sums.chunks_exact_mut(stride).zip(&bias[tile.col..]) {
                    for sums in sums.chunks_exact_mut(4) {
                        (F32x4::load(sums) + F32x4::splat(bias)).store(sums);
                    }
                }
            }
            let (rows, cols) = (tile.cols, tile.rows);
            let (mut c, c_stride) = tile.cursor();
            transpose((sums, stride), rows, cols, &mut c, c_stride);
        });
    }

    /// Writes the product of rows and columns to `c`, whose rows have room for `room` elements and are
    /// `stride` apart.
    fn sweep(
        &self,
        rows: Range<usize>,
        cols: Range<usize>,
        finish: Finish,
        (c, room, stride): (&mut Dst, usize, usize),
    ) {
        let columns = Columns::of(cols.len());
        assert!(columns.last.is_none_or(|(col, width)| col + width <= room) && cols.len() <= room);
        let depths = (0..self.depth.max(1)).step_by(K_BLOCK);
        let whole = (0..columns.whole).step_by(PANEL);
        let mut part = |p: usize, (col, width): (usize, usize), packed_at: usize| {
            let panel = self.panel(cols.start + col, width, cols.start + packed_at, p, finish.after(p));
            panel.sweep(self.left(rows.start, p), rows.len(), &mut c.offset(col), stride);
        };
        let place = |col| (col, PANEL.min(columns.whole - col));
        if rows.len() * self.depth <= LEFT_BLOCK {
            whole.for_each(|col| depths.clone().for_each(|p| part(p, place(col), col)));
        } else {
            depths.clone().for_each(|p| whole.clone().for_each(|col| part(p, place(col), col)));
        }
        if let Some(last) = columns.last {
            depths.for_each(|p| part(p, last, columns.whole));
        }
    }

    /// The rows from `row` on, from position `p` along k on.
    fn left(&self, row: usize, p: usize) -> Left<'_> {
        let View { data, outer, inner } = self.left;
        Left { data: &data[(row * outer + p * inner).min(data.len())..], row: outer, step: inner }
    }

    /// The panel of `width` columns from `col` on, over the block of k that starts at `p`.
    fn panel(&self, col: usize, width: usize, packed_at: usize, p: usize, finish: Finish) -> Panel<'_> {
        let (data, stride) = match self.packed {
            Some(packed) => (&packed[packed_at * self.depth + p * width..], width),
            None => (
                &self.right.data[(p * self.right.inner + col).min(self.right.data.len())..],
                self.right.inner,
            ),
        };
        let depth = K_BLOCK.min(self.depth - p);
        Panel { data, stride, width, depth, start: finish.start(col), add_to_c: finish.add_to_c }
    }
}

/// Chunks of rows and of columns: as many as the caches ask for, then more. Rows of C come first: a
/// thread's share of the chunks is then one piece of C, as it is in what is done with C elementwise,
/// and stays in its core's cache. (Swapped, these are columns of C, and B's rows: a layer's weights.)
fn grid(rows: usize, cols: usize, depth: usize, swapped: bool) -> (usize, usize) {
    let work = rows.saturating_mul(cols).saturating_mul(depth);
    let enough = (work / SMALLEST_CHUNK).clamp(1, ENOUGH_CHUNKS);
    let row_chunks = rows.div_ceil(LEFT_BLOCK / depth.clamp(1, K_BLOCK));
    let shares = if swapped { enough.min(rows / 6) } else { enough.min(rows / 32).min(2) };
    let row_chunks = row_chunks.max(previous_power_of_two(shares));
    // Eight chunks do for eight threads; more would cut the shares across.
    let enough = if swapped && row_chunks >= 8 { row_chunks } else { enough };
    let col_chunks = if depth > K_BLOCK && !swapped { cols.div_ceil(COL_BLOCK) } else { 1 };
    let col_chunks = col_chunks.max(enough.div_ceil(row_chunks).min(cols / PANEL));
    let row_chunks = row_chunks.max(enough.div_ceil(col_chunks).min(rows.div_ceil(16)));
    (row_chunks, col_chunks)
}

fn previous_power_of_two(n: usize) -> usize {
    if n == 0 {
        return 1;
    }
    1 << n.ilog2()
}
