//! What kernels do with memory: where there is none, they say so and have written nothing; and what
//! they need beyond their arguments comes from `parallel::scratch` alone.

use super::{random, to_lanes};
use crate::kernels::attention::*;
use crate::kernels::batch_norm::*;
use crate::kernels::conv2d::*;
use crate::kernels::gather_dim::gather_backward;
use crate::kernels::group_norm::{group_norm_backward, group_norm_forward, GroupNormShape};
use crate::kernels::index_select::index_select_backward;
use crate::kernels::layer_norm::layer_norm_backward;
use crate::kernels::matmul::{matmul, matmul_batch, Batch, Form};
use crate::kernels::max_pool2d::MaxPool2dShape;
use crate::kernels::recurrent::{self, recurrent_backward, recurrent_forward, Given, RecurrentShape};
use crate::kernels::reduce::{sum_forward, ReduceShape};
use crate::parallel::{scratch, OutOfMemory};
use std::alloc::{GlobalAlloc, Layout as Piece, System};
use std::cell::Cell;

thread_local!(static ALLOCATIONS: Cell<u32> = const { Cell::new(0) });

/// The system's, with a count of this thread's allocations.
struct Counting;

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, piece: Piece) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(piece) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, piece: Piece) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, piece) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Runs a kernel on outputs of these lengths with every one of its requests refused in turn, and then
/// once more with the pieces that the first time left.
fn check<const K: usize>(
    requests: u32,
    lengths: [usize; K],
    run: impl Fn([&mut [f32]; K]) -> Result<(), OutOfMemory>,
) {
    let mut outputs = lengths.map(|length| vec![f32::NAN; length]);
    for refused in 1..=requests {
        scratch::fail_from(refused);
        let result = run(outputs.each_mut().map(|output| &mut output[..]));
        scratch::fail_from(0);
        assert_eq!(result, Err(OutOfMemory), "request {refused}");
        assert!(outputs.iter().flatten().all(|value| value.is_nan()), "written before request {refused}");
    }
    let before = scratch::requests();
    for _ in 0..2 {
        let allocations = ALLOCATIONS.get();
        run(outputs.each_mut().map(|output| &mut output[..])).unwrap();
        assert!(ALLOCATIONS.get() - allocations <= requests);
    }
    assert_eq!(scratch::requests(), before + 2 * requests);
    let allocations = ALLOCATIONS.get();
    run(outputs.each_mut().map(|output| &mut output[..])).unwrap();
    assert_eq!(ALLOCATIONS.get(), allocations, "memory that does not come from the scratch");
    assert!(outputs.iter().flatten().all(|value| value.is_finite()));
}

#[test]
fn products_ask_before_they_write() {
    for (form, m, n, k, requests) in [
        (Form::NN, 7, 9, 11, 0),
        (Form::NN, 130, 40, 300, 1),
        // A transposed matrix is copied for wide products only.
        (Form::TN, 130, 40, 300, 0),
        (Form::TN, 260, 40, 300, 1),
        (Form::TN, 260, 120, 300, 2),
        (Form::NN, 130, 40, 1300, 2),
        (Form::NT, 130, 40, 300, 1),
        (Form::NT, 5, 40, 300, 0),
        (Form::NN, 50, 2, 300, 1),
        (Form::TN, 50, 2, 300, 1),
        (Form::NN, 50, 2, 3, 0),
    ] {
        let (a, b) = (random(1, m * k), random(2, k * n));
        check(requests, [m * n], |[c]| matmul(form, m, n, k, &a, &b, None, c));
    }
}

#[test]
fn batches_of_products_ask_before_they_write() {
    // Shared among the threads one by one, and each on one thread.
    for ((m, n, k), requests) in
        [((260, 40, 300), 1), ((260, 120, 300), 2), ((9, 8, 140), 0), ((9, 104, 140), 1)]
    {
        let (a, b) = (random(1, 3 * m * k), random(2, k * n));
        let batch = Batch { shape: &[3], a_strides: &[(m * k) as u32], b_strides: &[0] };
        check(requests, [3 * m * n], |[c]| matmul_batch(Form::TN, batch, (m, n, k), &a, &b, None, c));
    }
}

#[test]
fn convolutions_ask_before_they_write() {
    for stride in [(1, 1), (2, 3)] {
        let (h, w, kh, kw, padding) = (9, 8, 3, 3, (1, 1));
        let s = Conv2dShape { n: 21, c: 5, h, w, oc: 7, kh, kw, stride, padding, ..Conv2dShape::PLAIN };
        let (x, weight) = (random(1, s.x().len()), random(2, s.weight()));
        let dy = to_lanes(&random(3, s.n * s.oc * s.oh() * s.ow()), s.n, s.oc * s.oh() * s.ow());
        check(1, [s.y().len()], |[y]| conv2d_forward(&s, &x, &weight, None, y));
        check(2, [s.x().len()], |[dx]| conv2d_backward_input(&s, &dy, &weight, None, dx));
        check(2, [s.weight(), s.oc], |[dw, db]| conv2d_backward_weight(&s, &x, &dy, Some(dw), Some(db)));
    }
}

#[test]
fn winograds_convolutions_ask_before_they_write() {
    let s = Conv2dShape { n: 21, c: 18, h: 20, w: 16, oc: 17, kh: 3, kw: 3, ..Conv2dShape::PLAIN };
    let (x, weight) = (random(1, s.x().len()), random(2, s.weight()));
    let dy = to_lanes(&random(3, s.n * s.oc * s.oh() * s.ow()), s.n, s.oc * s.oh() * s.ow());
    check(2, [s.y().len()], |[y]| conv2d_forward(&s, &x, &weight, None, y));
    check(2, [s.x().len()], |[dx]| conv2d_backward_input(&s, &dy, &weight, None, dx));
    check(2, [s.weight(), s.oc], |[dw, db]| conv2d_backward_weight(&s, &x, &dy, Some(dw), Some(db)));
}

#[test]
fn bands_of_an_image_ask_before_they_write() {
    let s = Conv2dShape { n: 1, c: 18, h: 20, w: 16, oc: 17, kh: 3, kw: 3, ..Conv2dShape::PLAIN };
    for (stride, requests) in [((1, 1), 4), ((2, 2), 3)] {
        let s = Conv2dShape { stride, ..s };
        let (x, weight) = (random(1, s.x().len()), random(2, s.weight()));
        check(requests, [s.y().len()], |[y]| conv2d_forward(&s, &x, &weight, None, y));
    }
}

#[test]
fn group_normalisation_asks_before_it_writes() {
    let s = GroupNormShape { n: 19, c: 6, s: 30, groups: 2 };
    let (x, dy) = (random(1, s.x().len()), vec![0.5; s.x().len()]);
    let made = s.statistics().len();
    check(3, [x.len(), made, made, made], |[y, mean, residual, rstd]| {
        group_norm_forward(&s, &x, None, None, 1e-5, y, [mean, residual, rstd])
    });
    let ones = vec![1.0; made];
    check(4, [x.len(), s.c, s.c], |[dx, dweight, dbias]| {
        group_norm_backward(&s, &x, &dy, [&ones; 3], None, Some(dx), Some(dweight), Some(dbias))
    });
}

#[test]
fn normalisations_ask_before_they_write() {
    for (layout, n, c, s) in [(Layout::Rows, 200, 19, 1), (Layout::Lanes, 32, 3, 36)] {
        let shape = BatchNormShape { layout, n, c, s };
        let (x, dy) = (random(1, shape.len()), random(2, shape.len()));
        let (mean, var) = (vec![0.1; c], vec![0.5; c]);
        check(1, [c, c, c], |[mean, residual, var]| batch_norm_statistics(&shape, &x, mean, residual, var));
        let statistics = Statistics { mean: &mean, residual: None, var: &var, eps: 1e-5 };
        let affine = Affine { weight: Some(&mean), bias: None };
        check(1, [x.len()], |[y]| batch_norm_forward(&shape, &x, statistics, affine, y));
        for training in [true, false] {
            check(1, [x.len(), c, c], |[dx, dweight, dbias]| {
                let (dx, dweight, dbias) = (Some(dx), Some(dweight), Some(dbias));
                batch_norm_backward(&shape, &x, &dy, statistics, None, training, dx, dweight, dbias)
            });
        }
    }
    let s = MaxPool2dShape {
        n: 32,
        c: 3,
        h: 6,
        w: 6,
        kernel: (2, 2),
        stride: (2, 2),
        padding: (0, 0),
        ..MaxPool2dShape::PLAIN
    };
    let (x, z, dy) = (random(1, s.x().len()), random(2, s.y().len()), random(3, s.y().len()));
    let statistics = Statistics { mean: &[0.1; 3], residual: None, var: &[0.5; 3], eps: 1e-5 };
    check(1, [x.len(), 3, 3], |[dx, dweight, dbias]| {
        let (dx, dweight, dbias) = (Some(dx), Some(dweight), Some(dbias));
        batch_norm_max_pool2d_backward(&s, &x, &z, &dy, statistics, None, true, dx, dweight, dbias)
    });
}

#[test]
fn layer_norm_asks_before_it_writes() {
    let (rows, cols) = (300, 20);
    let (x, dy, mean) = (random(1, rows * cols), random(2, rows * cols), vec![0.5; rows]);
    check(1, [rows * cols, cols, cols], |[dx, dweight, dbias]| {
        let (dx, dweight, dbias) = (Some(dx), Some(dweight), Some(dbias));
        layer_norm_backward(rows, cols, &x, &dy, &mean, &mean, None, dx, dweight, dbias)
    });
}

#[test]
fn recurrent_layers_ask_before_they_write() {
    let s = RecurrentShape { cell: recurrent::Cell::Lstm, t: 3, n: 20, h: 9, reverse: false };
    let (weight, states) = (random(1, s.width() * s.h), random(2, s.t * s.n * s.h));
    check(2, [s.t * s.n * s.h, s.t * s.n * s.h, s.n * s.h], |[y, kept, last]| {
        // (What comes in as the input's part is overwritten.)
        let mut gates = [0.5; 3 * 20 * 36];
        recurrent_forward(&s, &weight, None, None, None, &mut gates, y, Some(kept), Some(last))
    });
    let gates = random(3, s.t * s.n * s.width());
    check(1, [gates.len(), s.n * s.h, s.n * s.h], |[dp, dh0, dc0]| {
        let given = Given {
            weight: &weight,
            h0: None,
            c0: None,
            gates: Some(&gates),
            y: &states,
            kept: Some(&states),
            dy: &states,
            dlast_cell: None,
        };
        recurrent_backward(&s, given, dp, None, Some(dh0), Some(dc0))
    });
}

#[test]
fn attention_asks_before_it_writes() {
    let (batch, t, s, e, ev) = (3, 70, 90, 8, 5);
    let (q, k, v) = (random(1, batch * t * e), random(2, batch * s * e), random(3, batch * s * ev));
    let (scale, mask, causal, dropout) = (0.3, None, false, None);
    let [rows_of_q, rows_of_k] = [Rows::dense(&q, t, e), Rows::dense(&k, s, e)];
    let rows_of_v = Rows::dense(&v, s, ev);
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
    check(1, [batch * t * ev, batch * t], |[y, log_sums]| {
        attention_forward(a, y, Lies::dense(t, ev), log_sums)
    });
    let (y, log_sums) = (random(4, batch * t * ev), random(5, batch * t));
    let lie = [Lies::dense(t, e), Lies::dense(s, e), Lies::dense(s, ev)];
    check(1, [q.len(), k.len(), v.len()], |[dq, dk, dv]| {
        attention_backward(
            a,
            Rows::dense(&y, t, ev),
            &log_sums,
            Rows::dense(&y, t, ev),
            Gradients { arrays: [Some(dq), Some(dk), Some(dv)], together: false, lie },
        )
    });
}

#[test]
fn sums_ask_before_they_write() {
    for (outer, n, inner, requests) in
        [(3, 5, 7, 0), (2, 700, 17, 1), (1, 1000, 3, 1), (1, 40_000, 1, 1), (5, 300, 1, 0)]
    {
        let x = random(1, outer * n * inner);
        let shape = ReduceShape { outer, n, inner };
        check(requests, [outer * inner], |[y]| sum_forward(shape, &x, 1.0, y));
    }
}

#[test]
fn sums_by_index_ask_before_they_write() {
    for (outer, n, inner, count, requests) in [(2, 300, 17, 50, 0), (2, 300, 17, 500, 1)] {
        let shape = ReduceShape { outer, n, inner };
        let (dy, index) = (random(1, outer * count * inner), vec![7.0; outer * count * inner]);
        let dx = outer * n * inner;
        check(1, [dx], |[dx]| index_select_backward(shape, &dy, &index[..count], dx).map(drop));
        check(requests, [dx], |[dx]| gather_backward(shape, count, &dy, &index, dx).map(drop));
    }
}
