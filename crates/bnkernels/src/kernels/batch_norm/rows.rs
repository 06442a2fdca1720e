//! Batch normalisation of `[n, c]` in rows: four channels a vector, down the rows.

use super::{BatchNormShape, Channel, Gradient, Moments, Vectors};
use crate::parallel::{chunk_count, chunk_range, for_each_range};
use crate::simd::F32x4;

/// Rows whose sums are kept in f32 before they are merged in f64.
const BLOCK: usize = 256;
/// Columns of a chunk: a cache line.
const COLUMNS: usize = 16;

/// Four columns of row `r` from `column` on, or what is left of them.
#[inline(always)]
fn load(x: &[f32], shape: &BatchNormShape, r: usize, column: usize) -> F32x4 {
    let row = &x[r * shape.c..(r + 1) * shape.c];
    if column + 4 <= shape.c {
        F32x4::load(&row[column..])
    } else {
        F32x4::load_tail(&row[column..], 0.0)
    }
}

#[inline(always)]
fn vectors(channels: &[Channel], column: usize) -> Vectors {
    Vectors::of(std::array::from_fn(|i| &channels[(column + i).min(channels.len() - 1)]))
}

/// Runs `f(column, part)` for every four columns, where `part` are these columns' `stride` floats each.
fn for_each_four(
    c: usize,
    n: usize,
    stride: usize,
    output: &mut [f32],
    f: impl Fn(usize, &mut [f32]) + Sync,
) {
    let chunks = chunk_count(c.div_ceil(COLUMNS), n * COLUMNS);
    let columns = |i| chunk_range(i, chunks, c, 4);
    for_each_range(
        [output],
        chunks,
        |i| [columns(i).start * stride..columns(i).end * stride],
        |i, [part]| {
            for (k, part) in part.chunks_mut(4 * stride).enumerate() {
                f(columns(i).start + 4 * k, part);
            }
        },
    );
}

/// Count, mean (as two floats) and sum of squares (as two floats) of a column.
const MOMENTS: usize = 4;

pub fn moments(shape: &BatchNormShape, x: &[f32]) -> Vec<Moments> {
    let (n, c) = (shape.n, shape.c);
    let mut merged = vec![0.0; c * MOMENTS];
    for_each_four(c, n, MOMENTS, &mut merged, |column, part| {
        let mut total = [Moments::default(); 4];
        for start in (0..n).step_by(BLOCK) {
            let rows = start..(start + BLOCK).min(n);
            let count = rows.len();
            let shift = load(x, shape, start, column);
            let mut sum = F32x4::zero();
            for r in rows.clone() {
                sum = sum + (load(x, shape, r, column) - shift);
            }
            let delta = sum / F32x4::splat(count as f32);
            let mut squares = F32x4::zero();
            for r in rows {
                let off = (load(x, shape, r, column) - shift) - delta;
                squares = off.mul_add(off, squares);
            }
            let (shift, sum) = (shift.to_array(), sum.to_array());
            let (delta, squares) = (delta.to_array(), squares.to_array());
            for (i, total) in total.iter_mut().enumerate() {
                let (sum, squares) = (f64::from(sum[i]), f64::from(squares[i]));
                *total = total.merge(Moments::from_sums(count, shift[i], sum, delta[i], squares));
            }
        }
        for (out, total) in part.chunks_exact_mut(MOMENTS).zip(total) {
            out[0] = total.mean as f32;
            out[1] = (total.mean - f64::from(out[0])) as f32;
            out[2] = total.m2 as f32;
            out[3] = (total.m2 - f64::from(out[2])) as f32;
        }
    });
    merged
        .chunks_exact(MOMENTS)
        .map(|p| Moments {
            count: n as f64,
            mean: f64::from(p[0]) + f64::from(p[1]),
            m2: f64::from(p[2]) + f64::from(p[3]),
        })
        .collect()
}

/// `out[r][c] = f(column, r, vectors)` over chunks of rows, four columns at a time.
fn map(shape: &BatchNormShape, out: &mut [f32], f: impl Fn(usize, usize) -> F32x4 + Sync) {
    let (n, c) = (shape.n, shape.c);
    let chunks = chunk_count(n, c);
    let rows = |i| chunk_range(i, chunks, n, 1);
    for_each_range(
        [out],
        chunks,
        |i| [rows(i).start * c..rows(i).end * c],
        |i, [out]| {
            for (r, row) in rows(i).zip(out.chunks_exact_mut(c)) {
                for (k, four) in row.chunks_mut(4).enumerate() {
                    f(4 * k, r).store_tail(four);
                }
            }
        },
    );
}

pub fn forward(shape: &BatchNormShape, x: &[f32], channels: &[Channel], y: &mut [f32]) {
    if shape.is_empty() {
        return;
    }
    let vectors: Vec<Vectors> = (0..shape.c).step_by(4).map(|column| vectors(channels, column)).collect();
    map(shape, y, |column, r| vectors[column / 4].forward(load(x, shape, r, column)));
}

/// `dweight = Σ dy · x̂`, `dbias = Σ dy`.
pub fn sums(
    shape: &BatchNormShape,
    x: &[f32],
    dy: &[f32],
    channels: &[Channel],
    dweight: &mut [f32],
    dbias: &mut [f32],
) {
    let (n, c) = (shape.n, shape.c);
    let mut both = vec![0.0; c * 2];
    for_each_four(c, n, 2, &mut both, |column, part| {
        let channel = vectors(channels, column);
        let mut total = [[0.0f64; 2]; 4];
        for start in (0..n).step_by(BLOCK) {
            let (mut slope, mut sum) = (F32x4::zero(), F32x4::zero());
            for r in start..(start + BLOCK).min(n) {
                let gradient = load(dy, shape, r, column);
                sum = sum + gradient;
                slope = gradient.mul_add(channel.normalise(load(x, shape, r, column)), slope);
            }
            let (slope, sum) = (slope.to_array(), sum.to_array());
            for (i, total) in total.iter_mut().enumerate() {
                total[0] += f64::from(slope[i]);
                total[1] += f64::from(sum[i]);
            }
        }
        for (out, total) in part.chunks_exact_mut(2).zip(total) {
            out[0] = total[0] as f32;
            out[1] = total[1] as f32;
        }
    });
    for (c, both) in both.chunks_exact(2).enumerate() {
        dweight[c] = both[0];
        dbias[c] = both[1];
    }
}

pub fn gradient(shape: &BatchNormShape, x: &[f32], dy: &[f32], gradients: &[Gradient], dx: &mut [f32]) {
    if shape.is_empty() {
        return;
    }
    let last = shape.c - 1;
    let prepared: Vec<(Vectors, F32x4, F32x4)> = (0..shape.c)
        .step_by(4)
        .map(|column| {
            let g: [&Gradient; 4] = std::array::from_fn(|i| &gradients[(column + i).min(last)]);
            let pick = |f: fn(&Gradient) -> f32| F32x4::new(f(g[0]), f(g[1]), f(g[2]), f(g[3]));
            (Vectors::of(g.map(|g| &g.channel)), pick(|g| g.mean), pick(|g| g.slope))
        })
        .collect();
    map(shape, dx, |column, r| {
        let (channel, mean, slope) = &prepared[column / 4];
        channel.gradient(load(x, shape, r, column), load(dy, shape, r, column), *mean, *slope)
    });
}
