//! Twins of avg_pool2d.

use crate::kernels::avg_pool2d::{AvgPool2dShape, Windows};

/// `(y, dx)` of `x` and `dy` in rows, by PyTorch's loop.
pub fn avg_pool2d(s: &AvgPool2dShape, x: &[f32], dy: &[f32]) -> (Vec<f64>, Vec<f64>) {
    let Windows { kernel, stride, padding, output } = s.windows;
    let (mut y, mut dx) = (Vec::new(), vec![0.0; x.len()]);
    let clip = |start: isize, end: isize, size: usize| {
        (start.clamp(0, size as isize) as usize, end.clamp(0, size as isize) as usize)
    };
    for plane in 0..s.n * s.c {
        for i in 0..output.0 {
            for j in 0..output.1 {
                let top = (i * stride.0) as isize - padding.0 as isize;
                let left = (j * stride.1) as isize - padding.1 as isize;
                let bottom = (top + kernel.0 as isize).min((s.h + padding.0) as isize);
                let right = (left + kernel.1 as isize).min((s.w + padding.1) as isize);
                let ((r0, r1), (c0, c1)) = (clip(top, bottom, s.h), clip(left, right, s.w));
                let divisor = match s.divisor_override {
                    0 if s.count_include_pad => ((bottom - top) * (right - left)) as f64,
                    0 => ((r1 - r0) * (c1 - c0)) as f64,
                    divisor => divisor as f64,
                };
                let mut sum = 0.0;
                for r in r0..r1 {
                    for c in c0..c1 {
                        let at = (plane * s.h + r) * s.w + c;
                        sum += f64::from(x[at]);
                        dx[at] += f64::from(dy[y.len()]) / divisor;
                    }
                }
                y.push(sum / divisor);
            }
        }
    }
    (y, dx)
}
