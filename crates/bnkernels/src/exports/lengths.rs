//! How long the arrays of a kernel are. Computed in f64 (to which a declaration's sizes are turned), where
//! sizes that nobody checked can't overflow: a length that is too large for memory, negative or NaN equals
//! that of no array.

/// A length: computed from sizes, or counted.
pub trait Length {
    fn value(self) -> f64;
}

impl Length for f64 {
    fn value(self) -> f64 {
        self
    }
}

/// A number in a declaration.
impl Length for i32 {
    fn value(self) -> f64 {
        f64::from(self)
    }
}

impl Length for usize {
    fn value(self) -> f64 {
        self as f64
    }
}

/// Floats of `n` images in lanes, each of `image` floats: see [`Blocks`](crate::layout::Blocks).
#[inline(never)]
pub fn lanes(n: f64, image: f64) -> f64 {
    (n / 4.0).ceil() * 4.0 * image
}

/// Floats of `n` images in `layout` (0 is rows, 1 lanes).
#[inline(never)]
pub fn laid(layout: u32, n: f64, image: f64) -> f64 {
    if layout == 0 {
        n * image
    } else {
        lanes(n, image)
    }
}

/// Gates of a recurrent cell, by its number (tanh, relu, LSTM, GRU).
#[inline(never)]
pub fn gates_of(cell: u32) -> f64 {
    match cell {
        0 | 1 => 1.0,
        2 => 4.0,
        3 => 3.0,
        _ => f64::NAN,
    }
}

/// Places of a window of `taps` that slides over `size` and `padding` on both sides; NaN where it does not
/// fit.
#[inline(never)]
pub fn slides(size: f64, taps: f64, stride: f64, padding: f64) -> f64 {
    let free = size + 2.0 * padding - taps;
    if free >= 0.0 && taps >= 1.0 && stride >= 1.0 {
        (free / stride).floor() + 1.0
    } else {
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Blocks;

    #[test]
    fn lengths_are_those_of_the_layouts() {
        for n in [0, 1, 3, 4, 5, 15, 16, 17, 33] {
            assert_eq!(lanes(n as f64, 6.0), Blocks::new(n, 6).len() as f64);
        }
        assert_eq!((laid(0, 5.0, 3.0), laid(1, 5.0, 3.0)), (15.0, 24.0));
    }

    #[test]
    fn windows_that_do_not_fit_have_no_length() {
        assert_eq!(slides(28.0, 5.0, 1.0, 0.0), 24.0);
        assert_eq!(slides(7.0, 3.0, 2.0, 1.0), 4.0);
        for bad in [slides(2.0, 3.0, 1.0, 0.0), slides(2.0, 3.0, 2.0, 0.0), slides(5.0, 3.0, 0.0, 0.0)] {
            assert!(bad.is_nan() && lanes(0.0, bad).is_nan());
        }
    }
}
