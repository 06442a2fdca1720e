use super::*;
use crate::reference::{assert_close, random, special::normal};

fn binary_named(name: &str, dims: Broadcast, a: &[f32], b: &[f32], y: &mut [f32]) {
    let number = number(BINARY_DESCRIPTIONS, name);
    assert!(is_binary(number) && dims.fits(a.len(), b.len(), y.len()));
    binary(number, dims, a, b, y);
}

/// Name, whether the input must be positive, f64 twin and its derivative.
type Case = (&'static str, bool, fn(f64) -> f64, fn(f64) -> f64);

const CASES: &[Case] = &[
    ("neg", false, |x| -x, |_| -1.0),
    ("abs", false, f64::abs, f64::signum),
    ("sqrt", true, f64::sqrt, |x| 0.5 / x.sqrt()),
    ("exp", false, f64::exp, f64::exp),
    ("log", true, f64::ln, |x| 1.0 / x),
    ("relu", false, |x| x.max(0.0), |x| (x > 0.0) as u8 as f64),
    ("sigmoid", false, |x| 1.0 / (1.0 + (-x).exp()), |x| (-x).exp() / (1.0 + (-x).exp()).powi(2)),
    ("tanh", false, f64::tanh, |x| 1.0 - x.tanh().powi(2)),
    ("gelu", false, |x| x * normal(x).0, |x| normal(x).0 + x * normal(x).1),
];

#[test]
fn every_unary_operation_is_tested() {
    assert_eq!(UNARY_DESCRIPTIONS.len(), CASES.len());
    assert!(is_unary(CASES.len() as u32 - 1) && !is_unary(CASES.len() as u32));
}

#[test]
fn unary_operations_match_their_twins() {
    for &(name, positive, twin, derivative) in CASES {
        let op = number(UNARY_DESCRIPTIONS, name);
        for n in [0, 1, 3, 4, 7, 100, 20_001] {
            let x: Vec<f32> =
                random(1, n).iter().map(|v| if positive { v.abs() * 5.0 + 0.1 } else { v * 5.0 }).collect();
            let dy = random(2, n);
            let (mut y, mut dx) = (vec![0.0; n], vec![0.0; n]);
            unary_forward(op, &x, &mut y);
            unary_backward(op, Some(&x), Some(&y), &dy, &mut dx);
            for i in 0..n {
                let x = f64::from(x[i]);
                let expected = [twin(x), derivative(x) * f64::from(dy[i])];
                // A gradient from `y` has `y`'s rounding in `1 - y`, as PyTorch's has: small ones
                // are as good as ones of 0.1.
                let floors = [1e-3, 0.1];
                for ((actual, expected), floor) in [y[i], dx[i]].into_iter().zip(expected).zip(floors) {
                    let error = (f64::from(actual) - expected).abs() / expected.abs().max(floor);
                    assert!(error < 3e-6, "{name}({x}): {actual}, expected {expected}");
                }
            }
            // Without what it says that it does not read.
            let [reads_x, reads_y] = UNARY_DESCRIPTIONS[op as usize].reads;
            let (x, y) = (reads_x.then_some(&x[..]), reads_y.then_some(&y[..]));
            assert!(has_what_it_reads(op, x, y) && has_what_it_reads(op, None, None) == (x.or(y).is_none()));
            let mut again = vec![f32::NAN; n];
            unary_backward(op, x, y, &dy, &mut again);
            assert_eq!(again, dx);
        }
    }
}

#[test]
fn broadcasting_reads_with_strides() {
    let (a, b) = (random(5, 3 * 7), random(6, 7));
    let mut y = vec![0.0; 21];
    binary_named("sub", Broadcast { shape: &[3, 7], a_strides: &[7, 1], b_strides: &[0, 1] }, &a, &b, &mut y);
    let expected: Vec<f64> = (0..21).map(|i| f64::from(a[i]) - f64::from(b[i % 7])).collect();
    assert_close(&y, &expected, 1e-7);
    let mut y = vec![0.0; 21];
    binary_named("div", Broadcast { shape: &[3, 7], a_strides: &[0, 1], b_strides: &[1, 0] }, &b, &a, &mut y);
    let expected: Vec<f64> = (0..21).map(|i| f64::from(b[i % 7]) / f64::from(a[i / 7])).collect();
    assert_close(&y, &expected, 1e-6);
    let mut y = [0.0];
    binary_named("mul", Broadcast { shape: &[], a_strides: &[], b_strides: &[] }, &[3.0], &[4.0], &mut y);
    assert_eq!(y, [12.0]);
}

#[test]
fn maximum_shares_its_gradient_between_equals() {
    let dims = Broadcast { shape: &[3], a_strides: &[1], b_strides: &[1] };
    let mut y = [0.0; 3];
    binary_named("maximum_share", dims, &[1.0, 2.0, 3.0], &[2.0, 2.0, 2.0], &mut y);
    assert_eq!(y, [0.0, 0.5, 1.0]);
}
