//! Winograd's minimal filtering F(4×4, 3×3) for kernels of 3×3 whose taps and windows are one step apart: 36
//! products make 4×4 outputs of a channel pair instead of 144.
//!
//! A tile of 4×4 outputs `Y` sees a patch `d` of 6×6 inputs. With the kernel `g`,
//! `Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A`, where the sum over input channels is taken inside of the brackets: 36
//! independent matrix products. The gradient of the weight is the transpose of that map,
//! `dg = Gᵀ [Σ (Bᵀ d B) ⊙ (A dY Aᵀ)] G`; the gradient of the input is the correlation itself, with the kernels
//! rotated, the channels exchanged and a padding of 2 − p. Both gradients at once share transforms ([`backward`]).
//! Source: Lavin & Gray, Fast Algorithms for Convolutional Neural Networks, <https://arxiv.org/abs/1509.09308>.
//!
//! Strided convolutions of kernels up to 5×5 are such ones between more channels ([`phases`]).
//!
//! The matrices are those of the points 0, ±1/√2, ±√2, ∞ ([`transform`] writes them out): errors stay near 1e-6
//! of the largest result, where the textbook's 0, ±1, ±2, ∞ lose 3 to 6 times as many digits.
//!
//! What it costs: each output is made of all inputs of its tile's patch, so a NaN or an infinity in the input
//! spreads over all outputs of the tiles whose patches have it (and gives NaN), up to 5 pixels far; the gradient
//! of the weight has it in all taps of the channel pair. So do values whose sums of 36 overflow. Images do not
//! mix.

mod backward;
mod correlate;
mod gradient;
mod patches;
mod phases;
#[cfg(test)]
mod tests;
mod transform;
mod weights;

use super::products::{self, of_channel};
use super::Conv2dShape;
use crate::parallel::OutOfMemory;
pub(super) use backward::{backward, chunks_of_block};
use correlate::{Correlation, Side};
pub(super) use gradient::backward_weight;
use phases::Phases;
use weights::Kernels;

/// Outputs of a tile, and inputs of its patch, along each dimension.
const TILE: usize = 4;
const PATCH: usize = 6;
/// Products that a tile takes for a pair of channels.
const PRODUCTS: usize = PATCH * PATCH;
/// Floats that they take for a channel of a group of lanes (see [`products`]).
const CHANNEL: usize = of_channel(PRODUCTS);

/// Channels of a phase that are summed together: those of several phases lie one after the other.
const FOURS: usize = 4;
/// What transforming a tile costs for each channel on either side, in products (measured).
const TRANSFORM: usize = 150;
/// Channels on either side below which no products are saved that pay for the transforms.
const FEWEST: usize = 3;
/// How many times as many products the direct way has at least, where kernels are cut into parts.
const LONG: f64 = 1.6;
/// Vectors of tiles that the transformed kernels, and the gradients of theirs, are worth their own cost for.
const SHARED: f64 = 3.0;
/// What transforming a kernel of a channel pair costs, in products of vectors (measured).
const KERNEL: f64 = 60.0;
/// The most floats that the transformed kernels may take: 16 MB.
const LARGEST: usize = 1 << 22;

/// Whether the gradients are faster than the direct way, by the shape alone.
pub(super) fn pays(s: &Conv2dShape) -> bool {
    where_faster(s).is_some()
}

/// Whether it is, for the gradient of the input. (Of a kernel in parts each tile takes so many products that it matters
/// how many more tiles the input has than the output.)
pub(super) fn pays_back(s: &Conv2dShape) -> bool {
    let pays = |phases: Phases| phases.back(s).is_some() && (!phases.is_long() || saved(s, true).is_some());
    where_faster(s).is_some_and(pays)
}

/// Whether it is forward, which needs fewer tiles.
pub(super) fn forward_pays(s: &Conv2dShape) -> bool {
    saved(s, false).is_some_and(|(phases, saved)| saved > KERNEL * phases.count() as f64)
}

/// The phases by which it is faster than the direct way, by the shape alone. (The batch matters for images of less than
/// three tiles only.)
fn where_faster(s: &Conv2dShape) -> Option<Phases> {
    let (phases, _) = saved(s, false)?;
    let tiles = s.oh().div_ceil(TILE) as f64 * s.ow().div_ceil(TILE) as f64;
    // (The kernels of each phase are transformed.)
    (tiles * s.n.div_ceil(4) as f64 >= SHARED * phases.count() as f64).then_some(phases)
}

/// The phases by which there are fewer products, and how many vectors of them are saved for a pair of channels: forward,
/// or (`back`) in the gradient of the input.
fn saved(s: &Conv2dShape, back: bool) -> Option<(Phases, f64)> {
    if !cfg!(feature = "whole") || s.dilation != (1, 1) || s.groups != 1 {
        return None;
    }
    let phases = Phases::of(s)?;
    let (strided, long) = (s.stride != (1, 1), phases.is_long());
    let plain = (s.kh, s.kw, s.stride) == (3, 3, (1, 1));
    if !(plain || long || strided && s.c.is_multiple_of(FOURS)) {
        return None;
    }
    let products = (s.c + 3).saturating_mul(s.oc + 3).saturating_mul(PRODUCTS * phases.count());
    if !long && s.c.min(s.oc) < FEWEST || products > LARGEST {
        return None;
    }
    let (h, w) = (s.oh(), s.ow());
    // The direct way skips the taps outside of the image.
    let taps = |windows: usize, kernel: usize, padding: usize| {
        let padding = if strided { 0 } else { padding.min(kernel - 1) };
        (kernel * windows) as f64 - (padding * (padding + 1)) as f64
    };
    let direct = taps(h, s.kh, s.padding.0) * taps(w, s.kw, s.padding.1);
    let (high, wide) = if back { (s.h, s.w) } else { (h, w) };
    let tiles = high.div_ceil(TILE) as f64 * wide.div_ceil(TILE) as f64;
    let transforms = 1.0 / s.c as f64 + phases.count() as f64 / s.oc as f64;
    let tile = phases.products() as f64 + TRANSFORM as f64 * transforms;
    let worth = if long { LONG } else { 1.2 };
    let saved = direct - worth * tiles * tile;
    (saved > 0.0).then(|| (phases, saved * s.n.div_ceil(4) as f64))
}

/// `y = conv2d(x, weight) + bias`.
pub(super) fn forward(
    s: &Conv2dShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
) -> Result<(), OutOfMemory> {
    let phases = Phases::of(s).expect("a kernel that has phases");
    let (from, to) = (Side::input(s, phases), Side::output(s));
    let before = phases.before();
    let kernels = Kernels::new(s, phases, weight, false);
    Correlation { n: s.n, from, to, before, kernels, bias }.run(x, y)
}

/// The gradient of the input, and to each of its channels its bias.
pub(super) fn backward_input(
    s: &Conv2dShape,
    dy: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    dx: &mut [f32],
) -> Result<(), OutOfMemory> {
    let phases = Phases::of(s).and_then(|phases| phases.back(s)).expect("a kernel that has phases");
    let (from, to) = if phases.is_long() {
        (Side { phases, ..Side::output(s) }, Side::input(s, Phases::PLAIN))
    } else {
        (Side::output(s), Side::input(s, phases))
    };
    let before = phases.before();
    let kernels = Kernels::new(s, phases, weight, true);
    Correlation { n: s.n, from, to, before, kernels, bias }.run(dy, dx)
}
