use super::*;
use crate::kernels::conv2d::case::Case;
use crate::kernels::conv2d::{conv2d_backward_input, conv2d_backward_weight, conv2d_forward};
use crate::reference::{assert_close, random};

const SHAPE: Conv2dShape =
    Conv2dShape { n: 5, c: 9, h: 1, w: 37, oc: 7, kh: 1, kw: 3, padding: (0, 1), ..Conv2dShape::PLAIN };

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
    let case = Case::new(s);
    case.forward(|x, weight, bias, y| forward(&s, x, weight, bias, y));
    if s.stride == (1, 1) {
        case.backward_input(5e-6, |dy, weight, bias, dx| backward_input(&s, dy, weight, bias, dx));
    }
    case.backward_weight(|x, dy, dw, db| backward_weight(&s, x, dy, dw, db));
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
