//! Walks over rows of one length, 16 values at a time. What is left at the end is filled up, so that each
//! walk has its body once. Rows of whole steps have no such end (`REST` is then 0), and nothing that asks for it.

use crate::simd::{Dst, F32x4, Src};

/// Values of a step: four vectors.
pub(super) const STEP: usize = 16;

/// A row that is read.
pub(super) struct Row<'a, const REST: usize> {
    length: usize,
    /// What is whole steps.
    whole: Src<'a>,
    /// From a step to the next: 16, or 0 where the same step is read again and again.
    stride: usize,
    /// The last step, if there is one more: what is left, and what fills it up.
    rest: [f32; REST],
}

/// `REST` of rows of so many values.
pub(super) const fn rest_of(length: usize) -> usize {
    if length.is_multiple_of(STEP) {
        0
    } else {
        STEP
    }
}

impl<'a, const REST: usize> Row<'a, REST> {
    #[inline(always)]
    pub fn new(row: &'a [f32], fill: f32) -> Self {
        assert!(REST == rest_of(row.len()));
        let (whole, left) = row.split_at(row.len() / STEP * STEP);
        let mut rest = [fill; REST];
        rest.iter_mut().zip(left).for_each(|(to, &value)| *to = value);
        Self { length: row.len(), whole: Src::new(whole, whole.len()), stride: STEP, rest }
    }

    /// The row, or `length` times `value` (0 or 1), where it is missing.
    pub fn or(row: Option<&'a [f32]>, length: usize, value: f32) -> Self {
        match row {
            Some(row) => Self::new(row, 0.0),
            None => {
                let whole = if value == 0.0 { &[0.0; STEP] } else { &[1.0; STEP] };
                Self { length, whole: Src::new(whole, STEP), stride: 0, rest: [value; REST] }
            }
        }
    }

    /// Where the steps from number `step` on are read, and how far apart.
    #[inline(always)]
    fn steps(&self, step: usize) -> (Src<'_>, usize) {
        if REST == 0 || step < self.length / STEP {
            (self.whole.offset(step * self.stride), self.stride)
        } else {
            (Src::new(&self.rest, STEP), 0)
        }
    }
}

/// Calls `f` with runs of at most `most` steps through rows of `length` values: the first step and how many. What is
/// left after whole steps is a run of its own.
#[inline(always)]
fn for_each_run<const REST: usize>(length: usize, most: usize, mut f: impl FnMut(usize, usize)) {
    let (whole, mut first) = (length / STEP, 0);
    let end = whole + usize::from(REST > 0);
    while first < end {
        let count = if first < whole { most.min(whole - first) } else { 1 };
        f(first, count);
        first += count;
    }
}

/// `K` sums over rows: `f` adds the terms of a vector of each. Four vectors side by side (two of three sums,
/// or the registers would not do) in runs of 1,024 values, and runs in f64. The terms of what fills up the last vector must be zero.
#[inline(always)]
pub(super) fn sum<const N: usize, const K: usize, const REST: usize>(
    rows: [&Row<REST>; N],
    f: impl Fn([F32x4; N], [F32x4; K]) -> [F32x4; K],
) -> [f64; K] {
    let mut totals = [0.0; K];
    for_each_run::<REST>(rows[0].length, 1024 / STEP, |first, count| {
        let mut sums = [[F32x4::zero(); K]; 4];
        let mut from = rows.map(|row| row.steps(first));
        for _ in 0..count {
            for v in 0..4 {
                let sums = &mut sums[if K > 2 { v % 2 } else { v }];
                *sums = f(from.map(|(from, _)| from.load(4 * v)), *sums);
            }
            from = from.map(|(from, stride)| (from.offset(stride), stride));
        }
        let [a, b, c, d] = sums;
        for k in 0..K {
            totals[k] += f64::from(((a[k] + b[k]) + (c[k] + d[k])).sum());
        }
    });
    totals
}

/// `outputs = f(rows, outputs)`, vector by vector.
#[inline(always)]
pub(super) fn map<const N: usize, const M: usize, const REST: usize>(
    rows: [&Row<REST>; N],
    outputs: [&mut [f32]; M],
    f: impl Fn([F32x4; N], [F32x4; M]) -> [F32x4; M],
) {
    let n = rows[0].length;
    assert!(outputs.iter().all(|output| output.len() == n));
    let mut rests = [[0.0; REST]; M];
    let mut outputs = outputs.map(|output| output.split_at_mut(n / STEP * STEP));
    for (rest, (_, left)) in rests.iter_mut().zip(&outputs) {
        rest.iter_mut().zip(&**left).for_each(|(to, &value)| *to = value);
    }
    for_each_run::<REST>(n, usize::MAX, |first, count| {
        let mut from = rows.map(|row| row.steps(first));
        let mut rests = rests.iter_mut();
        let mut to = outputs.each_mut().map(|(whole, _)| {
            let rest = rests.next().expect("one for each output");
            if REST == 0 || first == 0 && n >= STEP {
                Dst::new(whole, count * STEP)
            } else {
                Dst::new(rest, STEP)
            }
        });
        for _ in 0..count {
            for v in (0..STEP).step_by(4) {
                let values = f(from.map(|(from, _)| from.load(v)), to.each_ref().map(|to| to.load(v)));
                to.iter_mut().zip(values).for_each(|(to, value)| to.store(v, value));
            }
            from = from.map(|(from, stride)| (from.offset(stride), stride));
            to = to.map(|to| to.advance(STEP));
        }
    });
    for ((_, left), rest) in outputs.iter_mut().zip(rests) {
        left.iter_mut().zip(rest).for_each(|(to, value)| *to = value);
    }
}
