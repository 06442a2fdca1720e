//! Backward: each of the batch by itself, block by block; the weights are computed again.

use super::block::{gather, scatter, slopes_with, Block};
use super::{across, aligned, Attention, Lies, Rows, EXP_COST};
use crate::kernels::matmul::{Form, Product};
use crate::kernels::softmax::sum;
use crate::kernels::vectors::vectors;
use crate::parallel::scratch::per_thread;
use crate::parallel::{chunk_count, chunk_range, for_each_range, OutOfMemory};
use std::ops::Range;

/// What is wanted: gradients of queries, keys and values.
pub struct Gradients<'a> {
    /// An array of each, or the first has all three.
    pub arrays: [Option<&'a mut [f32]>; 3],
    pub together: bool,
    /// How each lies in its array.
    pub lie: [Lies; 3],
}

impl Gradients<'_> {
    /// Whether all have their places, of `rows` rows of `widths` values.
    pub fn fit(&self, batch: usize, rows: [usize; 3], widths: [usize; 3]) -> bool {
        let one = |i: usize| {
            let array = &self.arrays[if self.together { 0 } else { i }];
            let length = array.as_ref().map(|array| array.len());
            let same = self.lie[i].heads == self.lie[0].heads
                && (!self.together || self.lie[i].strides[0] == self.lie[0].strides[0]);
            same && length.is_none_or(|length| self.lie[i].fits(length, batch, rows[i], widths[i]))
        };
        let is_right = !self.together || matches!(self.arrays, [Some(_), None, None]);
        is_right && (batch == 0 || (0..3).all(one))
    }
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

/// Floats of all heads' gradients, at most, that are written row by row for all heads: rows of one head at a time lie on
/// few sets of the first cache.
const MOST_TOGETHER: usize = 16_384;

/// Overwrites the gradients, from what forward read and wrote.
pub fn attention_backward(
    a: Attention,
    y: Rows,
    log_sums: &[f32],
    dy: Rows,
    gradients: Gradients,
) -> Result<(), OutOfMemory> {
    a.check();
    let Attention { batch, t, s, e, ev, .. } = a;
    assert!(y.fits(batch, t, ev) && dy.fits(batch, t, ev) && log_sums.len() == batch * t);
    let (rows, widths) = ([t, s, s], [e, e, ev]);
    assert!(gradients.fit(batch, rows, widths));
    let Gradients { arrays, together, lie } = gradients;
    let is_wanted = [0, 1, 2].map(|i| together || arrays[i].is_some());
    let sizes = [0, 1, 2].map(|i| if is_wanted[i] { rows[i] * widths[i] } else { 0 });
    // (What lies between others' rows is made apart, and the rows of all heads are then written by one chunk.)
    let is_dense = !together && (0..3).all(|i| !is_wanted[i] || lie[i].is_dense(rows[i], widths[i]));
    let apart = if is_dense { [0; 3] } else { sizes.map(aligned) };
    let all: usize = apart.iter().sum();
    let heads = if lie[0].heads * all <= MOST_TOGETHER { lie[0].heads } else { 1 };
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
    let scratch =
        &per_thread(heads * all + room + keys + values + height * (e + ev + 1) + 2 * block + part + drops)?;
    let arrays_given = arrays.each_ref().map(Option::is_some);
    let chunks = chunk_count(batch, t.saturating_mul(s).saturating_mul(3 * e + 2 * ev + EXP_COST));
    let items = |chunk| chunk_range(chunk, chunks, batch, if is_dense { 1 } else { lie[0].heads });
    let piece = |i: usize, items: &Range<usize>| match (is_dense, arrays_given[i]) {
        (_, false) => 0..0,
        (true, _) => items.start * sizes[i]..items.end * sizes[i],
        (false, _) => lie[i].piece(items.clone()),
    };
    // Whether the first block of queries leaves keys out, whose gradients are then added to what is there.
    let leaves = a.causal || t == 0 || s == 0;
    for_each_range(
        arrays.map(Option::unwrap_or_default),
        if batch == 0 { 0 } else { chunks },
        |chunk| [0, 1, 2].map(|i| piece(i, &items(chunk))),
        move |chunk, mut outputs| {
            let starts = [0, 1, 2].map(|i| piece(i, &items(chunk)).start);
            scratch.with(|scratch| {
                let (of_q, rest) = scratch.split_at_mut(heads * apart[0]);
                let (of_k, rest) = rest.split_at_mut(heads * apart[1]);
                let (of_v, rest) = rest.split_at_mut(heads * apart[2]);
                let mut of_heads = [of_q, of_k, of_v];
                let (room, rest) = rest.split_at_mut(room);
                let (keys, rest) = rest.split_at_mut(keys);
                let (values, rest) = rest.split_at_mut(values);
                let (queries, rest) = rest.split_at_mut(height * e);
                let (all_dy, rest) = rest.split_at_mut(height * ev);
                let (d, rest) = rest.split_at_mut(height);
                let (p, rest) = rest.split_at_mut(block);
                let (ds, rest) = rest.split_at_mut(block);
                let (part, factors) = rest.split_at_mut(part);
                for b in items(chunk) {
                    let all = if is_dense {
                        outputs.each_mut().map(|all| &mut **all)
                    } else {
                        of_heads.each_mut().map(|all| &mut **all)
                    };
                    let mut k = 0;
                    let [dq, dk, dv] = all.map(|all| {
                        let from = if is_dense { b * sizes[k] - starts[k] } else { b % heads * apart[k] };
                        let mine = &mut all[from..][..sizes[k]];
                        k += 1;
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
                        let (log_sums, y_rows) = (&log_sums[at..][..rows], y.of(b, first));
                        for (r, d) in d[..rows].iter_mut().enumerate() {
                            let y = &y_rows[r * y.row()..][..ev];
                            *d = sum([y, &dy[r * ev..][..ev]], |[y, dy]| y * dy);
                        }
                        let queries = &mut queries[..rows * e];
                        a.scaled_queries(b, first, queries);
                        for block in a.blocks(b, first, rows) {
                            let Block { key, cols, .. } = block;
                            let (p, ds) = (&mut p[..rows * cols], &mut ds[..rows * cols]);
                            block.scores(&a, queries, keys, p, room);
                            block.multiply(dy, values, ev, ds, room);
                            if let Some(dropout) = a.dropout {
                                for (r, &log) in log_sums.iter().enumerate() {
                                    let along = r * cols..(r + 1) * cols;
                                    let p = block.hide(a.causal, r, &mut p[along.clone()]);
                                    let (ds, past) = ds[along].split_at_mut(p.len());
                                    past.fill(0.0);
                                    let factors = &mut factors[..p.len()];
                                    dropout.factors(&a, &block, r, factors);
                                    slopes_with(p, ds, factors, [log, d[r], a.scale]);
                                }
                            } else {
                                block.slopes(a.causal, p, ds, [log_sums, &d[..rows]], a.scale);
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
                    if is_dense || (b + 1) % heads > 0 {
                        continue;
                    }
                    for (i, from) in of_heads.iter().enumerate().filter(|&(i, _)| is_wanted[i]) {
                        let (array, first) = (if together { 0 } else { i }, b + 1 - heads);
                        let to = &mut outputs[array][lie[i].at(first, 0) - starts[array]..];
                        let [_, head, row] = lie[i].strides;
                        scatter((from, apart[i]), [rows[i], heads, widths[i]], (to, [row, head]));
                    }
                }
            });
        },
    );
    Ok(())
}
