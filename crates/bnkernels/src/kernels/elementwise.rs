//! Elementwise operations: of one array, of two with broadcasting, and their gradients.
//!
//! Gradients of the two-array operations are made of the operations themselves and a sum over the
//! broadcast dimensions (see `autograd/ops/arithmetic.ts`).

use crate::parallel::for_each_part;
use crate::simd::{Dst, F32x4, Src};

/// Writes `y`, at least four elements, from as many of each input, or from the only one of an input
/// that is repeated (not all are).
pub(crate) type Kernel<'a> = &'a dyn Run;

/// A trait of our own: each `dyn Fn` carries the closure's code twice, once for calls that consume it.
pub(crate) trait Run: Sync {
    fn run(&self, inputs: &[&[f32]], y: &mut [f32]);
}

impl<F: Fn(&[&[f32]], &mut [f32]) + Sync> Run for F {
    #[inline(always)]
    fn run(&self, inputs: &[&[f32]], y: &mut [f32]) {
        self(inputs, y);
    }
}

/// `y[i] = f([x0[i], x1[i], …])`, `U` vectors at a time: several where `f` is short.
#[inline(always)]
fn map<const K: usize, const U: usize>(
    inputs: [&[f32]; K],
    y: &mut [f32],
    f: impl Fn([F32x4; K]) -> F32x4 + Sync,
) {
    run(&inputs, y, &move |inputs: &[&[f32]], y: &mut [f32]| map_vectors::<K, U>(inputs, y, &f));
}

/// The kernel of `map`.
#[inline(always)]
pub(crate) fn map_vectors<const K: usize, const U: usize>(
    inputs: &[&[f32]],
    y: &mut [f32],
    f: impl Fn([F32x4; K]) -> F32x4,
) {
    let sources: [Src; K] = std::array::from_fn(|k| Src::new(inputs[k], y.len()));
    write::<U>(y, |i| f(sources.map(|x| x.load(i))));
}

/// Runs the kernel on arrays of one length.
#[inline(never)]
pub(crate) fn run(inputs: &[&[f32]], y: &mut [f32], kernel: Kernel) {
    assert!(inputs.iter().all(|x| x.len() == y.len()));
    map_parts(inputs, y, kernel);
}

/// `y[i..i + 4] = f(i)`; the last vector may overlap the one before.
#[inline(always)]
fn write<const U: usize>(y: &mut [f32], f: impl Fn(usize) -> F32x4) {
    let n = y.len();
    assert!(n >= 4);
    let (mut dst, mut i) = (Dst::new(y, n), 0);
    while U > 1 && i + 4 * U <= n {
        for u in 0..U {
            dst.store(i + 4 * u, f(i + 4 * u));
        }
        i += 4 * U;
    }
    while i < n {
        let at = i.min(n - 4);
        dst.store(at, f(at));
        i += 4;
    }
}

/// Runs the kernel on all of `y`; an input is as long as `y`, or one element that is repeated. One copy
/// serves all kernels, as do those of `map_run` and `broadcast`.
#[inline(never)]
fn map_parts(inputs: &[&[f32]], y: &mut [f32], kernel: Kernel) {
    let n = y.len();
    for_each_part([y], [1], (n, 1, 4), |range, [y]| {
        let mut parts: [&[f32]; 3] = [&[]; 3];
        for (part, input) in parts.iter_mut().zip(inputs) {
            *part = if input.len() == 1 { input } else { &input[range.clone()] };
        }
        map_run(&parts[..inputs.len()], y, kernel);
    });
}

/// Runs the kernel on one run of `y`: on a copy, filled up, where it is shorter than a vector.
fn map_run(inputs: &[&[f32]], y: &mut [f32], kernel: Kernel) {
    let n = y.len();
    if n == 0 {
        return;
    }
    assert!(inputs.iter().all(|x| x.len() == 1 || x.len() == n));
    let repeated = inputs.iter().all(|x| x.len() == 1);
    if n >= 4 && !repeated {
        return kernel.run(inputs, y);
    }
    let mut result = [0.0; 4];
    let copy = |x: &[f32]| std::array::from_fn::<f32, 4, _>(|i| x[i.min(x.len() - 1)]);
    let mut copies = [[0.0; 4]; 3];
    copies.iter_mut().zip(inputs).for_each(|(to, x)| *to = copy(x));
    let copies = copies.each_ref().map(|copy| &copy[..]);
    kernel.run(&copies[..inputs.len()], &mut result);
    if repeated {
        fill(y, result[0]);
    } else {
        y.copy_from_slice(&result[..n]);
    }
}

/// `y[i] = f(y[i], x[i])`.
#[inline(always)]
fn update(y: &mut [f32], x: &[f32], f: impl Fn(F32x4, F32x4) -> F32x4) {
    let whole = y.len() / 16 * 16;
    assert_eq!(x.len(), y.len());
    let (source, mut dst) = (Src::new(x, whole), Dst::new(&mut *y, whole));
    for i in (0..whole).step_by(16) {
        for i in [i, i + 4, i + 8, i + 12] {
            dst.store(i, f(dst.load(i), source.load(i)));
        }
    }
    for (y, &x) in y[whole..].iter_mut().zip(&x[whole..]) {
        *y = f(F32x4::splat(*y), F32x4::splat(x)).to_array()[0];
    }
}

/// Every element of `y` becomes `value`.
pub fn fill(y: &mut [f32], value: f32) {
    if y.len() < 4 {
        return y.iter_mut().for_each(|y| *y = value);
    }
    let value = F32x4::splat(value);
    write::<4>(y, |_| value);
}

#[inline(always)]
fn one() -> F32x4 {
    F32x4::splat(1.0)
}

/// `y = xᵉ`. Whole and half exponents up to 4 are made of products and roots; others of `exp` and
/// `ln`, with the sign that a whole exponent gives a negative base, and NaN for a broken one.
pub fn pow_forward(x: &[f32], exponent: f32, y: &mut [f32]) {
    let e = F32x4::splat(exponent);
    if exponent == 2.0 {
        map::<1, 4>([x], y, |[x]| x * x);
    } else if exponent == 1.0 {
        y.copy_from_slice(x);
    } else if exponent == 3.0 {
        map::<1, 4>([x], y, |[x]| x * x * x);
    } else if exponent == 0.5 {
        map::<1, 4>([x], y, |[x]| x.sqrt());
    } else if exponent == -0.5 {
        map::<1, 4>([x], y, |[x]| one() / x.sqrt());
    } else if exponent == -1.0 {
        map::<1, 4>([x], y, |[x]| one() / x);
    } else if exponent == -2.0 {
        map::<1, 4>([x], y, |[x]| one() / (x * x));
    } else if exponent == 0.0 {
        fill(y, 1.0);
    } else {
        let of_negative = match (exponent == exponent.trunc(), exponent % 2.0 != 0.0) {
            (true, true) => -1.0,
            (true, false) => 1.0,
            (false, _) => f32::NAN,
        };
        let of_negative = F32x4::splat(of_negative);
        map::<1, 1>([x], y, |[x]| {
            let magnitude = (e * x.abs().ln()).exp();
            x.lt(F32x4::zero()).select(of_negative * magnitude, magnitude)
        });
    }
}

/// `dx = dy · e · xᵉ⁻¹`; 0 for the exponent 0, as PyTorch's.
pub fn pow_backward(x: &[f32], exponent: f32, dy: &[f32], dx: &mut [f32]) {
    if exponent == 0.0 {
        dx.fill(0.0);
    } else if exponent == 2.0 {
        map::<2, 4>([x, dy], dx, |[x, dy]| dy * (x + x));
    } else {
        pow_forward(x, exponent - 1.0, dx);
        scale_by(dx, dy, exponent);
    }
}

/// `values[i] *= by[i] * factor`.
fn scale_by(values: &mut [f32], by: &[f32], factor: f32) {
    let factor = F32x4::splat(factor);
    update(values, by, |value, by| value * (by * factor));
}

/// `y += x`.
pub fn accumulate(x: &[f32], y: &mut [f32]) {
    let n = y.len();
    for_each_part([y], [1], (n, 1, 4), move |range, [y]| update(y, &x[range], |y, x| y + x));
}

/// The shape of a broadcast result and the strides with which its operands are read: 0 where an
/// operand is repeated. The innermost strides are 0 or 1.
#[derive(Clone, Copy)]
pub struct Broadcast<'a> {
    pub shape: &'a [u32],
    pub a_strides: &'a [u32],
    pub b_strides: &'a [u32],
}

impl Broadcast<'_> {
    /// Whether arrays of these lengths are what it reads and writes. (In f64, as shapes may be anything.)
    pub fn fits(self, a: usize, b: usize, y: usize) -> bool {
        let size: f64 = self.shape.iter().map(|&size| f64::from(size)).product();
        let within = |strides: &[u32], length: usize| {
            let steps = self.shape.iter().zip(strides);
            let last: f64 = steps.map(|(&size, &step)| (f64::from(size) - 1.0) * f64::from(step)).sum();
            strides.last().is_none_or(|&step| step <= 1) && last < length as f64
        };
        size == y as f64 && (y == 0 || within(self.a_strides, a) && within(self.b_strides, b))
    }
}

/// The kernel of an operation of two, `U` vectors at a time.
#[inline(always)]
pub(crate) fn binary<const U: usize>(inputs: &[&[f32]], y: &mut [f32], f: impl Fn(F32x4, F32x4) -> F32x4) {
    let [x, z] = [inputs[0], inputs[1]].map(|x| Src::new(x, if x.len() > 1 { y.len() } else { 1 }));
    let (first, second) = (x.load_splat(0), z.load_splat(0));
    match (inputs[0].len() > 1, inputs[1].len() > 1) {
        (true, true) => write::<U>(y, |i| f(x.load(i), z.load(i))),
        (true, false) => write::<U>(y, |i| f(x.load(i), second)),
        (false, _) => write::<U>(y, |i| f(first, z.load(i))),
    }
}

/// As `binary`, in one loop instead of three, for what few use: an operand that is repeated is read again and again.
#[inline(always)]
pub(crate) fn small_binary<const U: usize>(
    inputs: &[&[f32]],
    y: &mut [f32],
    f: impl Fn(F32x4, F32x4) -> F32x4,
) {
    let copies = [inputs[0], inputs[1]].map(|x| [x[0]; 4]);
    let read = |k: usize| match inputs[k].len() > 1 {
        true => (Src::new(inputs[k], y.len()), usize::MAX),
        false => (Src::new(&copies[k], 4), 0),
    };
    let [(x, x_mask), (z, z_mask)] = [read(0), read(1)];
    write::<U>(y, |i| f(x.load(i & x_mask), z.load(i & z_mask)));
}

/// `y = kernel(a, b)`, where an operand may be repeated.
#[inline(never)]
pub(crate) fn broadcast(dims: Broadcast, a: &[f32], b: &[f32], y: &mut [f32], kernel: Kernel) {
    let rank = dims.shape.len();
    if y.is_empty() {
        return;
    }
    let inner = dims.shape.last().map_or(1, |&size| size as usize);
    // Elements of a row of an operand: all, or one that is repeated.
    let [a_length, b_length] = [dims.a_strides, dims.b_strides].map(|strides| {
        let step = strides.last().map_or(0, |&step| step as usize);
        assert!(step <= 1);
        (inner - 1) * step + 1
    });
    if rank == 1 {
        return map_parts(&[&a[..a_length], &b[..b_length]], y, kernel);
    }
    let rows = y.len() / inner;
    // What `map_run` would find out for each row.
    let direct = inner >= 4 && a_length.max(b_length) == inner;
    for_each_part([y], [inner], (rows, inner, 1), move |rows, [y]| {
        for (row, y) in rows.zip(y.chunks_exact_mut(inner)) {
            let (a_start, b_start) = offsets(dims, row);
            let inputs = [&a[a_start..][..a_length], &b[b_start..][..b_length]];
            if direct {
                kernel.run(&inputs, y);
            } else {
                map_run(&inputs, y, kernel);
            }
        }
    });
}

/// Where the operands of row `row` (counted over all but the last dimension) start.
fn offsets(dims: Broadcast, row: usize) -> (usize, usize) {
    let (mut left, mut a, mut b) = (row, 0, 0);
    for d in (0..dims.shape.len().saturating_sub(1)).rev() {
        let size = dims.shape[d] as usize;
        a += left % size * dims.a_strides[d] as usize;
        b += left % size * dims.b_strides[d] as usize;
        left /= size;
    }
    (a, b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::random;

    #[test]
    fn pow_matches_its_twin() {
        for exponent in [0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, -0.5, -1.0, -2.0, -3.0, 1.7] {
            let whole = exponent == f32::trunc(exponent);
            let x: Vec<f32> = random(3, 101).iter().map(|v| v.signum() * (v.abs() + 0.2) * 2.0).collect();
            let x: Vec<f32> = if whole { x } else { x.iter().map(|v| v.abs()).collect() };
            let dy = random(4, 101);
            let (mut y, mut dx) = (vec![0.0; 101], vec![0.0; 101]);
            pow_forward(&x, exponent, &mut y);
            pow_backward(&x, exponent, &dy, &mut dx);
            let e = f64::from(exponent);
            for i in 0..101 {
                let (x, dy) = (f64::from(x[i]), f64::from(dy[i]));
                for (actual, expected) in [(y[i], x.powf(e)), (dx[i], dy * e * x.powf(e - 1.0))] {
                    let error = (f64::from(actual) - expected).abs() / expected.abs().max(1e-3);
                    assert!(error < 5e-6, "{x}^{exponent}: {actual}, expected {expected}");
                }
            }
        }
    }

    #[test]
    fn accumulate_adds() {
        let mut y = vec![1.0; 9];
        accumulate(&[2.0; 9], &mut y);
        assert_eq!(y, [3.0; 9]);
    }
}
