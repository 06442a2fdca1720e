//! Strided copies: transpose, permute, expand, slice, concatenate.

use crate::parallel::for_each_part;
use crate::simd::{reach, Dst, F32x4, Src};

/// As many as a kernel's row may have.
const MOST_DIMENSIONS: usize = 32;
/// Longer runs are worth a call of the runtime's own copy.
const LONG_RUN: usize = 256;
/// So many parts of a copy are enough for the threads to share.
const ENOUGH_PARTS: usize = 64;

/// A shape, and the strides with which the two sides are walked.
#[derive(Clone, Copy)]
pub struct Strided<'a> {
    pub shape: &'a [u32],
    pub x_strides: &'a [u32],
    pub y_strides: &'a [u32],
}

impl Strided<'_> {
    /// Whether the walks stay within arrays of these lengths. (In f64, as shapes may be anything.)
    pub fn fits(self, x: Option<usize>, y: Option<usize>) -> bool {
        let within = |strides: &[u32], length: Option<usize>| {
            let steps = self.shape.iter().zip(strides);
            let last: f64 = steps.map(|(&size, &step)| (f64::from(size) - 1.0) * f64::from(step)).sum();
            length.is_some_and(|length| last < length as f64)
        };
        let empty = self.shape.contains(&0) && x.is_some() && y.is_some();
        empty || within(self.x_strides, x) && within(self.y_strides, y)
    }

    fn len(self) -> usize {
        self.shape.iter().map(|&s| s as usize).product()
    }

    /// The same walks, with the dimensions in the order in which `y` lies, and as few of them as will do.
    fn in_order_of_y(self, room: &mut [[u32; MOST_DIMENSIONS]; 3]) -> Strided<'_> {
        let [shape, x_strides, y_strides] = room;
        let mut rank = 0;
        for d in (0..self.shape.len()).filter(|&d| self.shape[d] != 1) {
            let mut at = rank;
            while at > 0 && y_strides[at - 1] < self.y_strides[d] {
                at -= 1;
            }
            for (to, from) in [
                (&mut *shape, self.shape),
                (&mut *x_strides, self.x_strides),
                (&mut *y_strides, self.y_strides),
            ] {
                to.copy_within(at..rank, at + 1);
                to[at] = from[d];
            }
            rank += 1;
        }
        let mut kept = 0;
        for d in 0..rank {
            let joins =
                |strides: &[u32]| kept > 0 && strides[kept - 1] == strides[d].saturating_mul(shape[d]);
            let both = if joins(x_strides) && joins(y_strides) {
                shape[kept - 1].checked_mul(shape[d])
            } else {
                None
            };
            kept -= usize::from(both.is_some());
            shape[kept] = both.unwrap_or(shape[d]);
            (x_strides[kept], y_strides[kept]) = (x_strides[d], y_strides[d]);
            kept += 1;
        }
        Strided { shape: &shape[..kept], x_strides: &x_strides[..kept], y_strides: &y_strides[..kept] }
    }

    /// Whether all of `y` is written, from its start to its end.
    fn fills_y(self) -> bool {
        let mut sizes = self.shape.iter().zip(self.y_strides).rev();
        let run = sizes
            .try_fold(1u32, |run, (&size, &step)| if run == step { run.checked_mul(size) } else { None });
        run.is_some()
    }

    /// Whether dimension `d` is one of runs of neighbours on both sides that are not worth a call each.
    fn has_short_runs(self, d: usize) -> bool {
        let Some(&run) = self.shape.get(d + 1) else { return false };
        d + 2 == self.shape.len()
            && (4..=LONG_RUN).contains(&(run as usize))
            && [self.x_strides, self.y_strides].iter().all(|strides| strides[d + 1] == 1)
    }

    /// One past the last element that `strides` reach.
    fn reach(self, strides: &[u32]) -> usize {
        self.shape.iter().zip(strides).map(|(&s, &t)| (s as usize - 1) * t as usize).sum::<usize>() + 1
    }
}

/// `y[Σ iₖ·y_strideₖ] = x[Σ iₖ·x_strideₖ]` for every index of the shape; other elements of `y` stay.
pub fn copy_strided(dims: Strided, x: &[f32], y: &mut [f32]) {
    if dims.len() == 0 {
        return;
    }
    assert!(dims.reach(dims.x_strides) <= x.len() && dims.reach(dims.y_strides) <= y.len());
    let rank = dims.shape.len();
    if rank == 0 {
        y[0] = x[0];
        return;
    }
    if rank == 2 && dims.x_strides[0] == 1 && dims.y_strides[1] == 1 {
        return transpose(dims, x, y);
    }
    // (Few pages have so much to copy that threads pay: the core binary does without.)
    if cfg!(feature = "whole") && copy_by_parts(dims, x, y) {
        return;
    }
    copy_dimension(dims, 0, x, y);
}

/// Copies by threads where all of `y` is written, from its start to its end; else says that it did nothing.
fn copy_by_parts(dims: Strided, x: &[f32], y: &mut [f32]) -> bool {
    let mut room = [[0; MOST_DIMENSIONS]; 3];
    let dims = dims.in_order_of_y(&mut room);
    if !dims.fills_y() {
        return false;
    }
    // As many dimensions as give enough parts.
    let (mut parts, mut lead) = (1, 0);
    while lead + 1 < dims.shape.len() && parts < ENOUGH_PARTS {
        parts *= dims.shape[lead] as usize;
        lead += 1;
    }
    let y = &mut y[..dims.len()];
    let width = y.len() / parts;
    for_each_part([y], [width], (parts, width, 1), move |range, [y]| {
        for (part, y) in range.zip(y.chunks_exact_mut(width)) {
            let (mut left, mut x_at) = (part, 0);
            for d in (0..lead).rev() {
                let size = dims.shape[d] as usize;
                x_at += left % size * dims.x_strides[d] as usize;
                left /= size;
            }
            copy_dimension(dims, lead, &x[x_at..], y);
        }
    });
    true
}

fn copy_dimension(dims: Strided, d: usize, x: &[f32], y: &mut [f32]) {
    let Some(&size) = dims.shape.get(d) else {
        y[0] = x[0];
        return;
    };
    let (size, xs, ys) = (size as usize, dims.x_strides[d] as usize, dims.y_strides[d] as usize);
    if cfg!(feature = "whole") && dims.has_short_runs(d) {
        copy_runs(dims, d, x, y);
    } else if d + 1 < dims.shape.len() {
        for i in 0..size {
            copy_dimension(dims, d + 1, &x[i * xs..], &mut y[i * ys..]);
        }
    } else if xs == 1 && ys == 1 {
        copy_run(&x[..size], &mut y[..size]);
    } else if xs == 0 && ys == 1 {
        y[..size].fill(x[0]);
    } else {
        for i in 0..size {
            y[i * ys] = x[i * xs];
        }
    }
}

/// The runs of dimension `d`, one after the other.
fn copy_runs(dims: Strided, d: usize, x: &[f32], y: &mut [f32]) {
    let [size, run, xs, ys] =
        [dims.shape[d], dims.shape[d + 1], dims.x_strides[d], dims.y_strides[d]].map(|n| n as usize);
    let (mut x, mut y) = (Src::new(x, reach([(size, xs)], run)), Dst::new(y, reach([(size, ys)], run)));
    for _ in 0..size {
        for at in (0..run / 4 * 4).step_by(4) {
            y.store(at, x.load(at));
        }
        // (What is left is the end of the last vector.)
        y.store(run - 4, x.load(run - 4));
        (x, y) = (x.offset(xs), y.advance(ys));
    }
}

/// (The runtime's own copy of memory is a call that costs as much as some vectors.)
fn copy_run(x: &[f32], y: &mut [f32]) {
    if x.len() > LONG_RUN {
        return y.copy_from_slice(x);
    }
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<4>(), y.as_chunks_mut::<4>());
    x.iter().zip(y).for_each(|(x, y)| F32x4::load(x).store(y));
    x_rest.iter().zip(y_rest).for_each(|(x, y)| *y = *x);
}

/// Rows of `y` from columns of `x`, in blocks of 4 × 4.
fn transpose(dims: Strided, x: &[f32], y: &mut [f32]) {
    let (rows, cols) = (dims.shape[0] as usize, dims.shape[1] as usize);
    let (xs, ys) = (dims.x_strides[1] as usize, dims.y_strides[0] as usize);
    let mut dst = Dst::new(&mut *y, dims.reach(dims.y_strides));
    let source = Src::new(x, dims.reach(dims.x_strides));
    let (r4, c4) = (rows / 4 * 4, cols / 4 * 4);
    for r in (0..r4).step_by(4) {
        for c in (0..c4).step_by(4) {
            let block = std::array::from_fn(|i| source.load((c + i) * xs + r));
            for (i, row) in F32x4::transpose(block).into_iter().enumerate() {
                dst.store((r + i) * ys + c, row);
            }
        }
    }
    for r in 0..rows {
        for c in if r < r4 { c4 } else { 0 }..cols {
            y[r * ys + c] = x[c * xs + r];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::random;

    #[test]
    fn strided_copies_follow_the_strides() {
        let x = random(1, 5 * 9 * 7);
        for (shape, x_strides, y_strides) in [
            ([9, 5, 7], [7, 63, 1], [35, 7, 1]),
            ([5, 9, 7], [63, 7, 1], [63, 7, 1]),
            ([5, 9, 7], [63, 7, 1], [7, 35, 1]),
            ([5, 9, 7], [63, 7, 1], [1, 35, 5]),
            ([5, 7, 9], [9, 45, 1], [10, 50, 1]),
            ([7, 9, 5], [1, 7, 63], [45, 5, 1]),
            ([5, 7, 4], [63, 7, 1], [4, 20, 1]),
            ([5, 7, 5], [63, 7, 1], [9, 50, 1]),
            ([4, 1, 6], [0, 0, 0], [6, 6, 1]),
            ([2, 1, 2], [0, 0, 0], [3, 0, 0]),
            ([2, 3, 2], [63, 7, 2], [100, 10, 3]),
        ] {
            let mut y = vec![-9.0; 400];
            let mut expected = y.clone();
            for i in 0..shape[0] {
                for j in 0..shape[1] {
                    for k in 0..shape[2] {
                        let at = |s: [u32; 3]| (i * s[0] + j * s[1] + k * s[2]) as usize;
                        expected[at(y_strides)] = x[at(x_strides)];
                    }
                }
            }
            let dims = Strided { shape: &shape, x_strides: &x_strides, y_strides: &y_strides };
            copy_strided(dims, &x, &mut y);
            assert_eq!(y, expected);
            let mut plain = vec![-9.0; 400];
            copy_dimension(dims, 0, &x, &mut plain);
            assert_eq!(plain, expected);
        }
    }

    #[test]
    fn transposes_of_all_sizes() {
        for (rows, cols) in [(1, 1), (4, 4), (7, 13), (8, 5), (3, 16), (100, 33)] {
            let x = random(2, rows * cols);
            let mut y = vec![0.0; rows * cols];
            let dims = Strided {
                shape: &[rows as u32, cols as u32],
                x_strides: &[1, rows as u32],
                y_strides: &[cols as u32, 1],
            };
            copy_strided(dims, &x, &mut y);
            assert!((0..rows * cols).all(|i| y[i] == x[i % cols * rows + i / cols]));
        }
    }
}
