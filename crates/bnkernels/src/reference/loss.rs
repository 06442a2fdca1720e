//! Twins of softmax and cross entropy, with classes in the last dimension.

fn rows(x: &[f32], cols: usize, f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    wide.chunks(cols.max(1)).flat_map(f).collect()
}

pub fn softmax(x: &[f32], cols: usize) -> Vec<f64> {
    log_softmax(x, cols).into_iter().map(f64::exp).collect()
}

pub fn log_softmax(x: &[f32], cols: usize) -> Vec<f64> {
    rows(x, cols, |x| {
        let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = x.iter().map(|x| (x - max).exp()).sum();
        x.iter().map(|x| x - max - sum.ln()).collect()
    })
}

/// The gradient of `sum(softmax(x) * dy)`: `dx_j = sum_i dy_i y_i ([i = j] - y_j)`.
pub fn softmax_backward(x: &[f32], dy: &[f32], cols: usize) -> Vec<f64> {
    let y = softmax(x, cols);
    jacobian_product(x.len(), cols, |i, j| f64::from(dy[i]) * y[i] * (f64::from(u8::from(i == j)) - y[j]))
}

/// The gradient of `sum(log_softmax(x) * dy)`: `dx_j = sum_i dy_i ([i = j] - softmax(x)_j)`.
pub fn log_softmax_backward(x: &[f32], dy: &[f32], cols: usize) -> Vec<f64> {
    let y = softmax(x, cols);
    jacobian_product(x.len(), cols, |i, j| f64::from(dy[i]) * (f64::from(u8::from(i == j)) - y[j]))
}

fn jacobian_product(length: usize, cols: usize, term: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    (0..length)
        .map(|j| {
            let row = j / cols * cols;
            (row..row + cols).map(|i| term(i, j)).sum()
        })
        .collect()
}
