//! Steps of a row: rows of elementwise kernels, to be run over one block after the other.
//!
//! In words: how many words all take, how many temporaries there are, how many steps; then each step: how many words
//! its row has, how many arrays and how many lengths are to be set, in which words of it the arrays stand and in
//! which the lengths (beside those of the arrays), and the row. An array's address is that of its first element, or
//! `-1 - i` for temporary `i`. Other arrays, such as a number that is repeated, stay as they are.

use super::row::{Row, Status};
use super::run::call;
use crate::kernels::chain;
use std::ops::Range;

/// Words of a step's row, temporaries and steps, at most.
const MOST_WORDS: usize = 24;
const MOST_TEMPORARIES: usize = 16;
const MOST_STEPS: usize = 16;

pub struct Steps {
    /// The first step.
    first: *const f64,
    count: usize,
    temporaries: usize,
}

// SAFETY: nobody changes a row while its kernel runs.
unsafe impl Sync for Steps {}

/// A step: its row, and the words that are to be set.
struct Step<'a> {
    arrays: &'a [f64],
    lengths: &'a [f64],
    row: &'a [f64],
}

impl Step<'_> {
    /// # Safety
    /// There is a step at `at`.
    unsafe fn read<'a>(at: *const f64) -> (Step<'a>, *const f64) {
        // SAFETY: as above.
        unsafe {
            let [words, arrays, lengths] = [0, 1, 2].map(|i| *at.add(i) as usize);
            let slice = |from: usize, length| std::slice::from_raw_parts(at.add(from), length);
            let row = 3 + arrays + lengths;
            let (of_arrays, of_lengths) = (slice(3, arrays), slice(3 + arrays, lengths));
            (Step { arrays: of_arrays, lengths: of_lengths, row: slice(row, words) }, at.add(row + words))
        }
    }

    /// Whether it has room, and its words are words of its row.
    fn is_sound(&self) -> bool {
        let words = self.row.len() as f64;
        let within = |word: &f64| *word >= 2.0 && word + 1.0 < words && word.fract() == 0.0;
        self.arrays.iter().all(within) && self.lengths.iter().all(|word| within(&(word - 1.0)))
    }
}

impl Steps {
    /// # Safety
    /// There are whole steps at the row's next word.
    pub unsafe fn read(row: &mut Row) -> Self {
        let words = row.position();
        let [length, temporaries, count] = [row.size(), row.size(), row.size()];
        row.expect(temporaries <= MOST_TEMPORARIES && count <= MOST_STEPS);
        let steps = Self { first: row.position(), count: count.min(MOST_STEPS), temporaries };
        let mut at = steps.first;
        for _ in 0..steps.count {
            // SAFETY: as above.
            let (step, next) = unsafe { Step::read(at) };
            row.expect(step.row.len() <= MOST_WORDS && step.is_sound());
            at = next;
        }
        // SAFETY: as above.
        let end = unsafe { words.add(length) };
        row.expect(at == end);
        row.go_to(end);
        steps
    }
}

impl chain::Steps for Steps {
    fn temporaries(&self) -> usize {
        self.temporaries
    }

    fn run(&self, range: Range<usize>, temporaries: &mut [f32]) {
        let (length, apart) = (range.len(), temporaries.len() / self.temporaries.max(1));
        assert!(self.temporaries == 0 || apart >= length);
        let (base, mut at) = (temporaries.as_mut_ptr().expose_provenance(), self.first);
        let mut words = [0.0; MOST_WORDS];
        for _ in 0..self.count {
            // SAFETY: the row was sound.
            let (step, next) = unsafe { Step::read(at) };
            words[..step.row.len()].copy_from_slice(step.row);
            for &word in step.arrays {
                let address = &mut words[word as usize];
                *address = if *address < 0.0 {
                    let place = (-1.0 - *address) as usize;
                    assert!(place < self.temporaries);
                    (base + place * apart * size_of::<f32>()) as f64
                } else {
                    *address + (range.start * size_of::<f32>()) as f64
                };
                words[word as usize + 1] = length as f64;
            }
            for &word in step.lengths {
                words[word as usize] = length as f64;
            }
            // SAFETY: it is a whole row; its arrays are those of the whole row's, or temporaries of this thread.
            let (status, _) = unsafe { call(words.as_mut_ptr()) };
            assert!(status == Status::Done, "a step does not fit");
            at = next;
        }
    }
}
