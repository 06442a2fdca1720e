//! NN: a tile of C gathers, for each p, column p of A times row p of B. Panels of B are packed
//! where enough rows share them, or where their width is no multiple of four.

use super::{Finish, Product};
use crate::parallel::{for_each_tile, with_scratch, Tile};
use crate::simd::{Dst, F32x4, Src};

/// Columns of a panel. Relaxed SIMD: 3 vectors × 3 rows are the most sums that stay in registers;
/// strict SIMD needs one more register for the product, 4 vectors × 2 rows.
const PANEL: usize = if cfg!(target_feature = "relaxed-simd") { 12 } else { 16 };
/// A panel of this height (16 KB) stays in the first cache.
const K_BLOCK: usize = 256;
/// Packing pays from so many rows on.
const ROWS_TO_PACK: usize = 48;
/// So narrow a B is as good as packed.
const NARROW: usize = 24;

pub(super) fn run(product: Product, c: &mut [f32]) {
    let Product { m, n, k, .. } = product;
    // Rows are shared out by twelves, so that few tiles are lower than they could be.
    let least_rows = if m < 2 * ROWS_TO_PACK { 8 } else { ROWS_TO_PACK };
    for_each_tile(c, (m, n), product.grid(least_rows, PANEL), (12, PANEL), |mut tile| {
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

    /// Every tile of the panel, the tallest that the registers hold first.
    fn sweep(&self, c: &mut Tile) {
        match self.width.div_ceil(4) {
            1 => self.tiles::<1, 1>(self.tiles::<4, 1>(self.tiles::<8, 1>(0, c), c), c),
            2 => self.tiles::<1, 2>(self.tiles::<2, 2>(self.tiles::<4, 2>(0, c), c), c),
            3 => self.tiles::<1, 3>(self.tiles::<2, 3>(self.tiles::<3, 3>(0, c), c), c),
            4 if PANEL == 16 => self.tiles::<1, 4>(self.tiles::<2, 4>(0, c), c),
            _ => unreachable!("a panel is not wider than PANEL"),
        };
    }

    /// The tiles of `MR` rows and `NV` vectors from `row` on; returns the row where too few are left.
    #[inline(never)]
    fn tiles<const MR: usize, const NV: usize>(&self, mut row: usize, c: &mut Tile) -> usize {
        let Product { m, k, a, .. } = *self.product;
        assert!(c.row + c.rows <= m && self.k0 + self.depth <= k && NV <= self.width.div_ceil(4));
        let start = Src::new(&self.start[..4 * NV]);
        while row + MR <= c.rows {
            let mut a = Src::new(a).offset((c.row + row) * k + self.k0);
            let mut b = self.b;
            let mut sums: [[F32x4; NV]; MR] = [std::array::from_fn(|v| start.load(4 * v)); MR];
            for _ in 0..self.depth {
                multiply_add(&mut sums, |r| a.offset(r * k).load_splat(0), b);
                (a, b) = (a.offset(1), b.offset(self.stride));
            }
            for (r, sums) in sums.into_iter().enumerate() {
                self.finish.write(sums, &mut c.row_mut(row + r)[self.col..self.col + self.width]);
            }
            row += MR;
        }
        row
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
