//! The gradient with respect to the input: `dx[c][i][j] = Σ dy[o][y][x] · w[o][c][u][v]` over the
//! outputs and taps with `y·sh + u·dh − ph = i` and `x·sw + v·dw − pw = j`. With a bias it is what PyTorch's
//! ConvTranspose2d computes: <https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html>.
//!
//! The pixels `i` with one remainder `p = i mod sh` see the same taps `u = r, r + sh, …` where
//! `r = (p + ph) mod sh`, and neighbours among them see neighbouring outputs: each such phase is a
//! stride-1 correlation of `dy` with every `sh`-th tap, flipped. With stride 1 there is one phase.
//! With a dilation `r` is the first tap with `r·dh ≡ p + ph (mod sh)`, which there may not be; with `g` the greatest
//! common divisor of both, the others are `sh / g` apart in the kernel, and `dh / g` in `dy`.

use super::correlate::Correlation;
use super::forward::fill_with_bias;
use super::plan::{Dimension, CACHED};
use super::{dilated, line, winograd, Conv2dShape};
use crate::parallel::scratch::{per_thread, take};
use crate::parallel::OutOfMemory;

/// `dx`, in lanes, from `dy` in lanes; to each channel its bias is added.
pub fn conv2d_backward_input(
    shape: &Conv2dShape,
    dy: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    dx: &mut [f32],
) -> Result<(), OutOfMemory> {
    if dx.is_empty() || dy.is_empty() {
        fill_with_bias(shape.x(), shape.c, bias, dx);
        return Ok(());
    }
    let s = shape;
    assert_eq!(weight.len(), s.weight());
    if line::pays_back(s) {
        return line::backward_input(s, dy, weight, bias, dx);
    }
    if let Some(dilated) = dilated::where_faster(s) {
        return dilated.backward_input(dy, weight, bias, dx);
    }
    if winograd::pays_back(s) {
        return winograd::backward_input(s, dy, weight, bias, dx);
    }
    let [rows, columns] = Dimension::of(s, true);
    let (mut taps, scratch) = (take(weight.len())?, per_thread(CACHED)?);
    flip(s, &rows, &columns, weight, &mut taps);
    let (groups, inputs, outputs) = (s.groups, s.oc_of_group(), s.c_of_group());
    let correlation = Correlation { n: s.n, groups, inputs, outputs, rows, columns, bias };
    correlation.run(&scratch, dy, &taps, dx);
    Ok(())
}

/// The weight as `[c][oc][taps][taps]` of each phase, `oc` being those of the group of `c`: tap `i` is the one
/// that the phase's last tap is `i` steps after.
fn flip(s: &Conv2dShape, rows: &Dimension, columns: &Dimension, weight: &[f32], flipped: &mut [f32]) {
    let last = |of: &Dimension, p: usize, taps: usize| of.first_tap(p) + taps.saturating_sub(1) * of.step();
    let mut flipped = flipped.iter_mut();
    let (c_of_group, oc_of_group) = (s.c_of_group(), s.oc_of_group());
    let (row_step, column_step) = (rows.step(), columns.step());
    for p in 0..rows.phases() {
        let row = rows.phase(p);
        let u = last(rows, p, row.taps);
        for q in 0..columns.phases() {
            let column = columns.phase(q);
            let v = last(columns, q, column.taps);
            for c in 0..s.c {
                let outputs = c / c_of_group * oc_of_group;
                for o in outputs..outputs + oc_of_group {
                    let kernel = &weight[(o * c_of_group + c % c_of_group) * s.kh * s.kw..][..s.kh * s.kw];
                    for i in 0..row.taps {
                        let taps = &kernel[(u - i * row_step) * s.kw..][..s.kw];
                        let taps = (0..column.taps).map(|j| taps[v - j * column_step]);
                        taps.zip(flipped.by_ref()).for_each(|(tap, to)| *to = tap);
                    }
                }
            }
        }
    }
}
