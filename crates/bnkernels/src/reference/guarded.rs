//! Buffers whose surroundings must not be touched.

/// Elements on either side. Odd, so that the values between start one float off every alignment.
const BORDER: usize = 65;
/// A NaN of its own kind: what reads it gives a NaN, and what writes it is found out.
const MARK: u32 = 0x7fc5_a5a5;

/// Values in the midst of a larger buffer. When it is dropped, the rest of that must be as it was.
pub struct Guarded {
    all: Vec<f32>,
}

impl Guarded {
    /// A copy of `values`.
    pub fn new(values: &[f32]) -> Self {
        let border = [f32::from_bits(MARK); BORDER];
        Self { all: [&border, values, &border].concat() }
    }

    /// An output of `length` that nobody has written yet.
    pub fn unwritten(length: usize) -> Self {
        Self::new(&vec![f32::NAN; length])
    }

    pub fn values(&self) -> &[f32] {
        &self.all[BORDER..self.all.len() - BORDER]
    }

    pub fn values_mut(&mut self) -> &mut [f32] {
        let end = self.all.len() - BORDER;
        &mut self.all[BORDER..end]
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let end = self.all.len() - BORDER;
        let borders = self.all[..BORDER].iter().chain(&self.all[end..]);
        let untouched = borders.into_iter().all(|value| value.to_bits() == MARK);
        assert!(untouched || std::thread::panicking(), "a kernel wrote past the end of a buffer");
    }
}
