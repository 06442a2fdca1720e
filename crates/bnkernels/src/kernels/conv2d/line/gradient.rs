//! The gradient with respect to the weight and the bias.
//!
//! The tiles of all blocks are cut into parts by the shape; each chunk sums one part, for some output channels, as
//! 8 scalars for each channel pair and part of the kernel. These become taps at the chunk's end, and the parts are
//! summed in order.

use super::parts::Parts;
use super::products::{add_dots, sums_apart};
use super::tiles::{groups_in_cache, transform_gradients, transform_inputs, Plane, Values};
use super::transform::OF_TAPS;
use super::{Line, CHANNEL, POINTS};
use crate::kernels::conv2d::backward_weight::sum_outputs;
use crate::kernels::conv2d::winograd::add_parts;
use crate::kernels::conv2d::Conv2dShape;
use crate::parallel::scratch::{per_thread, take};
use crate::parallel::{beat, chunk_range, for_each_range, OutOfMemory};
use crate::simd::{F32x4, Src};

/// Chunks wanted at least and at most, where there is work for them: each should take twice as much as is transformed
/// together, since its sums cost something at its end.
const CHUNKS: (usize, usize) = (8, 16);
/// Floats of a chunk's sums, if they are of more than `CHANNELS` outputs: part of a second-level cache.
const SUMMED: usize = 96 * 1024;
const CHANNELS: usize = 32;
/// Times that something is added to a sum of a chunk, about: then the size of the batch costs no digits.
const ADDED: usize = 64;

/// Overwrites `dw` and `db`; `x` and `dy` in lanes.
pub(in super::super) fn backward_weight(
    s: &Conv2dShape,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    db: Option<&mut [f32]>,
) -> Result<(), OutOfMemory> {
    let line = Line::of(s).expect("a kernel that is a line");
    let parts = &Parts::of(&line).expect("parts");
    let Line { oc, to, inner, .. } = line;
    let (x_blocks, dy_blocks) = (line.inputs(), line.outputs());
    let tiles = line.tiles(parts);
    let (blocks, of_block) = (dy_blocks.count(), tiles.count());
    let real = line.c * parts.count();
    let inputs = real.next_multiple_of(4);
    // Outputs of a chunk: an even number.
    let slabs = oc.div_ceil((SUMMED / (POINTS * inputs)).max(CHANNELS));
    let outputs = oc.div_ceil(slabs).next_multiple_of(2);
    let slabs = oc.div_ceil(outputs);
    let groups = groups_in_cache(inputs.max(outputs));
    let all = (of_block * dy_blocks.width(0)).div_ceil(16) * blocks;
    let (fewest, most) = (all.div_ceil(groups * ADDED), all.div_ceil(groups));
    // (An even number of chunks, for two threads.)
    let wanted = (all / (2 * groups)).clamp(CHUNKS.0, CHUNKS.1);
    let count = wanted.div_ceil(slabs).clamp(fewest, most);
    let count = if count > 1 { count.next_multiple_of(2) } else { 1 };
    let [of_x, of_dy] = [inputs, outputs].map(|channels| groups * channels * CHANNEL);
    let of_sums = POINTS * sums_apart(outputs, inputs);
    let mut sums = take(if count > 1 { count * dw.len() } else { 0 })?;
    let scratch = &per_thread(of_x + of_dy + of_sums)?;
    let taps = line.c * line.taps;
    let bounds = |unit: usize| (unit / slabs * oc + (unit % slabs * outputs).min(oc)) * taps;
    let out = if count > 1 { &mut sums[..] } else { &mut *dw };
    for_each_range(
        [out],
        count * slabs,
        |unit| [bounds(unit)..bounds(unit + 1)],
        |unit, [out]| {
            let chunk = chunk_range(unit / slabs, count, of_block * blocks, 1);
            let (o, real_outputs) = (unit % slabs * outputs, out.len() / taps);
            scratch.with(|scratch| {
                let (x_values, rest) = scratch.split_at_mut(of_x);
                let (dy_values, rest) = rest.split_at_mut(of_dy);
                let sums = &mut rest[..of_sums];
                sums.fill(0.0);
                let mut at = chunk.start;
                while at < chunk.end {
                    let (b, first) = (at / of_block, at % of_block);
                    let mut range = first..of_block.min(first + chunk.end - at);
                    at += range.len();
                    let lanes = dy_blocks.width(b);
                    let apart = to * inner * lanes;
                    let x = (&x[x_blocks.range(b)], line.input_plane(lanes));
                    let dy = &dy[dy_blocks.range(b)][o * apart..];
                    let dy = (dy, Plane { channels: real_outputs, apart, length: to, inner });
                    while !range.is_empty() {
                        beat();
                        let run = tiles.take(&mut range, groups, lanes);
                        if run.groups() == 0 {
                            break;
                        }
                        let cleared = inputs > real;
                        let values = Values { values: &mut *x_values, channels: inputs, cleared };
                        transform_inputs(x, parts, (tiles, &run), values);
                        let cleared = outputs > real_outputs;
                        let values = Values { values: &mut *dy_values, channels: outputs, cleared };
                        transform_gradients(dy, (tiles, &run), values);
                        add_dots::<CHANNEL>(
                            (dy_values, outputs, outputs),
                            (x_values, inputs),
                            run.groups(),
                            (&mut *sums, true),
                            sums_of_pairs,
                        );
                    }
                }
                write_taps((sums, outputs, inputs), (&line, parts), out);
            });
        },
    );
    if count > 1 {
        add_parts(&sums, dw);
    }
    db.into_iter().for_each(|db| sum_outputs(s, dy, db));
    Ok(())
}

/// The lanes of each of four vectors, summed in pairs.
#[inline(always)]
fn sums_of_pairs(rows: [F32x4; 4]) -> F32x4 {
    let [a, b, c, d] = F32x4::transpose(rows);
    (a + b) + (c + d)
}

/// The gradients of the taps, `[outputs][c][taps]`, from the sums of products, `[8][outputs][inputs]`.
#[inline(never)]
fn write_taps(
    (sums, outputs, inputs): (&[f32], usize, usize),
    (line, parts): (&Line, &Parts),
    out: &mut [f32],
) {
    let apart = sums_apart(outputs, inputs);
    let sums = Src::new(sums, POINTS * apart);
    for (o, out) in out.chunks_exact_mut(line.c * line.taps).enumerate() {
        for (p, part) in parts.iter().enumerate() {
            for first in (0..line.c).step_by(4) {
                let sums = sums.offset(o * inputs + p * line.c + first);
                let sums: [F32x4; POINTS] = std::array::from_fn(|point| sums.load(point * apart));
                for i in 0..part.taps {
                    let slot = part.slot + i;
                    let last = slot == parts.most() - 1;
                    let mut sum = if last { sums[POINTS - 1] } else { F32x4::zero() };
                    for (value, factors) in sums.iter().zip(&OF_TAPS) {
                        sum = value.mul_add(F32x4::splat(factors[slot]), sum);
                    }
                    for (c, value) in (first..line.c).zip(sum.to_array()) {
                        out[c * line.taps + part.tap + i * parts.apart] = value;
                    }
                }
            }
        }
    }
}
