//! The products between the transforms. The values of a group of 16 lanes, which are those of one tile, or of several
//! where a block has fewer than 16, lie as `[channels][9][16]`: one line more than the 8 products have, so that the
//! channels' lines are spread over a first-level cache, and so that the sums of a product can take the place of the
//! inputs of the one before.
//!
//! (As Winograd's products of two dimensions, but for the number of points and that only the last inputs lack some.)

use super::parts::Parts;
use super::POINTS;
use crate::layout::LANES;
use crate::simd::{Dst, F32x4, Src};
use std::hint::black_box;

/// Floats of a channel of a group.
pub(super) const CHANNEL: usize = (POINTS + 1) * LANES;

/// The transformed kernels of some outputs, an even number, in each of the 8 matrices: `[outputs / 2][inputs][2]`.
#[derive(Clone, Copy)]
pub(super) struct Matrices<'a> {
    pub values: &'a [f32],
    /// From one matrix to the next.
    pub apart: usize,
    /// Where the first of these outputs is.
    pub first: usize,
    /// Floats of an output.
    pub row: usize,
}

/// Channels that are summed one after the other; such sums are added, so that many channels cost no digits.
const SUMMED: usize = 64;

/// `y[o][p] = Σ matrix[p][o][c] · x[c][p]` in each of some groups of `of_group` channels, two outputs at a time; `x` has
/// so many `channels` of each part. In `values`, `x[c][p]` is at place `p + 1` of its channel, and `y[o][p]` at place `p`.
#[inline(never)]
pub(super) fn multiply(
    matrices: Matrices,
    (parts, channels, outputs): (&Parts, usize, usize),
    (values, of_group): (&mut [f32], usize),
    groups: usize,
) {
    let Matrices { row, apart, first, .. } = matrices;
    let all = Src::new(matrices.values, (POINTS - 1) * apart + first + outputs * row);
    assert!((parts.count() * channels).max(outputs) <= of_group);
    let mut values = Dst::new(values, groups * of_group * CHANNEL);
    for p in 0..POINTS {
        let inputs = parts.having(p) * channels;
        let at_a_time = inputs.div_ceil(inputs.div_ceil(SUMMED).max(1)).max(1);
        for g in 0..groups {
            let mut values = values.offset(g * of_group * CHANNEL + p * LANES);
            for o in (0..outputs).step_by(2) {
                let w = all.offset(p * apart + first + o * row);
                let mut sums = [[F32x4::zero(); 4]; 2];
                for c in (0..inputs).step_by(at_a_time) {
                    let x = values.offset(c * CHANNEL + LANES);
                    let more = sum(x, w.offset(2 * c), at_a_time.min(inputs - c));
                    sums = if c == 0 {
                        more
                    } else {
                        std::array::from_fn(|r| std::array::from_fn(|v| sums[r][v] + more[r][v]))
                    };
                }
                let mut y = values.offset(o * CHANNEL);
                for (r, row) in sums.into_iter().enumerate() {
                    for (v, sum) in row.into_iter().enumerate() {
                        y.store(r * CHANNEL + v * 4, sum);
                    }
                }
            }
        }
    }
}

/// The sums of two outputs.
#[inline(always)]
fn sum(mut x: Dst, mut w: Src, mut left: usize) -> [[F32x4; 4]; 2] {
    let mut sums = [[F32x4::zero(); 4]; 2];
    // Four channels have one step of the pointers; an exit after each keeps the compilers from mixing them, for
    // which there are too few registers.
    loop {
        add(&x, w, 0, &mut sums);
        if left == 1 {
            break;
        }
        add(&x, w, 1, &mut sums);
        if left == 2 {
            break;
        }
        add(&x, w, 2, &mut sums);
        if left == 3 {
            break;
        }
        add(&x, w, 3, &mut sums);
        if left == 4 {
            break;
        }
        left -= 4;
        (x, w) = (x.advance(4 * CHANNEL), w.offset(8));
    }
    sums
}

#[inline(always)]
fn add(x: &Dst, w: Src, c: usize, sums: &mut [[F32x4; 4]; 2]) {
    let values: [F32x4; 4] = std::array::from_fn(|v| x.load(c * CHANNEL + v * 4));
    for (r, sums) in sums.iter_mut().enumerate() {
        let factor = w.load_splat(2 * c + r);
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = value.mul_add(factor, *sum);
        }
    }
}

/// From the sums of one product to the next one's: one line more than they are, since those that lie a multiple of
/// 4 KB apart evict each other from a first-level cache.
pub(super) fn sums_apart(outputs: usize, inputs: usize) -> usize {
    outputs * inputs + 16
}

/// `sums[p][o][c] += Σ dy[o][p] · x[c][p]` over groups and lanes, for an even number of outputs and whole fours of
/// inputs, which are as many as the channels of a group of theirs. Both have product `p` at place `p`.
#[inline(never)]
pub(super) fn add_dots(
    (dy, outputs): (&[f32], usize),
    (x, inputs): (&[f32], usize),
    groups: usize,
    sums: &mut [f32],
) {
    // (Of a channel's last place, which is no product's, nothing is read.)
    let reach = |channels: usize| groups * channels * CHANNEL - LANES;
    let (x, dy) = (Src::new(x, reach(inputs)), Src::new(dy, reach(outputs)));
    let mut sums = Dst::new(sums, POINTS * sums_apart(outputs, inputs));
    for p in 0..POINTS {
        let (x, dy) = (x.offset(p * LANES), dy.offset(p * LANES));
        for o in (0..outputs).step_by(2) {
            for c in (0..inputs).step_by(4) {
                let apart = (inputs * CHANNEL, outputs * CHANNEL);
                let tile = dot(x.offset(c * CHANNEL), dy.offset(o * CHANNEL), apart, groups);
                for (r, row) in tile.into_iter().enumerate() {
                    // The lanes of each of the four, summed in pairs.
                    let [a, b, c4, d] = F32x4::transpose(row);
                    let at = p * sums_apart(outputs, inputs) + (o + r) * inputs + c;
                    sums.store(at, sums.load(at) + ((a + b) + (c4 + d)));
                }
            }
        }
    }
}

/// The dot products of two outputs with four inputs, by lanes; the next group is `apart`.
#[inline(always)]
fn dot(mut x: Src, mut dy: Src, apart: (usize, usize), groups: usize) -> [[F32x4; 4]; 2] {
    let mut sums = [[F32x4::zero(); 4]; 2];
    // As above. (They would be mixed all the same, did the compilers see that it is four times a number.)
    let mut left = black_box(4 * groups);
    loop {
        add_dot(x, dy, 0, &mut sums);
        if left == 1 {
            break;
        }
        add_dot(x, dy, 4, &mut sums);
        if left == 2 {
            break;
        }
        add_dot(x, dy, 8, &mut sums);
        if left == 3 {
            break;
        }
        add_dot(x, dy, 12, &mut sums);
        if left == 4 {
            break;
        }
        left -= 4;
        (x, dy) = (x.offset(apart.0), dy.offset(apart.1));
    }
    sums
}

#[inline(always)]
fn add_dot(x: Src, dy: Src, at: usize, sums: &mut [[F32x4; 4]; 2]) {
    let values: [F32x4; 4] = std::array::from_fn(|c| x.load(c * CHANNEL + at));
    for (r, sums) in sums.iter_mut().enumerate() {
        let factor = dy.load(r * CHANNEL + at);
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = value.mul_add(factor, *sum);
        }
    }
}
