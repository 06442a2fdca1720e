//! Where the windows of a correlation lie, and how a row of outputs is cut into segments.

use super::tile::ROWS;
use super::Conv2dShape;
use std::ops::Range;

/// Floats of the input that all output channels read before the next are loaded: a first-level cache.
pub(super) const CACHED: usize = 8192;
/// Pixels that `CACHED` should hold the windows of, if need be of fewer channels.
const PIXELS: usize = 2;

/// One dimension of a correlation. Forward, it is one phase, whose windows step by the stride.
/// Transposed, it is as many as the stride (see [`super::backward_input`]).
#[derive(Clone, Copy)]
pub(super) struct Dimension {
    pub input: usize,
    pub outputs: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub dilation: usize,
    pub transposed: bool,
}

impl Dimension {
    /// Rows and columns of a convolution.
    pub fn of(s: &Conv2dShape, transposed: bool) -> [Self; 2] {
        let dimension = |image, windows, kernel, stride, padding, dilation| {
            let (input, outputs) = if transposed { (windows, image) } else { (image, windows) };
            Self { input, outputs, kernel, stride, padding, dilation, transposed }
        };
        [
            dimension(s.h, s.oh(), s.kh, s.stride.0, s.padding.0, s.dilation.0),
            dimension(s.w, s.ow(), s.kw, s.stride.1, s.padding.1, s.dilation.1),
        ]
    }

    pub fn phases(&self) -> usize {
        if self.transposed {
            self.stride
        } else {
            1
        }
    }

    /// How far apart the taps of a phase are in the kernel, if the dimension is transposed.
    pub fn step(&self) -> usize {
        if self.dilation == 1 {
            self.stride
        } else {
            self.stride / common_divisor(self.stride, self.dilation)
        }
    }

    /// Which tap of the kernel is the first of phase `p`, if the dimension is transposed: the others
    /// are `step` apart. It may lie past the kernel, which then has none for this phase.
    pub fn first_tap(&self, p: usize) -> usize {
        let remainder = (p + self.padding) % self.stride;
        if self.dilation == 1 {
            return remainder;
        }
        let mut taps = 0..self.step().min(self.kernel);
        taps.find(|u| u * self.dilation % self.stride == remainder).unwrap_or(self.kernel)
    }

    #[inline(never)]
    pub fn phase(&self, p: usize) -> Axis {
        let Self { input, outputs, kernel, stride, padding, dilation, .. } = *self;
        if !self.transposed {
            return Axis {
                input,
                taps: kernel,
                stride,
                dilation,
                offset: -(padding as isize),
                count: outputs,
                before: 0,
            };
        }
        let step = self.step();
        let taps = |p| kernel.saturating_sub(self.first_tap(p)).div_ceil(step);
        // Taps that are `step` apart in the kernel are so far apart in the input.
        let dilation = step * dilation / stride;
        // Where the first tap of output 0 lies: a whole number of strides from the padded start.
        let first = (p + padding) as isize - (self.first_tap(p) * self.dilation) as isize;
        Axis {
            input,
            taps: taps(p),
            stride: 1,
            dilation,
            offset: first.div_euclid(stride as isize) - (taps(p) as isize - 1) * dilation as isize,
            count: outputs.saturating_sub(p).div_ceil(stride),
            before: (0..p).map(taps).sum(),
        }
    }
}

/// The greatest common divisor.
fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 {
        a
    } else {
        common_divisor(b, a % b)
    }
}

/// Where the windows of one dimension lie: output `i` of the phase reads the inputs
/// `i * stride + offset + tap * dilation` that exist.
pub(super) struct Axis {
    pub input: usize,
    pub taps: usize,
    pub stride: usize,
    pub dilation: usize,
    pub offset: isize,
    /// Outputs of this phase.
    pub count: usize,
    /// Taps of the phases before this one.
    pub before: usize,
}

/// The part of a window that lies inside the input.
#[derive(Clone, Copy, Default)]
pub(super) struct Window {
    pub tap: usize,
    pub taps: usize,
    pub at: usize,
}

impl Axis {
    pub fn window(&self, i: usize) -> Window {
        let start = (i * self.stride) as isize + self.offset;
        let tap = self.taps_over(-start).clamp(0, self.taps as isize);
        let end = self.taps_over(self.input as isize - start).clamp(tap, self.taps as isize);
        let at = if end > tap { (start + tap * self.dilation as isize) as usize } else { 0 };
        Window { tap: tap as usize, taps: (end - tap) as usize, at }
    }

    /// How many taps lie in `length` inputs from the first tap's on; not above 0 where there are none.
    fn taps_over(&self, length: isize) -> isize {
        // Divisions are slow, and mostly there are none.
        if self.dilation == 1 || length <= 0 {
            length
        } else {
            (length as usize).div_ceil(self.dilation) as isize
        }
    }

    /// Inputs from the first tap of a window to the last, these included.
    pub fn extent(&self) -> usize {
        self.taps.saturating_sub(1) * self.dilation + self.taps.min(1)
    }

    /// Outputs whose whole window lies inside the input.
    pub fn interior(&self) -> Range<usize> {
        let low = self.offset.min(0).unsigned_abs().div_ceil(self.stride).min(self.count);
        let room = self.input as isize - self.extent() as isize - self.offset;
        let high = if room < 0 { 0 } else { room as usize / self.stride + 1 };
        low..high.clamp(low, self.count)
    }

    /// The other outputs.
    pub fn border(&self) -> impl Iterator<Item = usize> {
        let interior = self.interior();
        (0..interior.start).chain(interior.end..self.count)
    }
}

/// How the rows of one phase are cut in the columns of one phase.
pub(super) struct Cut {
    /// Input channels that are summed at a time: as many as have the windows of some pixels in
    /// the cache.
    pub channels: usize,
    /// Pixels of a segment of the interior.
    pub pixels: usize,
    /// Columns of its windows, if these are copied together first.
    pub gathered: Option<usize>,
}

impl Cut {
    /// For `inputs` and `outputs` channels.
    pub fn new(inputs: usize, outputs: usize, lanes: usize, vertical: &Axis, axis: &Axis) -> Self {
        let column = vertical.taps.max(1) * lanes;
        let most = CACHED / (column * (axis.stride * (PIXELS - 1) + axis.extent().max(1)));
        let channels = inputs.div_ceil(inputs.div_ceil(most.max(1)));
        let pixels = (CACHED / (column * channels)).saturating_sub(axis.extent()) / axis.stride + 1;
        // Channels a multiple of 4 KB apart evict each other from a first-level cache of eight ways.
        let shared = (4 * vertical.input * axis.input * lanes).trailing_zeros().min(12);
        let crowded = channels >> (12 - shared) > 4 && outputs >= 4 * ROWS;
        let gathered = (pixels >= PIXELS && crowded).then(|| (pixels - 1) * axis.stride + axis.extent());
        Self { channels, pixels: pixels.max(PIXELS), gathered }
    }
}
