use super::*;
use crate::kernels::conv2d::case::Case;
use crate::kernels::conv2d::{
    conv2d_backward, conv2d_backward_input, conv2d_backward_weight, conv2d_forward,
};
use crate::reference::{assert_close, random, to_lanes, to_rows};

const SHAPE: Conv2dShape =
    Conv2dShape { n: 5, c: 17, h: 9, w: 13, oc: 18, kh: 3, kw: 3, padding: (1, 1), ..Conv2dShape::PLAIN };

/// Winograd's way against the formula, whether or not it pays; both gradients at once, whatever the number of chunks.
fn check(s: Conv2dShape) {
    let case = Case::new(s);
    case.forward(|x, weight, bias, y| forward(&s, x, weight, bias, y));
    let phases = Phases::of(&s).unwrap();
    if phases.back(&s).is_some() {
        case.backward_input(5e-6, |dy, weight, bias, dx| backward_input(&s, dy, weight, bias, dx));
    }
    case.backward_weight(|x, dy, dw, db| backward_weight(&s, x, dy, dw, db));
    let rows = s.h.div_ceil(TILE * s.stride.0);
    for chunks in [1, 3.min(rows)].into_iter().filter(|_| !phases.is_long()) {
        case.backward(|operands, dx, dw, db| backward(&s, chunks, operands, dx, dw, db));
    }
}

#[test]
fn batches_and_lanes() {
    for n in [1, 4, 5, 9, 16, 17, 28] {
        check(Conv2dShape { n, ..SHAPE });
    }
}

#[test]
fn channels() {
    for c in [16, 18, 33, 70] {
        for oc in [16, 21, 39, 70] {
            check(Conv2dShape { c, oc, h: 6, w: 7, ..SHAPE });
        }
    }
    // Fewer than are worth it, and more outputs than a chunk has.
    for (c, oc) in [(1, 1), (2, 3), (5, 2), (200, 70)] {
        check(Conv2dShape { n: 2, c, oc, h: 6, w: 5, ..SHAPE });
    }
}

#[test]
fn sizes_and_paddings() {
    for padding in [(0, 0), (1, 1), (2, 2), (0, 2), (3, 1), (4, 5)] {
        for (h, w) in [(4, 4), (3, 7), (8, 12), (13, 5), (10, 11), (17, 3)] {
            for n in [5, 16] {
                check(Conv2dShape { n, c: 16, oc: 17, h, w, padding, ..SHAPE });
            }
        }
    }
}

/// Phases of kernels of up to three taps each, some of them with one row or column of pixels more than others.
#[test]
fn strides_and_larger_kernels() {
    for (kernel, most) in [(2, 1), (3, 2), (4, 3), (5, 4)] {
        for padding in 0..=most {
            for (h, w) in [(8, 8), (9, 5), (15, 16), (17, 20)] {
                for n in [5, 16] {
                    let s = Conv2dShape { n, c: 8, oc: 6, h, w, stride: (2, 2), ..SHAPE };
                    check(Conv2dShape { kh: kernel, kw: kernel, padding: (padding, padding), ..s });
                }
            }
        }
    }
    let strided = Conv2dShape { stride: (2, 2), ..SHAPE };
    for n in [1, 9, 28] {
        check(Conv2dShape { n, c: 12, oc: 7, kh: 5, padding: (2, 0), ..strided });
        check(Conv2dShape { n, c: 4, oc: 9, kw: 4, padding: (0, 1), ..strided });
        check(Conv2dShape { n, c: 4, oc: 2, stride: (2, 1), ..strided });
        check(Conv2dShape { n, c: 8, oc: 5, kw: 2, stride: (1, 2), ..strided });
    }
    // More channels than are summed at once, windows of their own number, and many chunks.
    check(Conv2dShape { n: 4, c: 68, oc: 70, ..strided });
    check(Conv2dShape { c: 8, oc: 3, output: Some((6, 5)), ..strided });
    check(Conv2dShape { n: 33, c: 16, oc: 16, h: 31, w: 42, ..strided });
}

/// Kernels of more than three taps in parts, with a step of 2 those of which the input's gradient is not this way's.
#[test]
fn kernels_in_parts() {
    for (kh, kw) in [(5, 5), (4, 4), (7, 7), (5, 3), (3, 6), (9, 2)] {
        for padding in [(0, 0), (kh / 2, kw / 2), (kh - 1, kw)] {
            for n in [5, 16] {
                check(Conv2dShape { n, c: 8, oc: 6, h: 13, w: 17, kh, kw, padding, ..SHAPE });
            }
        }
    }
    for (c, oc) in [(1, 5), (3, 16), (4, 9), (7, 70)] {
        for (h, w) in [(16, 21), (23, 16)] {
            let s = Conv2dShape { n: 5, c, oc, h, w, kh: 7, kw: 7, padding: (3, 3), ..SHAPE };
            check(s);
            check(Conv2dShape { stride: (2, 2), ..s });
            check(Conv2dShape { stride: (2, 2), padding: (2, 4), ..s });
            check(Conv2dShape { stride: (2, 2), kw: 5, padding: (0, 1), ..s });
            check(Conv2dShape { kh: 5, kw: 5, ..s });
        }
    }
    check(Conv2dShape { n: 20, c: 34, oc: 66, h: 12, w: 12, kh: 5, kw: 5, padding: (2, 2), ..SHAPE });
    check(Conv2dShape {
        n: 20,
        c: 3,
        oc: 16,
        h: 64,
        w: 40,
        kh: 7,
        kw: 7,
        padding: (3, 3),
        stride: (2, 2),
        ..SHAPE
    });
}

/// More windows than fit, or fewer: padding that differs from side to side.
#[test]
fn windows_of_their_own_number() {
    for output in [(9, 12), (7, 13), (11, 16), (4, 4)] {
        check(Conv2dShape { output: Some(output), ..SHAPE });
    }
}

#[test]
fn many_chunks_and_parts() {
    check(Conv2dShape { n: 33, c: 16, oc: 16, h: 24, w: 21, ..SHAPE });
    check(Conv2dShape { n: 64, c: 64, oc: 66, h: 8, w: 8, ..SHAPE });
    check(Conv2dShape { n: 16, c: 20, oc: 140, h: 7, w: 7, ..SHAPE });
}

/// Sums of many equal terms, whose roundings all have one direction.
#[test]
fn the_size_of_the_batch_costs_no_digits() {
    let s = Conv2dShape { n: 640, c: 2, h: 24, w: 24, oc: 2, padding: (0, 0), ..SHAPE };
    for (of_x, of_dy) in [(0.1, 1e-5), (1.0 / 3.0, 0.7)] {
        let (x, dy) = (vec![of_x; s.x().len()], vec![of_dy; s.y().len()]);
        let (mut dw, mut db) = (vec![f32::NAN; s.weight()], vec![f32::NAN; s.oc]);
        backward_weight(&s, &x, &dy, &mut dw, Some(&mut db)).unwrap();
        let terms = (s.n * s.oh() * s.ow()) as f64;
        let exact = |value: f32| vec![f64::from(value) * terms; 1];
        let near = |dw: &f32| assert_close(&[*dw], &[exact(of_dy)[0] * f64::from(of_x)], 3e-6);
        dw.iter().for_each(near);
        let (weight, mut dx) = (vec![0.0; s.weight()], vec![f32::NAN; s.x().len()]);
        backward(&s, 1, (&x, &dy, &weight), &mut dx, &mut dw, None).unwrap();
        dw.iter().for_each(near);
        db.iter().for_each(|&db| assert_close(&[db], &exact(of_dy), 1e-6));
    }
}

/// The public functions take it where it pays, and there only.
#[test]
fn it_is_chosen_by_the_shape() {
    let same = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
    let chosen = Conv2dShape { c: 16, oc: 16, h: 32, w: 32, ..SHAPE };
    let small = Conv2dShape { n: 9, c: 64, oc: 64, h: 4, w: 4, ..SHAPE };
    let strided = Conv2dShape { c: 32, oc: 64, stride: (2, 2), ..chosen };
    for s in [chosen, small, strided, Conv2dShape { kh: 4, kw: 4, ..strided }] {
        assert!(pays(&s));
        let (x, dy, weight) = (random(1, s.x().len()), random(2, s.y().len()), random(3, s.weight()));
        let [mut a, mut b] = [vec![0.0; s.y().len()], vec![0.0; s.y().len()]];
        conv2d_forward(&s, &x, &weight, None, &mut a).unwrap();
        forward(&s, &x, &weight, None, &mut b).unwrap();
        assert!(same(&a, &b));
        let [mut a, mut b] = [vec![0.0; s.x().len()], vec![0.0; s.x().len()]];
        conv2d_backward_input(&s, &dy, &weight, None, &mut a).unwrap();
        backward_input(&s, &dy, &weight, None, &mut b).unwrap();
        assert!(same(&a, &b));
        let [mut a, mut b] = [vec![0.0; s.weight()], vec![0.0; s.weight()]];
        conv2d_backward_weight(&s, &x, &dy, Some(&mut a), None).unwrap();
        backward_weight(&s, &x, &dy, &mut b, None).unwrap();
        assert!(same(&a, &b));
    }
    // One vector of tiles is enough for forward, which has no gradients of taps to make.
    let quarters = Conv2dShape { n: 4, c: 64, oc: 64, h: 6, w: 6, padding: (0, 0), ..SHAPE };
    assert!(forward_pays(&quarters) && !pays(&quarters));
    for s in [
        Conv2dShape { c: 1, oc: 6, h: 28, w: 28, ..chosen },
        Conv2dShape { c: 6, oc: 16, h: 14, w: 14, kh: 5, kw: 5, padding: (0, 0), ..chosen },
        Conv2dShape { kw: 1, ..chosen },
        Conv2dShape { stride: (2, 2), kh: 2, kw: 2, padding: (0, 0), ..chosen },
        Conv2dShape { stride: (2, 2), kh: 9, kw: 9, padding: (4, 4), ..chosen },
        Conv2dShape { stride: (2, 2), c: 18, ..chosen },
        Conv2dShape { stride: (3, 3), ..chosen },
        Conv2dShape { dilation: (1, 2), ..chosen },
        Conv2dShape { groups: 16, ..chosen },
        Conv2dShape { groups: 2, ..chosen },
        Conv2dShape { h: 4, w: 4, padding: (0, 0), ..chosen },
        Conv2dShape { n: 8, h: 4, w: 4, ..chosen },
        Conv2dShape { c: 4096, oc: 4096, ..chosen },
    ] {
        assert!(!pays(&s), "{s:?}");
    }
    // Those in parts, of which the input's gradient is this way's without a stride.
    let [five, seven] = [(5, (1, 1)), (7, (2, 2))].map(|(size, stride)| {
        let padding = (size / 2, size / 2);
        Conv2dShape { c: 3, oc: 32, kh: size, kw: size, padding, stride, ..chosen }
    });
    assert!(pays(&five) && pays_back(&five) && pays(&seven) && !pays_back(&seven));
    // Here the input has four times as many tiles as the output.
    let shrinking =
        Conv2dShape { n: 32, c: 6, oc: 16, h: 14, w: 14, kh: 7, kw: 7, padding: (0, 0), ..chosen };
    assert!(pays(&shrinking) && !pays_back(&shrinking));
    // An image's result does not hang on the others'.
    assert!(pays(&Conv2dShape { n: 1, ..chosen }) && pays(&Conv2dShape { n: 100, ..chosen }));
}

/// Both gradients share work where that pays, and are what each is alone elsewhere.
#[test]
fn both_gradients_are_chosen_by_the_shape() {
    let shared = Conv2dShape { n: 20, c: 16, oc: 16, h: 32, w: 32, ..SHAPE };
    let of = |s: Conv2dShape| chunks_of_block(&s);
    assert_eq!([of(shared), of(Conv2dShape { n: 64, ..shared })], [Some(8), Some(4)]);
    // Fewer chunks where each has few tiles.
    let deep = Conv2dShape { n: 64, c: 32, oc: 64, h: 8, w: 8, ..SHAPE };
    assert_eq!([of(deep), of(Conv2dShape { n: 320, ..deep })], [Some(2), Some(1)]);
    let apart = [
        Conv2dShape { stride: (2, 2), kh: 2, kw: 2, ..shared },
        Conv2dShape { c: 64, oc: 64, ..shared },
        Conv2dShape { c: 1, oc: 6, ..shared },
        Conv2dShape { n: 16, ..deep },
        Conv2dShape { n: 16 * 65, ..deep },
        Conv2dShape { n: 16, c: 3, oc: 3, w: 8192, h: 4, ..SHAPE },
    ];
    apart.iter().for_each(|s| assert_eq!(of(*s), None, "{s:?}"));
    for s in [shared, Conv2dShape { n: 3, ..apart[0] }] {
        let (x, dy, weight) = (random(1, s.x().len()), random(2, s.y().len()), random(3, s.weight()));
        let results = || (vec![f32::NAN; s.x().len()], vec![f32::NAN; s.weight()], vec![f32::NAN; s.oc]);
        let (mut actual, mut expected) = (results(), results());
        let (dx, dw, db) = (&mut actual.0, &mut actual.1, &mut actual.2);
        conv2d_backward(&s, (&x, &dy, &weight), dx, dw, Some(db)).unwrap();
        let (dx, dw, db) = (&mut expected.0, &mut expected.1, &mut expected.2);
        if let Some(chunks) = of(s) {
            backward(&s, chunks, (&x, &dy, &weight), dx, dw, Some(db)).unwrap();
        } else {
            conv2d_backward_input(&s, &dy, &weight, None, dx).unwrap();
            conv2d_backward_weight(&s, &x, &dy, Some(dw), Some(db)).unwrap();
        }
        assert_eq!(actual, expected);
    }
}

#[test]
fn of_no_images() {
    let s = Conv2dShape { n: 0, c: 16, oc: 16, ..SHAPE };
    let weight = random(1, s.weight());
    conv2d_forward(&s, &[], &weight, None, &mut []).unwrap();
    conv2d_backward_input(&s, &[], &weight, None, &mut []).unwrap();
    let (mut dw, mut db) = (vec![1.0; s.weight()], vec![1.0; s.oc]);
    conv2d_backward_weight(&s, &[], &[], Some(&mut dw), Some(&mut db)).unwrap();
    assert!(dw.iter().chain(&db).all(|&value| value == 0.0));
    dw.fill(1.0);
    conv2d_backward(&s, (&[], &[], &weight), &mut [], &mut dw, None).unwrap();
    assert!(dw.iter().all(|&value| value == 0.0));
}

/// What is not finite stays in its image, and in the tiles whose patches have it.
#[test]
fn a_nan_spreads_over_its_tiles_only() {
    let s = Conv2dShape { n: 3, c: 16, oc: 16, h: 16, w: 16, ..SHAPE };
    let weight = random(2, s.weight());
    for value in [f32::NAN, f32::INFINITY] {
        let mut x = random(1, s.n * s.c * 256);
        // Image 1, channel 3, row 6, column 9: in the patches of the tiles of rows 4..8 and columns 8..12 only.
        x[((16 + 3) * 16 + 6) * 16 + 9] = value;
        let mut y = vec![0.0; s.y().len()];
        forward(&s, &to_lanes(&x, s.n, s.c * 256), &weight, None, &mut y).unwrap();
        for (i, value) in to_rows(&y, s.n, s.oc * 256).into_iter().enumerate() {
            let (image, row, column) = (i / (16 * 256), i / 16 % 16, i % 16);
            let inside = image == 1 && (4..8).contains(&row) && (8..12).contains(&column);
            assert_eq!(value.is_finite(), !inside, "{image} {row} {column}");
        }
    }
}
