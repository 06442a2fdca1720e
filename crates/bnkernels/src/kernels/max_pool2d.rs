//! 2-D max pooling of activations in lanes: `y[n][c][i][j]` is the largest `x` in the window of
//! `kh × kw` at `(i·sh − ph, j·sw − pw)`, taps `dh` and `dw` apart; taps outside of the image are skipped, and
//! of a window without others `y` is −∞.
//! Source: <https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html>.
//!
//! As in PyTorch, the gradient goes to the first largest tap (the last NaN, if there is one), and
//! NaN is larger than any number. Backward finds that tap again from `x` and `y`; nothing is stored.
//!
//! There are two ways, which give the same values: that of [`forward`] and [`backward`], and a [`plain`] one, which is
//! smaller, all that the core binary has, and faster for short rows of windows of 2 × 2.

mod backward;
mod forward;
mod plain;
mod shape;

pub use shape::MaxPool2dShape;

/// Windows of 2 × 2 in a row from which on what a row costs by itself is less than what its order gains.
const LONG: usize = 16;

fn is_plain(shape: &MaxPool2dShape) -> bool {
    !cfg!(feature = "whole") || shape.is_quarter() && shape.ow() < LONG
}

/// `y`, in lanes, from `x` in lanes. With `factors`, one a channel, the tap is taken whose multiple
/// by the factor is the largest, and of equals the first: what batch normalisation after it makes the largest.
pub fn max_pool2d_forward(shape: &MaxPool2dShape, x: &[f32], factors: Option<&[f32]>, y: &mut [f32]) {
    assert!(shape.is_valid() && factors.is_none_or(|factors| factors.len() == shape.c));
    assert_eq!((x.len(), y.len()), (shape.x().len(), shape.y().len()));
    if y.is_empty() {
        return;
    }
    assert!(!x.is_empty(), "windows of nothing but padding");
    if is_plain(shape) {
        plain::max_pool2d_forward(shape, x, factors, y);
    } else {
        forward::max_pool2d_forward(shape, x, factors, y);
    }
}

/// `dx`, in lanes, from what forward read and wrote and from `dy`.
pub fn max_pool2d_backward(shape: &MaxPool2dShape, x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert!(shape.is_valid());
    assert_eq!((x.len(), dx.len()), (shape.x().len(), shape.x().len()));
    assert_eq!((y.len(), dy.len()), (shape.y().len(), shape.y().len()));
    if dx.is_empty() {
        return;
    }
    if is_plain(shape) {
        plain::max_pool2d_backward(shape, x, y, dy, dx);
    } else {
        backward::max_pool2d_backward(shape, x, y, dy, dx);
    }
}

#[cfg(test)]
mod tests;
