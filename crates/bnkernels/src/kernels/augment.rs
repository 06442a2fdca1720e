//! Images of bytes, gathered and changed at random on the way: flipped, cropped, shifted, turned, scaled, cut out of,
//! made noisy, and normalised, each by numbers that its seed, pass and place in the set alone decide (so not the
//! threads, the batch or what came before).
//!
//! An output pixel is looked up where it comes from. With `u` and `v` the pixel's place from the output's middle,
//! negative where the image is flipped, `a` the angle and `s` the scale,
//!
//! ```text
//! x = (cos a · u + sin a · v) / s + middle + offset_x
//! y = (cos a · v − sin a · u) / s + middle + offset_y
//! ```
//!
//! between pixels bilinearly (https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomAffine.html),
//! and `fill` outside. Offsets are whole pixels: without angle and scale every pixel is a pixel of the source. A crop
//! lies anywhere in the image with `padding` around (torchvision's RandomCrop), a shift comes on top; the square that
//! is cut out has its middle anywhere (DeVries and Taylor, 2017). Noise is normal, in units of white = 1.

use crate::kernels::gather::first_bad_index;
use crate::kernels::random::{normals, sample_block, unit};
use crate::parallel::for_each_part;
use crate::simd::F32x4;

/// What is to be done, and how much of it at most.
#[derive(Clone, Copy, Debug)]
pub struct Augment {
    pub channels: usize,
    /// Height and width of the images.
    pub size: (usize, usize),
    /// Those of what comes out.
    pub out: (usize, usize),
    /// Pixels around the image that a crop may reach into.
    pub padding: usize,
    /// Pixels that the image is moved by, up and down, left and right.
    pub shift: usize,
    /// The side of a square that is filled.
    pub cutout: usize,
    /// How likely it is mirrored: left to right, top to bottom.
    pub flips: (f32, f32),
    /// The largest angle.
    pub degrees: f32,
    /// The least and the largest scale.
    pub scale: (f32, f32),
    /// Deviation of the noise; 1 is white.
    pub noise: f32,
    /// The byte outside of the image.
    pub fill: f32,
    pub seed: u64,
    pub epoch: u32,
}

/// Sizes above this would not be exact, and mean nothing.
const MOST: usize = 1 << 16;

impl Augment {
    /// Whether a crop fits, and all sizes are such that places can be computed.
    pub fn is_valid(&self) -> bool {
        let Self { channels, size: (h, w), out: (oh, ow), padding, shift, cutout, scale, .. } = *self;
        let small = [h, w, oh, ow, padding, shift, cutout].iter().all(|&n| n < MOST);
        channels > 0
            && h > 0
            && w > 0
            && small
            && oh <= h + 2 * padding
            && ow <= w + 2 * padding
            && scale.0 > 0.0
            && scale.1 >= scale.0
            && scale.1.is_finite()
            && self.degrees.is_finite()
            && self.noise.is_finite()
            && self.fill.is_finite()
    }
}

/// What one image's numbers make of it.
struct Choice {
    flip: bool,
    flip_vertical: bool,
    /// (cos a, sin a) / s; none where every pixel is a pixel of the source.
    turn: Option<(f32, f32)>,
    /// Where output (0, 0) comes from, before anything else.
    offset: (i32, i32),
    /// Rows and columns that are filled.
    cut: Option<[i32; 4]>,
}

/// One of `0..n`, by a word. (As even as 2³² is large.)
fn below(word: u32, n: usize) -> i32 {
    ((u64::from(word) * n as u64) >> 32) as i32
}

impl Choice {
    fn of(a: &Augment, sample: u32) -> Self {
        let block = |i| sample_block(a.seed, a.epoch, sample, i);
        let [flip, flip_vertical, angle, scale] = unit(block(0)).to_array();
        let [down, right, top, left] = block(1);
        let [cut_y, cut_x, ..] = block(2);
        let plain = a.degrees == 0.0 && a.scale == (1.0, 1.0);
        let turn = (!plain).then(|| {
            let turns = F32x4::splat((2.0 * angle - 1.0) * a.degrees / 360.0);
            // Of a fraction of a turn, so that its rounding is the same everywhere.
            let (sin, cos) = (turns - turns.floor()).sin_cos_of_turns_unfused();
            let s = a.scale.0 + scale * (a.scale.1 - a.scale.0);
            (cos.to_array()[0] / s, sin.to_array()[0] / s)
        });
        let offset = |word, moved, size: usize, out: usize| {
            let crop = below(word, size + 2 * a.padding - out + 1) - a.padding as i32;
            crop + below(moved, 2 * a.shift + 1) - a.shift as i32
        };
        let cut = (a.cutout > 0).then(|| {
            let span = |word, out| {
                let from = below(word, out) - a.cutout as i32 / 2;
                [from, from + a.cutout as i32]
            };
            let ([top, bottom], [left, right]) = (span(cut_y, a.out.0), span(cut_x, a.out.1));
            [top, bottom, left, right]
        });
        Self {
            flip: flip < a.flips.0,
            flip_vertical: flip_vertical < a.flips.1,
            turn,
            offset: (offset(top, down, a.size.0, a.out.0), offset(left, right, a.size.1, a.out.1)),
            cut,
        }
    }

    fn is_cut(&self, row: i32, col: i32) -> bool {
        self.cut.is_some_and(|[top, bottom, left, right]| {
            (top..bottom).contains(&row) && (left..right).contains(&col)
        })
    }
}

/// An image's byte, and `fill` outside of it.
fn pixel(a: &Augment, plane: &[u8], y: i32, x: i32) -> f32 {
    let (h, w) = a.size;
    if (0..h as i32).contains(&y) && (0..w as i32).contains(&x) {
        f32::from(plane[y as usize * w + x as usize])
    } else {
        a.fill
    }
}

/// The bytes of channel `plane` of one output image, as numbers.
fn draw(a: &Augment, choice: &Choice, plane: &[u8], out: &mut [f32]) {
    let (oh, ow) = a.out;
    for (row, out) in out.chunks_exact_mut(ow).enumerate() {
        let v = if choice.flip_vertical { oh - 1 - row } else { row } as i32;
        for (col, out) in out.iter_mut().enumerate() {
            let u = if choice.flip { ow - 1 - col } else { col } as i32;
            *out = if choice.is_cut(row as i32, col as i32) {
                a.fill
            } else if let Some(turn) = choice.turn {
                between(a, plane, place(a, turn, choice.offset, v, u))
            } else {
                pixel(a, plane, v + choice.offset.0, u + choice.offset.1)
            };
        }
    }
}

/// Where output pixel (v, u) comes from: turned and scaled about the middle of what is looked at.
fn place(a: &Augment, (cos, sin): (f32, f32), (top, left): (i32, i32), v: i32, u: i32) -> (f32, f32) {
    let middle = |n: usize| (n as f32 - 1.0) / 2.0;
    let (my, mx) = (middle(a.out.0), middle(a.out.1));
    let (dv, du) = (v as f32 - my, u as f32 - mx);
    (cos * dv - sin * du + my + top as f32, cos * du + sin * dv + mx + left as f32)
}

/// Between the four pixels around a place.
fn between(a: &Augment, plane: &[u8], (y, x): (f32, f32)) -> f32 {
    // Far outside all is alike, and whole numbers end.
    let (y, x) = (y.clamp(-2e5, 2e5), x.clamp(-2e5, 2e5));
    let (top, left) = (y.floor(), x.floor());
    let (fy, fx) = (y - top, x - left);
    let at = |dy, dx| pixel(a, plane, top as i32 + dy, left as i32 + dx);
    let across = |dy| at(dy, 0) * (1.0 - fx) + at(dy, 1) * fx;
    across(0) * (1.0 - fy) + across(1) * fy
}

/// `y[i] = augmented source[indices[i]]`, normalised by each channel's scale and shift in `norms`. Where an index is out
/// of range, writes nothing and returns its position.
pub fn augment(a: &Augment, source: &[u8], indices: &[u32], norms: &[f32], y: &mut [f32]) -> Option<usize> {
    let (plane, out) = (a.size.0 * a.size.1, a.out.0 * a.out.1);
    let (row, image) = (a.channels * plane, a.channels * out);
    let n = indices.len();
    let bad = first_bad_index(indices, source.len() / row);
    if bad.is_some() || image == 0 {
        return bad;
    }
    let (norms, _) = norms.as_chunks::<2>();
    // A pixel costs some twenty multiply-adds.
    for_each_part([y], [image], (n, image, 20), |range, [y]| {
        for (&index, y) in indices[range].iter().zip(y.chunks_exact_mut(image)) {
            let from = &source[index as usize * row..][..row];
            let choice = Choice::of(a, index);
            let planes = from.chunks_exact(plane).zip(y.chunks_exact_mut(out));
            for (&[scale, shift], (from, y)) in norms.iter().zip(planes) {
                draw(a, &choice, from, y);
                for y in y.iter_mut() {
                    *y = *y * scale + shift;
                }
            }
            if a.noise != 0.0 {
                add_noise(a, index, norms, y, out);
            }
        }
    });
    None
}

/// Adds `noise · 255 · scale[c]` times a normal number to each value.
fn add_noise(a: &Augment, sample: u32, norms: &[[f32; 2]], y: &mut [f32], out: usize) {
    for (block, y4) in y.chunks_mut(4).enumerate() {
        let z = normals(sample_block(a.seed, a.epoch, sample, 3 + block as u32)).to_array();
        for (i, (y, z)) in y4.iter_mut().zip(z).enumerate() {
            let [scale, _] = norms[(4 * block + i) / out];
            *y += a.noise * 255.0 * scale * z;
        }
    }
}

#[cfg(test)]
mod tests;
