use super::*;
use crate::kernels::conv2d::case::Case;
use crate::reference::random;

const SHAPE: Conv2dShape = Conv2dShape {
    n: 5,
    c: 6,
    h: 19,
    w: 17,
    oc: 5,
    kh: 3,
    kw: 3,
    padding: (2, 2),
    dilation: (2, 2),
    ..Conv2dShape::PLAIN
};

/// By way of plain ones against the formula, whether or not it is faster.
fn check(s: Conv2dShape) {
    let (case, dilated) = (Case::new(s), Dilated::of(&s));
    case.forward(|x, weight, bias, y| dilated.forward(x, weight, bias, y));
    case.backward_input(5e-6, |dy, weight, bias, dx| dilated.backward_input(dy, weight, bias, dx));
    case.backward_weight(|x, dy, dw, db| dilated.backward_weight(x, dy, dw, db));
    case.backward(|operands, dx, dw, db| dilated.backward(operands, dx, dw, db));
}

#[test]
fn batches() {
    for n in [2, 4, 5, 11, 16, 17, 28, 32, 45] {
        check(Conv2dShape { n, ..SHAPE });
    }
}

#[test]
fn dilations_kernels_and_paddings() {
    for dilation in [(2, 2), (1, 3), (4, 1), (3, 5), (8, 8)] {
        for (kh, kw) in [(3, 3), (2, 1), (1, 3)] {
            for padding in [(0, 0), (1, 3), (dilation.0, dilation.1), (9, 16)] {
                check(Conv2dShape { dilation, kh, kw, padding, ..SHAPE });
            }
        }
    }
    // Windows of their own number, and more remainders than rows.
    check(Conv2dShape { output: Some((16, 18)), ..SHAPE });
    check(Conv2dShape { h: 5, w: 4, dilation: (7, 6), padding: (7, 6), ..SHAPE });
}

#[test]
fn many_channels() {
    check(Conv2dShape { n: 20, c: 20, oc: 33, h: 24, w: 20, ..SHAPE });
    check(Conv2dShape { n: 16, c: 34, oc: 8, h: 32, w: 33, dilation: (4, 4), padding: (4, 4), ..SHAPE });
}

#[test]
fn it_is_chosen_by_the_shape() {
    let large = Conv2dShape { n: 16, c: 32, oc: 32, h: 48, w: 48, ..SHAPE };
    let chosen = |s| where_faster(&s).is_some();
    assert!(chosen(large) && chosen(Conv2dShape { dilation: (8, 8), padding: (8, 8), ..large }));
    assert!(!chosen(Conv2dShape { n: 1, ..large }) && !chosen(Conv2dShape { groups: 2, ..large }));
    assert!(!chosen(Conv2dShape { dilation: (1, 1), ..large }));
    assert!(!chosen(Conv2dShape { stride: (2, 2), ..large }));
    assert!(!chosen(Conv2dShape { c: 2, oc: 2, ..large }), "too few channels");
    assert!(!chosen(Conv2dShape { h: 6, w: 6, dilation: (4, 4), ..large }), "too small images");
}

/// The public functions choose it, where it is faster.
#[test]
fn it_is_taken_where_it_is_faster() {
    let s = Conv2dShape { n: 16, c: 16, oc: 16, h: 32, w: 32, ..SHAPE };
    let dilated = where_faster(&s).unwrap();
    let (x, weight, dy) = (random(1, s.x().len()), random(2, s.weight()), random(3, s.y().len()));
    let [mut a, mut b] = [vec![0.0; s.y().len()], vec![0.0; s.y().len()]];
    conv2d_forward(&s, &x, &weight, None, &mut a).unwrap();
    dilated.forward(&x, &weight, None, &mut b).unwrap();
    assert_eq!(a, b);
    let [mut a, mut b] = [vec![0.0; s.x().len()], vec![0.0; s.x().len()]];
    conv2d_backward_input(&s, &dy, &weight, None, &mut a).unwrap();
    dilated.backward_input(&dy, &weight, None, &mut b).unwrap();
    assert_eq!(a, b);
    let [mut dw, mut of_w] = [vec![0.0; s.weight()], vec![0.0; s.weight()]];
    conv2d_backward_weight(&s, &x, &dy, Some(&mut dw), None).unwrap();
    dilated.backward_weight(&x, &dy, &mut of_w, None).unwrap();
    assert_eq!(dw, of_w);
    conv2d_backward(&s, (&x, &dy, &weight), &mut a, &mut dw, None).unwrap();
    dilated.backward((&x, &dy, &weight), &mut b, &mut of_w, None).unwrap();
    assert_eq!((a, dw), (b, of_w));
}
