//! What happens when a worker, or the caller, fails in a region; and how a new team starts.

use super::posts::{forget_finished, take_back};
use super::watch::{some_hold_chunks, Watch};
use super::{caller_wakes, BUSY, FAILURE, MOST_WORKERS, SEATS, SLEEPERS, TEAM, WAKE, WORKERS};
use crate::parallel::scratch;
use crate::parallel::wait::notify;
use std::sync::atomic::Ordering::*;

/// A worker trapped, or was gone without a word.
pub(super) const TRAPPED: u32 = 256;
pub(super) const SILENT: u32 = 512;

/// Forgets the team, and how it failed, so that a new one can start, with indexes from 0 again. Its
/// workers have ended, or will when they next look; none has a chunk.
pub fn reset() {
    WORKERS.store(0, SeqCst);
    MOST_WORKERS.store(0, SeqCst);
    TEAM.fetch_add(1, SeqCst);
    take_back();
    for seat in &SEATS {
        seat.holds.store(0, SeqCst);
        seat.done.store(0, SeqCst);
    }
    forget_finished();
    SLEEPERS.store(0, SeqCst);
    FAILURE.store(0, SeqCst);
    BUSY.store(0, SeqCst);
    scratch::reclaim();
    WAKE.fetch_add(1, SeqCst);
    notify(&WAKE, u32::MAX);
}

/// Worker `index` trapped, and will do nothing more. (Its stack is anywhere: this needs none.)
pub fn worker_failed(index: usize) {
    fail(TRAPPED, index);
    caller_wakes();
}

pub(super) fn fail(kind: u32, index: usize) {
    _ = FAILURE.compare_exchange(0, kind | index as u32, SeqCst, SeqCst);
    if let Some(seat) = SEATS.get(index + 1) {
        // What it held is lost, and not to be waited for.
        seat.holds.store(0, SeqCst);
    }
}

/// How the team failed: 0 if it did not; 256 plus the index of a worker that trapped, 512 plus that of
/// one that was gone without a word.
pub fn failure() -> u32 {
    FAILURE.load(SeqCst)
}

/// Ends a region that its caller has left by a trap, so that later ones can run.
pub fn abandon() {
    leave();
    scratch::reclaim();
}

/// Leaves the region if a chunk panics (where panics unwind): its closure must outlive the others.
pub(super) struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        leave();
    }
}

/// Ends a region whose chunks are not all done: takes back those that nobody has, and waits for the workers
/// that have some. If one of them failed, there is no team any more.
pub(super) fn leave() {
    if BUSY.load(SeqCst) == 0 {
        return;
    }
    take_back();
    let mut watch = Watch::new();
    while some_hold_chunks() {
        watch.pause(|| !some_hold_chunks());
    }
    if FAILURE.load(SeqCst) != 0 {
        WORKERS.store(0, SeqCst);
    }
    BUSY.store(0, SeqCst);
}
