//! Which taps the windows of a correlation have, and how a row of outputs is cut into segments.

use super::correlate::{Correlation, ROWS};
use super::tile::Tap;
use std::ops::Range;

/// Floats of the input that all output channels read before the next are loaded: a first-level cache.
pub(super) const CACHED: usize = 8192;
/// Pixels that `CACHED` should hold the windows of, if need be of fewer channels.
const PIXELS: usize = 4;

/// Where the windows of one dimension lie: output `i` of the phase reads the inputs
/// `i * stride + offset + tap` that exist.
pub(super) struct Axis {
    pub input: usize,
    pub taps: usize,
    pub stride: usize,
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
        let tap = (-start).clamp(0, self.taps as isize);
        let end = (self.input as isize - start).clamp(tap, self.taps as isize);
        let at = if end > tap { (start + tap) as usize } else { 0 };
        Window { tap: tap as usize, taps: (end - tap) as usize, at }
    }

    /// Outputs whose whole window lies inside the input.
    pub fn interior(&self) -> Range<usize> {
        let low = self.offset.min(0).unsigned_abs().div_ceil(self.stride).min(self.count);
        let room = self.input as isize - self.taps as isize - self.offset;
        let high = if room < 0 { 0 } else { room as usize / self.stride + 1 };
        low..high.clamp(low, self.count)
    }

    /// The other outputs.
    pub fn border(&self) -> impl Iterator<Item = usize> {
        let interior = self.interior();
        (0..interior.start).chain(interior.end..self.count)
    }

    /// Kinds of windows: one for each output of the border, then that of the interior.
    pub fn kinds(&self) -> usize {
        self.count - self.interior().len() + 1
    }

    /// Windows of each kind; that of an empty interior is empty.
    fn windows(&self) -> impl Iterator<Item = Window> + '_ {
        let interior = self.interior();
        let whole = if interior.is_empty() { Window::default() } else { self.window(interior.start) };
        self.border().map(|i| self.window(i)).chain([whole])
    }

    /// The kind of output `i`.
    fn kind(&self, i: usize) -> usize {
        let interior = self.interior();
        match i {
            _ if i < interior.start => i,
            _ if i < interior.end => self.kinds() - 1,
            _ => i - interior.len(),
        }
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
    fn new(of: &Correlation, lanes: usize, vertical: &Axis, axis: &Axis) -> Self {
        let column = vertical.taps.max(1) * lanes;
        let most = CACHED / (column * (axis.stride * (PIXELS - 1) + axis.taps.max(1)));
        let channels = of.inputs.div_ceil(of.inputs.div_ceil(most.max(1)));
        let pixels = (CACHED / (column * channels)).saturating_sub(axis.taps) / axis.stride + 1;
        // Channels a multiple of 4 KB apart evict each other from a first-level cache of eight ways.
        let shared = (4 * vertical.input * axis.input * lanes).trailing_zeros().min(12);
        let crowded = channels >> (12 - shared) > 4 && of.outputs >= 4 * ROWS;
        let gathered = (pixels >= PIXELS && crowded).then(|| (pixels - 1) * axis.stride + axis.taps);
        Self { channels, pixels: pixels.max(PIXELS), gathered }
    }
}

/// The taps of all kinds of windows, in blocks of one width.
pub(super) struct Plan {
    /// For each phase of the rows and, in it, each of the columns.
    cuts: Vec<Cut>,
    taps: Vec<Tap>,
    /// Where the taps of each kind end.
    ends: Vec<usize>,
}

impl Plan {
    pub fn new(of: &Correlation, lanes: usize) -> Self {
        let mut plan = Self { cuts: Vec::new(), taps: Vec::new(), ends: vec![0] };
        for vertical in of.rows {
            let first = plan.cuts.len();
            plan.cuts.extend(of.columns.iter().map(|axis| Cut::new(of, lanes, vertical, axis)));
            for window in vertical.windows() {
                for (axis, cut) in of.columns.iter().zip(&plan.cuts[first..]) {
                    for (kind, beside) in axis.windows().enumerate() {
                        let (height, width) = match cut.gathered {
                            Some(columns) if kind + 1 == axis.kinds() => (window.taps, columns),
                            _ => (vertical.input, axis.input),
                        };
                        for (c, u) in (0..cut.channels).flat_map(|c| (0..window.taps).map(move |u| (c, u))) {
                            plan.taps.extend((0..beside.taps).map(|v| Tap {
                                x: (((c * height + u) * width + v) * lanes) as u32,
                                w: ((c * vertical.taps + u) * axis.taps + v) as u32,
                            }));
                        }
                        plan.ends.push(plan.taps.len());
                    }
                }
            }
        }
        plan
    }

    /// How phase `phase` of the columns is cut in row `i`, and the taps of its windows' kinds.
    pub fn of(&self, of: &Correlation, i: usize, phase: usize) -> (&Cut, Kinds<'_>) {
        let p = i % of.rows.len();
        let kinds: usize = of.columns.iter().map(Axis::kinds).sum();
        let above: usize = of.rows[..p].iter().map(Axis::kinds).sum();
        let first = (above + of.rows[p].kind(i / of.rows.len())) * kinds
            + of.columns[..phase].iter().map(Axis::kinds).sum::<usize>();
        (&self.cuts[p * of.columns.len() + phase], Kinds { plan: self, first })
    }
}

/// The kinds of windows of a row.
#[derive(Clone, Copy)]
pub(super) struct Kinds<'a> {
    plan: &'a Plan,
    first: usize,
}

impl<'a> Kinds<'a> {
    pub fn taps(self, kind: usize) -> &'a [Tap] {
        let ends = &self.plan.ends[self.first + kind..];
        &self.plan.taps[ends[0]..ends[1]]
    }
}
