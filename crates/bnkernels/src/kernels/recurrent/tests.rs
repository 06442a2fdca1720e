use super::*;
use crate::reference::recurrent::{recurrent as twin, Inputs};
use crate::reference::{assert_close, assert_close_at_scale, random};

const CELLS: [Cell; 4] = [Cell::Tanh, Cell::Relu, Cell::Lstm, Cell::Gru];

struct Arrays {
    p: Vec<f32>,
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
    h0: Option<Vec<f32>>,
    c0: Option<Vec<f32>>,
    dy: Vec<f32>,
    dc: Vec<f32>,
}

fn arrays(s: &RecurrentShape, with: bool) -> Arrays {
    let (width, states) = (s.width(), s.n * s.h);
    let given = |seed, length| with.then(|| random(seed, length));
    Arrays {
        p: random(1, s.t * s.n * width).iter().map(|x| x * 2.0).collect(),
        weight: random(2, width * s.h).iter().map(|x| x / (s.h as f32).sqrt()).collect(),
        bias: given(3, width),
        h0: given(4, states),
        c0: given(5, states),
        dy: random(6, s.t * states),
        dc: random(7, states),
    }
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

fn in_f64(s: &RecurrentShape, a: &Arrays) -> Inputs {
    let or_zeros = |x: &Option<Vec<f32>>, n: usize| x.as_ref().map_or_else(|| vec![0.0; n], |x| wide(x));
    Inputs {
        p: wide(&a.p),
        extra: vec![0.0; a.p.len()],
        weight: wide(&a.weight),
        bias: or_zeros(&a.bias, s.width()),
        h0: or_zeros(&a.h0, s.n * s.h),
        c0: or_zeros(&a.c0, s.n * s.h),
    }
}

struct Actual {
    y: Vec<f32>,
    c: Vec<f32>,
    dp: Vec<f32>,
    dq: Vec<f32>,
    dh0: Vec<f32>,
    dc0: Vec<f32>,
}

fn run(s: &RecurrentShape, a: &Arrays) -> Actual {
    let (width, states) = (s.width(), s.n * s.h);
    let lstm = s.cell == Cell::Lstm;
    let mut gates = a.p.clone();
    let [mut y, mut kept] = std::array::from_fn(|_| vec![f32::NAN; s.t * states]);
    let [mut c, mut dh0, mut dc0] = std::array::from_fn(|_| vec![f32::NAN; states]);
    let (h0, c0) = (a.h0.as_deref(), a.c0.as_deref());
    recurrent_forward(
        s,
        &a.weight,
        a.bias.as_deref(),
        h0,
        c0,
        &mut gates,
        &mut y,
        s.cell.keeps().then_some(&mut kept[..]),
        lstm.then_some(&mut c[..]),
    )
    .unwrap();
    let given = Given {
        weight: &a.weight,
        h0,
        c0,
        gates: s.cell.keeps().then_some(&gates[..]),
        y: &y,
        kept: s.cell.keeps().then_some(&kept[..]),
        dy: &a.dy,
        dlast_cell: lstm.then_some(&a.dc[..]),
    };
    let [mut dp, mut dq] = std::array::from_fn(|_| vec![f32::NAN; s.t * s.n * width]);
    let second = (s.cell == Cell::Gru).then_some(&mut dq[..]);
    recurrent_backward(s, given, &mut dp, second, Some(&mut dh0), Some(&mut dc0)).unwrap();
    // Without the first states' gradients, the same bits.
    let (mut alone, mut other) = (vec![f32::NAN; dp.len()], vec![f32::NAN; dp.len()]);
    let second = (s.cell == Cell::Gru).then_some(&mut other[..]);
    recurrent_backward(s, given, &mut alone, second, None, None).unwrap();
    assert_eq!(alone, dp);
    if s.cell != Cell::Gru {
        dq.copy_from_slice(&dp);
    }
    Actual { y, c, dp, dq, dh0, dc0 }
}

/// What the gradients are those of.
fn loss(s: &RecurrentShape, a: &Arrays, x: &Inputs) -> f64 {
    let (y, c) = twin(s, x);
    let dot = |a: &[f64], b: &[f32]| a.iter().zip(b).map(|(a, &b)| a * f64::from(b)).sum::<f64>();
    dot(&y, &a.dy) + if s.cell == Cell::Lstm { dot(&c, &a.dc) } else { 0.0 }
}

fn field(x: &mut Inputs, which: usize) -> &mut Vec<f64> {
    match which {
        0 => &mut x.p,
        1 => &mut x.extra,
        2 => &mut x.h0,
        _ => &mut x.c0,
    }
}

fn forward_agrees(s: &RecurrentShape, a: &Arrays, actual: &Actual) {
    let (y, c) = twin(s, &in_f64(s, a));
    assert_close_at_scale(&actual.y, &y, 3e-6, 1.0);
    if s.cell == Cell::Lstm {
        assert_close_at_scale(&actual.c, &c, 3e-6, 1.0);
    }
}

#[test]
fn each_gradient_agrees_with_differences_of_the_twin() {
    for cell in CELLS {
        for (t, n, h) in [(1, 1, 1), (4, 3, 5), (5, 1, 7), (3, 9, 4)] {
            for (reverse, with) in [(false, true), (true, false)] {
                let s = RecurrentShape { cell, t, n, h, reverse };
                let a = arrays(&s, with);
                let actual = run(&s, &a);
                forward_agrees(&s, &a, &actual);
                for (which, gradient) in
                    [&actual.dp, &actual.dq, &actual.dh0, &actual.dc0].into_iter().enumerate()
                {
                    if which == 3 && cell != Cell::Lstm {
                        continue;
                    }
                    let mut x = in_f64(&s, &a);
                    let expected: Vec<f64> = (0..gradient.len())
                        .map(|i| {
                            let mut at = |step: f64| {
                                field(&mut x, which)[i] += step;
                                let value = loss(&s, &a, &x);
                                field(&mut x, which)[i] -= step;
                                value
                            };
                            (at(1e-6) - at(-1e-6)) / 2e-6
                        })
                        .collect();
                    assert_close_at_scale(gradient, &expected, 1e-5, 0.1);
                }
            }
        }
    }
}

/// Several chunks, lengths that are no multiple of a vector, and one direction of all gradients together.
#[test]
fn larger_layers_agree_with_the_twin() {
    for cell in CELLS {
        for (t, n, h) in [(9, 37, 33), (3, 70, 16), (2, 5, 130)] {
            for reverse in [false, true] {
                let s = RecurrentShape { cell, t, n, h, reverse };
                let a = arrays(&s, true);
                let actual = run(&s, &a);
                forward_agrees(&s, &a, &actual);
                for (which, gradient) in
                    [&actual.dp, &actual.dq, &actual.dh0, &actual.dc0].into_iter().enumerate()
                {
                    if (which == 3 && cell != Cell::Lstm) || cell == Cell::Relu {
                        continue;
                    }
                    let direction = random(9, gradient.len());
                    let at = |step: f64| {
                        let mut x = in_f64(&s, &a);
                        let field = field(&mut x, which).iter_mut();
                        field.zip(&direction).for_each(|(x, &d)| *x += step * f64::from(d));
                        loss(&s, &a, &x)
                    };
                    let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
                    let along: f64 =
                        gradient.iter().zip(&direction).map(|(&g, &d)| f64::from(g) * f64::from(d)).sum();
                    assert_close(&[along as f32], &[expected], 1e-4);
                }
            }
        }
    }
}

#[test]
fn nothing_is_as_good_as_any_size() {
    for cell in CELLS {
        for (t, n, h) in [(0, 3, 5), (3, 0, 5), (3, 5, 0)] {
            let s = RecurrentShape { cell, t, n, h, reverse: false };
            let a = arrays(&s, true);
            let actual = run(&s, &a);
            if t == 0 {
                assert!(actual.dh0.iter().all(|&x| x == 0.0));
                assert_eq!(actual.dc0, if cell == Cell::Lstm { a.dc } else { vec![0.0; n * h] });
            }
        }
    }
}

#[test]
fn two_threads_have_halves_of_small_batches() {
    let lengths = |n, t| -> Vec<usize> {
        RecurrentShape { cell: Cell::Lstm, t, n, h: 64, reverse: false }.chunk_lengths().collect()
    };
    for (n, expected) in [
        (1, &[1][..]),
        (5, &[5]),
        (6, &[2, 4]),
        (7, &[4, 3]),
        (8, &[4, 4]),
        (12, &[6, 6]),
        (20, &[10, 10]),
        (28, &[14, 14]),
        (33, &[16, 17]),
        (64, &[10, 10, 12, 10, 10, 12]),
    ] {
        assert_eq!(lengths(n, 30), expected);
    }
    // Too little to share.
    assert_eq!(lengths(7, 0), [7]);
    let (s, rows) = (RecurrentShape { cell: Cell::Gru, t: 9, n: 7, h: 33, reverse: false }, 3..7);
    // A row has the bits that it has in another batch.
    let all = arrays(&s, false);
    let part = RecurrentShape { n: 4, ..s };
    let cut = |x: &[f32], width: usize| -> Vec<f32> {
        x.chunks(s.n * width).flat_map(|step| &step[rows.start * width..rows.end * width]).copied().collect()
    };
    let alone = Arrays {
        p: cut(&all.p, s.width()),
        weight: all.weight.clone(),
        dy: cut(&all.dy, s.h),
        dc: vec![0.0; 4 * s.h],
        ..arrays(&part, false)
    };
    let (whole, alone) = (run(&s, &all), run(&part, &alone));
    assert_eq!((cut(&whole.y, s.h), cut(&whole.dp, s.width())), (alone.y, alone.dp));
}
