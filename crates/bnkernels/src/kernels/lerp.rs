//! A step towards a goal, for averages of weights, as PyTorch's `lerp_`: `y = y + weight (x - y)`;
//! from `weight` ½ on written as `x - (1 - weight) (x - y)`, so that 1 gives `x` itself.

use super::sgd::update;
use crate::parallel::for_each_part;
use crate::simd::F32x4;

pub fn lerp(x: &[f32], y: &mut [f32], weight: f64) {
    assert_eq!(x.len(), y.len());
    let (near, far) = (F32x4::splat(weight as f32), F32x4::splat((weight - 1.0) as f32));
    let step = move |[y]: [F32x4; 1], [x]: [F32x4; 1]| {
        [if weight < 0.5 { near.mul_add(x - y, y) } else { far.mul_add(x - y, x) }]
    };
    for_each_part([y], [1], (x.len(), 1, 4), move |range, [y]| update([y], [&x[range]], step));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, random};

    #[test]
    fn agrees_with_the_twin() {
        for n in [0, 1, 3, 4, 1001, 40_003] {
            for weight in [0.0, 1e-3, 0.3, 0.5, 0.9, 1.0] {
                let (x, mut y) = (random(1, n), random(2, n));
                let expected: Vec<f64> = x
                    .iter()
                    .zip(&y)
                    .map(|(&x, &y)| f64::from(y) + weight * (f64::from(x) - f64::from(y)))
                    .collect();
                let before = y.clone();
                lerp(&x, &mut y, weight);
                assert_close(&y, &expected, 1e-6);
                if weight == 0.0 || weight == 1.0 {
                    assert_eq!(y, if weight == 0.0 { before } else { x });
                }
            }
        }
    }
}
