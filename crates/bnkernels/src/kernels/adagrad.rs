//! One step of Adagrad, as PyTorch's `torch.optim.Adagrad` defines it: `d = g + weight_decay p`;
//! `sum = sum + d²`; `p = p - lr / (1 + (t - 1) lr_decay) d / (√sum + eps)`. To maximise, g is
//! negated first.

use super::sgd::update;
use crate::parallel::for_each_part;
use crate::simd::F32x4;

/// The options of [`adagrad_step`], under PyTorch's names.
#[derive(Clone, Copy, Debug)]
pub struct Adagrad {
    pub lr: f64,
    pub lr_decay: f64,
    pub eps: f64,
    pub weight_decay: f64,
    pub maximize: bool,
}

/// Updates `p` and the sum of the squared gradients in place; `step` counts from 1. Scalars are
/// worked out in f64.
pub fn adagrad_step(p: &mut [f32], g: &[f32], sum: &mut [f32], adagrad: Adagrad, step: u32) {
    let n = p.len();
    assert!(g.len() == n && sum.len() == n && step > 0);
    let splat = |value: f64| F32x4::splat(value as f32);
    let step_size = splat(-adagrad.lr / (1.0 + f64::from(step - 1) * adagrad.lr_decay));
    let (eps, weight_decay) = (splat(adagrad.eps), splat(adagrad.weight_decay));
    let update_four = move |[p, sum]: [F32x4; 2], [g]: [F32x4; 1]| {
        let g = if adagrad.maximize { -g } else { g };
        let d = if adagrad.weight_decay == 0.0 { g } else { weight_decay.mul_add(p, g) };
        let sum = d.mul_add(d, sum);
        [step_size.mul_add(d / (sum.sqrt() + eps), p), sum]
    };
    for_each_part([p, sum], [1; 2], (n, 3, 4), move |range, outputs| {
        update(outputs, [&g[range]], update_four);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, random};

    /// PyTorch's `_single_tensor_adagrad`, in f64, of one element: p and the sum.
    fn twin([p, sum]: &mut [f64; 2], g: f32, adagrad: Adagrad, step: u32) {
        let g = if adagrad.maximize { -f64::from(g) } else { f64::from(g) };
        let d = g + adagrad.weight_decay * *p;
        let rate = adagrad.lr / (1.0 + (f64::from(step) - 1.0) * adagrad.lr_decay);
        *sum += d * d;
        *p -= rate * d / (sum.sqrt() + adagrad.eps);
    }

    #[test]
    fn steps_agree_with_the_twin() {
        for n in [0, 1, 3, 4, 1001, 20_003] {
            for (lr_decay, weight_decay, initial, maximize) in
                [(0.0, 0.0, 0.0, false), (0.3, 0.1, 0.5, false), (0.1, 0.1, 0.0, true)]
            {
                let adagrad = Adagrad { lr: 0.1, lr_decay, eps: 1e-5, weight_decay, maximize };
                let (mut p, mut sum) = (random(1, n), vec![initial; n]);
                let mut state: Vec<_> = p.iter().map(|&p| [f64::from(p), f64::from(initial)]).collect();
                for step in 1..6 {
                    let g = random(10 + u64::from(step), n);
                    adagrad_step(&mut p, &g, &mut sum, adagrad, step);
                    for (state, &g) in state.iter_mut().zip(&g) {
                        twin(state, g, adagrad, step);
                    }
                }
                let column = |i: usize| state.iter().map(|s| s[i]).collect::<Vec<_>>();
                assert_close(&p, &column(0), 1e-6);
                assert_close(&sum, &column(1), 1e-6);
            }
        }
    }
}
