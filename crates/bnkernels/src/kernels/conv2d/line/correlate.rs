//! What forward and backward_input share.

use super::parts::{OfParts, Parts};
use super::products::{groups_in_cache, multiply, Matrices};
use super::tiles::{transform_inputs, write_outputs, Plane, Tiles, Values, GROUPS};
use super::weights::Kernels;
use super::{Line, CHANNEL, POINTS};
use crate::kernels::conv2d::chunks::grid;
use crate::layout::{Blocks, LANES};
use crate::parallel::scratch::{per_thread, take};
use crate::parallel::{beat, for_each_block_tile, OutOfMemory};

/// A correlation of a batch with the kernels of `weight`.
pub(super) struct Correlation<'a> {
    pub line: Line,
    pub parts: Parts,
    pub weight: &'a [f32],
    pub back: bool,
    pub bias: Option<&'a [f32]>,
}

impl Line {
    pub fn inputs(&self) -> Blocks {
        Blocks::new(self.n, self.c * self.from * self.inner)
    }

    pub fn outputs(&self) -> Blocks {
        Blocks::new(self.n, self.oc * self.to * self.inner)
    }

    pub fn input_plane(&self, lanes: usize) -> Plane {
        let Line { c, from, inner, .. } = *self;
        Plane { channels: c, apart: from * inner * lanes, length: from, inner }
    }

    pub fn tiles(&self, parts: &Parts) -> Tiles {
        let Line { to, inner, dilation, .. } = *self;
        Tiles { length: to, inner, dilation, tile: parts.tile }
    }
}

impl Correlation<'_> {
    pub fn run(&self, x: &[f32], y: &mut [f32]) -> Result<(), OutOfMemory> {
        let Self { line, ref parts, weight, back, .. } = *self;
        let Line { c, oc, to, inner, .. } = line;
        let (input, output) = (line.inputs(), line.outputs());
        assert_eq!(x.len(), input.len());
        assert!(self.bias.is_none_or(|bias| bias.len() == oc));
        let kernels = Kernels { weight, parts, channels: (c, oc), taps: line.taps, back };
        let tiles = line.tiles(parts);
        let (unit, of_unit) = tiles.of_unit();
        let grid = self.grid(output.count(), tiles);
        let channels = oc.div_ceil(2).div_ceil(grid.0) * 2;
        let of_group = (c * parts.count()).max(channels);
        let groups = groups_in_cache::<CHANNEL>(of_group, GROUPS);
        let mut matrices = take(POINTS * kernels.apart())?;
        let scratch = &per_thread(groups * of_group * CHANNEL)?;
        kernels.transform(&mut matrices);
        let (matrices, kernels) = (&matrices[..], &kernels);
        for_each_block_tile(y, output, oc, grid, (2, unit), |b, mut tile| {
            let lanes = output.width(b);
            let (first, end) = (tile.col / lanes, (tile.col + tile.cols) / lanes);
            let mut range = first / unit * of_unit..end.div_ceil(unit) * of_unit;
            let (o, channels, column) = (tile.row, tile.rows, tile.col);
            let bias = self.bias.map(|bias| &bias[o..o + channels]);
            let (y, apart) = tile.cursor();
            // (The image's first pixel, which is outside of the tile unless that begins there.)
            let mut y = y.advance(column.wrapping_neg());
            let plane = Plane { channels, apart, length: to, inner };
            scratch.with(|values| {
                while !range.is_empty() {
                    beat();
                    let run = tiles.take(&mut range, groups, lanes);
                    if run.groups() == 0 {
                        break;
                    }
                    let image = (&x[input.range(b)], line.input_plane(lanes));
                    // The products' sums then begin one place before.
                    let to = Values { values: &mut values[LANES..], channels: of_group, cleared: false };
                    transform_inputs(image, parts, (tiles, &run), to);
                    let row = kernels.row();
                    let matrices = Matrices { values: matrices, apart: kernels.apart(), first: o * row, row };
                    let (inputs, outputs) = (OfParts { channels: c, parts }, channels.next_multiple_of(2));
                    multiply::<CHANNEL>(matrices, (inputs, outputs), (values, of_group), run.all_vectors());
                    write_outputs((values, of_group), (tiles, &run), (y.offset(0), plane), bias);
                }
            });
        });
        Ok(())
    }

    /// Into how many parts the channels and units of tiles of a block are cut.
    fn grid(&self, blocks: usize, tiles: Tiles) -> (usize, usize) {
        let Line { c, oc, .. } = self.line;
        let units = tiles.count() / tiles.of_unit().1;
        let products = (tiles.count() * LANES).saturating_mul(c * oc * self.parts.products());
        grid(blocks, units, products, oc)
    }
}
