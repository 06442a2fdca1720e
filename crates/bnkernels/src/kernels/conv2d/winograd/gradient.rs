//! The gradient with respect to the weight and the bias. A chunk's sums are 36 scalars for each channel pair, which become
//! 9 at its end.

use super::correlate::{transform_inputs, Side};
use super::patches::{transform, Image, Plane, Tiles, Values, GROUPS};
use super::phases::Phases;
use super::products::{add_dots, sums_apart, Channels};
use super::transform::{both, Factors, TapFactors, BETWEEN};
use super::weights::Taps;
use super::{CHANNEL, PATCH, PRODUCTS, TILE};
use crate::kernels::conv2d::backward_weight::sum_outputs;
use crate::kernels::conv2d::chunks::Chunks;
use crate::kernels::conv2d::Conv2dShape;
use crate::parallel::{beat, OutOfMemory};
use crate::simd::{Dst, F32x4, Src};
use std::hint::black_box;
use std::ops::Range;

/// Chunks wanted at least, where there is work for them.
const CHUNKS: usize = 16;
/// Floats of a chunk's sums, if they are of more than `CHANNELS` outputs: part of a second-level cache.
const SUMMED: usize = 160 * 1024;
const CHANNELS: usize = 64;

/// Overwrites `dw` and `db`; `x` and `dy` in lanes.
pub(in super::super) fn backward_weight(
    s: &Conv2dShape,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    db: Option<&mut [f32]>,
) -> Result<(), OutOfMemory> {
    let phases = Phases::of(s).expect("a kernel that has phases");
    let (from, to) = (Side::input(s, phases), Side::output(s));
    let before = phases.before();
    let (x_blocks, dy_blocks) = (from.blocks(s.n), to.blocks(s.n));
    let (down, across) = to.tiles();
    let tiles = across * down;
    let blocks = dy_blocks.count();
    let all = Tiles { across, vectors: dy_blocks.width(0) / 4 }.groups(tiles) * blocks;
    let of_phase = from.channels.next_multiple_of(4);
    let (of_inputs, kernels) = (from.counted(of_phase), Taps::new(s, phases, of_phase));
    let inputs = of_inputs.count();
    // Their products are summed in vectors before these become scalars.
    let groups = GROUPS.min(all);
    let most = (SUMMED / (PRODUCTS * inputs)).max(CHANNELS);
    let chunks = Chunks::of(to.channels, most).in_parts(CHUNKS, all, groups);
    let outputs = chunks.outputs;
    let [of_x, of_dy] = [inputs, outputs].map(|channels| groups * channels * CHANNEL);
    let sizes = [of_x, of_dy, PRODUCTS * sums_apart(outputs, inputs)];
    chunks.run(tiles * blocks, sizes, dw, |chunk| {
        let part = chunk.tiles;
        // (What a phase does not have stays 0.)
        if phases.count() > 1 || part.is_empty() {
            chunk.sums.fill(0.0);
        }
        let mut at = part.start;
        while at < part.end {
            beat();
            let (block, first) = (at / tiles, at % tiles);
            let lanes = dy_blocks.width(block);
            let within = Tiles { across, vectors: lanes / 4 };
            let count = (part.end - at).min(tiles - first).min(within.fitting(groups));
            let some = (within, first..first + count);
            let groups = within.groups(count);
            let plane = Plane { of_phase, ..from.plane(lanes) };
            let image = Image { values: &x[x_blocks.range(block)], plane, before };
            let values = Values { values: &mut *chunk.x, channels: inputs, cleared: inputs > from.all() };
            transform_inputs(image, some.clone(), values);
            let plane = Plane { channels: chunk.outputs, ..to.plane(lanes) };
            let values = &dy[dy_blocks.range(block)][chunk.first * plane.apart..];
            let image = Image { values, plane, before: (0, 0) };
            let cleared = outputs > chunk.outputs;
            transform_gradients(image, some, Values { values: &mut *chunk.dy, channels: outputs, cleared });
            add_dots::<CHANNEL>(
                (chunk.dy, outputs, outputs),
                (chunk.x, of_inputs),
                groups,
                (&mut *chunk.sums, at > part.start),
                F32x4::sums,
            );
            at += count;
        }
        write_taps((chunk.sums, outputs, inputs), (&kernels, s.c), chunk.dw);
    })?;
    db.into_iter().for_each(|db| sum_outputs(s, dy, db));
    Ok(())
}

#[inline(never)]
pub(super) fn transform_gradients(image: Image, tiles: (Tiles, Range<usize>), to: Values) {
    transform::<TILE>(image, tiles, to, Factors::gradient);
}

/// The gradients of the taps, `[outputs][c][kh][kw]`, from the sums of products, `[36][outputs][inputs]`.
#[inline(never)]
pub(super) fn write_taps(
    (sums, outputs, inputs): (&[f32], usize, usize),
    (kernels, channels): (&Taps, usize),
    out: &mut [f32],
) {
    let apart = sums_apart(outputs, inputs);
    let sums = Src::new(sums, PRODUCTS * apart);
    let (mut lines, mut between) = ([0.0; 9 * 4], BETWEEN);
    let factors = TapFactors::new();
    for (o, out) in out.chunks_exact_mut(channels * kernels.size).enumerate() {
        let end = out.len();
        let mut out = Dst::new(out, end);
        for first in (0..kernels.all()).step_by(4) {
            let sums = sums.offset(o * inputs + first);
            let load = |i: usize| {
                let sums = sums.offset(i * apart);
                std::array::from_fn(|r| sums.load(r * PATCH * apart))
            };
            let mut taps = Dst::new(&mut lines, 9 * 4);
            both(
                &mut between,
                load,
                |m| factors.gradient(m),
                |u, row| {
                    let mut taps = taps.offset(u * 3 * 4);
                    for (v, value) in row.into_iter().enumerate() {
                        taps.store(v * 4, value);
                    }
                },
            );
            if let (Some(turned), true) = (kernels.nine(), first + 4 <= channels) {
                write_nine(&taps, turned, out.offset(first * 9));
                continue;
            }
            for i in 0..4.min(kernels.all() - first) {
                let (c, of_phase) = kernels.of(first + i);
                if c >= channels {
                    continue;
                }
                for (t, tap) in of_phase.iter().enumerate().take(black_box(9)) {
                    if let Some(tap) = tap {
                        out.set(c * kernels.size + tap, taps.get(t * 4 + i));
                    }
                }
            }
        }
    }
}

/// Four kernels of nine taps one after the other, from lines of four; the taps `turned` by half a turn, or as they are.
#[inline(always)]
fn write_nine(taps: &Dst, turned: bool, mut out: Dst) {
    let line = |t: usize| if turned { 4 * (8 - t) } else { 4 * t };
    for four in [0, 4] {
        let columns = F32x4::transpose(std::array::from_fn(|t| taps.load(line(four + t))));
        for (i, column) in columns.into_iter().enumerate() {
            out.store(i * 9 + four, column);
        }
    }
    for i in 0..4 {
        out.set(i * 9 + 8, taps.get(line(8) + i));
    }
}
