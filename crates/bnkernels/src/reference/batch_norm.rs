//! Batch normalisation by its formulas, on `[n][c][s]`.

/// An array's shape.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub n: usize,
    pub c: usize,
    pub s: usize,
}

impl Shape {
    pub fn len(self) -> usize {
        self.n * self.c * self.s
    }

    /// The channel of element `i`.
    pub fn channel(self, i: usize) -> usize {
        i / self.s % self.c
    }
}

/// The mean over each channel of `f(index)`.
pub fn channel_mean(shape: Shape, f: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut sums = vec![0.0; shape.c];
    (0..shape.len()).for_each(|i| sums[shape.channel(i)] += f(i));
    sums.iter().map(|sum| sum / (shape.n * shape.s) as f64).collect()
}

/// Mean and biased variance.
pub fn statistics(shape: Shape, x: &[f32]) -> (Vec<f64>, Vec<f64>) {
    let mean = channel_mean(shape, |i| f64::from(x[i]));
    let var = channel_mean(shape, |i| (f64::from(x[i]) - mean[shape.channel(i)]).powi(2));
    (mean, var)
}

/// `(x - mean) / sqrt(var + eps)`.
pub fn normalize(shape: Shape, x: &[f32], mean: &[f64], var: &[f64], eps: f64) -> Vec<f64> {
    let at = |i| shape.channel(i);
    (0..x.len()).map(|i| (f64::from(x[i]) - mean[at(i)]) / (var[at(i)] + eps).sqrt()).collect()
}

/// `dx`, `dweight`, `dbias`, the first by the chain rule through mean and variance:
/// `dvar = Σ dx̂ (x − mean) (−½) (var + eps)^(−3/2)`, `dmean = −Σ dx̂ / sqrt(var + eps)`,
/// `dx = dx̂ / sqrt(var + eps) + dvar · 2 (x − mean) / m + dmean / m`.
pub fn backward(
    shape: Shape,
    x: &[f32],
    dy: &[f32],
    mean: &[f64],
    var: &[f64],
    eps: f64,
    weight: &[f32],
    training: bool,
) -> [Vec<f64>; 3] {
    let m = (shape.n * shape.s) as f64;
    let x_hat = normalize(shape, x, mean, var, eps);
    let sum = |f: &dyn Fn(usize) -> f64| -> Vec<f64> {
        channel_mean(shape, f).iter().map(|value| value * m).collect()
    };
    let dweight = sum(&|i| f64::from(dy[i]) * x_hat[i]);
    let dbias = sum(&|i| f64::from(dy[i]));
    let dx_hat: Vec<f64> =
        (0..dy.len()).map(|i| f64::from(dy[i]) * f64::from(weight[shape.channel(i)])).collect();
    let deviation: Vec<f64> = var.iter().map(|var| (var + eps).sqrt()).collect();
    let apart = |i: usize| f64::from(x[i]) - mean[shape.channel(i)];
    let dvar = sum(&|i| dx_hat[i] * apart(i) * -0.5 * deviation[shape.channel(i)].powi(-3));
    let dmean = sum(&|i| -dx_hat[i] / deviation[shape.channel(i)]);
    let dx = (0..x.len())
        .map(|i| {
            let c = shape.channel(i);
            let direct = dx_hat[i] / deviation[c];
            if training {
                direct + dvar[c] * 2.0 * apart(i) / m + dmean[c] / m
            } else {
                direct
            }
        })
        .collect();
    [dx, dweight, dbias]
}
