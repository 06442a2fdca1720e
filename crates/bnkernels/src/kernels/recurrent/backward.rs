//! Backward through time.

use super::{cells, start, Cell, RecurrentShape, STEP};
use crate::kernels::matmul::{Form, Repeated};
use crate::parallel::scratch::{per_thread, take};
use crate::parallel::{for_each_stripe, OutOfMemory, Stripe};
use crate::simd::F32x4;
use std::ops::Range;

/// What backward reads; see [`super::recurrent_forward`], which has written the gates, `y` and what was kept.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    pub weight: &'a [f32],
    pub h0: Option<&'a [f32]>,
    pub c0: Option<&'a [f32]>,
    /// Not of a plain cell.
    pub gates: Option<&'a [f32]>,
    pub y: &'a [f32],
    pub kept: Option<&'a [f32]>,
    pub dy: &'a [f32],
    /// Of the LSTM's last `c`.
    pub dlast_cell: Option<&'a [f32]>,
}

/// Writes the gradients of `p`, of `q` where it has another (the GRU's), and of the first states.
pub fn recurrent_backward(
    s: &RecurrentShape,
    given: Given,
    dp: &mut [f32],
    dq: Option<&mut [f32]>,
    dh0: Option<&mut [f32]>,
    dc0: Option<&mut [f32]>,
) -> Result<(), OutOfMemory> {
    let RecurrentShape { cell, t, n, h, .. } = *s;
    let width = s.width();
    assert!(dp.len() == t * n * width && given.y.len() == t * n * h && given.dy.len() == given.y.len());
    assert!(dq.is_some() == (cell == Cell::Gru) && given.weight.len() == width * h);
    assert!(!cell.keeps() || (given.gates.is_some() && given.kept.is_some()));
    if n == 0 || h == 0 {
        return Ok(());
    }
    let (with_dh0, with_dc0) = (dh0.is_some(), dc0.is_some());
    let product = Repeated::new(Form::NN, (h, width), s.most_rows(), t - usize::from(!with_dh0).min(t));
    let needs = |rows| product.scratch_of_one_thread(rows) + 4 * rows * h;
    let mut laid_out = take(product.length())?;
    let scratch = &per_thread(s.chunk_lengths().map(needs).max().unwrap_or(0))?;
    product.lay_out(given.weight, &mut laid_out);
    let weight = if laid_out.is_empty() { given.weight } else { &laid_out };
    let outputs = [
        Stripe { output: dp, rows: t, width },
        Stripe { width: if dq.is_some() { width } else { 0 }, rows: t, output: dq.unwrap_or_default() },
        Stripe { output: dh0.unwrap_or_default(), rows: 1, width: if with_dh0 { h } else { 0 } },
        Stripe { output: dc0.unwrap_or_default(), rows: 1, width: if with_dc0 { h } else { 0 } },
    ];
    for_each_stripe(outputs, (n, s.chunks(), STEP), move |rows, [mut dp, mut dq, mut dh0, mut dc0]| {
        let count = rows.len();
        // The chunk's part of step `t` of what has `width` values a row.
        let of = |all: Option<&'_ [f32]>, t: usize, width: usize| -> Range<usize> {
            let at = |row| (t * n + row) * width;
            if all.is_some() {
                at(rows.start)..at(rows.end)
            } else {
                0..0
            }
        };
        scratch.with(|scratch| {
            let (room, rest) = scratch.split_at_mut(product.scratch_of_one_thread(count));
            let (dh, rest) = rest.split_at_mut(count * h);
            let (dc, rest) = rest.split_at_mut(count * h);
            let (by_weight, first) = rest.split_at_mut(count * h);
            let first = &mut first[..count * h];
            dh.fill(0.0);
            start(dc, given.dlast_cell, &rows, h);
            // What the first step found: `c` of an LSTM, else `h`.
            start(first, if cell == Cell::Lstm { given.c0 } else { given.h0 }, &rows, h);
            for i in (0..t).rev() {
                let step = s.step(i);
                let states = of(Some(given.y), step, h);
                dh.iter_mut().zip(&given.dy[states.clone()]).for_each(|(sum, dy)| *sum += dy);
                let before: &[f32] = match (i, cell) {
                    (0, _) => first,
                    (_, Cell::Lstm) => {
                        let kept = given.kept.unwrap_or_default();
                        &kept[of(given.kept, s.step(i - 1), h)]
                    }
                    _ => &given.y[of(Some(given.y), s.step(i - 1), h)],
                };
                let y = &given.y[states];
                let gates = &given.gates.unwrap_or_default()[of(given.gates, step, width)];
                let kept = &given.kept.unwrap_or_default()[of(given.kept, step, h)];
                let (dp, dq) = (dp.row_mut(step), dq.row_mut(step));
                for row in 0..count {
                    let (at, wide) = (row * h..(row + 1) * h, row * width..(row + 1) * width);
                    let dp = &mut dp[wide.clone()];
                    match cell {
                        Cell::Tanh => {
                            let one = F32x4::splat(1.0);
                            cells::plain_backward(&y[at.clone()], &dh[at], dp, |y, dh| dh * (one - y * y));
                        }
                        Cell::Relu => {
                            let zero = F32x4::zero();
                            cells::plain_backward(&y[at.clone()], &dh[at], dp, |y, dh| y.gt(zero).keep(dh));
                        }
                        Cell::Lstm => cells::lstm_backward(
                            &gates[wide],
                            &before[at.clone()],
                            &kept[at.clone()],
                            &dh[at.clone()],
                            &mut dc[at],
                            dp,
                        ),
                        Cell::Gru => cells::gru_backward(
                            &gates[wide.clone()],
                            &before[at.clone()],
                            &kept[at.clone()],
                            &mut dh[at],
                            dp,
                            &mut dq[wide],
                        ),
                    }
                }
                if i == 0 && !with_dh0 {
                    break;
                }
                if cell == Cell::Gru {
                    product.run(count, dq, weight, None, by_weight, room);
                    dh.iter_mut().zip(&*by_weight).for_each(|(sum, part)| *sum += part);
                } else {
                    product.run(count, dp, weight, None, dh, room);
                }
            }
            if with_dh0 {
                dh0.row_mut(0).copy_from_slice(dh);
            }
            if with_dc0 {
                dc0.row_mut(0).copy_from_slice(dc);
            }
        });
    });
    Ok(())
}
