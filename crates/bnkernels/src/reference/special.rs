//! Twins of the special functions.

use std::f64::consts::PI;

/// Φ(x) and φ(x) of the normal distribution: the series `½ + φ(x) Σ x²ⁿ⁺¹ / (1·3·5···(2n+1))` near 0, and in
/// the tails the continued fraction `φ(x) / (x + 1 / (x + 2 / (x + 3 / …)))`.
pub fn normal(x: f64) -> (f64, f64) {
    let density = (-x * x / 2.0).exp() / (2.0 * PI).sqrt();
    if x.abs() < 3.0 {
        let (mut term, mut sum, mut n) = (x, x, 1.0);
        while term.abs() > 1e-20 * sum.abs() {
            n += 2.0;
            term *= x * x / n;
            sum += term;
        }
        return (0.5 + density * sum, density);
    }
    let fraction = (1..=200).rev().fold(x.abs(), |below, n| x.abs() + f64::from(n) / below);
    let tail = density / fraction;
    (if x < 0.0 { tail } else { 1.0 - tail }, density)
}

/// The error function: the series `2 / √π e^(-x²) Σ 2ⁿ x²ⁿ⁺¹ / (1·3·5···(2n+1))` near 0, and Φ beyond.
pub fn erf(x: f64) -> f64 {
    let (below, density) = normal(x * std::f64::consts::SQRT_2);
    if x.abs() > 2.0 {
        return 2.0 * below - 1.0;
    }
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-20 * sum.abs() {
        n += 2.0;
        term *= 2.0 * x * x / n;
        sum += term;
    }
    // The density at √2 x is e^(-x²) / √2π.
    2.0 * std::f64::consts::SQRT_2 * density * sum
}
