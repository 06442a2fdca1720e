//! Kernels on rows and on plain runs of values.

use super::{assert_near, in_turn, input, Guarded};
use crate::kernels::matmul::{matmul, Form};
use crate::kernels::{
    adam, copy, cross_entropy, elementwise, gather, layer_norm, random, reduce, sgd, softmax,
};
use crate::kernels::{cumsum, gather_dim, index_select, triangle};
use crate::reference::indexing;
use crate::reference::{layer_norm as norm_twin, loss as twin, matmul as matmul_twin, to_lanes};
use crate::tables;

fn wide(values: &Guarded) -> Vec<f64> {
    values.values().iter().map(|&value| f64::from(value)).collect()
}

#[test]
fn products() {
    for form in [Form::NN, Form::NT, Form::TN] {
        in_turn(&[[3, 5, 7], [17, 21, 19], [70, 19, 300]], [0; 3], |[m, n, k]| {
            let (a, b, bias) = (input(1, m * k), input(2, k * n), input(3, n));
            for bias in [None, Some(bias.values())] {
                let mut c = Guarded::unwritten(m * n);
                matmul(form, m, n, k, a.values(), b.values(), bias, c.values_mut()).unwrap();
                let expected = matmul_twin::matmul(form, (m, n, k), a.values(), b.values(), bias);
                assert_near(&c, &expected);
            }
        });
    }
}

#[test]
fn sums_and_maxima() {
    in_turn(&[[3, 5, 7], [2, 33, 19], [3, 300, 2]], [0; 3], |[outer, n, inner]| {
        let shape = reduce::ReduceShape { outer, n, inner };
        let (x, dy) = (input(1, outer * n * inner), input(2, outer * inner));
        let at = |o: usize, k: usize, i: usize| (o * n + k) * inner + i;
        let column = |j: usize| (0..n).map(move |k| at(j / inner, k, j % inner));
        let mut y = Guarded::unwritten(outer * inner);
        reduce::sum_forward(shape, x.values(), 0.5, y.values_mut()).unwrap();
        let sum = |j| column(j).map(|at| f64::from(x.values()[at])).sum::<f64>() * 0.5;
        assert_near(&y, &(0..outer * inner).map(sum).collect::<Vec<_>>());
        if n == 0 {
            return;
        }
        let (mut index, mut dx) = (Guarded::unwritten(outer * inner), Guarded::unwritten(outer * n * inner));
        reduce::max_forward(shape, x.values(), y.values_mut(), index.values_mut());
        reduce::max_backward(shape, index.values(), dy.values(), dx.values_mut());
        let max = |j| column(j).map(|at| f64::from(x.values()[at])).fold(f64::MIN, f64::max);
        assert_near(&y, &(0..outer * inner).map(max).collect::<Vec<_>>());
        for j in 0..outer * inner {
            for (k, at) in column(j).enumerate() {
                let here = index.values()[j] == k as f32;
                assert_eq!(dx.values()[at], if here { dy.values()[j] } else { 0.0 });
            }
        }
    });
}

#[test]
fn softmax_and_cross_entropy() {
    in_turn(&[[3, 5], [33, 18]], [0, 1], |[rows, cols]| {
        let (x, dy) = (input(1, rows * cols), input(2, rows * cols));
        let (mut y, mut dx) = (Guarded::unwritten(rows * cols), Guarded::unwritten(rows * cols));
        softmax::softmax_forward(rows, cols, x.values(), y.values_mut());
        assert_near(&y, &twin::softmax(x.values(), cols));
        softmax::softmax_backward(rows, cols, y.values(), dy.values(), dx.values_mut());
        assert_near(&dx, &twin::softmax_backward(x.values(), dy.values(), cols));
        let (mut y, mut dx) = (Guarded::unwritten(rows * cols), Guarded::unwritten(rows * cols));
        softmax::log_softmax_forward(rows, cols, x.values(), y.values_mut());
        let logs = twin::log_softmax(x.values(), cols);
        assert_near(&y, &logs);
        softmax::log_softmax_backward(rows, cols, y.values(), dy.values(), dx.values_mut());
        assert_near(&dx, &twin::log_softmax_backward(x.values(), dy.values(), cols));

        let labels: Vec<f32> = (0..rows).map(|row| (row * 7 % cols) as f32).collect();
        let (labels, scale) = (Guarded::new(&labels), input(3, rows));
        let [mut y, mut dx] = std::array::from_fn(|_| Guarded::unwritten(rows * cols));
        let mut losses = Guarded::unwritten(rows);
        let (x, labels) = (x.values(), labels.values());
        let bad =
            cross_entropy::cross_entropy_forward(rows, cols, x, labels, y.values_mut(), losses.values_mut());
        assert_eq!(bad, None);
        assert_near(&y, &logs);
        let label = |row: usize| row * cols + labels[row] as usize;
        assert_near(&losses, &(0..rows).map(|row| -logs[label(row)]).collect::<Vec<_>>());
        let scale = scale.values();
        cross_entropy::cross_entropy_backward(rows, cols, y.values(), labels, scale, dx.values_mut());
        let gradient = |i: usize| {
            let hit = f64::from(u8::from(i == label(i / cols)));
            (logs[i].exp() - hit) * f64::from(scale[i / cols])
        };
        assert_near(&dx, &(0..rows * cols).map(gradient).collect::<Vec<_>>());
    });
}

#[test]
fn layer_norms() {
    in_turn(&[[3, 5], [7, 17], [2, 70]], [0, 1], |[rows, cols]| {
        let (x, dy) = (input(1, rows * cols), input(2, rows * cols));
        let (weight, bias) = (input(3, cols), input(4, cols));
        let [mut y, mut dx] = std::array::from_fn(|_| Guarded::unwritten(rows * cols));
        let [mut mean, mut rstd] = std::array::from_fn(|_| Guarded::unwritten(rows));
        let [mut dweight, mut dbias] = std::array::from_fn(|_| Guarded::unwritten(cols));
        let (x, dy) = (x.values(), dy.values());
        let affine = norm_twin::Affine { weight: Some(weight.values()), bias: Some(bias.values()) };
        let (mean, rstd) = (mean.values_mut(), rstd.values_mut());
        let norm_twin::Affine { weight, bias } = affine;
        layer_norm::layer_norm_forward(rows, cols, x, weight, bias, 0.1, y.values_mut(), mean, rstd);
        let gradients = [&mut dx, &mut dweight, &mut dbias].map(|gradient| Some(gradient.values_mut()));
        let [of_x, of_weight, of_bias] = gradients;
        layer_norm::layer_norm_backward(rows, cols, x, dy, mean, rstd, weight, of_x, of_weight, of_bias)
            .unwrap();
        let expected = norm_twin::layer_norm(rows, cols, x, dy, affine, f64::from(0.1f32));
        assert_near(&y, &expected.y);
        assert_near(&dx, &expected.dx);
        assert_near(&dweight, &expected.dweight);
        assert_near(&dbias, &expected.dbias);
    });
}

#[test]
fn elementwise_operations() {
    in_turn(&[[3, 5, 7], [2, 3, 70]], [0; 3], |[a, b, c]| {
        let n = a * b * c;
        let (x, dy) = (input(1, n), input(2, n));
        let (mut y, mut dx) = (Guarded::unwritten(n), Guarded::unwritten(n));
        let tanh = tables::number(tables::UNARY_DESCRIPTIONS, "tanh");
        tables::unary_forward(tanh, [0.0; 2], x.values(), y.values_mut());
        tables::unary_backward(tanh, [0.0; 2], None, Some(y.values()), dy.values(), dx.values_mut());
        assert_near(&y, &wide(&x).iter().map(|x| x.tanh()).collect::<Vec<_>>());
        let slopes = wide(&x).into_iter().zip(wide(&dy)).map(|(x, dy)| dy * (1.0 - x.tanh().powi(2)));
        assert_near(&dx, &slopes.collect::<Vec<_>>());
        elementwise::accumulate(x.values(), y.values_mut());
        assert_near(&y, &wide(&x).iter().map(|x| x.tanh() + x).collect::<Vec<_>>());
        elementwise::fill(y.values_mut(), 3.0);
        assert!(y.values().iter().all(|&y| y == 3.0));

        // Sizes 0 are the caller's to leave out: a row of none has no operands.
        if n == 0 {
            return;
        }
        let (rows, columns) = (input(3, a * c), input(4, b));
        let [shape, of_rows, of_columns] =
            [[a, b, c], [c, 0, 1], [0, 1, 0]].map(|dims| dims.map(|size| size as u32));
        let dims = elementwise::Broadcast { shape: &shape, a_strides: &of_rows, b_strides: &of_columns };
        let mut y = Guarded::unwritten(n);
        let sub = tables::number(tables::BINARY_DESCRIPTIONS, "sub");
        tables::binary(sub, dims, rows.values(), columns.values(), y.values_mut());
        let difference = |i: usize| {
            f64::from(rows.values()[i / (b * c) * c + i % c]) - f64::from(columns.values()[i / c % b])
        };
        assert_near(&y, &(0..n).map(difference).collect::<Vec<_>>());
    });
}

#[test]
fn optimisers() {
    in_turn(&[[0]], [0], |[n]| {
        let g = input(1, n);
        let [mut p, mut m, mut v] = [2, 3, 4].map(|seed| input(seed, n));
        v.values_mut().iter_mut().for_each(|v| *v = v.abs());
        let [old_p, old_m, old_v] = [&p, &m, &v].map(wide);
        let (lr, beta1, beta2, eps, weight_decay) = (0.1, 0.9, 0.99, 0.1, 0.1);
        let options = adam::Adam { lr, beta1, beta2, eps, weight_decay, decoupled: false, maximize: false };
        adam::adam_step(p.values_mut(), g.values(), m.values_mut(), v.values_mut(), None, options, 1);
        let decayed: Vec<f64> = wide(&g).iter().zip(&old_p).map(|(g, p)| g + 0.1 * p).collect();
        let first = |i: usize| 0.9 * old_m[i] + 0.1 * decayed[i];
        let second = |i: usize| 0.99 * old_v[i] + 0.01 * decayed[i] * decayed[i];
        let updated = |i: usize| old_p[i] - 0.1 * (first(i) / 0.1) / ((second(i) / 0.01).sqrt() + 0.1);
        assert_near(&m, &(0..n).map(first).collect::<Vec<_>>());
        assert_near(&v, &(0..n).map(second).collect::<Vec<_>>());
        assert_near(&p, &(0..n).map(updated).collect::<Vec<_>>());

        let [mut p, mut buffer] = [2, 3].map(|seed| input(seed, n));
        let (momentum, dampening) = (0.5, 0.0);
        let options = sgd::Sgd { lr, momentum, dampening, weight_decay, nesterov: false, maximize: false };
        sgd::sgd_step(p.values_mut(), g.values(), Some(buffer.values_mut()), options, false);
        let buffer_of = |i: usize| 0.5 * old_m[i] + decayed[i];
        assert_near(&buffer, &(0..n).map(buffer_of).collect::<Vec<_>>());
        assert_near(&p, &(0..n).map(|i| old_p[i] - 0.1 * buffer_of(i)).collect::<Vec<_>>());
    });
}

#[test]
fn copies_and_gathers() {
    in_turn(&[[3, 5, 7]], [0; 3], |[a, b, c]| {
        let x = input(1, a * b * c);
        let [shape, x_strides, y_strides] =
            [[c, b, a], [1, c, b * c], [a * b, a, 1]].map(|dims| dims.map(|size| size as u32));
        let dims = copy::Strided { shape: &shape, x_strides: &x_strides, y_strides: &y_strides };
        let mut y = Guarded::unwritten(a * b * c);
        copy::copy_strided(dims, x.values(), y.values_mut());
        let from = |j: usize| x.values()[(j % a * b + j / a % b) * c + j / (a * b)];
        assert!((0..a * b * c).all(|j| y.values()[j] == from(j)));
    });
    in_turn(&[[3, 5], [17, 18]], [0; 2], |[n, image]| {
        let rows = input(1, n * image);
        let expected = to_lanes(rows.values(), n, image);
        let (mut lanes, mut back) = (Guarded::unwritten(expected.len()), Guarded::unwritten(n * image));
        copy::rows_to_lanes(n, image, rows.values(), lanes.values_mut());
        assert_eq!(lanes.values(), expected);
        copy::lanes_to_rows(n, image, lanes.values(), back.values_mut());
        assert_eq!(back.values(), rows.values());

        // A transpose by blocks of 4 × 4.
        let (shape, x_strides, y_strides) = ([image as u32, n as u32], [1, image as u32], [n as u32, 1]);
        let dims = copy::Strided { shape: &shape, x_strides: &x_strides, y_strides: &y_strides };
        copy::copy_strided(dims, rows.values(), back.values_mut());
        assert!((0..n * image).all(|j| back.values()[j] == rows.values()[j % n * image + j / n]));

        let indices: Vec<u32> = (0..n as u32).map(|i| i * 5 % n.max(1) as u32).collect();
        let from = |i: usize| rows.values()[indices[i / image] as usize * image + i % image];
        gather::gather_f32(rows.values(), &indices, image, back.values_mut());
        assert!((0..n * image).all(|i| back.values()[i] == from(i)));
        let bytes: Vec<u8> = (0..n * image).map(|i| (i * 37 % 251) as u8).collect();
        gather::gather_u8(&bytes, &indices, image, &[0.5, -1.0], back.values_mut());
        let from = |i: usize| f64::from(bytes[indices[i / image] as usize * image + i % image]) * 0.5 - 1.0;
        assert_near(&back, &(0..n * image).map(from).collect::<Vec<_>>());
    });
}

#[test]
fn picks_by_index() {
    in_turn(&[[3, 5, 7, 9], [2, 3, 19, 300], [1, 17, 33, 2]], [0, 1, 0, 0], |[outer, n, inner, count]| {
        let shape = reduce::ReduceShape { outer, n, inner };
        let sizes = (outer, n, count, inner);
        let (x, dy) = (input(1, outer * n * inner), input(2, outer * count * inner));
        let (mut y, mut dx) = (Guarded::unwritten(dy.values().len()), Guarded::unwritten(x.values().len()));

        let index = Guarded::new(&indexing::indices(3, count, n));
        let all = indexing::repeated(index.values(), outer, inner);
        index_select::index_select_forward(shape, x.values(), index.values(), y.values_mut());
        assert_near(&y, &indexing::gather(sizes, x.values(), &all));
        index_select::index_select_backward(shape, dy.values(), index.values(), dx.values_mut()).unwrap();
        assert_near(&dx, &indexing::scatter(sizes, dy.values(), &all));

        let index = Guarded::new(&indexing::indices(4, outer * count * inner, n));
        gather_dim::gather_forward(shape, count, x.values(), index.values(), y.values_mut());
        assert_near(&y, &indexing::gather(sizes, x.values(), index.values()));
        gather_dim::gather_backward(shape, count, dy.values(), index.values(), dx.values_mut()).unwrap();
        assert_near(&dx, &indexing::scatter(sizes, dy.values(), index.values()));
    });
}

#[test]
fn sums_so_far_and_triangles() {
    in_turn(&[[3, 5, 7], [1, 9, 35]], [0; 3], |[outer, n, inner]| {
        let x = input(1, outer * n * inner);
        let mut y = Guarded::unwritten(outer * n * inner);
        cumsum::cumsum(reduce::ReduceShape { outer, n, inner }, true, x.values(), y.values_mut());
        assert_near(&y, &indexing::cumsum((outer, n, inner), true, x.values()));
        triangle::triangle((outer, n, inner), false, 1.0, x.values(), y.values_mut());
        let kept = |at: usize| at % inner <= at / inner % n + 1;
        assert!(
            (0..outer * n * inner).all(|at| y.values()[at] == if kept(at) { x.values()[at] } else { 0.0 })
        );
    });
}

#[test]
fn random_numbers() {
    let stream = random::Stream { seed: 1, offset: 2 };
    in_turn(&[[0]], [0], |[n]| {
        let mut out = Guarded::unwritten(n);
        random::fill_uniform(out.values_mut(), stream, 2.0, 3.0);
        assert!(out.values().iter().all(|x| (2.0..3.0).contains(x)));
        random::fill_normal(out.values_mut(), stream, 0.0, 1.0);
        assert!(out.values().iter().all(|x| x.abs() < 9.0));
        random::fill_bernoulli(out.values_mut(), stream, 0.5, 2.0);
        assert!(out.values().iter().all(|&x| x == 0.0 || x == 2.0));
    });
}
