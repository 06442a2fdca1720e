//! How Winograd's ways are cut into chunks, by the shape.
//!
//! Of a correlation each chunk has some units of tiles of a block, and some output channels. Of the gradient of a weight
//! the tiles of all blocks are cut into parts; each chunk sums one part, for some output channels, and the parts are
//! summed in order.

use crate::parallel::scratch::{per_thread, take};
use crate::parallel::{chunk_range, for_each_part, for_each_range, OutOfMemory};
use crate::simd::{Dst, F32x4, Src};
use std::ops::Range;

/// Products of a chunk at least, where there are more chunks than `FEWEST`.
const SMALLEST: usize = 131_072;
/// Chunks below which channels are shared out too, at least `CHANNELS` to each; each then transforms the inputs.
const FEWEST: usize = 8;
const CHANNELS: usize = 32;

/// Into how many parts the output `channels` that can be shared out, and the `units` of tiles of a block with so many
/// `products`, are cut.
pub(super) fn grid(blocks: usize, units: usize, products: usize, channels: usize) -> (usize, usize) {
    let wanted = (blocks.saturating_mul(products) / SMALLEST).clamp(1, 64).div_ceil(blocks);
    let by_units = wanted.min(units);
    (FEWEST.div_ceil(blocks * by_units).min(channels / CHANNELS).max(1), by_units)
}

/// Times that something is added to a sum of a chunk, about: then the size of the batch costs no digits.
pub(super) const ADDED: usize = 64;

/// How the gradient is cut.
pub(super) struct Chunks {
    /// Output channels, and those of a chunk: an even number.
    channels: usize,
    pub outputs: usize,
    slabs: usize,
    parts: usize,
}

/// What a chunk has.
pub(super) struct Chunk<'a> {
    /// Of all tiles.
    pub tiles: Range<usize>,
    /// Its first output channel, and how many there are.
    pub first: usize,
    pub outputs: usize,
    /// Scratch memory: for the values of `x` and `dy`, and for the sums.
    pub x: &'a mut [f32],
    pub dy: &'a mut [f32],
    pub sums: &'a mut [f32],
    /// The gradient of these output channels.
    pub dw: &'a mut [f32],
}

impl Chunks {
    /// Of `channels`, of which a chunk has `most`, about.
    pub fn of(channels: usize, most: usize) -> Self {
        let outputs = channels.div_ceil(channels.div_ceil(most)).next_multiple_of(2);
        Self { channels, outputs, slabs: channels.div_ceil(outputs), parts: 1 }
    }

    /// Some `wanted` chunks of `all` groups of lanes, of which `groups` are done together.
    pub fn in_parts(self, wanted: usize, all: usize, groups: usize) -> Self {
        let (fewest, most) = (all.div_ceil(groups * ADDED), all.div_ceil(groups));
        // (An even number of chunks, for two threads.)
        let parts = wanted.div_ceil(self.slabs).clamp(fewest, most);
        Self { parts: if parts > 1 { parts.next_multiple_of(2) } else { 1 }, ..self }
    }

    /// Overwrites `dw` with what `f` gives of each chunk of so many `tiles`; `sizes` are of its scratch memory.
    pub fn run(
        &self,
        tiles: usize,
        sizes: [usize; 3],
        dw: &mut [f32],
        f: impl Fn(Chunk) + Sync,
    ) -> Result<(), OutOfMemory> {
        let Self { channels, outputs, slabs, parts } = *self;
        let [of_x, of_dy, of_sums] = sizes;
        let mut sums = take(if parts > 1 { parts * dw.len() } else { 0 })?;
        let scratch = &per_thread(of_x + of_dy + of_sums)?;
        let taps = dw.len() / channels;
        let bounds = |unit: usize| (unit / slabs * channels + (unit % slabs * outputs).min(channels)) * taps;
        for_each_range(
            [if parts > 1 { &mut sums[..] } else { &mut *dw }],
            parts * slabs,
            |unit| [bounds(unit)..bounds(unit + 1)],
            |unit, [dw]| {
                scratch.with(|scratch| {
                    let (x, rest) = scratch.split_at_mut(of_x);
                    let (dy, rest) = rest.split_at_mut(of_dy);
                    let tiles = chunk_range(unit / slabs, parts, tiles, 1);
                    let (first, outputs) = (unit % slabs * outputs, dw.len() / taps);
                    f(Chunk { tiles, first, outputs, x, dy, sums: &mut rest[..of_sums], dw });
                });
            },
        );
        if parts > 1 {
            add_parts(&sums, dw);
        }
        Ok(())
    }
}

/// The sums over all parts, in order, with what they lose.
#[inline(never)]
pub(super) fn add_parts(parts: &[f32], dw: &mut [f32]) {
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
