//! Walks over pieces in lanes: contiguous runs of vectors, each piece of one channel.

use super::BatchNormShape;
use crate::parallel::{chunk_count, chunk_range, for_each_range};
use crate::simd::{Dst, F32x4, Mask4};
use std::ops::Range;

/// `K` sums over the vectors of a run of `length` elements; `f` adds a vector's terms. Each sum is
/// kept in four vectors and closed in a fixed order.
#[inline(always)]
pub(super) fn sums<const K: usize>(length: usize, f: impl Fn(usize, [F32x4; K]) -> [F32x4; K]) -> [f32; K] {
    let mut sums = [[F32x4::zero(); K]; 4];
    let whole = length / 16 * 16;
    for at in (0..whole).step_by(16) {
        sums.iter_mut().enumerate().for_each(|(part, sum)| *sum = f(at + 4 * part, *sum));
    }
    (whole..length).step_by(4).for_each(|at| sums[0] = f(at, sums[0]));
    let [a, b, c, d] = sums;
    std::array::from_fn(|k| ((a[k] + b[k]) + (c[k] + d[k])).sum())
}

/// As `sums`, of a block whose last vector of each pixel has lanes of padding: these count zero.
pub(super) fn sum_without_padding(
    length: usize,
    lanes: usize,
    images: usize,
    f: impl Fn(usize) -> F32x4,
) -> f32 {
    let last = Mask4::first(images - (lanes - 4));
    let mut sum = F32x4::zero();
    for pixel in (0..length).step_by(lanes) {
        for at in (pixel..pixel + lanes - 4).step_by(4) {
            sum = sum + f(at);
        }
        sum = sum + last.select(f(pixel + lanes - 4), F32x4::zero());
    }
    sum.sum()
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

/// Writes each piece of `y`: `f(channel, range in the array)` gives the map from a vector's index
/// in the piece to its value. Padding lanes get zero if `clear` says so.
#[inline(always)]
pub(super) fn write<M: Fn(usize) -> F32x4>(
    shape: &BatchNormShape,
    y: &mut [f32],
    clear: bool,
    f: impl Fn(usize, Range<usize>) -> M + Sync,
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
                let length = mine.len();
                let (mut dst, map) = (Dst::new(mine, length), f(channel, range));
                for at in (0..length).step_by(4) {
                    dst.store(at, map(at));
                }
                let (lanes, images) = (shape.blocks().width(block), shape.blocks().images(block));
                if clear && images < lanes {
                    let last = Mask4::first(images - (lanes - 4));
                    for at in (lanes - 4..length).step_by(lanes) {
                        dst.store(at, last.select(dst.load(at), F32x4::zero()));
                    }
                }
            }
        },
    );
}
