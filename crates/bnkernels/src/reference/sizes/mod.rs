//! Every kernel at every size from 0 to 40, each of its sizes in turn while the others are small and
//! odd: inputs and outputs start one float off, outputs hold NaN before, what lies around them must
//! stay as it was, and results agree with the naive twins.

mod images;
mod rows;

use super::guarded::Guarded;
use super::{assert_close_at_scale, random};

/// Calls `f` with each of the sizes in turn from its least to 40, for each of the `others`.
fn in_turn<const K: usize>(others: &[[usize; K]], least: [usize; K], f: impl Fn([usize; K])) {
    for &sizes in others {
        for k in 0..K {
            for size in least[k]..=40 {
                let mut sizes = sizes;
                sizes[k] = size;
                f(sizes);
            }
        }
    }
}

/// Random values as an input.
fn input(seed: u64, length: usize) -> Guarded {
    Guarded::new(&random(seed, length))
}

/// Results of sums of numbers up to 1, which may cancel.
fn assert_near(actual: &Guarded, expected: &[f64]) {
    assert_close_at_scale(actual.values(), expected, 1e-5, 0.1);
}
