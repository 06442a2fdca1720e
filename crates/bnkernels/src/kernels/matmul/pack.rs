//! Copies of a matrix that the tiles read faster.

use super::View;
use crate::parallel::{chunk_count, chunk_range, for_each_range};
use crate::simd::{Dst, F32x4, Src};

/// Columns of a panel, a tile's width: see [`super::tiles`]. A panel of `depth` positions along k lies as
/// `[depth][PANEL]`, the last one as `[depth][width rounded up to a multiple of 4]`, padded with
/// zeros.
pub(super) const PANEL: usize = if cfg!(target_feature = "relaxed-simd") { 8 } else { 16 };

/// Floats of the panels of `cols` columns.
pub(super) fn panels_len(depth: usize, cols: usize) -> usize {
    depth * cols.next_multiple_of(4)
}

/// Writes the panels of columns `first..first + cols` of `from`, `depth` positions along k.
pub(super) fn pack_panels(from: View, first: usize, cols: usize, depth: usize, to: &mut [f32]) {
    if depth == 0 || cols == 0 {
        return;
    }
    let panels = cols.div_ceil(PANEL);
    let chunks = chunk_count(panels, depth * PANEL);
    let range = |chunk| chunk_range(chunk, chunks, panels * PANEL, PANEL);
    let at = |col: usize| panels_len(depth, col.min(cols));
    for_each_range(
        [to],
        chunks,
        |chunk| [at(range(chunk).start)..at(range(chunk).end)],
        |chunk, [to]| {
            for (col, to) in range(chunk).step_by(PANEL).zip(to.chunks_mut(depth * PANEL)) {
                let width = PANEL.min(cols - col);
                let data = &from.data[(first + col) * from.outer..];
                if from.outer == 1 {
                    copy(data, from.inner, width, to);
                } else {
                    let padded = width.next_multiple_of(4);
                    if width < padded {
                        to.fill(0.0);
                    }
                    transpose((data, from.outer), width, depth, &mut Dst::new(to), padded);
                }
            }
        },
    );
}

/// Writes to `to` the rows, each `depth` long, of a matrix of which `from` has the columns.
pub(super) fn pack_rows(from: View, rows: usize, depth: usize, to: &mut [f32]) {
    let chunks = chunk_count(rows.div_ceil(4), depth * 4);
    let range = |chunk| chunk_range(chunk, chunks, rows, 4);
    for_each_range(
        [to],
        chunks,
        |chunk| [range(chunk).start * depth..range(chunk).end * depth],
        |chunk, [to]| {
            let rows = range(chunk);
            let from = (&from.data[rows.start.min(from.data.len())..], from.inner);
            transpose(from, depth, rows.len(), &mut Dst::new(to), depth);
        },
    );
}

/// Copies `width` columns of `from`, whose rows are `stride` apart; rows of `to` are that width
/// rounded up to whole vectors, filled up with zeros.
fn copy(from: &[f32], stride: usize, width: usize, to: &mut [f32]) {
    let padded = width.next_multiple_of(4);
    let depth = to.len() / padded;
    assert!((depth - 1) * stride + width <= from.len());
    if width == PANEL {
        let (mut from, mut to) = (Src::new(from), Dst::new(to));
        for _ in 0..depth {
            for v in (0..PANEL).step_by(4) {
                to.store(v, from.load(v));
            }
            (from, to) = (from.offset(stride), to.advance(PANEL));
        }
    } else {
        for (to, from) in to.chunks_exact_mut(padded).zip(from.chunks(stride)) {
            to[width..].fill(0.0);
            to[..width].copy_from_slice(&from[..width]);
        }
    }
}

/// Writes to `to`, whose rows are `stride` apart, the `[cols, rows]` transpose of `from`'s first
/// `rows` rows and `cols` columns.
pub(super) fn transpose(
    (from, from_stride): (&[f32], usize),
    rows: usize,
    cols: usize,
    to: &mut Dst,
    stride: usize,
) {
    if rows == 0 || cols == 0 {
        return;
    }
    assert!((rows - 1) * from_stride + cols <= from.len());
    let whole = (rows / 4 * 4, cols / 4 * 4);
    let src = Src::new(from);
    for i in (0..whole.0).step_by(4) {
        let (mut src, mut to) = (src.offset(i * from_stride), to.offset(i));
        for j in (0..whole.1).step_by(4) {
            let four = std::array::from_fn(|r| src.offset(r * from_stride).load(0));
            for (r, column) in F32x4::transpose(four).into_iter().enumerate() {
                to.offset((j + r) * stride).store(0, column);
            }
            src = src.offset(4);
        }
    }
    for i in 0..rows {
        for j in if i < whole.0 { whole.1 } else { 0 }..cols {
            to.set(j * stride + i, from[i * from_stride + j]);
        }
    }
}
