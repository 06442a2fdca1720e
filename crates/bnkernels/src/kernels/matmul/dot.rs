//! NT: each element of C is a dot product of two contiguous rows, in four partial sums (one a
//! lane), which are added as `(0 + 1) + (2 + 3)`.

use super::merge::{merge, LONG};
use super::pack::pack_rows;
use super::{Finish, Memory, View};
use crate::parallel::{beat, for_each_tile, is_worth_sharing, largest_range, Dealt, Tile};
use crate::simd::{reach, Dst, F32x4, Mask4, Src};

/// Rows of this length are summed in one go; four rows of B (16 KB) then stay in the first cache.
const K_BLOCK: usize = 1024;
/// So many rows of A (256 KB) stay in the second cache.
const ROW_BLOCK: usize = 64;

/// A chunk has at least so many multiply-adds: a microsecond's work.
const SMALLEST_CHUNK: usize = 32_768;
const MOST_CHUNKS: usize = 64;
/// Heights and widths of chunks are multiples of these.
const STEP: (usize, usize) = (4, 4);
/// So many chunks keep eight threads busy.
const ENOUGH_CHUNKS: usize = 32;

pub(super) fn run(
    (m, n, k): (usize, usize, usize),
    a: View,
    b: View,
    bias: Option<&[f32]>,
    c: &mut [f32],
    memory: &mut Memory,
) {
    let (a, b) = along_k((m, n, k), a, b, &mut memory.copies);
    let (product, each) = (Product { m, n, k, a, b, bias }, &memory.each);
    // Of the larger matrix each thread then reads a part: of weights, the part that it updates.
    let dealt = if n > m { Dealt::Columns } else { Dealt::Rows };
    for_each_tile(c, (m, n), (grid((m, n, k)), dealt), STEP, |tile| {
        each.with(|room| product.chunk(tile, room))
    });
}

/// As `run`, in one chunk, with memory for the copies and for the chunk.
pub(super) fn run_on_one_thread(
    (m, n, k): (usize, usize, usize),
    a: View,
    b: View,
    bias: Option<&[f32]>,
    c: &mut [f32],
    (copies, room): (&mut [f32], &mut [f32]),
) {
    let (a, b) = along_k((m, n, k), a, b, copies);
    Product { m, n, k, a, b, bias }.chunk(Tile::whole(c, (m, n)), room);
}

/// Floats of the copies of those that do not lie along k, and of each thread's memory.
pub(super) fn scratch(
    (m, n, k): (usize, usize, usize),
    a: View,
    b: View,
    grid: (usize, usize),
) -> (usize, usize) {
    let copied = |view: View, rows: usize| if view.inner == 1 { 0 } else { rows * k };
    let (rows, cols) = (largest_range(grid.0, m, STEP.0), largest_range(grid.1, n, STEP.1));
    (copied(a, m) + copied(b, n), if k > LONG { (rows + rows.min(ROW_BLOCK)) * cols } else { 0 })
}

/// Chunks of rows and of columns; of columns first: a chunk then needs few rows of B.
pub(super) fn grid((m, n, k): (usize, usize, usize)) -> (usize, usize) {
    let work = m.saturating_mul(n).saturating_mul(k);
    let most = if is_worth_sharing(work) { (work / SMALLEST_CHUNK).min(MOST_CHUNKS) } else { 1 };
    let cols = n.div_ceil(4).min(most);
    ((most / cols).min(ENOUGH_CHUNKS.div_ceil(cols)).min(m / 4).max(1), cols)
}

/// The rows of A and the columns of B, one after the other.
fn along_k<'a>(
    (m, n, k): (usize, usize, usize),
    a: View<'a>,
    b: View<'a>,
    scratch: &'a mut [f32],
) -> (&'a [f32], &'a [f32]) {
    let (for_a, for_b) = scratch.split_at_mut(if a.inner == 1 { 0 } else { m * k });
    let a = if a.inner == 1 { a } else { pack_rows(a, m, k, for_a) };
    let b = if b.inner == 1 { b } else { pack_rows(b, n, k, for_b) };
    (a.data, b.data)
}

struct Product<'a> {
    m: usize,
    n: usize,
    k: usize,
    a: &'a [f32],
    b: &'a [f32],
    bias: Option<&'a [f32]>,
}

impl Product<'_> {
    /// Of a long k, `room` holds what the chunk's sums have lost so far, and the sums of a block.
    fn chunk(&self, mut tile: Tile, room: &mut [f32]) {
        let Self { m, n, k, a, b, bias } = *self;
        let (rows, cols, col, top) = (tile.rows, tile.cols, tile.col, tile.row);
        let (lost, sums) = room.split_at_mut(if k > LONG { rows * cols } else { 0 });
        let (mut c, stride) = tile.cursor();
        for k0 in (0..k).step_by(K_BLOCK) {
            let mut finish = Finish::new(bias, k0);
            finish.add_to_c &= k <= LONG;
            for row in (0..rows).step_by(ROW_BLOCK) {
                beat();
                let (first, rows, depth) = ((top + row, col), ROW_BLOCK.min(rows - row), K_BLOCK.min(k - k0));
                let block = Block { m, n, k, a, b, first, rows, cols, k0, depth, finish };
                if k <= LONG {
                    block.sweep(&mut c.offset(row * stride), stride);
                    continue;
                }
                let sums = &mut sums[..rows * cols];
                let length = sums.len();
                block.sweep(&mut Dst::new(sums, length), cols);
                let (at, ends) = ((&mut c.offset(row * stride), stride), (k0 == 0, k0 + K_BLOCK >= k));
                merge(sums, cols, at, (&mut lost[row * cols..], cols), ends);
            }
        }
    }
}

/// A block of rows of a chunk, and of k.
struct Block<'a> {
    m: usize,
    n: usize,
    k: usize,
    a: &'a [f32],
    b: &'a [f32],
    /// The first row and column, and how many of each.
    first: (usize, usize),
    rows: usize,
    cols: usize,
    k0: usize,
    depth: usize,
    finish: Finish<'a>,
}

impl Block<'_> {
    /// Writes the rows to `c`, `stride` apart.
    fn sweep(&self, c: &mut Dst, stride: usize) {
        let mut col = 0;
        while col < self.cols {
            col += match self.cols - col {
                4.. => {
                    self.tiles::<1, 4>(self.tiles::<2, 4>(0, col, c, stride), col, c, stride);
                    4
                }
                2.. => {
                    self.tiles::<1, 2>(self.tiles::<4, 2>(0, col, c, stride), col, c, stride);
                    2
                }
                _ => {
                    self.tiles::<1, 1>(self.tiles::<4, 1>(0, col, c, stride), col, c, stride);
                    1
                }
            };
        }
    }

    /// The tiles of `MR` rows and `NC` columns from a row on; returns the row where too few are
    /// left.
    #[inline(never)]
    fn tiles<const MR: usize, const NC: usize>(
        &self,
        mut row: usize,
        col: usize,
        c: &mut Dst,
        stride: usize,
    ) -> usize {
        let Self { m, n, k, a, b, .. } = *self;
        let (first, end, left) = (self.first.0, self.rows, self.first.1 + col);
        let k1 = self.k0 + self.depth;
        assert!(first + end <= m && left + NC <= n && k1 <= k && k >= 4);
        let b = Src::new(&b[left * k..], reach([(NC, k)], k1));
        let start = F32x4::load(&self.finish.start::<4>(left));
        let a_rows = Src::new(a, reach([(first + end, k)], k1));
        while row + MR <= end {
            let a = a_rows.offset((first + row) * k);
            let mut sums = [[F32x4::zero(); NC]; MR];
            let (mut x, mut y) = (a.offset(self.k0), b.offset(self.k0));
            for _ in 0..self.depth / 4 {
                multiply_add(&mut sums, k, |r| x.offset(r).load(0), |r| y.offset(r).load(0));
                (x, y) = (x.offset(4), y.offset(4));
            }
            if !self.depth.is_multiple_of(4) {
                // The block's last four terms, without those that were added already.
                let last = self.k0 + self.depth - 4;
                let seen = Mask4::first(4 - self.depth % 4);
                let load = |from: Src, r| seen.select(F32x4::zero(), from.offset(r + last).load(0));
                multiply_add(&mut sums, k, |r| load(a, r), |r| load(b, r));
            }
            for sums in sums {
                // Where there are fewer than four columns, the last one's sum is done again.
                let [s, t, u, v] = F32x4::transpose(std::array::from_fn(|j| sums[j.min(NC - 1)]));
                write::<NC>((s + t) + (u + v) + start, self.finish.add_to_c, c.offset(row * stride + col));
                row += 1;
            }
        }
        row
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

/// Writes the first `N` lanes of `sums`.
#[inline(always)]
fn write<const N: usize>(sums: F32x4, add_to_c: bool, mut c: Dst) {
    if N == 4 {
        c.store(0, if add_to_c { c.load(0) + sums } else { sums });
    } else {
        for (j, sum) in sums.to_array().into_iter().take(N).enumerate() {
            c.set(j, if add_to_c { c.get(j) + sum } else { sum });
        }
    }
}
