//! What JavaScript sees: memory, the thread team, and one `run` for all kernels, which are declared here.
//! `declare` has the form of a declaration, `row` that of a call; `cargo run --bin bindings` writes
//! src/bindings/kernels.generated.ts from the declarations.

mod declare;
mod lengths;
mod memory;
mod row;
mod run;
mod team;

#[cfg(not(target_arch = "wasm32"))]
pub mod bindings;

#[cfg(not(target_arch = "wasm32"))]
pub use declare::{Arguments, Description};

use crate::kernels::adam::{adam_step, Adam};
use crate::kernels::avg_pool2d::{self, AvgPool2dShape, Windows};
use crate::kernels::batch_norm::{self, Affine, BatchNormShape, Layout, Statistics};
use crate::kernels::conv2d::{self, Conv2dShape};
use crate::kernels::copy::{self, Strided};
use crate::kernels::elementwise::{self, Broadcast};
use crate::kernels::matmul::{self, Batch, Form};
use crate::kernels::max_pool2d::{self, MaxPool2dShape};
use crate::kernels::random::{self, Stream};
use crate::kernels::reduce::{self, ReduceShape};
use crate::kernels::sgd::{sgd_step, Sgd};
use crate::kernels::{cross_entropy, gather, layer_norm, softmax};
use crate::tables;
use declare::{argument, count, has_length, has_number, kernels};
use lengths::{laid, lanes, slides};
use row::{Row, Status};

const FORMS: [Form; 3] = [Form::NN, Form::NT, Form::TN];
const LAYOUTS: [Layout; 2] = [Layout::Rows, Layout::Lanes];

kernels! {
    /// `y = f(x)`, with the function of that number in the table of unary operations.
    unary_forward(op: u32; x: input[any]; y: output[x.len()])
        requires tables::is_unary(op); => tables::unary_forward(op, x, y);

    /// `dx = f′(x) · dy`; `x` or `y` may be missing where the gradient does not read it.
    unary_backward(op: u32; x, y: optional input[dy.len()]; dy: input[any]; dx: output[dy.len()])
        requires tables::has_what_it_reads(op, x, y); => tables::unary_backward(op, x, y, dy, dx);

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
            lr, momentum, dampening, weight_decay: f64; nesterov, first_step: bool)
        => sgd_step(p, g, momentum_buffer, Sgd { lr, momentum, dampening, weight_decay, nesterov }, first_step);

    /// A step of Adam or, `decoupled`, of AdamW; see `optim.Adam`. `step` counts from 1.
    adam_step(p: inout[any]; g: input[p.len()]; m, v: inout[p.len()];
            lr, beta1, beta2, eps, weight_decay: f64; decoupled: bool; step: u32)
        requires step > 0;
        => adam_step(p, g, m, v, Adam { lr, beta1, beta2, eps, weight_decay, decoupled }, step);

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

    /// `y[i] = source[indices[first + i]] · scale + shift`, of bytes. Gives the place (from `first` on) of the
    /// first index that is no row (then nothing was written), or -1.
    gather_u8(source_rows, width, first, count: size; source: bytes[source_rows * width]; indices: words[any];
            scale, shift: f32; y: output[count * width])
        requires count <= indices.len() && first <= indices.len() - count;
        -> number => gather::gather_u8(source, &indices[first..][..count], width, scale, shift, y);

    /// `y[i] = source[indices[first + i]]`. Gives what `gatherU8` gives.
    gather_f32(source_rows, width, first, count: size; source: input[source_rows * width]; indices: words[any];
            y: output[count * width])
        requires count <= indices.len() && first <= indices.len() - count;
        -> number => gather::gather_f32(source, &indices[first..][..count], width, y);

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
            x: input[lanes(n, c * h * w)]; y: output[lanes(n, c * oh * ow)])
        let (kernel, stride, padding) = ((kh, kw), (stride_h, stride_w), (padding_h, padding_w));
        let windows = Windows { kernel, stride, padding, output: (oh, ow) };
        let s = AvgPool2dShape { n, c, h, w, windows, count_include_pad, divisor_override };
        requires s.is_valid(); => avg_pool2d::avg_pool2d_forward(&s, x, y);

    /// Each tap's share of its windows' `dy`; all in lanes.
    avg_pool2d_backward(n, c, h, w, kh, kw, stride_h, stride_w, padding_h, padding_w, oh, ow: size;
            count_include_pad: bool; divisor_override: size;
            dy: input[lanes(n, c * oh * ow)]; dx: output[lanes(n, c * h * w)])
        let (kernel, stride, padding) = ((kh, kw), (stride_h, stride_w), (padding_h, padding_w));
        let windows = Windows { kernel, stride, padding, output: (oh, ow) };
        let s = AvgPool2dShape { n, c, h, w, windows, count_include_pad, divisor_override };
        requires s.is_valid(); => avg_pool2d::avg_pool2d_backward(&s, dy, dx);

    /// `y = (x - mean) rstd weight + bias` over the `cols` values of each row, with the row's `mean` and
    /// `rstd = 1 / √(variance + eps)`.
    layer_norm_forward(rows, cols: size; x: input[rows * cols]; weight, bias: optional input[cols]; eps: f32;
            y: output[rows * cols]; mean, rstd: output[rows])
        => layer_norm::layer_norm_forward(rows, cols, x, weight, bias, eps, y, mean, rstd);

    /// The gradients.
    layer_norm_backward(rows, cols: size; x, dy: input[rows * cols]; mean, rstd: input[rows];
            weight: optional input[cols]; dx: optional output[rows * cols]; dweight, dbias: optional output[cols])
        => layer_norm::layer_norm_backward(rows, cols, x, dy, mean, rstd, weight, dx, dweight, dbias);

    /// Mean and biased variance of each channel of `[n, c]` in rows (with `s` 1) or `[n, c, s]` in lanes.
    /// The mean is the sum of `mean` and `residual`.
    batch_norm_statistics(layout: choice[rows, lanes]; n, c, s: size; x: input[laid(layout, n, c * s)];
            mean, residual, variance: output[c])
        let shape = BatchNormShape { layout: LAYOUTS[layout as usize], n, c, s };
        requires layout == 1 || s == 1;
        => batch_norm::batch_norm_statistics(&shape, x, mean, residual, variance);

    /// `running = (1 - momentum) running + momentum batch`, of a batch with `count` values a channel; the
    /// unbiased variance enters.
    batch_norm_update_running(c, count: size; mean, variance: input[c]; momentum: f32;
            running_mean, running_var: inout[c])
        => batch_norm::batch_norm_update_running(mean, variance, count, momentum, running_mean, running_var);

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

/// Seed and offset are 64 bits in two words, the lower first.
fn stream(seed: [u32; 2], offset: [u32; 2]) -> Stream {
    let join = |[low, high]: [u32; 2]| u64::from(high) << 32 | u64::from(low);
    Stream { seed: join(seed), offset: join(offset) }
}

#[cfg(test)]
mod tests;
