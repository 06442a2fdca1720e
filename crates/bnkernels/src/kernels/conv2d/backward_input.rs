//! The gradient with respect to the input: `dx[c][i][j] = Σ dy[o][y][x] · w[o][c][u][v]` over the
//! outputs and taps with `y·sh + u − ph = i` and `x·sw + v − pw = j`.
//!
//! The pixels `i` with one remainder `p = i mod sh` see the same taps `u = r, r + sh, …` where
//! `r = (p + ph) mod sh`, and neighbours among them see neighbouring outputs: each such phase is a
//! stride-1 correlation of `dy` with every `sh`-th tap, flipped. With stride 1 there is one phase.

use super::correlate::Correlation;
use super::plan::Axis;
use super::Conv2dShape;

/// `dx`, in lanes, from `dy` in lanes.
pub fn conv2d_backward_input(shape: &Conv2dShape, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
    if shape.n == 0 {
        return;
    }
    let s = shape;
    assert_eq!(weight.len(), s.weight());
    let rows = phases(s.oh(), s.h, s.kh, s.stride.0, s.padding.0);
    let columns = phases(s.ow(), s.w, s.kw, s.stride.1, s.padding.1);
    let correlation =
        Correlation { n: s.n, inputs: s.oc, outputs: s.c, rows: &rows, columns: &columns, bias: None };
    correlation.run(dy, &flipped(s, &rows, &columns, weight), dx);
}

/// The phases of a dimension whose output has `input` elements and whose input has `size`.
fn phases(input: usize, size: usize, kernel: usize, stride: usize, padding: usize) -> Vec<Axis> {
    let mut before = 0;
    (0..stride)
        .map(|p| {
            let taps = kernel.saturating_sub((p + padding) % stride).div_ceil(stride);
            let offset = ((p + padding) / stride) as isize - (taps as isize - 1);
            let count = size.saturating_sub(p).div_ceil(stride);
            let axis = Axis { input, taps, stride: 1, offset, count, before };
            before += taps;
            axis
        })
        .collect()
}

/// The weight as `[c][oc][taps][taps]` of each phase: tap `i` is the one that the phase's last tap
/// is `i` strides after.
fn flipped(s: &Conv2dShape, rows: &[Axis], columns: &[Axis], weight: &[f32]) -> Vec<f32> {
    let last = |phase: usize, axis: &Axis, stride: usize, padding: usize| {
        (phase + padding) % stride + axis.taps.saturating_sub(1) * stride
    };
    let mut flipped = Vec::with_capacity(weight.len());
    for (p, row) in rows.iter().enumerate() {
        for (q, column) in columns.iter().enumerate() {
            let u = last(p, row, s.stride.0, s.padding.0);
            let v = last(q, column, s.stride.1, s.padding.1);
            for c in 0..s.c {
                for o in 0..s.oc {
                    let kernel = &weight[(o * s.c + c) * s.kh * s.kw..][..s.kh * s.kw];
                    for i in 0..row.taps {
                        let taps = &kernel[(u - i * s.stride.0) * s.kw..][..s.kw];
                        flipped.extend((0..column.taps).map(|j| taps[v - j * s.stride.1]));
                    }
                }
            }
        }
    }
    flipped
}
