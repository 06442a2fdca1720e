//! Matrix product `C = op(A) op(B) + bias`, all row-major; `bias` (length n) is added to each row.
//!
//! | form | A | B |
//! |---|---|---|
//! | NN | [m, k] | [k, n] |
//! | TN | [k, m] | [k, n] |
//! | NT | [m, k] | [n, k] |
//!
//! A batch of products of one shape is one call ([`matmul_batch`]).
//!
//! [`outer`] multiplies in all forms, [`dot`] where the matrices run along k and one is narrow.
//! Sums go along k in one order that neither the chunks nor the tiles change.

mod batch;
mod dot;
mod low;
mod merge;
mod outer;
mod pack;
mod repeated;
mod tiles;

pub use batch::{matmul_batch, Batch};
pub(super) use pack::transpose;
pub(super) use repeated::Repeated;

use crate::parallel::scratch::{per_thread, take, PerThread, Scratch};
use crate::parallel::OutOfMemory;

/// Which of the matrices is transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    NN,
    NT,
    TN,
}

/// Shorter sums than this are no work for vectors along k.
const SHORTEST_DOT: usize = 8;
/// In form NT, with fewer rows or columns, transposing B costs more than adding up lanes. The second number
/// of rows is for a B whose rows lie on few sets of the first cache.
const ROWS_FOR_OUTER: (usize, usize) = (64, 24);
const COLS_FOR_OUTER: usize = 16;

/// `C = op(A) op(B) + bias`.
pub fn matmul(
    form: Form,
    m: usize,
    n: usize,
    k: usize,
    a: &[f32],
    b: &[f32],
    bias: Option<&[f32]>,
    c: &mut [f32],
) -> Result<(), OutOfMemory> {
    let lengths = [(a.len(), m, k), (b.len(), k, n), (c.len(), m, n)];
    // A product of two sizes may be more than 32 bits hold.
    assert!(lengths.iter().all(|&(len, rows, cols)| rows.checked_mul(cols) == Some(len)), "matmul: lengths");
    assert!(bias.is_none_or(|bias| bias.len() == n), "matmul: length of bias");
    if m == 0 || n == 0 {
        return Ok(());
    }
    let product = Product::new(form, (m, n, k));
    product.run(a, b, bias, c, &mut product.ask()?);
    Ok(())
}

/// Products of one shape: `op(A)` is `m × k`, `op(B)` `k × n`. Kernels that multiply within a chunk of their own
/// have it from here.
#[derive(Clone, Copy)]
pub(super) struct Product {
    form: Form,
    m: usize,
    n: usize,
    k: usize,
    /// Elements from a row of B to the next.
    b_row: usize,
}

enum Way {
    ShortSums,
    Dot,
    Outer,
}

impl Product {
    /// Of matrices that have elements: `m` and `n` are not 0.
    pub(super) fn new(form: Form, (m, n, k): (usize, usize, usize)) -> Self {
        assert!(m > 0 && n > 0);
        Self { form, m, n, k, b_row: if form == Form::NT { k } else { n } }
    }

    /// With the first columns of a B whose rows are `b_row` long; not in form NT.
    pub(super) fn of_wider(self, b_row: usize) -> Self {
        assert!(self.form != Form::NT && b_row >= self.n);
        Self { b_row, ..self }
    }

    fn way(&self) -> Way {
        let Self { form, m, n, k, .. } = *self;
        let rows = if k.is_multiple_of(512) { ROWS_FOR_OUTER.1 } else { ROWS_FOR_OUTER.0 };
        let narrow = form == Form::NT && (m < rows || n < COLS_FOR_OUTER);
        match (n < 4, k < SHORTEST_DOT) {
            (true, true) => Way::ShortSums,
            (true, false) => Way::Dot,
            (false, false) if narrow => Way::Dot,
            (false, _) => Way::Outer,
        }
    }

    fn views<'a>(&self, a: &'a [f32], b: &'a [f32]) -> (View<'a>, View<'a>) {
        let Self { form, m, k, b_row, .. } = *self;
        let a = match form {
            Form::TN => View { data: a, outer: 1, inner: m },
            _ => View { data: a, outer: k, inner: 1 },
        };
        let b = match form {
            Form::NT => View { data: b, outer: b_row, inner: 1 },
            _ => View { data: b, outer: 1, inner: b_row },
        };
        (a, b)
    }

    /// Floats of scratch memory where C is cut so: for copies of whole operands, and for each thread.
    fn scratch(&self, grid: (usize, usize)) -> (usize, usize) {
        let Self { m, n, k, .. } = *self;
        let (a, b) = self.views(&[], &[]);
        match self.way() {
            Way::ShortSums => (0, 0),
            Way::Dot => dot::scratch((m, n, k), a, b, grid),
            Way::Outer => outer::Packing::new((m, n, k), a, b).scratch((m, n, k), grid),
        }
    }

    /// Scratch memory of a product that runs in one chunk. (One copy for all kernels, as of `run_on_one_thread`.)
    #[inline(never)]
    pub(super) fn scratch_of_one_thread(&self) -> usize {
        let (copies, each) = self.scratch((1, 1));
        copies + each
    }

    fn ask(&self) -> Result<Memory, OutOfMemory> {
        let Self { m, n, k, .. } = *self;
        let (a, b) = self.views(&[], &[]);
        let (copies, each) = match self.way() {
            Way::ShortSums => (0, 0),
            Way::Dot => dot::scratch((m, n, k), a, b, dot::grid((m, n, k))),
            Way::Outer => outer::Packing::shared((m, n, k), a, b).shared_scratch((m, n, k)),
        };
        Ok(Memory { copies: take(copies)?, each: per_thread(each)? })
    }

    fn run(&self, a: &[f32], b: &[f32], bias: Option<&[f32]>, c: &mut [f32], memory: &mut Memory) {
        let Self { m, n, k, .. } = *self;
        let (a, b) = self.views(a, b);
        match self.way() {
            Way::ShortSums => short_sums(n, k, a, b, bias, c),
            Way::Dot => dot::run((m, n, k), a, b, bias, c, memory),
            Way::Outer => outer::run((m, n, k), a, b, bias, c, memory),
        }
    }

    /// As `run`, to the same bits, in one chunk. `scratch` is [`Product::scratch_of_one_thread`], aligned.
    #[inline(never)]
    pub(super) fn run_on_one_thread(
        &self,
        a: &[f32],
        b: &[f32],
        bias: Option<&[f32]>,
        c: &mut [f32],
        scratch: &mut [f32],
    ) {
        let Self { m, n, k, .. } = *self;
        let (a, b) = self.views(a, b);
        let (copies, each) = scratch.split_at_mut(self.scratch((1, 1)).0);
        match self.way() {
            Way::ShortSums => short_sums(n, k, a, b, bias, c),
            Way::Dot => dot::run_on_one_thread((m, n, k), a, b, bias, c, (copies, each)),
            Way::Outer => outer::run_on_one_thread((m, n, k), a, b, bias, c, (copies, each)),
        }
    }
}

/// Scratch memory of a product.
struct Memory {
    copies: Scratch,
    each: PerThread,
}

/// Few columns of short sums.
fn short_sums(n: usize, k: usize, a: View, b: View, bias: Option<&[f32]>, c: &mut [f32]) {
    for (i, c) in c.chunks_exact_mut(n).enumerate() {
        for (j, c) in c.iter_mut().enumerate() {
            let sum: f32 = (0..k).map(|p| a.at(i, p) * b.at(j, p)).sum();
            *c = sum + bias.map_or(0.0, |bias| bias[j]);
        }
    }
}

/// One of the two matrices: its element at row (of A) or column (of B) `i` and position `p` along k
/// is `data[i * outer + p * inner]`. One of the two steps is 1.
#[derive(Clone, Copy)]
struct View<'a> {
    data: &'a [f32],
    outer: usize,
    inner: usize,
}

impl View<'_> {
    fn at(&self, i: usize, p: usize) -> f32 {
        self.data[i * self.outer + p * self.inner]
    }

    /// Without its first `p` positions along k.
    fn skip(self, p: usize) -> Self {
        Self { data: &self.data[(p * self.inner).min(self.data.len())..], ..self }
    }
}

/// What is added to the sums over a block of k: the bias to the first block's, C to all others'.
#[derive(Clone, Copy)]
struct Finish<'a> {
    bias: Option<&'a [f32]>,
    add_to_c: bool,
}

impl<'a> Finish<'a> {
    fn new(bias: Option<&'a [f32]>, k0: usize) -> Self {
        Self { bias: bias.filter(|_| k0 == 0), add_to_c: k0 > 0 }
    }

    /// What the sums of up to `W` columns from `col` on start with.
    fn start<const W: usize>(&self, col: usize) -> [f32; W] {
        let mut start = [0.0; W];
        if let Some(bias) = self.bias {
            start.iter_mut().zip(&bias[col..]).for_each(|(start, &bias)| *start = bias);
        }
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, matmul as twin, random};

    fn check(form: Form, m: usize, n: usize, k: usize) {
        let (a, b, bias) = (random(1, m * k), random(2, k * n), random(3, n));
        for bias in [None, Some(&bias[..])] {
            let expected = twin::matmul(form, (m, n, k), &a, &b, bias);
            let mut c = vec![f32::NAN; m * n];
            matmul(form, m, n, k, &a, &b, bias, &mut c).unwrap();
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

    /// Widths of panels and chunks, depths of blocks and slabs, and where packing starts.
    #[test]
    fn sizes_around_each_boundary_agree_with_the_twin() {
        for form in [Form::NN, Form::NT, Form::TN] {
            for k in [7, 8, 95, 96, 97, 255, 256, 257] {
                check(form, 20, 19, k);
                check(form, 19, 20, k);
            }
            for edge in [2, 3, 4, 5, 8, 15, 16, 17, 32, 33, 64, 65] {
                check(form, edge, 40, 70);
                check(form, 40, edge, 70);
                check(form, edge, edge, 9);
                check(form, edge, 128, 128);
            }
            for edge in [128, 129, 199, 200, 201, 255, 256, 257, 271] {
                check(form, edge, 18, 300);
                check(form, 18, edge, 300);
            }
            check(form, 131, 521, 259);
            check(form, 4100, 20, 300);
            check(form, 20, 4100, 300);
            check(form, 21, 4101, 300);
        }
    }

    #[test]
    fn every_tile_shape_agrees_with_the_twin() {
        for form in [Form::NN, Form::NT, Form::TN] {
            for m in 1..=14 {
                for n in 1..=34 {
                    check(form, m, n, 11);
                }
            }
        }
    }

    #[test]
    fn an_element_has_the_same_bits_wherever_its_tile_lies() {
        let (m, n, k) = (33, 45, 301);
        let (a, b) = (random(1, m * k), random(2, k * n));
        let mut whole = vec![0.0; m * n];
        for form in [Form::NN, Form::NT] {
            matmul(form, m, n, k, &a, &b, None, &mut whole).unwrap();
            for i in (0..32).step_by(8) {
                let mut part = vec![0.0; 8 * n];
                matmul(form, 8, n, k, &a[i * k..][..8 * k], &b, None, &mut part).unwrap();
                assert_eq!(part, whole[i * n..][..8 * n]);
            }
        }
        for j in [0, 11, 29] {
            let mut part = vec![0.0; m * 16];
            matmul(Form::NT, m, 16, k, &a, &b[j * k..][..16 * k], None, &mut part).unwrap();
            for (part, whole) in part.chunks(16).zip(whole.chunks(n)) {
                assert_eq!(part, &whole[j..j + 16]);
            }
        }
    }

    #[test]
    fn the_first_columns_of_wider_rows() {
        for (form, m, n, k) in [
            (Form::NN, 5, 3, 9),
            (Form::NN, 16, 24, 16),
            (Form::TN, 16, 18, 70),
            (Form::NN, 130, 20, 300),
            // Long sums, whose blocks the threads share.
            (Form::NN, 130, 21, 1300),
            (Form::TN, 130, 21, 1300),
            (Form::TN, 67, 110, 1300),
        ] {
            let (a, b) = (random(1, m * k), random(2, k * (n + 7)));
            let narrow: Vec<f32> = b.chunks(n + 7).flat_map(|row| row[..n].to_vec()).collect();
            let (mut c, mut expected) = (vec![f32::NAN; m * n], vec![f32::NAN; m * n]);
            let product = Product::new(form, (m, n, k)).of_wider(n + 7);
            let mut scratch = take(product.scratch_of_one_thread()).unwrap();
            product.run_on_one_thread(&a, &b, None, &mut c, &mut scratch);
            matmul(form, m, n, k, &a, &narrow, None, &mut expected).unwrap();
            assert_eq!(c, expected, "{form:?} {m} {n} {k}");
        }
    }

    /// Sums of many blocks, of equal small values and of random ones, by each way of multiplying.
    #[test]
    fn long_sums_keep_their_digits() {
        for (form, m, n, k) in [
            (Form::NN, 3, 5, 1_000_000),
            (Form::NT, 3, 5, 1_000_000),
            (Form::NN, 5, 3, 1_000_000),
            (Form::TN, 9, 21, 100_003),
            (Form::NN, 30, 21, 20_003),
            (Form::NT, 70, 37, 5_001),
            (Form::NT, 70, 3, 5_001),
            (Form::TN, 300, 20, 1_281),
        ] {
            for equal in [Some((1e-5, 1.0)), Some((0.1, 1.0 / 3.0)), None] {
                let values = |seed, n, value: Option<f32>| {
                    value.map_or_else(|| random(seed, n).iter().map(|v| v + 1.5).collect(), |v| vec![v; n])
                };
                let (a, b) = (values(1, m * k, equal.map(|e| e.0)), values(2, k * n, equal.map(|e| e.1)));
                let expected = twin::matmul(form, (m, n, k), &a, &b, None);
                let mut c = vec![f32::NAN; m * n];
                matmul(form, m, n, k, &a, &b, None, &mut c).unwrap();
                assert_close(&c, &expected, 2e-6);
            }
            check(form, m, n, k.min(30_000));
        }
    }
    #[test]
    fn long_sums_of_what_is_not_finite() {
        for (form, m, n) in [(Form::NN, 3, 5), (Form::NT, 3, 5), (Form::NN, 5, 3), (Form::TN, 70, 20)] {
            let k = 5_000;
            let mut a = vec![1.0; m * k];
            // Of a row of A, by its form.
            let at = |i: usize, p: usize| if form == Form::TN { p * m + i } else { i * k + p };
            a[at(0, 700)] = f32::INFINITY;
            (0..k).for_each(|p| a[at(1, p)] = -1e36);
            (a[at(2, 40)], a[at(2, 4_000)]) = (f32::INFINITY, f32::NEG_INFINITY);
            let mut c = vec![0.0; m * n];
            matmul(form, m, n, k, &a, &vec![1.0; k * n], None, &mut c).unwrap();
            assert!(c[..n].iter().all(|&v| v == f32::INFINITY), "{form:?}: {:?}", &c[..n]);
            assert!(c[n..2 * n].iter().all(|&v| v == f32::NEG_INFINITY), "{form:?}: {:?}", &c[n..2 * n]);
            assert!(c[2 * n..3 * n].iter().all(|v| v.is_nan()), "{form:?}: {:?}", &c[2 * n..3 * n]);
        }
    }
}
