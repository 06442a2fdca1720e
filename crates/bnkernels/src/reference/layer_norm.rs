//! Twin of layer_norm.

/// The affine part; None is 1 and 0.
#[derive(Clone, Copy)]
pub struct Affine<'a> {
    pub weight: Option<&'a [f32]>,
    pub bias: Option<&'a [f32]>,
}

/// What forward and backward give.
pub struct LayerNorm {
    pub y: Vec<f64>,
    pub dx: Vec<f64>,
    pub dweight: Vec<f64>,
    pub dbias: Vec<f64>,
}

pub fn layer_norm(rows: usize, cols: usize, x: &[f32], dy: &[f32], affine: Affine, eps: f64) -> LayerNorm {
    let weight = |j: usize| affine.weight.map_or(1.0, |weight| f64::from(weight[j]));
    let bias = |j: usize| affine.bias.map_or(0.0, |bias| f64::from(bias[j]));
    let (mut dweight, mut dbias) = (vec![0.0; cols], vec![0.0; cols]);
    let (mut y, mut dx) = (Vec::new(), Vec::new());
    let n = cols as f64;
    for row in 0..rows {
        let values: Vec<f64> = x[row * cols..][..cols].iter().map(|&x| f64::from(x)).collect();
        let dy: Vec<f64> = dy[row * cols..][..cols].iter().map(|&dy| f64::from(dy)).collect();
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let rstd = 1.0 / (variance + eps).sqrt();
        let normal: Vec<f64> = values.iter().map(|x| (x - mean) * rstd).collect();
        let plain = (0..cols).map(|j| dy[j] * weight(j)).sum::<f64>() / n;
        let along = (0..cols).map(|j| dy[j] * weight(j) * normal[j]).sum::<f64>() / n;
        for j in 0..cols {
            y.push(normal[j] * weight(j) + bias(j));
            dx.push(rstd * (dy[j] * weight(j) - plain - normal[j] * along));
            dweight[j] += dy[j] * normal[j];
            dbias[j] += dy[j];
        }
    }
    LayerNorm { y, dx, dweight, dbias }
}
