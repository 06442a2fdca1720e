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

mod row;

use crate::parallel::{chunk_count, for_each_part, for_each_range, scratch, OutOfMemory};
use crate::simd::F32x4;
use row::{map, rest_of, sum, Row, STEP};
use std::ops::Range;

/// Multiply-adds that a value is worth, when work is cut into chunks.
const COST: usize = 4;

/// Writes `y` (a missing weight is 1, a missing bias 0), and `mean` and `rstd` of each row, which backward
/// needs.
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
    let affine = (weight, bias);
    for_each_part([y, mean, rstd], [cols, 1, 1], (rows, cols * COST, 1), move |range, [y, mean, rstd]| {
        let x = &x[range.start * cols..range.end * cols];
        if rest_of(cols) == 0 {
            forward_rows::<0>(cols, x, affine, f64::from(eps), [y, mean, rstd]);
        } else {
            forward_rows::<STEP>(cols, x, affine, f64::from(eps), [y, mean, rstd]);
        }
    });
}

fn forward_rows<const REST: usize>(
    cols: usize,
    x: &[f32],
    (weight, bias): (Option<&[f32]>, Option<&[f32]>),
    eps: f64,
    [y, mean, rstd]: [&mut [f32]; 3],
) {
    let [weight, bias] = [(weight, 1.0), (bias, 0.0)].map(|(row, missing)| Row::or(row, cols, missing));
    let share = 1.0 / cols as f64;
    for (row, (mean, rstd)) in mean.iter_mut().zip(rstd).enumerate() {
        let (x, y) = (&x[row * cols..][..cols], &mut y[row * cols..][..cols]);
        let statistics = statistics::<REST>(x, share, eps);
        (*mean, *rstd) = (statistics.mean, statistics.rstd);
        let shift = F32x4::splat(-statistics.residual * statistics.rstd);
        let [mean, rstd] = [statistics.mean, statistics.rstd].map(F32x4::splat);
        map([&Row::<REST>::new(x, 0.0), &weight, &bias], [y], |[x, weight, bias], _| {
            [(x - mean).mul_add(rstd, shift).mul_add(weight, bias)]
        });
    }
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
                if rest_of(cols) == 0 {
                    all.block::<0>(rows, dx_of_block, mine);
                } else {
                    all.block::<STEP>(rows, dx_of_block, mine);
                }
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
    fn block<const REST: usize>(&self, rows: Range<usize>, dx: &mut [f32], sums: &mut [f32]) {
        let cols = self.cols;
        sums.fill(0.0);
        let (of_weight, of_bias) = sums.split_at_mut(sums.len() / 2);
        let weight = &Row::<REST>::or(self.weight, cols, 1.0);
        let share = 1.0 / cols as f64;
        for (i, row) in rows.enumerate() {
            let (mean, rstd) = (self.mean[row], self.rstd[row]);
            let x = &Row::new(&self.x[row * cols..][..cols], mean);
            let dy = &Row::new(&self.dy[row * cols..][..cols], 0.0);
            let mean = F32x4::splat(mean);
            let [apart, plain, products] =
                sum([x, dy, weight], |[x, dy, weight], [apart, plain, products]| {
                    let (d, g) = (x - mean, dy * weight);
                    [apart + d, plain + g, g.mul_add(d, products)]
                });
            let residual = apart * share;
            let along = (products - plain * residual) * f64::from(rstd) * share;
            let splat = |value: f64| F32x4::splat(value as f32);
            let [rest, shift, slope] = [-residual * f64::from(rstd), -plain * share, -along].map(splat);
            let rstd = F32x4::splat(rstd);
            if !dx.is_empty() && !of_weight.is_empty() {
                let outputs = [&mut dx[i * cols..][..cols], &mut *of_weight, &mut *of_bias];
                map([x, dy, weight], outputs, |[x, dy, weight], [_, of_weight, of_bias]| {
                    let normal = (x - mean).mul_add(rstd, rest);
                    let dx = normal.mul_add(slope, dy.mul_add(weight, shift)) * rstd;
                    [dx, dy.mul_add(normal, of_weight), of_bias + dy]
                });
                continue;
            }
            if !dx.is_empty() {
                map([x, dy, weight], [&mut dx[i * cols..][..cols]], |[x, dy, weight], _| {
                    let normal = (x - mean).mul_add(rstd, rest);
                    [normal.mul_add(slope, dy.mul_add(weight, shift)) * rstd]
                });
            }
            if !of_weight.is_empty() {
                map([x, dy], [&mut *of_weight, &mut *of_bias], |[x, dy], [of_weight, of_bias]| {
                    let normal = (x - mean).mul_add(rstd, rest);
                    [dy.mul_add(normal, of_weight), of_bias + dy]
                });
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

/// `share` is one of all values: a division takes as long as some vectors.
fn statistics<const REST: usize>(x: &[f32], share: f64, eps: f64) -> RowStatistics {
    let [total] = sum([&Row::<REST>::new(x, 0.0)], |[x], [total]| [total + x]);
    let pivot = (total * share) as f32;
    let center = F32x4::splat(pivot);
    let [apart, squares] = sum([&Row::<REST>::new(x, pivot)], |[x], [apart, squares]| {
        let d = x - center;
        [apart + d, d.mul_add(d, squares)]
    });
    let apart = apart * share;
    // (`max` would make 0 of a NaN.)
    let variance = squares * share - apart * apart;
    let variance = if variance < 0.0 { 0.0 } else { variance };
    let mean = f64::from(pivot) + apart;
    let residual = (mean - f64::from(mean as f32)) as f32;
    RowStatistics { mean: mean as f32, residual, rstd: (1.0 / (variance + eps).sqrt()) as f32 }
}

#[cfg(test)]
mod tests;
