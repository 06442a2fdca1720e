//! A convolution and what the formula says of it, with which each way of computing it is compared.

use super::Conv2dShape;
use crate::parallel::OutOfMemory;
use crate::reference::guarded::Guarded;
use crate::reference::{assert_close, conv2d as reference, random, to_lanes, to_rows};

type Computed = Result<(), OutOfMemory>;

/// `x` and `dy` are in lanes. What stands for no image is finite in `x`, and 0 in `dy`.
pub(super) struct Case {
    s: Conv2dShape,
    x: Guarded,
    dy: Guarded,
    weight: Vec<f32>,
    bias: Vec<f32>,
    /// `x` in rows.
    rows: Vec<f32>,
    /// The formula's.
    dx: Vec<f64>,
    dw: Vec<f64>,
    db: Vec<f64>,
}

impl Case {
    pub fn new(s: Conv2dShape) -> Self {
        let [rows, weight] = [(1, s.n * image_x(&s)), (2, s.weight())].map(|(seed, n)| random(seed, n));
        let (bias, dy) = (random(3, s.oc.max(s.c)), random(4, s.n * image_y(&s)));
        let mut x = Guarded::new(&to_lanes(&rows, s.n, image_x(&s)));
        let missing = x.values_mut().iter_mut().zip(real(s.n, image_x(&s))).filter(|(_, real)| !real);
        missing.for_each(|(value, _)| *value = 7.5);
        let [dx, dw, db] = reference::conv2d_backward(&s, &rows, &weight, &dy);
        let dy = Guarded::new(&to_lanes(&dy, s.n, image_y(&s)));
        Self { s, x, dy, weight, bias, rows, dx, dw, db }
    }

    pub fn forward(&self, f: impl Fn(&[f32], &[f32], Option<&[f32]>, &mut [f32]) -> Computed) {
        let Self { s, weight, .. } = self;
        for bias in [None, Some(&self.bias[..s.oc])] {
            let mut y = Guarded::unwritten(s.y().len());
            f(self.x.values(), weight, bias, y.values_mut()).unwrap();
            assert!(y.values().iter().all(|value| value.is_finite()), "{s:?}");
            let expected = reference::conv2d_forward(s, &self.rows, weight, bias);
            assert_close(&to_rows(y.values(), s.n, image_y(s)), &expected, 2e-6);
        }
    }

    pub fn backward_input(
        &self,
        tolerance: f64,
        f: impl Fn(&[f32], &[f32], Option<&[f32]>, &mut [f32]) -> Computed,
    ) {
        let s = &self.s;
        for bias in [None, Some(&self.bias[..s.c])] {
            let mut dx = Guarded::unwritten(s.x().len());
            f(self.dy.values(), &self.weight, bias, dx.values_mut()).unwrap();
            self.check_dx(dx.values(), bias, tolerance);
        }
    }

    /// Returns the gradient of the weight.
    pub fn backward_weight(
        &self,
        f: impl Fn(&[f32], &[f32], &mut [f32], Option<&mut [f32]>) -> Computed,
    ) -> Vec<f32> {
        let (x, dy) = (self.x.values(), self.dy.values());
        let (mut dw, mut db) = (Guarded::unwritten(self.dw.len()), Guarded::unwritten(self.db.len()));
        f(x, dy, dw.values_mut(), Some(db.values_mut())).unwrap();
        assert_close(dw.values(), &self.dw, 5e-6);
        assert_close(db.values(), &self.db, 5e-6);
        let mut without = Guarded::unwritten(self.dw.len());
        f(x, dy, without.values_mut(), None).unwrap();
        assert_eq!(without.values(), dw.values());
        dw.values().to_vec()
    }

    /// Both gradients at once, of `(x, dy, weight)`.
    pub fn backward(
        &self,
        f: impl Fn((&[f32], &[f32], &[f32]), &mut [f32], &mut [f32], Option<&mut [f32]>) -> Computed,
    ) {
        let mut dx = Guarded::unwritten(self.s.x().len());
        let (mut dw, mut db) = (Guarded::unwritten(self.dw.len()), Guarded::unwritten(self.db.len()));
        let operands = (self.x.values(), self.dy.values(), &self.weight[..]);
        f(operands, dx.values_mut(), dw.values_mut(), Some(db.values_mut())).unwrap();
        self.check_dx(dx.values(), None, 5e-6);
        assert_close(dw.values(), &self.dw, 5e-6);
        assert_close(db.values(), &self.db, 5e-6);
    }

    /// In `dx`, 0 stands for no image; where a bias was added, anything finite.
    fn check_dx(&self, actual: &[f32], bias: Option<&[f32]>, tolerance: f64) {
        let s = &self.s;
        let of = |i: usize| bias.map_or(0.0, |bias| f64::from(bias[i / (s.h * s.w) % s.c]));
        let dx: Vec<f64> = self.dx.iter().enumerate().map(|(i, dx)| dx + of(i)).collect();
        assert_close(&to_rows(actual, s.n, image_x(s)), &dx, tolerance);
        let mut padding = actual.iter().zip(real(s.n, image_x(s))).filter(|(_, real)| !real);
        assert!(padding.all(|(&value, _)| value.is_finite() && (value == 0.0 || bias.is_some())), "{s:?}");
    }
}

fn image_x(s: &Conv2dShape) -> usize {
    s.c * s.h * s.w
}

fn image_y(s: &Conv2dShape) -> usize {
    s.oc * s.oh() * s.ow()
}

/// Which places in lanes stand for an image.
fn real(n: usize, image: usize) -> impl Iterator<Item = bool> {
    to_lanes(&vec![1.0; n * image], n, image).into_iter().map(|real| real == 1.0)
}
