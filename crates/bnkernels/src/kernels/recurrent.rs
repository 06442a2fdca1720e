//! Recurrent layers: all steps of one layer in one direction. With `p` the input's part of the gates
//! (`x Wᵢₕᵀ + bᵢₕ`, a matrix product of all steps at once) and `q = h Wₕₕᵀ + bₕₕ` of the state before:
//!
//! | cell | gates | state |
//! |---|---|---|
//! | tanh, relu | | `h' = f(p + q)` |
//! | LSTM | `i, f, o = σ(p + q)`, `g = tanh(p + q)`; in the order i, f, g, o | `c' = f·c + i·g`, `h' = o·tanh(c')` |
//! | GRU | `r, z = σ(p + q)`, `n = tanh(p + r·q)` | `h' = (1 − z)·n + z·h` |
//!
//! Sources: <https://docs.pytorch.org/docs/stable/generated/torch.nn.RNN.html>, …nn.LSTM.html, …nn.GRU.html;
//! Hochreiter and Schmidhuber, 1997; Cho et al., 2014.
//!
//! Shapes: `t` steps, a batch of `n`, `h` values a state, `w` = gates · h. Gates are `[t, n, w]`, states
//! `[t, n, h]`, the weight Wₕₕ `[w, h]`. Backward goes through time the other way: it gives the gradients of `p`
//! and `q`, from which all others are matrix products and sums.
//!
//! The rows of the batch do not meet, so threads share them, and each goes through all steps by itself.

mod backward;
mod cells;

pub use backward::{recurrent_backward, Given};

use super::matmul::{Form, Repeated};
use crate::parallel::scratch::{per_thread, take};
use crate::parallel::{chunk_count, chunk_range, for_each_stripe, OutOfMemory, Stripe};
use std::ops::Range;

/// What a step computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    Tanh,
    Relu,
    Lstm,
    Gru,
}

impl Cell {
    pub fn gates(self) -> usize {
        match self {
            Cell::Tanh | Cell::Relu => 1,
            Cell::Lstm => 4,
            Cell::Gru => 3,
        }
    }

    /// Whether a step keeps something beside its gates: the LSTM's `c'`, or the GRU's `q` of the gate n.
    pub fn keeps(self) -> bool {
        matches!(self, Cell::Lstm | Cell::Gru)
    }
}

#[derive(Clone, Copy)]
pub struct RecurrentShape {
    pub cell: Cell,
    pub t: usize,
    pub n: usize,
    pub h: usize,
    /// Whether the last step comes first.
    pub reverse: bool,
}

/// Rows of the batch that a chunk has at least, as fewer would read the weight for too little work: but for small
/// batches, of which two threads have halves. (A product's tiles are of 4 to 6 rows, and 6 are faster than 4.)
const ROWS: usize = 12;
const ROWS_FOR_HALVES: usize = 6;
/// Chunks have a multiple of so many rows: of 28 two threads have 14, and not 16 and 12.
const STEP: usize = 2;
/// Multiply-adds that the functions of a gate are worth, when work is cut into chunks.
const GATE_COST: usize = 16;

impl RecurrentShape {
    /// Values of a row's gates.
    pub fn width(&self) -> usize {
        self.cell.gates() * self.h
    }

    /// The step that comes as number `i`.
    fn step(&self, i: usize) -> usize {
        if self.reverse {
            self.t - 1 - i
        } else {
            i
        }
    }

    fn chunks(&self) -> usize {
        let row = self.width().saturating_mul(self.h + GATE_COST).saturating_mul(self.t);
        let least = if self.n >= ROWS_FOR_HALVES { 2 } else { 1 };
        let parts = self.n.div_ceil(ROWS).max(least);
        chunk_count(parts, row.saturating_mul(self.n.div_ceil(parts)))
    }

    /// Rows of the largest chunk.
    fn most_rows(&self) -> usize {
        self.chunk_lengths().max().unwrap_or(0)
    }

    fn chunk_lengths(&self) -> impl Iterator<Item = usize> {
        let (chunks, n) = (self.chunks(), self.n);
        (0..chunks).map(move |i| chunk_range(i, chunks, n, STEP).len()).filter(|&rows| rows > 0)
    }
}

/// The rows of a first state; zeros where it is missing.
fn start(state: &mut [f32], first: Option<&[f32]>, rows: &Range<usize>, h: usize) {
    match first {
        Some(first) => state.copy_from_slice(&first[rows.start * h..rows.end * h]),
        None => state.fill(0.0),
    }
}

/// Turns `p` in `gates` into the gates, and writes the states `y`, what the cell keeps, and the LSTM's last `c`.
pub fn recurrent_forward(
    s: &RecurrentShape,
    weight: &[f32],
    bias: Option<&[f32]>,
    h0: Option<&[f32]>,
    c0: Option<&[f32]>,
    gates: &mut [f32],
    y: &mut [f32],
    kept: Option<&mut [f32]>,
    last_cell: Option<&mut [f32]>,
) -> Result<(), OutOfMemory> {
    let RecurrentShape { cell, t, n, h, .. } = *s;
    let width = s.width();
    assert!(weight.len() == width * h && gates.len() == t * n * width && y.len() == t * n * h);
    assert!(kept.is_some() == cell.keeps() && last_cell.is_some() == (cell == Cell::Lstm));
    if n == 0 || h == 0 {
        return Ok(());
    }
    let product = Repeated::new(Form::NT, (width, h), s.most_rows(), t);
    let needs = |rows| product.scratch_of_one_thread(rows) + rows * (width + 2 * h);
    let mut laid_out = take(product.length())?;
    let scratch = &per_thread(s.chunk_lengths().map(needs).max().unwrap_or(0))?;
    product.lay_out(weight, &mut laid_out);
    let weight = &laid_out[..];
    let keeps = if cell.keeps() { h } else { 0 };
    let outputs = [
        Stripe { output: gates, rows: t, width },
        Stripe { output: y, rows: t, width: h },
        Stripe { output: kept.unwrap_or_default(), rows: t, width: keeps },
        Stripe {
            width: if last_cell.is_some() { h } else { 0 },
            rows: 1,
            output: last_cell.unwrap_or_default(),
        },
    ];
    for_each_stripe(
        outputs,
        (n, s.chunks(), STEP),
        move |rows, [mut gates, mut y, mut kept, mut last_cell]| {
            let count = rows.len();
            scratch.with(|scratch| {
                let (room, rest) = scratch.split_at_mut(product.scratch_of_one_thread(count));
                let (q, rest) = rest.split_at_mut(count * width);
                let (state, rest) = rest.split_at_mut(count * h);
                let c = &mut rest[..count * h];
                start(state, h0, &rows, h);
                start(c, c0, &rows, h);
                for step in (0..t).map(|i| s.step(i)) {
                    product.run(count, state, weight, bias, q, room);
                    let (gates, kept) = (gates.row_mut(step), kept.row_mut(step));
                    let all = gates.chunks_exact_mut(width).zip(q.chunks_exact(width));
                    let states = state.chunks_exact_mut(h).zip(c.chunks_exact_mut(h));
                    for (i, ((gates, q), (state, c))) in all.zip(states).enumerate() {
                        match cell {
                            Cell::Tanh => cells::plain(gates, q, state, |x| x.tanh()),
                            Cell::Relu => cells::plain(gates, q, state, cells::relu),
                            Cell::Lstm => {
                                cells::lstm(gates, q, state, c);
                                kept[i * h..][..h].copy_from_slice(c);
                            }
                            Cell::Gru => cells::gru(gates, q, state, &mut kept[i * h..][..h]),
                        }
                    }
                    y.row_mut(step).copy_from_slice(state);
                }
                if cell == Cell::Lstm {
                    last_cell.row_mut(0).copy_from_slice(c);
                }
            });
        },
    );
    Ok(())
}

#[cfg(test)]
mod tests;
