//! Where the tiles of an image lie, and the transforms of their patches from and to it.

use super::parts::Parts;
use super::transform::{Factors, LARGEST};
use super::{CHANNEL, POINTS};
use crate::layout::LANES;
use crate::simd::{Dst, F32x4, Src};
use std::ops::Range;

/// Groups of 16 lanes that are done together, at most.
pub(super) const GROUPS: usize = 8;
/// Tiles of them: of a block of 4 lanes a group has four.
const TILES: usize = 4 * GROUPS;
/// The outputs of an image `[length][inner]`, cut into tiles: `tile` outputs each that are `dilation` apart along the
/// length. Tiles are counted through rows: those of `tile * dilation` of them are a unit.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    pub length: usize,
    pub inner: usize,
    pub dilation: usize,
    pub tile: usize,
}

/// A tile: its first output's row and place, and how many there are of its outputs.
#[derive(Clone, Copy, Default)]
struct Spot {
    row: usize,
    place: usize,
    outputs: usize,
}

/// Some tiles of a block, whose vectors of lanes, one tile after the other, are cut into groups of four.
pub(super) struct Run {
    spots: [Spot; TILES],
    count: usize,
    pub vectors: usize,
}

impl Tiles {
    /// Pixels of a unit, and tiles.
    pub fn of_unit(self) -> (usize, usize) {
        let tiles = self.dilation * self.inner;
        (tiles * self.tile, tiles)
    }

    /// Of a block.
    pub fn count(self) -> usize {
        self.length.div_ceil(self.tile * self.dilation) * self.of_unit().1
    }

    /// The next tiles of `range` that fit in so many groups, which it then has no more.
    pub fn take(self, range: &mut Range<usize>, groups: usize, lanes: usize) -> Run {
        let vectors = lanes / 4;
        let most = groups * 4 / vectors;
        let mut run = Run { spots: [Spot::default(); TILES], count: 0, vectors };
        while run.count < most {
            let Some(t) = range.next() else { break };
            let (unit, at) = (t / self.of_unit().1, t % self.of_unit().1);
            let row = unit * self.tile * self.dilation + at / self.inner;
            // (Of the last unit some tiles may have no outputs.)
            if row < self.length {
                let outputs = (self.length - row).div_ceil(self.dilation).min(self.tile);
                run.spots[run.count] = Spot { row, place: row * self.inner + at % self.inner, outputs };
                run.count += 1;
            }
        }
        run
    }
}

impl Run {
    /// Groups that hold it.
    pub fn groups(&self) -> usize {
        self.all_vectors().div_ceil(4)
    }

    /// Vectors of all its tiles.
    pub fn all_vectors(&self) -> usize {
        self.count * self.vectors
    }

    fn spots(&self) -> &[Spot] {
        &self.spots[..self.count]
    }

    /// Of as many lanes.
    fn lanes(&self) -> usize {
        4 * self.vectors
    }
}

/// Channels of the images of a block, `[channels][length][inner][lanes]`; channels are `apart`.
#[derive(Clone, Copy)]
pub(super) struct Plane {
    pub channels: usize,
    pub apart: usize,
    pub length: usize,
    pub inner: usize,
}

/// What stands for pixels outside of the image.
static OUTSIDE: [f32; LANES] = [0.0; LANES];

/// Where the transformed values go: groups of so many channels (see [`super::products`]), the first product where
/// `values` begins. Where there are more channels than are written, they are `cleared`.
pub(super) struct Values<'a> {
    pub values: &'a mut [f32],
    pub channels: usize,
    pub cleared: bool,
}

impl<'a> Values<'a> {
    /// A cursor over what a run takes. What of the last group belongs to no tile is 0.
    fn cursor(self, run: &Run) -> Dst<'a> {
        let reach = run.groups() * self.channels * CHANNEL - LANES;
        if self.cleared || !run.all_vectors().is_multiple_of(4) {
            self.values[..reach].fill(0.0);
        }
        Dst::new(self.values, reach)
    }
}

/// Transforms the patches of all channels of each part, one part after the other. What is outside of the image is 0.
///
/// (Channel by channel, all tiles of it: neighbours in memory, which have pixels in common.)
#[inline(never)]
pub(super) fn transform_inputs(
    (image, plane): (&[f32], Plane),
    parts: &Parts,
    (tiles, run): (Tiles, &Run),
    to: Values,
) {
    let of_to = to.channels;
    let to = to.cursor(run);
    match run.vectors {
        4 => inputs::<4>((image, plane), parts, (tiles, run), (to, of_to)),
        _ => inputs::<1>((image, plane), parts, (tiles, run), (to, of_to)),
    }
}

/// `W` vectors of a tile at a time.
#[inline(always)]
fn inputs<const W: usize>(
    (image, plane): (&[f32], Plane),
    parts: &Parts,
    (tiles, run): (Tiles, &Run),
    (mut to, of_to): (Dst, usize),
) {
    let Plane { channels, apart, length, inner } = plane;
    let (image, outside) = (Src::new(image, channels * apart), Src::new(&OUTSIDE, LANES));
    let (factors, lanes) = (Factors::new(), run.lanes());
    let stride = parts.step / tiles.dilation;
    // From one input of a patch to the next, in floats.
    let step = parts.step * inner * lanes;
    for (p, part) in parts.iter().enumerate() {
        let mut patches = [const { (0isize, 0..0) }; TILES];
        for (patch, spot) in patches.iter_mut().zip(run.spots()) {
            let row = (spot.row * stride) as isize + part.first;
            let column = spot.place - spot.row * inner;
            // The inputs that exist, of the eight.
            let steps = |rows: isize| rows.max(0).unsigned_abs().div_ceil(parts.step).min(POINTS);
            let low = steps(-row);
            let inside = low..steps(length as isize - row).max(low);
            *patch = ((row * inner as isize + column as isize) * lanes as isize, inside);
        }
        for channel in 0..channels {
            let plane = image.offset(channel * apart);
            let c = p * channels + channel;
            let mut vector = 0;
            for (at, inside) in &patches[..run.count] {
                // (Of those outside nothing is read; a place before the image wraps.)
                let patch = plane.offset(*at as usize);
                let lines: [Src; POINTS] =
                    std::array::from_fn(
                        |i| {
                            if inside.contains(&i) {
                                patch.offset(i * step)
                            } else {
                                outside
                            }
                        },
                    );
                for v in (0..run.vectors).step_by(W) {
                    let to = to.offset((vector / 4 * of_to + c) * CHANNEL + vector % 4 * 4);
                    factors.inputs::<W>(lines.map(|line| line.offset(4 * v)), to);
                    vector += W;
                }
            }
        }
    }
}

/// Transforms the gradients of the outputs of all channels of an image.
#[inline(never)]
pub(super) fn transform_gradients(image: (&[f32], Plane), (tiles, run): (Tiles, &Run), to: Values) {
    let of_to = to.channels;
    let to = (to.cursor(run), of_to);
    match run.vectors {
        4 => gradients::<4>(image, (tiles, run), to),
        _ => gradients::<1>(image, (tiles, run), to),
    }
}

#[inline(always)]
fn gradients<const W: usize>(
    (image, plane): (&[f32], Plane),
    (tiles, run): (Tiles, &Run),
    (mut to, of_to): (Dst, usize),
) {
    let (image, outside) = (Src::new(image, plane.channels * plane.apart), Src::new(&OUTSIDE, LANES));
    let (factors, lanes) = (Factors::new(), run.lanes());
    let step = tiles.dilation * tiles.inner * lanes;
    for channel in 0..plane.channels {
        let mut vector = 0;
        for spot in run.spots() {
            let first = image.offset(channel * plane.apart + spot.place * lanes);
            let line = |i: usize| if i < spot.outputs { first.offset(i * step) } else { outside };
            let (lines, last): ([Src; LARGEST], Src) = (std::array::from_fn(line), line(tiles.tile - 1));
            for v in (0..run.vectors).step_by(W) {
                let to = to.offset((vector / 4 * of_to + channel) * CHANNEL + vector % 4 * 4);
                factors.gradients::<W>(lines.map(|line| line.offset(4 * v)), last.offset(4 * v), to);
                vector += W;
            }
        }
    }
}

/// Writes the outputs of some tiles, to each channel's its bias, if there is one, from the sums of products in groups of
/// `of_values` channels.
#[inline(never)]
pub(super) fn write_outputs(
    (values, of_values): (&mut [f32], usize),
    (tiles, run): (Tiles, &Run),
    (mut to, plane): (Dst, Plane),
    bias: Option<&[f32]>,
) {
    let mut values = Dst::new(values, run.groups() * of_values * CHANNEL);
    let (factors, lanes) = (Factors::new(), run.lanes());
    let step = tiles.dilation * tiles.inner * lanes;
    for channel in 0..plane.channels {
        let bias = F32x4::splat(bias.map_or(0.0, |bias| bias[channel]));
        let mut vector = 0;
        for spot in run.spots() {
            let mut to = to.offset(channel * plane.apart + spot.place * lanes);
            for v in 0..run.vectors {
                let sums = values.offset((vector / 4 * of_values + channel) * CHANNEL + vector % 4 * 4);
                let outputs = factors.outputs(&sums, tiles.tile);
                for (i, output) in outputs.into_iter().enumerate() {
                    if i < spot.outputs {
                        to.offset(i * step).store(4 * v, output + bias);
                    }
                }
                vector += 1;
            }
        }
    }
}
