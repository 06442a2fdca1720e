//! The gradient with respect to the weight and the bias. A chunk's sums are 8 scalars for each channel pair and part of
//! the kernel, which become taps at its end.

use super::parts::Parts;
use super::products::{add_dots, groups_in_cache, sums_apart};
use super::tiles::{transform_gradients, transform_inputs, Plane, Values, GROUPS};
use super::transform::OF_TAPS;
use super::{Line, CHANNEL, POINTS};
use crate::kernels::conv2d::backward_weight::sum_outputs;
use crate::kernels::conv2d::chunks::Chunks;
use crate::kernels::conv2d::Conv2dShape;
use crate::layout::LANES;
use crate::parallel::{beat, OutOfMemory};
use crate::simd::{F32x4, Src};

/// Chunks wanted at least and at most, where there is work for them: each should take twice as much as is transformed
/// together, since its sums cost something at its end.
const CHUNKS: (usize, usize) = (8, 16);
/// Floats of a chunk's sums, if they are of more than `CHANNELS` outputs: part of a second-level cache.
const SUMMED: usize = 96 * 1024;
const CHANNELS: usize = 32;

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
    let chunks = Chunks::of(oc, (SUMMED / (POINTS * inputs)).max(CHANNELS));
    let outputs = chunks.outputs;
    let groups = groups_in_cache::<CHANNEL>(inputs.max(outputs), GROUPS);
    let all = (of_block * dy_blocks.width(0)).div_ceil(LANES) * blocks;
    let chunks = chunks.in_parts((all / (2 * groups)).clamp(CHUNKS.0, CHUNKS.1), all, groups);
    let [of_x, of_dy] = [inputs, outputs].map(|channels| groups * channels * CHANNEL);
    let sizes = [of_x, of_dy, POINTS * sums_apart(outputs, inputs)];
    chunks.run(of_block * blocks, sizes, dw, |chunk| {
        chunk.sums.fill(0.0);
        let (mut at, end) = (chunk.tiles.start, chunk.tiles.end);
        while at < end {
            let (b, first) = (at / of_block, at % of_block);
            let mut range = first..of_block.min(first + end - at);
            at += range.len();
            let lanes = dy_blocks.width(b);
            let apart = to * inner * lanes;
            let x = (&x[x_blocks.range(b)], line.input_plane(lanes));
            let dy = &dy[dy_blocks.range(b)][chunk.first * apart..];
            let dy = (dy, Plane { channels: chunk.outputs, apart, length: to, inner });
            while !range.is_empty() {
                beat();
                let run = tiles.take(&mut range, groups, lanes);
                if run.groups() == 0 {
                    break;
                }
                let values = Values { values: &mut *chunk.x, channels: inputs, cleared: inputs > real };
                transform_inputs(x, parts, (tiles, &run), values);
                let cleared = outputs > chunk.outputs;
                let values = Values { values: &mut *chunk.dy, channels: outputs, cleared };
                transform_gradients(dy, (tiles, &run), values);
                add_dots::<CHANNEL>(
                    (chunk.dy, outputs, outputs),
                    (chunk.x, inputs),
                    run.groups(),
                    (&mut *chunk.sums, true),
                    sums_of_pairs,
                );
            }
        }
        write_taps((chunk.sums, outputs, inputs), (&line, parts), chunk.dw);
    })?;
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
