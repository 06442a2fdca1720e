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
    let whole = n / 4 * 4;
    let from = reads.map(|x| Src::new(x, n));
    let mut to = writes.each_mut().map(|x| Dst::new(x, n));
    for j in (0..whole).step_by(4) {
        let values = f(from.map(|x| x.load(j)), to.each_ref().map(|x| x.load(j)));
        to.iter_mut().zip(values).for_each(|(x, value)| x.store(j, value));
    }
    if whole < n {
        let old = writes.each_ref().map(|x| F32x4::load_tail(&x[whole..], 0.0));
        let values = f(reads.map(|x| F32x4::load_tail(&x[whole..], 0.0)), old);
        writes.iter_mut().zip(values).for_each(|(x, value)| value.store_tail(&mut x[whole..]));
    }
}
