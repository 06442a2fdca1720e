//! Naive f64 twins of the kernels: the formula and nothing else; and what the tests share.

pub mod attention;
pub mod avg_pool2d;
pub mod batch_norm;
pub mod conv2d;
pub mod guarded;
pub mod indexing;
pub mod layer_norm;
pub mod loss;
pub mod matmul;
pub mod max_pool2d;
pub mod recurrent;
pub mod special;

mod memory;
mod sizes;

/// `n` reproducible values in [-1, 1).
pub fn random(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..n)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state >> 40) as f32) / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

/// Panics where an element differs by more than `tolerance` of the largest expected magnitude.
pub fn assert_close(actual: &[f32], expected: &[f64], tolerance: f64) {
    assert_close_at_scale(actual, expected, tolerance, 1e-30);
}

/// As `assert_close`, where results as large as `scale` cancel to smaller ones.
pub fn assert_close_at_scale(actual: &[f32], expected: &[f64], tolerance: f64, scale: f64) {
    assert_eq!(actual.len(), expected.len());
    let scale = expected.iter().fold(scale, |m, e| m.max(e.abs()));
    for (i, (&a, &e)) in actual.iter().zip(expected).enumerate() {
        let error = (f64::from(a) - e).abs() / scale;
        assert!(error <= tolerance, "element {i}: {a}, expected {e} (relative error {error:.2e})");
    }
}

/// A batch `[n][image]` in rows, written in lanes with zero padding.
pub fn to_lanes(rows: &[f32], n: usize, image: usize) -> Vec<f32> {
    let blocks = crate::layout::Blocks::new(n, image);
    let mut lanes = vec![0.0; blocks.len()];
    for i in 0..n {
        let (b, lane) = (i / 16, i % 16);
        for e in 0..image {
            lanes[blocks.range(b).start + e * blocks.width(b) + lane] = rows[i * image + e];
        }
    }
    lanes
}

/// The inverse of `to_lanes`.
pub fn to_rows(lanes: &[f32], n: usize, image: usize) -> Vec<f32> {
    let blocks = crate::layout::Blocks::new(n, image);
    let mut rows = vec![0.0; n * image];
    for i in 0..n {
        let (b, lane) = (i / 16, i % 16);
        for e in 0..image {
            rows[i * image + e] = lanes[blocks.range(b).start + e * blocks.width(b) + lane];
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    #[test]
    fn lanes_and_rows_are_inverse() {
        for n in [0, 1, 4, 5, 16, 17, 33] {
            let rows = super::random(1, n * 6);
            assert_eq!(super::to_rows(&super::to_lanes(&rows, n, 6), n, 6), rows);
        }
    }
}
