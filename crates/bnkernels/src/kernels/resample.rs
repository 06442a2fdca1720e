//! Resampling along one direction: of `[n, outer, size, inner]`,
//! `y[n][o][i][r] = Σ m[i][k] x[n][o][k][r]`, with a matrix `m` of `[outputs, size]` that is mostly zeros: each row has its
//! other values side by side, as the two pixels that an output lies between. The gradient is the same with the matrix
//! transposed. Both in lanes; the terms are added in order, zeros outside of a row's run not at all.

use crate::layout::Blocks;
use crate::parallel::{beat, chunk_count, for_each_block_tile};
use crate::simd::{Dst, F32x4, Src};
use std::array::from_fn;
use std::ops::Range;

/// Outputs whose terms are found at once, since a search goes over a row of the matrix.
const OUTPUTS: usize = 64;

/// Rows at a time: each is a stream that the processor reads and writes ahead.
const ROWS: usize = 8;

/// The inputs of an output, and the weights of its first four.
type Terms = (Range<usize>, [f32; 4]);

const NONE: Terms = (0..0, [0.0; 4]);

/// Sizes, and whether `m` lies transposed, as `[size, outputs]`.
#[derive(Clone, Copy, Debug)]
pub struct ResampleShape {
    pub n: usize,
    pub outer: usize,
    pub size: usize,
    pub outputs: usize,
    pub inner: usize,
    pub transposed: bool,
}

impl ResampleShape {
    fn weight(&self, matrix: &[f32], i: usize, k: usize) -> f32 {
        matrix[if self.transposed { k * self.outputs + i } else { i * self.size + k }]
    }

    /// From the first value of a row that is not 0 to the last.
    fn terms(&self, matrix: &[f32], i: usize) -> Terms {
        let is_here = |k: &usize| self.weight(matrix, i, *k) != 0.0;
        let first = (0..self.size).find(is_here).unwrap_or(0);
        let run = first..(first..self.size).rfind(is_here).map_or(first, |last| last + 1);
        let weight = |j| if first + j < run.end { self.weight(matrix, i, first + j) } else { 0.0 };
        (run.clone(), from_fn(weight))
    }
}

/// Overwrites `y`.
pub fn resample(s: &ResampleShape, matrix: &[f32], x: &[f32], y: &mut [f32]) {
    let from = Blocks::new(s.n, s.outer * s.size * s.inner);
    let to = Blocks::new(s.n, s.outer * s.outputs * s.inner);
    assert!(x.len() == from.len() && y.len() == to.len() && matrix.len() == s.size * s.outputs);
    if y.is_empty() {
        return;
    }
    let chunks = chunk_count(s.outer * to.count(), to.len() / (s.outer * to.count())).div_ceil(to.count());
    for_each_block_tile(y, to, s.outer, (chunks.min(s.outer), 1), (1, s.outputs * s.inner), |b, mut tile| {
        let pixels = s.inner * to.width(b);
        let (first, rows) = (tile.row * s.size * pixels, tile.rows);
        let x = &x[from.range(b)][first..][..rows * s.size * pixels];
        let (mut y, apart) = tile.cursor();
        for start in (0..s.outputs).step_by(OUTPUTS) {
            let end = s.outputs.min(start + OUTPUTS);
            let terms: [_; OUTPUTS] =
                from_fn(|i| if start + i < end { s.terms(matrix, start + i) } else { NONE });
            for row in (0..rows).step_by(ROWS) {
                beat();
                let mut y = y.offset(row * apart);
                for (i, (run, first)) in (start..end).zip(&terms) {
                    let mut lines = Lines {
                        rows: ROWS.min(rows - row),
                        pixels,
                        x: Src::new(x, x.len()).offset(row * s.size * pixels),
                        x_apart: s.size * pixels,
                        y: y.offset(i * pixels),
                        y_apart: apart,
                    };
                    match run.len() {
                        0 => lines.add::<0, true>(0, []),
                        1 => lines.add::<1, true>(run.start, [first[0]]),
                        2 => lines.add::<2, true>(run.start, [first[0], first[1]]),
                        3 => lines.add::<3, true>(run.start, [first[0], first[1], first[2]]),
                        _ => {
                            lines.add::<4, true>(run.start, *first);
                            for k in run.clone().skip(4) {
                                lines.add::<1, false>(k, [s.weight(matrix, i, k)]);
                            }
                        }
                    }
                }
            }
        }
    });
}

/// An output of each of some rows, of so many floats.
struct Lines<'a> {
    rows: usize,
    pixels: usize,
    x: Src<'a>,
    x_apart: usize,
    y: Dst<'a>,
    y_apart: usize,
}

impl Lines<'_> {
    /// Adds `N` inputs from `k` on, to nothing if they are the `FIRST`.
    #[inline(always)]
    fn add<const N: usize, const FIRST: bool>(&mut self, k: usize, weights: [f32; N]) {
        let weights = weights.map(F32x4::splat);
        match self.pixels {
            8 => self.walk::<N, FIRST, 2>(k, weights, 8),
            pixels if pixels.is_multiple_of(16) => self.walk::<N, FIRST, 4>(k, weights, pixels),
            pixels => self.walk::<N, FIRST, 1>(k, weights, pixels),
        }
    }

    /// `V` vectors at a time, since a row of one column has no more.
    #[inline(always)]
    fn walk<const N: usize, const FIRST: bool, const V: usize>(
        &mut self,
        k: usize,
        weights: [F32x4; N],
        pixels: usize,
    ) {
        let mut x = self.x.offset(k * pixels);
        let mut y = self.y.offset(0);
        for _ in 0..self.rows {
            for at in (0..pixels).step_by(4 * V) {
                for at in (at..at + 4 * V).step_by(4) {
                    let before = if FIRST { F32x4::zero() } else { y.load(at) };
                    let terms = weights.iter().enumerate();
                    let add =
                        |sum, (j, weight): (usize, &F32x4)| x.load(j * pixels + at).mul_add(*weight, sum);
                    y.store(at, terms.fold(before, add));
                }
            }
            x = x.offset(self.x_apart);
            y.step(self.y_apart);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::guarded::Guarded;
    use crate::reference::{assert_close, random, to_lanes, to_rows};

    /// Against the formula, both ways.
    fn check(s: ResampleShape, matrix: &[f32]) {
        let image = s.outer * s.size * s.inner;
        let x = random(1, s.n * image);
        let out = s.outer * s.outputs * s.inner;
        let mut y = Guarded::unwritten(Blocks::new(s.n, out).len());
        resample(&s, matrix, &to_lanes(&x, s.n, image), y.values_mut());
        let expected: Vec<f64> = (0..s.n * out)
            .map(|at| {
                let (o, i, r) = (at / (s.outputs * s.inner), at / s.inner % s.outputs, at % s.inner);
                let term = |k: usize| {
                    f64::from(s.weight(matrix, i, k)) * f64::from(x[(o * s.size + k) * s.inner + r])
                };
                (0..s.size).map(term).sum()
            })
            .collect();
        assert_close(&to_rows(y.values(), s.n, out), &expected, 1e-6);
    }

    #[test]
    fn sizes_and_matrices() {
        for n in [0, 1, 5, 16, 19] {
            for (outer, size, outputs, inner) in
                [(1, 1, 1, 1), (3, 5, 10, 7), (6, 8, 3, 1), (0, 2, 2, 2), (2, 3, 2, 9), (70, 32, 64, 1)]
            {
                for transposed in [false, true] {
                    let s = ResampleShape { n, outer, size, outputs, inner, transposed };
                    let mut matrix = random(2, size * outputs);
                    check(s, &matrix);
                    // Few values in each row, or none.
                    let place = |at: usize| {
                        if transposed {
                            (at % outputs, at / outputs)
                        } else {
                            (at / size, at % size)
                        }
                    };
                    for (at, value) in matrix.iter_mut().enumerate() {
                        let (i, k) = place(at);
                        if (k + 1 < i / 2) || (k > i / 2) {
                            *value = 0.0;
                        }
                    }
                    check(s, &matrix);
                    check(s, &vec![0.0; size * outputs]);
                }
            }
        }
    }

    /// What is no part of an output does not reach it.
    #[test]
    fn a_nan_stays_where_it_is_read() {
        let s = ResampleShape { n: 1, outer: 1, size: 3, outputs: 3, inner: 1, transposed: false };
        let matrix = [1.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.0, 1.0];
        let mut y = [7.0; 12];
        resample(&s, &matrix, &to_lanes(&[f32::NAN, 2.0, 3.0], 1, 3), &mut y);
        assert!(y[0].is_nan() && y[4].is_nan() && y[8] == 3.0);
    }
}
