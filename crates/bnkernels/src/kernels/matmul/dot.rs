//! NT: each element of C is a dot product of two contiguous rows, in four partial sums (one a
//! lane), which are added as `(0 + 1) + (2 + 3)`.

use super::{Finish, Product};
use crate::parallel::{for_each_tile, Tile};
use crate::simd::{F32x4, Mask4, Src};

/// Rows of this length are summed in one go; four rows of B (16 KB) then stay in the first cache.
const K_BLOCK: usize = 1024;
/// So many rows of A (256 KB) stay in the second cache.
const ROW_BLOCK: usize = 64;

pub(super) fn run(product: Product, c: &mut [f32]) {
    let Product { m, n, k, .. } = product;
    for_each_tile(c, (m, n), product.grid(4, 4), (4, 4), |mut tile| {
        for k0 in (0..k).step_by(K_BLOCK) {
            let finish = Finish::new(&product, k0);
            let block = Block { product, k0, depth: K_BLOCK.min(k - k0), finish };
            for row in (0..tile.rows).step_by(ROW_BLOCK) {
                block.sweep(row..tile.rows.min(row + ROW_BLOCK), &mut tile);
            }
        }
    });
}

/// The product over a block of k.
struct Block<'a> {
    product: Product<'a>,
    k0: usize,
    depth: usize,
    finish: Finish<'a>,
}

impl Block<'_> {
    fn sweep(&self, rows: std::ops::Range<usize>, c: &mut Tile) {
        let mut col = 0;
        while col < c.cols {
            let width = match c.cols - col {
                4.. => 4,
                2.. => 2,
                _ => 1,
            };
            let mut row = rows.start;
            while row < rows.end {
                row += match (width, rows.end - row) {
                    (4, 2..) => self.tile::<2, 4>(row, col, c),
                    (4, _) => self.tile::<1, 4>(row, col, c),
                    (2, 4..) => self.tile::<4, 2>(row, col, c),
                    (2, _) => self.tile::<1, 2>(row, col, c),
                    (_, 4..) => self.tile::<4, 1>(row, col, c),
                    _ => self.tile::<1, 1>(row, col, c),
                }
            }
            col += width;
        }
    }

    /// One tile of `MR` rows and `NC` columns; returns `MR`.
    #[inline(never)]
    fn tile<const MR: usize, const NC: usize>(&self, row: usize, col: usize, c: &mut Tile) -> usize {
        let Product { m, n, k, a, b, .. } = self.product;
        let (first, left) = (c.row + row, c.col + col);
        assert!(first + MR <= m && left + NC <= n && self.k0 + self.depth <= k && k >= 4);
        let (a, b) = (Src::new(&a[first * k..]), Src::new(&b[left * k..]));
        let mut sums = [[F32x4::zero(); NC]; MR];
        let (mut x, mut y) = (a.offset(self.k0), b.offset(self.k0));
        for _ in 0..self.depth / 8 {
            multiply_add(&mut sums, k, |r| x.offset(r).load(0), |r| y.offset(r).load(0));
            multiply_add(&mut sums, k, |r| x.offset(r).load(4), |r| y.offset(r).load(4));
            (x, y) = (x.offset(8), y.offset(8));
        }
        if self.depth % 8 >= 4 {
            multiply_add(&mut sums, k, |r| x.offset(r).load(0), |r| y.offset(r).load(0));
        }
        if !self.depth.is_multiple_of(4) {
            // The block's last four terms, without those that were added already.
            let last = self.k0 + self.depth - 4;
            let seen = Mask4::first(4 - self.depth % 4);
            let load = |from: Src, r| seen.select(F32x4::zero(), from.offset(r + last).load(0));
            multiply_add(&mut sums, k, |r| load(a, r), |r| load(b, r));
        }
        let start = self.finish.start::<4>(left);
        for (r, sums) in sums.into_iter().enumerate() {
            // Where there are fewer than four columns, the last one's sum is done again.
            let [s, t, u, v] = F32x4::transpose(std::array::from_fn(|j| sums[j.min(NC - 1)]));
            let sums = (s + t) + (u + v) + F32x4::load(&start);
            self.finish.write([sums], &mut c.row_mut(row + r)[col..col + NC]);
        }
        MR
    }
}

#[inline(always)]
fn multiply_add<const MR: usize, const NC: usize>(
    sums: &mut [[F32x4; NC]; MR],
    stride: usize,
    a: impl Fn(usize) -> F32x4,
    b: impl Fn(usize) -> F32x4,
) {
    let b: [F32x4; NC] = std::array::from_fn(|j| b(j * stride));
    for (r, sums) in sums.iter_mut().enumerate() {
        let a = a(r * stride);
        for (sum, b) in sums.iter_mut().zip(b) {
            *sum = a.mul_add(b, *sum);
        }
    }
}
