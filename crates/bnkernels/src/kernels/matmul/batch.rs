//! Products of a batch of matrices, `C[i] = op(A[i]) op(B[i]) + bias`.

use super::{matmul, Form, Product};
use crate::parallel::{for_each_part, scratch::per_thread, OutOfMemory};

/// With fewer products than this, and each larger, the threads share each product, not the batch.
const ENOUGH_PRODUCTS: usize = 16;
const LARGE_PRODUCT: usize = 1 << 19;

/// The shape of a batch, and the elements from one matrix of an operand to the next along each dimension: 0
/// where it is repeated. The matrices of C lie one after the other.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    pub shape: &'a [u32],
    pub a_strides: &'a [u32],
    pub b_strides: &'a [u32],
}

impl Batch<'_> {
    fn count(self) -> usize {
        self.shape.iter().map(|&size| size as usize).product()
    }

    /// Whether operands of these lengths hold all matrices, and C no more than it must. (In f64, as sizes may
    /// be anything.)
    pub fn fits(self, (m, n, k): (usize, usize, usize), [a, b, c]: [usize; 3]) -> bool {
        let count: f64 = self.shape.iter().map(|&size| f64::from(size)).product();
        let (m, n, k) = (m as f64, n as f64, k as f64);
        let within = |strides: &[u32], matrix: f64, length: usize| {
            let steps = self.shape.iter().zip(strides);
            let last: f64 = steps.map(|(&size, &step)| (f64::from(size) - 1.0) * f64::from(step)).sum();
            last + matrix <= length as f64
        };
        let operands = within(self.a_strides, m * k, a) && within(self.b_strides, k * n, b);
        count * m * n == c as f64 && (count == 0.0 || operands)
    }

    /// Where the operands of product `i` start.
    fn starts(self, i: usize) -> (usize, usize) {
        let (mut left, mut a, mut b) = (i, 0, 0);
        for d in (0..self.shape.len()).rev() {
            let size = self.shape[d] as usize;
            a += left % size * self.a_strides[d] as usize;
            b += left % size * self.b_strides[d] as usize;
            left /= size;
        }
        (a, b)
    }

    /// Whether the matrices of A, of `length` elements, lie one after the other and B is one matrix: then
    /// the batch is one product of more rows.
    fn is_one_product(self, length: usize) -> bool {
        let mut next = length;
        let dims = self.shape.iter().zip(self.a_strides).zip(self.b_strides).rev();
        dims.filter(|((&size, _), _)| size != 1).all(|((&size, &a), &b)| {
            let follows = a as usize == next && b == 0;
            next *= size as usize;
            follows
        })
    }
}

/// `C[i] = op(A[i]) op(B[i]) + bias`.
pub fn matmul_batch(
    form: Form,
    batch: Batch,
    (m, n, k): (usize, usize, usize),
    a: &[f32],
    b: &[f32],
    bias: Option<&[f32]>,
    c: &mut [f32],
) -> Result<(), OutOfMemory> {
    assert!(batch.fits((m, n, k), [a.len(), b.len(), c.len()]), "matmul: lengths");
    if c.is_empty() {
        return Ok(());
    }
    let count = batch.count();
    if count == 1 || (form != Form::TN && batch.is_one_product(m * k)) {
        return matmul(form, count * m, n, k, &a[..count * m * k], &b[..k * n], bias, c);
    }
    let matrices = move |i| {
        let (a_start, b_start) = batch.starts(i);
        (&a[a_start..][..m * k], &b[b_start..][..k * n])
    };
    let product = Product::new(form, (m, n, k));
    let work = m.saturating_mul(n).saturating_mul(k);
    if count < ENOUGH_PRODUCTS && work >= LARGE_PRODUCT {
        let mut memory = product.ask()?;
        for (i, c) in c.chunks_exact_mut(m * n).enumerate() {
            let (a, b) = matrices(i);
            product.run(a, b, bias, c, &mut memory);
        }
        return Ok(());
    }
    let scratch = &per_thread(product.scratch_of_one_thread())?;
    for_each_part([c], [m * n], (count, work, 1), move |range, [c]| {
        scratch.with(|scratch| {
            for (i, c) in range.zip(c.chunks_exact_mut(m * n)) {
                let (a, b) = matrices(i);
                product.run_on_one_thread(a, b, bias, c, scratch);
            }
        });
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::random;

    const FORMS: [Form; 3] = [Form::NN, Form::NT, Form::TN];

    /// Each product of a batch has the bits that it has alone.
    fn check(form: Form, batch: Batch, (m, n, k): (usize, usize, usize)) {
        let reach = |strides: &[u32], matrix: usize| {
            let steps = batch.shape.iter().zip(strides);
            steps.map(|(&size, &step)| (size as usize - 1) * step as usize).sum::<usize>() + matrix
        };
        let (a, b) = (random(1, reach(batch.a_strides, m * k)), random(2, reach(batch.b_strides, k * n)));
        let bias = random(3, n);
        for bias in [None, Some(&bias[..])] {
            let mut c = vec![f32::NAN; batch.count() * m * n];
            matmul_batch(form, batch, (m, n, k), &a, &b, bias, &mut c).unwrap();
            for (i, c) in c.chunks_exact((m * n).max(1)).enumerate() {
                let (a_start, b_start) = batch.starts(i);
                let mut alone = vec![f32::NAN; m * n];
                let (a, b) = (&a[a_start..][..m * k], &b[b_start..][..k * n]);
                matmul(form, m, n, k, a, b, bias, &mut alone).unwrap();
                assert_eq!(c, alone, "{form:?} {m} {n} {k}, product {i} of {:?}", batch.shape);
            }
        }
    }

    #[test]
    fn each_product_is_as_it_is_alone() {
        for form in FORMS {
            for (m, n, k) in [
                (1, 1, 1),
                (3, 5, 0),
                (3, 0, 5),
                (0, 3, 5),
                (7, 3, 5),
                (7, 3, 50),
                (5, 18, 33),
                (70, 40, 300),
                (130, 17, 300),
                (5, 18, 1100),
                (6, 3, 1100),
            ] {
                let (a, b) = ((m * k) as u32, (k * n) as u32);
                for (shape, a_strides, b_strides) in [
                    (&[][..], &[][..], &[][..]),
                    (&[3], &[a], &[b]),
                    (&[5], &[a], &[0]),
                    (&[5], &[0], &[b]),
                    (&[2, 3], &[3 * a, a], &[0, b]),
                    (&[2, 3], &[0, a], &[b, 0]),
                    (&[2, 1, 3], &[3 * a, 3 * a, a], &[0, 0, 0]),
                    (&[17], &[a], &[b]),
                ] {
                    check(form, Batch { shape, a_strides, b_strides }, (m, n, k));
                }
            }
            // So large that the threads share each.
            check(form, Batch { shape: &[2], a_strides: &[90 * 80], b_strides: &[0] }, (90, 80, 80));
        }
    }

    #[test]
    fn what_does_not_fit_is_seen() {
        let batch = Batch { shape: &[3], a_strides: &[6], b_strides: &[0] };
        assert!(batch.fits((2, 4, 3), [18, 12, 24]));
        assert!(!batch.fits((2, 4, 3), [17, 12, 24]) && !batch.fits((2, 4, 3), [18, 11, 24]));
        assert!(!batch.fits((2, 4, 3), [18, 12, 25]));
        let most = u32::MAX;
        let batch = Batch { shape: &[most, most], a_strides: &[most, most], b_strides: &[0, 0] };
        assert!(!batch.fits((2, 4, 3), [18, 12, 24]));
        assert!(Batch { shape: &[0], a_strides: &[most], b_strides: &[0] }.fits((2, 4, 3), [0, 0, 0]));
    }
}
