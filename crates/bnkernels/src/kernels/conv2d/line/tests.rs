use super::*;
use crate::kernels::conv2d::{conv2d_backward_input, conv2d_backward_weight, conv2d_forward};
use crate::reference::guarded::Guarded;
use crate::reference::{assert_close, conv2d as reference, random, to_lanes, to_rows};

const SHAPE: Conv2dShape =
    Conv2dShape { n: 5, c: 9, h: 1, w: 37, oc: 7, kh: 1, kw: 3, padding: (0, 1), ..Conv2dShape::PLAIN };

/// In lanes; what stands for no image is `padding`.
fn lanes(rows: &[f32], n: usize, image: usize, padding: f32) -> Guarded {
    let real = to_lanes(&vec![1.0; rows.len()], n, image);
    let mut lanes = Guarded::new(&to_lanes(rows, n, image));
    let missing = lanes.values_mut().iter_mut().zip(real).filter(|(_, real)| *real == 0.0);
    missing.for_each(|(value, _)| *value = padding);
    lanes
}

/// This way against the formula, whether or not it pays; and of the shape with rows and columns exchanged.
fn check(s: Conv2dShape) {
    check_one(s);
    let output = s.output.map(|(h, w)| (w, h));
    let (h, w, kh, kw) = (s.w, s.h, s.kw, s.kh);
    let [padding, stride, dilation] = [s.padding, s.stride, s.dilation].map(|(a, b)| (b, a));
    check_one(Conv2dShape {
        h,
        w: 2 * w,
        kh,
        kw,
        padding,
        stride,
        dilation,
        output: output.map(|(h, w)| (h, 2 * w)),
        ..s
    });
}

fn check_one(s: Conv2dShape) {
    let (image_x, image_y) = (s.c * s.h * s.w, s.oc * s.oh() * s.ow());
    let [x, weight] = [(1, s.n * image_x), (2, s.weight())].map(|(seed, n)| random(seed, n));
    let (bias, dy) = (random(3, s.oc.max(s.c)), random(4, s.n * image_y));
    let (x_lanes, dy_lanes) = (lanes(&x, s.n, image_x, 7.5), lanes(&dy, s.n, image_y, 0.0));
    for bias in [None, Some(&bias[..s.oc])] {
        let mut y = Guarded::unwritten(s.y().len());
        forward(&s, x_lanes.values(), &weight, bias, y.values_mut()).unwrap();
        assert!(y.values().iter().all(|value| value.is_finite()), "{s:?}");
        let expected = reference::conv2d_forward(&s, &x, &weight, bias);
        assert_close(&to_rows(y.values(), s.n, image_y), &expected, 2e-6);
    }
    let [dx, dw, db] = reference::conv2d_backward(&s, &x, &weight, &dy);
    if s.stride == (1, 1) {
        for bias in [None, Some(&bias[..s.c])] {
            let mut actual = Guarded::unwritten(s.x().len());
            backward_input(&s, dy_lanes.values(), &weight, bias, actual.values_mut()).unwrap();
            let of = |i: usize| bias.map_or(0.0, |bias| f64::from(bias[i / (s.h * s.w) % s.c]));
            let dx: Vec<f64> = dx.iter().enumerate().map(|(i, dx)| dx + of(i)).collect();
            assert_close(&to_rows(actual.values(), s.n, image_x), &dx, 5e-6);
            let real = to_lanes(&vec![1.0; s.n * image_x], s.n, image_x);
            let mut padding = actual.values().iter().zip(real).filter(|(_, real)| *real == 0.0);
            assert!(padding.all(|(&value, _)| value == 0.0 || bias.is_some()), "{s:?}");
        }
    }
    let (mut actual, mut actual_bias) = (Guarded::unwritten(s.weight()), Guarded::unwritten(s.oc));
    let (x, dy) = (x_lanes.values(), dy_lanes.values());
    backward_weight(&s, x, dy, actual.values_mut(), Some(actual_bias.values_mut())).unwrap();
    assert_close(actual.values(), &dw, 5e-6);
    assert_close(actual_bias.values(), &db, 5e-6);
}

#[test]
fn batches_and_lanes() {
    for n in [1, 4, 5, 9, 13, 16, 17, 28, 33] {
        check(Conv2dShape { n, ..SHAPE });
        check(Conv2dShape { n, kw: 5, padding: (0, 2), ..SHAPE });
    }
}

#[test]
fn channels() {
    for (c, oc) in [(1, 1), (1, 32), (2, 3), (5, 2), (33, 70), (200, 70), (12, 150)] {
        for kw in [3, 5, 9] {
            check(Conv2dShape { n: 3, c, oc, w: 21, kw, padding: (0, kw / 2), ..SHAPE });
        }
    }
}

#[test]
fn kernels_and_paddings() {
    for kw in 2..=17 {
        for padding in [0, 1, kw / 2, kw - 1, kw + 2] {
            for w in [17, 24, 37] {
                check(Conv2dShape { w, kw, padding: (0, padding), ..SHAPE });
            }
        }
    }
}

#[test]
fn dilations() {
    for dilation in [2, 3, 5, 8, 40] {
        for (kw, w) in [(2, 41), (3, 81), (5, 170), (6, 201)] {
            for padding in [0, dilation, dilation * (kw - 1)] {
                check(Conv2dShape { n: 3, w, kw, dilation: (1, dilation), padding: (0, padding), ..SHAPE });
            }
        }
    }
}

#[test]
fn strides() {
    for stride in [2, 3, 4] {
        for (kw, padding) in [(2, 0), (3, 1), (5, 2), (7, 3), (11, 0), (80, 1)] {
            check(Conv2dShape { n: 3, w: 151, kw, stride: (1, stride), padding: (0, padding), ..SHAPE });
        }
    }
}

/// More windows than fit, or fewer: padding that differs from side to side.
#[test]
fn windows_of_their_own_number() {
    for ow in [30, 36, 38, 41] {
        check(Conv2dShape { output: Some((1, ow)), ..SHAPE });
    }
}

#[test]
fn many_chunks_and_parts() {
    check_one(Conv2dShape { n: 40, c: 64, oc: 66, w: 300, ..SHAPE });
    check_one(Conv2dShape {
        n: 40,
        c: 64,
        oc: 66,
        w: 130,
        kw: 9,
        padding: (0, 16),
        dilation: (1, 4),
        ..SHAPE
    });
}

/// Sums of many equal terms, whose roundings all have one direction.
#[test]
fn the_size_of_the_batch_costs_no_digits() {
    let s = Conv2dShape { n: 640, c: 2, w: 600, oc: 2, padding: (0, 0), ..SHAPE };
    for (of_x, of_dy) in [(0.1, 1e-5), (1.0 / 3.0, 0.7)] {
        let (x, dy) = (vec![of_x; s.x().len()], vec![of_dy; s.y().len()]);
        let (mut dw, mut db) = (vec![f32::NAN; s.weight()], vec![f32::NAN; s.oc]);
        backward_weight(&s, &x, &dy, &mut dw, Some(&mut db)).unwrap();
        let exact = f64::from(of_dy) * (s.n * s.ow()) as f64;
        db.iter().for_each(|&db| assert_close(&[db], &[exact], 1e-6));
        dw.iter().for_each(|&dw| assert_close(&[dw], &[exact * f64::from(of_x)], 3e-6));
    }
}

#[test]
fn it_is_chosen_by_the_shape() {
    let large = Conv2dShape { n: 32, c: 64, oc: 64, w: 256, ..SHAPE };
    let five = Conv2dShape { kw: 5, padding: (0, 2), ..large };
    assert!(pays(&large) && pays(&five) && pays(&Conv2dShape { dilation: (1, 8), ..large }));
    assert!(pays(&Conv2dShape { c: 1, w: 8000, kw: 80, stride: (1, 4), ..large }));
    assert!(!pays(&Conv2dShape { c: 2, oc: 2, ..large }) && !pays(&Conv2dShape { groups: 2, ..large }));
    assert!(!pays(&Conv2dShape { kw: 1, ..large }) && !pays(&Conv2dShape { w: 2, ..large }));
    assert!(!pays(&Conv2dShape { h: 8, w: 64, ..large }), "rows of images");
}

/// The public functions choose it, where it pays.
#[test]
fn it_is_taken_where_it_pays() {
    let s = Conv2dShape { n: 16, c: 32, oc: 32, w: 64, ..SHAPE };
    let (x, weight, dy) = (random(1, s.x().len()), random(2, s.weight()), random(3, s.y().len()));
    let run = |f: &dyn Fn(&mut [f32])| {
        let mut out = vec![0.0; s.x().len().max(s.weight())];
        f(&mut out);
        out
    };
    let (nx, ny, nw) = (s.x().len(), s.y().len(), s.weight());
    let chosen = run(&|y| conv2d_forward(&s, &x, &weight, None, &mut y[..ny]).unwrap());
    assert_eq!(chosen, run(&|y| forward(&s, &x, &weight, None, &mut y[..ny]).unwrap()));
    let chosen = run(&|dx| conv2d_backward_input(&s, &dy, &weight, None, &mut dx[..nx]).unwrap());
    assert_eq!(chosen, run(&|dx| backward_input(&s, &dy, &weight, None, &mut dx[..nx]).unwrap()));
    let chosen = run(&|dw| conv2d_backward_weight(&s, &x, &dy, Some(&mut dw[..nw]), None).unwrap());
    assert_eq!(chosen, run(&|dw| backward_weight(&s, &x, &dy, &mut dw[..nw], None).unwrap()));
}
