//! Max pooling a window after the other.

use crate::parallel::{chunk_count, chunk_range, for_each_range};
use crate::simd::{Dst, F32x4, Src};

use super::MaxPool2dShape;

/// Which tap of a window the forward takes: that whose multiple by a factor of some sign is the
/// largest, and of equals the first.
trait Pick {
    fn of_two(a: F32x4, b: F32x4) -> F32x4;
    /// In one instruction; what it makes of a NaN is undefined.
    fn of_two_numbers(a: F32x4, b: F32x4) -> F32x4;
}

struct Largest;
struct Smallest;
struct First;

impl Pick for Largest {
    #[inline(always)]
    fn of_two(a: F32x4, b: F32x4) -> F32x4 {
        a.max(b)
    }
    #[inline(always)]
    fn of_two_numbers(a: F32x4, b: F32x4) -> F32x4 {
        a.at_least(b)
    }
}

impl Pick for Smallest {
    #[inline(always)]
    fn of_two(a: F32x4, b: F32x4) -> F32x4 {
        a.min(b)
    }
    #[inline(always)]
    fn of_two_numbers(a: F32x4, b: F32x4) -> F32x4 {
        a.at_most(b)
    }
}

impl Pick for First {
    #[inline(always)]
    fn of_two(a: F32x4, _: F32x4) -> F32x4 {
        a
    }
    #[inline(always)]
    fn of_two_numbers(a: F32x4, _: F32x4) -> F32x4 {
        a
    }
}

/// `y`, in lanes, from `x` in lanes. With `factors`, one a channel, the tap is taken whose multiple
/// by the factor is the largest: what batch normalisation after it makes the largest.
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
            for item in chunk(i) {
                let lanes = output.width(item / items);
                let (row, rest) = std::mem::take(&mut y).split_at_mut(s.ow() * lanes);
                y = rest;
                let plane = input.item(s.c, item / oh);
                let x = Src::new(&x[plane..], s.h * s.w * lanes);
                let (i, row) = (item % oh, Dst::new(row, s.ow() * lanes));
                match factors.map_or(1.0, |factors| factors[item / oh % s.c]) {
                    0.0 => forward_row::<First>(&s, x, i, lanes, row),
                    factor if factor < 0.0 => forward_row::<Smallest>(&s, x, i, lanes, row),
                    _ => forward_row::<Largest>(&s, x, i, lanes, row),
                }
            }
        },
    );
}

/// Row `i` of the output, from one channel.
fn forward_row<P: Pick>(s: &MaxPool2dShape, x: Src, i: usize, lanes: usize, mut y: Dst) {
    let first = x.offset(2 * i * s.w * lanes);
    if s.is_quarter() && quarter_row::<P>(first, s.w * lanes, lanes, s.ow(), &mut y) {
        return;
    }
    for j in 0..s.ow() {
        let (rows, columns) = (s.rows(i), s.columns(j));
        let empty = rows.is_empty() || columns.is_empty();
        for l in (0..lanes).step_by(4) {
            if empty {
                y.store(j * lanes + l, F32x4::splat(f32::NEG_INFINITY));
                continue;
            }
            let mut best = x.load((rows.start * s.w + columns.start) * lanes + l);
            for row in rows.clone().step_by(s.dilation.0) {
                for column in columns.clone().step_by(s.dilation.1) {
                    best = P::of_two(best, x.load((row * s.w + column) * lanes + l));
                }
            }
            y.store(j * lanes + l, best);
        }
    }
}

/// A row of windows of 2 × 2 from two rows of `below` elements; false, and nothing of worth, where
/// there may be a NaN, which the quick maximum would lose.
fn quarter_row<P: Pick>(x: Src, below: usize, lanes: usize, windows: usize, y: &mut Dst) -> bool {
    let mut sums = F32x4::zero();
    for j in 0..windows {
        let at = 2 * j * lanes;
        let taps = [at, at + lanes, at + below, at + below + lanes].map(|tap| x.offset(tap));
        for l in (0..lanes).step_by(4) {
            let [a, b, c, d] = taps.map(|tap| tap.load(l));
            sums = sums + ((a + b) + (c + d));
            y.store(j * lanes + l, P::of_two_numbers(P::of_two_numbers(a, b), P::of_two_numbers(c, d)));
        }
    }
    !sums.ne(sums).any()
}

/// `dx`, in lanes, from what forward read and wrote and from `dy`.
pub(super) fn max_pool2d_backward(shape: &MaxPool2dShape, x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32]) {
    let s = *shape;
    let (input, output) = (s.x(), s.y());
    let planes = input.count() * s.c;
    let (plane_x, plane_y) = (s.h * s.w, s.oh() * s.ow());
    // Windows may share pixels, so a channel of one block is an item; unless they lie side by side:
    // then a pair of rows can be one.
    let items = if s.is_quarter() && s.h.is_multiple_of(2) { s.c * s.oh() } else { s.c };
    let per_plane = items / s.c;
    let total = planes * per_plane;
    let chunks = chunk_count(total, plane_x * 16 / per_plane);
    let chunk = |i| chunk_range(i, chunks, total, 1);
    for_each_range(
        [dx],
        chunks,
        |i| [input.item(items, chunk(i).start)..input.item(items, chunk(i).end)],
        move |i, [mut dx]| {
            for item in chunk(i) {
                let lanes = input.width(item / items);
                let (mine, rest) = std::mem::take(&mut dx).split_at_mut(plane_x / per_plane * lanes);
                dx = rest;
                let at = input.item(items, item);
                let x = &x[at..at + mine.len()];
                let at = output.item(items, item);
                let mine_y = at..at + plane_y / per_plane * lanes;
                if s.is_quarter() {
                    backward_quarter(&s, x, &y[mine_y.clone()], &dy[mine_y], lanes, mine);
                } else {
                    mine.fill(0.0);
                    let of_x = x.len();
                    let (x, dy) = (Src::new(x, of_x), Src::new(&dy[mine_y.clone()], mine_y.len()));
                    let mut dx = Dst::new(mine, of_x);
                    for i in 0..s.oh() {
                        for j in 0..s.ow() {
                            backward_window(&s, (i, j), (x, dy), lanes, &mut dx);
                        }
                    }
                }
            }
        },
    );
}

/// Whole pairs of rows, in windows of 2 × 2; what no window covers is zero.
fn backward_quarter(s: &MaxPool2dShape, x: &[f32], y: &[f32], dy: &[f32], lanes: usize, dx: &mut [f32]) {
    let below = s.w * lanes;
    let pairs = y.len() / (s.w / 2 * lanes);
    if s.w % 2 == 1 {
        dx.fill(0.0);
    } else {
        dx[2 * pairs * below..].fill(0.0);
    }
    let (of_x, of_y) = (2 * pairs * below, pairs * (s.w / 2) * lanes);
    let (x, y, dy, mut dx) = (Src::new(x, of_x), Src::new(y, of_y), Src::new(dy, of_y), Dst::new(dx, of_x));
    for i in 0..pairs {
        for j in 0..s.w / 2 {
            for l in (0..lanes).step_by(4) {
                let window = (i * (s.w / 2) + j) * lanes + l;
                let (largest, mut left) = (y.load(window), dy.load(window));
                let at = 2 * i * below + 2 * j * lanes + l;
                let taps = [at, at + lanes, at + below, at + below + lanes];
                if largest.ne(largest).any() {
                    let chosen = choose(taps.map(|tap| x.load(tap)).into_iter());
                    for (k, tap) in taps.into_iter().enumerate() {
                        dx.store(tap, chosen.eq(F32x4::splat(k as f32)).keep(left));
                    }
                    continue;
                }
                for tap in &taps[..3] {
                    let hit = x.load(*tap).eq(largest);
                    dx.store(*tap, hit.keep(left));
                    left = hit.clear(left);
                }
                dx.store(taps[3], left);
            }
        }
    }
}

/// Which of the taps wins, in each lane.
#[inline(always)]
fn choose(taps: impl Iterator<Item = F32x4>) -> F32x4 {
    let mut best = F32x4::splat(f32::NEG_INFINITY);
    let mut chosen = F32x4::zero();
    for (k, value) in taps.enumerate() {
        let better = value.gt(best).or(value.ne(value));
        best = better.select(value, best);
        chosen = better.select(F32x4::splat(k as f32), chosen);
    }
    chosen
}

/// Adds the gradient of one window of any kind.
fn backward_window(
    s: &MaxPool2dShape,
    (i, j): (usize, usize),
    (x, dy): (Src, Src),
    lanes: usize,
    dx: &mut Dst,
) {
    let taps = || s.taps(i, j, lanes);
    for l in (0..lanes).step_by(4) {
        let window = (i * s.ow() + j) * lanes + l;
        let gradient = dy.load(window);
        let chosen = choose(taps().map(|tap| x.load(tap + l)));
        for (k, tap) in taps().enumerate() {
            let hit = chosen.eq(F32x4::splat(k as f32));
            dx.store(tap + l, dx.load(tap + l) + hit.keep(gradient));
        }
    }
}
