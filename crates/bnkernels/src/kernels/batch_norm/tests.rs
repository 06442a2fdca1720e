use super::*;
use crate::reference::{assert_close, assert_close_at_scale, batch_norm as twin, random, to_lanes, to_rows};

struct Actual {
    mean: Vec<f32>,
    var: Vec<f32>,
    y: Vec<f32>,
    dx: Vec<f32>,
    dweight: Vec<f32>,
    dbias: Vec<f32>,
}

/// Runs the kernels on `[n, c, s]` in rows, in either layout.
fn run(
    layout: Layout,
    (n, c, s): (usize, usize, usize),
    x: &[f32],
    dy: &[f32],
    weight: Option<&[f32]>,
    bias: Option<&[f32]>,
    given: Option<(&[f32], &[f32])>,
) -> Actual {
    let shape = BatchNormShape { layout, n, c, s };
    let there = |v: &[f32]| if layout == Layout::Lanes { to_lanes(v, n, c * s) } else { v.to_vec() };
    let back = |v: &[f32]| if layout == Layout::Lanes { to_rows(v, n, c * s) } else { v.to_vec() };
    let (x, dy) = (there(x), there(dy));
    let [mut mean, mut residual, mut var, mut dweight, mut dbias]: [Vec<f32>; 5] =
        std::array::from_fn(|_| vec![f32::NAN; c]);
    match given {
        Some((m, v)) => {
            mean.copy_from_slice(m);
            var.copy_from_slice(v);
            residual.fill(0.0);
        }
        None => batch_norm_statistics(&shape, &x, &mut mean, &mut residual, &mut var).unwrap(),
    }
    let statistics = Statistics { mean: &mean, residual: Some(&residual), var: &var, eps: 1e-5 };
    let (mut y, mut dx) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
    batch_norm_forward(&shape, &x, statistics, Affine { weight, bias }, &mut y).unwrap();
    let training = given.is_none();
    batch_norm_backward(
        &shape,
        &x,
        &dy,
        statistics,
        weight,
        training,
        Some(&mut dx),
        Some(&mut dweight),
        Some(&mut dbias),
    )
    .unwrap();
    assert_eq!(there(&back(&dx)), dx, "padding lanes of a gradient are zero");
    Actual { mean, var, y: back(&y), dx: back(&dx), dweight, dbias }
}

fn cases() -> impl Iterator<Item = (Layout, (usize, usize, usize))> {
    let rows = [1, 2, 4, 5, 16, 17, 31, 32, 33, 200]
        .into_iter()
        .flat_map(|n| [1, 3, 6, 7, 18, 40, 100].map(|c| (Layout::Rows, (n, c, 1))));
    let lanes = [1, 2, 4, 5, 16, 17, 31, 33].into_iter().flat_map(|n| {
        [(1, 1), (1, 9), (3, 4), (6, 35), (7, 2), (18, 12)].map(|(c, s)| (Layout::Lanes, (n, c, s)))
    });
    let large =
        [(Layout::Rows, (1000, 67, 1)), (Layout::Lanes, (32, 6, 784)), (Layout::Lanes, (21, 2, 1000))];
    rows.chain(lanes).chain(large)
}

#[test]
fn training_and_evaluation_match_their_twins() {
    for (layout, size) in cases() {
        let (n, c, s) = size;
        let x: Vec<f32> = random(1, n * c * s).iter().map(|v| v * 3.0 + 1.0).collect();
        let (dy, weight, bias) = (random(2, x.len()), random(3, c), random(4, c));
        let running: Vec<f32> = random(5, c).iter().map(|v| v.abs() + 0.5).collect();
        for given in [None, Some((&bias[..], &running[..]))] {
            let expected = twin::batch_norm(size, &x, &dy, (&weight, &bias), given, 1e-5);
            let actual = run(layout, size, &x, &dy, Some(&weight), Some(&bias), given);
            assert_close(&actual.mean, &expected.mean, 1e-6);
            assert_close(&actual.var, &expected.var, 1e-6);
            assert_close(&actual.y, &expected.y, 1e-5);
            // Of two values a channel, the gradient cancels to almost nothing.
            let scale = expected.var.iter().fold(0.0f64, |m, v| m.max(1.0 / (v + 1e-5).sqrt()));
            assert_close_at_scale(&actual.dx, &expected.dx, 1e-5, scale);
            // The same goes for sums of terms of either sign.
            assert_close_at_scale(&actual.dweight, &expected.dweight, 1e-5, 0.1);
            assert_close_at_scale(&actual.dbias, &expected.dbias, 1e-5, 0.1);
            let (ones, zeros) = (vec![1.0; c], vec![0.0; c]);
            let expected = twin::batch_norm(size, &x, &dy, (&ones, &zeros), given, 1e-5);
            let actual = run(layout, size, &x, &dy, None, None, given);
            assert_close(&actual.y, &expected.y, 1e-5);
            assert_close_at_scale(&actual.dx, &expected.dx, 1e-5, scale);
        }
    }
}

#[test]
fn a_large_mean_does_not_drown_the_spread() {
    for (layout, size) in [(Layout::Rows, (64, 5, 1)), (Layout::Lanes, (33, 3, 16))] {
        let (n, c, s) = size;
        let x: Vec<f32> = random(1, n * c * s).iter().map(|v| 1000.0 + 0.01 * v).collect();
        let (dy, ones, zeros) = (random(2, x.len()), vec![1.0; c], vec![0.0; c]);
        let expected = twin::batch_norm(size, &x, &dy, (&ones, &zeros), None, 1e-5);
        let actual = run(layout, size, &x, &dy, None, None, None);
        assert_close(&actual.y, &expected.y, 1e-5);
        assert_close(&actual.dx, &expected.dx, 1e-5);
    }
}

/// Values whose mean is hard to guess from the first of them, in any width of a block, with anything in the padding.
#[test]
fn statistics_of_lanes_are_right_wherever_the_pivot_is() {
    type Values = fn(usize, f32) -> f32;
    let kinds: [(Values, f64); 5] = [
        (|_, v| v, 1e-6),
        (|_, v| 1e4 + 0.1 * v, 1e-5),
        (|pixel, v| if pixel < 20 { 0.0 } else { 5.0 + 0.1 * v }, 4e-6),
        (|pixel, v| if pixel == 0 { 1e5 } else { v }, 2e-6),
        (|_, _| 0.1, 0.0),
    ];
    for (value, tolerance) in kinds {
        for n in (1..=16).chain([18, 29, 33]) {
            for s in [1, 2, 3, 20, 21, 300] {
                let c = 2;
                let x: Vec<f32> = random((n + s) as u64, n * c * s)
                    .iter()
                    .enumerate()
                    .map(|(i, &v)| value(i % s, v))
                    .collect();
                let shape = BatchNormShape { layout: Layout::Lanes, n, c, s };
                let mut lanes = to_lanes(&x, n, c * s);
                let is_image = to_lanes(&vec![1.0; x.len()], n, c * s);
                lanes.iter_mut().zip(is_image).filter(|(_, is)| *is == 0.0).for_each(|(v, _)| *v = f32::NAN);
                let [mut mean, mut residual, mut var] = [[f32::NAN; 2]; 3];
                batch_norm_statistics(&shape, &lanes, &mut mean, &mut residual, &mut var).unwrap();
                let ones = vec![1.0; c];
                let expected = twin::batch_norm((n, c, s), &x, &x, (&ones, &ones), None, 1e-5);
                for (&actual, &expected) in var.iter().zip(&expected.var) {
                    let apart = (f64::from(actual) - expected).abs();
                    assert!(apart <= tolerance * expected + 1e-16, "var of {n}×{s}: {actual}, {expected}");
                }
                let sum: Vec<f32> = mean.iter().zip(residual).map(|(a, b)| a + b).collect();
                assert_close_at_scale(&sum, &expected.mean, 1e-6, expected.var[0].sqrt().max(1e-20));
            }
        }
    }
}

#[test]
fn a_first_value_far_off_does_no_harm() {
    let mut x = random(1, 512);
    x[0] = 1e4;
    let shape = BatchNormShape { layout: Layout::Rows, n: 512, c: 1, s: 1 };
    let ([mut mean], [mut residual], [mut var]) = ([[0.0]], [[0.0]], [[0.0]]);
    batch_norm_statistics(&shape, &x, &mut mean, &mut residual, &mut var).unwrap();
    let expected = twin::batch_norm((512, 1, 1), &x, &x, (&[1.0], &[0.0]), None, 1e-5);
    assert_close(&var, &expected.var, 1e-6);
    assert_close(&mean, &expected.mean, 1e-4);
}

#[test]
fn running_statistics_take_the_unbiased_variance() {
    let (mut mean, mut var) = ([1.0, 2.0], [3.0, 4.0]);
    batch_norm_update_running(&[2.0, 4.0], &[1.0, 2.0], 5, Some(0.1), (&mut mean, &mut var), None);
    assert_close(&mean, &[1.1, 2.2], 1e-6);
    assert_close(&var, &[2.7 + 0.125, 3.6 + 0.25], 1e-6);
}

#[test]
fn without_a_momentum_running_statistics_are_the_average_of_all_batches() {
    let (mut mean, mut var, mut tracked) = ([7.0], [8.0], [0.0]);
    for (i, batch) in [1.0f32, 5.0, 9.0].into_iter().enumerate() {
        let running = (&mut mean[..], &mut var[..]);
        batch_norm_update_running(&[batch], &[2.0 * batch], 2, None, running, Some(&mut tracked));
        let average = [1.0, 3.0, 5.0][i];
        assert_close(&mean, &[average], 1e-6);
        assert_close(&var, &[4.0 * average], 1e-6);
        assert_eq!(tracked, [i as f32 + 1.0]);
    }
}

#[test]
fn a_gradient_that_is_not_wanted_changes_no_other() {
    let shape = BatchNormShape { layout: Layout::Lanes, n: 5, c: 3, s: 4 };
    let (x, dy) = (to_lanes(&random(1, 60), 5, 12), to_lanes(&random(2, 60), 5, 12));
    let statistics = Statistics { mean: &[0.1; 3], residual: None, var: &[0.5; 3], eps: 1e-5 };
    let mut dx = vec![0.0; x.len()];
    let [mut a, mut b, mut c, mut d] = [[0.0; 3]; 4];
    batch_norm_backward(&shape, &x, &dy, statistics, None, true, Some(&mut dx), Some(&mut a), Some(&mut b))
        .unwrap();
    batch_norm_backward(&shape, &x, &dy, statistics, None, true, None, Some(&mut c), Some(&mut d)).unwrap();
    assert_eq!((a, b), (c, d));
}

#[test]
fn an_empty_batch() {
    for layout in [Layout::Rows, Layout::Lanes] {
        let shape = BatchNormShape { layout, n: 0, c: 3, s: 1 };
        let ([mut mean, mut residual, mut var], [mut dweight, mut dbias]) = ([[0.0; 3]; 3], [[1.0; 3]; 2]);
        batch_norm_statistics(&shape, &[], &mut mean, &mut residual, &mut var).unwrap();
        assert!(var.iter().all(|value| value.is_nan()));
        let statistics = Statistics { mean: &[0.0; 3], residual: None, var: &[1.0; 3], eps: 1e-5 };
        batch_norm_forward(&shape, &[], statistics, Affine { weight: None, bias: None }, &mut []).unwrap();
        batch_norm_backward(
            &shape,
            &[],
            &[],
            statistics,
            None,
            true,
            Some(&mut []),
            Some(&mut dweight),
            Some(&mut dbias),
        )
        .unwrap();
        assert_eq!((dweight, dbias), ([0.0; 3], [0.0; 3]));
    }
}
