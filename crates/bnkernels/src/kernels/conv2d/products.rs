//! The products between the transforms of Winograd's ways, of images ([`super::winograd`]) and of lines
//! ([`super::line`]), which differ in how many there are. The values of a group of 16 lanes, which are those of one tile,
//! or of several where a block has fewer than 16, lie as `[channels][products + 1][16]`: one line more than there are
//! products, so that the channels' lines are spread over a first-level cache, and so that the sums of a product can take
//! the place of the inputs of the one before.
//!
//! `CHANNEL` are the floats of a channel of a group.

use crate::layout::LANES;
use crate::simd::{Dst, F32x4, Src};
use std::hint::black_box;
use std::ops::Range;

/// Floats of a channel of a group.
pub(super) const fn of_channel(products: usize) -> usize {
    (products + 1) * LANES
}

/// Products of a channel of so many floats.
const fn products_of(channel: usize) -> usize {
    channel / LANES - 1
}

/// Floats that the values of some groups take, if there are several: part of a second-level cache.
const CACHED: usize = 96 * 1024;

/// Groups that are done together, of so many channels: at most `most`.
pub(super) fn groups_in_cache<const CHANNEL: usize>(channels: usize, most: usize) -> usize {
    (CACHED / (channels * CHANNEL)).clamp(1, most)
}

/// Channels of a side of the products.
pub(super) trait Channels {
    /// All of them.
    fn count(&self) -> usize;

    /// Those that have product `p`: what is 0 is not computed.
    fn having(&self, p: usize) -> [Range<usize>; 2];
}

/// So many, each of which has all products.
impl Channels for usize {
    fn count(&self) -> usize {
        *self
    }

    fn having(&self, _: usize) -> [Range<usize>; 2] {
        [0..*self, 0..0]
    }
}

/// The transformed kernels of some outputs, an even number, in a matrix for each product: `[outputs / 2][inputs][2]`.
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

/// `y[o][p] = Σ matrix[p][o][c] · x[c][p]` in so many vectors, four to a group of `channels`, two outputs at a time, or
/// eight where a group has a single vector. In `values`, `x[c][p]` is at place `p + 1` of its channel, and `y[o][p]`
/// at place `p`. Products that a channel does not have are 0.
#[inline(never)]
pub(super) fn multiply<const CHANNEL: usize>(
    matrices: Matrices,
    (inputs, outputs): (impl Channels, impl Channels),
    (values, channels): (&mut [f32], usize),
    vectors: usize,
) {
    let (groups, products) = (vectors.div_ceil(4), products_of(CHANNEL));
    let Matrices { row, apart, first, .. } = matrices;
    let count = outputs.count();
    let all = Src::new(matrices.values, (products - 1) * apart + first + count * row);
    assert!(inputs.count().max(count) <= channels);
    let mut values = Dst::new(values, groups * channels * CHANNEL);
    for p in 0..products {
        let (from, to) = (inputs.having(p), outputs.having(p));
        let empty = from.iter().all(Range::is_empty);
        for g in 0..groups {
            let mut values = values.offset(g * channels * CHANNEL + p * LANES);
            if empty || to.iter().map(Range::len).sum::<usize>() < count {
                for o in (0..count).filter(|o| empty || !to.iter().any(|run| run.contains(o))) {
                    (0..LANES).step_by(4).for_each(|v| values.store(o * CHANNEL + v, F32x4::zero()));
                }
            }
            // (What is the same for all outputs is outside of their loop: few inputs take no longer than that.)
            let mut begun = false;
            for from in from.iter().filter(|run| !run.is_empty()) {
                let at_a_time = from.len().div_ceil(from.len().div_ceil(SUMMED));
                for to in &to {
                    // Of a single vector the last outputs, if they are no whole tile, are made as those of four are.
                    let one = if vectors - 4 * g == 1 { to.len() / (2 * PAIRS) * (2 * PAIRS) } else { 0 };
                    if one > 0 {
                        let from = Run { from: from.clone(), at_a_time, more: begun };
                        let w = (all.offset(p * apart + first), row);
                        multiply_one::<CHANNEL>(values.offset(0), w, from, to.start..to.start + one);
                    }
                    for o in (to.start + one..to.end).step_by(2) {
                        let w = all.offset(p * apart + first + o * row);
                        for c in from.clone().step_by(at_a_time) {
                            let x = values.offset(c * CHANNEL + LANES);
                            let [sums] =
                                sum::<CHANNEL, 4, 1>(x, [w.offset(2 * c)], at_a_time.min(from.end - c));
                            let mut y = values.offset(o * CHANNEL);
                            for (r, row) in sums.into_iter().enumerate() {
                                for (v, sum) in row.into_iter().enumerate() {
                                    let at = r * CHANNEL + v * 4;
                                    let more = begun || c > from.start;
                                    y.store(at, if more { y.load(at) + sum } else { sum });
                                }
                            }
                        }
                    }
                }
                begun = true;
            }
        }
    }
}

/// A run of inputs, some of which are summed at a time; added to what there is, if there is `more`.
struct Run {
    from: Range<usize>,
    at_a_time: usize,
    more: bool,
}

/// Pairs of outputs that a group of one vector has at a time: eight sums.
const PAIRS: usize = 4;

/// The same of one vector, for as many of the outputs `to` as are whole tiles. They have `row` floats in `w`. (Apart from
/// the loop above, which loses a quarter of its speed with this in its function.)
#[inline(never)]
fn multiply_one<const CHANNEL: usize>(
    mut values: Dst,
    (w, row): (Src, usize),
    Run { from, at_a_time, more }: Run,
    to: Range<usize>,
) {
    for o in to.step_by(2 * PAIRS) {
        for c in from.clone().step_by(at_a_time) {
            let x = values.offset(c * CHANNEL + LANES);
            let w = std::array::from_fn(|pair| w.offset((o + 2 * pair) * row + 2 * c));
            let sums = sum::<CHANNEL, 1, PAIRS>(x, w, at_a_time.min(from.end - c));
            let mut y = values.offset(o * CHANNEL);
            for (r, [sum]) in sums.into_iter().flatten().enumerate() {
                let more = more || c > from.start;
                y.store(r * CHANNEL, if more { y.load(r * CHANNEL) + sum } else { sum });
            }
        }
    }
}

/// The sums of `V` vectors for `P` pairs of outputs.
#[inline(always)]
fn sum<const CHANNEL: usize, const V: usize, const P: usize>(
    mut x: Dst,
    mut w: [Src; P],
    mut left: usize,
) -> [[[F32x4; V]; 2]; P] {
    let mut sums = [[[F32x4::zero(); V]; 2]; P];
    // Four channels have one step of the pointers; an exit after each keeps the compilers from mixing them, for
    // which there are too few registers.
    loop {
        add::<CHANNEL, V, P>(&x, w, 0, &mut sums);
        if left == 1 {
            break;
        }
        add::<CHANNEL, V, P>(&x, w, 1, &mut sums);
        if left == 2 {
            break;
        }
        add::<CHANNEL, V, P>(&x, w, 2, &mut sums);
        if left == 3 {
            break;
        }
        add::<CHANNEL, V, P>(&x, w, 3, &mut sums);
        if left == 4 {
            break;
        }
        left -= 4;
        (x, w) = (x.advance(4 * CHANNEL), w.map(|w| w.offset(8)));
    }
    sums
}

#[inline(always)]
fn add<const CHANNEL: usize, const V: usize, const P: usize>(
    x: &Dst,
    w: [Src; P],
    c: usize,
    sums: &mut [[[F32x4; V]; 2]; P],
) {
    let values: [F32x4; V] = std::array::from_fn(|v| x.load(c * CHANNEL + v * 4));
    for (w, sums) in w.into_iter().zip(sums) {
        for (r, sums) in sums.iter_mut().enumerate() {
            let factor = w.load_splat(2 * c + r);
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = value.mul_add(factor, *sum);
            }
        }
    }
}

/// From the sums of one product to the next one's: one line more than they are, since those that lie a multiple of
/// 4 KB apart evict each other from a first-level cache.
pub(super) fn sums_apart(outputs: usize, inputs: usize) -> usize {
    outputs * inputs + 16
}

/// `sums[p][o][c] = Σ dy[o][p] · x[c][p]` over groups and lanes, for an even number of outputs and whole fours of
/// inputs; `more` adds that to what is there. Products that an input does not have are left out. Both have product `p` at
/// place `p`, `x` in groups of as many channels as inputs, `dy` of `channels`. `close` gives the sums of four vectors.
#[inline(never)]
pub(super) fn add_dots<const CHANNEL: usize>(
    (dy, channels, outputs): (&[f32], usize, usize),
    (x, of_x): (&[f32], impl Channels),
    groups: usize,
    (sums, more): (&mut [f32], bool),
    close: impl Fn([F32x4; 4]) -> F32x4,
) {
    let (inputs, products) = (of_x.count(), products_of(CHANNEL));
    // (Of a channel's last place, which is no product's, nothing is read.)
    let reach = groups * channels * CHANNEL - LANES;
    let (x, dy) = (Src::new(x, groups * inputs * CHANNEL), Src::new(dy, reach));
    assert!(outputs <= channels);
    let mut sums = Dst::new(sums, products * sums_apart(outputs, inputs));
    for p in 0..products {
        let (x, dy) = (x.offset(p * LANES), dy.offset(p * LANES));
        let runs = of_x.having(p);
        for o in (0..outputs).step_by(2) {
            for run in &runs {
                for c in run.clone().step_by(4) {
                    let apart = (inputs * CHANNEL, channels * CHANNEL);
                    let tile = dot::<CHANNEL>(x.offset(c * CHANNEL), dy.offset(o * CHANNEL), apart, groups);
                    for (r, row) in tile.into_iter().enumerate() {
                        let sum = close(row);
                        let at = p * sums_apart(outputs, inputs) + (o + r) * inputs + c;
                        sums.store(at, if more { sums.load(at) + sum } else { sum });
                    }
                }
            }
        }
    }
}

/// The dot products of two outputs with four inputs, by lanes; the next group is `apart`.
#[inline(always)]
fn dot<const CHANNEL: usize>(
    mut x: Src,
    mut dy: Src,
    apart: (usize, usize),
    groups: usize,
) -> [[F32x4; 4]; 2] {
    let mut sums = [[F32x4::zero(); 4]; 2];
    // As above. (They would be mixed all the same, did the compilers see that it is four times a number.)
    let mut left = black_box(4 * groups);
    loop {
        add_dot::<CHANNEL>(x, dy, 0, &mut sums);
        if left == 1 {
            break;
        }
        add_dot::<CHANNEL>(x, dy, 4, &mut sums);
        if left == 2 {
            break;
        }
        add_dot::<CHANNEL>(x, dy, 8, &mut sums);
        if left == 3 {
            break;
        }
        add_dot::<CHANNEL>(x, dy, 12, &mut sums);
        if left == 4 {
            break;
        }
        left -= 4;
        (x, dy) = (x.offset(apart.0), dy.offset(apart.1));
    }
    sums
}

#[inline(always)]
fn add_dot<const CHANNEL: usize>(x: Src, dy: Src, at: usize, sums: &mut [[F32x4; 4]; 2]) {
    let values: [F32x4; 4] = std::array::from_fn(|c| x.load(c * CHANNEL + at));
    for (r, sums) in sums.iter_mut().enumerate() {
        let factor = dy.load(r * CHANNEL + at);
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = value.mul_add(factor, *sum);
        }
    }
}
