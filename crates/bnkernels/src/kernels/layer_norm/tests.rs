use super::*;
use crate::reference::{
    assert_close, assert_close_at_scale,
    layer_norm::{self as twin, Affine},
    random,
};

struct Actual {
    y: Vec<f32>,
    dx: Vec<f32>,
    dweight: Vec<f32>,
    dbias: Vec<f32>,
}

fn run(rows: usize, cols: usize, x: &[f32], dy: &[f32], affine: Affine) -> Actual {
    let [mut y, mut dx] = std::array::from_fn(|_| vec![f32::NAN; rows * cols]);
    let [mut mean, mut rstd] = std::array::from_fn(|_| vec![f32::NAN; rows]);
    let [mut dweight, mut dbias] = std::array::from_fn(|_| vec![f32::NAN; cols]);
    layer_norm_forward(rows, cols, x, affine.weight, affine.bias, 1e-5, &mut y, &mut mean, &mut rstd);
    let backward = |dx: Option<&mut [f32]>, dweight: Option<&mut [f32]>, dbias: Option<&mut [f32]>| {
        layer_norm_backward(rows, cols, x, dy, &mean, &rstd, affine.weight, dx, dweight, dbias).unwrap();
    };
    backward(Some(&mut dx), Some(&mut dweight), Some(&mut dbias));
    // Each alone has the same bits.
    let [mut one, mut two, mut three] = [dx.len(), cols, cols].map(|length| vec![7.0; length]);
    backward(Some(&mut one), None, None);
    backward(None, Some(&mut two), None);
    backward(None, None, Some(&mut three));
    let bits =
        |values: [&[f32]; 3]| values.map(|values| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
    assert_eq!(bits([&one, &two, &three]), bits([&dx, &dweight, &dbias]));
    Actual { y, dx, dweight, dbias }
}

fn check(rows: usize, cols: usize, x: &[f32], tolerance: f64) {
    let (dy, weight, bias) = (random(2, rows * cols), random(3, cols), random(4, cols));
    for affine in [
        Affine { weight: None, bias: None },
        Affine { weight: Some(&weight), bias: None },
        Affine { weight: Some(&weight), bias: Some(&bias) },
    ] {
        let actual = run(rows, cols, x, &dy, affine);
        let expected = twin::layer_norm(rows, cols, x, &dy, affine, 1e-5);
        assert_close(&actual.y, &expected.y, tolerance);
        // (Of two values the gradient cancels to nearly nothing.)
        assert_close_at_scale(&actual.dx, &expected.dx, tolerance, 1.0);
        assert_close(&actual.dweight, &expected.dweight, tolerance);
        assert_close(&actual.dbias, &expected.dbias, tolerance);
    }
}

#[test]
fn matches_the_twin() {
    for rows in [0, 1, 2, 7, 64, 65, 200] {
        for cols in [2, 3, 4, 5, 16, 17, 33, 100, 1030] {
            check(rows, cols, &random(1, rows * cols), 1e-5);
        }
    }
}

#[test]
fn a_mean_that_is_large_against_the_spread_costs_no_digits() {
    for cols in [5, 64, 1500] {
        let x: Vec<f32> = random(1, 30 * cols).iter().map(|x| 1000.0 + x * 0.01).collect();
        check(30, cols, &x, 1e-5);
    }
}

#[test]
fn many_rows_cost_no_digits() {
    let rows = 100_000;
    let x = random(1, rows * 3);
    let dy: Vec<f32> = random(2, rows * 3).iter().map(|dy| dy + 1.0).collect();
    let affine = Affine { weight: None, bias: None };
    let actual = run(rows, 3, &x, &dy, affine);
    let expected = twin::layer_norm(rows, 3, &x, &dy, affine, 1e-5);
    assert_close(&actual.dbias, &expected.dbias, 2e-7);
    assert_close(&actual.dweight, &expected.dweight, 2e-6);
}

#[test]
fn rows_of_one_value_are_their_bias() {
    let actual =
        run(3, 1, &[5.0, -7.0, 0.0], &[1.0, 2.0, 3.0], Affine { weight: Some(&[2.0]), bias: Some(&[0.5]) });
    assert_eq!((actual.y, actual.dx), (vec![0.5; 3], vec![0.0; 3]));
    assert_eq!((actual.dweight, actual.dbias), (vec![0.0], vec![6.0]));
}

#[test]
fn no_values_and_broken_ones() {
    let affine = Affine { weight: None, bias: None };
    run(5, 0, &[], &[], affine);
    let mut x = random(1, 14);
    x[3] = f32::NAN;
    let actual = run(2, 7, &x, &random(2, 14), affine);
    assert!(actual.y[..7].iter().all(|y| y.is_nan()) && actual.y[7..].iter().all(|y| y.is_finite()));
}
