//! Batch normalisation (Ioffe and Szegedy, 2015): over the batch (and the pixels) of each channel,
//! `mean = Σx / m`, `var = Σ(x − mean)² / m`, `x̂ = (x − mean) / √(var + eps)`, `y = x̂ · weight + bias`.
//! The biased variance normalises; the unbiased one enters the running statistics.
//! Source: <https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html>.
//!
//! Backward, with `m` values a channel: `dbias = Σdy`, `dweight = Σ dy·x̂`, and
//! `dx = weight / √(var + eps) · (dy − dbias / m − x̂ · dweight / m)` in training, where the statistics
//! depend on `x`; `dx = weight / √(var + eps) · dy` in evaluation, where they do not.
//!
//! A mean of 1000 is known in f32 only to 3e-5, which matters where the spread is 0.01. So the mean
//! comes in two floats, whose sum it is, and `x` loses them one after the other.

mod lanes;
mod rows;

use crate::simd::F32x4;

/// How the input lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[n, c]` in rows.
    Rows,
    /// `[n, c, s]` in lanes.
    Lanes,
}

/// `n` images of `c` channels of `s` values (`s` is 1 in rows).
#[derive(Clone, Copy, Debug)]
pub struct BatchNormShape {
    pub layout: Layout,
    pub n: usize,
    pub c: usize,
    pub s: usize,
}

impl BatchNormShape {
    /// Values of a channel.
    pub fn count(&self) -> usize {
        self.n * self.s
    }

    /// Length of the input, padding included.
    pub fn len(&self) -> usize {
        match self.layout {
            Layout::Rows => self.n * self.c,
            Layout::Lanes => self.blocks().len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn blocks(&self) -> crate::layout::Blocks {
        crate::layout::Blocks::new(self.n, self.c * self.s)
    }
}

/// What normalises each channel: the mean as the sum of two floats, and the biased variance.
#[derive(Clone, Copy)]
pub struct Statistics<'a> {
    pub mean: &'a [f32],
    /// What `mean` lacks; None where it is exact, as a running mean is.
    pub residual: Option<&'a [f32]>,
    pub var: &'a [f32],
    pub eps: f32,
}

/// The affine part; None is 1 and 0.
#[derive(Clone, Copy)]
pub struct Affine<'a> {
    pub weight: Option<&'a [f32]>,
    pub bias: Option<&'a [f32]>,
}

/// Count, mean and sum of squared deviations of some values.
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    m2: f64,
}

impl Moments {
    /// Both together (Chan, Golub and LeVeque, 1979).
    fn merge(self, other: Self) -> Self {
        let count = self.count + other.count;
        if count == 0.0 {
            return self;
        }
        let delta = other.mean - self.mean;
        let share = other.count / count;
        Self {
            count,
            mean: self.mean + delta * share,
            m2: self.m2 + other.m2 + delta * delta * self.count * share,
        }
    }

    /// From sums of `x − shift` and, about `shift + delta`, of squared deviations.
    fn from_sums(count: usize, shift: f32, sum: f64, delta: f32, squares: f64) -> Self {
        let count = count as f64;
        let mean = f64::from(shift) + sum / count;
        // The squares were taken about a mean rounded to f32: put that right.
        let off = sum / count - f64::from(delta);
        Self { count, mean, m2: (squares - count * off * off).max(0.0) }
    }
}

/// Mean (in two floats) and biased variance of each channel. Stable where the mean is large against
/// the spread: two passes in chunks, merged in f64 in their order.
pub fn batch_norm_statistics(
    shape: &BatchNormShape,
    x: &[f32],
    mean: &mut [f32],
    residual: &mut [f32],
    var: &mut [f32],
) {
    let c = shape.c;
    assert!(x.len() == shape.len() && mean.len() == c && residual.len() == c && var.len() == c);
    let moments = match shape.layout {
        Layout::Rows => rows::moments(shape, x),
        Layout::Lanes => lanes::moments(shape, x),
    };
    for (channel, total) in moments.into_iter().enumerate() {
        mean[channel] = total.mean as f32;
        residual[channel] = (total.mean - f64::from(mean[channel])) as f32;
        var[channel] = (total.m2 / total.count) as f32;
    }
}

/// `running = (1 − momentum) · running + momentum · batch`, in place, with the unbiased variance of the
/// batch's `count` values.
pub fn batch_norm_update_running(
    mean: &[f32],
    var: &[f32],
    count: usize,
    momentum: f32,
    running_mean: &mut [f32],
    running_var: &mut [f32],
) {
    let unbias = (count as f64 / (count as f64 - 1.0)) as f32;
    for (running, batch) in running_mean.iter_mut().zip(mean) {
        *running = (1.0 - momentum) * *running + momentum * batch;
    }
    for (running, batch) in running_var.iter_mut().zip(var) {
        *running = (1.0 - momentum) * *running + momentum * (batch * unbias);
    }
}

/// What one channel needs: `x̂ = ((x − mean) − residual) · scale`.
#[derive(Clone, Copy)]
struct Channel {
    mean: f32,
    residual: f32,
    scale: f32,
    weight: f32,
    bias: f32,
}

fn channels(c: usize, statistics: Statistics, affine: Affine) -> Vec<Channel> {
    let Statistics { mean, residual, var, eps } = statistics;
    assert!(mean.len() == c && var.len() == c && residual.is_none_or(|r| r.len() == c));
    assert!(affine.weight.is_none_or(|w| w.len() == c) && affine.bias.is_none_or(|b| b.len() == c));
    (0..c)
        .map(|c| Channel {
            mean: mean[c],
            residual: residual.map_or(0.0, |r| r[c]),
            scale: 1.0 / (var[c] + eps).sqrt(),
            weight: affine.weight.map_or(1.0, |w| w[c]),
            bias: affine.bias.map_or(0.0, |b| b[c]),
        })
        .collect()
}

/// `y = x̂ · weight + bias`, in training and evaluation alike.
pub fn batch_norm_forward(
    shape: &BatchNormShape,
    x: &[f32],
    statistics: Statistics,
    affine: Affine,
    y: &mut [f32],
) {
    assert!(x.len() == shape.len() && y.len() == x.len());
    let channels = channels(shape.c, statistics, affine);
    match shape.layout {
        Layout::Rows => rows::forward(shape, x, &channels, y),
        Layout::Lanes => lanes::forward(shape, x, &channels, y),
    }
}

/// The gradients that are asked for; `training` says whether the statistics are those of `x`.
pub fn batch_norm_backward(
    shape: &BatchNormShape,
    x: &[f32],
    dy: &[f32],
    statistics: Statistics,
    weight: Option<&[f32]>,
    training: bool,
    dx: Option<&mut [f32]>,
    dweight: &mut [f32],
    dbias: &mut [f32],
) {
    assert!(x.len() == shape.len() && dy.len() == x.len());
    assert!(dweight.len() == shape.c && dbias.len() == shape.c);
    let channels = channels(shape.c, statistics, Affine { weight, bias: None });
    match shape.layout {
        Layout::Rows => rows::sums(shape, x, dy, &channels, dweight, dbias),
        Layout::Lanes => lanes::sums(shape, x, dy, &channels, dweight, dbias),
    }
    let Some(dx) = dx else { return };
    assert_eq!(dx.len(), x.len());
    let part = |sum: f32| if training { sum / shape.count() as f32 } else { 0.0 };
    let gradients: Vec<Gradient> = (0..shape.c)
        .map(|c| Gradient { channel: channels[c], mean: part(dbias[c]), slope: part(dweight[c]) })
        .collect();
    match shape.layout {
        Layout::Rows => rows::gradient(shape, x, dy, &gradients, dx),
        Layout::Lanes => lanes::gradient(shape, x, dy, &gradients, dx),
    }
}

/// `dx = weight · scale · (dy − mean − x̂ · slope)`.
#[derive(Clone, Copy)]
struct Gradient {
    channel: Channel,
    mean: f32,
    slope: f32,
}

/// A value of each of four channels, or of one channel four times.
#[derive(Clone, Copy)]
struct Vectors {
    mean: F32x4,
    residual: F32x4,
    scale: F32x4,
    weight: F32x4,
    bias: F32x4,
}

impl Vectors {
    #[inline(always)]
    fn splat(c: &Channel) -> Self {
        Self::of([c; 4])
    }

    #[inline(always)]
    fn of(c: [&Channel; 4]) -> Self {
        let pick = |f: fn(&Channel) -> f32| F32x4::new(f(c[0]), f(c[1]), f(c[2]), f(c[3]));
        Self {
            mean: pick(|c| c.mean),
            residual: pick(|c| c.residual),
            scale: pick(|c| c.scale),
            weight: pick(|c| c.weight),
            bias: pick(|c| c.bias),
        }
    }

    #[inline(always)]
    fn normalise(&self, x: F32x4) -> F32x4 {
        ((x - self.mean) - self.residual) * self.scale
    }

    #[inline(always)]
    fn forward(&self, x: F32x4) -> F32x4 {
        self.normalise(x).mul_add(self.weight, self.bias)
    }

    #[inline(always)]
    fn gradient(&self, x: F32x4, dy: F32x4, mean: F32x4, slope: F32x4) -> F32x4 {
        ((dy - mean) - self.normalise(x) * slope) * (self.scale * self.weight)
    }
}

#[cfg(test)]
mod tests;
