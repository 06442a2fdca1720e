//! Copies of a matrix that the tiles read faster.

use super::View;
use crate::parallel::{chunk_count, chunk_range, for_each_range};
use crate::simd::{Dst, F32x4, Src};

/// Columns of a panel, a tile's width: see [`super::tiles`].
pub(super) const PANEL: usize = if cfg!(target_feature = "relaxed-simd") { 8 } else { 16 };

/// How columns are cut into panels whose widths are multiples of 4. Where their number is none, the
/// last panel overlaps the one before: it sums some columns once more, to the same bits.
pub(super) struct Columns {
    /// In panels of `PANEL` columns; the last of them may be narrower.
    pub whole: usize,
    /// First column and width of the last panel. Fewer than 4 columns are padded with zeros.
    pub last: Option<(usize, usize)>,
}

impl Columns {
    pub fn of(cols: usize) -> Self {
        let whole = if cols < PANEL { cols / 4 * 4 } else { cols / PANEL * PANEL };
        let width = (cols - whole).next_multiple_of(4);
        match width {
            _ if cols.is_multiple_of(4) => Self { whole: cols, last: None },
            _ => Self { whole, last: Some((cols.saturating_sub(width), width)) },
        }
    }

    /// Floats of the panels: each lies as `[depth][width]`.
    pub fn packed_len(&self, depth: usize) -> usize {
        depth * (self.whole + self.last.map_or(0, |(_, width)| width))
    }
}

/// Writes the panels of `cols` columns of `from`, `depth` positions along k.
pub(super) fn pack_panels(from: View, cols: usize, depth: usize, to: &mut [f32]) {
    if depth == 0 {
        return;
    }
    let columns = Columns::of(cols);
    let whole = columns.whole.div_ceil(PANEL);
    let panels = whole + usize::from(columns.last.is_some());
    let chunks = chunk_count(panels, depth * PANEL);
    let at = |panel: usize| match panel == panels {
        true => columns.packed_len(depth),
        false => depth * (panel * PANEL).min(columns.whole),
    };
    for_each_range(
        [to],
        chunks,
        |chunk| {
            let panels = chunk_range(chunk, chunks, panels, 1);
            [at(panels.start)..at(panels.end)]
        },
        |chunk, [to]| {
            let panels = chunk_range(chunk, chunks, panels, 1);
            let first = at(panels.start);
            for panel in panels {
                let to = &mut to[at(panel) - first..at(panel + 1) - first];
                let (col, width) = match columns.last {
                    Some(last) if panel == whole => last,
                    _ => (panel * PANEL, to.len() / depth),
                };
                pack_panel(from, col, width.min(cols), depth, to);
            }
        },
    );
}

/// Writes `[depth][width]`; where there are fewer columns than 4, zeros fill them up.
fn pack_panel(from: View, col: usize, width: usize, depth: usize, to: &mut [f32]) {
    let stride = to.len() / depth;
    let data = &from.data[col * from.outer..];
    if width < stride {
        to.fill(0.0);
    }
    if from.outer != 1 {
        transpose((data, from.outer), width, depth, &mut Dst::new(to), stride);
    } else if width == PANEL {
        assert!((depth - 1) * from.inner + PANEL <= data.len());
        let (mut data, mut to) = (Src::new(data), Dst::new(to));
        for _ in 0..depth {
            for v in (0..PANEL).step_by(4) {
                to.store(v, data.load(v));
            }
            (data, to) = (data.offset(from.inner), to.advance(PANEL));
        }
    } else {
        for (to, from) in to.chunks_exact_mut(stride).zip(data.chunks(from.inner)) {
            to[..width].copy_from_slice(&from[..width]);
        }
    }
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
