use super::*;
use crate::reference::layer_norm::{layer_norm, Affine};
use crate::reference::{assert_close, assert_close_at_scale, random, to_lanes, to_rows};

fn rstd(x: &[f32]) -> f64 {
    let n = x.len() as f64;
    let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n;
    1.0 / (variance + 1e-5).sqrt()
}

/// The largest of `weight * dy`.
fn largest(dy: &[f32], weight: Option<&[f32]>) -> f64 {
    let each = dy.iter().enumerate().map(|(i, &dy)| f64::from(dy * weight.map_or(1.0, |weight| weight[i])));
    each.fold(0.0, |most, value| most.max(value.abs()))
}

/// Against layer normalisation of groups, whose rows have a weight for each value.
fn check(s: GroupNormShape, shift: f32, affine: bool) {
    let image = s.c * s.s;
    let x: Vec<f32> = random(1, s.n * image).into_iter().map(|x| x + shift).collect();
    let dy = random(2, s.n * image);
    let (weight, bias) = (random(3, s.c), random(4, s.c));
    let mut lanes = to_lanes(&x, s.n, image);
    let real = to_lanes(&vec![1.0; x.len()], s.n, image);
    lanes.iter_mut().zip(&real).filter(|(_, real)| **real == 0.0).for_each(|(value, _)| *value = 7.5);
    let dy_lanes = to_lanes(&dy, s.n, image);
    let (w, b) = if affine { (Some(&weight[..]), Some(&bias[..])) } else { (None, None) };
    let mut y = vec![f32::NAN; lanes.len()];
    let mut made = [(); 3].map(|()| vec![f32::NAN; s.statistics().len()]);
    group_norm_forward(&s, &lanes, w, b, 1e-5, &mut y, made.each_mut().map(|of| &mut of[..])).unwrap();
    assert!(y.iter().all(|value| value.is_finite()));
    let mut dx = vec![f32::NAN; lanes.len()];
    let (mut dweight, mut dbias) = (vec![f32::NAN; s.c], vec![f32::NAN; s.c]);
    let made = made.each_ref().map(|of| &of[..]);
    let gradients = (Some(&mut dx[..]), Some(&mut dweight[..]), Some(&mut dbias[..]));
    group_norm_backward(&s, &lanes, &dy_lanes, made, w, gradients.0, gradients.1, gradients.2).unwrap();
    let (own, width) = (s.c / s.groups, s.c / s.groups * s.s);
    let mut of_y = vec![0.0; x.len()];
    let (mut of_weight, mut of_bias) = (vec![0.0; s.c], vec![0.0; s.c]);
    let dx_rows = to_rows(&dx, s.n, image);
    for n in 0..s.n {
        for g in 0..s.groups {
            let range = n * image + g * width..n * image + (g + 1) * width;
            let each = |of: &[f32]| -> Vec<f32> { (0..width).map(|i| of[g * own + i / s.s]).collect() };
            let (w, b) = (each(&weight), each(&bias));
            let affine = if affine {
                Affine { weight: Some(&w), bias: Some(&b) }
            } else {
                Affine { weight: None, bias: None }
            };
            let twin = layer_norm(1, width, &x[range.clone()], &dy[range.clone()], affine, 1e-5);
            of_y[range.clone()].copy_from_slice(&twin.y);
            // What is left of the gradient can be little (of two values nothing): its terms are of this size.
            let terms = rstd(&x[range.clone()]) * largest(&dy[range.clone()], affine.weight);
            assert_close_at_scale(&dx_rows[range], &twin.dx, 2e-6, terms);
            for i in 0..width {
                of_weight[g * own + i / s.s] += twin.dweight[i];
                of_bias[g * own + i / s.s] += twin.dbias[i];
            }
        }
    }
    assert_close(&to_rows(&y, s.n, image), &of_y, 5e-6);
    assert!(dx.iter().zip(&real).all(|(&dx, &real)| real == 1.0 || dx == 0.0));
    assert_close(&dweight, &of_weight, 5e-6);
    assert_close(&dbias, &of_bias, 5e-6);
}

#[test]
fn batches_groups_and_sizes() {
    for n in [1, 3, 4, 8, 11, 16, 17, 37] {
        for (c, groups, s) in [(1, 1, 2), (6, 2, 9), (6, 6, 130), (4, 1, 65), (32, 2, 64)] {
            check(GroupNormShape { n, c, s, groups }, 0.0, n % 2 == 0);
        }
    }
}

#[test]
fn a_mean_far_from_0() {
    check(GroupNormShape { n: 5, c: 4, s: 100, groups: 2 }, 300.0, true);
}

#[test]
fn of_no_images() {
    let s = GroupNormShape { n: 0, c: 2, s: 3, groups: 1 };
    group_norm_forward(&s, &[], None, None, 1e-5, &mut [], [&mut [], &mut [], &mut []]).unwrap();
    let mut dweight = [1.0; 2];
    group_norm_backward(&s, &[], &[], [&[]; 3], None, None, Some(&mut dweight), None).unwrap();
    assert_eq!(dweight, [0.0; 2]);
}
