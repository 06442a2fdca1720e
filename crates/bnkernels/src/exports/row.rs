//! A kernel call is a row of numbers (f64): word 0 is the kernel's place in the list of declarations, word 1
//! takes its result, and from word 2 on come its arguments as declared. A number is one word, an array two:
//! its address and its length in elements (0, 0 where an optional one is missing), and dimensions are their
//! rank, then the shape and two lists of strides.
//!
//! What is wrong in a row is noted while it is read, and said before the kernel runs: a wrong size can't make
//! a kernel trap or hang.

use super::lengths::Length;
use crate::parallel::OutOfMemory;
use std::marker::PhantomData;

/// Words of the longest row.
pub const MOST_WORDS: usize = 256;

/// Dimensions have at most so many.
pub const MOST_DIMENSIONS: usize = 32;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    Done = 0,
    /// There was no scratch memory left. Nothing was written.
    OutOfMemory = 1,
    /// An array has another length than the sizes say, or a number is not of its kind. Nothing was written.
    WrongArgument = 2,
    UnknownKernel = 3,
}

/// Reads a row from word to word, and notes whether all that it read can be.
pub struct Row {
    next: *const f64,
    sound: bool,
    /// What the kernel gave.
    number: f64,
}

impl Row {
    /// # Safety
    /// There is a whole row of arguments at `next`.
    pub unsafe fn new(next: *const f64) -> Self {
        Self { next, sound: true, number: 0.0 }
    }

    /// What the kernel gave; 0 if it gives nothing.
    pub fn number(&self) -> f64 {
        self.number
    }

    fn word(&mut self) -> f64 {
        // SAFETY: a kernel reads as many words as its row has.
        unsafe {
            let word = *self.next;
            self.next = self.next.add(1);
            word
        }
    }

    /// A whole number below 2³².
    #[inline(never)]
    pub fn u32(&mut self) -> u32 {
        let word = self.word();
        let number = word as u32;
        self.expect(f64::from(number) == word);
        number
    }

    #[inline(always)]
    pub fn size(&mut self) -> usize {
        self.u32() as usize
    }

    #[inline(always)]
    pub fn f64(&mut self) -> f64 {
        self.word()
    }

    #[inline(always)]
    pub fn f32(&mut self) -> f32 {
        self.word() as f32
    }

    #[inline(always)]
    pub fn bool(&mut self) -> bool {
        self.word() != 0.0
    }

    /// A number below `options`.
    #[inline(always)]
    pub fn choice(&mut self, options: u32) -> u32 {
        let number = self.u32();
        self.expect(number < options);
        number
    }

    #[inline(always)]
    pub fn array<T: Copy>(&mut self) -> Array<T> {
        Array { words: self.array_of(size_of::<T>(), false), of: PhantomData }
    }

    #[inline(always)]
    pub fn optional(&mut self) -> Array<f32> {
        Array { words: self.array_of(size_of::<f32>(), true), of: PhantomData }
    }

    /// Not generic over the type of the elements: one copy serves all.
    #[inline(never)]
    fn array_of(&mut self, size: usize, optional: bool) -> *const f64 {
        let words = self.next;
        let (word, length) = (self.word(), f64::from(self.u32()));
        let (address, end) = (word as usize, word + length * size as f64);
        self.expect(address as f64 == word && address.is_multiple_of(size) && end <= memory_size());
        // (An empty array has an address, too.)
        self.expect(address != 0 || (optional && length == 0.0));
        words
    }

    #[inline(never)]
    pub fn dims(&mut self) -> Dims {
        let rank = self.size();
        self.expect(rank <= MOST_DIMENSIONS);
        let mut dims = Dims { rank: rank.min(MOST_DIMENSIONS), words: [0; 3 * MOST_DIMENSIONS] };
        for word in dims.words.iter_mut().take(3 * dims.rank) {
            *word = self.u32();
        }
        dims
    }

    /// Where the next word is.
    pub fn position(&self) -> *const f64 {
        self.next
    }

    /// Goes on with another word of the row.
    pub fn go_to(&mut self, word: *const f64) {
        self.next = word;
    }

    pub fn expect(&mut self, condition: bool) {
        self.sound &= condition;
    }

    /// Whether all that was read was as it must be.
    pub fn is_sound(&self) -> bool {
        self.sound
    }

    /// Takes what a kernel gave, whose declaration says whether that is a number.
    #[inline(always)]
    pub fn finish<const NUMBER: bool, T: Outcome>(&mut self, outcome: T) -> Status {
        const { assert!(NUMBER == T::NUMBER, "a declaration says `-> number` where its kernel gives one") };
        match outcome.number() {
            Ok(number) => {
                if NUMBER {
                    self.number = number;
                }
                Status::Done
            }
            Err(status) => status,
        }
    }
}

/// Bytes of memory that there are.
fn memory_size() -> f64 {
    #[cfg(target_arch = "wasm32")]
    return core::arch::wasm32::memory_size(0) as f64 * 65_536.0;
    #[cfg(not(target_arch = "wasm32"))]
    f64::INFINITY
}

/// An array of a row, before its length is known to be right: its two words.
#[derive(Clone, Copy)]
pub struct Array<T: Copy> {
    words: *const f64,
    of: PhantomData<T>,
}

impl<T: Copy> Array<T> {
    /// Its length, as lengths are computed: see [`lengths`](super::lengths).
    #[inline(always)]
    pub fn len(self) -> f64 {
        // SAFETY: an array has two words, which nobody changes while the kernel is called.
        unsafe { *self.words.add(1) }
    }

    /// Whether it has this length.
    #[inline(always)]
    pub fn is(self, length: impl Length) -> bool {
        self.len() == length.value()
    }

    #[inline(always)]
    fn address(self) -> usize {
        // SAFETY: as above.
        unsafe { *self.words as usize }
    }

    /// Whether there is one.
    #[inline(always)]
    pub fn is_given(self) -> bool {
        self.address() != 0
    }

    /// # Safety
    /// The row was sound, the array is given, and what lies there is not changed while the slice is used.
    #[inline(always)]
    pub unsafe fn slice<'a>(self) -> &'a [T] {
        // SAFETY: `array_of` looked at alignment and bounds.
        unsafe { std::slice::from_raw_parts(self.address() as *const T, self.len() as usize) }
    }

    /// # Safety
    /// The row was sound, the array is given, and no other slice overlaps this one.
    #[inline(always)]
    pub unsafe fn slice_mut<'a>(self) -> &'a mut [T] {
        // SAFETY: as in `slice`.
        unsafe { std::slice::from_raw_parts_mut(self.address() as *mut T, self.len() as usize) }
    }
}

/// A shape and the strides of two operands.
pub struct Dims {
    rank: usize,
    words: [u32; 3 * MOST_DIMENSIONS],
}

impl Dims {
    pub fn shape(&self) -> &[u32] {
        &self.words[..self.rank]
    }

    pub fn a(&self) -> &[u32] {
        &self.words[self.rank..2 * self.rank]
    }

    pub fn b(&self) -> &[u32] {
        &self.words[2 * self.rank..3 * self.rank]
    }
}

/// What a kernel may give back.
pub trait Outcome {
    /// Whether there is a number for the caller.
    const NUMBER: bool;

    fn number(self) -> Result<f64, Status>;
}

impl Outcome for () {
    const NUMBER: bool = false;

    fn number(self) -> Result<f64, Status> {
        Ok(0.0)
    }
}

impl Outcome for usize {
    const NUMBER: bool = true;

    fn number(self) -> Result<f64, Status> {
        Ok(self as f64)
    }
}

/// None is -1.
impl Outcome for Option<usize> {
    const NUMBER: bool = true;

    fn number(self) -> Result<f64, Status> {
        Ok(self.map_or(-1.0, |number| number as f64))
    }
}

impl<T: Outcome> Outcome for Result<T, OutOfMemory> {
    const NUMBER: bool = T::NUMBER;

    fn number(self) -> Result<f64, Status> {
        self.map_err(|OutOfMemory| Status::OutOfMemory)?.number()
    }
}
