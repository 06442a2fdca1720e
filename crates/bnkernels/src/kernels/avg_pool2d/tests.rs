use super::*;
use crate::reference::{assert_close, avg_pool2d as twin, random, to_lanes, to_rows};

fn check(s: AvgPool2dShape) {
    assert!(s.is_valid());
    let (image_x, image_y) = (s.c * s.h * s.w, s.c * s.windows.output.0 * s.windows.output.1);
    let (x, dy) = (random(1, s.n * image_x), random(2, s.n * image_y));
    let (expected_y, expected_dx) = twin::avg_pool2d(&s, &x, &dy);
    let (mut y, mut dx) = (vec![f32::NAN; s.y().len()], vec![f32::NAN; s.x().len()]);
    avg_pool2d_forward(&s, &to_lanes(&x, s.n, image_x), &mut y);
    avg_pool2d_backward(&s, &to_lanes(&dy, s.n, image_y), &mut dx);
    assert_close(&to_rows(&y, s.n, image_y), &expected_y, 1e-6);
    assert_close(&to_rows(&dx, s.n, image_x), &expected_dx, 1e-6);
    assert!(y.iter().all(|y| y.is_finite()));
    assert_eq!(to_lanes(&to_rows(&dx, s.n, image_x), s.n, image_x), dx, "padding lanes are zero");
}

const QUARTERS: Windows = Windows { kernel: (2, 2), stride: (2, 2), padding: (0, 0), output: (3, 3) };
const SHAPE: AvgPool2dShape = AvgPool2dShape {
    n: 5,
    c: 3,
    h: 7,
    w: 6,
    windows: QUARTERS,
    count_include_pad: true,
    divisor_override: 0,
};

#[test]
fn batches_and_sizes() {
    let overlapping = Windows { kernel: (3, 3), stride: (1, 1), padding: (1, 1), output: (7, 6) };
    for n in [0, 1, 3, 4, 5, 15, 16, 17, 33] {
        check(AvgPool2dShape { n, ..SHAPE });
        check(AvgPool2dShape { n, windows: overlapping, ..SHAPE });
    }
    check(AvgPool2dShape { c: 0, ..SHAPE });
    let one = Windows { kernel: (1, 1), output: (1, 1), ..QUARTERS };
    check(AvgPool2dShape { h: 1, w: 1, windows: one, ..SHAPE });
    let all = Windows { kernel: (7, 6), stride: (7, 6), output: (1, 1), ..QUARTERS };
    check(AvgPool2dShape { windows: all, ..SHAPE });
    let many = Windows { output: (15, 20), ..QUARTERS };
    check(AvgPool2dShape { h: 30, w: 40, n: 40, windows: many, ..SHAPE });
    check(AvgPool2dShape { h: 0, windows: Windows { output: (0, 3), ..QUARTERS }, ..SHAPE });
}

#[test]
fn windows_over_the_border_and_what_counts() {
    for (kernel, stride, padding, output) in [
        ((3, 3), (2, 2), (1, 1), (4, 3)),
        ((3, 2), (1, 3), (1, 0), (7, 2)),
        ((5, 4), (3, 2), (2, 2), (3, 4)),
        // One more than fit.
        ((2, 2), (2, 2), (0, 0), (4, 3)),
        ((3, 4), (2, 3), (1, 2), (4, 3)),
        ((3, 3), (3, 4), (0, 1), (3, 2)),
    ] {
        let windows = Windows { kernel, stride, padding, output };
        for count_include_pad in [true, false] {
            for divisor_override in [0, 1, 5] {
                check(AvgPool2dShape { windows, count_include_pad, divisor_override, ..SHAPE });
            }
        }
    }
}

#[test]
fn windows_outside_of_the_image_are_refused() {
    for bad in [
        Windows { output: (5, 3), ..QUARTERS },
        Windows { padding: (2, 0), ..QUARTERS },
        Windows { stride: (0, 2), ..QUARTERS },
        Windows { kernel: (0, 2), ..QUARTERS },
        Windows { output: (usize::MAX, 3), stride: (usize::MAX, 2), ..QUARTERS },
    ] {
        assert!(!AvgPool2dShape { windows: bad, ..SHAPE }.is_valid(), "{bad:?}");
    }
}
