//! 2-D convolution (cross-correlation, as in PyTorch), of activations in lanes:
//! `y[n][o][i][j] = bias[o] + Σ x[n][c][i·sh + u − ph][j·sw + v − pw] · w[o][c][u][v]`
//! over channels `c` and taps `u < kh`, `v < kw`, with `x = 0` outside of the image.
//! The weight is row-major `[oc][c][kh][kw]`.
//! Source: <https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html>.
//!
//! Taps outside of the image are skipped, not multiplied by zero.

mod backward_input;
mod backward_weight;
mod correlate;
mod dot;
mod forward;
mod plan;
mod tile;

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
    pub padding: (usize, usize),
}

impl Conv2dShape {
    /// Height of the output.
    pub fn oh(&self) -> usize {
        (self.h + 2 * self.padding.0 - self.kh) / self.stride.0 + 1
    }

    /// Width of the output.
    pub fn ow(&self) -> usize {
        (self.w + 2 * self.padding.1 - self.kw) / self.stride.1 + 1
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
        self.oc * self.c * self.kh * self.kw
    }
}

#[cfg(test)]
mod tests;
