//! Layer normalisation (Ba, Kiros, Hinton, 2016): over the `cols` values of each row,
//! `mean = Σx / cols`, `rstd = 1 / √(Σ(x − mean)² / cols + eps)`, `x̂ = (x − mean) · rstd`,
//! `y = x̂ · weight + bias`.
//! Source: <https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html>.
//!
//! Backward, with `g = dy · weight`: `dx = rstd · (g − Σg / cols − x̂ · Σ(g·x̂) / cols)`, and over the rows
//! `dweight = Σ dy·x̂`, `dbias = Σ dy`.
//!
//! A mean of 1000 is known in f32 only to 3e-5, which matters where the spread is 0.01. So values lose the
//! rounded mean first, which is exact for near values, and then what that mean lacks: the mean of the rest.

use crate::parallel::{chunk_count, for_each_part, for_each_range, scratch, OutOfMemory};
use crate::simd::{Dst, F32x4, Src};
use std::ops::Range;

/// Multiply-adds that a value is worth, when work is cut into chunks.
const COST: usize = 4;

/// Writes `y` (a missing weight is 1, a missing bias 0), and `mean` and `rstd` of each row, which backward needs.
pub fn layer_norm_forward(
    rows: usize,
    cols: usize,
    x: &[f32],
    weight: Option<&[f32]>,
    bias: Option<&[f32]>,
    eps: f32,
    y: &mut [f32],
    mean: &mut [f32],
    rstd: &mut [f32],
) {
    assert!(x.len() == rows * cols && y.len() == x.len() && mean.len() == rows && rstd.len() == rows);
    assert!(weight.is_none_or(|w| w.len() == cols) && bias.is_none_or(|b| b.len() == cols));
    for_each_part([y, mean, rstd], [cols, 1, 1], (rows, cols * COST, 1), move |range, [y, mean, rstd]| {
        for (i, row) in range.enumerate() {
            let (x, y) = (&x[row * cols..][..cols], &mut y[i * cols..][..cols]);
            let statistics = statistics(x, f64::from(eps));
            (mean[i], rstd[i]) = (statistics.mean, statistics.rstd);
            let shift = F32x4::splat(-statistics.residual * statistics.rstd);
            let [mean, rstd] = [statistics.mean, statistics.rstd].map(F32x4::splat);
            let x = Vectors::new(x, 0.0);
            let (weight, bias) = (weight.map(|w| Vectors::new(w, 0.0)), bias.map(|b| Vectors::new(b, 0.0)));
            write(y, |at| {
                let normal = (x.load(at) - mean).mul_add(rstd, shift);
                let scaled = weight.as_ref().map_or(normal, |weight| normal * weight.load(at));
                bias.as_ref().map_or(scaled, |bias| scaled + bias.load(at))
            });
        }
    });
}

/// Overwrites the gradients that are wanted, from what forward read and wrote.
pub fn layer_norm_backward(
    rows: usize,
    cols: usize,
    x: &[f32],
    dy: &[f32],
    mean: &[f32],
    rstd: &[f32],
    weight: Option<&[f32]>,
    dx: Option<&mut [f32]>,
    dweight: Option<&mut [f32]>,
    dbias: Option<&mut [f32]>,
) -> Result<(), OutOfMemory> {
    assert!(x.len() == rows * cols && dy.len() == x.len() && mean.len() == rows && rstd.len() == rows);
    assert!(weight.is_none_or(|w| w.len() == cols) && dx.as_ref().is_none_or(|dx| dx.len() == x.len()));
    // Both gradients of the affine part are sums over the rows: of a block of rows first, then in f64.
    let affine = dweight.is_some() || dbias.is_some();
    let blocks = if rows == 0 { 0 } else { rows.div_ceil(BLOCK).max(chunk_count(rows, cols * COST)) };
    let rows_of = |block: usize| rows * block / blocks..rows * (block + 1) / blocks;
    let width = if affine { 2 * cols } else { 0 };
    let mut partial = scratch::take(blocks * width)?;
    let all = All { cols, x, dy, mean, rstd, weight };
    let chunks = chunk_count(blocks, rows.div_ceil(blocks.max(1)) * cols * COST);
    let blocks_of = |chunk: usize| blocks * chunk / chunks..blocks * (chunk + 1) / chunks;
    let with_dx = dx.is_some();
    for_each_range(
        [dx.unwrap_or_default(), &mut partial],
        if blocks == 0 { 0 } else { chunks },
        |chunk| {
            let blocks = blocks_of(chunk);
            let (first, last) = (rows_of(blocks.start).start, rows_of(blocks.end - 1).end);
            let dx = if with_dx { first * cols..last * cols } else { 0..0 };
            [dx, blocks.start * width..blocks.end * width]
        },
        move |chunk, [mut dx, mut partial]| {
            for block in blocks_of(chunk) {
                let rows = rows_of(block);
                let (mine, rest) = partial.split_at_mut(width);
                partial = rest;
                let length = if with_dx { rows.len() * cols } else { 0 };
                let (dx_of_block, rest) = std::mem::take(&mut dx).split_at_mut(length);
                dx = rest;
                all.block(rows, dx_of_block, mine);
            }
        },
    );
    for (i, gradient) in [dweight, dbias].into_iter().enumerate() {
        let Some(gradient) = gradient else { continue };
        assert_eq!(gradient.len(), cols);
        let partial = &partial[..];
        for_each_part([gradient], [1], (cols, blocks, 4), move |range, [gradient]| {
            for (column, gradient) in range.zip(gradient) {
                let sums = partial.chunks_exact(width).map(|block| f64::from(block[i * cols + column]));
                *gradient = sums.sum::<f64>() as f32;
            }
        });
    }
    Ok(())
}

/// Rows that are summed in f32, at most.
const BLOCK: usize = 64;

/// What backward reads.
struct All<'a> {
    cols: usize,
    x: &'a [f32],
    dy: &'a [f32],
    mean: &'a [f32],
    rstd: &'a [f32],
    weight: Option<&'a [f32]>,
}

impl All<'_> {
    /// Some rows: `dx`, and the sums of `dy·x̂` and of `dy`, one after the other; either may be empty.
    fn block(&self, rows: Range<usize>, dx: &mut [f32], sums: &mut [f32]) {
        let cols = self.cols;
        sums.fill(0.0);
        let (of_weight, of_bias) = sums.split_at_mut(sums.len() / 2);
        let weight = self.weight.map(|weight| Vectors::new(weight, 0.0));
        for (i, row) in rows.enumerate() {
            let mean = self.mean[row];
            let x = Vectors::new(&self.x[row * cols..][..cols], mean);
            let dy = Vectors::new(&self.dy[row * cols..][..cols], 0.0);
            let (mean, rstd) = (F32x4::splat(mean), self.rstd[row]);
            let gradient = |at| weight.as_ref().map_or(dy.load(at), |weight| dy.load(at) * weight.load(at));
            let [apart, plain, products] = sum(cols, |at, [apart, plain, products]| {
                let (d, g) = (x.load(at) - mean, gradient(at));
                [apart + d, plain + g, g.mul_add(d, products)]
            });
            let n = cols as f64;
            let residual = apart / n;
            let rest = F32x4::splat(-(residual as f32) * rstd);
            let splat = |value: f64| F32x4::splat(value as f32);
            let scale = F32x4::splat(rstd);
            let normal = |at| (x.load(at) - mean).mul_add(scale, rest);
            if !dx.is_empty() {
                let along = (products - plain * residual) * f64::from(rstd) / n;
                let (shift, slope) = (splat(plain / n), splat(-along));
                write(&mut dx[i * cols..][..cols], |at| {
                    normal(at).mul_add(slope, gradient(at) - shift) * scale
                });
            }
            if !of_weight.is_empty() {
                add(of_weight, |at, sum| dy.load(at).mul_add(normal(at), sum));
                add(of_bias, |at, sum| sum + dy.load(at));
            }
        }
    }
}

/// The mean of a row as the sum of two floats, and its inverse deviation.
struct RowStatistics {
    mean: f32,
    residual: f32,
    rstd: f32,
}

fn statistics(x: &[f32], eps: f64) -> RowStatistics {
    let n = x.len() as f64;
    let vectors = Vectors::new(x, 0.0);
    let [total] = sum(x.len(), |at, [total]| [total + vectors.load(at)]);
    let pivot = (total / n) as f32;
    let (vectors, center) = (Vectors::new(x, pivot), F32x4::splat(pivot));
    let [apart, squares] = sum(x.len(), |at, [apart, squares]| {
        let d = vectors.load(at) - center;
        [apart + d, d.mul_add(d, squares)]
    });
    let apart = apart / n;
    let variance = (squares / n - apart * apart).max(0.0);
    let mean = f64::from(pivot) + apart;
    let residual = (mean - f64::from(mean as f32)) as f32;
    // (`max` would make 0 of a NaN.)
    let variance = if squares.is_nan() { f64::NAN } else { variance };
    RowStatistics { mean: mean as f32, residual, rstd: (1.0 / (variance + eps).sqrt()) as f32 }
}

/// A row, read in vectors; the last is filled up.
struct Vectors<'a> {
    row: Src<'a>,
    tail: F32x4,
    /// Where the tail starts.
    whole: usize,
}

impl<'a> Vectors<'a> {
    #[inline(always)]
    fn new(row: &'a [f32], fill: f32) -> Self {
        let whole = row.len() / 4 * 4;
        Self { row: Src::new(row, whole), tail: F32x4::load_tail(&row[whole..], fill), whole }
    }

    #[inline(always)]
    fn load(&self, at: usize) -> F32x4 {
        if at < self.whole {
            self.row.load(at)
        } else {
            self.tail
        }
    }
}

/// `K` sums over a row of `n`: `f` adds the terms of the vector at an index. Four vectors side by side in
/// blocks of 1,024, and blocks in f64. The terms of what fills up the last vector must be zero.
#[inline(always)]
fn sum<const K: usize>(n: usize, f: impl Fn(usize, [F32x4; K]) -> [F32x4; K]) -> [f64; K] {
    let mut totals = [0.0; K];
    for block in (0..n).step_by(1024) {
        let end = n.min(block + 1024);
        let mut sums = [[F32x4::zero(); K]; 4];
        let mut at = block;
        while at + 16 <= end {
            for (v, sums) in sums.iter_mut().enumerate() {
                *sums = f(at + 4 * v, *sums);
            }
            at += 16;
        }
        while at < end {
            sums[0] = f(at, sums[0]);
            at += 4;
        }
        let [a, b, c, d] = sums;
        for k in 0..K {
            totals[k] += f64::from(((a[k] + b[k]) + (c[k] + d[k])).sum());
        }
    }
    totals
}

/// `y = f(index)`, vector by vector.
#[inline(always)]
fn write(y: &mut [f32], f: impl Fn(usize) -> F32x4) {
    let (whole, tail) = y.split_at_mut(y.len() / 4 * 4);
    let length = whole.len();
    let mut dst = Dst::new(whole, length);
    for at in (0..length).step_by(4) {
        dst.store(at, f(at));
    }
    if !tail.is_empty() {
        f(length).store_tail(tail);
    }
}

/// `y = f(index, y)`, vector by vector.
#[inline(always)]
fn add(y: &mut [f32], f: impl Fn(usize, F32x4) -> F32x4) {
    let (whole, tail) = y.split_at_mut(y.len() / 4 * 4);
    let length = whole.len();
    let mut dst = Dst::new(whole, length);
    for at in (0..length).step_by(4) {
        dst.store(at, f(at, dst.load(at)));
    }
    if !tail.is_empty() {
        f(length, F32x4::load_tail(tail, 0.0)).store_tail(tail);
    }
}

#[cfg(test)]
mod tests;
