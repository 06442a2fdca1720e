//! Matrix product `C = op(A) op(B) + bias`, all row-major; `bias` (length n) is added to each row.
//!
//! | form | A | B | kernel |
//! |---|---|---|---|
//! | NN | [m, k] | [k, n] | [`outer`] |
//! | TN | [k, m] | [k, n] | [`outer`], after A is transposed (which is a hundredth of the work) |
//! | NT | [m, k] | [n, k] | [`dot`], which needs no packing: both matrices run along k |
//!
//! Sums go along k in one order that neither the chunks nor the tiles change.

mod dot;
mod outer;

use crate::parallel::{chunk_count, chunk_range, for_each_range, with_scratch};
use crate::simd::{Dst, F32x4, Src};

/// Which of the matrices is transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    NN,
    NT,
    TN,
}

/// Shorter sums than this are no work for vectors along k.
const SHORTEST_DOT: usize = 8;
/// A chunk has at least so many multiply-adds: a microsecond's work.
const SMALLEST_CHUNK: usize = 32_768;
const MOST_CHUNKS: usize = 64;
const ENOUGH_CHUNKS: usize = 32;

/// `C = op(A) op(B) + bias`, or `C += …` with `accumulate`.
pub fn matmul(
    form: Form,
    m: usize,
    n: usize,
    k: usize,
    a: &[f32],
    b: &[f32],
    bias: Option<&[f32]>,
    c: &mut [f32],
    accumulate: bool,
) {
    assert!(a.len() == m * k && b.len() == k * n && c.len() == m * n, "matmul: lengths");
    assert!(bias.is_none_or(|bias| bias.len() == n), "matmul: length of bias");
    if m == 0 || n == 0 {
        return;
    }
    let product = Product { m, n, k, a, b, bias, accumulate };
    match form {
        Form::NN if n == 1 && k >= SHORTEST_DOT => dot::run(product, c),
        Form::NN => outer::run(product, c),
        Form::NT if k >= SHORTEST_DOT => dot::run(product, c),
        Form::NT => with_scratch(b.len(), |scratch| {
            transpose(b, n, k, scratch);
            outer::run(Product { b: scratch, ..product }, c)
        }),
        Form::TN if k == 1 || m == 1 => outer::run(product, c),
        Form::TN => with_scratch(a.len(), |scratch| {
            transpose(a, k, m, scratch);
            outer::run(Product { a: scratch, ..product }, c)
        }),
    }
}

#[derive(Clone, Copy)]
struct Product<'a> {
    m: usize,
    n: usize,
    k: usize,
    a: &'a [f32],
    b: &'a [f32],
    bias: Option<&'a [f32]>,
    accumulate: bool,
}

impl Product<'_> {
    /// Chunks of rows and of columns: columns first, because what is packed or cached of B then
    /// serves more rows; then rows, at least `least_rows` of them, until there are enough chunks
    /// to keep eight threads evenly busy.
    fn grid(&self, least_rows: usize, col_step: usize) -> (usize, usize) {
        let work = self.m.saturating_mul(self.n).saturating_mul(self.k);
        let most = (work / SMALLEST_CHUNK).clamp(1, MOST_CHUNKS);
        let cols = self.n.div_ceil(col_step).min(most);
        let rows = (most / cols).min(ENOUGH_CHUNKS.div_ceil(cols));
        (rows.min(self.m / least_rows).max(1), cols)
    }
}

/// What is added to the sums over the block of k that starts at `k0`.
#[derive(Clone, Copy)]
struct Finish<'a> {
    bias: Option<&'a [f32]>,
    add_to_c: bool,
}

impl<'a> Finish<'a> {
    fn new(product: &Product<'a>, k0: usize) -> Self {
        Self { bias: product.bias.filter(|_| k0 == 0), add_to_c: product.accumulate || k0 > 0 }
    }

    /// What the sums of up to `W` columns from `col` on start with.
    fn start<const W: usize>(&self, col: usize) -> [f32; W] {
        let mut start = [0.0; W];
        if let Some(bias) = self.bias {
            start.iter_mut().zip(&bias[col..]).for_each(|(start, &bias)| *start = bias);
        }
        start
    }

    /// Writes the first `N` lanes of `sums`.
    #[inline(always)]
    fn write<const N: usize>(&self, sums: F32x4, mut c: Dst) {
        if N == 4 {
            c.store(0, if self.add_to_c { c.load(0) + sums } else { sums });
        } else {
            for (j, sum) in sums.to_array().into_iter().take(N).enumerate() {
                c.set(j, if self.add_to_c { c.get(j) + sum } else { sum });
            }
        }
    }
}

/// Writes to `to` the `[cols, rows]` transpose of `from`, `[rows, cols]`.
fn transpose(from: &[f32], rows: usize, cols: usize, to: &mut [f32]) {
    assert!(from.len() == rows * cols && to.len() == rows * cols);
    let chunks = chunk_count(cols.div_ceil(4), rows * 4);
    let range = |chunk| chunk_range(chunk, chunks, cols, 4);
    for_each_range(
        [to],
        chunks,
        |chunk| [range(chunk).start * rows..range(chunk).end * rows],
        |chunk, [to]| {
            let cols_here = range(chunk);
            let whole = (cols_here.len() / 4 * 4, rows / 4 * 4);
            let (src, mut dst) = (Src::new(from).offset(cols_here.start), Dst::new(&mut *to));
            for j in (0..whole.0).step_by(4) {
                for i in (0..whole.1).step_by(4) {
                    let four = std::array::from_fn(|r| src.offset((i + r) * cols + j).load(0));
                    for (r, column) in F32x4::transpose(four).into_iter().enumerate() {
                        dst.offset((j + r) * rows + i).store(0, column);
                    }
                }
            }
            for j in 0..cols_here.len() {
                for i in if j < whole.0 { whole.1 } else { 0 }..rows {
                    to[j * rows + i] = from[i * cols + cols_here.start + j];
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, matmul as twin, random};

    fn check(form: Form, m: usize, n: usize, k: usize) {
        let (a, b, bias) = (random(1, m * k), random(2, k * n), random(3, n));
        for (bias, accumulate) in
            [(None, false), (Some(&bias[..]), false), (None, true), (Some(&bias[..]), true)]
        {
            let old = random(4, m * n);
            let expected = twin::matmul(form, (m, n, k), &a, &b, bias, accumulate.then_some(&old));
            let mut c = if accumulate { old } else { vec![f32::NAN; m * n] };
            matmul(form, m, n, k, &a, &b, bias, &mut c, accumulate);
            assert_close(&c, &expected, 3e-6);
        }
    }

    #[test]
    fn all_forms_agree_with_the_twin() {
        for form in [Form::NN, Form::NT, Form::TN] {
            for (m, n, k) in [
                (0, 3, 4),
                (3, 0, 4),
                (3, 5, 0),
                (1, 1, 1),
                (1, 100, 17),
                (7, 13, 97),
                (13, 7, 5),
                (32, 10, 100),
                (32, 10, 400),
                (32, 100, 10),
                (100, 784, 32),
                (10, 100, 32),
                (37, 1, 70),
                (9, 31, 257),
                (67, 50, 1027),
                (65, 18, 515),
            ] {
                check(form, m, n, k);
            }
        }
    }

    #[test]
    fn every_tile_shape_agrees_with_the_twin() {
        for form in [Form::NN, Form::NT, Form::TN] {
            for m in 1..=9 {
                for n in 1..=17 {
                    check(form, m, n, 11);
                }
            }
        }
    }

    #[test]
    fn an_element_has_the_same_bits_wherever_its_tile_lies() {
        let (m, n, k) = (33, 45, 301);
        let (a, b) = (random(1, m * k), random(2, k * n));
        let (mut whole, mut one) = (vec![0.0; m * n], vec![0.0; n]);
        for form in [Form::NN, Form::NT] {
            matmul(form, m, n, k, &a, &b, None, &mut whole, false);
            for i in 0..m {
                matmul(form, 1, n, k, &a[i * k..][..k], &b, None, &mut one, false);
                assert_eq!(one, whole[i * n..][..n]);
            }
        }
    }
}
