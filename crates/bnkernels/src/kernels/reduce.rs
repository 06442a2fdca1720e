//! Sums and maxima over the middle of `[outer, n, inner]`. (A reduction over any set of dimensions
//! is brought to this form by the caller.)

use crate::parallel::{for_each_part, OutOfMemory};
use crate::simd::{reach, F32x4, Src};

mod long;

/// More rows than this, or a longer run of elements, are summed by [`long`].
const LONG: usize = 256;
pub(super) const RUN: usize = 1024;

/// `[outer, n, inner]`, reduced over `n`.
#[derive(Clone, Copy)]
pub struct ReduceShape {
    pub outer: usize,
    pub n: usize,
    pub inner: usize,
}

/// `y[o][i] = scale · Σₙ x[o][n][i]`.
pub fn sum_forward(shape: ReduceShape, x: &[f32], scale: f32, y: &mut [f32]) -> Result<(), OutOfMemory> {
    let ReduceShape { outer, n, inner } = shape;
    assert!(x.len() == outer * n * inner && y.len() == outer * inner);
    if y.is_empty() {
        return Ok(());
    }
    if n > if inner == 1 { RUN } else { LONG } {
        return long::sum(shape, x, scale, y);
    }
    if inner == 1 {
        for_each_part([y], [1], (outer, n, 1), move |part, [y]| {
            for (o, y) in part.zip(y) {
                *y = (sum_run(&x[o * n..(o + 1) * n]) * f64::from(scale)) as f32;
            }
        });
        return Ok(());
    }
    for_each_part([y], [inner], (outer, n * inner, 1), move |part, [y]| {
        for (o, y) in part.zip(y.chunks_exact_mut(inner)) {
            sum_columns(&x[o * n * inner..(o + 1) * n * inner], scale, y);
        }
    });
    Ok(())
}

/// `y[i] = scale · Σ x[·][i]` over the rows of `x`, each as long as `y`.
fn sum_columns(x: &[f32], scale: f32, y: &mut [f32]) {
    let inner = y.len();
    y.fill(0.0);
    let whole = inner / 16 * 16;
    let rows = x.len() / inner;
    for i in (0..whole).step_by(16) {
        let mut sums = [F32x4::zero(); 4];
        let mut source = Src::new(x, reach([(rows, inner)], i + 16)).offset(i);
        for _ in 0..rows {
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = *sum + source.load(v * 4);
            }
            source = source.offset(inner);
        }
        for (v, sum) in sums.into_iter().enumerate() {
            (sum * F32x4::splat(scale)).store(&mut y[i + v * 4..]);
        }
    }
    if whole < inner {
        for row in x.chunks_exact(inner) {
            for (y, x) in y[whole..].iter_mut().zip(&row[whole..]) {
                *y += x;
            }
        }
        for y in &mut y[whole..] {
            *y *= scale;
        }
    }
}

/// The sum of a short contiguous run: four vectors side by side, and the rest in f64.
pub(super) fn sum_run(x: &[f32]) -> f64 {
    let whole = x.len() / 16 * 16;
    let mut sums = [F32x4::zero(); 4];
    let source = Src::new(x, whole);
    for i in (0..whole).step_by(16) {
        for (v, sum) in sums.iter_mut().enumerate() {
            *sum = *sum + source.load(i + v * 4);
        }
    }
    let (fours, ones) = x[whole..].as_chunks::<4>();
    let mut rest = 0.0;
    for &[a, b, c, d] in fours {
        rest = rest + f64::from(a) + f64::from(b) + f64::from(c) + f64::from(d);
    }
    rest = ones.iter().fold(rest, |sum, &v| sum + f64::from(v));
    f64::from(((sums[0] + sums[1]) + (sums[2] + sums[3])).sum()) + rest
}

/// `y = maxₙ x` and at which `n` (the first; a NaN counts as the largest, as in PyTorch). `n` is at
/// least 1.
pub fn max_forward(shape: ReduceShape, x: &[f32], y: &mut [f32], index: &mut [f32]) {
    let ReduceShape { outer, n, inner } = shape;
    assert!(x.len() == outer * n * inner && y.len() == outer * inner && index.len() == outer * inner);
    if y.is_empty() {
        return;
    }
    assert!(n > 0, "the maximum of nothing");
    for o in 0..outer {
        let x = &x[o * n * inner..(o + 1) * n * inner];
        let (y, index) = (&mut y[o * inner..(o + 1) * inner], &mut index[o * inner..(o + 1) * inner]);
        y.copy_from_slice(&x[..inner]);
        index.fill(0.0);
        for (row, x) in x.chunks_exact(inner).enumerate() {
            for i in 0..inner {
                if x[i] > y[i] || (x[i].is_nan() && !y[i].is_nan()) {
                    y[i] = x[i];
                    index[i] = row as f32;
                }
            }
        }
    }
}

/// `dx` is `dy` at the maxima and 0 elsewhere.
pub fn max_backward(shape: ReduceShape, index: &[f32], dy: &[f32], dx: &mut [f32]) {
    let ReduceShape { outer, n, inner } = shape;
    assert!(dx.len() == outer * n * inner && dy.len() == outer * inner && index.len() == dy.len());
    dx.fill(0.0);
    for o in 0..outer {
        for i in 0..inner {
            let at = o * inner + i;
            dx[(o * n + index[at] as usize) * inner + i] = dy[at];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, random};

    const SHAPES: [(usize, usize, usize); 11] = [
        (1, 1, 1),
        (1, 33, 1),
        (5, 7, 1),
        (1, 32, 100),
        (3, 5, 7),
        (2, 700, 17),
        (1, 40_000, 1),
        (1, 1000, 3),
        (4, 0, 3),
        (0, 4, 3),
        (70, 300, 1),
    ];

    #[test]
    fn sum_matches_its_twin() {
        for (outer, n, inner) in SHAPES {
            let x = random(1, outer * n * inner);
            let mut y = vec![f32::NAN; outer * inner];
            sum_forward(ReduceShape { outer, n, inner }, &x, 0.5, &mut y).unwrap();
            let expected: Vec<f64> = (0..outer * inner)
                .map(|at| {
                    let (o, i) = (at / inner, at % inner);
                    (0..n).map(|k| f64::from(x[(o * n + k) * inner + i])).sum::<f64>() * 0.5
                })
                .collect();
            assert_close(&y, &expected, 3e-6);
        }
    }

    #[test]
    fn max_finds_the_first_and_sends_the_gradient_there() {
        for (outer, n, inner) in SHAPES {
            if n == 0 {
                continue;
            }
            let shape = ReduceShape { outer, n, inner };
            let x: Vec<f32> = random(2, outer * n * inner).iter().map(|v| (v * 8.0).round()).collect();
            let dy = random(3, outer * inner);
            let (mut y, mut index) = (vec![0.0; dy.len()], vec![0.0; dy.len()]);
            let mut dx = vec![f32::NAN; x.len()];
            max_forward(shape, &x, &mut y, &mut index);
            max_backward(shape, &index, &dy, &mut dx);
            for at in 0..dy.len() {
                let (o, i) = (at / inner, at % inner);
                let column: Vec<f32> = (0..n).map(|k| x[(o * n + k) * inner + i]).collect();
                let best = column.iter().copied().fold(f32::MIN, f32::max);
                let first = column.iter().position(|&v| v == best).unwrap_or(0);
                assert_eq!((y[at], index[at]), (best, first as f32));
                for k in 0..n {
                    let expected = if k == first { dy[at] } else { 0.0 };
                    assert_eq!(dx[(o * n + k) * inner + i], expected);
                }
            }
        }
        let (mut y, mut index) = ([0.0], [0.0]);
        let shape = ReduceShape { outer: 1, n: 3, inner: 1 };
        max_forward(shape, &[1.0, f32::NAN, 2.0], &mut y, &mut index);
        assert!(y[0].is_nan() && index == [1.0]);
    }
}
