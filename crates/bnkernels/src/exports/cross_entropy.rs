//! Cross entropy for JavaScript.

use super::{input, output};
use crate::kernels::cross_entropy;
use wasm_bindgen::prelude::*;

/// The index of the first label that is no class, or -1; then nothing was written.
///
/// # Safety
/// Pointers to live arrays: `logits` and `log_probabilities` of n·classes, the others of n.
#[wasm_bindgen]
pub unsafe fn cross_entropy_forward(
    n: usize,
    classes: usize,
    logits: *const f32,
    labels: *const f32,
    log_probabilities: *mut f32,
    losses: *mut f32,
) -> i32 {
    let all = n * classes;
    unsafe {
        let (logits, labels) = (input(logits, all), input(labels, n));
        let (logs, losses) = (output(log_probabilities, all), output(losses, n));
        let bad = cross_entropy::cross_entropy_forward(n, classes, logits, labels, logs, losses);
        bad.map_or(-1, |index| index as i32)
    }
}

/// `scales` is the length of `scale`: n, or 1 for all rows.
///
/// # Safety
/// Pointers to live arrays; the labels are classes (forward checked them).
#[wasm_bindgen]
pub unsafe fn cross_entropy_backward(
    n: usize,
    classes: usize,
    log_probabilities: *const f32,
    labels: *const f32,
    scale: *const f32,
    scales: usize,
    dlogits: *mut f32,
) {
    let all = n * classes;
    unsafe {
        let (logs, labels) = (input(log_probabilities, all), input(labels, n));
        let (scale, dlogits) = (input(scale, scales), output(dlogits, all));
        cross_entropy::cross_entropy_backward(n, classes, logs, labels, scale, dlogits)
    }
}

/// Rows whose largest logit is the label's.
///
/// # Safety
/// Pointers to live arrays: `logits` of n·classes, `labels` of n.
#[wasm_bindgen]
pub unsafe fn count_correct(n: usize, classes: usize, logits: *const f32, labels: *const f32) -> usize {
    unsafe { cross_entropy::count_correct(n, classes, input(logits, n * classes), input(labels, n)) }
}
