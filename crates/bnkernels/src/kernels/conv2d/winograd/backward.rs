//! Both gradients at once: their sums over outputs and over pixels read the same transformed patches of `dy`.
//!
//! The gradient of the input transforms patches of `dy` as inputs, for tiles of `dx`. With a tile of `x` at the same
//! place `dg = Gᵀ [Σ (A x Aᵀ) ⊙ (Bᵀ dy B)] G`, whose taps are rotated by half a turn: which of a convolution's
//! operands is the patch and which the tile is the same.
//!
//! A chunk has some rows of tiles of a block, and a part of the sums for the weight.

use super::correlate::{transform_inputs, Side};
use super::gradient::{transform_gradients, write_taps};
use super::patches::{write_outputs, Image, Plane, Tiles, Values, GROUPS};
use super::phases::Phases;
use super::products::{add_dots, groups_in_cache, multiply, sums_apart, Channels, Matrices};
use super::weights::Kernels;
use super::{where_faster, CHANNEL, PRODUCTS};
use crate::kernels::conv2d::backward_weight::sum_outputs;
use crate::kernels::conv2d::chunks::{add_parts, ADDED};
use crate::kernels::conv2d::Conv2dShape;
use crate::layout::LANES;
use crate::parallel::scratch::{per_thread, take};
use crate::parallel::{beat, for_each_block_tile_and_part, OutOfMemory};
use crate::simd::F32x4;

/// Chunks at least and at most, and as many as are wanted where each has some `GROUPS_OF_CHUNK` of tiles, or fewer.
const FEWEST: usize = 4;
const MOST: usize = 64;
const WANTED: (usize, usize) = (8, 16);
const GROUPS_OF_CHUNK: usize = 8;
/// Floats of the sums for the weight at most: beside them the kernels, and the values of both sides, are in the cache.
/// (Of 64 to 64 channels they are 600 kB, and both at once took 1.04 times as long as one after the other.)
const SUMMED: usize = 80 * 1024;

/// Into how many chunks the rows of tiles of a block are cut; `None` where the gradients are better computed one after
/// the other: where Winograd's way is none, or there would be too few or too many chunks, or too many sums for a cache.
pub(in super::super) fn chunks_of_block(s: &Conv2dShape) -> Option<usize> {
    let phases = where_faster(s)?;
    let (rows, across) = Side::input(s, phases).tiles();
    if phases.is_long() || phases.products().checked_mul(s.c.checked_mul(s.oc)?)? > SUMMED {
        return None;
    }
    let blocks = s.x().count();
    let of_row = (across * s.x().width(0) / 4).div_ceil(4);
    let groups = blocks * rows * of_row;
    let most = groups_in_cache::<CHANNEL>(channels_of_group(s, phases), GROUPS);
    let wanted = (groups / GROUPS_OF_CHUNK).clamp(WANTED.0, WANTED.1).div_ceil(blocks);
    // What a chunk's sums gather has a limit.
    let chunks = wanted.max((rows * of_row).div_ceil(most * ADDED)).min(rows);
    let added = rows.div_ceil(chunks) * of_row.div_ceil(most);
    ((FEWEST..=MOST).contains(&(blocks * chunks)) && added <= 2 * ADDED).then_some(chunks)
}

/// Channels that a group of `dy`'s patches has room for: the sums for `dx` take the place of what they are made of.
fn channels_of_group(s: &Conv2dShape, phases: Phases) -> usize {
    s.oc.max(s.c * phases.count()).next_multiple_of(2)
}

/// Overwrites `dx`, `dw` and `db`; `x`, `dy` and `dx` in lanes. `chunks` are of a block.
pub(in super::super) fn backward(
    s: &Conv2dShape,
    chunks: usize,
    (x, dy, weight): (&[f32], &[f32], &[f32]),
    dx: &mut [f32],
    dw: &mut [f32],
    db: Option<&mut [f32]>,
) -> Result<(), OutOfMemory> {
    let phases = Phases::of(s).and_then(|phases| phases.back(s)).expect("a kernel that has phases");
    let (from, to) = (Side::output(s), Side::input(s, phases));
    let before = phases.before();
    let kernels = Kernels::new(s, phases, weight, true);
    let (dy_blocks, x_blocks) = (from.blocks(s.n), to.blocks(s.n));
    assert_eq!((x.len(), dy.len()), (x_blocks.len(), dy_blocks.len()));
    let across = to.tiles().1;
    let outputs = from.channels.next_multiple_of(2);
    let of_x = to.counted(to.channels.next_multiple_of(4));
    let inputs = of_x.count();
    let of_group = channels_of_group(s, phases);
    let most = groups_in_cache::<CHANNEL>(of_group, GROUPS);
    let [size_of_dy, size_of_x] = [of_group, inputs].map(|channels| most * channels * CHANNEL);
    let of_sums = PRODUCTS * sums_apart(outputs, inputs);
    let mut matrices = take(PRODUCTS * kernels.apart())?;
    let mut parts = take(x_blocks.count() * chunks * dw.len())?;
    let scratch = &per_thread(size_of_dy + size_of_x + of_sums)?;
    kernels.transform(&mut matrices);
    let matrices = &matrices[..];
    let (grid, step) = ((1, chunks), (1, to.row_of_tiles()));
    for_each_block_tile_and_part(dx, x_blocks, to.channels, grid, step, &mut parts, |b, mut tile, part| {
        let lanes = x_blocks.width(b);
        let tiles = Tiles { across, vectors: lanes / 4 };
        let rows = to.rows_of(tile.col / lanes..(tile.col + tile.cols) / lanes);
        let first = tile.col;
        let (dx, apart) = tile.cursor();
        // (The image's first pixel, which is outside of the tile unless that begins there.)
        let mut dx = dx.advance(first.wrapping_neg());
        let dx_plane = Plane { apart, ..to.plane(lanes) };
        scratch.with(|scratch| {
            let (dy_values, rest) = scratch.split_at_mut(size_of_dy);
            let (x_values, sums) = rest.split_at_mut(size_of_x);
            // (What a phase does not have stays 0.)
            if phases.count() > 1 {
                sums.fill(0.0);
            }
            let (start, end) = (rows.start * across, rows.end * across);
            let mut at = start;
            while at < end {
                let more = at > start;
                beat();
                let some = (tiles, at..end.min(at + tiles.fitting(most)));
                at = some.1.end;
                let groups = tiles.groups(some.1.len());
                let image = Image { values: &dy[dy_blocks.range(b)], plane: from.plane(lanes), before };
                // The products' sums then begin one place before.
                let values = &mut dy_values[LANES..];
                let patches = Values { values, channels: of_group, cleared: outputs > from.channels };
                transform_inputs(image, some.clone(), patches);
                let image = Image { values: &x[x_blocks.range(b)], plane: to.plane(lanes), before: (0, 0) };
                let cleared = inputs > to.all();
                let values = Values { values: &mut *x_values, channels: inputs, cleared };
                transform_gradients(image, some.clone(), values);
                add_dots::<CHANNEL>(
                    (&dy_values[LANES..], of_group, outputs),
                    (x_values, of_x),
                    groups,
                    (&mut *sums, more),
                    F32x4::sums,
                );
                let matrices =
                    Matrices { values: matrices, apart: kernels.apart(), first: 0, row: kernels.row() };
                let sizes = (from.counted(from.channels), to.counted(to.channels.next_multiple_of(2)));
                multiply::<CHANNEL>(
                    matrices,
                    sizes,
                    (&mut *dy_values, of_group),
                    some.1.len() * tiles.vectors,
                );
                write_outputs((&mut *dy_values, of_group), some, (dx.offset(0), dx_plane), None);
            }
            write_taps((sums, outputs, inputs), (&kernels.taps, s.c), part);
        });
    });
    add_parts(&parts, dw);
    db.into_iter().for_each(|db| sum_outputs(s, dy, db));
    Ok(())
}
