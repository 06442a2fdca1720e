//! What JavaScript sees: memory, the thread team, and one `run` for all kernels, which are declared here.
//! `declare` has the form of a declaration, `row` that of a call; `cargo run --bin bindings` writes
//! src/bindings/kernels.generated.ts from the declarations.

mod declare;
mod lengths;
mod memory;
mod row;
mod run;
mod steps;
mod team;

#[cfg(not(target_arch = "wasm32"))]
pub mod bindings;

#[cfg(not(target_arch = "wasm32"))]
pub use declare::{Arguments, Description};

use crate::kernels::adagrad::{adagrad_step, Adagrad};
use crate::kernels::adam::{adam_step, Adam};
use crate::kernels::attention::{self, Attention, Gradients, Lies, Mask, Rows};
use crate::kernels::augment::Augment;
use crate::kernels::avg_pool2d::{self, AvgPool2dShape, Windows};
use crate::kernels::batch_norm::{self, Affine, BatchNormShape, Layout, Statistics};
use crate::kernels::conv2d::{self, Conv2dShape};
use crate::kernels::copy::{self, Strided};
use crate::kernels::elementwise::{self, Broadcast};
use crate::kernels::group_norm::{self, GroupNormShape};
use crate::kernels::matmul::{self, Batch, Form};
use crate::kernels::max_pool2d::{self, MaxPool2dShape};
use crate::kernels::nadam::{nadam_step, Nadam};
use crate::kernels::random::{self, Stream};
use crate::kernels::recurrent::{self, Cell, RecurrentShape};
use crate::kernels::reduce::{self, ReduceShape};
use crate::kernels::rmsprop::{rmsprop_step, Rmsprop};
use crate::kernels::sgd::{sgd_step, Sgd};
use crate::kernels::{
    augment, chain, cross_entropy, cumsum, gather, gather_dim, index_select, layer_norm, lerp, resample,
    softmax, triangle,
};
use crate::tables;
use declare::{absent, argument, count, has_length, has_number, is_here, is_whole, kernels};
use lengths::{gates_of, laid, lanes, slides};
use row::{Row, Status};
use steps::Steps;

const FORMS: [Form; 3] = [Form::NN, Form::NT, Form::TN];
const LAYOUTS: [Layout; 2] = [Layout::Rows, Layout::Lanes];
const CELLS: [Cell; 4] = [Cell::Tanh, Cell::Relu, Cell::Lstm, Cell::Gru];

kernels! {
    /// `y = f(x)`, with the function of that number in the table of unary operations. `first` and `second` are the
    /// numbers that it takes besides `x`, 0 where it takes fewer.
    unary_forward(op: u32; first, second: f32; x: input[any]; y: output[x.len()])
        requires tables::is_unary(op); => tables::unary_forward(op, [first, second], x, y);

    /// `dx = f′(x) · dy`; `x` or `y` may be missing where the gradient does not read it.
    unary_backward(op: u32; first, second: f32; x, y: optional input[dy.len()]; dy: input[any];
            dx: output[dy.len()])
        requires tables::has_what_it_reads(op, x, y);
        => tables::unary_backward(op, [first, second], x, y, dy, dx);

    /// `y = a ∘ b`, with the operation of that number in the table of binary ones. `dims` are the shape of `y`
    /// and the strides with which `a` and `b` are read: 0 where one is repeated; the innermost are 0 or 1.
    binary(op: u32; a, b: input[any]; y: output[any]; dims: dims)
        requires tables::is_binary(op) && broadcast(&dims).fits(a.len(), b.len(), y.len());
        => tables::binary(op, broadcast(&dims), a, b, y);

    /// `y = xᵉ`; NaN where a negative base meets a broken exponent.
    pow_forward(x: input[any]; exponent: f32; y: output[x.len()]) => elementwise::pow_forward(x, exponent, y);

    /// `dx = dy · e · xᵉ⁻¹`; 0 for the exponent 0.
    pow_backward(x: input[any]; exponent: f32; dy: input[x.len()]; dx: output[x.len()])
        => elementwise::pow_backward(x, exponent, dy, dx);

    /// `y += x`.
    accumulate(x: input[any]; y: inout[x.len()]) => elementwise::accumulate(x, y);

    /// Every float of `y` becomes `value`.
    fill(y: output[any]; value: f32) => elementwise::fill(y, value);

    /// `y[o][i] = scale · Σₙ x[o][n][i]`.
    sum_forward(outer, n, inner: size; x: input[outer * n * inner]; scale: f32; y: output[outer * inner])
        => reduce::sum_forward(ReduceShape { outer, n, inner }, x, scale, y);

    /// `y[o][i] = maxₙ x[o][n][i]`, and at which `n`: the first; NaN counts as the largest.
    max_forward(outer, n, inner: size; x: input[outer * n * inner]; y, index: output[outer * inner])
        requires n > 0 || y.is_empty(); => reduce::max_forward(ReduceShape { outer, n, inner }, x, y, index);

    /// `dx` is `dy` at the maxima and 0 elsewhere.
    max_backward(outer, n, inner: size; index, dy: input[outer * inner]; dx: output[outer * n * inner])
        requires n > 0 || dy.is_empty();
        => reduce::max_backward(ReduceShape { outer, n, inner }, index, dy, dx);

    /// `y[yStart + Σ iₖ·yStrideₖ] = x[xStart + Σ iₖ·xStrideₖ]` for every index of the shape; other elements of `y`
    /// stay. `dims` are the shape, the strides of `x` and those of `y`.
    copy_strided(x_start, y_start: size; x: input[any]; y: inout[any]; dims: dims)
        requires strided(&dims).fits(x.get(x_start..).map(<[f32]>::len), y.get(y_start..).map(<[f32]>::len));
        => copy::copy_strided(strided(&dims), &x[x_start..], &mut y[y_start..]);

    /// From rows to lanes; padding lanes become 0.
    rows_to_lanes(n, image: size; x: input[n * image]; y: output[lanes(n, image)])
        => copy::rows_to_lanes(n, image, x, y);

    /// The lanes past `n`, of an array in lanes, become 0.
    clear_padding(n, image: size; y: inout[lanes(n, image)]) => copy::clear_padding(n, image, y);

    /// From lanes to rows.
    lanes_to_rows(n, image: size; x: input[lanes(n, image)]; y: output[n * image])
        => copy::lanes_to_rows(n, image, x, y);

    /// `C = op(A) op(B) + bias`, with `m` rows, `n` columns and sums over `k`: NN is `A·B`, NT `A·Bᵀ`, TN `Aᵀ·B`.
    /// `dims` are the shape of a batch of such products, and how many elements lie between one matrix of an
    /// operand and the next: 0 where it is repeated. No dimensions are one product.
    matmul(form: choice[NN, NT, TN]; m, n, k: size; a, b: input[any]; bias: optional input[n]; c: output[any];
            dims: dims)
        requires batch(&dims).fits((m, n, k), [a.len(), b.len(), c.len()]);
        => matmul::matmul_batch(FORMS[form as usize], batch(&dims), (m, n, k), a, b, bias, c);

    /// The softmax of each row.
    softmax_forward(rows, cols: size; x: input[rows * cols]; y: output[rows * cols])
        => softmax::softmax_forward(rows, cols, x, y);

    /// `dx = y (dy - Σ dy y)`.
    softmax_backward(rows, cols: size; y, dy: input[rows * cols]; dx: output[rows * cols])
        => softmax::softmax_backward(rows, cols, y, dy, dx);

    /// The logarithm of the softmax of each row.
    log_softmax_forward(rows, cols: size; x: input[rows * cols]; y: output[rows * cols])
        => softmax::log_softmax_forward(rows, cols, x, y);

    /// `dx = dy - e^y Σ dy`.
    log_softmax_backward(rows, cols: size; y, dy: input[rows * cols]; dx: output[rows * cols])
        => softmax::log_softmax_backward(rows, cols, y, dy, dx);

    /// `losses[i] = -log_softmax(logits[i])[labels[i]]`. Gives the place of the first label that is no class
    /// (then nothing was written), or -1.
    cross_entropy_forward(n, classes: size; logits: input[n * classes]; labels: input[n];
            log_probabilities: output[n * classes]; losses: output[n])
        -> number => cross_entropy::cross_entropy_forward(n, classes, logits, labels, log_probabilities, losses);

    /// `dlogits[i] = (softmax(logits[i]) - onehot(labels[i])) scale[i]`; `scale` is one for each row, or one.
    cross_entropy_backward(n, classes: size; log_probabilities: input[n * classes]; labels: input[n];
            scale: input[any]; dlogits: output[n * classes])
        requires scale.len() == n || scale.len() == 1;
        => cross_entropy::cross_entropy_backward(n, classes, log_probabilities, labels, scale, dlogits);

    /// Gives how many rows have their largest logit at the label's place.
    count_correct(n, classes: size; logits: input[n * classes]; labels: input[n])
        -> number => cross_entropy::count_correct(n, classes, logits, labels);

    /// A step of stochastic gradient descent; see `optim.SGD`. `momentumBuffer` is given exactly when
    /// `momentum` is not 0.
    sgd_step(p: inout[any]; g: input[p.len()]; momentum_buffer: optional inout[p.len()];
            lr, momentum, dampening, weight_decay: f64; nesterov, maximize, first_step: bool)
        => sgd_step(p, g, momentum_buffer,
            Sgd { lr, momentum, dampening, weight_decay, nesterov, maximize }, first_step);

    /// A step of Adam or, `decoupled`, of AdamW; see `optim.Adam`. `largest` is given for amsgrad. `step` counts
    /// from 1.
    adam_step(p: inout[any]; g: input[p.len()]; m, v: inout[p.len()]; largest: optional inout[p.len()];
            lr, beta1, beta2, eps, weight_decay: f64; decoupled, maximize: bool; step: u32)
        requires step > 0;
        => adam_step(p, g, m, v, largest,
            Adam { lr, beta1, beta2, eps, weight_decay, decoupled, maximize }, step);

    /// A step of NAdam; see `optim.NAdam`. `muProduct` is 1 before the first; `step` counts from 1.
    nadam_step(p: inout[any]; g: input[p.len()]; m, v: inout[p.len()]; mu_product: inout[1];
            lr, beta1, beta2, eps, weight_decay, momentum_decay: f64; decoupled, maximize: bool; step: u32) in whole
        let nadam = Nadam { lr, beta1, beta2, eps, weight_decay, momentum_decay, decoupled, maximize };
        requires step > 0; => nadam_step(p, g, m, v, &mut mu_product[0], nadam, step);

    /// A step of RMSprop; see `optim.RMSprop`. `mean` is given where it is centred, `momentumBuffer` where
    /// `momentum` is not 0.
    rmsprop_step(p: inout[any]; g: input[p.len()]; v: inout[p.len()]; mean: optional inout[p.len()];
            momentum_buffer: optional inout[p.len()]; lr, alpha, eps, weight_decay, momentum: f64; maximize: bool) in whole
        => rmsprop_step(p, g, v, mean, momentum_buffer,
            Rmsprop { lr, alpha, eps, weight_decay, momentum, maximize });

    /// A step of Adagrad; see `optim.Adagrad`. `step` counts from 1.
    adagrad_step(p: inout[any]; g: input[p.len()]; sum: inout[p.len()];
            lr, lr_decay, eps, weight_decay: f64; maximize: bool; step: u32) in whole
        requires step > 0; => adagrad_step(p, g, sum, Adagrad { lr, lr_decay, eps, weight_decay, maximize }, step);

    /// `y += weight · (x - y)`.
    lerp(x: input[any]; y: inout[x.len()]; weight: f64) => lerp::lerp(x, y, weight);

    /// Uniform in `low` ≤ y < `high`. Uses `ceil(y.length / 4)` blocks of the stream.
    fill_uniform(y: output[any]; seed_low, seed_high, offset_low, offset_high: u32; low, high: f32)
        => random::fill_uniform(y, stream([seed_low, seed_high], [offset_low, offset_high]), low, high);

    /// Normal. Uses `ceil(y.length / 4)` blocks of the stream.
    fill_normal(y: output[any]; seed_low, seed_high, offset_low, offset_high: u32; mean, std: f32)
        => random::fill_normal(y, stream([seed_low, seed_high], [offset_low, offset_high]), mean, std);

    /// `scale` with the probability `keep`, else 0. Uses `ceil(y.length / 4)` blocks of the stream.
    fill_bernoulli(y: output[any]; seed_low, seed_high, offset_low, offset_high: u32; keep: f64; scale: f32)
        => random::fill_bernoulli(y, stream([seed_low, seed_high], [offset_low, offset_high]), keep, scale);

    /// The numbers below `y.length` in random order. Gives how many blocks of the stream it used.
    random_permutation(y: output words[any]; seed_low, seed_high, offset_low, offset_high: u32)
        -> number
        => random::random_permutation(y, stream([seed_low, seed_high], [offset_low, offset_high])) as usize;

    /// `y[i][c] = source[indices[first + i]][c] · scale[c] + shift[c]`, of bytes; `norms` has the scale and the shift
    /// of each channel. Gives the place (from `first` on) of the first index that is no row (then nothing was
    /// written), or -1.
    gather_u8(source_rows, channels, plane, first, count: size; source: bytes[source_rows * channels * plane];
            indices: words[any]; norms: input[channels + channels]; y: output[count * channels * plane])
        requires count <= indices.len() && first <= indices.len() - count;
        -> number => gather::gather_u8(source, &indices[first..][..count], channels * plane, norms, y);

    /// `y[i] = source[indices[first + i]]`. Gives what `gatherU8` gives.
    gather_f32(source_rows, width, first, count: size; source: input[source_rows * width]; indices: words[any];
            y: output[count * width])
        requires count <= indices.len() && first <= indices.len() - count;
        -> number => gather::gather_f32(source, &indices[first..][..count], width, y);

    /// `y[o][k][i] = x[o][index[k]][i]` for `count` values of `k`. Gives the place of the first index that is no row
    /// (then nothing was written), or -1.
    index_select_forward(outer, n, inner, count: size; x: input[outer * n * inner]; index: input[count];
            y: output[outer * count * inner])
        -> number => index_select::index_select_forward(ReduceShape { outer, n, inner }, x, index, y);

    /// `dx[o][j][i] = Σ dy[o][k][i]` over the `k` with `index[k] = j`. Gives what `indexSelectForward` gives.
    index_select_backward(outer, n, inner, count: size; dy: input[outer * count * inner]; index: input[count];
            dx: output[outer * n * inner])
        -> number => index_select::index_select_backward(ReduceShape { outer, n, inner }, dy, index, dx);

    /// `y[o][k][i] = x[o][index[o][k][i]][i]` for `count` values of `k`. Gives what `indexSelectForward` gives.
    gather_forward(outer, n, inner, count: size; x: input[outer * n * inner]; index: input[outer * count * inner];
            y: output[outer * count * inner])
        -> number => gather_dim::gather_forward(ReduceShape { outer, n, inner }, count, x, index, y);

    /// `dx[o][j][i] = Σ dy[o][k][i]` over the `k` with `index[o][k][i] = j`. Gives what `indexSelectForward` gives.
    gather_backward(outer, n, inner, count: size; dy, index: input[outer * count * inner];
            dx: output[outer * n * inner])
        -> number => gather_dim::gather_backward(ReduceShape { outer, n, inner }, count, dy, index, dx);

    /// `y[o][k][i] = Σ x[o][j][i]` over the `j` up to `k`, or, `reverse`, from `k` on.
    cumsum(outer, n, inner: size; reverse: bool; x: input[outer * n * inner]; y: output[outer * n * inner])
        => cumsum::cumsum(ReduceShape { outer, n, inner }, reverse, x, y);

    /// `y` is `x` where `col ≤ row + diagonal`, or, `upper`, where `col ≥ row + diagonal`; else 0.
    triangle(batch, rows, cols: size; upper: bool; diagonal: f64; x: input[batch * rows * cols];
            y: output[batch * rows * cols])
        => triangle::triangle((batch, rows, cols), upper, diagonal, x, y);

    /// `y = conv2d(x, weight) + bias`; `x` and `y` in lanes. `oh` and `ow` windows, each of which may end past the
    /// image.
    conv2d_forward(n, c, h, w, oc, oh, ow, kh, kw, stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w,
            groups: size; x: input[lanes(n, c * h * w)]; weight: input[oc * (c / groups) * kh * kw];
            bias: optional input[oc]; y: output[lanes(n, oc * oh * ow)])
        let (stride, padding, dilation) = ((stride_h, stride_w), (padding_h, padding_w), (dilation_h, dilation_w));
        let output = Some((oh, ow));
        let s = Conv2dShape { n, c, h, w, oc, kh, kw, stride, padding, dilation, groups, output };
        requires s.is_valid(); => conv2d::conv2d_forward(&s, x, weight, bias, y);

    /// The gradient of the input, to which a bias may be added (it is a transposed convolution); `dy` and `dx` in
    /// lanes.
    conv2d_backward_input(n, c, h, w, oc, oh, ow, kh, kw, stride_h, stride_w, padding_h, padding_w, dilation_h,
            dilation_w, groups: size; dy: input[lanes(n, oc * oh * ow)]; weight: input[oc * (c / groups) * kh * kw];
            bias: optional input[c]; dx: output[lanes(n, c * h * w)])
        let (stride, padding, dilation) = ((stride_h, stride_w), (padding_h, padding_w), (dilation_h, dilation_w));
        let output = Some((oh, ow));
        let s = Conv2dShape { n, c, h, w, oc, kh, kw, stride, padding, dilation, groups, output };
        requires s.is_valid(); => conv2d::conv2d_backward_input(&s, dy, weight, bias, dx);

    /// The gradients of weight and bias; `x` and `dy` in lanes.
    conv2d_backward_weight(n, c, h, w, oc, oh, ow, kh, kw, stride_h, stride_w, padding_h, padding_w, dilation_h,
            dilation_w, groups: size; x: input[lanes(n, c * h * w)]; dy: input[lanes(n, oc * oh * ow)];
            dweight: optional output[oc * (c / groups) * kh * kw]; dbias: optional output[oc])
        let (stride, padding, dilation) = ((stride_h, stride_w), (padding_h, padding_w), (dilation_h, dilation_w));
        let output = Some((oh, ow));
        let s = Conv2dShape { n, c, h, w, oc, kh, kw, stride, padding, dilation, groups, output };
        requires s.is_valid(); => conv2d::conv2d_backward_weight(&s, x, dy, dweight, dbias);

    /// Both gradients of a convolution at once, which then share work, and the bias's; `x`, `dy` and `dx` in lanes.
    conv2d_backward(n, c, h, w, oc, oh, ow, kh, kw, stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w,
            groups: size; x: input[lanes(n, c * h * w)]; dy: input[lanes(n, oc * oh * ow)];
            weight: input[oc * (c / groups) * kh * kw]; dx: output[lanes(n, c * h * w)];
            dweight: output[oc * (c / groups) * kh * kw]; dbias: optional output[oc])
        let (stride, padding, dilation) = ((stride_h, stride_w), (padding_h, padding_w), (dilation_h, dilation_w));
        let output = Some((oh, ow));
        let s = Conv2dShape { n, c, h, w, oc, kh, kw, stride, padding, dilation, groups, output };
        requires s.is_valid(); => conv2d::conv2d_backward(&s, (x, dy, weight), dx, dweight, dbias);

    /// The largest tap of each window; `x` and `y` in lanes. `oh` and `ow` windows, of which the last may end past
    /// the padding. With `factors` the tap whose multiple by its channel's is the largest.
    max_pool2d_forward(n, c, h, w, oh, ow, kh, kw, stride_h, stride_w, padding_h, padding_w, dilation_h,
            dilation_w: size; x: input[lanes(n, c * h * w)]; factors: optional input[c];
            y: output[lanes(n, c * oh * ow)])
        let (kernel, stride, padding) = ((kh, kw), (stride_h, stride_w), (padding_h, padding_w));
        let (dilation, output) = ((dilation_h, dilation_w), Some((oh, ow)));
        let s = MaxPool2dShape { n, c, h, w, kernel, stride, padding, dilation, output };
        requires s.is_valid() && (!x.is_empty() || y.is_empty());
        => max_pool2d::max_pool2d_forward(&s, x, factors, y);

    /// `dx` is `dy` at the tap that forward took; all in lanes.
    max_pool2d_backward(n, c, h, w, oh, ow, kh, kw, stride_h, stride_w, padding_h, padding_w, dilation_h,
            dilation_w: size; x: input[lanes(n, c * h * w)]; y, dy: input[lanes(n, c * oh * ow)];
            dx: output[lanes(n, c * h * w)])
        let (kernel, stride, padding) = ((kh, kw), (stride_h, stride_w), (padding_h, padding_w));
        let (dilation, output) = ((dilation_h, dilation_w), Some((oh, ow)));
        let s = MaxPool2dShape { n, c, h, w, kernel, stride, padding, dilation, output };
        requires s.is_valid(); => max_pool2d::max_pool2d_backward(&s, x, y, dy, dx);

    /// The mean of each window; `x` and `y` in lanes. `oh` and `ow` windows, of which the last may end past the
    /// padding (`ceil_mode`). `divisorOverride` is what to divide by instead, or 0.
    avg_pool2d_forward(n, c, h, w, kh, kw, stride_h, stride_w, padding_h, padding_w, oh, ow: size;
            count_include_pad: bool; divisor_override: size;
            x: input[lanes(n, c * h * w)]; y: output[lanes(n, c * oh * ow)]) in whole
        let (kernel, stride, padding) = ((kh, kw), (stride_h, stride_w), (padding_h, padding_w));
        let windows = Windows { kernel, stride, padding, output: (oh, ow) };
        let s = AvgPool2dShape { n, c, h, w, windows, count_include_pad, divisor_override };
        requires s.is_valid(); => avg_pool2d::avg_pool2d_forward(&s, x, y);

    /// Each tap's share of its windows' `dy`; all in lanes.
    avg_pool2d_backward(n, c, h, w, kh, kw, stride_h, stride_w, padding_h, padding_w, oh, ow: size;
            count_include_pad: bool; divisor_override: size;
            dy: input[lanes(n, c * oh * ow)]; dx: output[lanes(n, c * h * w)]) in whole
        let (kernel, stride, padding) = ((kh, kw), (stride_h, stride_w), (padding_h, padding_w));
        let windows = Windows { kernel, stride, padding, output: (oh, ow) };
        let s = AvgPool2dShape { n, c, h, w, windows, count_include_pad, divisor_override };
        requires s.is_valid(); => avg_pool2d::avg_pool2d_backward(&s, dy, dx);

    /// `y = m x` along the second of the three dimensions of each image, `[outer, size, inner]`; in lanes. `matrix` is
    /// `[outputs, size]`, or if it is `transposed`, `[size, outputs]`.
    resample(n, outer, size, outputs, inner: size; transposed: bool; matrix: input[size * outputs];
            x: input[lanes(n, outer * size * inner)]; y: output[lanes(n, outer * outputs * inner)]) in whole
        let s = resample::ResampleShape { n, outer, size, outputs, inner, transposed };
        => resample::resample(&s, matrix, x, y);

    /// `y = (x - mean) rstd weight + bias` over the `cols` values of each row, with the row's `mean` and
    /// `rstd = 1 / √(variance + eps)`.
    layer_norm_forward(rows, cols: size; x: input[rows * cols]; weight, bias: optional input[cols]; eps: f32;
            y: output[rows * cols]; mean, rstd: output[rows]) in whole
        => layer_norm::layer_norm_forward(rows, cols, x, weight, bias, eps, y, mean, rstd);

    /// The gradients.
    layer_norm_backward(rows, cols: size; x, dy: input[rows * cols]; mean, rstd: input[rows];
            weight: optional input[cols]; dx: optional output[rows * cols]; dweight, dbias: optional output[cols]) in whole
        => layer_norm::layer_norm_backward(rows, cols, x, dy, mean, rstd, weight, dx, dweight, dbias);

    /// Group normalisation of `[n, c, s]`, all in lanes. The mean is the sum of `mean` and `residual`.
    group_norm_forward(n, c, s, groups: size; x: input[lanes(n, c * s)]; weight, bias: optional input[c]; eps: f32;
            y: output[lanes(n, c * s)]; mean, residual, rstd: output[lanes(n, groups)]) in whole
        let shape = GroupNormShape { n, c, s, groups };
        requires groups > 0 && c > 0 && c.is_multiple_of(groups);
        => group_norm::group_norm_forward(&shape, x, weight, bias, eps, y, [mean, residual, rstd]);

    /// The gradients.
    group_norm_backward(n, c, s, groups: size; x, dy: input[lanes(n, c * s)];
            mean, residual, rstd: input[lanes(n, groups)]; weight: optional input[c];
            dx: optional output[lanes(n, c * s)]; dweight, dbias: optional output[c]) in whole
        let shape = GroupNormShape { n, c, s, groups };
        requires groups > 0 && c > 0 && c.is_multiple_of(groups);
        => group_norm::group_norm_backward(&shape, x, dy, [mean, residual, rstd], weight, dx, dweight, dbias);

    /// Mean and biased variance of each channel of `[n, c]` in rows (with `s` 1) or `[n, c, s]` in lanes.
    /// The mean is the sum of `mean` and `residual`.
    batch_norm_statistics(layout: choice[rows, lanes]; n, c, s: size; x: input[laid(layout, n, c * s)];
            mean, residual, variance: output[c])
        let shape = BatchNormShape { layout: LAYOUTS[layout as usize], n, c, s };
        requires layout == 1 || s == 1;
        => batch_norm::batch_norm_statistics(&shape, x, mean, residual, variance);

    /// `running = (1 - momentum) running + momentum batch`, of a batch with `count` values a channel; the
    /// unbiased variance enters. `average`: instead of `momentum`, one over how many batches there were, with this.
    /// `tracked` counts them.
    batch_norm_update_running(c, count: size; mean, variance: input[c]; momentum: f32; average: bool;
            running_mean, running_var: inout[c]; tracked: optional inout[1])
        let running = (running_mean, running_var);
        => batch_norm::batch_norm_update_running(
            mean, variance, count, (!average).then_some(momentum), running, tracked);

    /// `y = (x - mean) / √(variance + eps) · weight + bias`; the mean is `mean + residual`.
    batch_norm_forward(layout: choice[rows, lanes]; n, c, s: size; x: input[laid(layout, n, c * s)];
            mean: input[c]; residual: optional input[c]; variance: input[c]; eps: f32;
            weight, bias: optional input[c]; y: output[laid(layout, n, c * s)])
        let shape = BatchNormShape { layout: LAYOUTS[layout as usize], n, c, s };
        let statistics = Statistics { mean, residual, var: variance, eps };
        requires layout == 1 || s == 1;
        => batch_norm::batch_norm_forward(&shape, x, statistics, Affine { weight, bias }, y);

    /// The gradients; `training` says whether the statistics are those of `x`.
    batch_norm_backward(layout: choice[rows, lanes]; n, c, s: size; x, dy: input[laid(layout, n, c * s)];
            mean: input[c]; residual: optional input[c]; variance: input[c]; eps: f32;
            weight: optional input[c]; training: bool; dx: optional output[laid(layout, n, c * s)];
            dweight, dbias: optional output[c])
        let shape = BatchNormShape { layout: LAYOUTS[layout as usize], n, c, s };
        let statistics = Statistics { mean, residual, var: variance, eps };
        requires layout == 1 || s == 1;
        => batch_norm::batch_norm_backward(&shape, x, dy, statistics, weight, training, dx, dweight, dbias);

    /// The gradients of batch normalisation with windows of 2 × 2 after it; `z` is what `maxPool2dForward`
    /// took by its weight.
    batch_norm_max_pool2d_backward(n, c, h, w: size; x: input[lanes(n, c * h * w)];
            z, dy: input[lanes(n, c * slides(h, 2.0, 2.0, 0.0) * slides(w, 2.0, 2.0, 0.0))];
            mean: input[c]; residual: optional input[c]; variance: input[c]; eps: f32;
            weight: optional input[c]; training: bool; dx: optional output[lanes(n, c * h * w)];
            dweight, dbias: optional output[c])
        let shape = MaxPool2dShape { n, c, h, w, kernel: (2, 2), stride: (2, 2), ..MaxPool2dShape::PLAIN };
        let statistics = Statistics { mean, residual, var: variance, eps };
        requires h.is_multiple_of(2) && w.is_multiple_of(2);
        => batch_norm::batch_norm_max_pool2d_backward(
            &shape, x, z, dy, statistics, weight, training, dx, dweight, dbias);

    /// `y = f(x)`, and then `x = f′(x)`: of the functions for which both at once are little more than one.
    unary_with_slope(op: u32; x: inout[any]; y: output[x.len()]) in whole
        requires tables::has_slope(op); => tables::unary_with_slope(op, x, y);

    /// Elementwise kernels over arrays of `n` floats, block by block.
    chain(n: size; steps: steps) in whole => chain::chain(n, &steps);

    /// `batchNormForward` in lanes with elementwise kernels behind it; they have its result in their first temporary.
    batch_norm_chain_forward(n, c, s: size; x: input[lanes(n, c * s)]; mean: input[c]; residual: optional input[c];
            variance: input[c]; eps: f32; weight, bias: optional input[c]; steps: steps) in whole
        let shape = BatchNormShape { layout: Layout::Lanes, n, c, s };
        let statistics = Statistics { mean, residual, var: variance, eps };
        requires chain::Steps::temporaries(&steps) > 0;
        => batch_norm::batch_norm_chain_forward(&shape, x, statistics, Affine { weight, bias }, &steps);

    /// All steps of a recurrent layer in one direction. `gates` come as the input's part, `x Wᵢₕᵀ + bᵢₕ`, and
    /// become the gates; `kept` is what a cell keeps beside them (LSTM and GRU); `lastCell` is the LSTM's.
    recurrent_forward(cell: choice[tanh, relu, lstm, gru]; t, n, h: size;
            weight: input[gates_of(cell) * h * h]; bias: optional input[gates_of(cell) * h];
            h0, c0: optional input[n * h]; gates: inout[t * n * gates_of(cell) * h]; y: output[t * n * h];
            kept: optional output[t * n * h]; last_cell: optional output[n * h]; reverse: bool) in whole
        let cell = CELLS[cell as usize];
        requires kept.is_some() == cell.keeps() && last_cell.is_some() == (cell == Cell::Lstm);
        => recurrent::recurrent_forward(
            &RecurrentShape { cell, t, n, h, reverse }, weight, bias, h0, c0, gates, y, kept, last_cell);

    /// The gradients of the input's part of the gates, of the state's where it has another (`dq`, the GRU's), and
    /// of the first states.
    recurrent_backward(cell: choice[tanh, relu, lstm, gru]; t, n, h: size; weight: input[gates_of(cell) * h * h];
            h0, c0: optional input[n * h]; gates: optional input[t * n * gates_of(cell) * h];
            y: input[t * n * h]; kept: optional input[t * n * h]; dy: input[t * n * h];
            dlast_cell: optional input[n * h]; dp: output[t * n * gates_of(cell) * h];
            dq: optional output[t * n * gates_of(cell) * h]; dh0, dc0: optional output[n * h]; reverse: bool) in whole
        let cell = CELLS[cell as usize];
        let given = recurrent::Given { weight, h0, c0, gates, y, kept, dy, dlast_cell };
        requires dq.is_some() == (cell == Cell::Gru) && (!cell.keeps() || (gates.is_some() && kept.is_some()));
        => recurrent::recurrent_backward(&RecurrentShape { cell, t, n, h, reverse }, given, dp, dq, dh0, dc0);

    /// Writes a place of the stream of random numbers, which kernels then read.
    write_place(seed_low, seed_high, offset_low, offset_high: u32; y: output words[4]) in whole
        => y.copy_from_slice(&[seed_low, seed_high, offset_low, offset_high]);

    /// `y = softmax(scale · q kᵀ + mask) v` of each of a batch, and the logarithm of each row's sum. `dims` are the
    /// mask's shape, `[…batch, t, s]`, and its strides. Dropout uses `ceil(s / 4)` blocks of the stream a row, from
    /// `place` on (see `writePlace`). Of `heads` of the batch, one after the other, the queries, keys, values and results
    /// lie a `head` apart, and then `outer`; their rows lie `row` apart.
    attention_forward(batch, t, s, e, ev, heads: size; q_outer, q_head, q_row, k_outer, k_head, k_row: size;
            v_outer, v_head, v_row, y_outer, y_head, y_row: size; q, k, v: input[any]; mask: optional input[any];
            boolean, causal: bool; scale: f32; p: f64; place: optional input[4];
            y: output[batch * t * ev]; log_sums: output[batch * t]; dims: dims) in whole
        let rows = |data, strides| Rows { data, heads, strides };
        let q = rows(q, [q_outer, q_head, q_row]);
        let (k, v) = (rows(k, [k_outer, k_head, k_row]), rows(v, [v_outer, v_head, v_row]));
        let lies = Lies { start: 0, heads, strides: [y_outer, y_head, y_row] };
        let dropout = dropout(p, place);
        let mask = mask.map(|values| Mask { values, shape: dims.shape(), strides: dims.a(), boolean });
        requires q.fits(batch, t, e) && k.fits(batch, s, e) && v.fits(batch, s, ev) && lies.fits(y.len(), batch, t, ev)
            && mask.is_none_or(|mask| mask.fits(batch, t, s)) && (p <= 0.0 || dropout.is_some());
        => attention::attention_forward(
            Attention { batch, t, s, e, ev, q, k, v, mask, causal, scale, dropout }, y, lies, log_sums);

    /// The gradients, from what forward read and wrote; they, `y` and `dy` have rows as `q`. Those of queries, keys and
    /// values are arrays of their own, or begin at their starts in `all`.
    attention_backward(batch, t, s, e, ev, heads: size; q_outer, q_head, q_row, k_outer, k_head, k_row: size;
            v_outer, v_head, v_row, y_outer, y_head, y_row, dy_outer, dy_head, dy_row: size;
            dq_outer, dq_head, dq_row, dk_outer, dk_head, dk_row, dv_outer, dv_head, dv_row: size;
            dq_start, dk_start, dv_start: size; q, k, v, y, dy: input[any];
            mask: optional input[any]; boolean, causal: bool; scale: f32; p: f64; place: optional input[4];
            log_sums: input[batch * t]; dq: optional output[batch * t * e]; dk: optional output[batch * s * e];
            dv: optional output[batch * s * ev]; all: optional output[any]; dims: dims) in whole
        let rows = |data, strides| Rows { data, heads, strides };
        let (q, dy) = (rows(q, [q_outer, q_head, q_row]), rows(dy, [dy_outer, dy_head, dy_row]));
        let (k, v) = (rows(k, [k_outer, k_head, k_row]), rows(v, [v_outer, v_head, v_row]));
        let y = rows(y, [y_outer, y_head, y_row]);
        let lies = |start, strides| Lies { start, heads, strides };
        let lie = [lies(dq_start, [dq_outer, dq_head, dq_row]), lies(dk_start, [dk_outer, dk_head, dk_row]),
            lies(dv_start, [dv_outer, dv_head, dv_row])];
        let gradients = match all {
            Some(all) => Gradients { arrays: [Some(all), None, None], together: true, lie },
            None => Gradients { arrays: [dq, dk, dv], together: false, lie },
        };
        let dropout = dropout(p, place);
        let mask = mask.map(|values| Mask { values, shape: dims.shape(), strides: dims.a(), boolean });
        requires q.fits(batch, t, e) && k.fits(batch, s, e) && v.fits(batch, s, ev)
            && y.fits(batch, t, ev) && dy.fits(batch, t, ev) && gradients.fit(batch, [t, s, s], [e, e, ev])
            && mask.is_none_or(|mask| mask.fits(batch, t, s)) && (p <= 0.0 || dropout.is_some());
        => attention::attention_backward(
            Attention { batch, t, s, e, ev, q, k, v, mask, causal, scale, dropout }, y, log_sums, dy, gradients);

    /// As `gatherU8`, of images [channels, h, w] that are changed at random on the way, each by its own numbers, to
    /// [channels, out_h, out_w].
    augment(source_rows, channels, h, w, out_h, out_w, padding, shift, cutout, first, count: size; flip, flip_vertical,
            degrees, scale_least, scale_most, noise, fill: f32; seed_low, seed_high, epoch: u32;
            source: bytes[source_rows * channels * h * w]; indices: words[any]; norms: input[channels + channels];
            y: output[count * channels * out_h * out_w]) in whole
        let (size, out) = ((h, w), (out_h, out_w));
        let (flips, scale) = ((flip, flip_vertical), (scale_least, scale_most));
        let seed = u64::from(seed_high) << 32 | u64::from(seed_low);
        let a = Augment { channels, size, out, padding, shift, cutout, flips, degrees, scale, noise, fill, seed, epoch };
        requires a.is_valid() && count <= indices.len() && first <= indices.len() - count;
        -> number => augment::augment(&a, source, &indices[first..][..count], norms, y);
}

fn broadcast(dims: &row::Dims) -> Broadcast<'_> {
    Broadcast { shape: dims.shape(), a_strides: dims.a(), b_strides: dims.b() }
}

fn strided(dims: &row::Dims) -> Strided<'_> {
    Strided { shape: dims.shape(), x_strides: dims.a(), y_strides: dims.b() }
}

fn batch(dims: &row::Dims) -> Batch<'_> {
    Batch { shape: dims.shape(), a_strides: dims.a(), b_strides: dims.b() }
}

/// With a probability of 0 there is none, nor without a place of four words.
fn dropout(p: f64, place: Option<&[f32]>) -> Option<attention::Dropout> {
    let &[a, b, c, d] = place.filter(|_| p > 0.0)? else { return None };
    let [a, b, c, d] = [a, b, c, d].map(f32::to_bits);
    Some(attention::Dropout { p, stream: stream([a, b], [c, d]) })
}

/// Seed and offset are 64 bits in two words, the lower first.
fn stream(seed: [u32; 2], offset: [u32; 2]) -> Stream {
    let join = |[low, high]: [u32; 2]| u64::from(high) << 32 | u64::from(low);
    Stream { seed: join(seed), offset: join(offset) }
}

#[cfg(test)]
mod tests;
