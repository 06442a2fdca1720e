//! 2-D convolution (cross-correlation, as in PyTorch), of activations in lanes:
//! `y[n][o][i][j] = bias[o] + Σ x[n][c][i·sh + u·dh − ph][j·sw + v·dw − pw] · w[o][c][u][v]`
//! over channels `c` and taps `u < kh`, `v < kw`, with `x = 0` outside of the image.
//! The weight is row-major `[oc][c][kh][kw]`. In `groups` the channels are shared out in order: output
//! channel `o` sums over the `c / groups` channels of its own group, and these are all that the weight has.
//! Source: <https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html>.
//!
//! Taps outside of the image are skipped, not multiplied by zero. By the shape alone, groups of one input or one
//! output channel (depthwise convolutions) go by [`depthwise`] in forward and the gradient of the input, and kernels
//! of 3×3 and more between many channels by Winograd's way ([`winograd`]), those that are a line by that of one dimension
//! ([`line`]), and dilated ones as plain ones ([`dilated`]), where that is faster; a single image is cut into bands or
//! quarters ([`bands`]) in forward. The core binary has the direct way only: small nets gain nothing by the others.

mod backward;
mod backward_input;
mod backward_weight;
mod bands;
#[cfg(test)]
mod case;
mod chunks;
mod correlate;
mod depthwise;
mod dilated;
mod dot;
mod few;
mod forward;
mod line;
mod plan;
mod products;
mod tile;
mod winograd;

pub use backward::conv2d_backward;
pub use backward_input::conv2d_backward_input;
pub use backward_weight::conv2d_backward_weight;
pub use forward::conv2d_forward;

use crate::layout::Blocks;

/// `[n, c, h, w]` by `[oc, c, kh, kw]`; pairs are (vertical, horizontal).
#[derive(Clone, Copy, Debug)]
pub struct Conv2dShape {
    pub n: usize,
    pub c: usize,
    pub h: usize,
    pub w: usize,
    pub oc: usize,
    pub kh: usize,
    pub kw: usize,
    pub stride: (usize, usize),
    /// Before the first row and column; after the last as much as the output's windows need.
    pub padding: (usize, usize),
    /// From one tap to the next.
    pub dilation: (usize, usize),
    pub groups: usize,
    /// The output's size where it is not as many windows as fit with the same padding on both sides.
    pub output: Option<(usize, usize)>,
}

impl Conv2dShape {
    /// Of one image of one pixel; for the shapes that name what is different.
    pub const PLAIN: Self = Self {
        n: 1,
        c: 1,
        h: 1,
        w: 1,
        oc: 1,
        kh: 1,
        kw: 1,
        stride: (1, 1),
        padding: (0, 0),
        dilation: (1, 1),
        groups: 1,
        output: None,
    };

    /// Whether all is there that a window needs, and no place overflows. (In f64, as sizes may be anything.)
    pub fn is_valid(&self) -> bool {
        let axis = |size, taps, stride, padding, dilation, windows: usize| {
            let [size, taps, padding] = [size, taps, padding].map(|n: usize| n as f64);
            let last = (windows as f64 - 1.0) * stride as f64 + (taps - 1.0) * dilation as f64;
            taps >= 1.0 && stride > 0 && dilation > 0 && size.max(last) + padding < f64::from(1 << 30)
        };
        let Self { h, w, kh, kw, stride, padding, dilation, groups, .. } = *self;
        groups > 0
            && self.c.is_multiple_of(groups)
            && self.oc.is_multiple_of(groups)
            && axis(h, kh, stride.0, padding.0, dilation.0, self.oh())
            && axis(w, kw, stride.1, padding.1, dilation.1, self.ow())
    }

    /// Height of the output.
    pub fn oh(&self) -> usize {
        let fit = || (self.h + 2 * self.padding.0 - (self.kh - 1) * self.dilation.0 - 1) / self.stride.0 + 1;
        self.output.map_or_else(fit, |(oh, _)| oh)
    }

    /// Width of the output.
    pub fn ow(&self) -> usize {
        let fit = || (self.w + 2 * self.padding.1 - (self.kw - 1) * self.dilation.1 - 1) / self.stride.1 + 1;
        self.output.map_or_else(fit, |(_, ow)| ow)
    }

    /// Input channels of a group.
    pub fn c_of_group(&self) -> usize {
        self.c / self.groups
    }

    /// Output channels of a group.
    pub fn oc_of_group(&self) -> usize {
        self.oc / self.groups
    }

    /// Blocks of the input.
    pub fn x(&self) -> Blocks {
        Blocks::new(self.n, self.c * self.h * self.w)
    }

    /// Blocks of the output.
    pub fn y(&self) -> Blocks {
        Blocks::new(self.n, self.oc * self.oh() * self.ow())
    }

    /// Elements of the weight.
    pub fn weight(&self) -> usize {
        self.oc * self.c_of_group() * self.kh * self.kw
    }
}

#[cfg(test)]
mod tests;
