//! One step of stochastic gradient descent, as PyTorch's `torch.optim.SGD` defines it:
//! `d = g + weight_decay p`; with momentum `buf = momentum buf + (1 - dampening) d` (on the first
//! step `buf = d`), then `d = d + momentum buf` if Nesterov's, else `d = buf`; `p = p - lr d`.

use crate::parallel::for_each_part;
use crate::simd::{Dst, F32x4, Src};

/// The options of [`sgd_step`], under PyTorch's names.
#[derive(Clone, Copy, Debug)]
pub struct Sgd {
    pub lr: f64,
    pub momentum: f64,
    pub dampening: f64,
    pub weight_decay: f64,
    pub nesterov: bool,
    pub maximize: bool,
}

/// Updates `p` in place, and `momentum_buffer` (given exactly when `momentum` is not 0), which
/// the first step writes without reading it.
pub fn sgd_step(p: &mut [f32], g: &[f32], momentum_buffer: Option<&mut [f32]>, sgd: Sgd, first_step: bool) {
    let n = p.len();
    assert_eq!(g.len(), n);
    let lr = F32x4::splat(-sgd.lr as f32);
    let weight_decay = F32x4::splat(sgd.weight_decay as f32);
    let decayed = move |p: F32x4, g: F32x4| {
        let g = if sgd.maximize { -g } else { g };
        if sgd.weight_decay == 0.0 {
            g
        } else {
            weight_decay.mul_add(p, g)
        }
    };
    let work = (n, 1, 4);
    match momentum_buffer {
        None => for_each_part([p], [1], work, move |range, [p]| {
            update([p], [&g[range]], move |[p], [g]| [lr.mul_add(decayed(p, g), p)]);
        }),
        Some(buffer) => {
            assert_eq!(buffer.len(), n);
            let momentum = F32x4::splat(sgd.momentum as f32);
            let share = F32x4::splat((1.0 - sgd.dampening) as f32);
            let step = move |[p, buffer]: [F32x4; 2], [g]: [F32x4; 1]| {
                let d = decayed(p, g);
                let buffer = if first_step { d } else { share.mul_add(d, momentum * buffer) };
                let d = if sgd.nesterov { momentum.mul_add(buffer, d) } else { buffer };
                [lr.mul_add(d, p), buffer]
            };
            for_each_part([p, buffer], [1, 1], work, move |range, outputs| update(outputs, [&g[range]], step))
        }
    }
}

/// `outputs = f(outputs, inputs)`, element by element.
#[inline(always)]
pub(super) fn update<const O: usize, const I: usize>(
    outputs: [&mut [f32]; O],
    inputs: [&[f32]; I],
    f: impl Fn([F32x4; O], [F32x4; I]) -> [F32x4; O],
) {
    let n = inputs[0].len();
    assert!(outputs.iter().all(|o| o.len() == n) && inputs.iter().all(|i| i.len() == n));
    let (whole, tail) = (n - n % 4, inputs.map(|input| &input[n - n % 4..]));
    let inputs = inputs.map(|input| Src::new(input, whole));
    let mut split = outputs.map(|output| output.split_at_mut(whole));
    {
        let mut outputs = split.each_mut().map(|(output, _)| Dst::new(output, whole));
        for i in (0..whole).step_by(4) {
            let old = outputs.each_ref().map(|output| output.load(i));
            let new = f(old, inputs.map(|input| input.load(i)));
            outputs.iter_mut().zip(new).for_each(|(output, new)| output.store(i, new));
        }
    }
    if n > whole {
        let old = split.each_ref().map(|(_, output)| F32x4::load_tail(output, 0.0));
        let new = f(old, tail.map(|input| F32x4::load_tail(input, 0.0)));
        split.into_iter().zip(new).for_each(|((_, output), new)| new.store_tail(output));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, random};

    /// PyTorch's `_single_tensor_sgd`, in f64.
    fn twin(p: &mut [f64], g: &[f32], buffer: &mut [f64], sgd: Sgd, first_step: bool) {
        for i in 0..p.len() {
            let sign = if sgd.maximize { -1.0 } else { 1.0 };
            let mut d = sign * f64::from(g[i]) + sgd.weight_decay * p[i];
            if sgd.momentum != 0.0 {
                buffer[i] = if first_step { d } else { sgd.momentum * buffer[i] + (1.0 - sgd.dampening) * d };
                d = if sgd.nesterov { d + sgd.momentum * buffer[i] } else { buffer[i] };
            }
            p[i] -= sgd.lr * d;
        }
    }

    #[test]
    fn steps_agree_with_the_twin() {
        for n in [0, 1, 3, 4, 1001, 40_003] {
            for (momentum, dampening, weight_decay, nesterov, maximize) in [
                (0.0, 0.0, 0.0, false, false),
                (0.0, 0.0, 0.1, false, false),
                (0.9, 0.0, 0.0, false, false),
                (0.8, 0.3, 0.05, false, false),
                (0.9, 0.0, 0.01, true, false),
                (0.9, 0.0, 0.01, true, true),
            ] {
                // What is added up has one sign, so that nothing cancels.
                let lr = if maximize { 0.1 } else { -0.1 };
                let sgd = Sgd { lr, momentum, dampening, weight_decay, nesterov, maximize };
                // Off zero, so that errors relative to the results mean something.
                let values = |seed| random(seed, n).iter().map(|x| x + 1.5).collect::<Vec<f32>>();
                let mut p = values(1);
                let mut expected: Vec<f64> = p.iter().map(|&p| f64::from(p)).collect();
                // The first step must not read the buffer.
                let mut buffer = vec![f32::NAN; n];
                let mut expected_buffer = vec![0.0; n];
                for step in 0..4 {
                    let g = values(10 + step);
                    let given = (momentum != 0.0).then_some(&mut buffer[..]);
                    sgd_step(&mut p, &g, given, sgd, step == 0);
                    twin(&mut expected, &g, &mut expected_buffer, sgd, step == 0);
                }
                assert_close(&p, &expected, 1e-6);
                if momentum != 0.0 {
                    assert_close(&buffer, &expected_buffer, 1e-6);
                }
            }
        }
    }
}
