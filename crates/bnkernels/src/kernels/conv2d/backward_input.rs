//! The gradient with respect to the input: `dx[c][i][j] = Σ dy[o][y][x] · w[o][c][u][v]` over the
//! outputs and taps with `y·sh + u − ph = i` and `x·sw + v − pw = j`.
//!
//! The pixels `i` with one remainder `p = i mod sh` see the same taps `u = r, r + sh, …` where
//! `r = (p + ph) mod sh`, and neighbours among them see neighbouring outputs: each such phase is a
//! stride-1 correlation of `dy` with every `sh`-th tap, flipped. With stride 1 there is one phase.

use super::correlate::Correlation;
use super::plan::{Dimension, CACHED};
use super::Conv2dShape;
use crate::parallel::scratch::{per_thread, take};
use crate::parallel::OutOfMemory;

/// `dx`, in lanes, from `dy` in lanes.
pub fn conv2d_backward_input(
    shape: &Conv2dShape,
    dy: &[f32],
    weight: &[f32],
    dx: &mut [f32],
) -> Result<(), OutOfMemory> {
    if dx.is_empty() || dy.is_empty() {
        dx.fill(0.0);
        return Ok(());
    }
    let s = shape;
    assert_eq!(weight.len(), s.weight());
    let dimension = |input, outputs, kernel, stride, padding| Dimension {
        input,
        outputs,
        kernel,
        stride,
        padding,
        transposed: true,
    };
    let rows = dimension(s.oh(), s.h, s.kh, s.stride.0, s.padding.0);
    let columns = dimension(s.ow(), s.w, s.kw, s.stride.1, s.padding.1);
    let (mut taps, scratch) = (take(weight.len())?, per_thread(CACHED)?);
    flip(s, &rows, &columns, weight, &mut taps);
    let correlation = Correlation { n: s.n, inputs: s.oc, outputs: s.c, rows, columns, bias: None };
    correlation.run(&scratch, dy, &taps, dx);
    Ok(())
}

/// The weight as `[c][oc][taps][taps]` of each phase: tap `i` is the one that the phase's last tap
/// is `i` strides after.
fn flip(s: &Conv2dShape, rows: &Dimension, columns: &Dimension, weight: &[f32], flipped: &mut [f32]) {
    let last = |of: &Dimension, p: usize, taps: usize| of.first_tap(p) + taps.saturating_sub(1) * of.stride;
    let mut flipped = flipped.iter_mut();
    for p in 0..rows.phases() {
        let row = rows.phase(p);
        let u = last(rows, p, row.taps);
        for q in 0..columns.phases() {
            let column = columns.phase(q);
            let v = last(columns, q, column.taps);
            for c in 0..s.c {
                for o in 0..s.oc {
                    let kernel = &weight[(o * s.c + c) * s.kh * s.kw..][..s.kh * s.kw];
                    for i in 0..row.taps {
                        let taps = &kernel[(u - i * s.stride.0) * s.kw..][..s.kw];
                        let taps = (0..column.taps).map(|j| taps[v - j * s.stride.1]);
                        taps.zip(flipped.by_ref()).for_each(|(tap, to)| *to = tap);
                    }
                }
            }
        }
    }
}
