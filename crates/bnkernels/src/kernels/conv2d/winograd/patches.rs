//! Where the tiles of an image lie, and the transforms of their patches from and to it.

use super::phases::{Phases, STEP};
use super::transform::Factors;
use super::{CHANNEL, PATCH, TILE};
use crate::layout::LANES;
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

    /// Some tiles as runs of neighbours in a row.
    fn runs(self, range: Range<usize>) -> impl Iterator<Item = Run> {
        let (mut row, mut column) = (range.start / self.across, range.start % self.across);
        let mut left = range.len();
        std::iter::from_fn(move || {
            let tiles = left.min(self.across - column);
            let run = Run { row: row * TILE, column: column * TILE, tiles };
            (row, column, left) = (row + 1, 0, left - tiles);
            (tiles > 0).then_some(run)
        })
    }
}

/// Tiles side by side: where the first one's outputs begin.
struct Run {
    row: usize,
    column: usize,
    tiles: usize,
}

/// Channels of the images of a block, `[channels][h][w][lanes]`; channels are `apart`. All of each phase of its pixels
/// are channels of the transform, one phase after the other, and of each so many that are not there that these are
/// `of_phase`.
#[derive(Clone, Copy)]
pub(super) struct Plane {
    pub channels: usize,
    pub of_phase: usize,
    pub apart: usize,
    pub h: usize,
    pub w: usize,
    pub lanes: usize,
    pub phases: Phases,
}

/// Of `n` pixels from `start` on, those in an image of `size`.
fn inside(start: isize, n: usize, size: usize) -> Range<usize> {
    let low = (-start).clamp(0, n as isize);
    low as usize..(size as isize - start).clamp(low, n as isize) as usize
}

/// Channels of the images of a block, and where the patch of the first tile begins before them.
#[derive(Clone, Copy)]
pub(super) struct Image<'a> {
    pub values: &'a [f32],
    pub plane: Plane,
    pub before: (isize, isize),
}

/// Groups of tiles, at most.
pub(super) const GROUPS: usize = 4;

/// Floats of a line of the patches of a run, at most: the tiles', and two pixels that the last patch has beside them.
pub(super) const LINE: usize = GROUPS * LANES * TILE + (PATCH - TILE) * LANES;
/// What a run's patches, or products, are between the transforms of both dimensions: so many lines.
const STRIP: usize = PATCH * LINE;
/// A line outside of the image, of as many pixels.
static OUTSIDE: [f32; STEP * LINE] = [0.0; STEP * LINE];

/// Where the transformed patches go: groups of so many channels (see [`super::products`]), whose first product is where
/// `values` begins. Where there are more channels than the image has, they are `cleared`.
pub(super) struct Values<'a> {
    pub values: &'a mut [f32],
    pub channels: usize,
    pub cleared: bool,
}

/// Transforms the patches of `N` × `N` pixels of some tiles, all channels of them, each dimension by `f`. What is outside
/// of the image is 0, and so is what of the last group belongs to no tile.
///
/// (Channel by channel, all tiles of it: neighbours in memory, which have pixels in common.)
#[inline(always)]
pub(super) fn transform<const N: usize>(
    image: Image,
    tiles: (Tiles, Range<usize>),
    Values { values, channels, cleared }: Values,
    f: impl Fn(&Factors, [F32x4; N]) -> [F32x4; PATCH],
) {
    let vectors = tiles.0.vectors;
    let total = tiles.1.len() * vectors;
    assert!(total <= 4 * GROUPS);
    let reach = total.div_ceil(4) * channels * CHANNEL - LANES;
    if cleared || !total.is_multiple_of(4) {
        values[..reach].fill(0.0);
    }
    let to = (Dst::new(values, reach), channels);
    match vectors {
        4 => transform_vectors::<N, 4>(image, tiles, to, f),
        2 => transform_vectors::<N, 2>(image, tiles, to, f),
        _ => transform_vectors::<N, 1>(image, tiles, to, f),
    }
}

/// `W` vectors of a tile at a time, of which it has a multiple.
#[inline(always)]
fn transform_vectors<const N: usize, const W: usize>(
    Image { values, plane, before }: Image,
    (tiles, range): (Tiles, Range<usize>),
    (mut to, of_to): (Dst, usize),
    f: impl Fn(&Factors, [F32x4; N]) -> [F32x4; PATCH],
) {
    let Plane { channels, of_phase, apart, h, w, lanes, phases } = plane;
    let (image, outside) = (Src::new(values, channels * apart), Src::new(&OUTSIDE, STEP * LINE));
    let factors = Factors::new();
    let mut strip = [0.0; STRIP];
    for phase in 0..phases.count() {
        let (seen, (points, _)) = (phases.seen(phase, (h, w), lanes), phases.points(phase));
        for channel in 0..channels {
            let c = phase * of_phase + channel;
            let mut vector = 0;
            for run in tiles.runs(range.clone()) {
                let row = run.row as isize - before.0 - seen.shift.0;
                let column = run.column as isize - before.1 - seen.shift.1;
                let pixels = run.tiles * TILE + N - TILE;
                let (rows, columns) = (inside(row, N, seen.h), inside(column, pixels, seen.w));
                // (Of no line that is read the first pixel lies outside.)
                let first = row * seen.row as isize + (column + columns.start as isize) * seen.pixel as isize;
                let first = image.offset(channel * apart + seen.at).offset(first as usize);
                let line = |r: usize| if rows.contains(&r) { first.offset(r * seen.row) } else { outside };
                let (mut strip, within) = (Dst::new(&mut strip, STRIP), columns.start * lanes);
                let (before, behind) = (0..within, columns.end * lanes..pixels * lanes);
                for at in before.chain(behind).step_by(4) {
                    (0..PATCH).for_each(|r| strip.store(r * LINE + at, F32x4::zero()));
                }
                let lines = std::array::from_fn(line);
                let size = (columns.len(), lanes);
                factors.columns::<N, W>((lines, seen.pixel), size, strip.offset(within), &f);
                for tile in 0..run.tiles {
                    for v in (0..tiles.vectors).step_by(W) {
                        let patch = strip.offset(tile * TILE * lanes + 4 * v);
                        let to = to.offset((vector / 4 * of_to + c) * CHANNEL + vector % 4 * 4);
                        factors.widen::<N, W>((patch, lanes), points.clone(), to, &f);
                        vector += W;
                    }
                }
            }
        }
    }
}

/// Writes the outputs of some tiles, to each channel's its bias, if there is one. The sums of products, in groups of
/// `of_values` channels, are overwritten.
#[inline(never)]
pub(super) fn write_outputs(
    (values, of_values): (&mut [f32], usize),
    tiles: (Tiles, Range<usize>),
    to: (Dst, Plane),
    bias: Option<&[f32]>,
) {
    let groups = tiles.0.groups(tiles.1.len());
    let values = (Dst::new(values, groups * of_values * CHANNEL), of_values);
    match tiles.0.vectors {
        4 => write_vectors::<4>(values, tiles, to, bias),
        2 => write_vectors::<2>(values, tiles, to, bias),
        _ => write_vectors::<1>(values, tiles, to, bias),
    }
}

#[inline(always)]
fn write_vectors<const W: usize>(
    (mut values, of_values): (Dst, usize),
    (tiles, range): (Tiles, Range<usize>),
    (mut to, plane): (Dst, Plane),
    bias: Option<&[f32]>,
) {
    let Plane { channels, apart, h, w, lanes, phases, .. } = plane;
    let factors = Factors::new();
    let mut strip = [0.0; STRIP];
    for phase in 0..phases.count() {
        let seen = phases.seen(phase, (h, w), lanes);
        for channel in 0..channels {
            let o = phase * channels + channel;
            let bias = F32x4::splat(bias.map_or(0.0, |bias| bias[channel]));
            let mut vector = 0;
            for run in tiles.runs(range.clone()) {
                let mut strip = Dst::new(&mut strip, STRIP);
                for tile in 0..run.tiles {
                    for v in (0..tiles.vectors).step_by(W) {
                        let products = values.offset((vector / 4 * of_values + o) * CHANNEL + vector % 4 * 4);
                        factors.narrow::<W>(products, (strip.offset(tile * TILE * lanes + 4 * v), lanes));
                        vector += W;
                    }
                }
                // (The last tiles of one phase may have a row or a column more than those of another.)
                let rows = TILE.min(seen.h.saturating_sub(run.row));
                let columns = (run.tiles * TILE).min(seen.w.saturating_sub(run.column));
                let to = to.offset(channel * apart + seen.at + run.row * seen.row + run.column * seen.pixel);
                factors.outputs::<W>(strip, (columns, lanes), (to, (seen.row, seen.pixel), rows), bias);
            }
        }
    }
}
