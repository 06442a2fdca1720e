//! The products between the transforms. Values lie in groups of 16, as `[36][groups][channels][16]`: the lanes of
//! one tile, or of several where a block has fewer than 16.

use super::PRODUCTS;
use crate::simd::{reach, Dst, F32x4, Src};
use std::hint::black_box;

/// How the values of some groups of tiles lie, by channels.
#[derive(Clone, Copy)]
pub(super) struct Values {
    pub groups: usize,
    pub channels: usize,
}

impl Values {
    /// From one product's values to the next one's: one line more than they are, since those that lie a multiple
    /// of 4 KB apart evict each other from a first-level cache.
    pub fn apart(self) -> usize {
        self.groups * self.channels * 16 + 16
    }

    pub fn len(self) -> usize {
        PRODUCTS * self.apart()
    }
}

/// Where the transformed kernels of some outputs, an even number, lie in each of the 36 matrices.
#[derive(Clone, Copy)]
pub(super) struct Matrices<'a> {
    pub values: &'a [f32],
    /// From one matrix to the next.
    pub apart: usize,
    pub first: usize,
    pub row: usize,
}

/// Channels that are summed one after the other; such sums are added, so that many channels cost no digits.
const SUMMED: usize = 64;

/// `y[p][g][o] = Σ matrix[p][o][c] · x[p][g][c]`, two outputs at a time.
#[inline(never)]
pub(super) fn multiply(matrices: Matrices, x: (&[f32], Values), y: (&mut [f32], Values)) {
    let Matrices { row, apart, .. } = matrices;
    let ((x, of_x), (y, of_y)) = (x, y);
    let inputs = of_x.channels;
    let at_a_time = inputs.div_ceil(inputs.div_ceil(SUMMED));
    let all = Src::new(matrices.values, reach([(PRODUCTS, apart)], matrices.first + of_y.channels * row));
    let (x, mut y) = (Src::new(x, of_x.len()), Dst::new(y, of_y.len()));
    for p in 0..PRODUCTS {
        for g in 0..of_x.groups {
            let x = x.offset(p * of_x.apart() + g * inputs * 16);
            let mut y = y.offset(p * of_y.apart() + g * of_y.channels * 16);
            for o in (0..of_y.channels).step_by(2) {
                let w = all.offset(p * apart + matrices.first + o * row);
                for c in (0..inputs).step_by(at_a_time) {
                    let w = w.offset(c);
                    let sums = sum(x.offset(c * 16), [w, w.offset(row)], at_a_time.min(inputs - c));
                    for (r, row) in sums.into_iter().enumerate() {
                        for (v, sum) in row.into_iter().enumerate() {
                            let at = (o + r) * 16 + v * 4;
                            y.store(at, if c > 0 { y.load(at) + sum } else { sum });
                        }
                    }
                }
            }
        }
    }
}

/// The sums of two outputs.
#[inline(always)]
fn sum(mut x: Src, mut w: [Src; 2], mut left: usize) -> [[F32x4; 4]; 2] {
    let mut sums = [[F32x4::zero(); 4]; 2];
    // Four channels have one step of the pointers; an exit after each keeps the compilers from mixing them, for
    // which there are too few registers.
    loop {
        add(x, w, 0, &mut sums);
        if left == 1 {
            break;
        }
        add(x, w, 1, &mut sums);
        if left == 2 {
            break;
        }
        add(x, w, 2, &mut sums);
        if left == 3 {
            break;
        }
        add(x, w, 3, &mut sums);
        if left == 4 {
            break;
        }
        left -= 4;
        (x, w) = (x.offset(64), w.map(|w| w.offset(4)));
    }
    sums
}

#[inline(always)]
fn add(x: Src, w: [Src; 2], c: usize, sums: &mut [[F32x4; 4]; 2]) {
    let values: [F32x4; 4] = std::array::from_fn(|v| x.load(c * 16 + v * 4));
    for (w, sums) in w.iter().zip(sums) {
        let factor = w.load_splat(c);
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = value.mul_add(factor, *sum);
        }
    }
}

/// From the sums of one product to the next one's. (One line more than they are, as for [`Values`].)
pub(super) fn sums_apart(outputs: usize, inputs: usize) -> usize {
    outputs * inputs + 16
}

/// `sums[p][o][c] += Σ dy[p][g][o] · x[p][g][c]` over groups and lanes, for an even number of outputs and whole
/// fours of inputs.
#[inline(never)]
pub(super) fn add_dots(dy: (&[f32], Values), x: (&[f32], Values), sums: &mut [f32]) {
    let ((x, of_x), (dy, of_dy)) = (x, dy);
    let (inputs, outputs) = (of_x.channels, of_dy.channels);
    let (x, dy) = (Src::new(x, of_x.len()), Src::new(dy, of_dy.len()));
    let mut sums = Dst::new(sums, PRODUCTS * sums_apart(outputs, inputs));
    for p in 0..PRODUCTS {
        let (x, dy) = (x.offset(p * of_x.apart()), dy.offset(p * of_dy.apart()));
        for o in (0..outputs).step_by(2) {
            for c in (0..inputs).step_by(4) {
                let apart = (inputs * 16, outputs * 16);
                let tile = dot(x.offset(c * 16), dy.offset(o * 16), apart, of_x.groups);
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
    let values: [F32x4; 4] = std::array::from_fn(|c| x.load(c * 16 + at));
    for (r, sums) in sums.iter_mut().enumerate() {
        let factor = dy.load(r * 16 + at);
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = value.mul_add(factor, *sum);
        }
    }
}
