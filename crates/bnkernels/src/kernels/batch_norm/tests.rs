use super::*;
use crate::reference::batch_norm::{self as reference, Shape as Twin};
use crate::reference::{assert_close, random, to_lanes, to_rows};

const EPS: f32 = 1e-5;

/// An array as its layout has it; padding lanes hold `fill`.
fn place(layout: Layout, rows: &[f32], t: Twin, fill: f32) -> Vec<f32> {
    if layout == Layout::Rows {
        return rows.to_vec();
    }
    let mut lanes = to_lanes(rows, t.n, t.c * t.s);
    let real = to_lanes(&vec![1.0; t.len()], t.n, t.c * t.s);
    lanes.iter_mut().zip(real).filter(|(_, real)| *real == 0.0).for_each(|(value, _)| *value = fill);
    lanes
}

fn back(layout: Layout, values: &[f32], t: Twin) -> Vec<f32> {
    if layout == Layout::Rows {
        return values.to_vec();
    }
    to_rows(values, t.n, t.c * t.s)
}

fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

fn check(layout: Layout, t: Twin) {
    let Twin { n, c, s } = t;
    let offsets = random(1, c);
    let x: Vec<f32> =
        random(2, t.len()).iter().enumerate().map(|(i, v)| v + 3.0 * offsets[t.channel(i)]).collect();
    let (weight, bias, dy) = (random(3, c), random(4, c), random(5, t.len()));
    let (x_placed, dy_placed) = (place(layout, &x, t, 99.0), place(layout, &dy, t, 0.0));

    let [mut mean, mut var] = [vec![f32::NAN; c], vec![f32::NAN; c]];
    let mut residue = vec![f32::NAN; c];
    batch_norm_statistics(layout, n, c, s, &x_placed, &mut mean, &mut var, Some(&mut residue));
    let (expected_mean, expected_var) = reference::statistics(t, &x);
    assert_close(&mean, &expected_mean, 1e-6);
    assert_close(&var, &expected_var, 1e-6);

    // One value a channel has no spread, and amplifies the rounding of the mean.
    let one = n * s == 1;
    let running_var: Vec<f32> = random(6, c).iter().map(|v| v + 1.5).collect();
    for training in [true, false] {
        let (mean, var) = if training { (&mean, &var) } else { (&offsets, &running_var) };
        let (mean64, var64) =
            if training { (expected_mean.clone(), expected_var.clone()) } else { (widen(mean), widen(var)) };
        let x_hat = reference::normalize(t, &x, &mean64, &var64, f64::from(EPS));
        for affine in [true, false] {
            let (w, b) = (affine.then_some(&weight[..]), affine.then_some(&bias[..]));
            let mut y = vec![f32::NAN; x_placed.len()];
            batch_norm_forward(
                layout,
                n,
                c,
                s,
                &x_placed,
                mean,
                var,
                EPS,
                w,
                b,
                &mut y,
                training.then_some(&residue[..]),
            );
            assert!(y.iter().all(|value| value.is_finite()));
            let expected: Vec<f64> = x_hat
                .iter()
                .enumerate()
                .map(|(i, v)| {
                    let c = t.channel(i);
                    if affine {
                        v * f64::from(weight[c]) + f64::from(bias[c])
                    } else {
                        *v
                    }
                })
                .collect();
            if !one || affine {
                assert_close(&back(layout, &y, t), &expected, 5e-6);
            }
            let ones = vec![1.0; c];
            let [dx, dweight, dbias] = reference::backward(
                t,
                &x,
                &dy,
                &mean64,
                &var64,
                f64::from(EPS),
                w.unwrap_or(&ones),
                training,
            );
            let mut actual = [vec![f32::NAN; x_placed.len()], vec![f32::NAN; c], vec![f32::NAN; c]];
            let [a, b, d] = &mut actual;
            batch_norm_backward(
                layout,
                n,
                c,
                s,
                &x_placed,
                &dy_placed,
                mean,
                var,
                EPS,
                w,
                training,
                Some(a),
                Some(b),
                Some(d),
            );
            if n * s > 2 || !training {
                assert_close(&back(layout, &actual[0], t), &dx, 1e-5);
                assert_close(&actual[1], &dweight, 1e-5);
            }
            assert_close(&actual[2], &dbias, 1e-5);
            let zeros = place(layout, &vec![1.0; t.len()], t, 0.0);
            assert!(actual[0].iter().zip(zeros).all(|(&value, real)| real == 1.0 || value == 0.0), "{t:?}");
            // Each gradient alone is the same.
            let mut alone = vec![f32::NAN; x_placed.len()];
            batch_norm_backward(
                layout,
                n,
                c,
                s,
                &x_placed,
                &dy_placed,
                mean,
                var,
                EPS,
                w,
                training,
                Some(&mut alone),
                None,
                None,
            );
            assert_eq!(alone, actual[0]);
        }
    }
}

#[test]
fn rows_of_features() {
    for n in [1, 2, 4, 5, 16, 17, 31, 33, 200] {
        for c in [1, 3, 6, 7, 18, 40] {
            check(Layout::Rows, Twin { n, c, s: 1 });
        }
    }
    check(Layout::Rows, Twin { n: 32, c: 100, s: 1 });
    check(Layout::Rows, Twin { n: 1000, c: 67, s: 1 });
}

#[test]
fn images_in_lanes() {
    for n in [1, 2, 4, 5, 16, 17, 31, 33] {
        for (c, s) in [(1, 1), (1, 9), (3, 25), (6, 7), (7, 2), (18, 12)] {
            check(Layout::Lanes, Twin { n, c, s });
        }
    }
    check(Layout::Lanes, Twin { n: 32, c: 6, s: 784 });
    check(Layout::Lanes, Twin { n: 21, c: 2, s: 1000 });
}

#[test]
fn a_mean_that_is_large_against_the_spread() {
    for (layout, n, c, s) in [
        (Layout::Rows, 32, 5, 1),
        (Layout::Rows, 300, 18, 1),
        (Layout::Lanes, 32, 3, 50),
        (Layout::Lanes, 5, 3, 900),
    ] {
        let t = Twin { n, c, s };
        let x: Vec<f32> = random(1, t.len()).iter().map(|v| 1000.0 + 0.01 * v).collect();
        let placed = place(layout, &x, t, 0.0);
        let [mut mean, mut var, mut residue] = [vec![0.0; c], vec![0.0; c], vec![0.0; c]];
        batch_norm_statistics(layout, n, c, s, &placed, &mut mean, &mut var, Some(&mut residue));
        let (expected_mean, expected_var) = reference::statistics(t, &x);
        assert_close(&var, &expected_var, 1e-5);
        let expected = reference::normalize(t, &x, &expected_mean, &expected_var, f64::from(EPS));
        let mut y = vec![0.0; placed.len()];
        batch_norm_forward(layout, n, c, s, &placed, &mean, &var, EPS, None, None, &mut y, Some(&residue));
        assert_close(&back(layout, &y, t), &expected, 1e-5);
    }
}

#[test]
fn an_empty_batch() {
    for layout in [Layout::Rows, Layout::Lanes] {
        let (mut mean, mut var) = ([0.0; 3], [0.0; 3]);
        batch_norm_statistics(layout, 0, 3, 1, &[], &mut mean, &mut var, None);
        assert!(var.iter().all(|value| value.is_nan()));
        let (mean, var) = ([0.0; 3], [1.0; 3]);
        batch_norm_forward(layout, 0, 3, 1, &[], &mean, &var, EPS, None, None, &mut [], None);
        let (mut dweight, mut dbias) = ([1.0; 3], [1.0; 3]);
        batch_norm_backward(
            layout,
            0,
            3,
            1,
            &[],
            &[],
            &mean,
            &var,
            EPS,
            None,
            true,
            Some(&mut []),
            Some(&mut dweight),
            Some(&mut dbias),
        );
        assert_eq!((dweight, dbias), ([0.0; 3], [0.0; 3]));
    }
}

#[test]
fn running_statistics_take_the_unbiased_variance() {
    let (mut mean, mut var) = ([1.0, 2.0], [1.0, 3.0]);
    batch_norm_update_running(&[3.0, 0.0], &[4.0, 8.0], 5, 0.25, &mut mean, &mut var);
    assert_eq!(mean, [1.5, 1.5]);
    assert_eq!(var, [0.75 + 0.25 * 5.0, 2.25 + 0.25 * 10.0]);
}
