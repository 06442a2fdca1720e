//! Products of some rows each that share B, as the steps of a recurrent layer do: B is laid out once, in the panels that
//! the tiles read, and not packed or read with strides in each. The same bits as by `Product::run_on_one_thread`.

use super::low;
use super::merge::LONG;
use super::outer::{self, K_BLOCK};
use super::pack::{pack_panels, transpose, Columns};
use super::{Form, Product, View};

/// Of products with a B of one shape.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Repeated {
    form: Form,
    n: usize,
    k: usize,
    in_panels: bool,
}

/// With fewer products than this, laying B out takes longer than it saves.
const WORTH_PANELS: usize = 4;

impl Repeated {
    /// For `times` products in form NN or NT of at most `rows` rows each; `n` is not 0.
    pub fn new(form: Form, (n, k): (usize, usize), rows: usize, times: usize) -> Self {
        assert!(form != Form::TN && n > 0);
        let in_panels = n >= 4 && k <= LONG && times >= WORTH_PANELS && !low::fits(rows);
        Self { form, n, k, in_panels }
    }

    /// Floats of B as it is laid out; 0 where it is read as it lies.
    pub fn length(&self) -> usize {
        let Self { n, k, .. } = *self;
        match (self.in_panels, self.form) {
            (true, _) => k * columns(n).map(|(_, width)| width).sum::<usize>(),
            (false, Form::NT) => k * n,
            (false, _) => 0,
        }
    }

    /// Lays B out.
    pub fn lay_out(&self, b: &[f32], to: &mut [f32]) {
        let Self { form, n, k, in_panels } = *self;
        if !in_panels {
            // So that no product has to add up lanes.
            if form == Form::NT {
                transpose((b, k), n, k, to, n);
            }
            return;
        }
        let (_, view) = Product::new(form, (1, n, k)).views(&[], b);
        let mut rest = to;
        for (col, width) in columns(n) {
            for p in (0..k).step_by(K_BLOCK) {
                let depth = K_BLOCK.min(k - p);
                let (panels, after) = rest.split_at_mut(width * depth);
                pack_panels(view.skip(p), col, width, depth, panels);
                rest = after;
            }
        }
    }

    fn plain(&self, rows: usize) -> Product {
        Product::new(Form::NN, (rows, self.n, self.k))
    }

    /// Scratch memory of a product of so many rows.
    pub fn scratch_of_one_thread(&self, rows: usize) -> usize {
        if self.in_panels {
            0
        } else {
            self.plain(rows).scratch_of_one_thread()
        }
    }

    /// `C = A B + bias` of `rows` rows, in one chunk. `b` is B as it is laid out, or where that is nothing, as it lies.
    pub fn run(
        &self,
        rows: usize,
        a: &[f32],
        b: &[f32],
        bias: Option<&[f32]>,
        c: &mut [f32],
        scratch: &mut [f32],
    ) {
        let Self { n, k, .. } = *self;
        if !self.in_panels {
            return self.plain(rows).run_on_one_thread(a, b, bias, c, scratch);
        }
        assert!(a.len() == rows * k && c.len() == rows * n);
        let mut rest = b;
        for (col, width) in columns(n) {
            for p in (0..k.max(1)).step_by(K_BLOCK) {
                let depth = K_BLOCK.min(k - p);
                let (panels, after) = rest.split_at(width * depth);
                let a = View { data: a, outer: k, inner: 1 }.skip(p);
                outer::sweep_panels((panels, col, width, depth), (a, rows), (bias, p), (c, n));
                rest = after;
            }
        }
    }
}

/// The first column and the width of each group of panels, in the order in which they are laid out.
fn columns(n: usize) -> impl Iterator<Item = (usize, usize)> {
    let columns = Columns::of(n);
    columns.groups().chain(columns.last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::scratch::take;
    use crate::reference::random;

    #[test]
    fn the_bits_of_a_product() {
        for (n, k) in [(1, 3), (3, 20), (4, 0), (7, 9), (30, 257), (64, 192), (100, 33), (19, 1100)] {
            for rows in [1, 2, 3, 4, 7, 12] {
                let (a, b, bias) = (random(1, rows * k), random(2, k * n), random(3, n));
                for (form, times, bias) in [
                    (Form::NN, 1, None),
                    (Form::NN, 9, Some(&bias[..])),
                    (Form::NT, 9, None),
                    (Form::NT, 2, None),
                ] {
                    let repeated = Repeated::new(form, (n, k), rows, times);
                    let mut laid_out = vec![f32::NAN; repeated.length()];
                    repeated.lay_out(&b, &mut laid_out);
                    let given = if repeated.length() == 0 { &b } else { &laid_out };
                    let mut scratch = take(repeated.scratch_of_one_thread(rows)).unwrap();
                    let mut c = vec![f32::NAN; rows * n];
                    repeated.run(rows, &a, given, bias, &mut c, &mut scratch);
                    let mut across = b.clone();
                    if form == Form::NT {
                        transpose((&b, k), n, k, &mut across, n);
                    }
                    let product = Product::new(Form::NN, (rows, n, k));
                    let mut scratch = take(product.scratch_of_one_thread()).unwrap();
                    let mut expected = vec![f32::NAN; rows * n];
                    product.run_on_one_thread(&a, &across, bias, &mut expected, &mut scratch);
                    assert_eq!(c, expected, "{form:?} {rows} {n} {k}, {times} times");
                }
            }
        }
    }
}
