//! NN: a tile of C gathers, for each p, column p of A times row p of B. Panels of B are packed
//! where enough rows share them, or where their width is no multiple of four.

use super::{Finish, Product};
use crate::parallel::{for_each_tile, with_scratch, Tile};
use crate::simd::{Dst, F32x4, Src};

/// Columns of a panel: 4 vectors × 2 rows of sums for strict SIMD, 2 × 4 for relaxed SIMD. More
/// than nine sums spill; these two were the fastest.
const PANEL: usize = if cfg!(target_feature = "relaxed-simd") { 8 } else { 16 };
/// A panel of this height (8 or 16 KB) stays in the first cache.
const K_BLOCK: usize = 256;
/// Packing pays from so many rows on, where the cache would lose the panel between tiles.
const ROWS_TO_PACK: usize = 200;
/// So narrow a B is as good as packed.
const NARROW: usize = 24;

pub(super) fn run(product: Product, c: &mut [f32]) {
    let Product { m, n, k, .. } = product;
    let least_rows = if m < ROWS_TO_PACK { 8 } else { ROWS_TO_PACK };
    for_each_tile(c, (m, n), product.grid(least_rows, PANEL), (4, PANEL), |mut tile| {
        let for_b = k.min(K_BLOCK) * PANEL;
        let for_c = if tile.cols.is_multiple_of(4) { 0 } else { tile.rows * PANEL };
        with_scratch(for_b + for_c, |scratch| {
            let (for_b, for_c) = scratch.split_at_mut(for_b);
            // A sum of no terms is still written, hence the max.
            for k0 in (0..k.max(1)).step_by(K_BLOCK) {
                for col in (0..tile.cols).step_by(PANEL) {
                    Panel::new(&product, k0, col, &tile, for_b).multiply(&mut tile, for_c);
                }
            }
        });
    });
}

/// A panel of B over a block of k.
struct Panel<'a> {
    product: &'a Product<'a>,
    finish: Finish<'a>,
    start: [f32; PANEL],
    k0: usize,
    depth: usize,
    /// Within the tile.
    col: usize,
    width: usize,
    b: Src<'a>,
    /// Elements from one row of `b` to the next.
    stride: usize,
}

impl<'a> Panel<'a> {
    fn new(product: &'a Product, k0: usize, col: usize, tile: &Tile, scratch: &'a mut [f32]) -> Self {
        let Product { n, k, b, .. } = *product;
        let (depth, width) = (K_BLOCK.min(k - k0), PANEL.min(tile.cols - col));
        let padded = width.next_multiple_of(4);
        let first = k0 * n + tile.col + col;
        let (b, stride) = if width == padded && (tile.rows < ROWS_TO_PACK || n <= NARROW) {
            (&b[first.min(b.len())..], n)
        } else {
            let scratch = &mut scratch[..depth * padded];
            if depth > 0 {
                pack(&b[first..], n, width, scratch);
            }
            (&*scratch, padded)
        };
        // The extreme element that a tile reads.
        assert!(depth == 0 || (depth - 1) * stride + padded <= b.len());
        let finish = Finish::new(product, k0);
        let start = finish.start(tile.col + col);
        Self { product, finish, start, k0, depth, col, width, b: Src::new(b), stride }
    }

    /// Writes the panel's columns of the tile; by way of `scratch` where they end in mid-vector.
    fn multiply(mut self, c: &mut Tile, scratch: &mut [f32]) {
        let (row, rows, width) = (c.row, c.rows, self.width);
        let padded = width.next_multiple_of(4);
        if width == padded {
            let (mut c, stride) = c.cursor();
            return self.sweep(row, rows, &mut c.offset(self.col), stride);
        }
        let add_to_c = std::mem::replace(&mut self.finish.add_to_c, false);
        let scratch = &mut scratch[..rows * padded];
        self.sweep(row, rows, &mut Dst::new(scratch), padded);
        for (r, sums) in scratch.chunks_exact(padded).enumerate() {
            let c = &mut c.row_mut(r)[self.col..self.col + width];
            for (c, sum) in c.iter_mut().zip(sums) {
                *c = if add_to_c { *c + sum } else { *sum };
            }
        }
    }

    /// Every tile of `rows` rows of the product from row `first` on, the tallest that the
    /// registers hold first, to `c`, whose rows are `stride` apart.
    fn sweep(&self, first: usize, rows: usize, c: &mut Dst, stride: usize) {
        assert!(first + rows <= self.product.m && self.k0 + self.depth <= self.product.k);
        let mut at = Sweep { first, row: 0, rows, stride };
        match self.width.div_ceil(4) {
            1 => {
                self.tiles::<8, 1>(&mut at, c);
                self.tiles::<4, 1>(&mut at, c);
                self.tiles::<1, 1>(&mut at, c);
            }
            2 => {
                self.tiles::<4, 2>(&mut at, c);
                self.tiles::<2, 2>(&mut at, c);
                self.tiles::<1, 2>(&mut at, c);
            }
            3 if PANEL > 8 => {
                self.tiles::<3, 3>(&mut at, c);
                self.tiles::<2, 3>(&mut at, c);
                self.tiles::<1, 3>(&mut at, c);
            }
            4 if PANEL == 16 => {
                self.tiles::<2, 4>(&mut at, c);
                self.tiles::<1, 4>(&mut at, c);
            }
            _ => unreachable!("a panel is not wider than PANEL"),
        };
    }

    /// The tiles of `MR` rows and `NV` vectors, until too few rows are left.
    #[inline(never)]
    fn tiles<const MR: usize, const NV: usize>(&self, at: &mut Sweep, c: &mut Dst) {
        let Product { k, a, .. } = *self.product;
        let (depth, b_stride, add_to_c) = (self.depth, self.stride, self.finish.add_to_c);
        let start = Src::new(&self.start[..4 * NV]);
        let start: [F32x4; NV] = std::array::from_fn(|v| start.load(4 * v));
        let mut a_rows = Src::new(a).offset((at.first + at.row) * k + self.k0);
        while at.row + MR <= at.rows {
            let (mut a, mut b) = (a_rows, self.b);
            let mut sums = [start; MR];
            for _ in 0..depth {
                multiply_add(&mut sums, |r| a.offset(r * k).load_splat(0), b);
                (a, b) = (a.offset(1), b.offset(b_stride));
            }
            for (r, sums) in sums.into_iter().enumerate() {
                let mut c = c.offset((at.row + r) * at.stride);
                for (v, sum) in sums.into_iter().enumerate() {
                    c.store(4 * v, if add_to_c { c.load(4 * v) + sum } else { sum });
                }
            }
            a_rows = a_rows.offset(MR * k);
            at.row += MR;
        }
    }
}

/// Where a sweep over a panel's rows is.
struct Sweep {
    /// The product's row that row 0 is.
    first: usize,
    row: usize,
    rows: usize,
    stride: usize,
}

/// `sums[r] += x(r) * b[..]`.
#[inline(always)]
fn multiply_add<const MR: usize, const NV: usize>(
    sums: &mut [[F32x4; NV]; MR],
    x: impl Fn(usize) -> F32x4,
    b: Src,
) {
    let b: [F32x4; NV] = std::array::from_fn(|v| b.load(4 * v));
    for (r, sums) in sums.iter_mut().enumerate() {
        let x = x(r);
        for (sum, b) in sums.iter_mut().zip(b) {
            *sum = x.mul_add(b, *sum);
        }
    }
}

/// Copies `width` columns of `from`, whose rows are `stride` apart; rows of `to` are that width
/// rounded up to whole vectors, filled up with zeros.
fn pack(from: &[f32], stride: usize, width: usize, to: &mut [f32]) {
    let padded = width.next_multiple_of(4);
    let depth = to.len() / padded;
    assert!((depth - 1) * stride + width <= from.len());
    if width == padded {
        let (mut from, mut to) = (Src::new(from), Dst::new(to));
        for p in 0..depth {
            for v in (0..width).step_by(4) {
                to.store(p * width + v, from.load(v));
            }
            from = from.offset(stride);
        }
    } else {
        for (to, from) in to.chunks_exact_mut(padded).zip(from.chunks(stride)) {
            to.fill(0.0);
            to[..width].copy_from_slice(&from[..width]);
        }
    }
}
