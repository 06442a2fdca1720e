//! Twin of matmul.

use crate::kernels::matmul::Form;

/// `C = op(A) op(B) + bias`, plus the old `c` when given.
pub fn matmul(
    form: Form,
    (m, n, k): (usize, usize, usize),
    a: &[f32],
    b: &[f32],
    bias: Option<&[f32]>,
    old: Option<&[f32]>,
) -> Vec<f64> {
    let mut c = Vec::with_capacity(m * n);
    for i in 0..m {
        for j in 0..n {
            let mut sum = bias.map_or(0.0, |bias| f64::from(bias[j]));
            sum += old.map_or(0.0, |old| f64::from(old[i * n + j]));
            for p in 0..k {
                let a = if form == Form::TN { a[p * m + i] } else { a[i * k + p] };
                let b = if form == Form::NT { b[j * k + p] } else { b[p * n + j] };
                sum += f64::from(a) * f64::from(b);
            }
            c.push(sum);
        }
    }
    c
}
