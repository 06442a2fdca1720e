//! Convolutions whose taps are `d` apart, and their windows one: outputs with one remainder by `d` read inputs with one
//! remainder, of which these are neighbours. So the pixels of each remainder (of rows and of columns) are an image of their
//! own, and the convolution is a plain one of `d²` times as many images, for which Winograd's way may pay ([`winograd`]).
//! Images are taken apart before and put together behind, both ways; what the windows reach outside of is still no pixel.

use super::{
    conv2d_backward, conv2d_backward_input, conv2d_backward_weight, conv2d_forward, winograd, Conv2dShape,
};
use crate::layout::{Blocks, LANES};
use crate::parallel::scratch::{take, Scratch};
use crate::parallel::{chunk_count, chunk_range, for_each_range, OutOfMemory};
use crate::simd::{Dst, F32x4, Src};

/// Vectors of a full block's pixel.
const FULL: usize = LANES / 4;

/// How the images of a batch are taken apart. Whole blocks become whole blocks, remainder after remainder; of the last
/// one, with fewer lanes, the remainders lie side by side.
#[derive(Clone, Copy)]
struct Apart {
    n: usize,
    channels: usize,
    h: usize,
    w: usize,
    steps: (usize, usize),
    /// Rows and columns before the image that it begins with.
    before: (usize, usize),
}

/// A convolution of images that are taken apart.
pub(super) struct Dilated {
    inner: Conv2dShape,
    input: Apart,
    output: Apart,
}

/// That convolution, where it is faster, by the shape alone. (One image has better use for its lanes: [`super::bands`].)
pub(super) fn where_faster(s: &Conv2dShape) -> Option<Dilated> {
    if !cfg!(feature = "whole") || s.n == 1 || s.dilation == (1, 1) || s.stride != (1, 1) || s.groups != 1 {
        return None;
    }
    let dilated = Dilated::of(s);
    winograd::pays(&dilated.inner).then_some(dilated)
}

impl Dilated {
    fn of(s: &Conv2dShape) -> Self {
        let (oh, ow) = (s.oh(), s.ow());
        let (dh, dw) = s.dilation;
        let before = (s.padding.0 % dh, s.padding.1 % dw);
        let Conv2dShape { n, c, oc, h, w, .. } = *s;
        let input = Apart { n, channels: c, h, w, steps: (dh, dw), before };
        let output = Apart { n, channels: oc, h: oh, w: ow, steps: (dh, dw), before: (0, 0) };
        let inner = Conv2dShape {
            n: input.images(),
            h: input.inner().0,
            w: input.inner().1,
            padding: (s.padding.0 / dh, s.padding.1 / dw),
            dilation: (1, 1),
            output: Some(output.inner()),
            ..*s
        };
        Self { inner, input, output }
    }

    /// `y = conv2d(x, weight) + bias`.
    pub fn forward(
        &self,
        x: &[f32],
        weight: &[f32],
        bias: Option<&[f32]>,
        y: &mut [f32],
    ) -> Result<(), OutOfMemory> {
        let (x, mut of_y) = (self.input.taken(x)?, self.output.room()?);
        conv2d_forward(&self.inner, &x, weight, bias, &mut of_y)?;
        self.output.put_together(&of_y, y);
        Ok(())
    }

    /// The gradient of the input, and to each of its channels its bias.
    pub fn backward_input(
        &self,
        dy: &[f32],
        weight: &[f32],
        bias: Option<&[f32]>,
        dx: &mut [f32],
    ) -> Result<(), OutOfMemory> {
        let (dy, mut of_dx) = (self.output.taken(dy)?, self.input.room()?);
        conv2d_backward_input(&self.inner, &dy, weight, bias, &mut of_dx)?;
        self.input.put_together(&of_dx, dx);
        Ok(())
    }

    /// The gradients of weight and bias.
    pub fn backward_weight(
        &self,
        x: &[f32],
        dy: &[f32],
        dw: &mut [f32],
        db: Option<&mut [f32]>,
    ) -> Result<(), OutOfMemory> {
        let (x, dy) = (self.input.taken(x)?, self.output.taken(dy)?);
        conv2d_backward_weight(&self.inner, &x, &dy, Some(dw), db)
    }

    /// All three.
    pub fn backward(
        &self,
        (x, dy, weight): (&[f32], &[f32], &[f32]),
        dx: &mut [f32],
        dw: &mut [f32],
        db: Option<&mut [f32]>,
    ) -> Result<(), OutOfMemory> {
        let (x, dy, mut of_dx) = (self.input.taken(x)?, self.output.taken(dy)?, self.input.room()?);
        conv2d_backward(&self.inner, (&x, &dy, weight), &mut of_dx, dw, db)?;
        self.input.put_together(&of_dx, dx);
        Ok(())
    }
}

impl Apart {
    /// Size of the images of a remainder: the largest there is.
    fn inner(&self) -> (usize, usize) {
        let size = |pixels: usize, before: usize, step: usize| (pixels + before).div_ceil(step);
        (size(self.h, self.before.0, self.steps.0), size(self.w, self.before.1, self.steps.1))
    }

    fn remainders(&self) -> usize {
        self.steps.0 * self.steps.1
    }

    /// Images of whole blocks, and lanes of the others.
    fn whole_and_rest(&self) -> (usize, usize) {
        let whole = self.n / LANES * LANES;
        (whole, (self.n - whole).next_multiple_of(4))
    }

    /// So many they become: those of lanes that stand for none are images, too.
    fn images(&self) -> usize {
        let (whole, rest) = self.whole_and_rest();
        (whole + rest) * self.remainders()
    }

    fn blocks(&self) -> Blocks {
        Blocks::new(self.n, self.channels * self.h * self.w)
    }

    fn inner_blocks(&self) -> Blocks {
        let (h, w) = self.inner();
        Blocks::new(self.images(), self.channels * h * w)
    }

    /// Which image has a lane of a remainder.
    fn image(&self, block: usize, lane: usize, remainder: usize) -> usize {
        let (whole, rest) = self.whole_and_rest();
        if block * LANES < whole {
            (block * self.remainders() + remainder) * LANES + lane
        } else {
            whole * self.remainders() + remainder * rest + lane
        }
    }

    /// The block, lane and remainder that an image is.
    fn lane(&self, image: usize) -> (usize, usize, usize) {
        let ((whole, rest), all) = (self.whole_and_rest(), self.remainders());
        if image < whole * all {
            (image / LANES / all, image % LANES, image / LANES % all)
        } else {
            let image = image - whole * all;
            (whole / LANES, image % rest, image / rest)
        }
    }

    fn room(&self) -> Result<Scratch, OutOfMemory> {
        take(self.inner_blocks().len())
    }

    /// The images taken apart.
    fn taken(&self, from: &[f32]) -> Result<Scratch, OutOfMemory> {
        let mut to = self.room()?;
        let (blocks, inner) = (self.blocks(), self.inner_blocks());
        assert_eq!(from.len(), blocks.len());
        self.for_each_plane(inner, self.inner(), &mut to, |b, channel, to| {
            let lanes = inner.width(b);
            let whole = (b + 1) * LANES <= self.whole_and_rest().0 * self.remainders();
            for lane in (0..lanes).step_by(if whole { LANES } else { 4 }) {
                let (block, first, remainder) = self.lane(b * LANES + lane);
                let width = blocks.width(block);
                let size = self.h * self.w * width;
                let plane = &from[blocks.range(block).start + channel * size..][..size];
                let (plane, to) = (&plane[first..], &mut to[lane..]);
                if whole {
                    self.take_one::<FULL>((plane, width), remainder, (to, lanes));
                } else {
                    self.take_one::<1>((plane, width), remainder, (to, lanes));
                }
            }
        });
        Ok(to)
    }

    /// `V` vectors of each pixel of a remainder; pixels are `width` apart, and `lanes` where they go.
    fn take_one<const V: usize>(
        &self,
        (plane, width): (&[f32], usize),
        remainder: usize,
        (to, lanes): (&mut [f32], usize),
    ) {
        let (h, w) = self.inner();
        let (row, column) = (remainder / self.steps.1, remainder % self.steps.1);
        let from = Src::new(plane, (self.h * self.w - 1) * width + 4 * V);
        let mut to = Dst::new(to, (h * w - 1) * lanes + 4 * V);
        for i in 0..h {
            // (Before the image it wraps, and is as far out of it as behind.)
            let y = (row + i * self.steps.0).wrapping_sub(self.before.0);
            for j in 0..w {
                let x = (column + j * self.steps.1).wrapping_sub(self.before.1);
                let mut to = to.offset((i * w + j) * lanes);
                let inside = y < self.h && x < self.w;
                let from = from.offset(if inside { (y * self.w + x) * width } else { 0 });
                for v in 0..V {
                    to.store(4 * v, if inside { from.load(4 * v) } else { F32x4::zero() });
                }
            }
        }
    }

    /// The way back: each pixel from the image that has it.
    fn put_together(&self, from: &[f32], to: &mut [f32]) {
        let (blocks, inner) = (self.blocks(), self.inner_blocks());
        assert_eq!(from.len(), inner.len());
        self.for_each_plane(blocks, (self.h, self.w), to, |block, channel, to| {
            let width = blocks.width(block);
            let whole = width == LANES && (block + 1) * LANES <= self.n;
            for lane in (0..width).step_by(if whole { LANES } else { 4 }) {
                for remainder in 0..self.remainders() {
                    let image = self.image(block, lane, remainder);
                    let (b, first) = (image / LANES, image % LANES);
                    let lanes = inner.width(b);
                    let size = self.inner().0 * self.inner().1 * lanes;
                    let plane = &from[inner.range(b).start + channel * size..][..size];
                    let (plane, to) = (&plane[first..], &mut to[lane..]);
                    if whole {
                        self.put_one::<FULL>((plane, lanes), remainder, (to, width));
                    } else {
                        self.put_one::<1>((plane, lanes), remainder, (to, width));
                    }
                }
            }
        });
    }

    fn put_one<const V: usize>(
        &self,
        (plane, lanes): (&[f32], usize),
        remainder: usize,
        (to, width): (&mut [f32], usize),
    ) {
        let (h, w) = self.inner();
        let (row, column) = (remainder / self.steps.1, remainder % self.steps.1);
        let from = Src::new(plane, (h * w - 1) * lanes + 4 * V);
        let mut to = Dst::new(to, (self.h * self.w - 1) * width + 4 * V);
        for i in 0..h {
            let y = (row + i * self.steps.0).wrapping_sub(self.before.0);
            if y >= self.h {
                continue;
            }
            for j in 0..w {
                let x = (column + j * self.steps.1).wrapping_sub(self.before.1);
                if x < self.w {
                    let (from, mut to) =
                        (from.offset((i * w + j) * lanes), to.offset((y * self.w + x) * width));
                    (0..V).for_each(|v| to.store(4 * v, from.load(4 * v)));
                }
            }
        }
    }

    /// `f(block, channel, plane)` for each channel of each of `blocks`, whose images have such a size.
    fn for_each_plane(
        &self,
        blocks: Blocks,
        (h, w): (usize, usize),
        to: &mut [f32],
        f: impl Fn(usize, usize, &mut [f32]) + Sync,
    ) {
        let planes = blocks.count() * self.channels;
        let chunks = chunk_count(planes, h * w * LANES);
        let range = |chunk| chunk_range(chunk, chunks, planes, 1);
        let start = |plane| blocks.item(self.channels, plane);
        for_each_range(
            [to],
            chunks,
            |chunk| [start(range(chunk).start)..start(range(chunk).end)],
            |chunk, [mut to]| {
                for plane in range(chunk) {
                    let (mine, rest) = std::mem::take(&mut to).split_at_mut(start(plane + 1) - start(plane));
                    to = rest;
                    f(plane / self.channels, plane % self.channels, mine);
                }
            },
        );
    }
}

#[cfg(test)]
mod tests;
