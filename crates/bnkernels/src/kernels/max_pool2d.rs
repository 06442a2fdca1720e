//! 2-D max pooling of activations in lanes: `y[n][c][i][j]` is the largest `x` in the window of
//! `kh × kw` at `(i·sh − ph, j·sw − pw)`, taps `dh` and `dw` apart; taps outside of the image are skipped, and
//! of a window without others `y` is −∞.
//! Source: <https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html>.
//!
//! As in PyTorch, the gradient goes to the first largest tap (the last NaN, if there is one), and
//! NaN is larger than any number. Backward finds that tap again from `x` and `y`; nothing is stored.
//!
//! Both go through a row of windows a row of the image at a time, in the order of memory: two rows at once keep
//! a CPU from reading ahead.

mod backward;
mod shape;

pub use backward::max_pool2d_backward;
pub use shape::MaxPool2dShape;

use crate::layout::LANES;
use crate::parallel::{chunk_count, chunk_range, for_each_range};
use crate::simd::{Dst, F32x4, Src};
use shape::Run;

/// Which tap of a window the forward takes, of two numbers, in one instruction; what it makes of a NaN is undefined.
trait Pick {
    fn of_two(a: F32x4, b: F32x4) -> F32x4;
}

struct Largest;
struct Smallest;

impl Pick for Largest {
    #[inline(always)]
    fn of_two(a: F32x4, b: F32x4) -> F32x4 {
        a.at_least(b)
    }
}

impl Pick for Smallest {
    #[inline(always)]
    fn of_two(a: F32x4, b: F32x4) -> F32x4 {
        a.at_most(b)
    }
}

/// `y`, in lanes, from `x` in lanes. With `factors`, one a channel, the tap is taken whose multiple
/// by the factor is the largest, and of equals the first: what batch normalisation after it makes the largest.
pub fn max_pool2d_forward(shape: &MaxPool2dShape, x: &[f32], factors: Option<&[f32]>, y: &mut [f32]) {
    let s = *shape;
    assert!(factors.is_none_or(|factors| factors.len() == s.c));
    assert!(s.is_valid());
    let (input, output) = (s.x(), s.y());
    assert_eq!(x.len(), input.len());
    assert_eq!(y.len(), output.len());
    if y.is_empty() {
        return;
    }
    assert!(!x.is_empty(), "windows of nothing but padding");
    // One item is a row of a channel.
    let (items, oh) = (s.c * s.oh(), s.oh());
    let total = output.count() * items;
    let chunks = chunk_count(total, s.ow() * 16 * s.kernel.0 * s.kernel.1 / 2);
    let chunk = |i| chunk_range(i, chunks, total, 1);
    for_each_range(
        [y],
        chunks,
        |i| [output.item(items, chunk(i).start)..output.item(items, chunk(i).end)],
        move |i, [mut y]| {
            for item in chunk(i) {
                let lanes = output.width(item / items);
                let (row, rest) = std::mem::take(&mut y).split_at_mut(s.ow() * lanes);
                y = rest;
                let plane = input.item(s.c, item / oh);
                let x = Src::new(&x[plane..], s.h * s.w * lanes);
                let (i, mut row) = (item % oh, Dst::new(row, s.ow() * lanes));
                let factor = factors.map_or(1.0, |factors| factors[item / oh % s.c]);
                let done = if factor < 0.0 {
                    row_of_numbers::<Smallest>(&s, x, i, lanes, &mut row)
                } else {
                    factor != 0.0 && row_of_numbers::<Largest>(&s, x, i, lanes, &mut row)
                };
                if !done {
                    row_of_any(&s, x, i, lanes, factor, &mut row);
                }
            }
        },
    );
}

/// Row `i` of the output, from one channel; false, and nothing of worth, where there may be a NaN, which the quick
/// maximum would lose, or a window without taps.
fn row_of_numbers<P: Pick>(s: &MaxPool2dShape, x: Src, i: usize, lanes: usize, y: &mut Dst) -> bool {
    let rows = s.rows(i);
    let mut sums = F32x4::zero();
    let mut j = 0;
    while j < s.ow() {
        let run = s.run(j);
        if rows.is_empty() || run.taps == 0 {
            return false;
        }
        for row in rows.clone().step_by(s.dilation.0) {
            let x = x.offset((row * s.w + run.column) * lanes);
            let (y, more) = (y.offset(j * lanes), row > rows.start);
            let taps =
                Taps { run: &run, lanes, apart: s.dilation.1 * lanes, stride: s.stride.1 * lanes, more };
            let whole = cfg!(feature = "whole");
            sums = sums
                + match run.taps {
                    2 if lanes == LANES => taps.pick::<P, 4, 2>(x, y),
                    3 if lanes == LANES && whole => taps.pick::<P, 4, 3>(x, y),
                    _ if lanes == LANES && whole => taps.pick::<P, 4, 0>(x, y),
                    _ => taps.pick::<P, 1, 0>(x, y),
                };
        }
        j += run.windows;
    }
    !sums.ne(sums).any()
}

/// A row of the image, as a run of windows has it.
struct Taps<'a> {
    run: &'a Run,
    lanes: usize,
    /// Elements from a tap to the next, and from a window's first to the next one's.
    apart: usize,
    stride: usize,
    /// Whether `y` has the choice of the rows above.
    more: bool,
}

impl Taps<'_> {
    /// Chooses among `TAPS` a window, `V` vectors at a time (0 taps are as many as the run says); gives a sum that is
    /// NaN where a tap is, or not finite.
    #[inline(always)]
    fn pick<P: Pick, const V: usize, const TAPS: usize>(&self, mut x: Src, mut y: Dst) -> F32x4 {
        let taps = if TAPS > 0 { TAPS } else { self.run.taps };
        let mut sums = [F32x4::zero(); V];
        for _ in 0..self.run.windows {
            for l in (0..if V == 4 { 4 * V } else { self.lanes }).step_by(4 * V) {
                let mut tap = x.offset(l);
                let mut best: [F32x4; V] = std::array::from_fn(|v| tap.load(4 * v));
                if taps == 1 {
                    sums.iter_mut().zip(best).for_each(|(sum, value)| *sum = *sum + value);
                }
                for _ in 1..taps {
                    tap = tap.offset(self.apart);
                    for (v, best) in best.iter_mut().enumerate() {
                        let value = tap.load(4 * v);
                        sums[v] = best.mul_add(value, sums[v]);
                        *best = P::of_two(*best, value);
                    }
                }
                for (v, &best) in best.iter().enumerate() {
                    let at = l + 4 * v;
                    y.store(at, if self.more { P::of_two(y.load(at), best) } else { best });
                }
            }
            x = x.offset(self.stride);
            y.step(self.lanes);
        }
        sums.into_iter().fold(F32x4::zero(), |total, sum| total + sum)
    }
}

/// Row `i` of the output, whatever is in it.
#[inline(never)]
fn row_of_any(s: &MaxPool2dShape, x: Src, i: usize, lanes: usize, factor: f32, y: &mut Dst) {
    for j in 0..s.ow() {
        for l in (0..lanes).step_by(4) {
            let mut taps = s.taps(i, j, lanes).map(|tap| x.load(tap + l));
            let first = taps.next().unwrap_or(F32x4::splat(f32::NEG_INFINITY));
            let best = taps.fold(first, |best, value| {
                if factor < 0.0 {
                    best.min(value)
                } else if factor == 0.0 {
                    best
                } else {
                    best.max(value)
                }
            });
            y.store(j * lanes + l, best);
        }
    }
}

#[cfg(test)]
mod tests;
