//! What forward and backward_input share.

use super::patches::{transform, write_outputs, Image, Plane, Tiles, Values, GROUPS};
use super::products::{multiply, Matrices, CHANNEL};
use super::transform::Factors;
use super::weights::Kernels;
use super::{PATCH, PRODUCTS, TILE};
use crate::layout::{Blocks, LANES};
use crate::parallel::scratch::{per_thread, take};
use crate::parallel::{beat, for_each_block_tile, OutOfMemory};
use std::ops::Range;

/// Channels of images.
#[derive(Clone, Copy)]
pub(super) struct Side {
    pub channels: usize,
    pub h: usize,
    pub w: usize,
}

impl Side {
    pub fn blocks(self, n: usize) -> Blocks {
        Blocks::new(n, self.channels * self.h * self.w)
    }

    pub fn plane(self, lanes: usize) -> Plane {
        let Self { channels, h, w } = self;
        Plane { channels, apart: h * w * lanes, h, w, lanes }
    }
}

/// A correlation of `n` images with `kernels` of 3×3; the first window begins `before` the image.
pub(super) struct Correlation<'a> {
    pub n: usize,
    pub from: Side,
    pub to: Side,
    pub before: (isize, isize),
    pub kernels: Kernels<'a>,
    pub bias: Option<&'a [f32]>,
}

/// Products of a chunk at least, where there are more chunks than `FEWEST`.
const SMALLEST: usize = 131_072;
/// Chunks below which channels are shared out too, at least `CHANNELS` to each; each then transforms the inputs.
const FEWEST: usize = 8;
const CHANNELS: usize = 32;

/// Floats that the values of some groups of tiles take, if there are several: part of a second-level cache.
const CACHED: usize = 96 * 1024;

/// Groups of tiles that are done together, of so many channels.
pub(super) fn groups_in_cache(channels: usize) -> usize {
    (CACHED / (channels * CHANNEL)).clamp(1, GROUPS)
}

impl Correlation<'_> {
    pub fn run(&self, x: &[f32], y: &mut [f32]) -> Result<(), OutOfMemory> {
        let Self { from, to, kernels, .. } = self;
        let (input, output) = (from.blocks(self.n), to.blocks(self.n));
        assert_eq!(x.len(), input.len());
        assert!(self.bias.is_none_or(|bias| bias.len() == to.channels));
        let across = to.w.div_ceil(TILE);
        let grid = self.grid(output.count(), to.h.div_ceil(TILE), across);
        let channels = to.channels.div_ceil(2).div_ceil(grid.0) * 2;
        let mut matrices = take(PRODUCTS * kernels.apart())?;
        let of_group = from.channels.max(channels);
        let groups = groups_in_cache(of_group);
        let scratch = &per_thread(groups * of_group * CHANNEL)?;
        kernels.transform(&mut matrices);
        let matrices = &matrices[..];
        for_each_block_tile(y, output, to.channels, grid, (2, TILE * to.w), |b, mut tile| {
            let lanes = output.width(b);
            let tiles = Tiles { across, vectors: lanes / 4 };
            let at_a_time = tiles.fitting(groups);
            let pixel_row = to.w * lanes;
            let (first, end) = (tile.col / pixel_row, (tile.col + tile.cols) / pixel_row);
            let (o, channels) = (tile.row, tile.rows);
            let bias = self.bias.map(|bias| &bias[o..o + channels]);
            let (y, apart) = tile.cursor();
            // (The image's first pixel, which is outside of the tile unless that begins there.)
            let mut y = y.advance((first * pixel_row).wrapping_neg());
            let y_plane = Plane { channels, apart, ..to.plane(lanes) };
            scratch.with(|values| {
                let (mut at, end) = (first / TILE * across, end.div_ceil(TILE) * across);
                while at < end {
                    beat();
                    let some = (tiles, at..end.min(at + at_a_time));
                    at = some.1.end;
                    let image =
                        Image { values: &x[input.range(b)], plane: from.plane(lanes), before: self.before };
                    // The products' sums then begin one place before.
                    let inputs = &mut values[LANES..];
                    let inputs = Values { values: inputs, channels: of_group, cleared: false };
                    transform_inputs(image, some.clone(), inputs);
                    let row = kernels.row();
                    let matrices = Matrices { values: matrices, apart: kernels.apart(), first: o * row, row };
                    let sizes = (from.channels, channels.next_multiple_of(2));
                    multiply(matrices, sizes, (values, of_group), tiles.groups(some.1.len()));
                    write_outputs((values, of_group), some, (y.offset(0), y_plane), bias);
                }
            });
        });
        Ok(())
    }

    /// Into how many parts the channels and rows of tiles of a block are cut.
    fn grid(&self, blocks: usize, rows: usize, across: usize) -> (usize, usize) {
        let (inputs, outputs) = (self.from.channels, self.to.channels);
        let cost = across * LANES * inputs * outputs * PRODUCTS;
        let wanted = ((blocks * rows).saturating_mul(cost) / SMALLEST).clamp(1, 64).div_ceil(blocks);
        let by_rows = wanted.min(rows);
        let by_channels = FEWEST.div_ceil(blocks * by_rows).min(outputs / CHANNELS).max(1);
        (by_channels, by_rows)
    }
}

/// What forward and both gradients do with the inputs of some tiles.
#[inline(never)]
pub(super) fn transform_inputs(image: Image, tiles: (Tiles, Range<usize>), to: Values) {
    transform::<PATCH>(image, tiles, to, Factors::input);
}
