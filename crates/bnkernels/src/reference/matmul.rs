//! Twin of matmul.

use crate::kernels::matmul::Form;

/// `C = op(A) op(B) + bias`.
pub fn matmul(
    form: Form,
    (m, n, k): (usize, usize, usize),
    a: &[f32],
    b: &[f32],
    bias: Option<&[f32]>,
) -> Vec<f64> {
    let mut c = Vec::with_capacity(m * n);
    for i in 0..m {
        for j in 0..n {
            let mut sum = bias.map_or(0.0, |bias| f64::from(bias[j]));
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
