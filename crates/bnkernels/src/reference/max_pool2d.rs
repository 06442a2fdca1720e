//! Twins of max_pool2d.

use crate::kernels::max_pool2d::MaxPool2dShape;

/// `(y, dx)` of `x` and `dy` in rows.
pub fn max_pool2d(s: &MaxPool2dShape, x: &[f32], dy: &[f32]) -> (Vec<f64>, Vec<f64>) {
    let (mut y, mut dx) = (Vec::new(), vec![0.0; x.len()]);
    for plane in 0..s.n * s.c {
        for i in 0..s.oh() {
            for j in 0..s.ow() {
                let mut best: Option<usize> = None;
                for u in 0..s.kernel.0 {
                    for v in 0..s.kernel.1 {
                        let r = (i * s.stride.0 + u).wrapping_sub(s.padding.0);
                        let c = (j * s.stride.1 + v).wrapping_sub(s.padding.1);
                        let at = (plane * s.h * s.w).wrapping_add(r.wrapping_mul(s.w)).wrapping_add(c);
                        if r < s.h && c < s.w && best.is_none_or(|b| x[at] > x[b]) {
                            best = Some(at);
                        }
                    }
                }
                let best = best.unwrap_or(0);
                dx[best] += f64::from(dy[y.len()]);
                y.push(f64::from(x[best]));
            }
        }
    }
    (y, dx)
}
