//! Sums so far along the middle of `[outer, n, inner]`: `y[o][k][i] = Σ x[o][j][i]` over `j ≤ k`, or over `j ≥ k`,
//! which is the gradient of the first. Each is summed in f64, from the first (or last) on. (torch.cumsum)

use super::reduce::ReduceShape;
use crate::parallel::{chunk_count, for_each_part, for_each_tile, Dealt, Tile};

/// Columns that are summed side by side.
const WIDTH: usize = 16;

pub fn cumsum(shape: ReduceShape, reverse: bool, x: &[f32], y: &mut [f32]) {
    let ReduceShape { outer, n, inner } = shape;
    assert!(x.len() == outer * n * inner && y.len() == x.len());
    if y.is_empty() {
        return;
    }
    if outer == 1 {
        let chunks = chunk_count(inner.div_ceil(WIDTH), n * WIDTH);
        return for_each_tile(y, (n, inner), ((1, chunks), Dealt::Rows), (1, WIDTH), move |y| {
            columns(reverse, x, y)
        });
    }
    for_each_part([y], [n * inner], (outer, n * inner, 1), move |range, [y]| {
        for (o, y) in range.zip(y.chunks_exact_mut(n * inner)) {
            columns(reverse, &x[o * n * inner..][..n * inner], Tile::whole(y, (n, inner)));
        }
    });
}

/// Some columns of a matrix `x`.
fn columns(reverse: bool, x: &[f32], mut y: Tile) {
    let (n, inner) = (y.rows, x.len() / y.rows);
    for c in (0..y.cols).step_by(WIDTH) {
        let width = WIDTH.min(y.cols - c);
        let mut totals = [0.0; WIDTH];
        for k in 0..n {
            let k = if reverse { n - 1 - k } else { k };
            let x = &x[k * inner + y.col + c..][..width];
            for ((y, x), total) in y.row_mut(k)[c..c + width].iter_mut().zip(x).zip(&mut totals) {
                *total += f64::from(*x);
                *y = *total as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, indexing as twin, random};

    #[test]
    fn sums_so_far_are_as_the_twin_has_them() {
        for (outer, n, inner) in [
            (1, 1, 1),
            (1, 33, 1),
            (5, 7, 1),
            (3, 5, 7),
            (1, 700, 33),
            (4, 0, 3),
            (0, 4, 3),
            (2, 3, 0),
            (70, 31, 17),
            (1, 200_000, 1),
        ] {
            let x = random(1, outer * n * inner);
            for reverse in [false, true] {
                let mut y = vec![f32::NAN; x.len()];
                cumsum(ReduceShape { outer, n, inner }, reverse, &x, &mut y);
                assert_close(&y, &twin::cumsum((outer, n, inner), reverse, &x), 1e-7);
            }
        }
    }
}
