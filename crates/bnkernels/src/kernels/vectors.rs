//! A walk over short runs of values that are changed in place.

use crate::simd::{Dst, F32x4, Src};

/// `writes = f(reads, writes)`, vector by vector.
#[inline(always)]
pub(super) fn vectors<const K: usize, const M: usize>(
    reads: [&[f32]; K],
    mut writes: [&mut [f32]; M],
    f: impl Fn([F32x4; K], [F32x4; M]) -> [F32x4; M],
) {
    let n = writes[0].len();
    assert!(reads.iter().all(|x| x.len() == n) && writes.iter().all(|x| x.len() == n));
    let from = reads.map(|x| Src::new(x, n));
    // One place that calls `f`, as it may be long.
    for j in (0..n).step_by(4) {
        let is_whole = n - j >= 4;
        let (a, b) = if is_whole {
            (from.map(|x| x.load(j)), writes.each_mut().map(|x| Dst::new(x, n).load(j)))
        } else {
            let tail = |x: &[f32]| F32x4::load_tail(&x[j..], 0.0);
            (reads.map(tail), writes.each_ref().map(|x| tail(x)))
        };
        for (x, value) in writes.iter_mut().zip(f(a, b)) {
            if is_whole {
                Dst::new(x, n).store(j, value);
            } else {
                value.store_tail(&mut x[j..]);
            }
        }
    }
}
