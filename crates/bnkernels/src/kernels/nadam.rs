//! One step of NAdam, as PyTorch's `torch.optim.NAdam` defines it: `g = g + weight_decay p`, or
//! decoupled `p = p (1 - lr weight_decay)`;
//! `mu(t) = beta1 (1 - ½ 0.96^(t momentum_decay))`, `M = M mu(t)` (1 before the first step);
//! `m = m + (1 - beta1) (g - m)`, `v = beta2 v + (1 - beta2) g²`, `s = √(v / (1 - beta2^t)) + eps`;
//! `p = p - lr (1 - mu(t)) / (1 - M) g / s - lr mu(t + 1) / (1 - M mu(t + 1)) m / s`.
//! To maximise, g is negated first.

use super::sgd::update;
use crate::parallel::for_each_part;
use crate::simd::F32x4;

/// The options of [`nadam_step`], under PyTorch's names; `decoupled` is `decoupled_weight_decay`.
#[derive(Clone, Copy, Debug)]
pub struct Nadam {
    pub lr: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
    pub momentum_decay: f64,
    pub decoupled: bool,
    pub maximize: bool,
}

/// Updates `p`, the moments `m` and `v` (zeros before the first step) and the product of the mus in
/// place; `step` counts from 1. Scalars are worked out in f64, but for the product, which PyTorch
/// keeps in f32.
pub fn nadam_step(
    p: &mut [f32],
    g: &[f32],
    m: &mut [f32],
    v: &mut [f32],
    mu_product: &mut f32,
    nadam: Nadam,
    step: u32,
) {
    let n = p.len();
    assert!(g.len() == n && m.len() == n && v.len() == n && step > 0);
    let splat = |value: f64| F32x4::splat(value as f32);
    let mu_at = |t: f64| nadam.beta1 * (1.0 - 0.5 * 0.96f64.powf(t * nadam.momentum_decay));
    let (mu, mu_next) = (mu_at(f64::from(step)), mu_at(f64::from(step) + 1.0));
    *mu_product *= mu as f32;
    let product = f64::from(*mu_product);
    let of_gradient = splat(-nadam.lr * (1.0 - mu) / (1.0 - product));
    let of_mean = splat(-nadam.lr * mu_next / (1.0 - product * mu_next));
    let correction = splat(1.0 - nadam.beta2.powi(step.min(i32::MAX as u32) as i32));
    let eps = splat(nadam.eps);
    let (share1, beta2, share2) = (splat(1.0 - nadam.beta1), splat(nadam.beta2), splat(1.0 - nadam.beta2));
    let (weight_decay, shrink) = (splat(nadam.weight_decay), splat(1.0 - nadam.lr * nadam.weight_decay));
    let coupled = nadam.weight_decay != 0.0 && !nadam.decoupled;
    let decoupled = nadam.weight_decay != 0.0 && nadam.decoupled;
    let update_four = move |[p, m, v]: [F32x4; 3], [g]: [F32x4; 1]| {
        let g = if nadam.maximize { -g } else { g };
        let g = if coupled { weight_decay.mul_add(p, g) } else { g };
        let p = if decoupled { p * shrink } else { p };
        let m = share1.mul_add(g - m, m);
        let v = (share2 * g).mul_add(g, beta2 * v);
        let s = (v / correction).sqrt() + eps;
        [of_mean.mul_add(m / s, of_gradient.mul_add(g / s, p)), m, v]
    };
    for_each_part([p, m, v], [1; 3], (n, 4, 4), move |range, outputs| {
        update(outputs, [&g[range]], update_four);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, random};

    /// PyTorch's `_single_tensor_nadam`, in f64, of one element: p, m, v and the product of the mus.
    fn twin([p, m, v, product]: &mut [f64; 4], g: f32, nadam: Nadam, step: u32) {
        let Nadam { lr, beta1, beta2, eps, weight_decay, momentum_decay, decoupled, maximize } = nadam;
        let t = f64::from(step);
        let mut g = if maximize { -f64::from(g) } else { f64::from(g) };
        if decoupled {
            *p *= 1.0 - lr * weight_decay;
        } else {
            g += weight_decay * *p;
        }
        let mu = beta1 * (1.0 - 0.5 * 0.96f64.powf(t * momentum_decay));
        let mu_next = beta1 * (1.0 - 0.5 * 0.96f64.powf((t + 1.0) * momentum_decay));
        *product *= mu;
        *m = beta1 * *m + (1.0 - beta1) * g;
        *v = beta2 * *v + (1.0 - beta2) * g * g;
        let s = (*v / (1.0 - beta2.powf(t))).sqrt() + eps;
        *p -= lr * (1.0 - mu) / (1.0 - *product) * g / s;
        *p -= lr * mu_next / (1.0 - *product * mu_next) * *m / s;
    }

    #[test]
    fn steps_agree_with_the_twin() {
        for n in [0, 1, 3, 4, 1001, 20_003] {
            for (weight_decay, momentum_decay, decoupled, maximize) in [
                (0.0, 4e-3, false, false),
                (0.1, 0.5, false, false),
                (0.1, 4e-3, true, false),
                (0.0, 0.1, true, true),
            ] {
                let nadam = Nadam {
                    lr: 0.01,
                    beta1: 0.9,
                    beta2: 0.99,
                    eps: 1e-3,
                    weight_decay,
                    momentum_decay,
                    decoupled,
                    maximize,
                };
                let (mut p, mut m, mut v, mut product) = (random(1, n), vec![0.0; n], vec![0.0; n], 1.0);
                let mut state: Vec<_> = p.iter().map(|&p| [f64::from(p), 0.0, 0.0, 1.0]).collect();
                for step in 1..6 {
                    let g = random(10 + u64::from(step), n);
                    nadam_step(&mut p, &g, &mut m, &mut v, &mut product, nadam, step);
                    for (state, &g) in state.iter_mut().zip(&g) {
                        twin(state, g, nadam, step);
                    }
                }
                let column = |i: usize| state.iter().map(|s| s[i]).collect::<Vec<_>>();
                assert_close(&p, &column(0), 1e-6);
                assert_close(&m, &column(1), 1e-6);
                assert_close(&v, &column(2), 1e-6);
                assert_close(&vec![product; n], &column(3), 1e-6);
            }
        }
    }
}
