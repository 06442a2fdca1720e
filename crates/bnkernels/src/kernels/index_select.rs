//! Rows picked by index along the middle of `[outer, n, inner]`, and the gradient: rows summed by index.
//!
//! `y[o][k][i] = x[o][index[k]][i]`, and `dx[o][j][i] = Σ dy[o][k][i]` over the `k` with `index[k] = j`.
//! Indices are whole floats; where one is no row, nothing is written, and its place is given.
//! (torch.index_select; an embedding is the case of one `outer`.)

use super::reduce::ReduceShape;
use crate::parallel::{chunk_count, chunk_range, for_each_part, for_each_range, scratch::take, OutOfMemory};
use crate::simd::{Dst, F32x4, Src};

/// The first index that is no whole number in `0..n`.
#[inline(never)]
pub fn first_bad_index(index: &[f32], n: usize) -> Option<usize> {
    // (Of more rows than 2²⁴ not all are floats: these are asked one by one.)
    let (zero, end) = (F32x4::zero(), F32x4::splat(n.min(1 << 24) as f32));
    let are_rows = |four: &&[f32; 4]| {
        let at = F32x4::load(*four);
        WHOLE && !at.floor().eq(at).and(at.ge(zero)).and(at.lt(end)).not().any()
    };
    let fine = 4 * index.as_chunks().0.iter().take_while(are_rows).count();
    let is_row = |&at: &f32| at >= 0.0 && at.trunc() == at && (at as usize) < n;
    index[fine..].iter().position(|at| !is_row(at)).map(|at| fine + at)
}

/// The binary that most pages download has the shorter ways only, to the same bits.
const WHOLE: bool = cfg!(feature = "whole");

/// An index that was found to be a row: in the low bits of a double whose last bit is worth 1.
#[inline(always)]
pub(super) fn row_of(at: f32) -> usize {
    (f64::from(at) + (1u64 << 52) as f64).to_bits() as u32 as usize
}

/// `count` rows of `x` are picked for each of `outer`.
pub fn index_select_forward(shape: ReduceShape, x: &[f32], index: &[f32], y: &mut [f32]) -> Option<usize> {
    let ReduceShape { outer, n, inner } = shape;
    let count = index.len();
    assert!(x.len() == outer * n * inner && y.len() == outer * count * inner);
    let bad = first_bad_index(index, n);
    if bad.is_some() || y.is_empty() {
        return bad;
    }
    for_each_part([y], [inner], (outer * count, inner, 1), move |range, [y]| {
        let (mut o, mut k) = (range.start / count, range.start % count);
        for y in y.chunks_exact_mut(inner) {
            copy(&x[(o * n + row_of(index[k])) * inner..][..inner], y);
            k += 1;
            if k == count {
                (o, k) = (o + 1, 0);
            }
        }
    });
    None
}

/// A copy, of few values without a call.
#[inline(always)]
fn copy(x: &[f32], y: &mut [f32]) {
    let n = y.len();
    if let ([x], [y]) = (x, &mut *y) {
        *y = *x;
    } else if WHOLE && (4..32).contains(&n) {
        let (x, mut y) = (Src::new(x, n), Dst::new(y, n));
        // The last vector may overlap the one before.
        y.store(n - 4, x.load(n - 4));
        for at in (0..n - 4).step_by(4) {
            y.store(at, x.load(at));
        }
    } else {
        y.copy_from_slice(x);
    }
}

/// Columns that are summed side by side, in registers.
const STRIP: usize = if WHOLE { 32 } else { 16 };

/// Writes all of `dx`. The picks are sorted by row first (stably); each row is summed in the order of its picks, and
/// written once. Chunks end where a share of the picks does, which may be within a row, behind a strip of columns.
pub fn index_select_backward(
    shape: ReduceShape,
    dy: &[f32],
    index: &[f32],
    dx: &mut [f32],
) -> Result<Option<usize>, OutOfMemory> {
    let ReduceShape { outer, n, inner } = shape;
    let count = index.len();
    assert!(dy.len() == outer * count * inner && dx.len() == outer * n * inner);
    let bad = first_bad_index(index, n);
    if bad.is_some() || dx.is_empty() {
        return Ok(bad);
    }
    // Whole numbers as bits: none is a NaN's, as no array has so many elements.
    let mut places = take(n + 1 + count)?;
    let (ends, order) = places.split_at_mut(n + 1);
    let most = count_rows(index, ends);
    if WHOLE && dy.len() >= FAR && count >= 2 * n && most <= BLOCK {
        add_rows(shape, dy, index, dx);
        return Ok(None);
    }
    sort_by_row(index, ends, order);
    let (ends, order) = (&*ends, &*order);
    let end = |j: usize| ends[j].to_bits() as usize;
    // What a strip takes: to be written, and its picks.
    let strips = inner.div_ceil(STRIP);
    let work = (n + count) * strips;
    let chunks = chunk_count(outer * (n + count), inner);
    let place = |at: usize| {
        let (o, at) = (at / work, at % work);
        let (mut row, mut after) = (0, n);
        while after - row > 1 {
            let middle = row + (after - row) / 2;
            *(if (middle + end(middle)) * strips <= at { &mut row } else { &mut after }) = middle;
        }
        let strip = (at - (row + end(row)) * strips) / (1 + end(row + 1) - end(row));
        (o * n + row) * inner + strip * STRIP
    };
    let range = |chunk| {
        if WHOLE {
            let share = chunk_range(chunk, chunks, outer * work, 1);
            place(share.start)..place(share.end)
        } else {
            let rows = chunk_range(chunk, chunks, outer * n, 1);
            rows.start * inner..rows.end * inner
        }
    };
    for_each_range(
        [dx],
        chunks,
        |chunk| [range(chunk)],
        move |chunk, [mut dx]| {
            let start = range(chunk).start;
            let (mut row, mut column) = (start / inner, start % inner);
            while !dx.is_empty() {
                let (o, j) = (row / n, row % n);
                let dy = &dy[o * count * inner..][..count * inner];
                let picks = end(j)..end(j + 1);
                let strip;
                (strip, dx) = dx.split_at_mut(STRIP.min(inner - column));
                sum_strip(&dy[column.min(dy.len())..], inner, &order[picks], strip);
                column += STRIP;
                if column >= inner {
                    (row, column) = (row + 1, 0);
                }
            }
        },
    );
    Ok(None)
}

/// From so many values on (8 MB), rows in another order than that of memory take several times as long: each lies in a
/// page of its own, whose address has to be looked up.
const FAR: usize = 1 << 21;

/// `index_select_backward` of rows that are picked [`BLOCK`] times at most, to the same bits: what is long is read in
/// the order of memory, and what is short is changed again and again. (Two threads would each look up all pages.)
#[inline(never)]
fn add_rows(ReduceShape { outer, n, inner }: ReduceShape, dy: &[f32], index: &[f32], dx: &mut [f32]) {
    const STEP: usize = 16;
    dx.fill(0.0);
    for o in 0..outer {
        let dy = dy[o * index.len() * inner..].chunks_exact(inner);
        for (dy, &at) in dy.zip(index) {
            let dx = &mut dx[(o * n + row_of(at)) * inner..][..inner];
            let ((dy, dy_rest), (dx, dx_rest)) = (dy.as_chunks::<STEP>(), dx.as_chunks_mut::<STEP>());
            for (dx, dy) in dx.iter_mut().zip(dy) {
                let (dy, mut dx) = (Src::new(dy, STEP), Dst::new(dx, STEP));
                (0..STEP).step_by(4).for_each(|v| dx.store(v, dx.load(v) + dy.load(v)));
            }
            dx_rest.iter_mut().zip(dy_rest).for_each(|(dx, dy)| *dx += dy);
        }
    }
}

/// Gives what it was before, in bits.
#[inline(always)]
fn add_to(count: &mut f32, more: u32) -> u32 {
    let before = count.to_bits();
    *count = f32::from_bits(before + more);
    before
}

/// How often row `j` was picked, in `counts[j + 1]`, and the most of them.
fn count_rows(index: &[f32], counts: &mut [f32]) -> usize {
    counts.fill(0.0);
    let mut most = 0;
    for &at in index {
        most = most.max(add_to(&mut counts[row_of(at) + 1], 1));
    }
    most as usize + 1
}

/// Of such counts: after it, the picks of row `j` are `order[ends[j]..ends[j + 1]]`, ascending.
fn sort_by_row(index: &[f32], ends: &mut [f32], order: &mut [f32]) {
    let ends = &mut ends[1..];
    let mut start = 0;
    for end in &mut *ends {
        let count = end.to_bits();
        *end = f32::from_bits(start);
        start += count;
    }
    // Each start moves on to the row's end.
    for (k, &at) in index.iter().enumerate() {
        order[add_to(&mut ends[row_of(at)], 1) as usize] = f32::from_bits(k as u32);
    }
}

/// Rows that are summed in f32, at most; more are closed in f64.
const BLOCK: usize = 64;

/// `y = Σ x[pick]` of a strip of rows of `inner`.
fn sum_strip(x: &[f32], inner: usize, picks: &[f32], y: &mut [f32]) {
    if picks.len() <= BLOCK {
        return sum_block(x, inner, picks, y);
    }
    let (mut totals, mut sums) = ([0.0; STRIP], [0.0; STRIP]);
    for block in picks.chunks(BLOCK) {
        sum_block(x, inner, block, &mut sums[..y.len()]);
        totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += f64::from(sum));
    }
    y.iter_mut().zip(totals).for_each(|(y, total)| *y = total as f32);
}

#[inline(never)]
fn sum_block(x: &[f32], inner: usize, picks: &[f32], y: &mut [f32]) {
    let n = y.len();
    let x = Src::new(x, x.len());
    if n < 4 {
        for (c, y) in y.iter_mut().enumerate() {
            *y = picks.iter().fold(0.0, |sum, pick| sum + x.get(pick.to_bits() as usize * inner + c));
        }
        return;
    }
    let mut y = Dst::new(y, n);
    let mut at = 0;
    if WHOLE && n == STRIP {
        return sum_vectors::<8>(x, inner, picks, y);
    }
    if n >= 16 {
        sum_vectors::<4>(x, inner, picks, y.offset(0));
        at = 16;
    }
    while at < n {
        // The last vector may overlap the one before.
        let from = at.min(n - 4);
        sum_vectors::<1>(x.offset(from), inner, picks, y.offset(from));
        at += 4;
    }
}

#[inline(always)]
fn sum_vectors<const V: usize>(x: Src, inner: usize, picks: &[f32], mut y: Dst) {
    let mut sums = [F32x4::zero(); V];
    for pick in picks {
        let x = x.offset(pick.to_bits() as usize * inner);
        sums = std::array::from_fn(|v| sums[v] + x.load(4 * v));
    }
    sums.into_iter().enumerate().for_each(|(v, sum)| y.store(4 * v, sum));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, indexing as twin, random};

    #[test]
    fn rows_are_picked_and_their_gradients_summed() {
        for (outer, n, inner, count) in [
            (1, 1, 1, 1),
            (1, 5, 7, 13),
            (3, 4, 1, 0),
            (2, 3, 0, 5),
            (0, 3, 2, 5),
            (4, 9, 33, 70),
            (1, 50, 64, 2000),
            (70, 31, 5, 97),
            (1, 2, 3, 5000),
            (3, 2, 101, 900),
            (2, 1, 35, 6000),
            (1, 9000, 36, 40),
            (2, 3, 40, 0),
        ] {
            let shape = ReduceShape { outer, n, inner };
            let (x, dy) = (random(1, outer * n * inner), random(2, outer * count * inner));
            let index = twin::indices(3, count, n);
            let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
            assert_eq!(index_select_forward(shape, &x, &index, &mut y), None);
            let all = twin::repeated(&index, outer, inner);
            assert_close(&y, &twin::gather((outer, n, count, inner), &x, &all), 0.0);
            assert_eq!(index_select_backward(shape, &dy, &index, &mut dx), Ok(None));
            assert_close(&dx, &twin::scatter((outer, n, count, inner), &dy, &all), 3e-7);
        }
    }

    #[test]
    fn rows_that_are_added_one_by_one_have_the_same_bits() {
        for (outer, n, inner, count) in [(1, 50, 64, 500), (3, 40, 37, 900), (2, 7, 5, 0), (1, 1, 1, 64)] {
            let shape = ReduceShape { outer, n, inner };
            // (Sums of zeros have their signs, too.)
            let dy: Vec<f32> =
                random(2, outer * count * inner).iter().map(|dy| dy * dy.signum().min(0.0)).collect();
            let index = twin::indices(3, count, n);
            assert!(count_rows(&index, &mut vec![7.0; n + 1]) <= BLOCK);
            let (mut dx, mut expected) =
                (vec![f32::NAN; outer * n * inner], vec![f32::NAN; outer * n * inner]);
            add_rows(shape, &dy, &index, &mut dx);
            index_select_backward(shape, &dy, &index, &mut expected).unwrap();
            assert!(dx.iter().zip(&expected).all(|(dx, expected)| dx.to_bits() == expected.to_bits()));
        }
    }

    #[test]
    fn a_long_sum_keeps_its_digits() {
        let (count, mut dx) = (100_000, [f32::NAN; 3]);
        let shape = ReduceShape { outer: 1, n: 3, inner: 1 };
        index_select_backward(shape, &vec![0.1; count], &vec![1.0; count], &mut dx).unwrap();
        assert_close(&dx, &[0.0, f64::from(0.1f32) * count as f64, 0.0], 2e-6);
    }

    #[test]
    fn a_bad_index_is_found_before_anything_is_written() {
        let shape = ReduceShape { outer: 1, n: 3, inner: 2 };
        for bad in [-1.0, 3.0, 0.5, f32::NAN, f32::INFINITY, -0.5, 1e20] {
            let (mut y, mut dx) = ([7.0; 4], [7.0; 6]);
            assert_eq!(index_select_forward(shape, &[0.0; 6], &[2.0, bad], &mut y), Some(1));
            assert_eq!(index_select_backward(shape, &[0.0; 4], &[2.0, bad], &mut dx), Ok(Some(1)));
            assert_eq!((y, dx), ([7.0; 4], [7.0; 6]));
        }
    }
}
