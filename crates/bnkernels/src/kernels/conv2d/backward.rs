//! The gradients of the input and of the weight at once: where Winograd's way is taken for both, and the sums of all
//! are few enough, they share work; else they are computed one after the other.

use super::{conv2d_backward_input, conv2d_backward_weight, dilated, winograd, Conv2dShape};
use crate::parallel::OutOfMemory;

/// `dx`, `dw` and `db`, as [`conv2d_backward_input`] and [`conv2d_backward_weight`] give them but for roundings; `x`,
/// `dy` and `dx` in lanes. (Where memory is short after `dx`, that is written.)
pub fn conv2d_backward(
    shape: &Conv2dShape,
    (x, dy, weight): (&[f32], &[f32], &[f32]),
    dx: &mut [f32],
    dw: &mut [f32],
    db: Option<&mut [f32]>,
) -> Result<(), OutOfMemory> {
    let s = shape;
    assert_eq!((weight.len(), dw.len()), (s.weight(), s.weight()));
    if !dx.is_empty() && !dy.is_empty() {
        if let Some(dilated) = dilated::where_faster(s) {
            return dilated.backward((x, dy, weight), dx, dw, db);
        }
        if let Some(chunks) = winograd::chunks_of_block(s) {
            return winograd::backward(s, chunks, (x, dy, weight), dx, dw, db);
        }
    }
    conv2d_backward_input(s, dy, weight, None, dx)?;
    conv2d_backward_weight(s, x, dy, Some(dw), db)
}
