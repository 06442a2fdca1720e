//! One step of RMSprop, as PyTorch's `torch.optim.RMSprop` defines it: `d = g + weight_decay p`;
//! `v = alpha v + (1 - alpha) d²`; centred `a = a + (1 - alpha) (d - a)` and `s = √(v - a²) + eps`,
//! else `s = √v + eps`; with momentum `buf = momentum buf + d / s; p = p - lr buf`, else
//! `p = p - lr d / s`. To maximise, g is negated first.

use super::sgd::update;
use crate::parallel::for_each_part;
use crate::simd::F32x4;

/// The options of [`rmsprop_step`], under PyTorch's names.
#[derive(Clone, Copy, Debug)]
pub struct Rmsprop {
    pub lr: f64,
    pub alpha: f64,
    pub eps: f64,
    pub weight_decay: f64,
    pub momentum: f64,
    pub maximize: bool,
}

/// Updates `p`, the mean `v` of the squared gradients, that of the gradients (given where it is to
/// be centred) and the momentum's buffer (given where there is momentum) in place; all but `p` are
/// zeros before the first step.
pub fn rmsprop_step(
    p: &mut [f32],
    g: &[f32],
    v: &mut [f32],
    mean: Option<&mut [f32]>,
    buffer: Option<&mut [f32]>,
    rmsprop: Rmsprop,
) {
    let n = p.len();
    assert!(g.len() == n && v.len() == n);
    assert!(mean.as_ref().is_none_or(|mean| mean.len() == n));
    assert!(buffer.as_ref().is_none_or(|buffer| buffer.len() == n));
    let splat = |value: f64| F32x4::splat(value as f32);
    let (lr, eps, momentum) = (splat(-rmsprop.lr), splat(rmsprop.eps), splat(rmsprop.momentum));
    let (alpha, share) = (splat(rmsprop.alpha), splat(1.0 - rmsprop.alpha));
    let weight_decay = splat(rmsprop.weight_decay);
    let decayed = move |p: F32x4, g: F32x4| {
        let g = if rmsprop.maximize { -g } else { g };
        if rmsprop.weight_decay == 0.0 {
            g
        } else {
            weight_decay.mul_add(p, g)
        }
    };
    let squares = move |v: F32x4, d: F32x4| (share * d).mul_add(d, alpha * v);
    let means = move |mean: F32x4, d: F32x4| share.mul_add(d - mean, mean);
    let centred = move |v: F32x4, mean: F32x4| (v - mean * mean).sqrt() + eps;
    let work = (n, 4, 4);
    match (mean, buffer) {
        (None, None) => {
            let step = move |[p, v]: [F32x4; 2], [g]: [F32x4; 1]| {
                let d = decayed(p, g);
                let v = squares(v, d);
                [lr.mul_add(d / (v.sqrt() + eps), p), v]
            };
            for_each_part([p, v], [1; 2], work, move |range, outputs| update(outputs, [&g[range]], step));
        }
        (None, Some(buffer)) => {
            let step = move |[p, v, buffer]: [F32x4; 3], [g]: [F32x4; 1]| {
                let d = decayed(p, g);
                let v = squares(v, d);
                let buffer = momentum.mul_add(buffer, d / (v.sqrt() + eps));
                [lr.mul_add(buffer, p), v, buffer]
            };
            for_each_part([p, v, buffer], [1; 3], work, move |range, outputs| {
                update(outputs, [&g[range]], step);
            });
        }
        (Some(mean), None) => {
            let step = move |[p, v, mean]: [F32x4; 3], [g]: [F32x4; 1]| {
                let d = decayed(p, g);
                let (v, mean) = (squares(v, d), means(mean, d));
                [lr.mul_add(d / centred(v, mean), p), v, mean]
            };
            for_each_part([p, v, mean], [1; 3], work, move |range, outputs| {
                update(outputs, [&g[range]], step);
            });
        }
        (Some(mean), Some(buffer)) => {
            let step = move |[p, v, mean, buffer]: [F32x4; 4], [g]: [F32x4; 1]| {
                let d = decayed(p, g);
                let (v, mean) = (squares(v, d), means(mean, d));
                let buffer = momentum.mul_add(buffer, d / centred(v, mean));
                [lr.mul_add(buffer, p), v, mean, buffer]
            };
            for_each_part([p, v, mean, buffer], [1; 4], work, move |range, outputs| {
                update(outputs, [&g[range]], step);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, random};

    /// PyTorch's `_single_tensor_rmsprop`, in f64, of one element: p, v, mean and buffer.
    fn twin([p, v, mean, buffer]: &mut [f64; 4], g: f32, centred: bool, rmsprop: Rmsprop) {
        let Rmsprop { lr, alpha, eps, weight_decay, momentum, maximize } = rmsprop;
        let d = if maximize { -f64::from(g) } else { f64::from(g) } + weight_decay * *p;
        *v = alpha * *v + (1.0 - alpha) * d * d;
        *mean = alpha * *mean + (1.0 - alpha) * d;
        let s = if centred { *v - *mean * *mean } else { *v }.sqrt() + eps;
        *buffer = momentum * *buffer + d / s;
        *p -= lr * *buffer;
    }

    #[test]
    fn steps_agree_with_the_twin() {
        for n in [0, 1, 3, 4, 1001, 20_003] {
            for (centred, momentum, weight_decay, maximize) in [
                (false, 0.0, 0.0, false),
                (false, 0.9, 0.1, false),
                (true, 0.0, 0.1, true),
                (true, 0.8, 0.0, false),
                (true, 0.8, 0.1, false),
            ] {
                let rmsprop = Rmsprop { lr: 0.01, alpha: 0.7, eps: 1e-3, weight_decay, momentum, maximize };
                let mut p = random(1, n);
                let (mut v, mut mean, mut buffer) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
                let mut state: Vec<_> = p.iter().map(|&p| [f64::from(p), 0.0, 0.0, 0.0]).collect();
                for step in 1..6 {
                    let g = random(10 + step, n);
                    let given =
                        (centred.then_some(&mut mean[..]), (momentum != 0.0).then_some(&mut buffer[..]));
                    rmsprop_step(&mut p, &g, &mut v, given.0, given.1, rmsprop);
                    for (state, &g) in state.iter_mut().zip(&g) {
                        twin(state, g, centred, rmsprop);
                    }
                }
                let column = |i: usize| state.iter().map(|s| s[i]).collect::<Vec<_>>();
                assert_close(&p, &column(0), 1e-5);
                assert_close(&v, &column(1), 1e-6);
                if centred {
                    assert_close(&mean, &column(2), 1e-6);
                }
                if momentum != 0.0 {
                    assert_close(&buffer, &column(3), 1e-5);
                }
            }
        }
    }
}
