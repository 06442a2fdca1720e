//! Copies of a matrix that the tiles read faster.

use super::View;
use crate::parallel::{chunk_count, chunk_range, for_each_range};
use crate::simd::{reach, Dst, F32x4, Src};

/// Columns of a panel, a tile's width: see [`super::tiles`].
pub(super) const PANEL: usize = if cfg!(target_feature = "relaxed-simd") { 8 } else { 16 };

/// Columns of panels that are packed together: 16 floats of a row are a line of the cache.
pub(super) const GROUP: usize = 16;

/// How four columns and more are cut into panels whose widths are multiples of 4. Where their number is
/// none, the last panel overlaps the one before: it sums some columns once more, to the same bits.
pub(super) struct Columns {
    /// In panels of `PANEL` columns; the last of them may be narrower.
    whole: usize,
    /// First column and width of the last panel.
    pub last: Option<(usize, usize)>,
}

impl Columns {
    pub fn of(cols: usize) -> Self {
        assert!(cols >= 4);
        if cols.is_multiple_of(4) {
            return Self { whole: cols, last: None };
        }
        let whole = if cols < PANEL { cols / 4 * 4 } else { cols / PANEL * PANEL };
        let width = (cols - whole).next_multiple_of(4);
        Self { whole, last: Some((cols - width, width)) }
    }

    /// First column and width of each group of panels, without the last panel.
    pub fn groups(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let whole = self.whole;
        (0..whole).step_by(GROUP).map(move |col| (col, GROUP.min(whole - col)))
    }
}

/// Writes the panels of the `width` columns from `col` on, one after the other: each is `[depth][its width]`.
pub(super) fn pack_panels(from: View, col: usize, width: usize, depth: usize, to: &mut [f32]) {
    if depth == 0 {
        return;
    }
    let data = &from.data[col * from.outer..];
    if from.outer != 1 {
        for at in (0..width).step_by(PANEL) {
            let width = PANEL.min(width - at);
            let data = &data[at * from.outer..];
            transpose((data, from.outer), width, depth, &mut to[at * depth..], width);
        }
        return;
    }
    match width {
        16 => copy::<16>(data, from.inner, depth, to),
        12 => copy::<12>(data, from.inner, depth, to),
        8 => copy::<8>(data, from.inner, depth, to),
        _ => copy::<4>(data, from.inner, depth, to),
    }
}

/// The panels of the first `WIDTH` columns of `from`, whose rows are `stride` apart.
fn copy<const WIDTH: usize>(from: &[f32], stride: usize, depth: usize, to: &mut [f32]) {
    let mut from = Src::new(from, reach([(depth, stride)], WIDTH));
    let (first, second) = to.split_at_mut(WIDTH.min(PANEL) * depth);
    let (left, right) = (WIDTH.min(PANEL), WIDTH.saturating_sub(PANEL));
    let mut to = (Dst::new(first, depth * left), Dst::new(second, depth * right));
    for _ in 0..depth {
        for v in (0..left).step_by(4) {
            to.0.store(v, from.load(v));
        }
        for v in (0..right).step_by(4) {
            to.1.store(v, from.load(left + v));
        }
        (from, to) = (from.offset(stride), (to.0.advance(left), to.1.advance(right)));
    }
}

/// The matrix of `rows` rows, `k` long, along k: a copy in `scratch`.
pub(super) fn pack_rows<'a>(from: View, rows: usize, k: usize, scratch: &'a mut [f32]) -> View<'a> {
    let chunks = chunk_count(rows.div_ceil(4), k * 4);
    let range = |chunk| chunk_range(chunk, chunks, rows, 4);
    for_each_range(
        [&mut scratch[..rows * k]],
        chunks,
        |chunk| [range(chunk).start * k..range(chunk).end * k],
        move |chunk, [to]| {
            let rows = range(chunk);
            let from = (&from.data[rows.start..], from.inner);
            transpose(from, k, rows.len(), to, k);
        },
    );
    View { data: scratch, outer: k, inner: 1 }
}

/// Writes to `to`, whose rows are `stride` apart, the `[cols, rows]` transpose of `from`'s first
/// `rows` rows and `cols` columns.
pub(in crate::kernels) fn transpose(
    (from, from_stride): (&[f32], usize),
    rows: usize,
    cols: usize,
    to: &mut [f32],
    stride: usize,
) {
    if rows == 0 || cols == 0 {
        return;
    }
    let whole = (rows / 4 * 4, cols / 4 * 4);
    let src = Src::new(from, reach([(rows, from_stride)], cols));
    let mut to = Dst::new(to, reach([(cols, stride)], rows));
    // No more lines are written by turns than the first cache keeps: as many as a line of `from` has values, or half
    // of them where they all lie on few of its sets.
    let lines = if stride.is_multiple_of(256) { 8 } else { 16 };
    for first in (0..whole.1).step_by(lines) {
        for i in (0..whole.0).step_by(4) {
            let (mut src, mut to) = (src.offset(i * from_stride + first), to.offset(i));
            for j in (first..whole.1.min(first + lines)).step_by(4) {
                let four = std::array::from_fn(|r| src.offset(r * from_stride).load(0));
                for (r, column) in F32x4::transpose(four).into_iter().enumerate() {
                    to.offset((j + r) * stride).store(0, column);
                }
                src = src.offset(4);
            }
        }
    }
    for i in 0..rows {
        for j in if i < whole.0 { whole.1 } else { 0 }..cols {
            to.set(j * stride + i, from[i * from_stride + j]);
        }
    }
}
