//! Twins of what picks and sums by index, of `[outer, n, inner]` and `count` picks.

use super::random;

/// `(outer, n, count, inner)`
type Shape = (usize, usize, usize, usize);

/// Random indices below `n`.
pub fn indices(seed: u64, count: usize, n: usize) -> Vec<f32> {
    random(seed, count).iter().map(|x| ((x * 0.5 + 0.5) * n as f32).floor().min(n as f32 - 1.0)).collect()
}

/// One index for each pick as one for each element.
pub fn repeated(index: &[f32], outer: usize, inner: usize) -> Vec<f32> {
    (0..outer).flat_map(|_| index.iter().flat_map(|&at| std::iter::repeat_n(at, inner))).collect()
}

pub fn gather((_, n, count, inner): Shape, x: &[f32], index: &[f32]) -> Vec<f64> {
    let from = |at: usize| (at / (count * inner) * n + index[at] as usize) * inner + at % inner;
    (0..index.len()).map(|at| f64::from(x[from(at)])).collect()
}

/// The gradient of `sum(gather(x) · dy)`.
pub fn scatter((outer, n, count, inner): Shape, dy: &[f32], index: &[f32]) -> Vec<f64> {
    let mut dx = vec![0.0; outer * n * inner];
    for at in 0..index.len() {
        dx[(at / (count * inner) * n + index[at] as usize) * inner + at % inner] += f64::from(dy[at]);
    }
    dx
}

pub fn cumsum((outer, n, inner): (usize, usize, usize), reverse: bool, x: &[f32]) -> Vec<f64> {
    let mut y: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    for k in 1..n {
        for (o, i) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
            let at = |k: usize| (o * n + if reverse { n - 1 - k } else { k }) * inner + i;
            y[at(k)] += y[at(k - 1)];
        }
    }
    y
}
