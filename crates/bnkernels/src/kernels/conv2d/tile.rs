//! The register tile of a correlation: `R` output channels × `P` pixels × `V` vectors of lanes, whose windows
//! are walked once, tap by tap.

use crate::layout::LANES;
use crate::simd::{Dst, F32x4, Src};

/// Output channels of a full tile.
pub(super) const ROWS: usize = 2;

/// The taps of a window: those of a row lie `x_tap` apart in the input, and side by side in the
/// weight. None of the counts is 0, unless all are.
#[derive(Clone, Copy)]
pub(super) struct Taps {
    pub channels: usize,
    pub rows: usize,
    pub columns: usize,
    pub x_channel: usize,
    pub x_row: usize,
    pub x_tap: usize,
    pub w_channel: usize,
    pub w_row: usize,
    /// From one output channel's weight to the next.
    pub w_output: usize,
}

impl Taps {
    /// The same taps with the longest rows: one where the taps of all rows, or channels, are
    /// neighbours in the weight.
    fn joined(mut self) -> Self {
        if self.columns == 1 && self.w_row == 1 {
            (self.columns, self.x_tap, self.rows) = (self.rows, self.x_row, 1);
        }
        if self.columns == 1 && self.w_channel == 1 {
            (self.columns, self.x_tap, self.channels) = (self.channels, self.x_channel, 1);
        }
        self
    }
}

/// Pixels side by side, each `x_step` further in the input and `y_step` in the output.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub pixels: usize,
    pub lanes: usize,
    pub x_step: usize,
    pub y_step: usize,
}

/// Where tiles of pixels lie, which are one step apart.
#[derive(Clone, Copy)]
struct Place<'a> {
    tiles: usize,
    x: Src<'a>,
    x_step: usize,
    y: usize,
    y_step: usize,
}

/// The sums of a tile.
type Sums<const R: usize, const P: usize, const V: usize> = [[[F32x4; V]; P]; R];

impl Run {
    /// `R` outputs of each pixel: `start`, or what is stored, plus the sum over `taps`.
    pub fn sum<const R: usize>(
        &self,
        taps: &Taps,
        x: Src,
        w: Src,
        y: [&mut [f32]; R],
        start: Option<[f32; R]>,
    ) {
        let end = (self.pixels - 1) * self.y_step + self.lanes;
        self.sum_into(taps, x, w, y.map(|y| Dst::new(y, end)), start);
    }

    /// The same by cursors.
    #[inline(never)]
    pub fn sum_into<const R: usize>(
        &self,
        taps: &Taps,
        x: Src,
        w: Src,
        mut y: [Dst; R],
        start: Option<[f32; R]>,
    ) {
        let Run { pixels, lanes, x_step, y_step } = *self;
        let Taps { rows, columns, x_tap, w_row, .. } = *taps;
        let taps = &taps.joined();
        let mut at = Place { tiles: pixels, x, x_step, y: 0, y_step };
        let mut vectors = lanes / 4;
        if lanes < LANES && (x_step, y_step) == (lanes, lanes) {
            // Pixels and lanes are one run, which tiles cut anywhere.
            let whole = pixels * vectors / 4;
            sum::<R, 1, 4, 0>(taps, Place { tiles: whole, x_step: 16, y_step: 16, ..at }, w, &mut y, start);
            vectors = pixels * vectors % 4;
            at = Place { tiles: 1, x: x.offset(whole * 16), y: whole * 16, ..at };
        } else if cfg!(feature = "whole") && vectors <= 2 {
            // Few sums would wait for each other: some pixels side by side have more.
            let beside = 4 / vectors;
            let tiles = pixels / beside;
            match vectors {
                1 => sum::<R, 4, 1, 0>(taps, Place { tiles, ..at }, w, &mut y, start),
                _ => sum::<R, 2, 2, 0>(taps, Place { tiles, ..at }, w, &mut y, start),
            }
            let done = tiles * beside;
            at = Place { tiles: pixels - done, x: x.offset(done * x_step), y: done * y_step, ..at };
        }
        let whole = if x_tap == LANES && w_row == columns { (rows, columns) } else { (0, 0) };
        match vectors {
            4 if whole == (3, 3) && (R > 1 || cfg!(feature = "whole")) => {
                sum_kernel::<R, 3, 3>(taps, at, w, &mut y, start)
            }
            4 if cfg!(feature = "whole") && whole == (2, 2) => {
                sum_kernel::<R, 2, 2>(taps, at, w, &mut y, start);
            }
            4 if cfg!(feature = "whole") && whole == (2, 1) => {
                sum_kernel::<R, 2, 1>(taps, at, w, &mut y, start);
            }
            4 if cfg!(feature = "whole") && whole == (1, 2) => {
                sum_kernel::<R, 1, 2>(taps, at, w, &mut y, start);
            }
            4 if cfg!(feature = "whole") && whole == (1, 3) => {
                sum_kernel::<R, 1, 3>(taps, at, w, &mut y, start);
            }
            4 if taps.x_tap == LANES && (R > 1 || cfg!(feature = "whole")) => {
                sum::<R, 1, 4, LANES>(taps, at, w, &mut y, start)
            }
            4 => sum::<R, 1, 4, 0>(taps, at, w, &mut y, start),
            3 if cfg!(feature = "whole") => sum::<R, 1, 3, 0>(taps, at, w, &mut y, start),
            2 if cfg!(feature = "whole") => sum::<R, 1, 2, 0>(taps, at, w, &mut y, start),
            // (The core binary has one loop for what is left of a batch, and for an odd channel.)
            _ => (0..vectors).for_each(|v| {
                let at = Place { x: at.x.offset(4 * v), y: at.y + 4 * v, ..at };
                sum::<R, 1, 1, 0>(taps, at, w, &mut y, start);
            }),
        }
    }
}

/// `X` is `taps.x_tap`, or 0 for any.
#[inline(never)]
fn sum<const R: usize, const P: usize, const V: usize, const X: usize>(
    taps: &Taps,
    place: Place,
    w: Src,
    y: &mut [Dst; R],
    start: Option<[f32; R]>,
) {
    let x_tap = if X > 0 { X } else { taps.x_tap };
    let Taps { channels, rows, columns, w_output, .. } = *taps;
    // From the last four taps of a row to the next row, and from a channel's end to the next channel.
    let whole = columns.saturating_sub(1) / 4;
    let (x_row, w_row) = (taps.x_row.wrapping_sub(whole * 4 * x_tap), taps.w_row.wrapping_sub(whole * 4));
    let x_channel = taps.x_channel.wrapping_sub(rows * taps.x_row);
    let w_channel = taps.w_channel.wrapping_sub(rows * taps.w_row);
    let (mut x_first, mut at) = (place.x, place.y);
    for _ in 0..place.tiles {
        let mut sums = load::<R, P, V>(y, at, place.y_step, start);
        let (mut x, mut w) = (x_first, w);
        for _ in 0..channels {
            for _ in 0..rows {
                let mut left = columns;
                // Four taps have one step of the pointers; an exit after each keeps the compilers
                // from mixing them, for which there are too few registers.
                loop {
                    let ws: [Src; R] = std::array::from_fn(|r| w.offset(r * w_output));
                    add_tap(x, place.x_step, ws, 0, &mut sums);
                    if left == 1 {
                        break;
                    }
                    add_tap(x.at(x_tap), place.x_step, ws, 1, &mut sums);
                    if left == 2 {
                        break;
                    }
                    add_tap(x.at(2 * x_tap), place.x_step, ws, 2, &mut sums);
                    if left == 3 {
                        break;
                    }
                    add_tap(x.at(3 * x_tap), place.x_step, ws, 3, &mut sums);
                    if left == 4 {
                        break;
                    }
                    left -= 4;
                    (x, w) = (x.offset(4 * x_tap), w.offset(4));
                }
                (x, w) = (x.offset(x_row), w.offset(w_row));
            }
            (x, w) = (x.offset(x_channel), w.offset(w_channel));
        }
        store(y, at, place.y_step, sums);
        (x_first, at) = (x_first.offset(P * place.x_step), at + P * place.y_step);
    }
}

/// The same for pixels of 16 lanes and whole kernels of `H` × `K`: those of 3×3, the commonest, and what phases of
/// stride 2 have of them. A channel's taps have one step of the pointers.
#[inline(never)]
fn sum_kernel<const R: usize, const H: usize, const K: usize>(
    taps: &Taps,
    place: Place,
    w: Src,
    y: &mut [Dst; R],
    start: Option<[f32; R]>,
) {
    // (Of joined taps the row is not told any more where it is a tap.)
    let x_row = if K == 1 { taps.x_tap } else { taps.x_row };
    let Taps { x_channel, w_channel, w_output, .. } = *taps;
    let (mut x_first, mut at) = (place.x, place.y);
    for _ in 0..place.tiles {
        let mut sums = load::<R, 1, 4>(y, at, place.y_step, start);
        let (mut x, mut w) = (x_first, w);
        let mut left = taps.channels * H * K;
        'taps: while left > 0 {
            let ws: [Src; R] = std::array::from_fn(|r| w.offset(r * w_output));
            for u in 0..H {
                if add_row::<R, K>(x.offset(u * x_row), ws, u * K, left, &mut sums) {
                    break 'taps;
                }
            }
            left -= H * K;
            (x, w) = (x.offset(x_channel), w.offset(w_channel));
        }
        store(y, at, place.y_step, sums);
        (x_first, at) = (x_first.offset(place.x_step), at + place.y_step);
    }
}

/// Adds `K` taps from `first` on; whether they end the taps that are `left`. They never do, but
/// the compilers do not know, and keep the taps apart.
#[inline(always)]
fn add_row<const R: usize, const K: usize>(
    x: Src,
    w: [Src; R],
    first: usize,
    left: usize,
    sums: &mut Sums<R, 1, 4>,
) -> bool {
    for k in 0..K {
        if first + k > 0 && left == first + k {
            return true;
        }
        add_tap(x.at(k * LANES), 0, w, first + k, sums);
    }
    false
}

/// What the sums of a tile start from.
#[inline(always)]
fn load<const R: usize, const P: usize, const V: usize>(
    y: &mut [Dst; R],
    at: usize,
    y_step: usize,
    start: Option<[f32; R]>,
) -> Sums<R, P, V> {
    match start {
        Some(start) => start.map(|value| [[F32x4::splat(value); V]; P]),
        None => std::array::from_fn(|r| {
            std::array::from_fn(|p| {
                let y = y[r].offset(at + p * y_step);
                std::array::from_fn(|v| y.load(4 * v))
            })
        }),
    }
}

#[inline(always)]
fn store<const R: usize, const P: usize, const V: usize>(
    y: &mut [Dst; R],
    at: usize,
    y_step: usize,
    sums: Sums<R, P, V>,
) {
    for (y, pixels) in y.iter_mut().zip(sums) {
        for (p, sums) in pixels.into_iter().enumerate() {
            let mut y = y.offset(at + p * y_step);
            for (v, sum) in sums.into_iter().enumerate() {
                y.store(4 * v, sum);
            }
        }
    }
}

/// Adds `x` times the weight at `tap`.
#[inline(always)]
fn add_tap<const R: usize, const P: usize, const V: usize>(
    x: Src,
    x_step: usize,
    w: [Src; R],
    tap: usize,
    sums: &mut Sums<R, P, V>,
) {
    let values: [[F32x4; V]; P] = std::array::from_fn(|p| {
        let x = if p == 0 { x } else { x.offset(p * x_step) };
        std::array::from_fn(|v| x.load(4 * v))
    });
    for (w, sums) in w.iter().zip(sums) {
        let factor = w.load_splat(tap);
        for (sums, values) in sums.iter_mut().zip(values) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = value.mul_add(factor, *sum);
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
            let mut to = Dst::new(to, self.length);
            for at in (0..self.length).step_by(4) {
                to.store(at, x.load(at));
            }
        }
    }
}
