//! The thread team for JavaScript.

use crate::parallel;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
pub fn team_set(workers: usize, awake_limit: usize, caller_sleeps: bool) {
    parallel::set_team(workers, awake_limit, caller_sleeps);
}

#[wasm_bindgen]
pub fn team_work_forever(index: usize) {
    parallel::work_forever(index)
}

#[wasm_bindgen]
pub fn team_chunks_done(index: usize) -> u32 {
    parallel::chunks_done(index)
}

#[wasm_bindgen]
pub fn team_self_test_start(workers: usize) {
    parallel::self_test_start(workers);
}

#[wasm_bindgen]
pub fn team_self_test_done() -> bool {
    parallel::self_test_done()
}
