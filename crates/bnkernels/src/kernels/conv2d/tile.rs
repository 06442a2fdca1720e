//! The register tile of a correlation: `R` output channels × `V` vectors of lanes, whose windows
//! are walked once, tap by tap from a table.
//!
//! The loop over taps must not be unrolled in Rust: LLVM brings the loads of all its taps forward,
//! and more vectors than there are registers are live. V8 unrolls it, in order.

use crate::simd::{Dst, F32x4, Src};

/// Where a tap lies: in the input, from the window's first pixel on; in the weight, in taps.
#[derive(Clone, Copy)]
pub(super) struct Tap {
    pub x: u32,
    pub w: u32,
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

impl Run {
    /// `R` outputs of each pixel: `start`, or what is stored, plus the sum over `taps`.
    pub fn sum<const R: usize>(
        &self,
        taps: &[Tap],
        x: Src,
        w: Src,
        y: [&mut [f32]; R],
        start: Option<[f32; R]>,
    ) {
        let Run { pixels, lanes, x_step, y_step } = *self;
        let mut y = y.map(Dst::new);
        let mut at = Place { tiles: pixels, x, x_step, y: 0, y_step };
        let mut vectors = lanes / 4;
        if (x_step, y_step) == (lanes, lanes) {
            // Pixels and lanes are one run, which tiles cut anywhere.
            let whole = pixels * vectors / 4;
            sum::<R, 4>(taps, Place { tiles: whole, x_step: 16, y_step: 16, ..at }, w, &mut y, start);
            vectors = pixels * vectors % 4;
            at = Place { tiles: 1, x: x.offset(whole * 16), y: whole * 16, ..at };
        }
        match vectors {
            4 => sum::<R, 4>(taps, at, w, &mut y, start),
            3 => sum::<R, 3>(taps, at, w, &mut y, start),
            2 => sum::<R, 2>(taps, at, w, &mut y, start),
            1 => sum::<R, 1>(taps, at, w, &mut y, start),
            _ => (),
        }
    }
}

#[inline(never)]
fn sum<const R: usize, const V: usize>(
    taps: &[Tap],
    place: Place,
    w: Src,
    y: &mut [Dst; R],
    start: Option<[f32; R]>,
) {
    for tile in 0..place.tiles {
        let at = place.y + tile * place.y_step;
        let x = place.x.offset(tile * place.x_step);
        let mut sums: [[F32x4; V]; R] = match start {
            Some(start) => start.map(|value| [F32x4::splat(value); V]),
            None => std::array::from_fn(|r| std::array::from_fn(|v| y[r].load(at + 4 * v))),
        };
        for tap in taps {
            let (x, w) = (x.offset(tap.x as usize), w.offset(tap.w as usize * R));
            let values: [F32x4; V] = std::array::from_fn(|v| x.load(4 * v));
            for (r, sums) in sums.iter_mut().enumerate() {
                let factor = w.load_splat(r);
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum = value.mul_add(factor, *sum);
                }
            }
        }
        for (y, sums) in y.iter_mut().zip(sums) {
            for (v, sum) in sums.into_iter().enumerate() {
                y.store(at + 4 * v, sum);
            }
        }
    }
}

/// Rows of some channels, of `length` floats each.
pub(super) struct Rows {
    pub channels: usize,
    pub rows: usize,
    pub x_channel: usize,
    pub x_row: usize,
    pub length: usize,
}

impl Rows {
    /// Copies them to `to`, one each `step` floats.
    pub fn gather(&self, x: Src, to: &mut [f32], step: usize) {
        for (i, to) in to.chunks_exact_mut(step).take(self.channels * self.rows).enumerate() {
            let x = x.offset(i / self.rows * self.x_channel + i % self.rows * self.x_row);
            let mut to = Dst::new(&mut to[..self.length]);
            for at in (0..self.length).step_by(4) {
                to.store(at, x.load(at));
            }
        }
    }
}
