//! Rows picked by index along the middle of `[outer, n, inner]`, and the gradient: rows summed by index.
//!
//! `y[o][k][i] = x[o][index[k]][i]`, and `dx[o][j][i] = Σ dy[o][k][i]` over the `k` with `index[k] = j`.
//! Indices are whole floats; where one is no row, nothing is written, and its place is given.
//! (torch.index_select; an embedding is the case of one `outer`.)

use super::reduce::ReduceShape;
use crate::parallel::{for_each_part, scratch::take, OutOfMemory};
use crate::simd::{F32x4, Src};

/// The first index that is no whole number in `0..n`.
pub fn first_bad_index(index: &[f32], n: usize) -> Option<usize> {
    index.iter().position(|&at| !(at >= 0.0 && at.trunc() == at && (at as usize) < n))
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
            let from = (o * n + index[k] as usize) * inner;
            match y {
                // (A copy of one element is a call.)
                [y] => *y = x[from],
                y => y.copy_from_slice(&x[from..][..inner]),
            }
            k += 1;
            if k == count {
                (o, k) = (o + 1, 0);
            }
        }
    });
    None
}

/// Writes all of `dx`. The picks are sorted by row first (stably), so that rows can be shared out among threads,
/// and each is summed in the order of its picks.
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
    sort_by_row(index, ends, order);
    let (ends, order) = (&*ends, &*order);
    let cost = (count * inner).div_ceil(n) + inner;
    for_each_part([dx], [inner], (outer * n, cost, 1), move |range, [dx]| {
        for (row, dx) in range.zip(dx.chunks_exact_mut(inner)) {
            let (o, j) = (row / n, row % n);
            let picks = &order[ends[j].to_bits() as usize..ends[j + 1].to_bits() as usize];
            sum_rows(&dy[o * count * inner..][..count * inner], picks, dx);
        }
    });
    Ok(None)
}

/// After it, the picks of row `j` are `order[ends[j]..ends[j + 1]]`, ascending.
fn sort_by_row(index: &[f32], ends: &mut [f32], order: &mut [f32]) {
    let add = |end: &mut f32, more: u32| *end = f32::from_bits(end.to_bits() + more);
    ends.fill(0.0);
    for &at in index {
        add(&mut ends[at as usize + 1], 1);
    }
    for j in 1..ends.len() {
        let before = ends[j - 1].to_bits();
        add(&mut ends[j], before);
    }
    // Each start moves on to the row's end, which is the next one's start …
    for (k, &at) in index.iter().enumerate() {
        let next = &mut ends[at as usize];
        order[next.to_bits() as usize] = f32::from_bits(k as u32);
        add(next, 1);
    }
    // … so all are moved by one.
    ends.copy_within(..ends.len() - 1, 1);
    ends[0] = 0.0;
}

/// Rows that are summed in f32, at most; more are closed in f64.
const BLOCK: usize = 64;

/// Columns that are summed side by side.
const WIDTH: usize = 16;

/// `y = Σ x[pick]` of rows as long as `y`.
fn sum_rows(x: &[f32], picks: &[f32], y: &mut [f32]) {
    let inner = y.len();
    for (c, y) in y.chunks_mut(WIDTH).enumerate() {
        let mut totals = [0.0; WIDTH];
        for block in picks.chunks(BLOCK) {
            let mut sums = [F32x4::zero(); WIDTH / 4];
            for pick in block {
                let row = &x[pick.to_bits() as usize * inner + WIDTH * c..][..y.len()];
                match row.first_chunk::<WIDTH>() {
                    Some(row) => {
                        let row = Src::new(row, WIDTH);
                        sums = std::array::from_fn(|v| sums[v] + row.load(4 * v));
                    }
                    None => sums.iter_mut().zip(row.chunks(4)).for_each(|(sum, row)| {
                        *sum = *sum + F32x4::load_tail(row, 0.0);
                    }),
                }
            }
            let sums = sums.map(F32x4::to_array);
            if picks.len() <= BLOCK {
                y.copy_from_slice(&sums.as_flattened()[..y.len()]);
            } else {
                totals.iter_mut().zip(sums.as_flattened()).for_each(|(total, &sum)| *total += f64::from(sum));
            }
        }
        if picks.len() > BLOCK || picks.is_empty() {
            y.iter_mut().zip(totals).for_each(|(y, total)| *y = total as f32);
        }
    }
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
