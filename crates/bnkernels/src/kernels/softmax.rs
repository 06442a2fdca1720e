//! softmax and log_softmax over the last dimension of `[rows, cols]`:
//! `y = e^(x - max) / s` and `y = (x - max) - ln s`, with `s = Σ e^(x - max)`.
//! Nothing overflows, because the maximum is taken off first.

pub(super) mod narrow;

use crate::parallel::for_each_part;
use crate::simd::{Dst, Exp, F32x4, Mask4, Src};

/// `y = softmax(x)`.
pub fn softmax_forward(rows: usize, cols: usize, x: &[f32], y: &mut [f32]) {
    assert!(x.len() == rows * cols && y.len() == rows * cols);
    for_each_row(rows, cols, y, |exp, row, y| {
        let x = &x[row * cols..][..cols];
        let max = F32x4::splat(maximum(x));
        let sum = exponentials(exp, x, max, y);
        let (fours, tail) = y.as_chunks_mut::<4>();
        fours.iter_mut().for_each(|y| (F32x4::load(y) / F32x4::splat(sum)).store(y));
        tail.iter_mut().for_each(|y| *y /= sum);
    });
}

/// `y = ln(softmax(x))`.
pub fn log_softmax_forward(rows: usize, cols: usize, x: &[f32], y: &mut [f32]) {
    assert!(x.len() == rows * cols && y.len() == rows * cols);
    if cols == 0 {
        return;
    }
    for_each_part([y], [cols], (rows, cols * EXP_COST, 4), move |rows, [y]| {
        log_softmax_rows(cols, &x[rows.start * cols..rows.end * cols], y);
    });
}

/// `dx = y (dy - Σ dy y)`, with `y = softmax(x)`.
pub fn softmax_backward(rows: usize, cols: usize, y: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert!(y.len() == rows * cols && dy.len() == rows * cols && dx.len() == rows * cols);
    for_each_row(rows, cols, dx, |_, row, dx| {
        let (y, dy) = (&y[row * cols..][..cols], &dy[row * cols..][..cols]);
        let dot = F32x4::splat(sum([y, dy], |[y, dy]| y * dy));
        map([y, dy], dx, |[y, dy]| y * (dy - dot));
    });
}

/// `dx = dy - e^y Σ dy`, with `y = log_softmax(x)`.
pub fn log_softmax_backward(rows: usize, cols: usize, y: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert!(y.len() == rows * cols && dy.len() == rows * cols && dx.len() == rows * cols);
    if narrow::fits(cols) {
        return narrow::log_softmax_backward(rows, cols, y, dy, dx);
    }
    log_softmax_backward_rows(rows, cols, y, dy, dx);
}

fn log_softmax_backward_rows(rows: usize, cols: usize, y: &[f32], dy: &[f32], dx: &mut [f32]) {
    for_each_row(rows, cols, dx, |exp, row, dx| {
        let (y, dy) = (&y[row * cols..][..cols], &dy[row * cols..][..cols]);
        let sum = F32x4::splat(sum([dy], |[dy]| dy));
        map([y, dy], dx, |[y, dy]| dy - exp.or_zero(y) * sum);
    });
}

/// `y = ln(softmax(x))` of some rows, four at a time, which share a logarithm.
#[inline(never)]
pub(super) fn log_softmax_rows(cols: usize, x: &[f32], y: &mut [f32]) {
    if narrow::fits(cols) {
        return narrow::log_softmax(cols, x, y);
    }
    one_by_one(cols, x, y);
}

#[inline(always)]
fn one_by_one(cols: usize, x: &[f32], y: &mut [f32]) {
    let exp = Exp::with_constants();
    for (x, y) in x.chunks(4 * cols).zip(y.chunks_mut(4 * cols)) {
        let (mut max, mut sums) = ([0.0; 4], [1.0; 4]);
        for ((x, max), total) in x.chunks_exact(cols).zip(&mut max).zip(&mut sums) {
            *max = maximum(x);
            let max = F32x4::splat(*max);
            *total = sum([x], |[x]| exp.or_zero(x - max));
        }
        let logs = F32x4::load(&sums).ln().to_array();
        for (((x, y), max), log) in x.chunks_exact(cols).zip(y.chunks_exact_mut(cols)).zip(max).zip(logs) {
            let (max, log) = (F32x4::splat(max), F32x4::splat(log));
            map([x], y, |[x]| (x - max) - log);
        }
    }
}

/// Multiply-adds that an exponential is worth, when work is cut into chunks.
pub(super) const EXP_COST: usize = 8;

/// Whoever needs no exponentials pays nothing for their constants.
fn for_each_row(rows: usize, cols: usize, y: &mut [f32], f: impl Fn(Exp, usize, &mut [f32]) + Sync) {
    if cols == 0 {
        return;
    }
    for_each_part([y], [cols], (rows, cols * EXP_COST, 1), move |rows, [y]| {
        let exp = Exp::with_constants();
        rows.zip(y.chunks_exact_mut(cols)).for_each(|(row, y)| f(exp, row, y));
    });
}

/// The largest element that is no NaN. (One makes the sum NaN, and with it the row.)
#[inline(always)]
pub(super) fn maximum(x: &[f32]) -> f32 {
    if x.len() < 4 {
        return F32x4::load_tail(x, f32::NEG_INFINITY).largest();
    }
    let src = Src::new(x, x.len());
    // The last vector may overlap the one before: a maximum doesn't mind.
    let last = x.len() - 4;
    let mut max = [F32x4::splat(f32::NEG_INFINITY).at_least(src.load(last)); 2];
    for i in (0..last).step_by(8) {
        max = [max[0].at_least(src.load(i)), max[1].at_least(src.load(last.min(i + 4)))];
    }
    max[0].at_least(max[1]).largest()
}

/// A running sum of floats is good for so many.
const BLOCK: usize = 1024;

/// `y = e^(x - max)`, and its sum, as [`sum`] has it.
#[inline(always)]
fn exponentials(exp: Exp, x: &[f32], max: F32x4, y: &mut [f32]) -> f32 {
    let mut total = 0.0;
    for (x, y) in x.chunks(BLOCK).zip(y.chunks_mut(BLOCK)) {
        let whole = y.len() / 4 * 4;
        let (from, mut to) = (Src::new(x, whole), Dst::new(&mut *y, whole));
        let mut sum = F32x4::zero();
        for i in (0..whole).step_by(4) {
            let power = exp.or_zero(from.load(i) - max);
            to.store(i, power);
            sum = sum + power;
        }
        if whole < y.len() {
            let power = exp.or_zero(F32x4::load_tail(&x[whole..], f32::NEG_INFINITY) - max);
            power.store_tail(&mut y[whole..]);
            sum = sum + power;
        }
        total += f64::from(sum.sum());
    }
    total as f32
}

/// The sum of `f` over the elements of rows of one length.
#[inline(always)]
pub(super) fn sum<const K: usize>(rows: [&[f32]; K], f: impl Fn([F32x4; K]) -> F32x4) -> f32 {
    let n = rows[0].len();
    assert!(rows.iter().all(|row| row.len() == n));
    let (mut total, mut start) = (0.0, 0);
    // (One loop, and so one copy of `f`.)
    loop {
        let end = n.min(start + BLOCK);
        let part = sum_block(rows.map(|row| &row[start..end]), &f);
        if end == n {
            return if start == 0 { part } else { (total + f64::from(part)) as f32 };
        }
        total += f64::from(part);
        start = end;
    }
}

/// What is left after the whole vectors is filled up, so that there is one loop, and in it no question.
#[inline(always)]
fn sum_block<const K: usize>(rows: [&[f32]; K], f: impl Fn([F32x4; K]) -> F32x4) -> f32 {
    let n = rows[0].len();
    let whole = n / 4 * 4;
    let mut rests = [[0.0; 4]; K];
    for (rest, row) in rests.iter_mut().zip(rows) {
        if cfg!(feature = "whole") {
            // (A call would take the registers in which `f` keeps its constants.)
            (0..3).for_each(|i| rest[i] = row.get(whole + i).copied().unwrap_or(0.0));
        } else {
            F32x4::load_tail(&row[whole..], 0.0).store(rest);
        }
    }
    let rests = rests.each_ref().map(|rest| Src::new(rest, 4));
    let mut sum = F32x4::zero();
    let runs =
        [(rows.map(|row| Src::new(row, whole)), whole / 4, 4), (rests, usize::from(whole < n), n - whole)];
    for (mut from, count, lanes) in runs {
        let real = Mask4::first(lanes);
        for _ in 0..count {
            sum = sum + real.keep(f(from.map(|x| x.load(0))));
            from = from.map(|x| x.offset(4));
        }
    }
    sum.sum()
}

/// `y = f(rows)`, element by element. A row shorter than a vector is done on a copy, so that the loop asks nothing.
#[inline(always)]
pub(super) fn map<const K: usize>(rows: [&[f32]; K], y: &mut [f32], f: impl Fn([F32x4; K]) -> F32x4) {
    let n = y.len();
    assert!(rows.iter().all(|row| row.len() == n));
    if !cfg!(feature = "whole") {
        // (Less to download, to the same bits.)
        let from = rows.map(|row| Src::new(row, n));
        for at in (0..n).step_by(4) {
            let at = at.min(n.saturating_sub(4));
            let value = f(std::array::from_fn(|k| match n {
                0..4 => F32x4::load_tail(rows[k], 0.0),
                _ => from[k].load(at),
            }));
            if n < 4 {
                value.store_tail(y);
            } else {
                Dst::new(&mut *y, n).store(at, value);
            }
        }
        return;
    }
    let (short, length) = (n < 4, n.max(4));
    let (mut copies, mut result) = ([[0.0; 4]; K], [0.0; 4]);
    if short {
        copies.iter_mut().zip(rows).for_each(|(copy, row)| F32x4::load_tail(row, 0.0).store(copy));
    }
    let from: [Src; K] = std::array::from_fn(|k| Src::new(if short { &copies[k] } else { rows[k] }, length));
    let mut to = Dst::new(if short { &mut result } else { &mut *y }, length);
    // The last vector overlaps the one before if `n` is no multiple of 4.
    for at in (0..length).step_by(4) {
        let at = at.min(length - 4);
        to.store(at, f(from.map(|row| row.load(at))));
    }
    if short {
        y.copy_from_slice(&result[..n]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, loss as twin, random};

    const SHAPES: [(usize, usize); 10] =
        [(0, 5), (3, 0), (1, 1), (3, 2), (5, 3), (32, 10), (7, 4), (2, 1003), (2, 5000), (700, 61)];

    fn logits(rows: usize, cols: usize) -> Vec<f32> {
        random(1, rows * cols).iter().map(|x| x * 20.0).collect()
    }

    #[test]
    fn forward_agrees_with_the_twin() {
        for (rows, cols) in SHAPES {
            let x = logits(rows, cols);
            let mut y = vec![f32::NAN; x.len()];
            softmax_forward(rows, cols, &x, &mut y);
            assert_close(&y, &twin::softmax(&x, cols), 2e-6);
            log_softmax_forward(rows, cols, &x, &mut y);
            assert_close(&y, &twin::log_softmax(&x, cols), 1e-6);
        }
    }

    #[test]
    fn backward_agrees_with_the_twin() {
        for (rows, cols) in SHAPES {
            let x: Vec<f32> = random(1, rows * cols);
            let (mut y, mut dx) = (vec![0.0; x.len()], vec![f32::NAN; x.len()]);
            let dy = random(2, x.len());
            softmax_forward(rows, cols, &x, &mut y);
            softmax_backward(rows, cols, &y, &dy, &mut dx);
            assert_close(&dx, &twin::softmax_backward(&x, &dy, cols), 2e-6);
            log_softmax_forward(rows, cols, &x, &mut y);
            log_softmax_backward(rows, cols, &y, &dy, &mut dx);
            assert_close(&dx, &twin::log_softmax_backward(&x, &dy, cols), 2e-6);
        }
    }

    /// Rows of few columns have the bits that they have one by one, whatever stands in them.
    #[test]
    fn narrow_rows_have_the_same_bits() {
        let hard = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e30, -1e30, 88.0, -104.0];
        let bits = |values: &[f32]| {
            values.iter().map(|v| (v.is_nan(), v.to_bits() * u32::from(!v.is_nan()))).collect::<Vec<_>>()
        };
        for cols in 1..=4 {
            assert!(narrow::fits(cols));
            for rows in [0, 1, 2, 3, 4, 5, 7, 8, 33] {
                let mut x = logits(rows, cols);
                for with in [false, true] {
                    if with {
                        x.iter_mut().step_by(3).zip(hard.iter().cycle()).for_each(|(x, &hard)| *x = hard);
                    }
                    let (mut y, mut expected) = (vec![7.0; x.len()], vec![8.0; x.len()]);
                    log_softmax_forward(rows, cols, &x, &mut y);
                    one_by_one(cols, &x, &mut expected);
                    assert_eq!(bits(&y), bits(&expected), "{rows} × {cols}");
                    let (mut dx, mut expected) = (vec![7.0; x.len()], vec![8.0; x.len()]);
                    log_softmax_backward(rows, cols, &y, &x, &mut dx);
                    log_softmax_backward_rows(rows, cols, &y, &x, &mut expected);
                    assert_eq!(bits(&dx), bits(&expected), "{rows} × {cols}");
                }
            }
        }
        assert!(!narrow::fits(0) && !narrow::fits(5));
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let x = [1000.0, 999.0, -1000.0, 0.0, f32::NEG_INFINITY];
        let mut y = [0.0; 5];
        softmax_forward(1, 5, &x, &mut y);
        assert!((y[0] - 0.731_058_6).abs() < 1e-6 && y[2..] == [0.0; 3]);
        log_softmax_forward(1, 5, &x, &mut y);
        assert!((y[1] + 1.313_261_7).abs() < 1e-6 && y[4] == f32::NEG_INFINITY);
    }

    #[test]
    fn a_nan_makes_its_row_nan_and_no_other() {
        for cols in [2, 3, 4, 10] {
            for at in 0..cols {
                let mut x = random(1, 2 * cols);
                x[at] = f32::NAN;
                let mut y = vec![0.0; 2 * cols];
                for forward in [softmax_forward, log_softmax_forward] {
                    forward(2, cols, &x, &mut y);
                    assert!(y[..cols].iter().all(|y| y.is_nan()) && y[cols..].iter().all(|y| y.is_finite()));
                }
            }
        }
    }
}
