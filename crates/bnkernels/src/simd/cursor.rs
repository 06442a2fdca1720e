//! Cursors into slices: their bounds are checked when they are made.

use super::{F32x4, Raw, WIDTH};
use std::marker::PhantomData;

/// One past the furthest element of `run` elements that are repeated along some dimensions, each given
/// as (how often, how far apart); 0 where a dimension has no elements. What would be larger than a
/// `usize` stays the largest, which no slice has.
#[inline(always)]
pub fn reach<const D: usize>(dimensions: [(usize, usize); D], run: usize) -> usize {
    if dimensions.iter().any(|&(count, _)| count == 0) {
        return 0;
    }
    dimensions.iter().fold(run, |end, &(count, apart)| end.saturating_add((count - 1).saturating_mul(apart)))
}

/// Where a cursor is and how far it may reach: what the checks off WebAssembly need.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy)]
struct Bounds {
    at: isize,
    reach: isize,
}

/// Nothing: the check when the cursor was made has to do.
#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy)]
struct Bounds;

impl Bounds {
    #[inline(always)]
    fn new(_reach: usize) -> Self {
        #[cfg(not(target_arch = "wasm32"))]
        return Self { at: 0, reach: _reach as isize };
        #[cfg(target_arch = "wasm32")]
        Self
    }

    #[inline(always)]
    fn moved(self, _count: usize) -> Self {
        // A cursor may pass through places out of bounds, and steps may be negative (and wrap).
        #[cfg(not(target_arch = "wasm32"))]
        return Self { at: self.at.wrapping_add(_count as isize), ..self };
        #[cfg(target_arch = "wasm32")]
        self
    }

    #[inline(always)]
    fn check(self, _index: usize, _count: usize) {
        #[cfg(not(target_arch = "wasm32"))]
        {
            let first = self.at.wrapping_add(_index as isize);
            assert!(first >= 0 && first + _count as isize <= self.reach, "a cursor went out of bounds");
        }
    }
}

/// A cursor that reads from a slice.
#[derive(Clone, Copy)]
pub struct Src<'a> {
    pointer: *const f32,
    bounds: Bounds,
    of: PhantomData<&'a [f32]>,
}

// SAFETY: it reads as the slice does that it was made of, which threads may share.
unsafe impl Send for Src<'_> {}
// SAFETY: as above.
unsafe impl Sync for Src<'_> {}

impl<'a> Src<'a> {
    /// At the start of `slice`; reads none but its first `reach` elements.
    #[inline(always)]
    pub fn new(slice: &'a [f32], reach: usize) -> Self {
        assert!(reach <= slice.len(), "a cursor would read past its slice");
        Self { pointer: slice.as_ptr(), bounds: Bounds::new(reach), of: PhantomData }
    }

    /// The cursor moved on by `count` elements.
    #[inline(always)]
    pub fn offset(self, count: usize) -> Self {
        Self { pointer: self.pointer.wrapping_add(count), bounds: self.bounds.moved(count), of: PhantomData }
    }

    /// The cursor at element `index`, which exists: unlike `offset`'s, a constant becomes part of the
    /// loads' own offsets.
    #[inline(always)]
    pub fn at(self, index: usize) -> Self {
        self.bounds.check(index, 1);
        // SAFETY: in bounds, as in `load`.
        let pointer = unsafe { self.pointer.add(index) };
        Self { pointer, bounds: self.bounds.moved(index), of: PhantomData }
    }

    /// Four elements from `index` on.
    #[inline(always)]
    pub fn load(self, index: usize) -> F32x4 {
        self.bounds.check(index, WIDTH);
        // SAFETY: within the reach that was checked against the slice.
        unsafe { F32x4(self.pointer.add(index).cast::<Raw>().read_unaligned()) }
    }

    /// The element at `index` in all four lanes.
    #[inline(always)]
    pub fn load_splat(self, index: usize) -> F32x4 {
        F32x4::splat(self.get(index))
    }

    /// The elements at four places.
    #[inline(always)]
    pub fn gather(self, [a, b, c, d]: [usize; 4]) -> F32x4 {
        F32x4::new(self.get(a), self.get(b), self.get(c), self.get(d))
    }

    #[inline(always)]
    pub fn get(self, index: usize) -> f32 {
        self.bounds.check(index, 1);
        // SAFETY: as in `load`.
        unsafe { *self.pointer.add(index) }
    }
}

/// A cursor that writes to a slice.
pub struct Dst<'a> {
    pointer: *mut f32,
    bounds: Bounds,
    of: PhantomData<&'a mut [f32]>,
}

impl<'a> Dst<'a> {
    /// At the start of `slice`; touches none but its first `reach` elements.
    #[inline(always)]
    pub fn new(slice: &'a mut [f32], reach: usize) -> Self {
        assert!(reach <= slice.len(), "a cursor would write past its slice");
        Self { pointer: slice.as_mut_ptr(), bounds: Bounds::new(reach), of: PhantomData }
    }

    /// # Safety
    /// The `reach` elements from `pointer` on exist, and nothing else reads or writes them during
    /// `'a`, unless the two never touch the same element.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(pointer: *mut f32, reach: usize) -> Self {
        Self { pointer, bounds: Bounds::new(reach), of: PhantomData }
    }

    /// A cursor that starts `count` elements further on.
    #[inline(always)]
    pub fn offset(&mut self, count: usize) -> Dst<'_> {
        Dst { pointer: self.pointer.wrapping_add(count), bounds: self.bounds.moved(count), of: PhantomData }
    }

    /// A cursor that starts at element `index`, which exists: unlike `offset`'s, a constant becomes part of the loads' and
    /// stores' own offsets.
    #[inline(always)]
    pub fn at(&mut self, index: usize) -> Dst<'_> {
        self.bounds.check(index, 1);
        // SAFETY: in bounds, as in `load`.
        let pointer = unsafe { self.pointer.add(index) };
        Dst { pointer, bounds: self.bounds.moved(index), of: PhantomData }
    }

    /// The cursor moved on by `count` elements.
    #[inline(always)]
    pub fn advance(self, count: usize) -> Self {
        Self { pointer: self.pointer.wrapping_add(count), bounds: self.bounds.moved(count), of: PhantomData }
    }

    /// Moves on by `count` elements. (In a loop: constants then become part of the loads' and stores' own offsets, where
    /// the compiler would take them out of a place that it can compute from the loop's count.)
    #[inline(always)]
    pub fn step(&mut self, count: usize) {
        self.pointer = self.pointer.wrapping_add(count);
        self.bounds = self.bounds.moved(count);
    }

    #[inline(always)]
    pub fn load(&self, index: usize) -> F32x4 {
        self.bounds.check(index, WIDTH);
        // SAFETY: as in `Src::load`.
        unsafe { F32x4(self.pointer.add(index).cast::<Raw>().read_unaligned()) }
    }

    #[inline(always)]
    pub fn store(&mut self, index: usize, value: F32x4) {
        self.bounds.check(index, WIDTH);
        // SAFETY: as in `Src::load`.
        unsafe { self.pointer.add(index).cast::<Raw>().write_unaligned(value.0) }
    }

    #[inline(always)]
    pub fn get(&self, index: usize) -> f32 {
        self.bounds.check(index, 1);
        // SAFETY: as in `Src::load`.
        unsafe { *self.pointer.add(index) }
    }

    #[inline(always)]
    pub fn set(&mut self, index: usize, value: f32) {
        self.bounds.check(index, 1);
        // SAFETY: as in `Src::load`.
        unsafe { *self.pointer.add(index) = value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{catch_unwind, AssertUnwindSafe};

    fn panics(f: impl FnOnce()) -> bool {
        catch_unwind(AssertUnwindSafe(f)).is_err()
    }

    #[test]
    fn the_reach_is_one_past_the_furthest_element() {
        assert_eq!(reach([(3, 10), (2, 100)], 4), 124);
        assert_eq!(reach([(3, 10), (0, 100)], 4), 0);
        assert_eq!(reach([], 4), 4);
        assert_eq!(reach([(usize::MAX, 2)], 4), usize::MAX);
    }

    #[test]
    fn a_cursor_that_would_reach_past_its_slice_is_not_made() {
        assert!(panics(|| _ = Src::new(&[0.0; 8], 9)));
        assert!(panics(|| _ = Dst::new(&mut [0.0; 8], 9)));
        assert!(!panics(|| _ = Src::new(&[], 0)));
    }

    #[test]
    fn loads_and_stores_out_of_reach_panic() {
        let values = [0.0; 20];
        let src = Src::new(&values, 10);
        assert!(!panics(|| _ = src.load(6)));
        assert!(panics(|| _ = src.load(7)));
        assert!(panics(|| _ = src.offset(4).load(3)));
        assert!(panics(|| _ = src.offset(4).get(6)));
        assert!(panics(|| _ = src.at(10)));
        assert!(panics(|| _ = src.offset(2usize.wrapping_neg()).load(0)));
        assert!(!panics(|| _ = src.offset(2usize.wrapping_neg()).load(2)));
        let mut values = [0.0; 20];
        let mut dst = Dst::new(&mut values, 10);
        dst.store(6, F32x4::splat(1.0));
        assert!(panics(|| dst.store(7, F32x4::zero())));
        assert!(panics(|| dst.offset(5).set(5, 1.0)));
        assert!(panics(|| dst.offset(8).advance(9usize.wrapping_neg()).set(0, 1.0)));
        assert!(panics(|| _ = dst.get(10)));
        assert_eq!(values[10..], [0.0; 10]);
    }
}
