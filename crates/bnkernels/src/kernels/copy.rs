//! Copies that change order: strided ones (transpose, permute, expand, slice, concatenate) and those
//! between the layouts rows and lanes.

mod strided;

pub use strided::{copy_strided, Strided};

use crate::layout::{Blocks, LANES};
use crate::parallel::{chunk_count, chunk_range, for_each_part, for_each_range};
use crate::simd::{Dst, F32x4, Mask4, Src};

/// `x` in rows `[n][image]`, `y` in lanes; padding lanes become 0.
pub fn rows_to_lanes(n: usize, image: usize, x: &[f32], y: &mut [f32]) {
    let blocks = Blocks::new(n, image);
    assert!(x.len() == n * image && y.len() == blocks.len());
    convert(blocks, y, |b, elements, part| {
        let (width, images) = (blocks.width(b), blocks.images(b));
        for group in (0..width).step_by(4) {
            let count = images.saturating_sub(group).min(4);
            let row = |i: usize| &x[(b * LANES + group + i) * image..][..image][elements.clone()];
            let length = elements.len();
            let whole = if count == 4 { length / 4 * 4 } else { 0 };
            let mut dst = Dst::new(&mut *part, length * width);
            if whole > 0 {
                let sources: [Src; 4] = std::array::from_fn(|i| Src::new(row(i), whole));
                for e in (0..whole).step_by(4) {
                    for (i, lanes) in F32x4::transpose(sources.map(|s| s.load(e))).into_iter().enumerate() {
                        dst.store((e + i) * width + group, lanes);
                    }
                }
            }
            for e in whole..length {
                for i in 0..4 {
                    part[e * width + group + i] = if i < count { row(i)[e] } else { 0.0 };
                }
            }
        }
    });
}

/// Runs `f(block, elements, part)` over chunks of `y` in lanes, cut by block and by element.
fn convert(blocks: Blocks, y: &mut [f32], f: impl Fn(usize, std::ops::Range<usize>, &mut [f32]) + Sync) {
    let parts = chunk_count(blocks.image, LANES);
    for_each_range(
        [y],
        blocks.count() * parts,
        |i| {
            let (start, width) = (blocks.range(i / parts).start, blocks.width(i / parts));
            let elements = chunk_range(i % parts, parts, blocks.image, 4);
            [start + elements.start * width..start + elements.end * width]
        },
        move |i, [part]| f(i / parts, chunk_range(i % parts, parts, blocks.image, 4), part),
    );
}

/// Lanes past `n` become 0.
pub fn clear_padding(n: usize, image: usize, y: &mut [f32]) {
    let blocks = Blocks::new(n, image);
    assert_eq!(y.len(), blocks.len());
    if n.is_multiple_of(4) {
        return;
    }
    let (last, kept) = (blocks.count() - 1, Mask4::first(n % 4));
    let width = blocks.width(last);
    for_each_part([&mut y[blocks.range(last)]], [width], (image, 4, 1), move |pixels, [y]| {
        let mut y = Dst::new(y, pixels.len() * width);
        for at in (width - 4..pixels.len() * width).step_by(width) {
            y.store(at, kept.keep(y.load(at)));
        }
    });
}

/// `x` in lanes, `y` in rows `[n][image]`.
pub fn lanes_to_rows(n: usize, image: usize, x: &[f32], y: &mut [f32]) {
    let blocks = Blocks::new(n, image);
    assert!(y.len() == n * image && x.len() == blocks.len());
    // (One too small to share is one chunk.)
    for_each_part([y], [image], (n, image, 4), move |rows, [y]| {
        for (g, y) in (rows.start / 4..).zip(y.chunks_mut((4 * image).max(1))) {
            let (b, lane) = (g * 4 / LANES, g * 4 % LANES);
            let width = blocks.width(b);
            let x = &x[blocks.range(b)];
            let count = y.len() / image.max(1);
            let whole = if count == 4 { image / 4 * 4 } else { 0 };
            let source = Src::new(x, image * width);
            let mut dst = Dst::new(&mut *y, count * image);
            for e in (0..whole).step_by(4) {
                let block = std::array::from_fn(|i| source.load((e + i) * width + lane));
                for (i, row) in F32x4::transpose(block).into_iter().enumerate() {
                    dst.store(i * image + e, row);
                }
            }
            for e in whole..image {
                for i in 0..count {
                    y[i * image + e] = x[e * width + lane + i];
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{random, to_lanes, to_rows};

    #[test]
    fn layouts_convert_both_ways() {
        for n in [0, 1, 3, 4, 5, 15, 16, 17, 31, 32, 33] {
            for image in [1, 3, 4, 30, 784, 2000] {
                let rows = random(3, n * image);
                let mut lanes = vec![f32::NAN; Blocks::new(n, image).len()];
                rows_to_lanes(n, image, &rows, &mut lanes);
                assert_eq!(lanes, to_lanes(&rows, n, image));
                let mut back = vec![f32::NAN; n * image];
                lanes_to_rows(n, image, &lanes, &mut back);
                assert_eq!(back, rows);
                assert_eq!(to_rows(&lanes, n, image), rows);
                // Whatever the padding holds.
                let real = to_lanes(&vec![1.0; n * image], n, image);
                let filled = lanes.iter().zip(real).map(|(&x, real)| if real == 1.0 { x } else { 7.0 });
                let mut filled: Vec<f32> = filled.collect();
                clear_padding(n, image, &mut filled);
                assert_eq!(filled, lanes);
            }
        }
    }
}
