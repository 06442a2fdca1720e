//! Functions of vectors that are made of `exp`.

use super::F32x4;

impl F32x4 {
    /// `1 / (1 + e⁻ˣ)`.
    #[inline(always)]
    pub fn sigmoid(self) -> Self {
        let one = Self::splat(1.0);
        one / (one + (-self).exp())
    }

    /// The hyperbolic tangent. Near 0, where `1 - 2 / (e²ˣ + 1)` would cancel, the continued fraction
    /// `x (105 + 10x²) / (105 + 45x² + x⁴)` of the DLMF, 4.39.1, cut after its fourth term.
    #[inline(always)]
    pub fn tanh(self) -> Self {
        let c = Self::splat;
        let magnitude = self.abs();
        let far = c(1.0) - c(2.0) / ((magnitude + magnitude).exp() + c(1.0));
        let square = self * self;
        let near =
            magnitude * (c(105.0) + c(10.0) * square) / (c(105.0) + c(45.0) * square + square * square);
        let value = magnitude.lt(c(0.25)).select(near, far);
        self.lt(Self::zero()).select(-value, value)
    }
}
