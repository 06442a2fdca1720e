//! Max pooling in the order of memory: a row of windows goes through the image a row at a time, by the same loop for each
//! row. A CPU reads ahead of an instruction that goes on and on, and not of one that skips every other row.

use super::shape::{MaxPool2dShape, Run};
use crate::layout::LANES;
use crate::parallel::{chunk_count, chunk_range, for_each_range};
use crate::simd::{Dst, F32x4, Src};

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

/// See the other of this name; `y` is not empty.
pub(super) fn max_pool2d_forward(shape: &MaxPool2dShape, x: &[f32], factors: Option<&[f32]>, y: &mut [f32]) {
    let s = *shape;
    let (input, output) = (s.x(), s.y());
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
            let mut rows = chunk(i);
            while !rows.is_empty() {
                // Those of one channel.
                let (plane, start) = (rows.start / oh, rows.start % oh);
                let count = (oh - start).min(rows.len());
                rows.start += count;
                let lanes = output.width(plane / s.c);
                let width = s.ow() * lanes;
                let (mine, rest) = std::mem::take(&mut y).split_at_mut(count * width);
                y = rest;
                let x = Src::new(&x[input.item(s.c, plane)..], s.h * s.w * lanes);
                let mut y = Dst::new(mine, count * width);
                let factor = factors.map_or(1.0, |factors| factors[plane % s.c]);
                let first = s.run(0);
                for i in start..start + count {
                    if !row_of_numbers(&s, &first, x, i, lanes, factor, &mut y) {
                        row_of_any(&s, x, i, lanes, factor, &mut y);
                    }
                    y.step(width);
                }
            }
        },
    );
}

/// Row `i` of the output, from one channel; `first` is the row's first run. False, and nothing of worth, where there may
/// be a NaN, which the quick maximum would lose, or a window without taps.
#[inline(never)]
fn row_of_numbers(
    s: &MaxPool2dShape,
    first: &Run,
    x: Src,
    i: usize,
    lanes: usize,
    factor: f32,
    y: &mut Dst,
) -> bool {
    let rows = s.rows(i);
    if rows.is_empty() || factor == 0.0 {
        return false;
    }
    let mut sums = F32x4::zero();
    let mut j = 0;
    while j < s.ow() {
        let run = if j == 0 { *first } else { s.run(j) };
        if run.taps == 0 {
            return false;
        }
        let x = x.offset((rows.start * s.w + run.column) * lanes);
        let y = y.offset(j * lanes);
        let count = rows.len().div_ceil(s.dilation.0);
        let (apart, below) = (s.dilation.1 * lanes, s.dilation.0 * s.w * lanes);
        let taps = Taps { run, rows: count, lanes, apart, below, stride: s.stride.1 * lanes };
        let smallest = factor < 0.0;
        sums = sums
            + match (lanes, run.taps, smallest) {
                (LANES, 2, false) => taps.pick_few::<Largest, 4, 2>(x, y),
                (LANES, 2, true) => taps.pick_few::<Smallest, 4, 2>(x, y),
                (LANES, 3, false) => taps.pick_few::<Largest, 4, 3>(x, y),
                (LANES, _, false) => taps.pick::<4>(1.0, x, y),
                (4, 2, false) => taps.pick_few::<Largest, 1, 2>(x, y),
                _ => taps.pick::<1>(if smallest { -1.0 } else { 1.0 }, x, y),
            };
        j += run.windows;
    }
    !sums.ne(sums).any()
}

/// What a run of windows reads.
struct Taps {
    run: Run,
    rows: usize,
    lanes: usize,
    /// Elements from a tap to the next, and to that below it.
    apart: usize,
    below: usize,
    /// Elements from a window's first tap to the next one's.
    stride: usize,
}

impl Taps {
    /// Chooses among `TAPS` a row, in lanes of `V` vectors, one after the other, so that all of it is in registers. Gives a
    /// sum that is NaN where a tap is, or not finite.
    #[inline(never)]
    fn pick_few<P: Pick, const V: usize, const TAPS: usize>(&self, x: Src, mut y: Dst) -> F32x4 {
        let mut sums = [F32x4::zero(); V];
        for row in 0..self.rows {
            let (mut x, mut y) = (x.offset(row * self.below), y.offset(0));
            for _ in 0..self.run.windows {
                for (v, sum) in sums.iter_mut().enumerate() {
                    let mut tap = x;
                    let mut best = tap.load(4 * v);
                    for _ in 1..TAPS {
                        tap = tap.offset(self.apart);
                        let value = tap.load(4 * v);
                        // (A multiply-add in one instruction takes 1.5 times as long at 26 MB: V8 then loads otherwise.)
                        *sum = *sum + best * value;
                        best = P::of_two(best, value);
                    }
                    y.store(4 * v, if row > 0 { P::of_two(y.load(4 * v), best) } else { best });
                }
                x = x.offset(self.stride);
                y.step(4 * V);
            }
        }
        sums.into_iter().fold(F32x4::zero(), |total, sum| total + sum)
    }

    /// As `pick_few`, for any number of taps and of lanes, `V` vectors at a time. With 1 a `sign` of -1 chooses the smallest.
    #[inline(never)]
    fn pick<const V: usize>(&self, sign: f32, x: Src, mut y: Dst) -> F32x4 {
        let mut sums = [F32x4::zero(); V];
        let sign = F32x4::splat(sign);
        let signed = |value: F32x4| if V == 1 { value * sign } else { value };
        for row in 0..self.rows {
            let (mut x, mut y) = (x.offset(row * self.below), y.offset(0));
            for _ in 0..self.run.windows {
                for l in (0..self.lanes).step_by(4 * V) {
                    let mut tap = x.offset(l);
                    let mut best: [F32x4; V] = std::array::from_fn(|v| signed(tap.load(4 * v)));
                    sums.iter_mut().zip(best).for_each(|(sum, value)| *sum = *sum + value);
                    for _ in 1..self.run.taps {
                        tap = tap.offset(self.apart);
                        for (v, best) in best.iter_mut().enumerate() {
                            let value = signed(tap.load(4 * v));
                            sums[v] = sums[v] + value;
                            *best = Largest::of_two(*best, value);
                        }
                    }
                    for (v, &best) in best.iter().enumerate() {
                        let at = l + 4 * v;
                        let before = if row > 0 { signed(y.load(at)) } else { best };
                        y.store(at, signed(Largest::of_two(before, best)));
                    }
                }
                x = x.offset(self.stride);
                y.step(self.lanes);
            }
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
