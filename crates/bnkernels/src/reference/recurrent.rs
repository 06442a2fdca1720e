//! Twin of recurrent: the states by the formulas. Gradients are differences of it.

use crate::kernels::recurrent::{Cell, RecurrentShape};

/// What the layer reads, in f64: the input's part of the gates, what is added to the state's part at each step
/// (nought, but for its gradient), weight and bias, and the first states.
#[derive(Clone)]
pub struct Inputs {
    pub p: Vec<f64>,
    pub extra: Vec<f64>,
    pub weight: Vec<f64>,
    pub bias: Vec<f64>,
    pub h0: Vec<f64>,
    pub c0: Vec<f64>,
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// All states, and the LSTM's last `c` (else the first).
pub fn recurrent(s: &RecurrentShape, x: &Inputs) -> (Vec<f64>, Vec<f64>) {
    let RecurrentShape { cell, t, n, h, reverse } = *s;
    let width = s.width();
    let (mut y, mut state, mut c) = (vec![0.0; t * n * h], x.h0.clone(), x.c0.clone());
    for i in 0..t {
        let step = if reverse { t - 1 - i } else { i };
        for row in 0..n {
            let at = (step * n + row) * width;
            let before = state[row * h..][..h].to_vec();
            let q: Vec<f64> = (0..width)
                .map(|g| {
                    let product: f64 = (0..h).map(|k| before[k] * x.weight[g * h + k]).sum();
                    product + x.bias[g] + x.extra[at + g]
                })
                .collect();
            for j in 0..h {
                let p = |gate: usize| x.p[at + gate * h + j];
                let q = |gate: usize| q[gate * h + j];
                let both = |gate| p(gate) + q(gate);
                let new = match cell {
                    Cell::Tanh => both(0).tanh(),
                    Cell::Relu => both(0).max(0.0),
                    Cell::Lstm => {
                        let c = &mut c[row * h + j];
                        *c = sigmoid(both(1)) * *c + sigmoid(both(0)) * both(2).tanh();
                        sigmoid(both(3)) * c.tanh()
                    }
                    Cell::Gru => {
                        let (r, z) = (sigmoid(both(0)), sigmoid(both(1)));
                        let new = (p(2) + r * q(2)).tanh();
                        (1.0 - z) * new + z * before[j]
                    }
                };
                state[row * h + j] = new;
                y[(step * n + row) * h + j] = new;
            }
        }
    }
    (y, c)
}
