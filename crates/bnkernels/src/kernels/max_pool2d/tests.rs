use super::*;
use crate::reference::{assert_close, max_pool2d as reference, random, to_lanes, to_rows};

fn check_values(s: MaxPool2dShape, x: &[f32]) {
    let (image_x, image_y) = (s.c * s.h * s.w, s.c * s.oh() * s.ow());
    let dy = random(2, s.n * image_y);
    let x_lanes = to_lanes(x, s.n, image_x);
    let mut y = vec![7.0; s.y().len()];
    forward::max_pool2d_forward(&s, &x_lanes, None, &mut y);
    let (expected_y, expected_dx) = reference::max_pool2d(&s, x, &dy);
    let actual = to_rows(&y, s.n, image_y);
    assert_eq!(actual.len(), expected_y.len());
    for (a, e) in actual.iter().zip(&expected_y) {
        assert!(a == e || a.is_nan() && e.is_nan(), "{s:?}: {a}, expected {e}");
    }
    let dy_lanes = to_lanes(&dy, s.n, image_y);
    let mut dx = vec![7.0; s.x().len()];
    backward::max_pool2d_backward(&s, &x_lanes, &y, &dy_lanes, &mut dx);
    assert_close(&to_rows(&dx, s.n, image_x), &expected_dx, 1e-6);
    let real = to_lanes(&vec![1.0; s.n * image_x], s.n, image_x);
    assert!(dx.iter().zip(real).all(|(&value, real)| real == 1.0 || value == 0.0), "{s:?}");
    // The plain way gives the same values.
    let (mut of_plain, mut dx_of_plain) = (vec![7.0; y.len()], vec![7.0; dx.len()]);
    plain::max_pool2d_forward(&s, &x_lanes, None, &mut of_plain);
    plain::max_pool2d_backward(&s, &x_lanes, &of_plain, &dy_lanes, &mut dx_of_plain);
    for (a, e) in y.iter().chain(&dx).zip(of_plain.iter().chain(&dx_of_plain)) {
        assert!(a == e || a.is_nan() && e.is_nan(), "{s:?}: {a}, the plain way {e}");
    }
}

fn check(s: MaxPool2dShape) {
    let length = s.n * s.c * s.h * s.w;
    check_values(s, &random(1, length));
    // Many equal values, and some that are not a number.
    let coarse: Vec<f32> = random(3, length).iter().map(|value| (value * 2.0).round()).collect();
    check_values(s, &coarse);
    let holes: Vec<f32> = coarse.iter().map(|&v| if v == 2.0 { f32::NAN } else { v }).collect();
    check_values(s, &holes);
    check_values(s, &vec![f32::NEG_INFINITY; length]);
}

const SHAPE: MaxPool2dShape = MaxPool2dShape {
    n: 5,
    c: 3,
    h: 8,
    w: 6,
    kernel: (2, 2),
    stride: (2, 2),
    padding: (0, 0),
    ..MaxPool2dShape::PLAIN
};

#[test]
fn batches_channels_and_sizes() {
    for n in [0, 1, 2, 4, 5, 16, 17, 31, 33] {
        for (c, h, w) in [(1, 2, 2), (3, 8, 6), (6, 7, 9), (7, 9, 4), (18, 4, 5)] {
            check(MaxPool2dShape { n, c, h, w, ..SHAPE });
            check(MaxPool2dShape { n, c, h, w, stride: (1, 1), ..SHAPE });
        }
    }
}

#[test]
fn factors_choose_what_their_multiple_would() {
    for (h, w, stride) in [(8, 6, (2, 2)), (7, 9, (1, 2))] {
        let s = MaxPool2dShape { n: 21, h, w, stride, ..SHAPE };
        let factors = [-2.0f32, 0.0, 0.5];
        for holes in [false, true] {
            let mut x = random(1, s.n * s.c * h * w);
            if holes {
                x[5] = f32::NAN;
            }
            let scaled: Vec<f32> =
                x.iter().enumerate().map(|(i, &v)| v * factors[i / (h * w) % s.c]).collect();
            let image = s.c * s.oh() * s.ow();
            let mut y = vec![7.0; s.y().len()];
            let lanes = to_lanes(&x, s.n, s.c * h * w);
            forward::max_pool2d_forward(&s, &lanes, Some(&factors), &mut y);
            let mut of_plain = vec![7.0; y.len()];
            plain::max_pool2d_forward(&s, &lanes, Some(&factors), &mut of_plain);
            assert!(y.iter().zip(&of_plain).all(|(a, e)| a == e || a.is_nan() && e.is_nan()), "{s:?}");
            let (expected, _) = reference::max_pool2d(&s, &scaled, &random(2, s.n * image));
            for (i, (a, e)) in to_rows(&y, s.n, image).iter().zip(&expected).enumerate() {
                let factor = factors[i / (s.oh() * s.ow()) % s.c];
                assert!(a * factor == *e || a.is_nan() && (factor == 0.0 || e.is_nan()), "{a} at {i}");
            }
        }
    }
}

#[test]
fn windows_strides_and_paddings() {
    for (kh, kw, padding) in [(1, 1, (0, 0)), (3, 3, (1, 1)), (2, 3, (1, 0)), (5, 4, (2, 2)), (3, 2, (0, 1))]
    {
        for stride in [(1, 1), (2, 2), (3, 1), (4, 5)] {
            for n in [1, 17] {
                check(MaxPool2dShape { n, kernel: (kh, kw), stride, padding, ..SHAPE });
            }
        }
    }
    check(MaxPool2dShape { h: 1, w: 1, kernel: (2, 2), padding: (1, 1), ..SHAPE });
}

#[test]
fn taps_apart_and_a_last_window_that_sticks_out() {
    for n in [1, 5, 17] {
        for dilation in [(2, 2), (1, 3), (3, 1), (4, 5)] {
            for (kernel, stride, padding) in
                [((2, 2), (1, 1), (0, 0)), ((2, 2), (2, 2), (1, 1)), ((3, 2), (2, 3), (1, 1))]
            {
                let s = MaxPool2dShape { n, h: 9, w: 8, kernel, stride, padding, dilation, ..SHAPE };
                check(s);
                let begins = |size: usize, stride: usize, padding: usize| (size + padding - 1) / stride + 1;
                let output = (begins(9, stride.0, padding.0), begins(8, stride.1, padding.1));
                check(MaxPool2dShape { output: Some(output), ..s });
            }
        }
        // Halves, of which the last have one row or column.
        for (h, w) in [(7usize, 6usize), (6, 7), (5, 5), (1, 1)] {
            let output = Some((h.div_ceil(2), w.div_ceil(2)));
            check(MaxPool2dShape { n, h, w, output, ..SHAPE });
        }
        // A window that steps over its image.
        check(MaxPool2dShape {
            n,
            h: 1,
            w: 5,
            kernel: (2, 1),
            stride: (1, 1),
            padding: (1, 0),
            dilation: (2, 1),
            ..SHAPE
        });
    }
}

#[test]
fn rows_longer_than_a_run() {
    for n in [2, 7, 16] {
        for kernel in [(2, 2), (3, 3), (2, 5)] {
            let s = MaxPool2dShape { n, c: 2, h: 7, w: 301, kernel, ..SHAPE };
            check(s);
            check(MaxPool2dShape { stride: (1, 1), padding: (1, 1), ..s });
            check(MaxPool2dShape { stride: kernel, ..s });
        }
    }
}

#[test]
fn windows_outside_of_the_image_are_refused() {
    for bad in [
        MaxPool2dShape { output: Some((5, 3)), ..SHAPE },
        MaxPool2dShape { padding: (2, 0), ..SHAPE },
        MaxPool2dShape { stride: (0, 2), output: Some((1, 1)), ..SHAPE },
        MaxPool2dShape { dilation: (0, 1), output: Some((1, 1)), ..SHAPE },
        MaxPool2dShape { kernel: (0, 1), output: Some((1, 1)), ..SHAPE },
    ] {
        assert!(!bad.is_valid(), "{bad:?}");
    }
}
