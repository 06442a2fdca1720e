//! Elementwise operations that run one after the other over a block that stays in the first cache, and then over
//! the next: what passes between them is neither written to memory nor read from it.
//!
//! Each element has the bits that it has where each operation runs over the whole array.

use crate::parallel::scratch::per_thread;
use crate::parallel::{chunk_count, chunk_range, for_each_range, OutOfMemory};
use std::ops::Range;

/// Elements of a block: three arrays of it are in the first cache.
const BLOCK: usize = 2048;

/// The operations.
pub trait Steps: Sync {
    /// How many arrays there are that only they use.
    fn temporaries(&self) -> usize;

    /// Runs all over a range of the arrays. Their temporaries lie one after the other, each as long as the range
    /// or longer.
    fn run(&self, range: Range<usize>, temporaries: &mut [f32]);
}

/// Runs the steps over arrays of `n` elements.
pub fn chain(n: usize, steps: &dyn Steps) -> Result<(), OutOfMemory> {
    let scratch = &per_thread(steps.temporaries() * BLOCK)?;
    let chunks = chunk_count(n.div_ceil(BLOCK), 2 * BLOCK);
    for_each_range(
        [],
        chunks,
        |_| [],
        move |chunk, []| {
            let Range { start, end } = chunk_range(chunk, chunks, n, BLOCK);
            scratch.with(|scratch| {
                for at in (start..end).step_by(BLOCK) {
                    steps.run(at..end.min(at + BLOCK), scratch);
                }
            });
        },
    );
    Ok(())
}
