//! Rows of up to four columns, as the classes of each pixel are: a vector has a column of four rows, so that these share
//! their exponentials. The same bits as row by row.

use crate::parallel::for_each_part;
use crate::simd::{Dst, F32x4, Src};

/// The most columns.
const MOST: usize = 4;

/// Whether rows of so many columns are done four at a time.
pub(in crate::kernels) fn fits(cols: usize) -> bool {
    cfg!(feature = "whole") && cols > 0 && cols <= MOST
}

/// The columns of up to four rows, of which the last stands for those that are missing.
#[inline(always)]
fn load(cols: usize, rows: &[f32]) -> [F32x4; MOST] {
    let (last, rows) = (rows.len() / cols - 1, Src::new(rows, rows.len()));
    let at = [0, 1, 2, 3].map(|row: usize| row.min(last) * cols);
    std::array::from_fn(|j| if j < cols { rows.gather(at.map(|at| at + j)) } else { F32x4::zero() })
}

/// Writes the rows of such columns.
#[inline(always)]
fn store(cols: usize, columns: [F32x4; MOST], rows: &mut [f32]) {
    let length = rows.len();
    let (count, mut rows) = (length / cols, Dst::new(rows, length));
    for (j, column) in columns.into_iter().enumerate().take(cols) {
        for (row, value) in column.to_array().into_iter().enumerate().take(count) {
            rows.set(row * cols + j, value);
        }
    }
}

/// The sums of rows, in the order in which a vector's lanes are summed.
#[inline(always)]
fn sum(cols: usize, value: impl Fn(usize) -> F32x4) -> F32x4 {
    let zero = F32x4::zero();
    let [a, b, c, d] = std::array::from_fn(|j| if j < cols { zero + value(j) } else { zero });
    (a + b) + (c + d)
}

/// `y = ln(softmax(x))` of some rows.
#[inline(never)]
pub(super) fn log_softmax(cols: usize, x: &[f32], y: &mut [f32]) {
    for (x, y) in x.chunks(4 * cols).zip(y.chunks_mut(4 * cols)) {
        let x = load(cols, x);
        let least = F32x4::splat(f32::NEG_INFINITY);
        let max = x[..cols].iter().fold(least, |max, &x| max.at_least(x));
        let log = sum(cols, |j| (x[j] - max).exp_or_zero()).ln();
        store(cols, x.map(|x| (x - max) - log), y);
    }
}

/// `dx = dy - e^y Σ dy`, with `y = log_softmax(x)`.
#[inline(never)]
pub(super) fn log_softmax_backward(rows: usize, cols: usize, y: &[f32], dy: &[f32], dx: &mut [f32]) {
    for_each_part([dx], [cols], (rows, cols * super::EXP_COST, 4), move |rows, [dx]| {
        let range = rows.start * cols..rows.end * cols;
        let (y, dy) = (y[range.clone()].chunks(4 * cols), dy[range].chunks(4 * cols));
        for ((y, dy), dx) in y.zip(dy).zip(dx.chunks_mut(4 * cols)) {
            let (y, dy) = (load(cols, y), load(cols, dy));
            let sum = sum(cols, |j| dy[j]);
            let of = |j: usize| if j < cols { dy[j] - y[j].exp_or_zero() * sum } else { F32x4::zero() };
            store(cols, std::array::from_fn(of), dx);
        }
    });
}

/// Of some rows: `dx = (e^y - onehot(label)) scale`, with a scale for each row, or one for all.
#[inline(never)]
pub(in crate::kernels) fn cross_entropy_backward(
    cols: usize,
    y: &[f32],
    labels: &[f32],
    scale: &[f32],
    dx: &mut [f32],
) {
    for (i, (y, dx)) in y.chunks(4 * cols).zip(dx.chunks_mut(4 * cols)).enumerate() {
        let (y, rows) = (load(cols, y), dx.len() / cols);
        let label = F32x4::load_tail(&labels[4 * i..][..rows], 0.0);
        let scale = match scale {
            [one] => F32x4::splat(*one),
            _ => F32x4::load_tail(&scale[4 * i..][..rows], 0.0),
        };
        let of = |j: usize| {
            let hit = label.eq(F32x4::splat(j as f32)).keep(scale);
            y[j].exp_or_zero() * scale - hit
        };
        store(cols, std::array::from_fn(|j| if j < cols { of(j) } else { F32x4::zero() }), dx);
    }
}
