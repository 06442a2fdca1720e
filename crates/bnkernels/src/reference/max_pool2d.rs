//! Twins of max_pool2d.

use crate::kernels::max_pool2d::MaxPool2dShape;

/// `(y, dx)` of `x` and `dy` in rows, by PyTorch's loop.
pub fn max_pool2d(s: &MaxPool2dShape, x: &[f32], dy: &[f32]) -> (Vec<f32>, Vec<f64>) {
    let (mut y, mut dx) = (Vec::new(), vec![0.0; x.len()]);
    for plane in 0..s.n * s.c {
        for i in 0..s.oh() {
            for j in 0..s.ow() {
                let (mut best, mut index) = (f32::NEG_INFINITY, None);
                for u in 0..s.kernel.0 {
                    for v in 0..s.kernel.1 {
                        let r = (i * s.stride.0 + u * s.dilation.0).wrapping_sub(s.padding.0);
                        let c = (j * s.stride.1 + v * s.dilation.1).wrapping_sub(s.padding.1);
                        if r >= s.h || c >= s.w {
                            continue;
                        }
                        let at = (plane * s.h + r) * s.w + c;
                        index = index.or(Some(at));
                        if x[at] > best || x[at].is_nan() {
                            (best, index) = (x[at], Some(at));
                        }
                    }
                }
                if let Some(at) = index {
                    dx[at] += f64::from(dy[y.len()]);
                }
                y.push(best);
            }
        }
    }
    (y, dx)
}
