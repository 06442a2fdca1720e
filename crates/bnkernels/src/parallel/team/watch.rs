//! How the caller waits for workers that have chunks for long, and finds out that one is no more.
//!
//! What is counted is the time that the caller spent in waits, not what a clock says: a process that was
//! suspended, or a debugger, alarms nobody, and on a busy machine the worker gets its turns as the caller
//! does.

use super::failure::{fail, SILENT};
use super::{CALLER_SLEEPS, CALLER_WAITS, ENDED, FAILURE, MAX_WORKERS, SEATS};
use crate::parallel::wait::wait;
use std::sync::atomic::{AtomicU32, Ordering::*};

/// Microseconds of waiting after which a worker is gone whose heart has not beaten.
static PATIENCE: AtomicU32 = AtomicU32::new(5_000_000);

/// Microseconds of the first waits and of later ones: a worker mostly is late because it lost its core,
/// perhaps to this very loop.
const WAITS: (u32, u32) = (50, 1_000);
/// How many are the first.
const FIRST: u32 = 20;
/// Looks of a caller that may not sleep, and for how many microseconds they count: fewer than they take.
const LOOKS: u32 = 60_000;
const OF_LOOKS: u32 = 20;

/// For tests: how long a worker's heart may stand still, in microseconds of the caller's waiting.
pub fn set_patience(microseconds: u32) {
    PATIENCE.store(microseconds, SeqCst);
}

/// Waits until a region is `done`; false if a worker failed first.
#[cold]
#[inline(never)]
pub(super) fn wait_for_region(done: impl Fn() -> bool) -> bool {
    let mut watch = Watch::new();
    loop {
        if done() {
            return true;
        }
        if FAILURE.load(SeqCst) != 0 {
            return false;
        }
        watch.pause(&done);
    }
}

pub(super) fn some_hold_chunks() -> bool {
    SEATS[1..].iter().any(|seat| seat.holds.load(Acquire) == 1)
}

/// The workers' hearts, as they were when they last beat.
pub(super) struct Watch {
    waits: u32,
    beats: [u32; MAX_WORKERS + 1],
    /// Microseconds since.
    still: [u32; MAX_WORKERS + 1],
}

impl Watch {
    pub fn new() -> Self {
        Self { waits: 0, beats: [0; MAX_WORKERS + 1], still: [0; MAX_WORKERS + 1] }
    }

    /// Waits a little, if possible not longer than until it is `over`, and then looks whose heart stands still.
    pub fn pause(&mut self, over: impl Fn() -> bool) {
        let waited = self.wait(over);
        let patience = PATIENCE.load(Relaxed);
        for (i, seat) in SEATS.iter().enumerate().skip(1) {
            let beats = seat.beats.load(Relaxed);
            if seat.holds.load(Acquire) == 0 || self.beats[i] != beats {
                (self.beats[i], self.still[i]) = (beats, 0);
                continue;
            }
            self.still[i] += waited;
            if self.still[i] >= patience {
                fail(SILENT, i - 1);
            }
        }
    }

    /// For how many microseconds.
    fn wait(&mut self, over: impl Fn() -> bool) -> u32 {
        self.waits = self.waits.saturating_add(1);
        if CALLER_SLEEPS.load(Relaxed) == 1 {
            let microseconds = if self.waits <= FIRST { WAITS.0 } else { WAITS.1 };
            let ended = ENDED.load(SeqCst);
            CALLER_WAITS.store(1, SeqCst);
            // Who finishes the last chunk after this look sees that the caller waits.
            let all = !over() && wait(&ENDED, ended, i64::from(microseconds) * 1000);
            CALLER_WAITS.store(0, SeqCst);
            return if all { microseconds } else { 0 };
        }
        for _ in 0..LOOKS {
            if over() {
                return 0;
            }
            std::hint::spin_loop();
        }
        OF_LOOKS
    }
}
