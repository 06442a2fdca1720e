//! Backward: each of the batch by itself, block by block; the weights are computed again.

use super::block::{clear, gather, slopes, Block};
use super::{across, aligned, Attention, Rows, EXP_COST};
use crate::kernels::matmul::{Form, Product};
use crate::kernels::softmax::sum;
use crate::kernels::vectors::vectors;
use crate::parallel::scratch::per_thread;
use crate::parallel::{chunk_count, chunk_range, for_each_range, OutOfMemory};

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
    dy: Rows,
    gradients: Gradients,
) -> Result<(), OutOfMemory> {
    a.check();
    let Attention { batch, t, s, e, ev, .. } = a;
    assert!(y.len() == batch * t * ev && dy.fits(batch, t, ev) && log_sums.len() == batch * t);
    let widths = [(&gradients.q, t * e), (&gradients.k, s * e), (&gradients.v, s * ev)]
        .map(|(gradient, width)| if gradient.is_some() { width } else { 0 });
    // (Of no columns there is no product.)
    let of_keys = |n: usize, row: usize| {
        let n = n.max(1);
        move |rows, cols| Product::new(Form::TN, (cols, n, rows)).of_wider(row.max(n))
    };
    let row_of_keys = a.k.row().max(e.max(1));
    let of_queries = |rows, cols| Product::new(Form::NN, (rows, e.max(1), cols)).of_wider(row_of_keys);
    let rooms = [
        a.room(|rows, cols| Block::product(e, rows, cols)),
        a.room(|rows, cols| Block::product(ev, rows, cols)),
        a.room(of_keys(e, a.q.row())),
        a.room(of_keys(ev, ev)),
        a.room(of_queries),
    ];
    let room = aligned(rooms.into_iter().max().unwrap_or(0));
    let (height, width) = a.block_size();
    let (keys, values) = (aligned(s * e), aligned(s * ev));
    let (block, part) = (height * width, height.max(width) * e.max(ev));
    let drops = if a.dropout.is_some() { width } else { 0 };
    let scratch = &per_thread(room + keys + values + height * (e + ev + 1) + 2 * block + part + drops)?;
    let chunks = chunk_count(batch, t.saturating_mul(s).saturating_mul(3 * e + 2 * ev + EXP_COST));
    let items = |chunk| chunk_range(chunk, chunks, batch, 1);
    // Whether the first block of queries leaves keys out, whose gradients are then added to what is there.
    let leaves = a.causal || t == 0 || s == 0;
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
                let (all_dy, rest) = rest.split_at_mut(height * ev);
                let (d, rest) = rest.split_at_mut(height);
                let (p, rest) = rest.split_at_mut(block);
                let (ds, rest) = rest.split_at_mut(block);
                let (part, factors) = rest.split_at_mut(part);
                for b in items(chunk) {
                    let mut k = 0;
                    let [dq, dk, dv] = outputs.each_mut().map(|output| {
                        let (mine, others) = std::mem::take(output).split_at_mut(widths[k]);
                        (*output, k) = (others, k + 1);
                        if leaves {
                            mine.fill(0.0);
                        }
                        mine
                    });
                    across((a.k.of(b, 0), a.k.row()), (s, e), keys, width);
                    across((a.v.of(b, 0), a.v.row()), (s, ev), values, width);
                    for first in (0..t).step_by(height) {
                        let rows = height.min(t - first);
                        let at = b * t + first;
                        let all_dy = &mut all_dy[..rows * ev];
                        gather((dy.of(b, first), dy.row()), ev, 1.0, all_dy);
                        let (q, dy) = (a.q.of(b, first), &*all_dy);
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
                                clear(past);
                                let factors = a.dropout.map(|dropout| {
                                    let factors = &mut factors[..p.len()];
                                    dropout.factors(&a, &block, r, factors);
                                    &*factors
                                });
                                slopes(p, ds, factors, [log, d[r], a.scale]);
                            }
                            let is_first = first == 0;
                            if !dv.is_empty() {
                                let to = &mut dv[key * ev..][..cols * ev];
                                add_product(of_keys(ev, ev)(rows, cols), (p, dy), to, is_first, part, room);
                            }
                            if !dk.is_empty() {
                                let to = &mut dk[key * e..][..cols * e];
                                let product = of_keys(e, a.q.row())(rows, cols);
                                add_product(product, (ds, q), to, is_first, part, room);
                            }
                            if !dq.is_empty() {
                                let to = &mut dq[first * e..][..rows * e];
                                let k = a.k.of(b, key);
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
