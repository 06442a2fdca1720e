//! Walks over `[n, c]` in rows: reductions go down strips of columns, maps along the rows.

use super::BatchNormShape;
use crate::parallel::{chunk_count, chunk_range, for_each_part, for_each_range};
use crate::simd::{reach, Dst, F32x4, Src};
use std::ops::Range;

/// What a reduction does with the columns of a strip, `V` vectors (the last has `width` columns, at
/// most 4; `V` is 1 if that is not 4) from column `column` on.
pub(super) trait Strip<const K: usize>: Sync {
    fn run<const V: usize>(&self, rows: Range<usize>, column: usize, width: usize) -> [[F32x4; V]; K];
}

/// `K` results for each column of each piece.
pub(super) fn for_each_strip<const K: usize>(
    shape: &BatchNormShape,
    results: [&mut [f32]; K],
    strip: impl Strip<K>,
) {
    let (BatchNormShape { n, c, .. }, pieces) = (*shape, shape.pieces());
    // A piece's columns are cut further where there are few pieces.
    let wanted = chunk_count(n * c.div_ceil(16), 32).div_ceil(pieces.max(1));
    let cuts = wanted.min(c.div_ceil(16)).max(1);
    let columns = |chunk: usize| chunk_range(chunk % cuts, cuts, c, 16);
    let range = |chunk: usize| {
        let (start, columns) = (chunk / cuts * c, columns(chunk));
        start + columns.start..start + columns.end
    };
    for_each_range(
        results,
        pieces * cuts,
        |chunk| std::array::from_fn(|_| range(chunk)),
        |chunk, mut results| {
            let rows = chunk_range(chunk / cuts, pieces, n, 1);
            let columns = columns(chunk);
            let mut at = columns.start;
            while at < columns.end {
                let left = columns.end - at;
                let to = at - columns.start;
                if left >= 16 {
                    store(&mut results, to, 4, strip.run::<4>(rows.clone(), at, 4));
                    at += 16;
                } else {
                    let width = left.min(4);
                    store(&mut results, to, width, strip.run::<1>(rows.clone(), at, width));
                    at += width;
                }
            }
        },
    );
}

fn store<const K: usize, const V: usize>(
    results: &mut [&mut [f32]; K],
    at: usize,
    width: usize,
    values: [[F32x4; V]; K],
) {
    for (result, values) in results.iter_mut().zip(values) {
        for (v, value) in values.into_iter().enumerate() {
            let to = &mut result[at + 4 * v..][..width];
            if width == 4 {
                Dst::new(to, 4).store(0, value);
            } else {
                value.store_tail(to);
            }
        }
    }
}

/// How far a strip reaches that goes down the first `rows` rows and ends before column `end`.
#[inline(always)]
pub(super) fn reach_of_strip(rows: usize, c: usize, end: usize) -> usize {
    reach([(rows, c)], end)
}

/// `width` elements from `at` on, at most 4; 0 in the other lanes.
#[inline(always)]
pub(super) fn load(x: Src, at: usize, width: usize) -> F32x4 {
    if width == 4 {
        return x.load(at);
    }
    let lane = |i: usize| if i < width { x.get(at + i) } else { 0.0 };
    F32x4::new(lane(0), lane(1), lane(2), lane(3))
}

/// Writes all of `y`: `f(index of a row's first element)` gives the map from a column, and how many
/// there are from it on (at most 4), to the row's values there.
#[inline(always)]
pub(super) fn write<M: Fn(usize, usize) -> F32x4>(
    shape: &BatchNormShape,
    y: &mut [f32],
    f: impl Fn(usize) -> M + Sync,
) {
    let BatchNormShape { n, c, .. } = *shape;
    if c == 0 {
        return;
    }
    for_each_part([y], [c], (n, c, 1), move |rows, [y]| {
        for (row, y) in rows.zip(y.chunks_exact_mut(c)) {
            let map = f(row * c);
            let mut column = 0;
            let mut whole = Dst::new(&mut *y, c / 4 * 4);
            while column + 4 <= c {
                whole.store(column, map(column, 4));
                column += 4;
            }
            if column < c {
                map(column, c - column).store_tail(&mut y[column..]);
            }
        }
    });
}
