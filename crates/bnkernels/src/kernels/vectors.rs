//! A walk over short runs of values that are changed in place.

use crate::simd::{Dst, F32x4, Src};
use std::array::from_fn;

/// `writes = f(reads, writes)`, vector by vector. What is past the last whole vector is done on a copy, so that there
/// is one place that calls `f`, as it may be long.
#[inline(always)]
pub(crate) fn vectors<const K: usize, const M: usize>(
    reads: [&[f32]; K],
    writes: [&mut [f32]; M],
    f: impl Fn([F32x4; K], [F32x4; M]) -> [F32x4; M],
) {
    walk::<1, K, M>(reads, writes, |reads, writes| f(reads.map(|[x]| x), writes.map(|[x]| x)).map(|x| [x]));
}

/// As [`vectors`], two vectors at a time, whose chains of steps run side by side and share constants.
#[inline(always)]
pub(crate) fn pairs<const K: usize, const M: usize>(
    reads: [&[f32]; K],
    writes: [&mut [f32]; M],
    f: impl Fn([[F32x4; 2]; K], [[F32x4; 2]; M]) -> [[F32x4; 2]; M],
) {
    walk(reads, writes, f);
}

#[inline(always)]
fn walk<const W: usize, const K: usize, const M: usize>(
    reads: [&[f32]; K],
    mut writes: [&mut [f32]; M],
    f: impl Fn([[F32x4; W]; K], [[F32x4; W]; M]) -> [[F32x4; W]; M],
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
fn whole_vectors<const W: usize, const K: usize, const M: usize>(
    reads: [Src; K],
    mut writes: [Dst; M],
    n: usize,
    f: &impl Fn([[F32x4; W]; K], [[F32x4; W]; M]) -> [[F32x4; W]; M],
) {
    for j in (0..n).step_by(4 * W) {
        // Where there are no more vectors, the last one has itself beside it.
        let at: [usize; W] = from_fn(|i| if i == 0 { j } else { (j + 4 * i).min(n - 4) });
        let old = writes.each_ref().map(|x| at.map(|at| x.load(at)));
        let values = f(reads.map(|x| at.map(|at| x.load(at))), old);
        for (x, values) in writes.iter_mut().zip(values) {
            at.into_iter().zip(values).for_each(|(at, value)| x.store(at, value));
        }
    }
}
