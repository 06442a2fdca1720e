//! NN: a tile of C gathers, for each p, column p of A times row p of B. Panels of B are packed
//! where enough rows share them, or where their width is no multiple of four.

use super::{Finish, Product};
use crate::parallel::{for_each_tile, with_scratch, Tile};
use crate::simd::{F32x4, Src};

/// Columns of a panel. Relaxed SIMD: 3 vectors × 3 rows are the most sums that stay in registers;
/// strict SIMD needs one more register for the product, 4 vectors × 2 rows.
const PANEL: usize = if cfg!(target_feature = "relaxed-simd") { 12 } else { 16 };
/// A panel of this height (16 KB) stays in the first cache.
const K_BLOCK: usize = 256;
/// Packing pays from so many rows on.
const ROWS_TO_PACK: usize = 24;

pub(super) fn run(product: Product, c: &mut [f32]) {
    let Product { m, n, k, .. } = product;
    for_each_tile(c, (m, n), product.grid(8, PANEL), (8, PANEL), |mut tile| {
        with_scratch(k.min(K_BLOCK) * PANEL, |scratch| {
            // A sum of no terms is still written, hence the max.
            for k0 in (0..k.max(1)).step_by(K_BLOCK) {
                for col in (0..tile.cols).step_by(PANEL) {
                    Panel::new(&product, k0, col, &tile, scratch).sweep(&mut tile);
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
        let (b, stride) = if width == padded && tile.rows < ROWS_TO_PACK {
            (&b[first.min(b.len())..], n)
        } else {
            for (p, row) in scratch.chunks_exact_mut(padded).take(depth).enumerate() {
                pack(&b[first + p * n..][..width], row);
            }
            (&scratch[..depth * padded], padded)
        };
        // The extreme element that a tile reads.
        assert!(depth == 0 || (depth - 1) * stride + padded <= b.len());
        let finish = Finish::new(product, k0);
        let start = finish.start(tile.col + col);
        Self { product, finish, start, k0, depth, col, width, b: Src::new(b), stride }
    }

    /// Every tile of the panel, the tallest that the registers hold first.
    fn sweep(&self, c: &mut Tile) {
        let mut row = 0;
        while row < c.rows {
            row += match (self.width.div_ceil(4), c.rows - row) {
                (1, 8..) => self.tile::<8, 1>(row, c),
                (1, 4..) => self.tile::<4, 1>(row, c),
                (1, _) => self.tile::<1, 1>(row, c),
                (2, 4..) => self.tile::<4, 2>(row, c),
                (2, 2..) => self.tile::<2, 2>(row, c),
                (2, _) => self.tile::<1, 2>(row, c),
                (3, 3..) => self.tile::<3, 3>(row, c),
                (3, 2..) => self.tile::<2, 3>(row, c),
                (3, _) => self.tile::<1, 3>(row, c),
                (4, 2..) if PANEL == 16 => self.tile::<2, 4>(row, c),
                (4, _) if PANEL == 16 => self.tile::<1, 4>(row, c),
                _ => unreachable!("a panel wider than PANEL"),
            }
        }
    }

    /// One tile of `MR` rows and `NV` vectors; returns `MR`.
    #[inline(never)]
    fn tile<const MR: usize, const NV: usize>(&self, row: usize, c: &mut Tile) -> usize {
        let Product { m, k, a, .. } = *self.product;
        let first = c.row + row;
        assert!(first + MR <= m && self.k0 + self.depth <= k && NV <= self.width.div_ceil(4));
        let mut a = Src::new(a).offset(first * k + self.k0);
        let mut b = self.b;
        let start = Src::new(&self.start[..4 * NV]);
        let mut sums: [[F32x4; NV]; MR] = [std::array::from_fn(|v| start.load(4 * v)); MR];
        for _ in 0..self.depth / 2 {
            multiply_add(&mut sums, |r| a.offset(r * k).load_splat(0), b);
            b = b.offset(self.stride);
            multiply_add(&mut sums, |r| a.offset(r * k).load_splat(1), b);
            b = b.offset(self.stride);
            a = a.offset(2);
        }
        if self.depth % 2 == 1 {
            multiply_add(&mut sums, |r| a.offset(r * k).load_splat(0), b);
        }
        for (r, sums) in sums.into_iter().enumerate() {
            self.finish.write(sums, &mut c.row_mut(row + r)[self.col..self.col + self.width]);
        }
        MR
    }
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

/// Copies `from` and pads it with zeros.
#[inline(always)]
fn pack(from: &[f32], to: &mut [f32]) {
    if from.len() == to.len() {
        for (to, from) in to.chunks_exact_mut(4).zip(from.chunks_exact(4)) {
            F32x4::load(from).store(to);
        }
    } else {
        for (i, to) in to.iter_mut().enumerate() {
            *to = from.get(i).copied().unwrap_or(0.0);
        }
    }
}
