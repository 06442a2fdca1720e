//! Twins of batch_norm, for `[n, c, s]` in rows.

pub struct BatchNorm {
    pub mean: Vec<f64>,
    pub var: Vec<f64>,
    pub y: Vec<f64>,
    pub dx: Vec<f64>,
    pub dweight: Vec<f64>,
    pub dbias: Vec<f64>,
}

/// Everything from the formulas; `given` are mean and variance in evaluation, None in training.
pub fn batch_norm(
    (n, c, s): (usize, usize, usize),
    x: &[f32],
    dy: &[f32],
    (weight, bias): (&[f32], &[f32]),
    given: Option<(&[f32], &[f32])>,
    eps: f64,
) -> BatchNorm {
    let at = |i: usize, c_at: usize, k: usize| (i * c + c_at) * s + k;
    let m = (n * s) as f64;
    let mut out = BatchNorm {
        mean: vec![0.0; c],
        var: vec![0.0; c],
        y: vec![0.0; x.len()],
        dx: vec![0.0; x.len()],
        dweight: vec![0.0; c],
        dbias: vec![0.0; c],
    };
    for ch in 0..c {
        let all: Vec<usize> = (0..n).flat_map(|i| (0..s).map(move |k| at(i, ch, k))).collect();
        let value = |j: usize| f64::from(x[j]);
        let (mean, var) = match given {
            Some((mean, var)) => (f64::from(mean[ch]), f64::from(var[ch])),
            None => {
                let mean = all.iter().map(|&j| value(j)).sum::<f64>() / m;
                (mean, all.iter().map(|&j| (value(j) - mean).powi(2)).sum::<f64>() / m)
            }
        };
        (out.mean[ch], out.var[ch]) = (mean, var);
        let inverse = 1.0 / (var + eps).sqrt();
        let (w, b) = (f64::from(weight[ch]), f64::from(bias[ch]));
        for &j in &all {
            let hat = (value(j) - mean) * inverse;
            out.y[j] = hat * w + b;
            out.dweight[ch] += f64::from(dy[j]) * hat;
            out.dbias[ch] += f64::from(dy[j]);
        }
        for &j in &all {
            let hat = (value(j) - mean) * inverse;
            let off = if given.is_none() { (out.dbias[ch] + hat * out.dweight[ch]) / m } else { 0.0 };
            out.dx[j] = w * inverse * (f64::from(dy[j]) - off);
        }
    }
    out
}
