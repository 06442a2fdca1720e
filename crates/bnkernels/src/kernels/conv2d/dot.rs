//! The register tile of backward_weight: dot products of `R` output channels of `dy` with `K` streams
//! of `x`, over rows of pixels and their lanes.

use super::Conv2dShape;
use crate::simd::{reach, F32x4, Src};
use std::ops::Range;

/// So many sums are few.
const FEW: usize = 3;

/// Dot products of some channels of `dy` with some streams of `x`, in a block.
pub(super) struct Dot<'a> {
    shape: &'a Conv2dShape,
    x: &'a [f32],
    dy: &'a [f32],
    lanes: usize,
    pub outputs: usize,
    x_row: usize,
    x_stream: usize,
    dy_row: usize,
    dy_output: usize,
}

/// Rows of runs of vectors, and how far apart they are.
struct Area {
    rows: usize,
    x_row: usize,
    dy_row: usize,
    runs: usize,
    x_run: usize,
    dy_run: usize,
    vectors: usize,
}

impl<'a> Dot<'a> {
    /// Of output channels `o..o + outputs` with streams from channel `c` on: channels, or rows of
    /// the kernel.
    pub fn new(
        s: &'a Conv2dShape,
        (x, dy): (&'a [f32], &'a [f32]),
        block: usize,
        (o, outputs): (usize, usize),
        c: usize,
        by_channel: bool,
    ) -> Self {
        let lanes = s.y().width(block);
        let (x_row, dy_row) = (s.w * lanes, s.ow() * lanes);
        let dy_output = s.oh() * dy_row;
        let x = &x[s.x().range(block)][c * s.h * x_row..];
        let dy = &dy[s.y().range(block)][o * dy_output..];
        let x_stream = if by_channel { s.h * x_row } else { s.dilation.0 * x_row };
        Self { shape: s, x, dy, lanes, outputs, x_row, x_stream, dy_row, dy_output }
    }

    /// Adds to `sums`, `[streams][outputs]`, what the outputs in `rows` and `columns` give to a tap.
    pub fn run(&self, tap: (usize, usize), rows: Range<usize>, columns: Range<usize>, sums: &mut [F32x4]) {
        let Self { shape: s, lanes, .. } = *self;
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        let row = rows.start * s.stride.0 + tap.0 * s.dilation.0 - s.padding.0;
        let column = columns.start * s.stride.1 + tap.1 * s.dilation.1 - s.padding.1;
        let x = &self.x[row * self.x_row + column * lanes..];
        let dy = &self.dy[rows.start * self.dy_row + columns.start * lanes..];
        let (runs, run) = if s.stride.1 == 1 { (1, columns.len()) } else { (columns.len(), 1) };
        let area = Area {
            rows: rows.len(),
            x_row: s.stride.0 * self.x_row,
            dy_row: self.dy_row,
            runs,
            x_run: s.stride.1 * lanes,
            dy_run: lanes,
            vectors: run * lanes / 4,
        };
        match (self.outputs, sums.len() / self.outputs) {
            (3, 3) => self.tile::<3, 3>(&area, x, dy, sums),
            (2, 3) => self.tile::<2, 3>(&area, x, dy, sums),
            (1, 3) => self.tile::<1, 3>(&area, x, dy, sums),
            (4, 2) => self.tile::<4, 2>(&area, x, dy, sums),
            (3, 2) => self.tile::<3, 2>(&area, x, dy, sums),
            (2, 2) => self.tile::<2, 2>(&area, x, dy, sums),
            (1, 2) => self.tile::<1, 2>(&area, x, dy, sums),
            (4, _) => self.tile::<4, 1>(&area, x, dy, sums),
            (3, _) => self.tile::<3, 1>(&area, x, dy, sums),
            (2, _) => self.tile::<2, 1>(&area, x, dy, sums),
            _ => self.tile::<1, 1>(&area, x, dy, sums),
        }
    }

    /// The sum of output channel `r` of the tile over `rows`.
    pub fn sum_of_output(&self, r: usize, rows: &Range<usize>) -> F32x4 {
        let length = rows.len() * self.dy_row;
        let dy = Src::new(&self.dy[r * self.dy_output + rows.start * self.dy_row..], length);
        let whole = length / 16 * 16;
        let mut sums = [F32x4::zero(); 4];
        for at in (0..whole).step_by(16) {
            sums = std::array::from_fn(|k| sums[k] + dy.load(at + 4 * k));
        }
        for at in (whole..length).step_by(4) {
            sums[0] = sums[0] + dy.load(at);
        }
        (sums[0] + sums[1]) + (sums[2] + sums[3])
    }

    #[inline(never)]
    fn tile<const R: usize, const K: usize>(&self, area: &Area, x: &[f32], dy: &[f32], sums: &mut [F32x4]) {
        assert!(sums.len() == R * K && area.vectors > 0);
        let Area { rows, x_row, dy_row, runs, x_run, dy_run, vectors } = *area;
        let x = Src::new(x, reach([(K, self.x_stream), (rows, x_row), (runs, x_run)], 4 * vectors));
        let dy = Src::new(dy, reach([(R, self.dy_output), (rows, dy_row), (runs, dy_run)], 4 * vectors));
        let mut tile: [[F32x4; K]; R] = std::array::from_fn(|r| std::array::from_fn(|k| sums[k * R + r]));
        // Few sums would wait for each other: then every second vector has others.
        let mut other = [[F32x4::zero(); K]; R];
        let (x_stream, dy_output) = (self.x_stream, self.dy_output);
        for i in 0..area.rows {
            for j in 0..area.runs {
                let mut x = x.offset(i * area.x_row + j * area.x_run);
                let mut dy = dy.offset(i * area.dy_row + j * area.dy_run);
                let mut left = area.vectors;
                // Four vectors have one step of the pointers; an exit after each keeps the compilers
                // from mixing them, for which there are too few registers.
                loop {
                    let xs: [Src; K] = std::array::from_fn(|k| x.offset(k * x_stream));
                    let dys: [Src; R] = std::array::from_fn(|r| dy.offset(r * dy_output));
                    add_products(xs, dys, 0, &mut tile);
                    if left == 1 {
                        break;
                    }
                    add_products(xs, dys, 4, if R * K <= FEW { &mut other } else { &mut tile });
                    if left == 2 {
                        break;
                    }
                    add_products(xs, dys, 8, &mut tile);
                    if left == 3 {
                        break;
                    }
                    add_products(xs, dys, 12, if R * K <= FEW { &mut other } else { &mut tile });
                    if left == 4 {
                        break;
                    }
                    left -= 4;
                    (x, dy) = (x.offset(16), dy.offset(16));
                }
            }
        }
        for (r, row) in tile.iter().enumerate() {
            for (k, &sum) in row.iter().enumerate() {
                sums[k * R + r] = if R * K <= FEW { sum + other[r][k] } else { sum };
            }
        }
    }
}

/// Adds to each sum the product of its vectors `at` floats from the cursors.
#[inline(always)]
fn add_products<const R: usize, const K: usize>(
    x: [Src; K],
    dy: [Src; R],
    at: usize,
    sums: &mut [[F32x4; K]; R],
) {
    let values = x.map(|x| x.load(at));
    for (dy, sums) in dy.iter().zip(sums) {
        let factor = dy.load(at);
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = value.mul_add(factor, *sum);
        }
    }
}
