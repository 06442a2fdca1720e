//! Sums over many rows. A running sum of floats loses a digit for every ten times that it grows beyond
//! what is added; here sixteen rows are added in pairs, and what the running sum of those loses is kept
//! beside it (D. E. Knuth, "The Art of Computer Programming", volume 2, 4.2.2, theorem B). So the
//! result is as good as the sums of sixteen, however many there are.
//!
//! Narrow rows are taken some at a time, side by side, as one wide row of whole vectors.

use super::ReduceShape;
use crate::parallel::scratch::{per_thread, take};
use crate::parallel::{chunk_count, chunk_range, for_each_part, for_each_range, OutOfMemory};
use crate::simd::{Dst, F32x4, Src};

/// Wide rows that are added in pairs.
const GROUP: usize = 16;
/// A wide row has at least so many floats: some vectors keep the processor busy.
const WIDEST: usize = 16;
/// A block has at least so many rows.
const BLOCK: usize = 256;

/// As [`super::sum_forward`].
pub(super) fn sum(shape: ReduceShape, x: &[f32], scale: f32, y: &mut [f32]) -> Result<(), OutOfMemory> {
    let ReduceShape { outer, n, inner } = shape;
    let fold = fold(inner);
    let width = fold * inner;
    let blocks = chunk_count(outer * n, inner).div_ceil(outer).min(n / BLOCK).max(1);
    if blocks == 1 {
        let sums = per_thread(2 * width)?;
        for_each_part([y], [inner], (outer, n * inner, 1), |part, [y]| {
            sums.with(|sums| {
                for (o, y) in part.zip(y.chunks_exact_mut(inner)) {
                    add_rows(&x[o * n * inner..(o + 1) * n * inner], inner, sums);
                    finish(&[&*sums], inner, scale, y);
                }
            })
        });
        return Ok(());
    }
    let mut partial = take(outer * blocks * 2 * width + 4 * width)?;
    let (partial, total) = partial.split_at_mut(outer * blocks * 2 * width);
    for_each_range(
        [&mut *partial],
        outer * blocks,
        |i| [i * 2 * width..(i + 1) * 2 * width],
        |i, [sums]| {
            let (o, rows) = (i / blocks, chunk_range(i % blocks, blocks, n, GROUP * fold));
            add_rows(&x[(o * n + rows.start) * inner..(o * n + rows.end) * inner], inner, sums);
        },
    );
    for (y, partial) in y.chunks_exact_mut(inner).zip(partial.chunks_exact(blocks * 2 * width)) {
        add_wide_rows(partial, 2 * width, total);
        let (sums, lost) = total.split_at(2 * width);
        finish(&[sums, lost], inner, scale, y);
    }
    Ok(())
}

/// How many rows of `inner` are one wide row.
fn fold(inner: usize) -> usize {
    let mut fold = 1;
    while fold * inner < WIDEST || !(fold * inner).is_multiple_of(4) {
        fold *= 2;
    }
    fold
}

/// Adds up rows of `inner`: the first half of `sums` becomes the sums of a wide row's elements, the
/// second what they have lost.
fn add_rows(x: &[f32], inner: usize, sums: &mut [f32]) {
    let width = sums.len() / 2;
    let (wide, rest) = x.split_at(x.len() / width * width);
    add_wide_rows(wide, width, sums);
    let (sums, lost) = sums.split_at_mut(width);
    debug_assert!(rest.len().is_multiple_of(inner));
    for ((sum, lost), &value) in sums.iter_mut().zip(lost).zip(rest) {
        let (new, error) = F32x4::splat(*sum).two_sum(F32x4::splat(value));
        *sum = new.to_array()[0];
        *lost += error.to_array()[0];
    }
}

fn add_wide_rows(x: &[f32], width: usize, sums: &mut [f32]) {
    assert!(sums.len() == 2 * width && width.is_multiple_of(4));
    let rows = x.len() / width;
    sums.fill(0.0);
    let (x, mut sums) = (Src::new(x, rows * width), Dst::new(sums, 2 * width));
    let mut row = 0;
    while row < rows {
        let all = row + GROUP <= rows;
        let x = x.offset(row * width);
        for at in (0..width).step_by(4) {
            let mut x = x.offset(at);
            let mut next = || {
                let row = x.load(0);
                x = x.offset(width);
                row
            };
            let mut four = || (next() + next()) + (next() + next());
            let group = if all { (four() + four()) + (four() + four()) } else { x.load(0) };
            let (sum, error) = sums.load(at).two_sum(group);
            sums.store(at, sum);
            sums.store(width + at, sums.load(width + at) + error);
        }
        row += if all { GROUP } else { 1 };
    }
}

/// `y[i]` becomes `scale` times the sum of all elements of `parts` that belong to column `i`.
fn finish(parts: &[&[f32]], inner: usize, scale: f32, y: &mut [f32]) {
    for (i, y) in y.iter_mut().enumerate() {
        let column = |part: &[f32]| part[i..].iter().step_by(inner).map(|&v| f64::from(v)).sum::<f64>();
        *y = (parts.iter().map(|part| column(part)).sum::<f64>() * f64::from(scale)) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::reduce::sum_forward;
    use crate::reference::random;

    fn check(shape: ReduceShape, x: &[f32], tolerance: f64) {
        let ReduceShape { outer, n, inner } = shape;
        let mut y = vec![f32::NAN; outer * inner];
        sum_forward(shape, x, 0.25, &mut y).unwrap();
        for (j, &actual) in y.iter().enumerate() {
            let column = || (0..n).map(|k| f64::from(x[(j / inner * n + k) * inner + j % inner]));
            let (sum, size) = (column().sum::<f64>(), column().map(f64::abs).sum::<f64>());
            let error = (f64::from(actual) - sum * 0.25).abs() / (size * 0.25);
            assert!(error <= tolerance, "[{outer}, {n}, {inner}]: {actual}, error {error:.1e}");
        }
    }

    #[test]
    fn many_equal_values_lose_no_digits() {
        for inner in [1, 2, 3, 5, 16, 17] {
            for value in [1e-5, 0.1, 1.0 / 3.0, 0.7] {
                check(ReduceShape { outer: 1, n: 1_000_000, inner }, &vec![value; 1_000_000 * inner], 1e-7);
            }
        }
    }

    #[test]
    fn sums_of_random_values_are_as_good_as_their_twins() {
        for (outer, n, inner) in [
            (1, 1_000_000, 3),
            (1, 257, 1000),
            (1, 100_003, 7),
            (40, 300, 5),
            (3, 5000, 1),
            (2, 2057, 4),
            (1, 70_001, 33),
            (3, 3000, 12),
        ] {
            let x: Vec<f32> = random(1, outer * n * inner).iter().map(|v| v + 1.5).collect();
            check(ReduceShape { outer, n, inner }, &x, 1e-7);
            check(ReduceShape { outer, n, inner }, &random(2, outer * n * inner), 1e-7);
        }
    }

    #[test]
    fn every_number_of_rows_and_columns() {
        for inner in 2..20 {
            for n in 257..330 {
                check(ReduceShape { outer: 2, n, inner }, &random(3, 2 * n * inner), 1e-7);
            }
        }
    }
    #[test]
    fn sums_that_are_not_finite() {
        let sum = |inner: usize, x: &[f32]| {
            let mut y = vec![0.0; inner];
            sum_forward(ReduceShape { outer: 1, n: x.len() / inner, inner }, x, 1.0, &mut y).unwrap();
            y
        };
        for inner in [1, 3, 16] {
            let mut x = vec![1.0; 3000 * inner];
            x[2000 * inner] = f32::INFINITY;
            assert_eq!(sum(inner, &x)[0], f32::INFINITY);
            x[10 * inner] = f32::NEG_INFINITY;
            assert!(sum(inner, &x)[0].is_nan());
            assert_eq!(sum(inner, &vec![-1e36; 3000 * inner])[inner - 1], f32::NEG_INFINITY);
        }
    }
}
