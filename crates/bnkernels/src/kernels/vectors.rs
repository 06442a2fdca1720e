//! A walk over short runs of values that are changed in place.

use crate::simd::{Dst, F32x4, Src};

/// `writes = f(reads, writes)`, vector by vector. What is past the last whole vector is done on a copy, so that there
/// is one place that calls `f`, as it may be long.
#[inline(always)]
pub(crate) fn vectors<const K: usize, const M: usize>(
    reads: [&[f32]; K],
    mut writes: [&mut [f32]; M],
    f: impl Fn([F32x4; K], [F32x4; M]) -> [F32x4; M],
) {
    let n = writes[0].len();
    assert!(reads.iter().all(|x| x.len() == n) && writes.iter().all(|x| x.len() == n));
    let whole = n / 4 * 4;
    if whole > 0 {
        whole_vectors(
            reads.map(|x| Src::new(x, whole)),
            writes.each_mut().map(|x| Dst::new(x, whole)),
            whole,
            &f,
        );
    }
    if whole < n {
        let (mut from, mut to) = ([[0.0; 4]; K], [[0.0; 4]; M]);
        from.iter_mut().zip(reads).for_each(|(copy, x)| copy[..n - whole].copy_from_slice(&x[whole..]));
        to.iter_mut().zip(&writes).for_each(|(copy, x)| copy[..n - whole].copy_from_slice(&x[whole..]));
        whole_vectors(from.each_ref().map(|x| Src::new(x, 4)), to.each_mut().map(|x| Dst::new(x, 4)), 4, &f);
        writes.iter_mut().zip(to).for_each(|(x, copy)| x[whole..].copy_from_slice(&copy[..n - whole]));
    }
}

#[inline(never)]
fn whole_vectors<const K: usize, const M: usize>(
    reads: [Src; K],
    mut writes: [Dst; M],
    n: usize,
    f: &impl Fn([F32x4; K], [F32x4; M]) -> [F32x4; M],
) {
    for j in (0..n).step_by(4) {
        let values = f(reads.map(|x| x.load(j)), writes.each_ref().map(|x| x.load(j)));
        for (x, value) in writes.iter_mut().zip(values) {
            x.store(j, value);
        }
    }
}

/// As [`vectors`], two vectors at a time, whose chains of steps run side by side and share constants.
#[inline(always)]
pub(crate) fn pairs<const K: usize, const M: usize>(
    reads: [&[f32]; K],
    mut writes: [&mut [f32]; M],
    f: impl Fn([[F32x4; 2]; K], [[F32x4; 2]; M]) -> [[F32x4; 2]; M],
) {
    let n = writes[0].len();
    assert!(reads.iter().all(|x| x.len() == n) && writes.iter().all(|x| x.len() == n));
    let whole = n / 4 * 4;
    if whole > 0 {
        whole_pairs(
            reads.map(|x| Src::new(x, whole)),
            writes.each_mut().map(|x| Dst::new(x, whole)),
            whole,
            &f,
        );
    }
    if whole < n {
        let (mut from, mut to) = ([[0.0; 4]; K], [[0.0; 4]; M]);
        from.iter_mut().zip(reads).for_each(|(copy, x)| copy[..n - whole].copy_from_slice(&x[whole..]));
        to.iter_mut().zip(&writes).for_each(|(copy, x)| copy[..n - whole].copy_from_slice(&x[whole..]));
        whole_pairs(from.each_ref().map(|x| Src::new(x, 4)), to.each_mut().map(|x| Dst::new(x, 4)), 4, &f);
        writes.iter_mut().zip(to).for_each(|(x, copy)| x[whole..].copy_from_slice(&copy[..n - whole]));
    }
}

#[inline(never)]
fn whole_pairs<const K: usize, const M: usize>(
    reads: [Src; K],
    mut writes: [Dst; M],
    n: usize,
    f: &impl Fn([[F32x4; 2]; K], [[F32x4; 2]; M]) -> [[F32x4; 2]; M],
) {
    for j in (0..n).step_by(8) {
        // The last vector has itself beside it where there is no other.
        let at = [j, (j + 4).min(n - 4)];
        let old = writes.each_ref().map(|x| at.map(|at| x.load(at)));
        let values = f(reads.map(|x| at.map(|at| x.load(at))), old);
        for (x, values) in writes.iter_mut().zip(values) {
            at.into_iter().zip(values).for_each(|(at, value)| x.store(at, value));
        }
    }
}
