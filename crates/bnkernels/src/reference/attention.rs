//! Twin of attention, of one of a batch: the formulas on whole matrices.

/// What it reads; `mask` is added to the scores, `factors` multiply the weights.
pub struct One<'a> {
    pub sizes: (usize, usize, usize, usize),
    pub q: &'a [f32],
    pub k: &'a [f32],
    pub v: &'a [f32],
    pub mask: &'a [f64],
    pub factors: &'a [f64],
    pub scale: f64,
}

/// What forward and backward give.
pub struct Results {
    pub y: Vec<f64>,
    pub dq: Vec<f64>,
    pub dk: Vec<f64>,
    pub dv: Vec<f64>,
}

pub fn attention(one: &One, dy: &[f32]) -> Results {
    let (t, s, e, ev) = one.sizes;
    let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let (q, k, v, dy) = (wide(one.q), wide(one.k), wide(one.v), wide(dy));
    let (mut y, mut dq, mut dk, mut dv) =
        (vec![0.0; t * ev], vec![0.0; t * e], vec![0.0; s * e], vec![0.0; s * ev]);
    for i in 0..t {
        let score = |j: usize| {
            (0..e).map(|c| q[i * e + c] * k[j * e + c]).sum::<f64>() * one.scale + one.mask[i * s + j]
        };
        let scores: Vec<f64> = (0..s).map(score).collect();
        let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = scores.iter().map(|score| (score - max).exp()).sum();
        if s == 0 || max == f64::NEG_INFINITY {
            continue;
        }
        let p: Vec<f64> = scores.iter().map(|score| (score - max).exp() / total).collect();
        let dp: Vec<f64> = (0..s)
            .map(|j| (0..ev).map(|c| dy[i * ev + c] * v[j * ev + c]).sum::<f64>() * one.factors[i * s + j])
            .collect();
        let d: f64 = p.iter().zip(&dp).map(|(p, dp)| p * dp).sum();
        for j in 0..s {
            let kept = p[j] * one.factors[i * s + j];
            for c in 0..ev {
                y[i * ev + c] += kept * v[j * ev + c];
                dv[j * ev + c] += kept * dy[i * ev + c];
            }
            let ds = p[j] * (dp[j] - d) * one.scale;
            for c in 0..e {
                dq[i * e + c] += ds * k[j * e + c];
                dk[j * e + c] += ds * q[i * e + c];
            }
        }
    }
    Results { y, dq, dk, dv }
}
