//! Winograd's minimal filtering along one dimension: for kernels that are a line, as all of a Conv1d's.
//!
//! A tile of `M` outputs of a kernel of `9 − M` taps sees a patch of 8 inputs, and 8 products make it:
//! `Y = Aᵀ [(G g) ⊙ (Bᵀ d)]`, where the sum over input channels is taken inside of the brackets: 8 independent matrix
//! products. Of three taps tiles have 6 outputs (8 products instead of 18), of more 4 (5 taps: 8 instead of 20); a
//! longer kernel is a sum of such parts ([`parts`]), whose patches are channels of their own, and so is one with a stride.
//! With a dilation, outputs that are so far apart are neighbours. The gradient of the weight is the transpose of that
//! map, the gradient of the input (of a step of one) a correlation with the kernel reversed.
//! Source: Winograd, Arithmetic Complexity of Computations, 1980; the transforms are in [`transform`].
//!
//! What it costs: a NaN or an infinity in the input spreads over all outputs of the tiles whose patches have it (and
//! gives NaN), up to 7 places of the kernel far; the gradient of the weight has it in all taps of the channel pair.

mod correlate;
mod gradient;
mod parts;
#[cfg(test)]
mod tests;
mod tiles;
mod transform;
mod weights;

use super::products::{self, of_channel};
use super::Conv2dShape;
use crate::parallel::OutOfMemory;
use correlate::Correlation;
pub(super) use gradient::backward_weight;
use parts::Parts;

/// Inputs of a tile's patch, and products that it takes for a pair of channels.
const POINTS: usize = 8;
/// Floats that they take for a channel of a group of lanes (see [`products`]).
const CHANNEL: usize = of_channel(POINTS);

/// What transforming a tile costs for each channel on either side, in products (measured).
const TRANSFORM: usize = 40;
/// Vectors of tiles that the transformed kernels are worth their own cost for.
const SHARED: usize = 8;
/// The most floats that the transformed kernels may take: 16 MB.
const LARGEST: usize = 1 << 22;

/// A convolution whose kernel is a line: `[n][channels][length][inner]`, of which the kernel lies along the length.
#[derive(Clone, Copy)]
struct Line {
    n: usize,
    c: usize,
    oc: usize,
    /// Length of the input, and of the output.
    from: usize,
    to: usize,
    inner: usize,
    taps: usize,
    stride: usize,
    dilation: usize,
    padding: usize,
}

impl Line {
    /// `None` where the kernel is no line, or of one tap.
    fn of(s: &Conv2dShape) -> Option<Self> {
        if !cfg!(feature = "whole") {
            return None;
        }
        let (oh, ow) = (s.oh(), s.ow());
        let along_row = (s.kh, s.h, oh, s.padding.0) == (1, 1, 1, 0);
        let along_column = (s.kw, s.stride.1, s.padding.1) == (1, 1, 0) && s.w == ow;
        let Conv2dShape { n, c, oc, .. } = *s;
        let line = if along_row {
            let (stride, dilation, padding) = (s.stride.1, s.dilation.1, s.padding.1);
            Self { n, c, oc, from: s.w, to: ow, inner: 1, taps: s.kw, stride, dilation, padding }
        } else if along_column {
            let (stride, dilation, padding) = (s.stride.0, s.dilation.0, s.padding.0);
            Self { n, c, oc, from: s.h, to: oh, inner: s.w, taps: s.kh, stride, dilation, padding }
        } else {
            return None;
        };
        (s.groups == 1 && line.taps > 1 && (line.stride == 1 || line.dilation == 1)).then_some(line)
    }

    /// The correlation that gives the input's gradient, if the stride is one.
    fn back(self) -> Self {
        let extent = (self.taps - 1) * self.dilation;
        // (It may lie before the gradient's first place, or behind: where the padding is more than the kernel needs.)
        let padding = extent.wrapping_sub(self.padding);
        Self { c: self.oc, oc: self.c, from: self.to, to: self.from, padding, ..self }
    }
}

/// Whether it is faster than the direct way, in which each tap meets `windows` places of the line.
fn is_faster(line: Line, windows: usize) -> bool {
    let Some(parts) = Parts::of(&line) else { return false };
    let Line { c, oc, to, inner, dilation, .. } = line;
    let kernels = (c * parts.count() + 3).checked_mul((oc + 3) * POINTS);
    let tiles = inner * dilation.min(to) * to.div_ceil(dilation).div_ceil(parts.tile);
    // (As f64: a product may be more than 32 bits hold.)
    let direct = (line.taps * windows * inner) as f64;
    let transforms = parts.count() as f64 / oc as f64 + 1.0 / c as f64;
    let tile = parts.products() as f64 + TRANSFORM as f64 * transforms;
    let pays = direct > 1.2 * tiles as f64 * tile;
    kernels.is_some_and(|kernels| kernels <= LARGEST)
        && tiles.saturating_mul(line.n.div_ceil(4)) >= SHARED
        && pays
}

/// Whether it is faster than the direct way, by the shape alone.
pub(super) fn pays(s: &Conv2dShape) -> bool {
    Line::of(s).is_some_and(|line| is_faster(line, line.to))
}

/// Whether it is, for the gradient of the input, which may be longer than the output.
pub(super) fn pays_back(s: &Conv2dShape) -> bool {
    Line::of(s).is_some_and(|line| line.stride == 1 && is_faster(line.back(), line.to))
}

/// `y = conv2d(x, weight) + bias`.
pub(super) fn forward(
    s: &Conv2dShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
) -> Result<(), OutOfMemory> {
    assert_eq!(weight.len(), s.weight());
    let line = Line::of(s).expect("a kernel that is a line");
    Correlation { line, parts: Parts::of(&line).expect("parts"), weight, back: false, bias }.run(x, y)
}

/// The gradient of the input, and to each of its channels its bias.
pub(super) fn backward_input(
    s: &Conv2dShape,
    dy: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    dx: &mut [f32],
) -> Result<(), OutOfMemory> {
    assert_eq!(weight.len(), s.weight());
    let line = Line::of(s).expect("a kernel that is a line").back();
    Correlation { line, parts: Parts::of(&line).expect("parts"), weight, back: true, bias }.run(dy, dx)
}
