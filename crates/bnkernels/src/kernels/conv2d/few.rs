//! The gradient with respect to the weight where a channel has few outputs, as deep in a net: dot products over their
//! lanes are then so short that most of the time goes into beginning and ending them. So lanes and channels of the input
//! change places first, and each tap's gradient is a product whose vectors are channels:
//! `dw[o][c..c + 8][u][v] += dy[o][i][j][n] · x[i'][j'][n][c..c + 8]`, over images `n` and the outputs that have the tap.

use super::backward_weight::{outputs, sum_outputs};
use super::Conv2dShape;
use crate::layout::LANES;
use crate::parallel::scratch::{per_thread, take};
use crate::parallel::{beat, for_each_part, OutOfMemory};
use crate::simd::{Dst, F32x4, Src};
use std::hint::black_box;

/// Outputs of a channel that are few.
const FEW: usize = 9;
/// Channels on either side that make a product worth the change of places.
const CHANNELS: usize = 16;
/// Terms of a sum, at most, and of those that one running sum gathers, about.
const TERMS: usize = 8192;
const CLOSED: usize = 256;

/// Output channels of a tile, and input channels: of a panel.
const ROWS: usize = 4;
const PANEL: usize = 8;
type Sums = [[F32x4; PANEL / 4]; ROWS];

/// Whether it is faster than dot products, by the shape alone.
pub(super) fn pays(s: &Conv2dShape) -> bool {
    if !cfg!(feature = "whole") {
        return false;
    }
    let outputs = s.oh().saturating_mul(s.ow());
    // (Of inputs that no tap reads many would be moved for nothing.)
    let read = s.kh.saturating_mul(s.kw).saturating_mul(2 * outputs) >= s.h.saturating_mul(s.w);
    s.groups == 1
        && outputs <= FEW
        && s.n.saturating_mul(outputs) <= TERMS
        && s.c.min(s.oc) >= CHANNELS
        && read
}

/// Overwrites `dw` and `db`; `x` and `dy` in lanes.
pub(super) fn backward_weight(
    s: &Conv2dShape,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    db: Option<&mut [f32]>,
) -> Result<(), OutOfMemory> {
    let (blocks, taps) = (s.x(), s.kh * s.kw);
    let panels = s.c.div_ceil(PANEL);
    let lanes: usize = (0..blocks.count()).map(|b| blocks.width(b)).sum();
    let panel = s.h * s.w * lanes * PANEL;
    let mut columns = take(panels * panel)?;
    let scratch = &per_thread(taps * ROWS * PANEL)?;
    for_each_part([&mut columns], [panel], (panels, panel, 1), |range, [to]| {
        for (p, to) in range.zip(to.chunks_exact_mut(panel)) {
            exchange(s, x, p * PANEL, to);
        }
    });
    let (columns, cost) = (&columns[..], s.n * s.oh() * s.ow() * s.c * taps / 4);
    for_each_part([dw], [s.c * taps], (s.oc, cost, ROWS), |range, [dw]| {
        scratch.with(|scratch| {
            let rows = s.c * taps;
            for (o, dw) in range.step_by(ROWS).zip(dw.chunks_mut(ROWS * rows)) {
                beat();
                for (p, columns) in columns.chunks_exact(panel).enumerate() {
                    // (The last tile has the outputs before it again, if it has too few.)
                    let count = dw.len() / rows;
                    let again = ROWS - count;
                    tile(s, (dy, o - again), columns, scratch);
                    write_taps(s, &scratch[again * PANEL..], p * PANEL, dw);
                }
            }
        });
    });
    db.into_iter().for_each(|db| sum_outputs(s, dy, db));
    Ok(())
}

/// Writes `to` as `[pixels][lanes][8]` of each block, of the channels from `first` on; those that are not there are 0.
fn exchange(s: &Conv2dShape, x: &[f32], first: usize, to: &mut [f32]) {
    let (blocks, pixels) = (s.x(), s.h * s.w);
    for b in 0..blocks.count() {
        let lanes = blocks.width(b);
        let x = Src::new(&x[blocks.range(b)], s.c * pixels * lanes);
        let mut to = Dst::new(&mut to[b * LANES * pixels * PANEL..], pixels * lanes * PANEL);
        for at in (0..pixels * lanes).step_by(4) {
            for half in [0, 4] {
                let channels = std::array::from_fn(|i| {
                    let c = first + half + i;
                    if c < s.c {
                        x.load(c * pixels * lanes + at)
                    } else {
                        F32x4::zero()
                    }
                });
                for (i, lane) in F32x4::transpose(channels).into_iter().enumerate() {
                    to.store((at + i) * PANEL + half, lane);
                }
            }
        }
    }
}

/// The gradients of all taps of the outputs of a tile from `o` on and a panel of inputs, `[taps][4][8]`.
fn tile(s: &Conv2dShape, (dy, o): (&[f32], usize), columns: &[f32], to: &mut [f32]) {
    let (blocks, ow) = (s.y(), s.ow());
    let (pixels, of_output) = (s.h * s.w, s.oh() * ow);
    for (t, to) in to.chunks_exact_mut(ROWS * PANEL).take(s.kh * s.kw).enumerate() {
        let (u, v) = (t / s.kw * s.dilation.0, t % s.kw * s.dilation.1);
        let rows = outputs(s.oh(), u, s.stride.0, s.padding.0, s.h);
        let across = outputs(ow, v, s.stride.1, s.padding.1, s.w);
        let mut totals: Sums = [[F32x4::zero(); PANEL / 4]; ROWS];
        let mut sums = totals;
        let mut terms = 0;
        for b in 0..blocks.count() {
            let lanes = blocks.width(b);
            let dy = Src::new(&dy[blocks.range(b)][o * of_output * lanes..], ROWS * of_output * lanes);
            let x = Src::new(&columns[b * LANES * pixels * PANEL..], pixels * lanes * PANEL);
            // (Neighbours in a row are lanes side by side, unless there is a stride.)
            let run = if s.stride.1 == 1 { across.len() } else { 1 };
            for i in rows.clone() {
                for j in across.clone().step_by(run.max(1)) {
                    let (y, x_at) = (i * s.stride.0 + u - s.padding.0, j * s.stride.1 + v - s.padding.1);
                    let dy = dy.offset((i * ow + j) * lanes);
                    let x = x.offset((y * s.w + x_at) * lanes * PANEL);
                    add_products((dy, of_output * lanes), x, run * lanes, &mut sums);
                    terms += run * lanes;
                    if terms >= CLOSED {
                        close(&mut sums, &mut totals);
                        terms = 0;
                    }
                }
            }
        }
        close(&mut sums, &mut totals);
        for (to, total) in to.chunks_exact_mut(4).zip(totals.as_flattened()) {
            total.store(to);
        }
    }
}

/// Moves sums to their totals.
fn close(sums: &mut Sums, totals: &mut Sums) {
    for (sum, total) in sums.as_flattened_mut().iter_mut().zip(totals.as_flattened_mut()) {
        (*total, *sum) = (*total + *sum, F32x4::zero());
    }
}

/// Adds the products of some lanes.
#[inline(never)]
fn add_products((mut dy, apart): (Src, usize), mut x: Src, lanes: usize, to: &mut Sums) {
    let mut sums = *to;
    // (An exit after each keeps the compilers from mixing them, for which there are too few registers.)
    let mut left = black_box(lanes);
    loop {
        add(dy, apart, x, 0, &mut sums);
        if left == 1 {
            break;
        }
        add(dy, apart, x, 1, &mut sums);
        if left == 2 {
            break;
        }
        add(dy, apart, x, 2, &mut sums);
        if left == 3 {
            break;
        }
        add(dy, apart, x, 3, &mut sums);
        if left == 4 {
            break;
        }
        left -= 4;
        (dy, x) = (dy.offset(4), x.offset(4 * PANEL));
    }
    *to = sums;
}

#[inline(always)]
fn add(dy: Src, apart: usize, x: Src, lane: usize, sums: &mut Sums) {
    let values = [x.load(lane * PANEL), x.load(lane * PANEL + 4)];
    for (r, sums) in sums.iter_mut().enumerate() {
        let factor = dy.offset(r * apart).load_splat(lane);
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = value.mul_add(factor, *sum);
        }
    }
}

/// Writes the gradients of some outputs to their rows: those of the channels from `first` on.
fn write_taps(s: &Conv2dShape, from: &[f32], first: usize, dw: &mut [f32]) {
    let taps = s.kh * s.kw;
    let channels = PANEL.min(s.c - first);
    for (r, row) in dw.chunks_exact_mut(s.c * taps).enumerate() {
        let from = Src::new(&from[r * PANEL..], (taps - 1) * ROWS * PANEL + PANEL);
        let mut to = Dst::new(&mut row[first * taps..], channels * taps);
        for t in 0..taps {
            let from = from.offset(t * ROWS * PANEL);
            for c in 0..channels {
                to.set(c * taps + t, from.get(c));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::conv2d::case::Case;
    use crate::kernels::conv2d::conv2d_backward_weight;
    use crate::reference::assert_close;

    const SHAPE: Conv2dShape =
        Conv2dShape { n: 5, c: 19, h: 2, w: 3, oc: 18, kh: 3, kw: 3, padding: (1, 1), ..Conv2dShape::PLAIN };

    /// This way against the formula, whether or not it pays.
    fn check(s: Conv2dShape) {
        let case = Case::new(s);
        let dw = case.backward_weight(|x, dy, dw, db| backward_weight(&s, x, dy, dw, db));
        if pays(&s) {
            let chosen =
                case.backward_weight(|x, dy, dw, db| conv2d_backward_weight(&s, x, dy, Some(dw), db));
            assert_eq!(chosen, dw);
        }
    }

    #[test]
    fn batches_and_channels() {
        for n in [1, 4, 13, 16, 17, 40] {
            check(Conv2dShape { n, ..SHAPE });
        }
        for (c, oc) in [(1, 4), (7, 5), (8, 6), (9, 7), (33, 70)] {
            check(Conv2dShape { c, oc, ..SHAPE });
        }
    }

    #[test]
    fn kernels_strides_and_dilations() {
        for (kh, kw) in [(1, 1), (2, 3), (5, 4)] {
            for (stride, dilation) in [((1, 1), (1, 1)), ((2, 1), (1, 2)), ((3, 2), (2, 1))] {
                check(Conv2dShape { h: 7, w: 6, kh, kw, padding: (kh, 1), stride, dilation, ..SHAPE });
            }
        }
        check(Conv2dShape { output: Some((3, 1)), ..SHAPE });
    }

    #[test]
    fn it_is_chosen_by_the_shape() {
        let deep = Conv2dShape { n: 16, c: 64, oc: 64, h: 2, w: 2, ..SHAPE };
        assert!(pays(&deep) && pays(&Conv2dShape { h: 4, w: 4, stride: (2, 2), ..deep }));
        assert!(!pays(&Conv2dShape { h: 4, w: 4, ..deep }) && !pays(&Conv2dShape { groups: 2, ..deep }));
        assert!(!pays(&Conv2dShape { n: 2049, ..deep }) && !pays(&Conv2dShape { c: 8, ..deep }));
        assert!(!pays(&Conv2dShape { h: 16, w: 16, kh: 1, kw: 1, padding: (0, 0), stride: (8, 8), ..deep }));
    }

    /// Sums of many equal terms, whose roundings all have one direction.
    #[test]
    fn the_size_of_the_batch_costs_no_digits() {
        let s = Conv2dShape { n: 2048, c: 16, h: 2, w: 2, oc: 16, ..SHAPE };
        assert!(pays(&s));
        let (x, dy) = (vec![1.0 / 3.0; s.x().len()], vec![0.7; s.y().len()]);
        let mut dw = vec![f32::NAN; s.weight()];
        backward_weight(&s, &x, &dy, &mut dw, None).unwrap();
        let terms = |u: usize, v: usize| [1.0, 2.0, 1.0][u] * [1.0, 2.0, 1.0][v] * s.n as f64;
        for (i, dw) in dw.iter().enumerate() {
            let exact = terms(i / 3 % 3, i % 3) * f64::from(1.0f32 / 3.0) * f64::from(0.7f32);
            assert_close(&[*dw], &[exact], 3e-6);
        }
    }
}
