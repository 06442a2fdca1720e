//! What forward and backward_input share.

use super::patches::{transform, write_outputs, Image, Plane, Tiles, Values, GROUPS};
use super::phases::Phases;
use super::products::{groups_in_cache, multiply, Channels, Matrices};
use super::transform::Factors;
use super::weights::Kernels;
use super::{CHANNEL, PATCH, PRODUCTS, TILE};
use crate::kernels::conv2d::chunks::grid;
use crate::kernels::conv2d::Conv2dShape;
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
    pub phases: Phases,
}

impl Side {
    pub fn input(s: &Conv2dShape, phases: Phases) -> Self {
        Self { channels: s.c, h: s.h, w: s.w, phases }
    }

    pub fn output(s: &Conv2dShape) -> Self {
        Self { channels: s.oc, h: s.oh(), w: s.ow(), phases: Phases::PLAIN }
    }

    pub fn blocks(self, n: usize) -> Blocks {
        Blocks::new(n, self.channels * self.h * self.w)
    }

    pub fn plane(self, lanes: usize) -> Plane {
        let Self { channels, h, w, phases } = self;
        Plane { channels, of_phase: channels, apart: h * w * lanes, h, w, lanes, phases }
    }

    /// Rows of tiles, and tiles of a row.
    pub fn tiles(self) -> (usize, usize) {
        (self.phases.rows.tiles(self.h), self.phases.columns.tiles(self.w))
    }

    /// Pixels of a row of tiles.
    pub fn row_of_tiles(self) -> usize {
        TILE * self.phases.rows.step * self.w
    }

    /// The rows of tiles of a tile of the array.
    pub fn rows_of(self, pixels: Range<usize>) -> Range<usize> {
        let row = self.row_of_tiles();
        pixels.start / row..pixels.end.div_ceil(row)
    }

    /// Channels, those of each phase counted.
    pub fn all(self) -> usize {
        self.channels * self.phases.count()
    }

    /// The same, if there were so many.
    pub fn counted(self, channels: usize) -> OfPhases {
        OfPhases { channels, phases: self.phases }
    }
}

/// So many channels in each phase.
#[derive(Clone, Copy)]
pub(super) struct OfPhases {
    channels: usize,
    phases: Phases,
}

impl Channels for OfPhases {
    fn count(&self) -> usize {
        self.channels * self.phases.count()
    }

    fn having(&self, p: usize) -> [Range<usize>; 2] {
        self.phases.having(p, self.channels)
    }
}

/// A correlation of `n` images with `kernels`; the first window begins `before` the image.
pub(super) struct Correlation<'a> {
    pub n: usize,
    pub from: Side,
    pub to: Side,
    pub before: (isize, isize),
    pub kernels: Kernels<'a>,
    pub bias: Option<&'a [f32]>,
}

impl Correlation<'_> {
    pub fn run(&self, x: &[f32], y: &mut [f32]) -> Result<(), OutOfMemory> {
        let Self { from, to, ref kernels, .. } = *self;
        let (input, output) = (from.blocks(self.n), to.blocks(self.n));
        assert_eq!(x.len(), input.len());
        assert!(self.bias.is_none_or(|bias| bias.len() == to.channels));
        let (down, across) = to.tiles();
        let grid = self.grid(output.count(), down, across);
        let channels = to.channels.div_ceil(2).div_ceil(grid.0) * 2;
        let mut matrices = take(PRODUCTS * kernels.apart())?;
        let of_group = from.all().max(channels * to.phases.count());
        let groups = groups_in_cache::<CHANNEL>(of_group, GROUPS);
        let scratch = &per_thread(groups * of_group * CHANNEL)?;
        kernels.transform(&mut matrices);
        let matrices = &matrices[..];
        for_each_block_tile(y, output, to.channels, grid, (2, to.row_of_tiles()), |b, mut tile| {
            let lanes = output.width(b);
            let tiles = Tiles { across, vectors: lanes / 4 };
            let at_a_time = tiles.fitting(groups);
            let rows = to.rows_of(tile.col / lanes..(tile.col + tile.cols) / lanes);
            let (o, channels) = (tile.row, tile.rows);
            let bias = self.bias.map(|bias| &bias[o..o + channels]);
            let first = tile.col;
            let (y, apart) = tile.cursor();
            // (The image's first pixel, which is outside of the tile unless that begins there.)
            let mut y = y.advance(first.wrapping_neg());
            let y_plane = Plane { channels, apart, ..to.plane(lanes) };
            let sizes = (from.counted(from.channels), to.counted(channels.next_multiple_of(2)));
            scratch.with(|values| {
                let (mut at, end) = (rows.start * across, rows.end * across);
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
                    multiply::<CHANNEL>(matrices, sizes, (values, of_group), some.1.len() * tiles.vectors);
                    write_outputs((values, of_group), some, (y.offset(0), y_plane), bias);
                }
            });
        });
        Ok(())
    }

    /// Into how many parts the channels and rows of tiles of a block are cut.
    fn grid(&self, blocks: usize, rows: usize, across: usize) -> (usize, usize) {
        let (inputs, outputs) = (self.from.channels, self.to.channels);
        let products =
            rows.saturating_mul(across * LANES * inputs * outputs * self.kernels.taps.phases.products());
        // (Of several phases, some channels are not neighbours.)
        grid(blocks, rows, products, if self.to.phases.count() > 1 { 0 } else { outputs })
    }
}

/// What forward and both gradients do with the inputs of some tiles.
#[inline(never)]
pub(super) fn transform_inputs(image: Image, tiles: (Tiles, Range<usize>), to: Values) {
    transform::<PATCH>(image, tiles, to, Factors::input);
}
