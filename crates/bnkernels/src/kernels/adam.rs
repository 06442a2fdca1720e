//! One step of Adam or AdamW, as PyTorch's `torch.optim` defines them:
//! Adam adds `weight_decay p` to g, AdamW (`decoupled`) multiplies p by `1 - lr weight_decay`;
//! `m = m + (1 - beta1) (g - m)`, `v = beta2 v + (1 - beta2) g²`,
//! `p = p - lr / (1 - beta1^t) m / (√v / √(1 - beta2^t) + eps)`; with amsgrad the largest v so far
//! stands in the place of v there. To maximise, g is negated first.

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
    pub maximize: bool,
}

/// Updates `p`, the moments `m` and `v` (zeros before the first step) and, where it is given, the
/// largest `v` so far (amsgrad) in place; `step` counts from 1. Scalars are worked out in f64.
pub fn adam_step(
    p: &mut [f32],
    g: &[f32],
    m: &mut [f32],
    v: &mut [f32],
    largest: Option<&mut [f32]>,
    adam: Adam,
    step: u32,
) {
    let n = p.len();
    assert!(g.len() == n && m.len() == n && v.len() == n && step > 0);
    let correction = |beta: f64| 1.0 - beta.powi(step.min(i32::MAX as u32) as i32);
    let splat = |value: f64| F32x4::splat(value as f32);
    let step_size = splat(-adam.lr / correction(adam.beta1));
    let inverse_root = splat(1.0 / correction(adam.beta2).sqrt());
    let eps = splat(adam.eps);
    let (share1, beta2, share2) = (splat(1.0 - adam.beta1), splat(adam.beta2), splat(1.0 - adam.beta2));
    let (weight_decay, shrink) = (splat(adam.weight_decay), splat(1.0 - adam.lr * adam.weight_decay));
    let coupled = adam.weight_decay != 0.0 && !adam.decoupled;
    let decoupled = adam.weight_decay != 0.0 && adam.decoupled;
    let moments = move |[p, m, v]: [F32x4; 3], g: F32x4| {
        let g = if adam.maximize { -g } else { g };
        let g = if coupled { weight_decay.mul_add(p, g) } else { g };
        let p = if decoupled { p * shrink } else { p };
        let m = share1.mul_add(g - m, m);
        let v = (share2 * g).mul_add(g, beta2 * v);
        [p, m, v]
    };
    let moved = move |p, m: F32x4, v: F32x4| step_size.mul_add(m / v.sqrt().mul_add(inverse_root, eps), p);
    match largest {
        None => {
            let update_four = move |[p, m, v]: [F32x4; 3], [g]: [F32x4; 1]| {
                let [p, m, v] = moments([p, m, v], g);
                [moved(p, m, v), m, v]
            };
            for_each_part([p, m, v], [1; 3], (n, 4, 4), move |range, outputs| {
                update(outputs, [&g[range]], update_four);
            });
        }
        Some(largest) => {
            assert_eq!(largest.len(), n);
            let update_four = move |[p, m, v, largest]: [F32x4; 4], [g]: [F32x4; 1]| {
                let [p, m, v] = moments([p, m, v], g);
                let largest = largest.max(v);
                [moved(p, m, largest), m, v, largest]
            };
            for_each_part([p, m, v, largest], [1; 4], (n, 5, 4), move |range, outputs| {
                update(outputs, [&g[range]], update_four);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, random};

    /// PyTorch's `_single_tensor_adam`, in f64, of one element: p, m, v and the largest v.
    fn twin([p, m, v, largest]: &mut [f64; 4], g: f32, adam: Adam, amsgrad: bool, step: u32) {
        let mut g = f64::from(g);
        if adam.maximize {
            g = -g;
        }
        if adam.decoupled {
            *p *= 1.0 - adam.lr * adam.weight_decay;
        } else {
            g += adam.weight_decay * *p;
        }
        *m = adam.beta1 * *m + (1.0 - adam.beta1) * g;
        *v = adam.beta2 * *v + (1.0 - adam.beta2) * g * g;
        *largest = largest.max(*v);
        let divisor = if amsgrad { *largest } else { *v };
        let corrected = |moment: f64, beta: f64| moment / (1.0 - beta.powf(f64::from(step)));
        *p -= adam.lr * corrected(*m, adam.beta1) / (corrected(divisor, adam.beta2).sqrt() + adam.eps);
    }

    #[test]
    fn steps_agree_with_the_twin() {
        for n in [0, 1, 3, 4, 1001, 20_003] {
            for (weight_decay, decoupled, amsgrad, maximize) in [
                (0.0, false, false, false),
                (0.1, false, false, false),
                (0.0, true, false, false),
                (0.1, true, false, false),
                (0.1, false, true, false),
                (0.1, true, true, true),
            ] {
                let adam =
                    Adam { lr: 0.01, beta1: 0.9, beta2: 0.6, eps: 1e-3, weight_decay, decoupled, maximize };
                let (mut p, mut m, mut v) = (random(1, n), vec![0.0; n], vec![0.0; n]);
                let mut largest = vec![0.0; n];
                let mut state: Vec<_> = p.iter().map(|&p| [f64::from(p), 0.0, 0.0, 0.0]).collect();
                for step in 1..6 {
                    let g = random(10 + u64::from(step), n);
                    let kept = amsgrad.then_some(&mut largest[..]);
                    adam_step(&mut p, &g, &mut m, &mut v, kept, adam, step);
                    for (state, &g) in state.iter_mut().zip(&g) {
                        twin(state, g, adam, amsgrad, step);
                    }
                }
                let column = |i: usize| state.iter().map(|s| s[i]).collect::<Vec<_>>();
                assert_close(&p, &column(0), 1e-6);
                assert_close(&m, &column(1), 1e-6);
                assert_close(&v, &column(2), 1e-6);
                if amsgrad {
                    assert_close(&largest, &column(3), 1e-6);
                    assert!(n < 1000 || largest.iter().zip(&v).any(|(largest, v)| largest > v));
                }
            }
        }
    }

    #[test]
    fn a_nan_stays_in_the_largest() {
        let adam = Adam {
            lr: 0.01,
            beta1: 0.9,
            beta2: 0.9,
            eps: 1e-8,
            weight_decay: 0.0,
            decoupled: false,
            maximize: false,
        };
        let (mut p, mut m, mut v, mut largest) = ([1.0; 5], [0.0; 5], [0.0; 5], [0.0; 5]);
        for (step, g) in [(1, f32::NAN), (2, 1.0)] {
            adam_step(&mut p, &[g, 1.0, 1.0, 1.0, g], &mut m, &mut v, Some(&mut largest), adam, step);
        }
        assert!(p[0].is_nan() && largest[0].is_nan() && largest[4].is_nan() && p[1] < 1.0);
    }
}
