//! Walks over `[n, c]` in rows, down strips of columns: what is known of a column stays in registers.

use super::BatchNormShape;
use crate::parallel::{chunk_count, chunk_range, for_each_part, for_each_range};
use crate::simd::{reach, Dst, F32x4, Src};
use std::ops::Range;

/// Columns of a strip: a line of the cache.
const WIDE: usize = 16;
/// Rows that a map goes down a strip before it comes to the next one.
const HIGH: usize = 16;

/// What a reduction does with some rows of the columns of a strip, `V` vectors from column `column` on; or, if `ONE` says
/// so, with one column, which then is in all lanes.
pub(super) trait Strip<const K: usize>: Sync {
    fn run<const V: usize, const ONE: bool>(&self, rows: Range<usize>, column: usize) -> [[F32x4; V]; K];
}

/// Widths of strips. (The core binary, which is to be small, has two of a kind.)
const REDUCED: [usize; 2] = if cfg!(feature = "whole") { [WIDE, 4] } else { [WIDE, WIDE] };
const WRITTEN: [usize; 2] = if cfg!(feature = "whole") { [WIDE, 4] } else { [4, 4] };

/// The first column and the width of each strip: the first of the widths that fits, or 1. The last one has columns of the
/// one before where there are not as many left; what is done with them once more has the same bits.
fn strips(columns: Range<usize>, widths: [usize; 2]) -> impl Iterator<Item = (usize, usize)> {
    let width = widths.into_iter().find(|&width| width <= columns.len()).unwrap_or(1);
    let last = columns.end.saturating_sub(width);
    columns.step_by(width).map(move |at| (at.min(last), width))
}

/// `K` results for each column of each piece.
pub(super) fn for_each_strip<const K: usize>(
    shape: &BatchNormShape,
    results: [&mut [f32]; K],
    strip: impl Strip<K>,
) {
    let (BatchNormShape { n, c, .. }, pieces) = (*shape, shape.pieces());
    // A piece's columns are cut further where there are few pieces.
    let wanted = chunk_count(n * c.div_ceil(WIDE), 32).div_ceil(pieces.max(1));
    let cuts = wanted.min(c.div_ceil(WIDE)).max(1);
    let columns = |chunk: usize| chunk_range(chunk % cuts, cuts, c, WIDE);
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
            for (at, width) in strips(columns.clone(), REDUCED) {
                let (rows, to) = (rows.clone(), at - columns.start);
                match width {
                    WIDE => store(&mut results, to, strip.run::<4, false>(rows, at)),
                    4 if cfg!(feature = "whole") => store(&mut results, to, strip.run::<1, false>(rows, at)),
                    _ => {
                        let values = strip.run::<1, true>(rows, at);
                        results.iter_mut().zip(values).for_each(|(to_, [v])| to_[to] = v.to_array()[0]);
                    }
                }
            }
        },
    );
}

fn store<const K: usize, const V: usize>(results: &mut [&mut [f32]; K], at: usize, values: [[F32x4; V]; K]) {
    for (result, values) in results.iter_mut().zip(values) {
        let mut to = Dst::new(&mut result[at..], 4 * V);
        values.into_iter().enumerate().for_each(|(v, value)| to.store(4 * v, value));
    }
}

/// A cursor at a strip that goes down the rows before `rows`.
#[inline(always)]
pub(super) fn cursor<const V: usize, const ONE: bool>(
    x: &[f32],
    (rows, c): (usize, usize),
    column: usize,
) -> Src<'_> {
    Src::new(x, reach([(rows, c)], column + if ONE { 1 } else { 4 * V })).offset(column)
}

/// The vector at a place of a strip, or the one value.
#[inline(always)]
pub(super) fn load_one<const ONE: bool>(x: Src, at: usize) -> F32x4 {
    if ONE {
        x.load_splat(at)
    } else {
        x.load(at)
    }
}

#[inline(always)]
pub(super) fn load<const V: usize, const ONE: bool>(x: Src, at: usize) -> [F32x4; V] {
    std::array::from_fn(|v| load_one::<ONE>(x, at + 4 * v))
}

/// Writes all of `y`: `f` of the inputs' values there, and of the factors' of its column.
#[inline(always)]
pub(super) fn write<const I: usize, const P: usize>(
    shape: &BatchNormShape,
    inputs: [&[f32]; I],
    factors: [&[f32]; P],
    y: &mut [f32],
    f: impl Fn([F32x4; I], [F32x4; P]) -> F32x4 + Sync,
) {
    let BatchNormShape { n, c, .. } = *shape;
    if c == 0 {
        return;
    }
    let f = &f;
    for_each_part([y], [c], (n, c, 1), move |rows, [y]| {
        for (first, y) in rows.step_by(HIGH).zip(y.chunks_mut(HIGH * c)) {
            let inputs = inputs.map(|x| &x[first * c..][..y.len()]);
            for (column, width) in strips(0..c, WRITTEN) {
                match width {
                    WIDE if cfg!(feature = "whole") => {
                        write_strip::<4, false, I, P>(c, column, inputs, factors, y, f)
                    }
                    4 => write_strip::<1, false, I, P>(c, column, inputs, factors, y, f),
                    _ => write_strip::<1, true, I, P>(c, column, inputs, factors, y, f),
                }
            }
        }
    });
}

#[inline(always)]
fn write_strip<const V: usize, const ONE: bool, const I: usize, const P: usize>(
    c: usize,
    column: usize,
    inputs: [&[f32]; I],
    factors: [&[f32]; P],
    y: &mut [f32],
    f: &impl Fn([F32x4; I], [F32x4; P]) -> F32x4,
) {
    let rows = y.len() / c;
    let mut inputs = inputs.map(|x| cursor::<V, ONE>(x, (rows, c), column));
    let factors = factors.map(|x| load::<V, ONE>(cursor::<V, ONE>(x, (1, c), column), 0));
    let length = y.len();
    let mut y = Dst::new(y, length).advance(column);
    for _ in 0..rows {
        for v in 0..V {
            let value = f(inputs.map(|x| load_one::<ONE>(x, 4 * v)), factors.map(|x| x[v]));
            if ONE {
                y.set(0, value.to_array()[0]);
            } else {
                y.store(4 * v, value);
            }
        }
        (inputs, y) = (inputs.map(|x| x.offset(c)), y.advance(c));
    }
}
