//! Where the tiles of an image lie, and the transforms of their patches from and to it.

use super::products::Values;
use super::transform::{both, output, BETWEEN};
use super::{PATCH, TILE};
use crate::simd::{Dst, F32x4, Src};
use std::ops::Range;

/// The tiles of a block of the batch, row by row.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    /// Tiles of a row.
    pub across: usize,
    /// Vectors of a pixel's lanes. The vectors of all tiles, one after the other, are cut into groups of four.
    pub vectors: usize,
}

impl Tiles {
    /// Groups that hold `tiles`.
    pub fn groups(self, tiles: usize) -> usize {
        (tiles * self.vectors).div_ceil(4)
    }

    /// How many tiles fit in so many groups.
    pub fn fitting(self, groups: usize) -> usize {
        groups * 4 / self.vectors
    }

    /// The first row and column of a tile.
    fn corner(self, tile: usize) -> (usize, usize) {
        (tile / self.across * TILE, tile % self.across * TILE)
    }
}

/// Channels of the images of a block, `[channels][h][w][lanes]`; channels are `apart`.
#[derive(Clone, Copy)]
pub(super) struct Plane {
    pub channels: usize,
    pub apart: usize,
    pub h: usize,
    pub w: usize,
    pub lanes: usize,
}

/// Of `n` pixels from `start` on, those in an image of `size`.
fn inside(start: isize, n: usize, size: usize) -> Range<usize> {
    let low = (-start).clamp(0, n as isize);
    low as usize..(size as isize - start).clamp(low, n as isize) as usize
}

/// Transforms the patches of `N` × `N` pixels of some tiles, all channels of them, each dimension by `f`. The patch of
/// the first tile begins `before` the image. What is outside of the image is 0, and so is what of the last group
/// belongs to no tile, and what of `of_to` belongs to no channel.
#[inline(always)]
pub(super) fn transform<const N: usize>(
    (image, plane, before): (&[f32], Plane, (isize, isize)),
    (tiles, range): (Tiles, Range<usize>),
    (to, of_to): (&mut [f32], Values),
    f: impl Fn([F32x4; N]) -> [F32x4; PATCH],
) {
    let Plane { channels, apart, h, w, lanes } = plane;
    if of_to.channels > channels || !(range.len() * tiles.vectors).is_multiple_of(4) {
        to[..of_to.len()].fill(0.0);
    }
    let (image, mut to) = (Src::new(image, channels * apart), Dst::new(to, of_to.len()));
    let (row_apart, product) = (w * lanes, of_to.apart());
    let mut between = BETWEEN;
    for c in 0..channels {
        let mut vector = 0;
        for tile in range.clone() {
            let (row, column) = tiles.corner(tile);
            let (row, column) = (row as isize - before.0, column as isize - before.1);
            let (rows, columns) = (inside(row, N, h), inside(column, N, w));
            // (It may lie before the image, which is then not read from there.)
            let first = (row * w as isize + column) * lanes as isize;
            for v in 0..tiles.vectors {
                let x = image.offset(c * apart + 4 * v).offset(first as usize);
                let mut to = to.offset((vector / 4 * of_to.channels + c) * 16 + vector % 4 * 4);
                let load = |i: usize| -> [F32x4; N] {
                    let x = x.offset(i * lanes);
                    if !columns.contains(&i) {
                        [F32x4::zero(); N]
                    } else if rows.len() == N {
                        std::array::from_fn(|r| x.load(r * row_apart))
                    } else {
                        std::array::from_fn(|r| match rows.contains(&r) {
                            true => x.load(r * row_apart),
                            false => F32x4::zero(),
                        })
                    }
                };
                both(&mut between, load, &f, PATCH, |r, row| {
                    let mut to = to.offset(r * PATCH * product);
                    for (i, value) in row.into_iter().enumerate() {
                        to.store(i * product, value);
                    }
                });
                vector += 1;
            }
        }
    }
}

/// Writes the outputs of some tiles, to each channel's its bias, if there is one.
#[inline(never)]
pub(super) fn write_outputs(
    (values, of_values): (&[f32], Values),
    (tiles, range): (Tiles, Range<usize>),
    (mut to, plane): (Dst, Plane),
    bias: Option<&[f32]>,
) {
    let Plane { channels, apart, h, w, lanes } = plane;
    let values = Src::new(values, of_values.len());
    let product = of_values.apart();
    let mut between = BETWEEN;
    for o in 0..channels {
        let bias = F32x4::splat(bias.map_or(0.0, |bias| bias[o]));
        let mut vector = 0;
        for tile in range.clone() {
            let (row, column) = tiles.corner(tile);
            let (rows, columns) = (TILE.min(h - row), TILE.min(w - column));
            let at = o * apart + (row * w + column) * lanes;
            for v in 0..tiles.vectors {
                let from = values.offset((vector / 4 * of_values.channels + o) * 16 + vector % 4 * 4);
                let load = |i: usize| -> [F32x4; PATCH] {
                    let from = from.offset(i * product);
                    std::array::from_fn(|r| from.load(r * PATCH * product))
                };
                let mut to = to.offset(at + 4 * v);
                both(&mut between, load, output, rows, |r, row| {
                    let mut to = to.offset(r * w * lanes);
                    for (i, value) in row.into_iter().take(columns).enumerate() {
                        to.store(i * lanes, value + bias);
                    }
                });
                vector += 1;
            }
        }
    }
}
