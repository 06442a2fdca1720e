//! Products of rows of a left matrix with panels of a right one: for each p along k, an element of
//! each row times a vector of the panel, so that the sums need no adding up across lanes.
//!
//! Left is A and right is B; in form NT, where the matrix on the right has to be transposed, it is
//! the smaller one, and the product may be that of B and Aᵀ: C's transpose.
//!
//! Blocks, as in Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008):
//! a panel of [`K_BLOCK`] stays in the first cache, a chunk's rows and its part of C in the second.

use super::pack::{pack_panels, pack_rows, panels_len, transpose, PANEL};
use super::tiles::{Left, Panel};
use super::{Finish, View};
use crate::parallel::{for_each_tile, with_scratch, Tile};
use crate::simd::{Dst, F32x4};

/// A panel of this depth (16 KB) takes half of the first cache.
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
    let swapped = b.outer != 1 && m < n;
    let (left, right, rows, cols) = if swapped { (b, a, n, m) } else { (a, b, m, n) };
    let pack_left = left.inner != 1 && (k > MOST_STEPS || !fits_cache(left.inner, k));
    let rows_to_pack = if fits_cache(right.inner, k) { ROWS_TO_PACK.0 } else { ROWS_TO_PACK.1 };
    let pack_right = right.outer != 1 || rows >= rows_to_pack;
    let slab = match pack_left || pack_right {
        true => (SLAB / rows.max(cols) / K_BLOCK).max(1) * K_BLOCK,
        false => k.max(1),
    };
    // Columns from here on are packed.
    let packed_from = match pack_right {
        true => 0,
        false if cols.is_multiple_of(4) => cols,
        false => cols / PANEL * PANEL,
    };
    // A sum of no terms is still written, hence the max.
    for k0 in (0..k.max(1)).step_by(slab) {
        let depth = slab.min(k - k0);
        let (left, right) = (left.from(k0), right.from(k0));
        let left_len = if pack_left { rows * depth } else { 0 };
        let packed_len = panels_len(depth, cols - packed_from);
        with_scratch(packed_len + left_len, |scratch| {
            let (packed, left_rows) = scratch.split_at_mut(packed_len);
            pack_panels(right, packed_from, cols - packed_from, depth, packed);
            let left = if pack_left {
                pack_rows(left, rows, depth, left_rows);
                View { data: left_rows, outer: depth, inner: 1 }
            } else {
                left
            };
            let product = Product { left, right, packed, packed_from, depth, finish: Finish::new(bias, k0) };
            product.run(swapped, (m, n), c);
        });
    }
}

/// Whether the first cache holds a block of a column whose elements are `stride` apart: 64 sets of
/// 8 lines, of which a stride of a large power of two uses few.
fn fits_cache(stride: usize, depth: usize) -> bool {
    depth.min(K_BLOCK) << stride.trailing_zeros().min(10) <= 4096
}

impl<'a> View<'a> {
    /// From position `p` along k on.
    fn from(self, p: usize) -> Self {
        Self { data: &self.data[(p * self.inner).min(self.data.len())..], ..self }
    }
}

struct Product<'a> {
    left: View<'a>,
    right: View<'a>,
    /// Panels of `right` from column `packed_from` on.
    packed: &'a [f32],
    packed_from: usize,
    depth: usize,
    finish: Finish<'a>,
}

impl Product<'_> {
    fn run(&self, swapped: bool, (m, n): (usize, usize), c: &mut [f32]) {
        let (rows, cols) = if swapped { (n, m) } else { (m, n) };
        let (row_chunks, col_chunks) = grid(rows, cols, self.depth, swapped);
        if swapped {
            for_each_tile(c, (m, n), (col_chunks, row_chunks), (PANEL, 2), |tile| self.swapped_chunk(tile));
        } else {
            for_each_tile(c, (m, n), (row_chunks, col_chunks), (2, PANEL), |tile| self.chunk(tile));
        }
    }

    fn chunk(&self, mut tile: Tile) {
        let cols = tile.cols;
        let padded = if cols.is_multiple_of(4) { 0 } else { (cols % PANEL).next_multiple_of(4) };
        with_scratch(tile.rows * padded, |scratch| {
            let (cols, depths) = ((0..cols).step_by(PANEL), (0..self.depth.max(1)).step_by(K_BLOCK));
            if tile.rows * self.depth <= LEFT_BLOCK {
                cols.for_each(|col| depths.clone().for_each(|p| self.part(p, col, &mut tile, scratch)));
            } else {
                depths.for_each(|p| cols.clone().for_each(|col| self.part(p, col, &mut tile, scratch)));
            }
        });
    }

    /// A panel's columns of the tile, from `col` on, over the block of k that starts at `p`; by way of
    /// `scratch` where they end in mid-vector.
    fn part(&self, p: usize, col: usize, tile: &mut Tile, scratch: &mut [f32]) {
        let (rows, width) = (tile.rows, PANEL.min(tile.cols - col));
        let (left, finish) = (self.left(tile.row, p), self.finish.after(p));
        if width.is_multiple_of(4) {
            let panel = self.panel(tile.col + col, width, p, finish);
            let (mut c, stride) = tile.cursor();
            return panel.sweep(left, rows, &mut c.offset(col), stride);
        }
        let padded = width.next_multiple_of(4);
        let panel = self.panel(tile.col + col, width, p, Finish { add_to_c: false, ..finish });
        panel.sweep(left, rows, &mut Dst::new(scratch), padded);
        for (r, sums) in scratch.chunks_exact(padded).enumerate() {
            for (c, sum) in tile.row_mut(r)[col..].iter_mut().zip(sums) {
                *c = if finish.add_to_c { *c + sum } else { *sum };
            }
        }
    }

    /// Sums C's transpose, then writes it.
    fn swapped_chunk(&self, mut tile: Tile) {
        let (rows, cols) = (tile.cols, tile.rows);
        let stride = cols.next_multiple_of(4);
        with_scratch(rows * stride, |sums| {
            for p in (0..self.depth.max(1)).step_by(K_BLOCK) {
                let finish = Finish { bias: None, add_to_c: p > 0 };
                let left = self.left(tile.col, p);
                for col in (0..cols).step_by(PANEL) {
                    let panel = self.panel(tile.row + col, PANEL.min(cols - col), p, finish);
                    panel.sweep(left, rows, &mut Dst::new(&mut sums[col..]), stride);
                }
            }
            if self.finish.add_to_c {
                for r in 0..cols {
                    for (j, c) in tile.row_mut(r).iter_mut().enumerate() {
                        *c += sums[j * stride + r];
                    }
                }
            } else {
                if let Some(bias) = self.finish.bias {
                    for (sums, &bias) in sums.chunks_exact_mut(stride).zip(&bias[tile.col..]) {
                        let bias = F32x4::splat(bias);
                        for sums in sums.chunks_exact_mut(4) {
                            (F32x4::load(sums) + bias).store(sums);
                        }
                    }
                }
                let (mut c, c_stride) = tile.cursor();
                transpose((sums, stride), rows, cols, &mut c, c_stride);
            }
        });
    }

    /// The rows from `row` on, from position `p` along k on.
    fn left(&self, row: usize, p: usize) -> Left<'_> {
        let View { data, outer, inner } = self.left;
        Left { data: &data[(row * outer + p * inner).min(data.len())..], row: outer, step: inner }
    }

    /// The panel of `width` columns from `col` on, over the block of k that starts at `p`.
    fn panel<'a>(&'a self, col: usize, width: usize, p: usize, finish: Finish<'a>) -> Panel<'a> {
        let depth = K_BLOCK.min(self.depth - p);
        let width_padded = width.next_multiple_of(4);
        let (data, stride) = if col >= self.packed_from {
            (&self.packed[(col - self.packed_from) * self.depth + p * width_padded..], width_padded)
        } else {
            let data = self.right.data;
            (&data[(p * self.right.inner + col).min(data.len())..], self.right.inner)
        };
        Panel {
            data,
            stride,
            width: width_padded,
            depth,
            start: finish.start(col),
            add_to_c: finish.add_to_c,
        }
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
    let col_chunks = col_chunks.max(enough.div_ceil(row_chunks).min(cols.div_ceil(PANEL)));
    let row_chunks = row_chunks.max(enough.div_ceil(col_chunks).min(rows.div_ceil(16)));
    (row_chunks, col_chunks)
}

fn previous_power_of_two(n: usize) -> usize {
    if n == 0 {
        return 1;
    }
    1 << n.ilog2()
}
