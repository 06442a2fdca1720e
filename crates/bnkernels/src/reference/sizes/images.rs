//! Kernels on activations in lanes, and batch normalisation in either layout.

use super::{assert_near, in_turn, input, random, Guarded};
use crate::kernels::avg_pool2d::{self, AvgPool2dShape, Windows};
use crate::kernels::batch_norm::*;
use crate::kernels::conv2d::{self, Conv2dShape};
use crate::kernels::max_pool2d::{self, MaxPool2dShape};
use crate::reference::{assert_close_at_scale, to_lanes, to_rows};
use crate::reference::{
    avg_pool2d as mean_twin, batch_norm as norm_twin, conv2d as conv_twin, max_pool2d as pool_twin,
};

/// An input in lanes; its padding is finite but not zero.
fn activation(rows: &[f32], n: usize, image: usize) -> Guarded {
    let real = to_lanes(&vec![1.0; rows.len()], n, image);
    let mut lanes = Guarded::new(&to_lanes(rows, n, image));
    let padding = lanes.values_mut().iter_mut().zip(real).filter(|(_, real)| *real == 0.0);
    padding.for_each(|(value, _)| *value = 7.5);
    lanes
}

/// Results in lanes, whose padding is finite, and zero in gradients.
fn assert_lanes(actual: &Guarded, expected: &[f64], n: usize, image: usize, gradient: bool) {
    let rows = Guarded::new(&to_rows(actual.values(), n, image));
    assert_near(&rows, expected);
    let real = to_lanes(&vec![1.0; n * image], n, image);
    let padding = actual.values().iter().zip(real).filter(|(_, real)| *real == 0.0);
    padding.for_each(|(&value, _)| assert!(if gradient { value == 0.0 } else { value.is_finite() }));
}

fn convolution(s: Conv2dShape) {
    let (image_x, image_y) = (s.c * s.h * s.w, s.oc * s.oh() * s.ow());
    let (x, dy) = (random(1, s.n * image_x), random(2, s.n * image_y));
    let (weight, bias) = (input(3, s.weight()), input(4, s.oc));
    let (lanes, gradient) = (activation(&x, s.n, image_x), Guarded::new(&to_lanes(&dy, s.n, image_y)));
    let mut y = Guarded::unwritten(s.y().len());
    conv2d::conv2d_forward(&s, lanes.values(), weight.values(), Some(bias.values()), y.values_mut()).unwrap();
    let expected = conv_twin::conv2d_forward(&s, &x, weight.values(), Some(bias.values()));
    assert_lanes(&y, &expected, s.n, image_y, false);
    let [of_x, of_weight, of_bias] = conv_twin::conv2d_backward(&s, &x, weight.values(), &dy);
    let mut dx = Guarded::unwritten(s.x().len());
    conv2d::conv2d_backward_input(&s, gradient.values(), weight.values(), None, dx.values_mut()).unwrap();
    assert_lanes(&dx, &of_x, s.n, image_x, true);
    let (mut dw, mut db) = (Guarded::unwritten(s.weight()), Guarded::unwritten(s.oc));
    let (lanes, gradient) = (lanes.values(), gradient.values());
    conv2d::conv2d_backward_weight(&s, lanes, gradient, Some(dw.values_mut()), Some(db.values_mut()))
        .unwrap();
    assert_near(&dw, &of_weight);
    assert_near(&db, &of_bias);
}

#[test]
fn convolutions() {
    let others = [[5, 3, 6, 5, 3], [16, 2, 7, 9, 5], [2, 5, 4, 3, 2]];
    for (kernel, stride, padding) in
        [((3, 3), (1, 1), (1, 1)), ((2, 3), (2, 1), (0, 2)), ((1, 1), (1, 3), (0, 0))]
    {
        // Of an input that the kernel fits in.
        let least = [0, 0, kernel.0, kernel.1, 0];
        in_turn(&others, least, |[n, c, h, w, oc]| {
            convolution(Conv2dShape {
                n,
                c,
                h,
                w,
                oc,
                kh: kernel.0,
                kw: kernel.1,
                stride,
                padding,
                ..Conv2dShape::PLAIN
            });
        });
    }
    in_turn(&[[5, 3, 6, 5], [16, 2, 7, 9]], [0, 2, 3, 3], |[n, groups, h, w]| {
        let (c, oc, kh, kw, padding) = (groups, groups, 3, 3, (1, 1));
        convolution(Conv2dShape { n, c, h, w, oc, kh, kw, padding, groups, ..Conv2dShape::PLAIN });
    });
    in_turn(&[[2, 3, 1, 2, 0, 1]], [1, 1, 1, 1, 0, 0], |[kh, kw, sh, sw, ph, pw]| {
        let (h, w) = (7.max(kh), 5.max(kw));
        let (stride, padding) = ((sh, sw), (ph, pw));
        convolution(Conv2dShape { n: 5, c: 2, h, w, oc: 3, kh, kw, stride, padding, ..Conv2dShape::PLAIN });
    });
    in_turn(&[[2, 3, 2]], [1; 3], |[dh, dw, groups]| {
        let (h, w, dilation) = (dh + 4, dw + 3, (dh, dw));
        let (c, oc, padding) = (groups, 2 * groups, (1, 0));
        convolution(Conv2dShape {
            n: 5,
            c,
            h,
            w,
            oc,
            kh: 2,
            kw: 2,
            padding,
            dilation,
            groups,
            ..Conv2dShape::PLAIN
        });
    });
}

fn pooling(s: MaxPool2dShape) {
    let (image_x, image_y) = (s.c * s.h * s.w, s.c * s.oh() * s.ow());
    let (x, dy) = (random(1, s.n * image_x), random(2, s.n * image_y));
    let (lanes, gradient) = (activation(&x, s.n, image_x), Guarded::new(&to_lanes(&dy, s.n, image_y)));
    let (mut y, mut dx) = (Guarded::unwritten(s.y().len()), Guarded::unwritten(s.x().len()));
    max_pool2d::max_pool2d_forward(&s, lanes.values(), None, y.values_mut());
    max_pool2d::max_pool2d_backward(&s, lanes.values(), y.values(), gradient.values(), dx.values_mut());
    let (of_y, of_x) = pool_twin::max_pool2d(&s, &x, &dy);
    let of_y: Vec<f64> = of_y.into_iter().map(f64::from).collect();
    assert_lanes(&y, &of_y, s.n, image_y, false);
    assert_lanes(&dx, &of_x, s.n, image_x, true);
}

fn averages(s: AvgPool2dShape) {
    let (oh, ow) = s.windows.output;
    let (image_x, image_y) = (s.c * s.h * s.w, s.c * oh * ow);
    let (x, dy) = (random(1, s.n * image_x), random(2, s.n * image_y));
    let (lanes, gradient) = (activation(&x, s.n, image_x), Guarded::new(&to_lanes(&dy, s.n, image_y)));
    let (mut y, mut dx) = (Guarded::unwritten(s.y().len()), Guarded::unwritten(s.x().len()));
    avg_pool2d::avg_pool2d_forward(&s, lanes.values(), y.values_mut());
    avg_pool2d::avg_pool2d_backward(&s, gradient.values(), dx.values_mut());
    let (of_y, of_x) = mean_twin::avg_pool2d(&s, &x, &dy);
    assert_lanes(&y, &of_y, s.n, image_y, false);
    assert_lanes(&dx, &of_x, s.n, image_x, true);
}

#[test]
fn average_poolings() {
    for (kernel, stride, padding) in [((2, 2), (2, 2), (0, 0)), ((3, 2), (1, 3), (1, 0))] {
        in_turn(&[[5, 3, 6, 5], [17, 2, 4, 6]], [0, 0, kernel.0, kernel.1], |[n, c, h, w]| {
            let windows = |size: usize, taps, stride, padding| (size + 2 * padding - taps) / stride + 1;
            let output =
                (windows(h, kernel.0, stride.0, padding.0), windows(w, kernel.1, stride.1, padding.1));
            let windows = Windows { kernel, stride, padding, output };
            let count_include_pad = (n + c + h + w) % 2 == 0;
            averages(AvgPool2dShape { n, c, h, w, windows, count_include_pad, divisor_override: 0 });
        });
    }
}

#[test]
fn poolings() {
    for (kernel, stride, padding) in [((2, 2), (2, 2), (0, 0)), ((3, 2), (1, 2), (1, 0))] {
        in_turn(&[[5, 3, 6, 5], [17, 2, 4, 6]], [0, 0, kernel.0, kernel.1], |[n, c, h, w]| {
            pooling(MaxPool2dShape { n, c, h, w, kernel, stride, padding, ..MaxPool2dShape::PLAIN });
        });
    }
    in_turn(&[[2, 3, 1, 2]], [1; 4], |[kh, kw, sh, sw]| {
        let (h, w, padding) = (7.max(kh), 5.max(kw), (kh / 2, kw / 2));
        pooling(MaxPool2dShape {
            n: 5,
            c: 2,
            h,
            w,
            kernel: (kh, kw),
            stride: (sh, sw),
            padding,
            ..MaxPool2dShape::PLAIN
        });
    });
}

fn normalisation(layout: Layout, [n, c, s]: [usize; 3]) {
    let shape = BatchNormShape { layout, n, c, s };
    let (x, dy) = (random(1, n * c * s), random(2, n * c * s));
    let (weight, bias) = (input(3, c), input(4, c));
    let (there, gradient) = match layout {
        Layout::Rows => (Guarded::new(&x), Guarded::new(&dy)),
        Layout::Lanes => (activation(&x, n, c * s), Guarded::new(&to_lanes(&dy, n, c * s))),
    };
    let agrees = |actual: &Guarded, expected: &[f64], gradient| match layout {
        Layout::Rows => assert_near(actual, expected),
        Layout::Lanes => assert_lanes(actual, expected, n, c * s, gradient),
    };
    let (x_there, dy_there) = (there.values(), gradient.values());
    for training in [true, false] {
        let [mut mean, mut residual, mut var, mut dweight, mut dbias] =
            std::array::from_fn(|_| Guarded::unwritten(c));
        let mut y = Guarded::unwritten(x_there.len());
        let mut dx = Guarded::unwritten(x_there.len());
        if training {
            batch_norm_statistics(
                &shape,
                x_there,
                mean.values_mut(),
                residual.values_mut(),
                var.values_mut(),
            )
            .unwrap();
        } else {
            [mean, residual] = [input(5, c), Guarded::new(&vec![0.0; c])];
            var = Guarded::new(&vec![0.7; c]);
        }
        let given = (!training).then(|| (mean.values(), var.values()));
        // Not too small an eps: of one value a channel, the gradient cancels to almost nothing.
        let eps = 0.1;
        let affine = (weight.values(), bias.values());
        let expected = norm_twin::batch_norm((n, c, s), &x, &dy, affine, given, f64::from(eps));
        if training && n * s > 0 {
            assert_near(&mean, &expected.mean);
            assert_near(&var, &expected.var);
        }
        let (mean, residual, var) = (mean.values(), Some(residual.values()), var.values());
        let statistics = Statistics { mean, residual, var, eps };
        let affine = Affine { weight: Some(weight.values()), bias: Some(bias.values()) };
        batch_norm_forward(&shape, x_there, statistics, affine, y.values_mut()).unwrap();
        batch_norm_backward(
            &shape,
            x_there,
            dy_there,
            statistics,
            Some(weight.values()),
            training,
            Some(dx.values_mut()),
            Some(dweight.values_mut()),
            Some(dbias.values_mut()),
        )
        .unwrap();
        agrees(&y, &expected.y, false);
        agrees(&dx, &expected.dx, true);
        if n * s > 0 {
            // Sums of terms of either sign.
            let scale = ((n * s) as f64).sqrt();
            assert_close_at_scale(dweight.values(), &expected.dweight, 1e-5, scale);
            assert_close_at_scale(dbias.values(), &expected.dbias, 1e-5, scale);
        }
    }
}

#[test]
fn normalisations() {
    in_turn(&[[5, 3, 1], [70, 19, 1]], [0, 0, 1], |[n, c, _]| normalisation(Layout::Rows, [n, c, 1]));
    in_turn(&[[5, 3, 7], [17, 2, 5], [16, 1, 300]], [0; 3], |sizes| normalisation(Layout::Lanes, sizes));
}

#[test]
fn normalisation_with_pooling() {
    in_turn(&[[5, 3, 2, 3], [17, 2, 1, 4]], [0, 1, 1, 1], |[n, c, oh, ow]| {
        let s = MaxPool2dShape {
            n,
            c,
            h: 2 * oh,
            w: 2 * ow,
            kernel: (2, 2),
            stride: (2, 2),
            padding: (0, 0),
            ..MaxPool2dShape::PLAIN
        };
        let (image, pooled) = (4 * c * oh * ow, c * oh * ow);
        let (x, dy) = (random(1, n * image), random(2, n * pooled));
        let (lanes, gradient) = (activation(&x, n, image), Guarded::new(&to_lanes(&dy, n, pooled)));
        let (mean, weight) = (input(3, c), input(4, c));
        let var = Guarded::new(&vec![0.7; c]);
        let mut z = Guarded::unwritten(s.y().len());
        max_pool2d::max_pool2d_forward(&s, lanes.values(), Some(weight.values()), z.values_mut());
        let statistics = Statistics { mean: mean.values(), residual: None, var: var.values(), eps: 0.1 };
        let mut dx = Guarded::unwritten(s.x().len());
        let [mut dweight, mut dbias] = std::array::from_fn(|_| Guarded::unwritten(c));
        batch_norm_max_pool2d_backward(
            &s,
            lanes.values(),
            z.values(),
            gradient.values(),
            statistics,
            Some(weight.values()),
            false,
            Some(dx.values_mut()),
            Some(dweight.values_mut()),
            Some(dbias.values_mut()),
        )
        .unwrap();
        let (given, zeros) = (Some((mean.values(), var.values())), vec![0.0; c]);
        let twin = |dy: &[f32]| {
            norm_twin::batch_norm(
                (n, c, 4 * oh * ow),
                &x,
                dy,
                (weight.values(), &zeros),
                given,
                0.1f32.into(),
            )
        };
        let narrow = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect::<Vec<_>>();
        let normal = narrow(twin(&vec![0.0; x.len()]).y);
        let spread = narrow(pool_twin::max_pool2d(&s, &normal, &dy).1);
        let expected = twin(&spread);
        assert_lanes(&dx, &expected.dx, n, image, true);
        assert_near(&dweight, &expected.dweight);
        assert_near(&dbias, &expected.dbias);
    });
}
