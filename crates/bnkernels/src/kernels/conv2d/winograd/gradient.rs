//! The gradient with respect to the weight and the bias.
//!
//! The tiles of all blocks are cut into parts by the shape; each chunk sums one part, for some output channels, as
//! 36 scalars for each channel pair. These become 9 at the chunk's end, and the parts are summed in order.

use super::correlate::{transform_inputs, Side};
use super::patches::{transform, Image, Plane, Tiles, Values, GROUPS};
use super::phases::Phases;
use super::products::{add_dots, sums_apart, Channels};
use super::transform::{both, Factors, TapFactors, BETWEEN};
use super::weights::Taps;
use super::{CHANNEL, PATCH, PRODUCTS, TILE};
use crate::kernels::conv2d::backward_weight::sum_outputs;
use crate::kernels::conv2d::Conv2dShape;
use crate::parallel::scratch::{per_thread, take};
use crate::parallel::{beat, chunk_range, for_each_part, for_each_range, OutOfMemory};
use crate::simd::{Dst, F32x4, Src};
use std::hint::black_box;
use std::ops::Range;

/// Chunks wanted at least, where there is work for them.
const CHUNKS: usize = 16;
/// Floats of a chunk's sums, if they are of more than `CHANNELS` outputs: part of a second-level cache.
const SUMMED: usize = 160 * 1024;
const CHANNELS: usize = 64;
/// Times that something is added to a sum of a chunk, at most: then the size of the batch costs no digits.
pub(super) const ADDED: usize = 64;

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
    // Outputs of a chunk: an even number.
    let slabs = to.channels.div_ceil((SUMMED / (PRODUCTS * inputs)).max(CHANNELS));
    let outputs = to.channels.div_ceil(slabs).next_multiple_of(2);
    let slabs = to.channels.div_ceil(outputs);
    // Their products are summed in vectors before these become scalars.
    let groups = GROUPS.min(all);
    let (fewest, most) = (all.div_ceil(groups * ADDED), all.div_ceil(groups));
    // (An even number of chunks, for two threads.)
    let parts = CHUNKS.div_ceil(slabs).clamp(fewest, most);
    let parts = if parts > 1 { parts.next_multiple_of(2) } else { 1 };
    let [of_x, of_dy] = [inputs, outputs].map(|channels| groups * channels * CHANNEL);
    let of_sums = PRODUCTS * sums_apart(outputs, inputs);
    let mut sums = take(if parts > 1 { parts * dw.len() } else { 0 })?;
    let scratch = &per_thread(of_x + of_dy + of_sums)?;
    let taps = s.weight() / s.oc;
    let bounds =
        |unit: usize| (unit / slabs * to.channels + (unit % slabs * outputs).min(to.channels)) * taps;
    let out = if parts > 1 { &mut sums[..] } else { &mut *dw };
    for_each_range(
        [out],
        parts * slabs,
        |unit| [bounds(unit)..bounds(unit + 1)],
        |unit, [out]| {
            let part = chunk_range(unit / slabs, parts, tiles * blocks, 1);
            let (o, real) = (unit % slabs * outputs, out.len() / taps);
            scratch.with(|scratch| {
                let (x_values, rest) = scratch.split_at_mut(of_x);
                let (dy_values, rest) = rest.split_at_mut(of_dy);
                let sums = &mut rest[..of_sums];
                // (What a phase does not have stays 0.)
                if phases.count() > 1 || part.is_empty() {
                    sums.fill(0.0);
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
                    let image = Image {
                        values: &x[x_blocks.range(block)],
                        plane: Plane { of_phase, ..from.plane(lanes) },
                        before,
                    };
                    let cleared = inputs > from.all();
                    let values = Values { values: &mut *x_values, channels: inputs, cleared };
                    transform_inputs(image, some.clone(), values);
                    let plane = Plane { channels: real, ..to.plane(lanes) };
                    let values = &dy[dy_blocks.range(block)][o * plane.apart..];
                    let image = Image { values, plane, before: (0, 0) };
                    let of_outputs =
                        Values { values: &mut *dy_values, channels: outputs, cleared: outputs > real };
                    transform_gradients(image, some, of_outputs);
                    let sums = (&mut *sums, at > part.start);
                    add_dots::<CHANNEL>(
                        (dy_values, outputs, outputs),
                        (x_values, of_inputs),
                        groups,
                        sums,
                        F32x4::sums,
                    );
                    at += count;
                }
                write_taps((sums, outputs, inputs), (&kernels, s.c), out);
            });
        },
    );
    if parts > 1 {
        add_parts(&sums, dw);
    }
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

/// The sums over all parts, in order, with what they lose.
#[inline(never)]
pub(in super::super) fn add_parts(parts: &[f32], dw: &mut [f32]) {
    let length = dw.len();
    for_each_part([dw], [1], (length, parts.len() / length, 4), |range, [dw]| {
        for (i, dw) in range.step_by(4).zip(dw.chunks_mut(4)) {
            let (mut total, mut lost) = (F32x4::zero(), F32x4::zero());
            for part in parts.chunks_exact(length) {
                let value = match dw.len() {
                    4 => Src::new(&part[i..], 4).load(0),
                    few => F32x4::load_tail(&part[i..i + few], 0.0),
                };
                let (new, error) = total.two_sum(value);
                (total, lost) = (new, lost + error);
            }
            match dw.len() {
                4 => Dst::new(dw, 4).store(0, total + lost),
                _ => (total + lost).store_tail(dw),
            }
        }
    });
}
