//! The gradient of max pooling's input, in the order of memory (see `forward`).

use super::shape::{Run, RUN};
use super::MaxPool2dShape;
use crate::layout::LANES;
use crate::parallel::{chunk_count, chunk_range, for_each_range};
use crate::simd::{Dst, F32x4, Src};

/// `dx`, in lanes, from what forward read and wrote and from `dy`.
pub(super) fn max_pool2d_backward(shape: &MaxPool2dShape, x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32]) {
    let s = *shape;
    let (input, output) = (s.x(), s.y());
    let planes = input.count() * s.c;
    let (plane_x, plane_y) = (s.h * s.w, s.oh() * s.ow());
    // Windows may share pixels, so a channel of one block is an item; unless they lie side by side:
    // then a row of windows can be one.
    let per_plane = if s.is_tiled() && s.h == s.oh() * s.kernel.0 { s.oh() } else { 1 };
    let items = s.c * per_plane;
    let total = planes * per_plane;
    let chunks = chunk_count(total, plane_x * 16 / per_plane);
    let chunk = |i| chunk_range(i, chunks, total, 1);
    for_each_range(
        [dx],
        chunks,
        |i| [input.item(items, chunk(i).start)..input.item(items, chunk(i).end)],
        move |i, [mut dx]| {
            let (mut one, mut other) = ([0.0; RUN * LANES], [0.0; RUN * LANES]);
            let mut lefts = [&mut one[..], &mut other[..]];
            for item in chunk(i) {
                let lanes = input.width(item / items);
                let (mine, rest) = std::mem::take(&mut dx).split_at_mut(plane_x / per_plane * lanes);
                dx = rest;
                let (of_x, of_y) = (mine.len(), plane_y / per_plane * lanes);
                let x = Src::new(&x[input.item(items, item)..], of_x);
                let at = output.item(items, item);
                let (y, dy) = (Src::new(&y[at..], of_y), Src::new(&dy[at..], of_y));
                rows(&s, s.oh() / per_plane, (x, y, dy), lanes, &mut lefts, mine);
            }
        },
    );
}

/// The first `windows` rows of windows.
fn rows(
    s: &MaxPool2dShape,
    windows: usize,
    (x, y, dy): (Src, Src, Src),
    lanes: usize,
    lefts: &mut [&mut [f32]; 2],
    dx: &mut [f32],
) {
    let (tiled, adds) = (s.is_tiled(), s.is_shared());
    let pitch = s.w * lanes;
    // Rows of `dx` that were written, or are zero.
    let mut done = 0;
    let first = s.run(0);
    for i in 0..windows {
        let rows = s.rows(i);
        if !tiled && rows.end > done {
            dx[done * pitch..rows.end * pitch].fill(0.0);
        }
        done = done.max(rows.end);
        let length = dx.len();
        let mut dx = Dst::new(dx, length);
        let mut j = 0;
        while j < s.ow() {
            let run = if j == 0 { first } else { s.run(j) };
            let at = (i * s.ow() + j) * lanes;
            let (y, dy) = (y.offset(at), dy.offset(at));
            let mut sums = F32x4::zero();
            for row in rows.clone().step_by(s.dilation.0) {
                let at = (row * s.w + run.column) * lanes;
                let (x, dx) = (x.offset(at), dx.offset(at));
                let reach = run.windows * lanes;
                let [before, after] = &mut *lefts;
                let rest = if row == rows.start { dy } else { Src::new(before, reach) };
                let left = Dst::new(after, reach);
                let (apart, stride) = (s.dilation.1 * lanes, s.stride.1 * lanes);
                let taps = Taps { run, lanes, apart, stride, adds };
                let from = (x, y, rest);
                sums = match (lanes, run.taps, adds) {
                    (LANES, 2, false) => taps.give_few::<4, 2, false>(from, left, dx),
                    (LANES, 3, false) => taps.give_few::<4, 3, false>(from, left, dx),
                    (LANES, 3, true) => taps.give_few::<4, 3, true>(from, left, dx),
                    (LANES, ..) => taps.give::<4>(from, left, dx),
                    (4, 2, false) => taps.give_few::<1, 2, false>(from, left, dx),
                    _ => taps.give::<1>(from, left, dx),
                };
                lefts.swap(0, 1);
            }
            if sums.ne(sums).any() {
                give_to_nan(s, i, &run, (x, y, dy), lanes, &mut dx);
            }
            j += run.windows;
        }
    }
    dx[done * pitch..].fill(0.0);
}

/// A row of the image, as a run of windows has it.
struct Taps {
    run: Run,
    lanes: usize,
    /// Elements from a tap to the next, and from a window's first to the next one's.
    apart: usize,
    stride: usize,
    /// Whether pixels may have the gradient of other windows already.
    adds: bool,
}

impl Taps {
    /// Gives the gradient, or what the rows above have left of it, to the first tap that is what forward wrote, of `TAPS`
    /// a window in lanes of `V` vectors, with `ADD` for `adds`; a vector after the other, so that all of it is in registers.
    /// `left` is what none has taken. Gives a sum of `y`, which is NaN where that is, or not finite; NaNs get nothing.
    #[inline(never)]
    fn give_few<const V: usize, const TAPS: usize, const ADD: bool>(
        &self,
        (mut x, mut y, mut given): (Src, Src, Src),
        mut left: Dst,
        mut dx: Dst,
    ) -> F32x4 {
        let mut sums = [F32x4::zero(); V];
        for _ in 0..self.run.windows {
            for (v, sum) in sums.iter_mut().enumerate() {
                let largest = y.load(4 * v);
                let mut rest = given.load(4 * v);
                *sum = *sum + largest;
                for t in 0..TAPS {
                    let hit = x.offset(t * self.apart).load(4 * v).eq(largest);
                    let mut to = dx.offset(t * self.apart);
                    let mine = hit.keep(rest);
                    to.store(4 * v, if ADD { to.load(4 * v) + mine } else { mine });
                    rest = hit.clear(rest);
                }
                left.store(4 * v, rest);
            }
            (x, y, given) = (x.offset(self.stride), y.offset(4 * V), given.offset(4 * V));
            left.step(4 * V);
            dx.step(self.stride);
        }
        sums.into_iter().fold(F32x4::zero(), |total, sum| total + sum)
    }

    /// As `give_few`, for any number of taps and of lanes, `V` vectors at a time.
    #[inline(never)]
    fn give<const V: usize>(
        &self,
        (mut x, mut y, mut given): (Src, Src, Src),
        mut left: Dst,
        mut dx: Dst,
    ) -> F32x4 {
        let mut sum = F32x4::zero();
        for _ in 0..self.run.windows {
            for l in (0..self.lanes).step_by(4 * V) {
                let largest: [F32x4; V] = std::array::from_fn(|v| y.load(l + 4 * v));
                let mut rest: [F32x4; V] = std::array::from_fn(|v| given.load(l + 4 * v));
                sum = largest.into_iter().fold(sum, |sum, value| sum + value);
                let (mut tap, mut to) = (x.offset(l), dx.offset(l));
                for _ in 0..self.run.taps {
                    for (v, rest) in rest.iter_mut().enumerate() {
                        let hit = tap.load(4 * v).eq(largest[v]);
                        let mine = hit.keep(*rest);
                        to.store(4 * v, if self.adds { to.load(4 * v) + mine } else { mine });
                        *rest = hit.clear(*rest);
                    }
                    tap = tap.offset(self.apart);
                    to.step(self.apart);
                }
                rest.into_iter().enumerate().for_each(|(v, rest)| left.store(l + 4 * v, rest));
            }
            (x, y, given) = (x.offset(self.stride), y.offset(self.lanes), given.offset(self.lanes));
            left.step(self.lanes);
            dx.step(self.stride);
        }
        sum
    }
}

/// Adds the gradient of the windows of a run whose largest tap is NaN to the last NaN; `y` and `dy` begin at the run.
#[inline(never)]
fn give_to_nan(
    s: &MaxPool2dShape,
    i: usize,
    run: &Run,
    (x, y, dy): (Src, Src, Src),
    lanes: usize,
    dx: &mut Dst,
) {
    for k in 0..run.windows {
        for l in (0..lanes).step_by(4) {
            let largest = y.load(k * lanes + l);
            let nan = largest.ne(largest);
            let mut rest = nan.keep(dy.load(k * lanes + l));
            // From the last tap on.
            for tap in s.taps(i, run.j + k, lanes).rev() {
                let tap = tap + l;
                let value = x.load(tap);
                let hit = value.ne(value);
                dx.store(tap, dx.load(tap) + hit.keep(rest));
                rest = hit.clear(rest);
            }
        }
    }
}
