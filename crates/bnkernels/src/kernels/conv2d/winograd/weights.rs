//! The kernels as the products read them, `G g Gᵀ`.

use super::phases::{Phases, Slots, MOST};
use super::transform::{both, Between, TapFactors, BETWEEN};
use super::{PATCH, PRODUCTS};
use crate::kernels::conv2d::Conv2dShape;
use crate::parallel::{chunk_count, for_each_tile, Dealt};
use crate::simd::{Dst, F32x4, Src};
use std::hint::black_box;

/// How kernels are kernels of 3×3 of the phases: of each phase as many `channels` after the others.
pub(super) struct Taps {
    pub channels: usize,
    /// Taps of a kernel.
    pub size: usize,
    pub phases: Phases,
    /// For each phase, which tap is in each of the nine slots.
    slots: [Slots; MOST * MOST],
}

impl Taps {
    pub fn new(s: &Conv2dShape, phases: Phases, channels: usize) -> Self {
        let mut slots = [[None; 9]; MOST * MOST];
        for (i, slots) in slots.iter_mut().enumerate().take(phases.count()) {
            *slots = phases.taps(i);
        }
        Self { channels, size: s.kh * s.kw, phases, slots }
    }

    /// Channels of all phases.
    pub fn all(&self) -> usize {
        self.channels * self.phases.count()
    }

    /// Whether the nine taps of kernels of 3×3 with a step of 1 are turned by half a turn; `None` of other kernels.
    pub fn nine(&self) -> Option<bool> {
        let plain = self.phases.count() == 1 && self.slots[0].iter().all(Option::is_some);
        plain.then(|| self.slots[0][0] != Some(0))
    }

    /// The channel that one of these is, and which tap is in each slot.
    #[inline(always)]
    pub fn of(&self, one: usize) -> (usize, &Slots) {
        (one % self.channels, &self.slots[one / self.channels])
    }
}

/// Kernels `[oc][c][kh][kw]`, and which way they are taken: from inputs to outputs, or (`back`) from outputs to inputs.
/// The inputs have the phases, but for parts on the way back, which the outputs have.
pub(super) struct Kernels<'a> {
    pub weight: &'a [f32],
    pub taps: Taps,
    pub back: bool,
    c: usize,
    oc: usize,
}

impl<'a> Kernels<'a> {
    pub fn new(s: &Conv2dShape, phases: Phases, weight: &'a [f32], back: bool) -> Self {
        assert_eq!(weight.len(), s.weight());
        let channels = if back && phases.is_long() { s.oc } else { s.c };
        Self { weight, taps: Taps::new(s, phases, channels), back, c: s.c, oc: s.oc }
    }

    /// Channels that are summed over, and those of the sums.
    fn channels(&self) -> (usize, usize) {
        match (self.back, self.taps.phases.is_long()) {
            (false, _) => (self.taps.all(), self.oc),
            (true, true) => (self.taps.all(), self.c),
            (true, false) => (self.oc, self.taps.all()),
        }
    }

    /// Floats of an output in a matrix.
    pub fn row(&self) -> usize {
        self.channels().0.next_multiple_of(2)
    }

    /// From one of the 36 matrices to the next: its outputs, one more where their count is odd, and a line that keeps
    /// the matrices from evicting each other from a cache.
    pub fn apart(&self) -> usize {
        self.channels().1.next_multiple_of(2) * self.row() + 16
    }

    /// Writes `to` as `[36][outputs / 2][inputs][2]`; what stands for no channel may be anything.
    pub fn transform(&self, to: &mut [f32]) {
        let ((inputs, all), row, apart) = (self.channels(), self.row(), self.apart());
        let chunks = chunk_count(all.div_ceil(2), row * 32);
        for_each_tile(to, (PRODUCTS, apart), ((1, chunks), Dealt::Rows), (1, 2 * row), |mut tile| {
            let outputs = tile.col / row..((tile.col + tile.cols) / row).min(all);
            let (mut to, apart) = tile.cursor();
            // Nine taps of four channel pairs side by side.
            let (mut taps, mut between) = ([0.0; 9 * 4], BETWEEN);
            let (nine, factors) = (self.taps.nine(), TapFactors::new());
            for (i, o) in outputs.enumerate().step_by(2) {
                for c in (0..inputs).step_by(2) {
                    match nine {
                        Some(turned) if o + 1 < all && c + 1 < inputs => {
                            self.gather_nine(o, c, turned, &mut taps)
                        }
                        _ => self.gather(o, c, &mut taps),
                    }
                    write_products(factors, &taps, (to.offset(i * row + 2 * c), apart), &mut between);
                }
            }
        });
    }

    /// As `gather`, of nine taps each, which are `turned` by half a turn or not.
    #[inline(always)]
    fn gather_nine(&self, o: usize, c: usize, turned: bool, taps: &mut [f32; 9 * 4]) {
        let kernels = Src::new(self.weight, self.weight.len());
        // (Where the other input, and the other output, begin.)
        let (inner, outer) = (9, self.c * 9);
        let (first, to_c, to_o) = if self.back {
            (c * outer + o * inner, outer, inner)
        } else {
            (o * outer + c * inner, inner, outer)
        };
        let kernels = [0, to_o, to_c, to_o + to_c].map(|at| kernels.offset(first + at));
        let mut taps = Dst::new(taps, 9 * 4);
        let line = |t: usize| if turned { 4 * (8 - t) } else { 4 * t };
        for four in [0, 4] {
            let lines = F32x4::transpose(kernels.map(|kernel| kernel.load(four)));
            for (t, value) in lines.into_iter().enumerate() {
                taps.store(line(four + t), value);
            }
        }
        for (i, kernel) in kernels.into_iter().enumerate() {
            taps.set(line(8) + i, kernel.get(8));
        }
    }

    /// The taps from inputs `c` and `c + 1` to outputs `o` and `o + 1`, as far as there are such.
    #[inline(always)]
    fn gather(&self, o: usize, c: usize, taps: &mut [f32; 9 * 4]) {
        let (inputs, outputs) = self.channels();
        let kernels = Src::new(self.weight, self.weight.len());
        let mut taps = Dst::new(taps, 9 * 4);
        for i in 0..4 {
            let (o, c) = (o + i % 2, c + i / 2);
            if o >= outputs || c >= inputs {
                continue;
            }
            let long = self.taps.phases.is_long();
            let (other, one) = if self.back && !long { (c, o) } else { (o, c) };
            let (channel, slots) = self.taps.of(one);
            let (output, input) = if self.back && long { (channel, other) } else { (other, channel) };
            let kernel = kernels.offset((output * self.c + input) * self.taps.size);
            for (t, tap) in slots.iter().enumerate().take(black_box(9)) {
                taps.set(t * 4 + i, tap.map_or(0.0, |tap| kernel.get(tap)));
            }
        }
    }
}

/// G g Gᵀ of four kernels, each product `apart` from the next.
#[inline(always)]
fn write_products(
    factors: TapFactors,
    lines: &[f32; 9 * 4],
    (mut to, apart): (Dst, usize),
    between: &mut Between,
) {
    let lines = Src::new(lines, 9 * 4);
    let load = |v: usize| std::array::from_fn(|u| lines.offset(4 * v).load(u * 3 * 4));
    both(
        between,
        load,
        |g| factors.taps(g),
        |r, row| {
            let mut to = to.offset(r * PATCH * apart);
            for (i, value) in row.into_iter().enumerate() {
                to.store(i * apart, value);
            }
        },
    );
}
