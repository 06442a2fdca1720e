//! One row's step of each cell, forward and backward.

use crate::kernels::vectors::{pairs, vectors};
use crate::simd::F32x4;

/// A row of gates, one after the other.
fn gates<const G: usize>(row: &[f32]) -> [&[f32]; G] {
    let h = row.len() / G;
    std::array::from_fn(|g| &row[g * h..][..h])
}

fn gates_mut<const G: usize>(row: &mut [f32]) -> [&mut [f32]; G] {
    let h = row.len() / G;
    let mut parts = row.chunks_exact_mut(h);
    std::array::from_fn(|_| parts.next().expect("a gate"))
}

/// `max(x, 0)`; NaN stays.
#[inline(always)]
pub(super) fn relu(x: F32x4) -> F32x4 {
    x.lt(F32x4::zero()).clear(x)
}

#[inline(always)]
pub(super) fn plain(p: &mut [f32], q: &[f32], h: &mut [f32], f: impl Fn(F32x4) -> F32x4) {
    vectors([q], [p, h], |[q], [p, _]| {
        let y = f(p + q);
        [y, y]
    });
}

/// `dgates = dh · f′`, by the value `y` of `f`.
#[inline(always)]
pub(super) fn plain_backward(y: &[f32], dh: &[f32], dgates: &mut [f32], f: impl Fn(F32x4, F32x4) -> F32x4) {
    vectors([y, dh], [dgates], |[y, dh], _| [f(y, dh)]);
}

/// `p = f(p + q)`: gates that need no other, in a loop of their own, where the processor has several vectors' chains of
/// steps at work.
#[inline(always)]
fn gates_of(p: &mut [f32], q: &[f32], f: impl Fn([F32x4; 2]) -> [F32x4; 2]) {
    pairs([q], [p], |[q], [p]| [f(both(p, q, |p, q| p + q))]);
}

/// `f` of each of two vectors and of two others.
#[inline(always)]
fn both(x: [F32x4; 2], y: [F32x4; 2], f: impl Fn(F32x4, F32x4) -> F32x4) -> [F32x4; 2] {
    [f(x[0], y[0]), f(x[1], y[1])]
}

fn sigmoids(p: &mut [f32], q: &[f32]) {
    gates_of(p, q, F32x4::sigmoid_of);
}

pub(super) fn lstm(p: &mut [f32], q: &[f32], h: &mut [f32], c: &mut [f32]) {
    let n = h.len();
    sigmoids(&mut p[..2 * n], &q[..2 * n]);
    gates_of(&mut p[2 * n..3 * n], &q[2 * n..3 * n], F32x4::tanh_of);
    sigmoids(&mut p[3 * n..], &q[3 * n..]);
    pairs(gates::<4>(p), [h, c], |[i, f, g, o], [_, c]| {
        let c = [0, 1].map(|v: usize| f[v].mul_add(c[v], i[v] * g[v]));
        [both(o, F32x4::tanh_of(c), |o, tanh| o * tanh), c]
    });
}

/// Writes `dgates`, and makes of `dc` that of the step before.
pub(super) fn lstm_backward(
    row: &[f32],
    c_before: &[f32],
    c: &[f32],
    dh: &[f32],
    dc: &mut [f32],
    dgates: &mut [f32],
) {
    let one = F32x4::splat(1.0);
    let ([i, f, g, o], [di, df, dg, d_o]) = (gates::<4>(row), gates_mut::<4>(dgates));
    vectors([i, f, g, o, c_before, c, dh], [di, df, dg, d_o, dc], |[i, f, g, o, c_before, c, dh], old| {
        let tanh = c.tanh();
        let dc = (dh * o).mul_add(one - tanh * tanh, old[4]);
        [
            dc * g * i * (one - i),
            dc * c_before * f * (one - f),
            dc * i * (one - g * g),
            dh * tanh * o * (one - o),
            dc * f,
        ]
    });
}

pub(super) fn gru(p: &mut [f32], q: &[f32], h: &mut [f32], kept: &mut [f32]) {
    let n = h.len();
    kept.copy_from_slice(&q[2 * n..]);
    let (both, new) = p.split_at_mut(2 * n);
    sigmoids(both, &q[..2 * n]);
    let [r, z] = gates::<2>(both);
    pairs([r, z, kept], [new, h], |[r, z, q], [p, h]| {
        let n = F32x4::tanh_of([0, 1].map(|v: usize| r[v].mul_add(q[v], p[v])));
        [n, [0, 1].map(|v: usize| z[v].mul_add(h[v] - n[v], n[v]))]
    });
}

/// Writes the gradients of `p` and `q`, and makes of `dh` what passes by the gates.
pub(super) fn gru_backward(
    row: &[f32],
    h_before: &[f32],
    kept: &[f32],
    dh: &mut [f32],
    dp: &mut [f32],
    dq: &mut [f32],
) {
    let one = F32x4::splat(1.0);
    let ([r, z, n], [pr, pz, pn], [qr, qz, qn]) = (gates::<3>(row), gates_mut::<3>(dp), gates_mut::<3>(dq));
    vectors(
        [r, z, n, h_before, kept],
        [pr, pz, pn, qr, qz, qn, dh],
        |[r, z, n, h_before, kept], [.., dh]| {
            let dz = dh * (h_before - n) * z * (one - z);
            let dn = dh * (one - z) * (one - n * n);
            let dr = dn * kept * r * (one - r);
            [dr, dz, dn, dr, dz, dn * r, dh * z]
        },
    );
}
