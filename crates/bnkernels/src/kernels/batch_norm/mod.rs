//! Batch normalisation, per channel: `y = (x − mean) / sqrt(var + eps) · weight + bias`.
//! In training mean and (biased) variance are the batch's; in evaluation they are running ones.
//! Source: <https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html>, and Ioffe and
//! Szegedy 2015, <https://arxiv.org/abs/1502.03167>.
//!
//! The input is `[n, c]` in rows (`s` is 1), or `[n, c, s]` in lanes. It is cut into pieces that
//! fit the first-level cache; what a piece gives is merged, piece after piece, in f64.

mod backward;
mod forward;
mod lanes;
mod rows;
mod statistics;

pub use backward::batch_norm_backward;
pub use forward::batch_norm_forward;
pub use statistics::{batch_norm_statistics, batch_norm_update_running};

use crate::layout::{Blocks, LANES};
use crate::parallel::chunk_range;
use std::ops::Range;

/// How an input lies in memory; see the crate's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[n, c]`.
    Rows,
    /// `[n, c, s]`, the batch in lanes.
    Lanes,
}

/// Elements of a piece in lanes: half of a first-level cache.
const PIECE: usize = 4096;
/// Rows of a piece in rows.
const PIECE_ROWS: usize = 64;

/// An input's shape, and its pieces.
#[derive(Clone, Copy)]
struct Shape {
    layout: Layout,
    n: usize,
    c: usize,
    s: usize,
    /// Pieces of a channel's pixels in one block, or of all rows.
    pieces: usize,
}

impl Shape {
    fn new(layout: Layout, n: usize, c: usize, s: usize) -> Self {
        let pieces = match layout {
            Layout::Rows => n.div_ceil(PIECE_ROWS),
            Layout::Lanes => (s * LANES).div_ceil(PIECE),
        };
        assert!(layout == Layout::Lanes || s == 1, "rows are [n, c]");
        Self { layout, n, c, s, pieces }
    }

    fn blocks(self) -> Blocks {
        Blocks::new(self.n, self.c * self.s)
    }

    /// Elements of the input, padding included.
    fn len(self) -> usize {
        match self.layout {
            Layout::Rows => self.n * self.c,
            Layout::Lanes => self.blocks().len(),
        }
    }

    /// Values of a channel.
    fn count(self) -> usize {
        self.n * self.s
    }

    /// Results of all pieces, one for each of their channels: rows lie as `[pieces][c]`, lanes as
    /// `[blocks][c][pieces]`.
    fn results(self) -> usize {
        match self.layout {
            Layout::Rows => self.pieces * self.c,
            Layout::Lanes => self.blocks().count() * self.c * self.pieces,
        }
    }

    /// For each piece of `channel`: the index of its result, and how many values it has.
    fn pieces_of(self, channel: usize) -> impl Iterator<Item = (usize, usize)> {
        let groups = match self.layout {
            Layout::Rows => 1,
            Layout::Lanes => self.blocks().count(),
        };
        (0..groups).flat_map(move |b| {
            (0..self.pieces).map(move |p| match self.layout {
                Layout::Rows => (p * self.c + channel, chunk_range(p, self.pieces, self.n, 1).len()),
                Layout::Lanes => {
                    let pixels = chunk_range(p, self.pieces, self.s, 1).len();
                    ((b * self.c + channel) * self.pieces + p, pixels * self.blocks().images(b))
                }
            })
        })
    }

    /// Of piece `i` in lanes: its block, its channel and where it lies in the array.
    fn lanes_piece(self, i: usize) -> (usize, usize, Range<usize>) {
        let (plane, p) = (i / self.pieces, i % self.pieces);
        let (block, channel) = (plane / self.c, plane % self.c);
        let lanes = self.blocks().width(block);
        let start = self.blocks().range(block).start + channel * self.s * lanes;
        let pixels = chunk_range(p, self.pieces, self.s, 1);
        (block, channel, start + pixels.start * lanes..start + pixels.end * lanes)
    }

    /// Where the pieces from `i` on start.
    fn lanes_start(self, i: usize) -> usize {
        if i == self.results() {
            return self.len();
        }
        self.lanes_piece(i).2.start
    }
}

/// `1 / sqrt(var + eps)`, times the weight if there is one.
fn scale(var: f32, eps: f32, weight: Option<f32>) -> f32 {
    weight.unwrap_or(1.0) / (var + eps).sqrt()
}

#[cfg(test)]
mod tests;
