//! How the sums over the blocks of a long k are added up: what each addition to C loses is kept beside it,
//! and added at the end, so that the number of blocks costs no digits.

use crate::simd::{reach, Dst, F32x4, Src};

/// Longer sums than this are added up so.
pub(super) const LONG: usize = 1024;

/// Adds `block`, of rows of `cols` one after the other, to C, whose rows are `stride` apart; `lost` has as many
/// rows, `lost_stride` apart. It is set by the first block and done with after the last.
pub(super) fn merge(
    block: &[f32],
    cols: usize,
    (c, stride): (&mut Dst, usize),
    (lost, lost_stride): (&mut [f32], usize),
    (is_first, is_last): (bool, bool),
) {
    let rows = block.len() / cols;
    let block = Src::new(block, rows * cols);
    let mut lost = Dst::new(lost, reach([(rows, lost_stride)], cols));
    for row in 0..rows {
        let block = block.offset(row * cols);
        let (mut c, mut lost) = (c.offset(row * stride), lost.offset(row * lost_stride));
        let add = |sum: F32x4, old: F32x4, lost: F32x4| {
            if is_first {
                return (sum, F32x4::zero());
            }
            let (sum, error) = old.two_sum(sum);
            let lost = lost + error;
            (if is_last { sum + lost } else { sum }, lost)
        };
        let whole = cols / 4 * 4;
        for at in (0..whole).step_by(4) {
            let (sum, left) = add(block.load(at), c.load(at), lost.load(at));
            c.store(at, sum);
            lost.store(at, left);
        }
        for at in whole..cols {
            let [sum, old, left] = [block.get(at), c.get(at), lost.get(at)].map(F32x4::splat);
            let (sum, left) = add(sum, old, left);
            c.set(at, sum.to_array()[0]);
            lost.set(at, left.to_array()[0]);
        }
    }
}
