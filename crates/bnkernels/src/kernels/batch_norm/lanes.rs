//! Walks over pieces in lanes: contiguous runs of vectors, each piece of one channel.

use super::BatchNormShape;
use crate::parallel::{chunk_count, chunk_range, for_each_range};
use crate::simd::{Dst, F32x4, Mask4, Src};
use std::ops::Range;

/// `K` sums over runs of one length; `f` adds the terms of a vector of each. Each sum is kept in four vectors and closed
/// in a fixed order.
#[inline(always)]
pub(super) fn sums<const I: usize, const K: usize>(
    inputs: [&[f32]; I],
    f: impl Fn([F32x4; I], [F32x4; K]) -> [F32x4; K],
) -> [f32; K] {
    let length = inputs[0].len();
    let mut from = inputs.map(|x| Src::new(x, length));
    let mut sums = [[F32x4::zero(); K]; 4];
    for _ in 0..length / 16 {
        for (part, sum) in sums.iter_mut().enumerate() {
            *sum = f(from.map(|x| x.at(4 * part).load(0)), *sum);
        }
        from = from.map(|x| x.offset(16));
    }
    for (part, sum) in sums.iter_mut().enumerate().take(length % 16 / 4) {
        *sum = f(from.map(|x| x.load(4 * part)), *sum);
    }
    std::array::from_fn(|k| sums.iter().map(|sums| sums[k]).reduce(|a, b| a + b).map_or(0.0, F32x4::sum))
}

/// `K` results of each piece: `f(block, channel, range in the array)`.
pub(super) fn for_each_piece<const K: usize>(
    shape: &BatchNormShape,
    results: [&mut [f32]; K],
    f: impl Fn(usize, usize, Range<usize>) -> [f32; K] + Sync,
) {
    let total = shape.results();
    let chunks = chunk_count(total, shape.len() / total.max(1));
    let pieces = |chunk| chunk_range(chunk, chunks, total, 1);
    for_each_range(
        results,
        chunks,
        |chunk| std::array::from_fn(|_| pieces(chunk)),
        |chunk, results| {
            for (i, piece) in pieces(chunk).enumerate() {
                let (block, channel, range) = shape.lanes_piece(piece);
                let values = f(block, channel, range);
                (0..K).for_each(|k| results[k][i] = values[k]);
            }
        },
    );
}

/// Vectors of a step of a map.
const STEP: usize = if cfg!(feature = "whole") { 8 } else { 1 };

/// `y = f(inputs)`, vector by vector.
#[inline(always)]
pub(super) fn map<const I: usize>(inputs: [&[f32]; I], y: &mut [f32], f: impl Fn([F32x4; I]) -> F32x4) {
    let length = y.len();
    let whole = length / (4 * STEP) * (4 * STEP);
    let from = inputs.map(|x| Src::new(x, length));
    let mut to = Dst::new(y, length);
    steps::<STEP, I>(whole, from, &mut to, &f);
    if STEP > 1 {
        steps::<1, I>(length - whole, from.map(|x| x.offset(whole)), &mut to, &f);
    }
}

/// `V` vectors at a time, over `length` elements.
#[inline(always)]
fn steps<const V: usize, const I: usize>(
    length: usize,
    mut from: [Src; I],
    to: &mut Dst,
    f: &impl Fn([F32x4; I]) -> F32x4,
) {
    for _ in 0..length / (4 * V) {
        for v in 0..V {
            to.at(4 * v).store(0, f(from.map(|x| x.at(4 * v).load(0))));
        }
        from = from.map(|x| x.offset(4 * V));
        to.step(4 * V);
    }
}

/// Writes each piece of `y`: `f(channel)` gives the map from the inputs' vectors to its own. Padding lanes get zero if
/// `clear` says so.
#[inline(always)]
pub(super) fn write<const I: usize, M: Fn([F32x4; I]) -> F32x4>(
    shape: &BatchNormShape,
    inputs: [&[f32]; I],
    y: &mut [f32],
    clear: bool,
    f: impl Fn(usize) -> M + Sync,
) {
    let total = shape.results();
    let chunks = chunk_count(total, shape.len() / total.max(1));
    let pieces = |chunk| chunk_range(chunk, chunks, total, 1);
    for_each_range(
        [y],
        chunks,
        |chunk| [shape.lanes_range(pieces(chunk))],
        move |chunk, [mut y]| {
            for piece in pieces(chunk) {
                let (block, channel, range) = shape.lanes_piece(piece);
                let (mine, rest) = std::mem::take(&mut y).split_at_mut(range.len());
                y = rest;
                map(inputs.map(|x| &x[range.clone()]), mine, f(channel));
                let (lanes, images) = (shape.blocks().width(block), shape.blocks().images(block));
                if clear && images < lanes {
                    let last = Mask4::first(images - (lanes - 4));
                    let length = mine.len();
                    let mut dst = Dst::new(mine, length);
                    for at in (lanes - 4..length).step_by(lanes) {
                        dst.store(at, last.select(dst.load(at), F32x4::zero()));
                    }
                }
            }
        },
    );
}
