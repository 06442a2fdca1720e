use super::case::Case;
use super::*;
use crate::reference::{assert_close, conv2d as reference, random, to_lanes, to_rows};

fn check(s: Conv2dShape) {
    let case = Case::new(s);
    case.forward(|x, weight, bias, y| conv2d_forward(&s, x, weight, bias, y));
    case.backward_input(2e-6, |dy, weight, bias, dx| conv2d_backward_input(&s, dy, weight, bias, dx));
    case.backward_weight(|x, dy, dw, db| conv2d_backward_weight(&s, x, dy, Some(dw), db));
    // The bias's alone.
    case.backward_weight(|x, dy, dw, db| {
        conv2d_backward_weight(&s, x, dy, None, db)?;
        conv2d_backward_weight(&s, x, dy, Some(dw), None)
    });
}

const SHAPE: Conv2dShape = Conv2dShape {
    n: 5,
    c: 3,
    h: 9,
    w: 8,
    oc: 7,
    kh: 3,
    kw: 3,
    stride: (1, 1),
    padding: (1, 1),
    ..Conv2dShape::PLAIN
};

#[test]
fn batches() {
    for n in [1, 2, 4, 5, 16, 17, 31, 33] {
        check(Conv2dShape { n, ..SHAPE });
        check(Conv2dShape { n, stride: (2, 1), ..SHAPE });
        check(Conv2dShape { n, stride: (2, 2), padding: (0, 1), ..SHAPE });
    }
}

#[test]
fn channels() {
    for c in [0, 1, 2, 3, 6, 7, 18] {
        for oc in [0, 1, 3, 6, 7, 18] {
            check(Conv2dShape { c, oc, h: 5, w: 6, ..SHAPE });
        }
    }
}

#[test]
fn kernels_strides_and_paddings() {
    for (kh, kw) in [(1, 1), (3, 3), (5, 5), (7, 7), (2, 3), (4, 2), (1, 6)] {
        for stride in [(1, 1), (2, 2), (3, 3), (1, 3), (3, 2)] {
            for padding in [(0, 0), (1, 1), (2, 2), (3, 0), (7, 8)] {
                for (c, n) in [(1, 5), (4, 17)] {
                    check(Conv2dShape { n, c, oc: 3, kh, kw, stride, padding, ..SHAPE });
                }
            }
        }
    }
}

#[test]
fn images_smaller_than_the_kernel_and_of_size_one() {
    for (h, w) in [(1, 1), (1, 7), (4, 1), (2, 3)] {
        check(Conv2dShape { h, w, kh: 5, kw: 5, padding: (2, 2), ..SHAPE });
        check(Conv2dShape { h, w, kh: 5, kw: 5, padding: (4, 4), stride: (3, 2), ..SHAPE });
        check(Conv2dShape { h, w, kh: 1, kw: 1, padding: (0, 0), ..SHAPE });
    }
}

#[test]
fn the_jobs_shapes_and_many_channels() {
    check(Conv2dShape { n: 32, c: 1, h: 28, w: 28, oc: 6, ..SHAPE });
    check(Conv2dShape { n: 32, c: 6, h: 14, w: 14, oc: 16, kh: 5, kw: 5, padding: (0, 0), ..SHAPE });
    check(Conv2dShape { n: 3, c: 70, h: 6, w: 5, oc: 66, ..SHAPE });
}

/// Blocks of 16 images have tiles of their own: for kernels of 3×3, and for rows of any length.
#[test]
fn whole_blocks() {
    for (c, oc) in [(1, 3), (1, 5), (1, 6), (2, 4), (3, 8), (4, 3), (7, 5)] {
        for (kh, kw) in [(3, 3), (3, 1), (1, 9), (4, 4), (5, 5), (7, 8)] {
            let whole = Conv2dShape { n: 17, c, h: 9, w: 10, oc, kh, kw, ..SHAPE };
            check(whole);
            check(Conv2dShape { stride: (1, 2), padding: (0, 2), ..whole });
        }
    }
}

/// Channels a multiple of 4 KB apart are gathered before they are read.
#[test]
fn channels_that_share_cache_lines() {
    for n in [16, 21] {
        let wide = Conv2dShape { n, c: 9, h: 8, w: 8, oc: 11, ..SHAPE };
        check(wide);
        check(Conv2dShape { kh: 1, kw: 1, padding: (0, 0), ..wide });
        check(Conv2dShape { stride: (2, 2), ..wide });
    }
}

#[test]
fn taps_apart() {
    for dilation in [(2, 2), (3, 1), (1, 2), (4, 6)] {
        for stride in [(1, 1), (2, 2), (3, 2), (4, 6)] {
            for (kh, kw, padding) in [(3, 3, (4, 6)), (2, 3, (2, 7)), (5, 1, (8, 0)), (1, 4, (3, 9))] {
                for (c, n) in [(1, 5), (3, 17)] {
                    check(Conv2dShape { n, c, oc: 3, kh, kw, stride, padding, dilation, ..SHAPE });
                }
            }
        }
    }
    // Channels that are gathered.
    for dilation in [(2, 1), (1, 2), (3, 3)] {
        let wide = Conv2dShape { n: 16, c: 9, h: 16, w: 16, oc: 11, dilation, padding: (3, 3), ..SHAPE };
        check(wide);
        check(Conv2dShape { stride: (2, 2), ..wide });
    }
}

#[test]
fn groups() {
    for (c, oc, groups) in [(4, 6, 2), (6, 3, 3), (5, 5, 5), (4, 12, 4), (3, 9, 3), (6, 10, 2), (33, 33, 33)]
    {
        for n in [1, 5, 16, 19] {
            let some = Conv2dShape { n, c, oc, groups, ..SHAPE };
            check(some);
            check(Conv2dShape { stride: (2, 3), ..some });
            check(Conv2dShape { kh: 1, kw: 1, padding: (0, 0), ..some });
            check(Conv2dShape { kh: 2, kw: 5, padding: (1, 4), dilation: (3, 2), stride: (2, 1), ..some });
        }
    }
    let wide = Conv2dShape { n: 32, c: 64, h: 28, w: 28, oc: 64, groups: 64, ..SHAPE };
    check(wide);
    check(Conv2dShape { c: 36, h: 14, oc: 24, groups: 2, ..wide });
}

/// Each channel alone: whole kernels of 3×3 that move by a pixel, and all others.
#[test]
fn depthwise() {
    for (c, oc) in [(2, 2), (5, 5), (3, 6), (4, 2)] {
        let alone = Conv2dShape { c, oc, groups: c.min(oc), ..SHAPE };
        for n in [1, 4, 5, 12, 16, 33] {
            check(Conv2dShape { n, ..alone });
        }
        for (h, w) in [(1, 1), (1, 9), (3, 3), (2, 4), (9, 1), (17, 2)] {
            for padding in [(1, 1), (2, 2), (5, 3)] {
                check(Conv2dShape { h, w, padding, ..alone });
                let padding = (padding.0, padding.1 + 1);
                check(Conv2dShape { h, w, padding, n: 16, dilation: (1, 2), ..alone });
            }
        }
        for stride in [(1, 1), (2, 1), (1, 2), (2, 2), (3, 3)] {
            for dilation in [(1, 1), (2, 2), (1, 3), (3, 2)] {
                for (kh, kw, padding) in
                    [(3, 3, (0, 0)), (3, 3, (4, 5)), (5, 3, (6, 2)), (3, 2, (3, 1)), (4, 7, (5, 9))]
                {
                    check(Conv2dShape { kh, kw, stride, dilation, padding, h: 13, w: 14, ..alone });
                }
            }
        }
        for (rows, columns) in [(1, 2), (-2, -3)] {
            let output = |s: Conv2dShape| {
                Some((s.oh().saturating_add_signed(rows), s.ow().saturating_add_signed(columns)))
            };
            for dilation in [(1, 1), (1, 2)] {
                let s = Conv2dShape { dilation, padding: (2, 2), ..alone };
                check(Conv2dShape { output: output(s), ..s });
            }
        }
    }
    check(Conv2dShape { n: 17, c: 70, h: 20, w: 20, oc: 70, groups: 70, ..SHAPE });
    check_empty(Conv2dShape { n: 0, c: 3, oc: 3, groups: 3, ..SHAPE });
}

/// Padding that differs from side to side, and transposed convolutions with rows that no window has.
#[test]
fn more_and_fewer_windows_than_fit() {
    for (dh, dw) in [(1, 1), (2, 3)] {
        for stride in [(1, 1), (2, 3)] {
            for (rows, columns) in [(1, 1), (-1, 2), (2, -1), (-2, -3)] {
                for n in [5, 16] {
                    let s = Conv2dShape { n, dilation: (dh, dw), padding: (2, 3), stride, ..SHAPE };
                    let more = |size: usize, by: isize| size.saturating_add_signed(by).max(1);
                    check(Conv2dShape { output: Some((more(s.oh(), rows), more(s.ow(), columns))), ..s });
                }
            }
        }
    }
}

#[test]
fn the_gradient_of_the_input_takes_a_bias() {
    let bias = random(5, 3);
    for s in [SHAPE, Conv2dShape { stride: (3, 2), ..SHAPE }, Conv2dShape { oc: 0, ..SHAPE }] {
        let (weight, dy) = (random(2, s.weight()), random(4, s.y().len()));
        let [mut without, mut with] = [vec![f32::NAN; s.x().len()], vec![f32::NAN; s.x().len()]];
        conv2d_backward_input(&s, &dy, &weight, None, &mut without).unwrap();
        conv2d_backward_input(&s, &dy, &weight, Some(&bias), &mut with).unwrap();
        let image = s.c * s.h * s.w;
        let expected = to_rows(&without, s.n, image);
        let expected: Vec<f64> = expected
            .iter()
            .enumerate()
            .map(|(i, &v)| f64::from(v) + f64::from(bias[i / (s.h * s.w) % s.c]))
            .collect();
        assert_close(&to_rows(&with, s.n, image), &expected, 2e-6);
    }
}

#[test]
fn an_empty_batch() {
    check_empty(Conv2dShape { n: 0, ..SHAPE });
}

fn check_empty(s: Conv2dShape) {
    let weight = random(2, s.weight());
    conv2d_forward(&s, &[], &weight, None, &mut []).unwrap();
    conv2d_backward_input(&s, &[], &weight, None, &mut []).unwrap();
    let (mut dw, mut db) = (vec![1.0; s.weight()], vec![1.0; s.oc]);
    conv2d_backward_weight(&s, &[], &[], Some(&mut dw), Some(&mut db)).unwrap();
    assert!(dw.iter().chain(&db).all(|&value| value == 0.0));
}

/// The gradient of the weight and the bias over a large batch, relative to the sum of the sizes of the
/// terms; for a kernel of 1 × 1, where it is a plain dot product.
#[test]
fn gradients_of_large_batches_keep_their_digits() {
    for (c, kh) in [(1, 1), (3, 1), (1, 2)] {
        let s = Conv2dShape { n: 1000, c, h: 24, w: 24, oc: 2, kh, kw: 1, padding: (0, 0), ..SHAPE };
        for equal in [Some((0.1, 1e-5)), Some((1.0 / 3.0, 0.7)), None] {
            let values = |seed, n, value: Option<f32>| {
                value.map_or_else(|| random(seed, n).iter().map(|v| v + 1.5).collect(), |v| vec![v; n])
            };
            let x = values(1, s.n * c * s.h * s.w, equal.map(|e| e.0));
            let dy = values(2, s.n * s.oc * s.oh() * s.ow(), equal.map(|e| e.1));
            let [x_lanes, dy_lanes] = [(&x, s.c * s.h * s.w), (&dy, s.oc * s.oh() * s.ow())]
                .map(|(rows, image)| to_lanes(rows, s.n, image));
            let (mut dw, mut db) = (vec![f32::NAN; s.weight()], vec![f32::NAN; s.oc]);
            conv2d_backward_weight(&s, &x_lanes, &dy_lanes, Some(&mut dw), Some(&mut db)).unwrap();
            let [_, of_weight, of_bias] = reference::conv2d_backward(&s, &x, &vec![0.0; s.weight()], &dy);
            assert_close(&dw, &of_weight, 3e-6);
            assert_close(&db, &of_bias, 1e-6);
        }
    }
}
