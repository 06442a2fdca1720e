//! The thread team for JavaScript. The caller is the thread that runs kernels; workers have indexes
//! from 0.

use crate::parallel::team;
use wasm_bindgen::prelude::*;

/// Lets `workers` workers take part from now on, at most `awake_limit` of them awake at a time;
/// `caller_sleeps` says whether the caller's thread may block.
#[wasm_bindgen]
pub fn team_set(workers: usize, awake_limit: usize, caller_sleeps: bool) {
    team::set_team(workers, awake_limit, caller_sleeps);
}

/// A worker's life. Returns when there is a new team.
#[wasm_bindgen]
pub fn team_work_forever(index: usize) {
    team::work_forever(index)
}

/// A worker says so when `team_work_forever` has thrown: the caller's region traps at once.
#[wasm_bindgen]
pub fn team_worker_failed(index: usize) {
    team::worker_failed(index);
}

/// How the team failed: 0 if it did not; 256 plus the index of a worker that trapped, 512 plus that of one
/// that was gone without a word. Stays until `team_reset`; regions run on the caller alone.
#[wasm_bindgen]
pub fn team_failure() -> u32 {
    team::failure()
}

/// Forgets the team, for a new one. Its workers have ended.
#[wasm_bindgen]
pub fn team_reset() {
    team::reset();
}

/// For a caller whose kernel trapped (a bug) while the team is sound: ends the region that it left, so that
/// later ones run.
#[wasm_bindgen]
pub fn team_abandon() {
    team::abandon();
}

/// For tests: after how many microseconds of the caller's waiting a worker is gone that has a chunk and
/// does nothing; 5 seconds unless set.
#[wasm_bindgen]
pub fn team_patience(microseconds: u32) {
    team::set_patience(microseconds);
}

/// Chunks that worker `index` has done since the start.
#[wasm_bindgen]
pub fn team_chunks_done(index: usize) -> u32 {
    team::chunks_done(index)
}

/// Starts a region that ends only if every worker comes; the caller does not wait for it.
#[wasm_bindgen]
pub fn team_self_test_start(workers: usize) {
    team::self_test_start(workers);
}

#[wasm_bindgen]
pub fn team_self_test_done() -> bool {
    team::self_test_done()
}
