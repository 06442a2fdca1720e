use super::*;
use crate::kernels::elementwise::Broadcast;
use crate::reference::{
    assert_close, random,
    special::{erf, normal},
};

fn binary_named(name: &str, dims: Broadcast, a: &[f32], b: &[f32], y: &mut [f32]) {
    let number = number(BINARY_DESCRIPTIONS, name);
    assert!(is_binary(number) && dims.fits(a.len(), b.len(), y.len()));
    binary(number, dims, a, b, y);
}

/// Name, the numbers that it takes, whether the input must be positive, f64 twin and its derivative.
type Case = (&'static str, Numbers, bool, fn(f64) -> f64, fn(f64) -> f64);

const NONE: Numbers = [0.0; 2];

const CASES: &[Case] = &[
    ("neg", NONE, false, |x| -x, |_| -1.0),
    ("abs", NONE, false, f64::abs, f64::signum),
    ("sqrt", NONE, true, f64::sqrt, |x| 0.5 / x.sqrt()),
    ("exp", NONE, false, f64::exp, f64::exp),
    ("log", NONE, true, f64::ln, |x| 1.0 / x),
    ("relu", NONE, false, |x| x.max(0.0), |x| f64::from(x > 0.0)),
    ("sigmoid", NONE, false, sigmoid, |x| sigmoid(x) * sigmoid(-x)),
    ("tanh", NONE, false, f64::tanh, |x| 1.0 - x.tanh().powi(2)),
    ("_gelu", NONE, false, |x| x * normal(x).0, |x| normal(x).0 + x * normal(x).1),
    ("_gelu_tanh", NONE, false, gelu_tanh, |x| slope(gelu_tanh, x)),
    ("_clamp", [-0.5, 2.0], false, |x| x.clamp(-0.5, 2.0), |x| f64::from(x > -0.5 && x < 2.0)),
    ("_clamp", [1.0, -2.0], false, |_| -2.0, |_| 0.0),
    ("sin", NONE, false, f64::sin, f64::cos),
    ("cos", NONE, false, f64::cos, |x| -x.sin()),
    ("erf", NONE, false, erf, |x| slope(erf, x)),
    ("floor", NONE, false, f64::floor, |_| 0.0),
    ("ceil", NONE, false, f64::ceil, |_| 0.0),
    ("round", NONE, false, f64::round_ties_even, |_| 0.0),
    ("sign", NONE, false, f64::signum, |_| 0.0),
    ("rsqrt", NONE, true, |x| 1.0 / x.sqrt(), |x| -0.5 * x.powf(-1.5)),
    ("reciprocal", NONE, false, |x| 1.0 / x, |x| -1.0 / (x * x)),
    ("log1p", NONE, true, f64::ln_1p, |x| 1.0 / (1.0 + x)),
    ("silu", NONE, false, |x| x * sigmoid(x), |x| slope(|x| x * sigmoid(x), x)),
    ("hardswish", NONE, false, hardswish, |x| slope(hardswish, x)),
    ("mish", NONE, false, mish, |x| slope(mish, x)),
    ("relu6", NONE, false, |x| x.clamp(0.0, 6.0), |x| f64::from(x > 0.0 && x < 6.0)),
    ("softplus", [1.0, 20.0], false, |x| x.exp().ln_1p(), sigmoid),
    ("softplus", [0.5, 1.0], false, softplus, |x| if x > 2.0 { 1.0 } else { sigmoid(0.5 * x) }),
    ("elu", [1.0, 0.0], false, |x| if x > 0.0 { x } else { x.exp_m1() }, |x| x.min(0.0).exp()),
    ("elu", [-2.5, 0.0], false, elu, |x| if x > 0.0 { 1.0 } else { -2.5 * x.exp() }),
    ("leaky_relu", [0.25, 0.0], false, |x| x.max(0.25 * x), |x| if x > 0.0 { 1.0 } else { 0.25 }),
    ("leaky_relu", [-2.0, 0.0], false, |x| x.max(-2.0 * x), |x| if x > 0.0 { 1.0 } else { -2.0 }),
];

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn gelu_tanh(x: f64) -> f64 {
    x / 2.0 * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh())
}

fn hardswish(x: f64) -> f64 {
    x * (x + 3.0).clamp(0.0, 6.0) / 6.0
}

fn mish(x: f64) -> f64 {
    x * x.exp().ln_1p().tanh()
}

fn softplus(x: f64) -> f64 {
    if x > 2.0 {
        x
    } else {
        2.0 * (0.5 * x).exp().ln_1p()
    }
}

fn elu(x: f64) -> f64 {
    if x > 0.0 {
        x
    } else {
        -2.5 * x.exp_m1()
    }
}

/// The derivative, by a difference of the fourth order.
fn slope(f: fn(f64) -> f64, x: f64) -> f64 {
    let (h, d) = (1e-4, |h| f(x + h) - f(x - h));
    (8.0 * d(h) - d(2.0 * h)) / (12.0 * h)
}

#[test]
fn every_unary_operation_is_tested() {
    let without = |row: &&Description| CASES.iter().all(|(name, ..)| *name != row.name);
    assert!(UNARY_DESCRIPTIONS.iter().find(without).is_none_or(|row| panic!("{}", row.name)));
    let count = UNARY_DESCRIPTIONS.len() as u32;
    assert!(is_unary(count - 1) && !is_unary(count));
}

#[test]
fn unary_operations_match_their_twins() {
    for &(name, numbers, positive, twin, derivative) in CASES {
        let op = number(UNARY_DESCRIPTIONS, name);
        for n in [0, 1, 3, 4, 7, 100, 20_001] {
            let x: Vec<f32> =
                random(1, n).iter().map(|v| if positive { v.abs() * 5.0 + 0.1 } else { v * 5.0 }).collect();
            let dy = random(2, n);
            let (mut y, mut dx) = (vec![0.0; n], vec![0.0; n]);
            unary_forward(op, numbers, &x, &mut y);
            unary_backward(op, numbers, Some(&x), Some(&y), &dy, &mut dx);
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
            unary_backward(op, numbers, x, y, &dy, &mut again);
            assert_eq!(again, dx);
        }
    }
}

#[test]
fn what_is_computed_with_its_slope_has_the_bits_of_both_directions() {
    for description in UNARY_DESCRIPTIONS {
        let op = number(UNARY_DESCRIPTIONS, description.name);
        let known = ["_gelu", "_gelu_tanh", "silu", "mish"].contains(&description.name);
        assert_eq!(has_slope(op), known);
        if !known {
            continue;
        }
        for n in [0, 1, 3, 4, 7, 100, 40_001] {
            let mut x: Vec<f32> = random(1, n).iter().map(|v| v * 9.0).collect();
            let hard = [f32::INFINITY, f32::NEG_INFINITY, -0.0, 1e30, -1e30, 1e-40];
            x.iter_mut().zip(hard).for_each(|(x, value)| *x = value);
            let dy = random(2, n);
            let (mut y, mut dx) = (vec![0.0; n], vec![0.0; n]);
            unary_forward(op, NONE, &x, &mut y);
            unary_backward(op, NONE, Some(&x), None, &dy, &mut dx);
            let (mut slope, mut both) = (x.clone(), vec![f32::NAN; n]);
            unary_with_slope(op, &mut slope, &mut both);
            let product: Vec<f32> = slope.iter().zip(&dy).map(|(slope, dy)| dy * slope).collect();
            let bits = |values: &[f32]| -> Vec<u32> {
                values.iter().map(|v| if v.is_nan() { 1 } else { v.to_bits() }).collect()
            };
            assert_eq!((bits(&both), bits(&product)), (bits(&y), bits(&dx)), "{} {n}", description.name);
        }
    }
}

/// One value and its gradient.
fn one_of(name: &str, numbers: Numbers, x: f32) -> (f32, f32) {
    let op = number(UNARY_DESCRIPTIONS, name);
    let (mut y, mut dx) = ([0.0], [0.0]);
    unary_forward(op, numbers, &[x], &mut y);
    unary_backward(op, numbers, Some(&[x]), Some(&y), &[2.0], &mut dx);
    (y[0], dx[0])
}

/// What PyTorch gives where two formulas meet.
#[test]
fn on_their_corners_unary_operations_are_pytorch_s() {
    let half = [0.5, 0.0];
    for (name, numbers, x, expected) in [
        ("_clamp", [-1.0, 1.0], -1.0, (-1.0, 0.0)),
        ("_clamp", [-1.0, 1.0], 1.0, (1.0, 0.0)),
        ("round", NONE, 0.5, (0.0, 0.0)),
        ("round", NONE, 1.5, (2.0, 0.0)),
        ("round", NONE, -2.5, (-2.0, 0.0)),
        ("sign", NONE, 0.0, (0.0, 0.0)),
        ("sign", NONE, f32::NAN, (0.0, 0.0)),
        ("rsqrt", NONE, 0.0, (f32::INFINITY, f32::NEG_INFINITY)),
        ("relu6", NONE, 0.0, (0.0, 0.0)),
        ("relu6", NONE, 6.0, (6.0, 0.0)),
        ("hardswish", NONE, -3.0, (0.0, 0.0)),
        ("hardswish", NONE, 3.0, (3.0, 2.0)),
        ("leaky_relu", half, 0.0, (0.0, 1.0)),
        ("elu", half, 0.0, (0.0, 1.0)),
        ("elu", half, -1e30, (-0.5, 0.0)),
        ("elu", half, f32::INFINITY, (f32::INFINITY, 2.0)),
        ("softplus", [1.0, 1000.0], 200.0, (200.0, 2.0)),
        ("softplus", [1.0, 20.0], -1e30, (0.0, 0.0)),
        ("mish", NONE, 1e30, (1e30, 2.0)),
        ("_gelu_tanh", NONE, 1e30, (1e30, 2.0)),
        ("_gelu_tanh", NONE, -1e30, (0.0, 0.0)),
        ("silu", NONE, -1e30, (0.0, 0.0)),
    ] {
        assert_eq!(one_of(name, numbers, x), expected, "{name}({x})");
    }
    for name in
        ["_clamp", "relu6", "hardswish", "elu", "leaky_relu", "softplus", "mish", "silu", "_gelu_tanh"]
    {
        assert!(one_of(name, [0.5, 1.0], f32::NAN).0.is_nan(), "{name}(NaN)");
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

#[test]
fn comparisons_and_choices_are_exact() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let (a, b) = ([1.0, 2.0, 3.0, nan, 0.0, -inf, 7.0], [2.0, 2.0, 2.0, nan, -0.0, 1.0, nan]);
    let dims = Broadcast { shape: &[7], a_strides: &[1], b_strides: &[1] };
    for (name, expected) in [
        ("eq", [0, 1, 0, 0, 1, 0, 0]),
        ("ne", [1, 0, 1, 1, 0, 1, 1]),
        ("lt", [1, 0, 0, 0, 0, 1, 0]),
        ("le", [1, 1, 0, 0, 1, 1, 0]),
        ("gt", [0, 0, 1, 0, 0, 0, 0]),
        ("ge", [0, 1, 1, 0, 1, 0, 0]),
    ] {
        let mut y = [9.0; 7];
        binary_named(name, dims, &a, &b, &mut y);
        assert_eq!(y.map(|y| y as i32), expected, "{name}");
    }
    // NaN counts as true, and what is not chosen leaves no trace.
    let mask = [1.0, 0.0, -2.0, nan, 0.0, -0.0, 1.0];
    let (mut kept, mut dropped, mut y) = ([9.0; 7], [9.0; 7], [9.0; 7]);
    binary_named("keep", dims, &mask, &a, &mut kept);
    binary_named("drop", dims, &mask, &b, &mut dropped);
    binary_named("join", dims, &kept, &dropped, &mut y);
    let expected = [1.0f32, 2.0, 3.0, nan, -0.0, 1.0, 7.0];
    assert_eq!(y.map(f32::to_bits), expected.map(f32::to_bits));
    binary_named("minimum", dims, &a, &b, &mut y);
    assert!(y[3].is_nan() && y[6].is_nan() && y[..3] == [1.0, 2.0, 2.0]);
    let (x, weight) = ([1.0, -2.0, 0.0, inf, -1.0, 3.0, -4.0], [0.5; 7]);
    for (name, other, expected) in [
        ("prelu", weight, [1.0, -1.0, 0.0, inf, -0.5, 3.0, -2.0]),
        ("prelu_slope", weight, [1.0, 0.5, 0.5, 1.0, 0.5, 1.0, 0.5]),
        ("prelu_weight", [3.0; 7], [0.0, -6.0, 0.0, 0.0, -3.0, 0.0, -12.0]),
    ] {
        binary_named(name, dims, &x, &other, &mut y);
        assert_eq!(y, expected, "{name}");
    }
}
