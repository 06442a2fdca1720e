//! Backward: each of the batch by itself, block by block; the weights are computed again.

use super::block::Block;
use super::{aligned, room, Attention, COLS, EXP_COST, ROWS};
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

/// Adds a product to some rows of a gradient.
fn add_product(product: Product, a: &[f32], b: &[f32], to: &mut [f32], part: &mut [f32], room: &mut [f32]) {
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
    let by_rows = |k| move |rows, cols| Product::new(Form::NT, (rows, cols, k));
    let of_keys = |n: usize| move |rows, cols| Product::new(Form::TN, (cols, n.max(1), rows));
    let of_queries = |rows, cols| Product::new(Form::NN, (rows, e.max(1), cols));
    let rooms = [
        room(&a, by_rows(e)),
        room(&a, by_rows(ev)),
        room(&a, of_keys(e)),
        room(&a, of_keys(ev)),
        room(&a, of_queries),
    ];
    let room = aligned(rooms.into_iter().max().unwrap_or(0));
    let (block, part) = (ROWS * COLS, ROWS.max(COLS) * e.max(ev));
    let drops = if a.dropout.is_some() { block } else { 0 };
    let scratch = &per_thread(room + 2 * block + part + drops)?;
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
                    for first in (0..t).step_by(ROWS) {
                        let rows = ROWS.min(t - first);
                        let at = b * t + first;
                        let (q, dy) = (&a.q[at * e..][..rows * e], &dy[at * ev..][..rows * ev]);
                        let (y, log_sums) = (&y[at * ev..][..rows * ev], &log_sums[at..][..rows]);
                        for key in (0..a.keys_before(first + rows)).step_by(COLS) {
                            let cols = COLS.min(s - key);
                            let block = Block { b, first, rows, key, cols };
                            let (p, ds) = (&mut p[..rows * cols], &mut ds[..rows * cols]);
                            let keys = b * s + key;
                            let v = &a.v[keys * ev..][..cols * ev];
                            block.scores(&a, p, room);
                            by_rows(ev)(rows, cols).run_on_one_thread(dy, v, None, ds, room);
                            for (r, &log) in log_sums.iter().enumerate() {
                                let log = F32x4::splat(log);
                                let along = r * cols..(r + 1) * cols;
                                let (p, ds) = (&mut p[along.clone()], &mut ds[along.clone()]);
                                vectors([], [&mut *p], |[], [x]| [(x - log).exp()]);
                                let values = r * ev..(r + 1) * ev;
                                let d =
                                    F32x4::splat(sum([&y[values.clone()], &dy[values]], |[y, dy]| y * dy));
                                let scale = F32x4::splat(a.scale);
                                let Some(dropout) = a.dropout else {
                                    vectors([p], [ds], |[p], [dp]| [p * (dp - d) * scale]);
                                    continue;
                                };
                                let factors = &mut factors[along];
                                dropout.factors(&a, &block, r, factors);
                                vectors([factors], [p, ds], |[factor], [p, dp]| {
                                    [p * factor, p * (dp * factor - d) * scale]
                                });
                            }
                            if !dv.is_empty() {
                                let to = &mut dv[key * ev..][..cols * ev];
                                add_product(of_keys(ev)(rows, cols), p, dy, to, part, room);
                            }
                            if !dk.is_empty() {
                                let to = &mut dk[key * e..][..cols * e];
                                add_product(of_keys(e)(rows, cols), ds, q, to, part, room);
                            }
                            if !dq.is_empty() {
                                let (k, to) =
                                    (&a.k[keys * e..][..cols * e], &mut dq[first * e..][..rows * e]);
                                add_product(of_queries(rows, cols), ds, k, to, part, room);
                            }
                        }
                    }
                }
            });
        },
    );
    Ok(())
}
