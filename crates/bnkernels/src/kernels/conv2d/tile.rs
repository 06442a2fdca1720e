//! The register tile of a correlation: `R` output channels × `V` vectors of lanes, whose windows
//! are walked once.
//!
//! The loops over taps are not unrolled here: LLVM would bring the loads of all taps forward, and
//! more vectors than there are registers would be live. V8 unrolls small loops, in order.

use crate::simd::{Dst, F32x4, Src};

/// How a window's channels, rows and taps lie in the input and (for each output channel of the
/// tile) in the weight.
pub(super) struct Walk {
    pub channels: usize,
    pub rows: usize,
    pub taps: usize,
    pub x_channel: usize,
    pub x_row: usize,
    pub x_tap: usize,
    pub w_channel: usize,
    pub w_row: usize,
}

/// Pixels side by side, each `x_step` further in the input and `y_step` in the output.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub pixels: usize,
    pub lanes: usize,
    pub x_step: usize,
    pub y_step: usize,
}

/// Where tiles of vectors lie.
#[derive(Clone, Copy)]
struct Place<'a> {
    tiles: usize,
    x: Src<'a>,
    x_step: usize,
    y: usize,
    y_step: usize,
}

/// What the sums start from.
pub(super) enum Start<const R: usize> {
    Value([f32; R]),
    Stored,
}

impl Walk {
    /// Copies `length` floats of each row of each channel to `scratch`, if they fit there, and is
    /// about the copy from then on.
    pub fn gather<'a>(&mut self, x: &'a [f32], length: usize, scratch: &'a mut [f32]) -> Src<'a> {
        if self.channels * self.rows * length > scratch.len() {
            return Src::new(x);
        }
        for (i, to) in scratch.chunks_exact_mut(length).take(self.channels * self.rows).enumerate() {
            let from = i / self.rows * self.x_channel + i % self.rows * self.x_row;
            let (from, mut to) = (Src::new(&x[from..from + length]), Dst::new(to));
            for at in (0..length).step_by(4) {
                to.store(at, from.load(at));
            }
        }
        (self.x_row, self.x_channel) = (length, self.rows * length);
        Src::new(scratch)
    }

    /// The sums of `R` outputs for the pixels of `run`.
    pub fn run<const R: usize>(&self, x: Src, w: Src, run: Run, y: [&mut [f32]; R], start: &Start<R>) {
        let Run { pixels, lanes, x_step, y_step } = run;
        let mut y = y.map(Dst::new);
        // Tiles of so many vectors, from where on, and how far apart.
        let mut at = Place { tiles: pixels, x, x_step, y: 0, y_step };
        let mut vectors = lanes / 4;
        if (x_step, y_step) == (lanes, lanes) {
            // Pixels and lanes are one run, which tiles cut anywhere.
            let whole = pixels * vectors / 4;
            self.tiles::<R, 4>(Place { tiles: whole, x_step: 16, y_step: 16, ..at }, w, &mut y, start);
            vectors = pixels * vectors % 4;
            at = Place { tiles: 1, x: x.offset(whole * 16), y: whole * 16, ..at };
        }
        match vectors {
            4 => self.tiles::<R, 4>(at, w, &mut y, start),
            3 => self.tiles::<R, 3>(at, w, &mut y, start),
            2 => self.tiles::<R, 2>(at, w, &mut y, start),
            1 => self.tiles::<R, 1>(at, w, &mut y, start),
            _ => (),
        }
    }

    #[inline(never)]
    fn tiles<const R: usize, const V: usize>(
        &self,
        place: Place,
        w: Src,
        y: &mut [Dst; R],
        start: &Start<R>,
    ) {
        for tile in 0..place.tiles {
            let at = place.y + tile * place.y_step;
            let mut sums: [[F32x4; V]; R] = match start {
                Start::Value(values) => values.map(|value| [F32x4::splat(value); V]),
                Start::Stored => std::array::from_fn(|r| std::array::from_fn(|v| y[r].load(at + 4 * v))),
            };
            let (mut x, mut w) = (place.x.offset(tile * place.x_step), w);
            for _ in 0..self.channels {
                let (mut x_row, mut w_row) = (x, w);
                for _ in 0..self.rows {
                    let (mut x_tap, mut w_tap) = (x_row, w_row);
                    for _ in 0..self.taps {
                        let values: [F32x4; V] = std::array::from_fn(|v| x_tap.load(4 * v));
                        for (r, sums) in sums.iter_mut().enumerate() {
                            let factor = w_tap.load_splat(r);
                            for (sum, value) in sums.iter_mut().zip(values) {
                                *sum = value.mul_add(factor, *sum);
                            }
                        }
                        (x_tap, w_tap) = (x_tap.offset(self.x_tap), w_tap.offset(R));
                    }
                    (x_row, w_row) = (x_row.offset(self.x_row), w_row.offset(self.w_row * R));
                }
                (x, w) = (x.offset(self.x_channel), w.offset(self.w_channel * R));
            }
            for (y, sums) in y.iter_mut().zip(sums) {
                for (v, sum) in sums.into_iter().enumerate() {
                    y.store(at + 4 * v, sum);
                }
            }
        }
    }
}
