//! Elements picked by an index of their own along the middle of `[outer, n, inner]`, and the gradient: elements
//! summed by index.
//!
//! `y[o][k][i] = x[o][index[o][k][i]][i]` for `count` values of `k`, and `dx[o][j][i] = Σ dy[o][k][i]` over the `k`
//! with `index[o][k][i] = j`. Indices are as in `index_select`. (torch.gather, torch.scatter_add)

use super::index_select::{first_bad_index, row_of};
use super::reduce::ReduceShape;
use crate::parallel::{for_each_part, scratch::take, OutOfMemory};

/// Longer sums along `k` keep beside each what its roundings lost.
const LONG: usize = 256;

pub fn gather_forward(
    shape: ReduceShape,
    count: usize,
    x: &[f32],
    index: &[f32],
    y: &mut [f32],
) -> Option<usize> {
    let ReduceShape { outer, n, inner } = shape;
    assert!(x.len() == outer * n * inner && index.len() == outer * count * inner && y.len() == index.len());
    let bad = first_bad_index(index, n);
    if bad.is_some() || y.is_empty() {
        return bad;
    }
    for_each_part([y], [inner], (outer * count, inner, 1), move |range, [y]| {
        for (row, y) in range.zip(y.chunks_exact_mut(inner)) {
            let x = &x[row / count * n * inner..][..n * inner];
            for ((i, y), &at) in y.iter_mut().enumerate().zip(&index[row * inner..]) {
                *y = x[row_of(at) * inner + i];
            }
        }
    });
    None
}

/// Writes all of `dx`.
pub fn gather_backward(
    shape: ReduceShape,
    count: usize,
    dy: &[f32],
    index: &[f32],
    dx: &mut [f32],
) -> Result<Option<usize>, OutOfMemory> {
    let ReduceShape { outer, n, inner } = shape;
    assert!(index.len() == outer * count * inner && dy.len() == index.len() && dx.len() == outer * n * inner);
    let bad = first_bad_index(index, n);
    if bad.is_some() || dx.is_empty() {
        return Ok(bad);
    }
    let (from, to) = (count * inner, n * inner);
    let long = count > LONG;
    let mut lost = take(if long { dx.len() } else { 0 })?;
    let widths = [to, if long { to } else { 0 }];
    for_each_part([dx, &mut lost], widths, (outer, from + to, 1), move |range, [dx, lost]| {
        dx.fill(0.0);
        lost.fill(0.0);
        for (o, dx) in range.clone().zip(dx.chunks_exact_mut(to)) {
            let lost = if long { &mut lost[(o - range.start) * to..][..to] } else { &mut [][..] };
            let mut i = 0;
            for (&dy, &at) in dy[o * from..][..from].iter().zip(&index[o * from..]) {
                let j = row_of(at) * inner + i;
                i = if i + 1 == inner { 0 } else { i + 1 };
                let sum = dx[j] + dy;
                if long {
                    let of_dy = sum - dx[j];
                    let lacks = (dx[j] - (sum - of_dy)) + (dy - of_dy);
                    // A sum that is not finite lacks nothing.
                    lost[j] += if lacks.is_finite() { lacks } else { 0.0 };
                }
                dx[j] = sum;
            }
            for (dx, lost) in dx.iter_mut().zip(lost) {
                *dx += *lost;
            }
        }
    });
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, indexing as twin, random};

    #[test]
    fn elements_are_picked_and_their_gradients_summed() {
        for (outer, n, inner, count) in [
            (1, 1, 1, 1),
            (1, 5, 7, 13),
            (3, 4, 1, 0),
            (2, 3, 0, 5),
            (0, 3, 2, 5),
            (4, 9, 33, 70),
            (500, 10, 1, 1),
            (70, 31, 5, 97),
            (3, 2, 3, 5000),
        ] {
            let shape = ReduceShape { outer, n, inner };
            let (x, dy) = (random(1, outer * n * inner), random(2, outer * count * inner));
            let index = twin::indices(3, dy.len(), n);
            let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
            assert_eq!(gather_forward(shape, count, &x, &index, &mut y), None);
            assert_close(&y, &twin::gather((outer, n, count, inner), &x, &index), 0.0);
            assert_eq!(gather_backward(shape, count, &dy, &index, &mut dx), Ok(None));
            assert_close(&dx, &twin::scatter((outer, n, count, inner), &dy, &index), 1e-6);
        }
    }

    #[test]
    fn a_long_sum_keeps_its_digits_and_its_infinities() {
        let (count, shape) = (100_000, ReduceShape { outer: 1, n: 3, inner: 1 });
        let (mut dy, index, mut dx) = (vec![0.1; count], vec![1.0; count], [f32::NAN; 3]);
        gather_backward(shape, count, &dy, &index, &mut dx).unwrap();
        assert_close(&dx, &[0.0, f64::from(0.1f32) * count as f64, 0.0], 2e-6);
        dy[7] = f32::INFINITY;
        gather_backward(shape, count, &dy, &index, &mut dx).unwrap();
        assert_eq!(dx, [0.0, f32::INFINITY, 0.0]);
    }

    #[test]
    fn a_bad_index_is_found_before_anything_is_written() {
        let shape = ReduceShape { outer: 1, n: 3, inner: 1 };
        let (mut y, mut dx) = ([7.0; 2], [7.0; 3]);
        assert_eq!(gather_forward(shape, 2, &[0.0; 3], &[2.0, 3.0], &mut y), Some(1));
        assert_eq!(gather_backward(shape, 2, &[0.0; 2], &[-1.0, 3.0], &mut dx), Ok(Some(0)));
        assert_eq!((y, dx), ([7.0; 2], [7.0; 3]));
    }
}
