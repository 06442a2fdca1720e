use super::*;
use crate::reference::attention::{attention as twin, One};
use crate::reference::{assert_close_at_scale, random};

const SIZES: [(usize, usize, usize, usize, usize); 9] = [
    (2, 1, 1, 1, 1),
    (1, 3, 5, 7, 2),
    (3, 64, 64, 8, 8),
    (2, 65, 63, 5, 9),
    (1, 130, 200, 16, 16),
    (2, 7, 150, 3, 4),
    (2, 150, 7, 4, 3),
    (2, 3, 0, 4, 5),
    (5, 9, 70, 0, 3),
];

/// The kernel against the twin; the mask is of the batch's shape, `[b, t, s]` or with repeated dimensions.
fn check(
    sizes: (usize, usize, usize, usize, usize),
    mask: Option<Mask>,
    causal: bool,
    dropout: Option<Dropout>,
) {
    let (batch, t, s, e, ev) = sizes;
    let (q, k, v) = (random(1, batch * t * e), random(2, batch * s * e), random(3, batch * s * ev));
    let q: Vec<f32> = q.iter().map(|q| q * 4.0).collect();
    let dy = random(4, batch * t * ev);
    let scale = if e > 0 { 1.0 / (e as f32).sqrt() } else { 1.0 };
    let (q, k, v) = (&q[..], &k[..], &v[..]);
    let dense = |data, rows, width| Rows::dense(data, rows, width);
    let [rows_of_q, rows_of_k, rows_of_v] = [dense(q, t, e), dense(k, s, e), dense(v, s, ev)];
    let a = Attention {
        batch,
        t,
        s,
        e,
        ev,
        q: rows_of_q,
        k: rows_of_k,
        v: rows_of_v,
        mask,
        causal,
        scale,
        dropout,
    };
    let all_dy = Rows::dense(&dy, t, ev);
    let (mut y, mut logs) = (vec![f32::NAN; batch * t * ev], vec![f32::NAN; batch * t]);
    attention_forward(a, &mut y, Lies::dense(t, ev), &mut logs).unwrap();
    let lie = [Lies::dense(t, e), Lies::dense(s, e), Lies::dense(s, ev)];
    let rows_of_y = Rows::dense(&y, t, ev);
    let [mut dq, mut dk, mut dv] =
        [batch * t * e, batch * s * e, batch * s * ev].map(|length| vec![f32::NAN; length]);
    let arrays = [Some(&mut dq[..]), Some(&mut dk[..]), Some(&mut dv[..])];
    attention_backward(a, rows_of_y, &logs, all_dy, Gradients { arrays, together: false, lie }).unwrap();
    let mut alone = vec![f32::NAN; dk.len()];
    let arrays = [None, Some(&mut alone[..]), None];
    attention_backward(a, rows_of_y, &logs, all_dy, Gradients { arrays, together: false, lie }).unwrap();
    assert_eq!(alone, dk);
    for b in 0..batch {
        let mut added = vec![0.0; t * s];
        let mut factors = vec![1.0; t * s];
        for (i, (added, factor)) in added.iter_mut().zip(&mut factors).enumerate() {
            let (row, col) = (i / s, i % s);
            if let Some(mask) = mask {
                let [.., down, along] = mask.strides else { panic!() };
                let value = mask.values[mask.start(b) + row * *down as usize + col * *along as usize];
                *added = match (mask.boolean, value == 0.0) {
                    (true, true) => f64::NEG_INFINITY,
                    (true, false) => 0.0,
                    _ => f64::from(value),
                };
            }
            if causal && col > row {
                *added = f64::NEG_INFINITY;
            }
            if let Some(dropout) = dropout {
                let words = dropout.stream.block(((b * t + row) * s.div_ceil(4) + col / 4) as u64);
                let kept = f64::from(words[col % 4]) < (1.0 - dropout.p) * 4_294_967_296.0;
                *factor = if kept { 1.0 / (1.0 - dropout.p) } else { 0.0 };
            }
        }
        let one = One {
            sizes: (t, s, e, ev),
            q: &q[b * t * e..][..t * e],
            k: &k[b * s * e..][..s * e],
            v: &v[b * s * ev..][..s * ev],
            mask: &added,
            factors: &factors,
            scale: f64::from(scale),
        };
        let expected = twin(&one, &dy[b * t * ev..][..t * ev]);
        assert_close_at_scale(&y[b * t * ev..][..t * ev], &expected.y, 3e-6, 1.0);
        assert_close_at_scale(&dq[b * t * e..][..t * e], &expected.dq, 1e-5, 1.0);
        assert_close_at_scale(&dk[b * s * e..][..s * e], &expected.dk, 1e-5, 1.0);
        assert_close_at_scale(&dv[b * s * ev..][..s * ev], &expected.dv, 1e-5, 1.0);
    }
}

#[test]
fn attention_agrees_with_the_twin() {
    for sizes in SIZES {
        for causal in [false, true] {
            check(sizes, None, causal, None);
        }
    }
}

/// Queries, keys and values of all heads side by side in rows of one array, and the gradients in another.
#[test]
fn heads_that_lie_in_one_array_are_as_they_are_apart() {
    let (n, heads) = (2, 4);
    // (Rows of 384 and 768 floats lie on few sets of the first cache: what is read across them is packed.)
    for (t, e) in [(1, 1), (9, 5), (33, 16), (150, 3), (70, 32), (90, 64)] {
        let (width, count) = (heads * e, n * t * heads * e);
        let (all, all_dy) = (random(1, 3 * count), random(2, count));
        // Of `[n, t, parts, heads, e]` one part as `[n, heads, t, e]`.
        let apart = |from: &[f32], parts: usize, part: usize| -> Vec<f32> {
            let rows = (0..n * heads * t).map(|i| (i / heads / t, i / t % heads, i % t));
            let at = |(b, h, row)| ((b * t + row) * parts + part) * width + h * e;
            rows.flat_map(|place| from[at(place)..][..e].to_vec()).collect()
        };
        let within =
            |data, parts: usize| Rows { data, heads, strides: [t * parts * width, e, parts * width] };
        let dense: Vec<_> = (0..3).map(|part| apart(&all, 3, part)).collect();
        let dense_dy = apart(&all_dy, 1, 0);
        for causal in [false, true] {
            let results = [false, true].map(|together| {
                let [q, k, v] = std::array::from_fn(|part| {
                    let one = Rows::dense(&dense[part], t, e);
                    if together {
                        within(&all[part * width..], 3)
                    } else {
                        one
                    }
                });
                let dy = if together { within(&all_dy, 1) } else { Rows::dense(&dense_dy, t, e) };
                let (batch, mask, dropout) = (n * heads, None, None);
                let a = Attention { batch, t, s: t, e, ev: e, q, k, v, mask, causal, scale: 0.7, dropout };
                let (mut y, mut logs) = (vec![f32::NAN; count], vec![f32::NAN; n * heads * t]);
                let lies = |start, parts: usize| Lies {
                    start,
                    heads,
                    strides: [t * parts * width, e, parts * width],
                };
                let alone = if together { lies(0, 1) } else { Lies::dense(t, e) };
                attention_forward(a, &mut y, alone, &mut logs).unwrap();
                let strides = if together { [t * width, e, width] } else { [t * e, 0, e] };
                let rows_of_y = Rows { data: &y, heads: if together { heads } else { 1 }, strides };
                let mut gradients = [(); 3].map(|()| vec![f32::NAN; count]);
                let arrays = gradients.each_mut().map(|gradient| Some(&mut gradient[..]));
                let of = Gradients { arrays, together: false, lie: [alone; 3] };
                attention_backward(a, rows_of_y, &logs, dy, of).unwrap();
                if !together {
                    return (y, logs, gradients);
                }
                // All three in one array.
                let mut of_all = vec![f32::NAN; 3 * count];
                let lie = std::array::from_fn(|part| lies(part * width, 3));
                let of = Gradients { arrays: [Some(&mut of_all), None, None], together, lie };
                attention_backward(a, rows_of_y, &logs, dy, of).unwrap();
                let of_all = std::array::from_fn(|part| apart(&of_all, 3, part));
                assert!(gradients.map(|gradient| apart(&gradient, 1, 0)) == of_all, "{t} {e} {causal}");
                (apart(&y, 1, 0), logs, of_all)
            });
            assert!(results[0] == results[1], "{t} {e} {causal}");
        }
        assert!(
            within(&all, 3).fits(n * heads, t, e) && !within(&all[2 * width + 1..], 3).fits(n * heads, t, e)
        );
        assert!(!within(&all, 3).fits(n * heads + 1, t, e));
        let lies = |start, outer| Lies { start, heads, strides: [outer, e, width] };
        assert!(
            lies(0, t * width).fits(count, n * heads, t, e)
                && !lies(1, t * width).fits(count, n * heads, t, e)
        );
        // Room for one of the batch too few, and rows that lie between others'.
        assert!(!lies(0, t * width).fits(count - 1, n * heads, t, e));
        assert!(!lies(0, t * width - 1).fits(count, n * heads, t, e));
    }
}

#[test]
fn masks_are_broadcast_added_or_hide() {
    for sizes in SIZES {
        let (batch, t, s, ..) = sizes;
        let values = random(5, batch * t * s);
        let [b, rows, cols] = [batch, t, s].map(|size| size as u32);
        for boolean in [false, true] {
            let values: Vec<f32> = values
                .iter()
                .map(|&x| match (boolean, x > 0.3) {
                    (true, seen) => f32::from(seen),
                    (false, true) => f32::NEG_INFINITY,
                    (false, false) => x * 3.0,
                })
                .collect();
            // Whole, one for all of the batch, a row of keys for each, a column of queries.
            for strides in [[rows * cols, cols, 1], [0, cols, 1], [cols, 0, 1], [rows, 1, 0]] {
                let mask = Mask { values: &values, shape: &[b, rows, cols], strides: &strides, boolean };
                check(sizes, Some(mask), false, None);
            }
        }
    }
}

#[test]
fn a_row_that_sees_nothing_gives_zero() {
    for boolean in [true, false] {
        let hidden = if boolean { 0.0 } else { f32::NEG_INFINITY };
        let mut values = vec![if boolean { 1.0 } else { 0.0 }; 70 * 70];
        values[70 * 2..70 * 3].fill(hidden);
        // Hidden at first, seen in a later block.
        values[70 * 4..70 * 4 + 66].fill(hidden);
        let mask = Mask { values: &values, shape: &[1, 70, 70], strides: &[0, 70, 1], boolean };
        check((1, 70, 70, 4, 3), Some(mask), false, None);
        let (q, k, v) = (random(1, 280), random(2, 280), random(3, 210));
        let (mut y, mut logs) = (vec![f32::NAN; 210], vec![f32::NAN; 70]);
        let a = Attention {
            batch: 1,
            t: 70,
            s: 70,
            e: 4,
            ev: 3,
            q: Rows::dense(&q, 70, 4),
            k: Rows::dense(&k, 70, 4),
            v: Rows::dense(&v, 70, 3),
            mask: Some(mask),
            causal: false,
            scale: 0.5,
            dropout: None,
        };
        attention_forward(a, &mut y, Lies::dense(70, 3), &mut logs).unwrap();
        assert_eq!(y[6..9], [0.0; 3]);
        assert!(y[12..15].iter().all(|y| y.is_finite() && *y != 0.0));
    }
}

#[test]
fn dropout_is_the_same_in_both_directions() {
    for sizes in SIZES {
        for p in [0.2, 0.7, 1.0] {
            let stream = Stream { seed: 5, offset: 11 };
            if p < 1.0 {
                check(sizes, None, sizes.1 > 9, Some(Dropout { p, stream }));
            }
        }
    }
}

#[test]
fn large_scores_do_not_overflow_and_a_nan_stays_in_its_row() {
    let (t, s) = (5, 100);
    let mut q = vec![300.0; t * 2];
    q[4] = f32::NAN;
    let (k, v) = (random(2, s * 2), random(3, s * 3));
    let k: Vec<f32> = k.iter().map(|k| k * 100.0).collect();
    let (mut y, mut logs) = (vec![0.0; t * 3], vec![0.0; t]);
    let a = Attention {
        batch: 1,
        t,
        s,
        e: 2,
        ev: 3,
        q: Rows::dense(&q, t, 2),
        k: Rows::dense(&k, s, 2),
        v: Rows::dense(&v, s, 3),
        mask: None,
        causal: false,
        scale: 1.0,
        dropout: None,
    };
    attention_forward(a, &mut y, Lies::dense(t, 3), &mut logs).unwrap();
    for (row, y) in y.chunks(3).enumerate() {
        assert!(y.iter().all(|y| if row == 2 { y.is_nan() } else { y.is_finite() }), "{row}: {y:?}");
    }
}
