//! Max pooling as PyTorch's loop does it, on rows.

use crate::kernels::max_pool2d::MaxPool2dShape;

/// `y` and `dx`.
pub fn max_pool2d(s: &MaxPool2dShape, x: &[f32], dy: &[f32]) -> (Vec<f32>, Vec<f64>) {
    let mut y = Vec::new();
    let mut dx = vec![0.0; x.len()];
    for plane in 0..s.n * s.c {
        for i in 0..s.oh() {
            for j in 0..s.ow() {
                let (mut best, mut index) = (f32::NEG_INFINITY, None);
                for u in 0..s.kh {
                    for v in 0..s.kw {
                        let row = (i * s.stride.0 + u).wrapping_sub(s.padding.0);
                        let column = (j * s.stride.1 + v).wrapping_sub(s.padding.1);
                        if row >= s.h || column >= s.w {
                            continue;
                        }
                        let at = (plane * s.h + row) * s.w + column;
                        index = index.or(Some(at));
                        if x[at] > best || x[at].is_nan() {
                            (best, index) = (x[at], Some(at));
                        }
                    }
                }
                dx[index.expect("a window of nothing but padding")] += f64::from(dy[y.len()]);
                y.push(best);
            }
        }
    }
    (y, dx)
}
