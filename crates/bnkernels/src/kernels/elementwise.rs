//! Elementwise operations.

use crate::parallel::{chunk_count, chunk_range, for_each_range};
use crate::simd::{Dst, F32x4, Src};

/// `y = max(x, 0)`.
pub fn relu_forward(x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len());
    let chunks = chunk_count(x.len(), 1);
    let n = x.len();
    for_each_range(
        [y],
        chunks,
        |i| [chunk_range(i, chunks, n, 4)],
        |i, [y]| {
            let x = &x[chunk_range(i, chunks, n, 4)];
            let (src, mut dst) = (Src::new(x), Dst::new(&mut *y));
            let whole = x.len() / 4 * 4;
            for i in (0..whole).step_by(4) {
                dst.store(i, src.load(i).max(F32x4::zero()));
            }
            for i in whole..x.len() {
                y[i] = x[i].max(0.0);
            }
        },
    );
}
