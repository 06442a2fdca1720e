//! Backward: each of the batch by itself, block by block; the weights are computed again.

use super::block::Block;
use super::{across, aligned, Attention, COLS, EXP_COST};
use crate::kernels::matmul::{Form, Product};
use crate::kernels::softmax::sum;
use crate::kernels::vectors::vectors;
use crate::parallel::scratch::per_thread;
use crate::parallel::{chunk_count, chunk_range, for_each_range, OutOfMemory};
use crate::simd::F32x4;

/// What is wanted.
pub struct Gradients<'a> {
    pub q: Option<&'a mut [f32]>,
    pub k: Option<&'a mut [f32]>,
    pub v: Option<&'a mut [f32]>,
}

/// Writes a product to some rows of a gradient; adds it where they have something already.
fn add_product(
    product: Product,
    (a, b): (&[f32], &[f32]),
    to: &mut [f32],
    is_first: bool,
    part: &mut [f32],
    room: &mut [f32],
) {
    if is_first {
        return product.run_on_one_thread(a, b, None, to, room);
    }
    let part = &mut part[..to.len()];
    product.run_on_one_thread(a, b, None, part, room);
    vectors([part], [to], |[part], [to]| [to + part]);
}

/// Overwrites the gradients, from what forward read and wrote.
pub fn attention_backward(
    a: Attention,
    y: &[f32],
    log_sums: &[f32],
    dy: &[f32],
    gradients: Gradients,
) -> Result<(), OutOfMemory> {
    a.check();
    let Attention { batch, t, s, e, ev, .. } = a;
    assert!(y.len() == batch * t * ev && dy.len() == y.len() && log_sums.len() == batch * t);
    let widths = [(&gradients.q, t * e), (&gradients.k, s * e), (&gradients.v, s * ev)]
        .map(|(gradient, width)| if gradient.is_some() { width } else { 0 });
    let of_keys = |n: usize| move |rows, cols| Product::new(Form::TN, (cols, n.max(1), rows));
    let of_queries = |rows, cols| Product::new(Form::NN, (rows, e.max(1), cols));
    let rooms = [
        a.room(|rows, cols| Block::product(e, rows, cols)),
        a.room(|rows, cols| Block::product(ev, rows, cols)),
        a.room(of_keys(e)),
        a.room(of_keys(ev)),
        a.room(of_queries),
    ];
    let room = aligned(rooms.into_iter().max().unwrap_or(0));
    let height = a.block_rows();
    let (keys, values) = (aligned(s * e), aligned(s * ev));
    let (block, part) = (height * COLS, height.max(COLS) * e.max(ev));
    let drops = if a.dropout.is_some() { COLS } else { 0 };
    let scratch = &per_thread(room + keys + values + height * (e + 1) + 2 * block + part + drops)?;
    let chunks = chunk_count(batch, t.saturating_mul(s).saturating_mul(3 * e + 2 * ev + EXP_COST));
    let items = |chunk| chunk_range(chunk, chunks, batch, 1);
    let outputs = [gradients.q, gradients.k, gradients.v].map(Option::unwrap_or_default);
    for_each_range(
        outputs,
        if batch == 0 { 0 } else { chunks },
        |chunk| widths.map(|width| items(chunk).start * width..items(chunk).end * width),
        move |chunk, mut outputs| {
            scratch.with(|scratch| {
                let (room, rest) = scratch.split_at_mut(room);
                let (keys, rest) = rest.split_at_mut(keys);
                let (values, rest) = rest.split_at_mut(values);
                let (queries, rest) = rest.split_at_mut(height * e);
                let (d, rest) = rest.split_at_mut(height);
                let (p, rest) = rest.split_at_mut(block);
                let (ds, rest) = rest.split_at_mut(block);
                let (part, factors) = rest.split_at_mut(part);
                for b in items(chunk) {
                    let mut k = 0;
                    let [dq, dk, dv] = outputs.each_mut().map(|output| {
                        let (mine, others) = std::mem::take(output).split_at_mut(widths[k]);
                        (*output, k) = (others, k + 1);
                        mine.fill(0.0);
                        mine
                    });
                    across(&a.k[b * s * e..][..s * e], e, &mut keys[..s * e]);
                    across(&a.v[b * s * ev..][..s * ev], ev, &mut values[..s * ev]);
                    for first in (0..t).step_by(height) {
                        let rows = height.min(t - first);
                        let at = b * t + first;
                        let (q, dy) = (&a.q[at * e..][..rows * e], &dy[at * ev..][..rows * ev]);
                        let (y, log_sums) = (&y[at * ev..][..rows * ev], &log_sums[at..][..rows]);
                        for (r, d) in d[..rows].iter_mut().enumerate() {
                            let along = r * ev..(r + 1) * ev;
                            *d = sum([&y[along.clone()], &dy[along]], |[y, dy]| y * dy);
                        }
                        let queries = &mut queries[..rows * e];
                        a.scaled_queries(b, first, queries);
                        for block in a.blocks(b, first, rows) {
                            let Block { key, cols, .. } = block;
                            let (p, ds) = (&mut p[..rows * cols], &mut ds[..rows * cols]);
                            block.scores(&a, queries, keys, p, room);
                            block.multiply(dy, values, ev, ds, room);
                            for (r, &log) in log_sums.iter().enumerate() {
                                let along = r * cols..(r + 1) * cols;
                                let p = block.hide(&a, r, &mut p[along.clone()]);
                                let (ds, past) = ds[along].split_at_mut(p.len());
                                past.fill(0.0);
                                let [log, d, scale] = [log, d[r], a.scale].map(F32x4::splat);
                                let Some(dropout) = a.dropout else {
                                    vectors([], [p, ds], |[], [x, dp]| {
                                        let p = (x - log).exp_or_zero();
                                        [p, p * (dp - d) * scale]
                                    });
                                    continue;
                                };
                                let factors = &mut factors[..p.len()];
                                dropout.factors(&a, &block, r, factors);
                                vectors([factors], [p, ds], |[factor], [x, dp]| {
                                    let p = (x - log).exp_or_zero();
                                    [p * factor, p * (dp * factor - d) * scale]
                                });
                            }
                            let is_first = first == 0;
                            if !dv.is_empty() {
                                let to = &mut dv[key * ev..][..cols * ev];
                                add_product(of_keys(ev)(rows, cols), (p, dy), to, is_first, part, room);
                            }
                            if !dk.is_empty() {
                                let to = &mut dk[key * e..][..cols * e];
                                add_product(of_keys(e)(rows, cols), (ds, q), to, is_first, part, room);
                            }
                            if !dq.is_empty() {
                                let k = &a.k[(b * s + key) * e..][..cols * e];
                                let to = &mut dq[first * e..][..rows * e];
                                add_product(of_queries(rows, cols), (ds, k), to, key == 0, part, room);
                            }
                        }
                    }
                }
            });
        },
    );
    Ok(())
}
