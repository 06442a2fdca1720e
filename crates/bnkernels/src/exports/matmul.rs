//! matmul for JavaScript.

use super::{input, optional, output, status};
use crate::kernels::matmul::{self, Form};
use wasm_bindgen::prelude::*;

/// `form`: 0 is NN, 1 NT, 2 TN. `bias` may be 0.
///
/// # Safety
/// Pointers to live arrays: `a` of m·k, `b` of k·n, `bias` of n, `c` of m·n.
#[wasm_bindgen]
pub unsafe fn matmul(
    form: u32,
    m: usize,
    n: usize,
    k: usize,
    a: *const f32,
    b: *const f32,
    bias: *const f32,
    c: *mut f32,
) -> u32 {
    let form = [Form::NN, Form::NT, Form::TN][form as usize];
    unsafe {
        let (a, b, bias) = (input(a, m * k), input(b, k * n), optional(bias, n));
        status(matmul::matmul(form, m, n, k, a, b, bias, output(c, m * n)))
    }
}
