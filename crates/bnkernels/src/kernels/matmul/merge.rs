//! How the sums over a block of k enter C. Where there are many blocks, what each addition loses is kept
//! in a matrix of its own, and added at the end: then the number of blocks costs no digits.

use crate::simd::{Dst, F32x4};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Merge {
    /// C is the block's sum.
    Write,
    /// C gets the block's sum added.
    Add,
    /// As `Write`, and nothing is lost so far.
    Start,
    /// As `Add`, and what was lost is kept.
    Carry,
    /// As `Carry`, and what was lost is added to C.
    End,
}

impl Merge {
    /// Of four elements, at `at` from the cursors into C and into what was lost.
    #[inline(always)]
    pub fn store(self, sum: F32x4, c: &mut Dst, lost: &mut Dst, at: usize) {
        match self {
            Self::Write => c.store(at, sum),
            Self::Add => c.store(at, c.load(at) + sum),
            _ => {
                let old = (self != Self::Start).then(|| (c.load(at), lost.load(at)));
                let (sum, left) = self.carry(sum, old);
                c.store(at, sum);
                lost.store(at, left);
            }
        }
    }

    /// Of one element.
    pub fn set(self, sum: f32, c: &mut Dst, lost: &mut Dst, at: usize) {
        match self {
            Self::Write => c.set(at, sum),
            Self::Add => c.set(at, c.get(at) + sum),
            _ => {
                let old =
                    (self != Self::Start).then(|| (F32x4::splat(c.get(at)), F32x4::splat(lost.get(at))));
                let (sum, left) = self.carry(F32x4::splat(sum), old);
                c.set(at, sum.to_array()[0]);
                lost.set(at, left.to_array()[0]);
            }
        }
    }

    /// What C and what was lost become.
    #[inline(always)]
    fn carry(self, sum: F32x4, old: Option<(F32x4, F32x4)>) -> (F32x4, F32x4) {
        let Some((c, lost)) = old else { return (sum, F32x4::zero()) };
        let (sum, error) = c.two_sum(sum);
        let lost = lost + error;
        if self == Self::End {
            (sum + lost, lost)
        } else {
            (sum, lost)
        }
    }
}
