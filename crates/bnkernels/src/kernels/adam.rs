//! One step of Adam or AdamW, as PyTorch's `torch.optim` defines them (without amsgrad):
//! Adam adds `weight_decay p` to g, AdamW (`decoupled`) multiplies p by `1 - lr weight_decay`;
//! `m = m + (1 - beta1) (g - m)`, `v = beta2 v + (1 - beta2) g²`,
//! `p = p - lr / (1 - beta1^t) m / (√v / √(1 - beta2^t) + eps)`.

use super::sgd::update;
use crate::parallel::for_each_part;
use crate::simd::F32x4;

/// The options of [`adam_step`], under PyTorch's names; `decoupled` makes it AdamW.
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    pub lr: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
    pub decoupled: bool,
}

/// Updates `p` and the moments `m` and `v` (zeros before the first step) in place; `step` counts
/// from 1. Scalars are worked out in f64.
pub fn adam_step(p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], adam: Adam, step: u32) {
    let n = p.len();
    assert!(g.len() == n && m.len() == n && v.len() == n && step > 0);
    let correction = |beta: f64| 1.0 - beta.powi(step.min(i32::MAX as u32) as i32);
    let splat = |value: f64| F32x4::splat(value as f32);
    let step_size = splat(-adam.lr / correction(adam.beta1));
    let root = splat(correction(adam.beta2).sqrt());
    let eps = splat(adam.eps);
    let (share1, beta2, share2) = (splat(1.0 - adam.beta1), splat(adam.beta2), splat(1.0 - adam.beta2));
    let (weight_decay, shrink) = (splat(adam.weight_decay), splat(1.0 - adam.lr * adam.weight_decay));
    let coupled = adam.weight_decay != 0.0 && !adam.decoupled;
    let decoupled = adam.weight_decay != 0.0 && adam.decoupled;
    let update_four = move |[p, m, v]: [F32x4; 3], [g]: [F32x4; 1]| {
        let g = if coupled { weight_decay.mul_add(p, g) } else { g };
        let p = if decoupled { p * shrink } else { p };
        let m = share1.mul_add(g - m, m);
        let v = (share2 * g).mul_add(g, beta2 * v);
        let denominator = v.sqrt() / root + eps;
        [step_size.mul_add(m / denominator, p), m, v]
    };
    for_each_part([p, m, v], [1, 1, 1], (n, 4, 4), move |range, outputs| {
        update(outputs, [&g[range]], update_four);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, random};

    /// PyTorch's `_single_tensor_adam`, in f64.
    fn twin(state: &mut [(f64, f64, f64)], g: &[f32], adam: Adam, step: u32) {
        for ((p, m, v), &g) in state.iter_mut().zip(g) {
            let mut g = f64::from(g);
            if adam.decoupled {
                *p *= 1.0 - adam.lr * adam.weight_decay;
            } else {
                g += adam.weight_decay * *p;
            }
            *m = adam.beta1 * *m + (1.0 - adam.beta1) * g;
            *v = adam.beta2 * *v + (1.0 - adam.beta2) * g * g;
            let corrected = |moment: f64, beta: f64| moment / (1.0 - beta.powf(f64::from(step)));
            *p -= adam.lr * corrected(*m, adam.beta1) / (corrected(*v, adam.beta2).sqrt() + adam.eps);
        }
    }

    #[test]
    fn steps_agree_with_the_twin() {
        for n in [0, 1, 3, 4, 1001, 20_003] {
            for (weight_decay, decoupled) in [(0.0, false), (0.1, false), (0.0, true), (0.1, true)] {
                let adam = Adam { lr: 0.01, beta1: 0.9, beta2: 0.99, eps: 1e-3, weight_decay, decoupled };
                let (mut p, mut m, mut v) = (random(1, n), vec![0.0; n], vec![0.0; n]);
                let mut state: Vec<_> = p.iter().map(|&p| (f64::from(p), 0.0, 0.0)).collect();
                for step in 1..6 {
                    let g = random(10 + u64::from(step), n);
                    adam_step(&mut p, &g, &mut m, &mut v, adam, step);
                    twin(&mut state, &g, adam, step);
                }
                let column = |f: fn(&(f64, f64, f64)) -> f64| state.iter().map(f).collect::<Vec<_>>();
                assert_close(&p, &column(|s| s.0), 1e-6);
                assert_close(&m, &column(|s| s.1), 1e-6);
                assert_close(&v, &column(|s| s.2), 1e-6);
            }
        }
    }
}
