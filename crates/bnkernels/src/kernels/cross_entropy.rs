//! Cross entropy of logits `[n, classes]` with class indices (whole floats):
//! `loss_i = -log_softmax(logits_i)[label_i]`, `dlogits = (softmax - onehot) scale`.

use super::softmax::{log_softmax_rows, map, narrow, EXP_COST};
use crate::parallel::for_each_part;
use crate::simd::{Exp, F32x4};

/// The first label that is no whole number in `0..classes`.
pub fn first_bad_label(classes: usize, labels: &[f32]) -> Option<usize> {
    labels.iter().position(|&label| !(label >= 0.0 && label < classes as f32 && label.trunc() == label))
}

/// Writes `log_probabilities` (what backward needs) and one loss a row; or, where a label is no
/// class, writes nothing and returns its index.
pub fn cross_entropy_forward(
    n: usize,
    classes: usize,
    logits: &[f32],
    labels: &[f32],
    log_probabilities: &mut [f32],
    losses: &mut [f32],
) -> Option<usize> {
    assert!(logits.len() == n * classes && log_probabilities.len() == n * classes);
    assert!(labels.len() == n && losses.len() == n);
    let bad = first_bad_label(classes, labels);
    if bad.is_some() || n == 0 {
        return bad;
    }
    for_each_part(
        [log_probabilities, losses],
        [classes, 1],
        (n, classes * EXP_COST, 4),
        move |rows, [log_probabilities, losses]| {
            let logits = &logits[rows.start * classes..rows.end * classes];
            log_softmax_rows(classes, logits, log_probabilities);
            let labels = &labels[rows];
            for ((y, loss), &label) in log_probabilities.chunks_exact(classes).zip(losses).zip(labels) {
                *loss = -y[label as usize];
            }
        },
    );
    None
}

/// `dlogits_i = (e^log_probabilities_i - onehot(label_i)) scale_i`; one scale a row, or one for all.
pub fn cross_entropy_backward(
    n: usize,
    classes: usize,
    log_probabilities: &[f32],
    labels: &[f32],
    scale: &[f32],
    dlogits: &mut [f32],
) {
    assert!(log_probabilities.len() == n * classes && dlogits.len() == n * classes);
    assert!(labels.len() == n && (scale.len() == n || scale.len() == 1));
    if classes == 0 {
        return;
    }
    for_each_part([dlogits], [classes], (n, classes * EXP_COST, 4), move |rows, [dlogits]| {
        if narrow::fits(classes) {
            let y = &log_probabilities[rows.start * classes..rows.end * classes];
            let scale = if scale.len() == 1 { scale } else { &scale[rows.clone()] };
            return narrow::cross_entropy_backward(classes, y, &labels[rows], scale, dlogits);
        }
        let exp = Exp::with_constants();
        for (row, dx) in rows.zip(dlogits.chunks_exact_mut(classes)) {
            let y = &log_probabilities[row * classes..][..classes];
            let scale = scale[if scale.len() == 1 { 0 } else { row }];
            map([y], dx, |[y]| exp.or_zero(y) * F32x4::splat(scale));
            dx[labels[row] as usize] -= scale;
        }
    });
}

/// Rows whose largest logit (the first of equals; NaN counts as largest) is the label's.
pub fn count_correct(n: usize, classes: usize, logits: &[f32], labels: &[f32]) -> usize {
    assert!(logits.len() == n * classes && labels.len() == n);
    if classes == 0 {
        return 0;
    }
    logits.chunks_exact(classes).zip(labels).filter(|(row, &label)| argmax(row) as f32 == label).count()
}

#[inline(always)]
fn argmax(row: &[f32]) -> usize {
    let (mut best, mut at) = (row[0], 0);
    for (i, &value) in row.iter().enumerate().skip(1) {
        if value > best || (value.is_nan() && !best.is_nan()) {
            (best, at) = (value, i);
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, loss as twin, random};

    fn labels(n: usize, classes: usize) -> Vec<f32> {
        random(5, n).iter().map(|x| ((x * 0.5 + 0.5) * classes as f32).floor()).collect()
    }

    #[test]
    fn forward_and_backward_agree_with_the_twin() {
        for (n, classes) in [(0, 10), (1, 1), (5, 3), (32, 10), (600, 29)] {
            let logits: Vec<f32> = random(1, n * classes).iter().map(|x| x * 5.0).collect();
            let labels = labels(n, classes);
            let (mut logs, mut losses) = (vec![f32::NAN; n * classes], vec![f32::NAN; n]);
            assert_eq!(cross_entropy_forward(n, classes, &logits, &labels, &mut logs, &mut losses), None);
            let expected = twin::log_softmax(&logits, classes);
            let picked: Vec<f64> = (0..n).map(|i| -expected[i * classes + labels[i] as usize]).collect();
            assert_close(&logs, &expected, 1e-6);
            assert_close(&losses, &picked, 1e-6);

            // The loss is -Σ s_i log_softmax[label_i]: a cotangent with one entry a row.
            for scale in [random(2, n), vec![0.7]] {
                let mut dy = vec![0.0; n * classes];
                for i in 0..n {
                    dy[i * classes + labels[i] as usize] = -scale[i % scale.len()];
                }
                let mut dx = vec![f32::NAN; n * classes];
                cross_entropy_backward(n, classes, &logs, &labels, &scale, &mut dx);
                assert_close(&dx, &twin::log_softmax_backward(&logits, &dy, classes), 2e-6);
            }
        }
    }

    #[test]
    fn a_bad_label_is_found_before_anything_is_written() {
        for bad in [-1.0, 3.0, 0.5, f32::NAN, f32::INFINITY] {
            let (mut logs, mut losses) = ([7.0; 6], [7.0; 2]);
            let found = cross_entropy_forward(2, 3, &[0.0; 6], &[2.0, bad], &mut logs, &mut losses);
            assert_eq!((found, logs, losses), (Some(1), [7.0; 6], [7.0; 2]));
        }
        assert_eq!(first_bad_label(0, &[0.0]), Some(0));
    }

    #[test]
    fn correct_rows_are_counted() {
        let logits = [1.0, 3.0, 3.0, f32::NAN, 9.0, 0.0, -2.0, -3.0, -1.0];
        assert_eq!(count_correct(3, 3, &logits, &[1.0, 0.0, 2.0]), 3);
        assert_eq!(count_correct(3, 3, &logits, &[2.0, 1.0, 2.0]), 1);
        assert_eq!(count_correct(0, 3, &[], &[]), 0);
    }
}
