//! The sizes of a max pooling, and where its windows lie.

use crate::layout::Blocks;
use std::ops::Range;

/// Windows of a row that are done together: their part of a row of the input and of its gradient, of a row of windows
/// and what is left of its gradient stay in a first cache.
pub(super) const RUN: usize = 64;

/// Windows `j` and after it, in one row of windows, that have as many taps in each row; the first one's are at `column`.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub j: usize,
    pub column: usize,
    pub taps: usize,
    pub windows: usize,
}

/// `[n, c, h, w]` in windows of `kernel`; pairs are (vertical, horizontal).
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2dShape {
    pub n: usize,
    pub c: usize,
    pub h: usize,
    pub w: usize,
    pub kernel: (usize, usize),
    pub stride: (usize, usize),
    pub padding: (usize, usize),
    /// From one tap to the next.
    pub dilation: (usize, usize),
    /// The output's size where it is not as many windows as fit (PyTorch's `ceil_mode`).
    pub output: Option<(usize, usize)>,
}

impl MaxPool2dShape {
    /// One image of one pixel; for the shapes that name what is different.
    pub const PLAIN: Self = Self {
        n: 1,
        c: 1,
        h: 1,
        w: 1,
        kernel: (1, 1),
        stride: (1, 1),
        padding: (0, 0),
        dilation: (1, 1),
        output: None,
    };

    /// Whether every window begins before the end of the image, and no place overflows. (In f64, as sizes may be
    /// anything.)
    pub fn is_valid(&self) -> bool {
        let axis = |size, taps, stride, padding, dilation, windows: usize| {
            let start = (windows as f64 - 1.0) * stride as f64;
            taps > 0
                && stride > 0
                && dilation > 0
                && padding <= taps / 2
                && start < size as f64 + padding as f64
                && size as f64 + padding as f64 + (taps as f64 - 1.0) * (dilation as f64) < f64::from(1 << 30)
        };
        let (oh, ow) = (self.oh(), self.ow());
        axis(self.h, self.kernel.0, self.stride.0, self.padding.0, self.dilation.0, oh)
            && axis(self.w, self.kernel.1, self.stride.1, self.padding.1, self.dilation.1, ow)
    }

    /// Height of the output.
    pub fn oh(&self) -> usize {
        let fit =
            || (self.h + 2 * self.padding.0 - (self.kernel.0 - 1) * self.dilation.0 - 1) / self.stride.0 + 1;
        self.output.map_or_else(fit, |(oh, _)| oh)
    }

    /// Width of the output.
    pub fn ow(&self) -> usize {
        let fit =
            || (self.w + 2 * self.padding.1 - (self.kernel.1 - 1) * self.dilation.1 - 1) / self.stride.1 + 1;
        self.output.map_or_else(fit, |(_, ow)| ow)
    }

    /// Blocks of the input.
    pub fn x(&self) -> Blocks {
        Blocks::new(self.n, self.c * self.h * self.w)
    }

    /// Blocks of the output.
    pub fn y(&self) -> Blocks {
        Blocks::new(self.n, self.c * self.oh() * self.ow())
    }

    /// Windows of 2 × 2 side by side: what batch normalisation can have after it in one kernel.
    pub(in crate::kernels) fn is_quarter(&self) -> bool {
        self.kernel == (2, 2)
            && self.stride == (2, 2)
            && self.padding == (0, 0)
            && self.dilation == (1, 1)
            && (self.oh(), self.ow()) == (self.h / 2, self.w / 2)
    }

    /// Whether windows lie side by side, so that each pixel of their rows is in one of them.
    pub(super) fn is_tiled(&self) -> bool {
        self.kernel == self.stride
            && self.padding == (0, 0)
            && self.dilation == (1, 1)
            && self.ow() * self.kernel.1 == self.w
    }

    /// Whether some pixels may be in more than one window.
    pub(super) fn is_shared(&self) -> bool {
        let shared = |taps, stride, dilation| (taps - 1) * dilation >= stride;
        shared(self.kernel.0, self.stride.0, self.dilation.0)
            || shared(self.kernel.1, self.stride.1, self.dilation.1)
    }

    /// Rows of `x` that windows `i` cover, `dilation` apart.
    pub(super) fn rows(&self, i: usize) -> Range<usize> {
        covered(i, self.stride.0, self.padding.0, self.kernel.0, self.dilation.0, self.h)
    }

    /// Columns of `x` that windows `j` cover, `dilation` apart.
    pub(super) fn columns(&self, j: usize) -> Range<usize> {
        covered(j, self.stride.1, self.padding.1, self.kernel.1, self.dilation.1, self.w)
    }

    /// The windows from `j` on that have the same taps: `RUN` at most, and one where it sticks out of the image.
    pub(super) fn run(&self, j: usize) -> Run {
        let columns = self.columns(j);
        let taps = columns.len().div_ceil(self.dilation.1);
        let reach = (self.kernel.1 - 1) * self.dilation.1 + 1;
        // The first that ends past the image.
        let end = (self.w + self.padding.1 + self.stride.1).saturating_sub(reach) / self.stride.1;
        let whole = taps == self.kernel.1;
        let windows = if whole { end.min(self.ow()).saturating_sub(j).clamp(1, RUN) } else { 1 };
        Run { j, column: columns.start, taps, windows }
    }

    /// Where the taps of window `(i, j)` lie in a channel, in order.
    #[inline(always)]
    pub(super) fn taps(
        &self,
        i: usize,
        j: usize,
        lanes: usize,
    ) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let columns = self.columns(j).step_by(self.dilation.1);
        let places = move |row: usize| columns.clone().map(move |column| (row * self.w + column) * lanes);
        self.rows(i).step_by(self.dilation.0).flat_map(places)
    }
}

/// What window `i` covers of `size` places.
fn covered(
    i: usize,
    stride: usize,
    padding: usize,
    taps: usize,
    dilation: usize,
    size: usize,
) -> Range<usize> {
    let end = (i * stride + (taps - 1) * dilation + 1).saturating_sub(padding).min(size);
    let before = padding.saturating_sub(i * stride);
    // The first tap that is not in the padding.
    let skipped = if dilation == 1 { before } else { before.div_ceil(dilation) * dilation };
    (i * stride + skipped - padding.min(i * stride + skipped)).min(end)..end
}
