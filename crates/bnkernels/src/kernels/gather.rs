//! Rows picked by index: `y[i] = source[indices[i]]`, as bytes widened to `scale x + shift` (the
//! images of a batch, normalised) or as they are.

use crate::parallel::for_each_part;
use crate::simd::F32x4;
use std::hint::black_box;

/// The first position whose index is not below `rows`.
pub fn first_bad_index(indices: &[u32], rows: usize) -> Option<usize> {
    indices.iter().position(|&index| index as usize >= rows)
}

/// `y[i][c][j] = source[indices[i]][c][j] scale[c] + shift[c]`, for rows of `row` bytes, in equal parts for the
/// channels; `norms` has each one's scale and shift. Where an index is out of range, writes nothing and returns its
/// position.
pub fn gather_u8(source: &[u8], indices: &[u32], row: usize, norms: &[f32], y: &mut [f32]) -> Option<usize> {
    let (norms, _) = norms.as_chunks::<2>();
    let plane = (row / norms.len().max(1)).max(1);
    gather(source, indices, row, y, move |from, y| {
        for (&[scale, shift], (from, y)) in norms.iter().zip(from.chunks(plane).zip(y.chunks_mut(plane))) {
            widen(from, F32x4::splat(scale), F32x4::splat(shift), y);
        }
    })
}

/// `y = from scale + shift`.
fn widen(from: &[u8], scale: F32x4, shift: F32x4, y: &mut [f32]) {
    let whole = from.len() / 16 * 16;
    let (bytes, tail) = from.as_chunks();
    for (bytes, y) in bytes.iter().zip(y.chunks_exact_mut(16)) {
        for (v, x) in F32x4::from_bytes(bytes).into_iter().enumerate() {
            x.mul_add(scale, shift).store(&mut y[4 * v..]);
        }
    }
    for (&byte, y) in tail.iter().zip(&mut y[whole..]) {
        // As a vector, so that it rounds as the others do.
        *y = F32x4::splat(f32::from(byte)).mul_add(scale, shift).to_array()[0];
    }
}

/// `y[i] = source[indices[i]]`, for rows of `row` values; out of range as in [`gather_u8`].
pub fn gather_f32(source: &[f32], indices: &[u32], row: usize, y: &mut [f32]) -> Option<usize> {
    gather(source, indices, row, y, |from, y| y.copy_from_slice(from))
}

/// Bytes of a cache line.
const LINE: usize = 64;
/// Rows that are asked for at once.
const AHEAD: usize = 16;
/// What an element costs: as it comes from memory, half of it is nothing that has to come from another core's cache.
const COST: usize = 2;

fn gather<T: Copy + Sync>(
    source: &[T],
    indices: &[u32],
    row: usize,
    y: &mut [f32],
    copy: impl Fn(&[T], &mut [f32]) + Sync,
) -> Option<usize> {
    let n = indices.len();
    assert_eq!(y.len(), n * row);
    if row == 0 {
        return None;
    }
    let bad = first_bad_index(indices, source.len() / row);
    if bad.is_some() {
        return bad;
    }
    for_each_part([y], [row], (n, COST * row, 1), move |range, [y]| {
        let from = |index: u32| &source[index as usize * row..][..row];
        for (indices, y) in indices[range].chunks(AHEAD).zip(y.chunks_mut(AHEAD * row)) {
            // Rows in random order come from memory: a look at every line first lets the misses overlap.
            for &index in indices {
                from(index).iter().step_by(LINE / size_of::<T>()).copied().for_each(|x| _ = black_box(x));
            }
            for (&index, y) in indices.iter().zip(y.chunks_exact_mut(row)) {
                copy(from(index), y);
            }
        }
    });
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, random};

    #[test]
    fn bytes_are_gathered_and_normalised() {
        for row in [1, 3, 15, 16, 17, 784] {
            let source: Vec<u8> = (0..row * 256).map(|i| (i * 37 % 256) as u8).collect();
            for indices in [&[][..], &[7], &[255, 0, 7, 7, 31]] {
                let mut y = vec![f32::NAN; indices.len() * row];
                assert_eq!(gather_u8(&source, indices, row, &[2.0 / 255.0, -1.0], &mut y), None);
                let picked = indices.iter().flat_map(|&i| &source[i as usize * row..][..row]);
                let expected: Vec<f64> = picked.map(|&x| (f64::from(x) / 255.0 - 0.5) / 0.5).collect();
                assert_close(&y, &expected, 1e-6);
            }
        }
    }

    #[test]
    fn each_channel_has_its_own_scale_and_shift() {
        for plane in [1, 5, 16, 35] {
            let row = 3 * plane;
            let source: Vec<u8> = (0..row * 9).map(|i| (i * 31 % 256) as u8).collect();
            let norms = [2.0, -1.0, 0.5, 3.0, -1.5, 0.25];
            let mut y = vec![f32::NAN; 2 * row];
            assert_eq!(gather_u8(&source, &[8, 0], row, &norms, &mut y), None);
            let picked = source[8 * row..].iter().chain(&source[..row]).enumerate();
            let expected: Vec<f64> = picked
                .map(|(i, &x)| {
                    let channel = i % row / plane;
                    f64::from(x) * f64::from(norms[2 * channel]) + f64::from(norms[2 * channel + 1])
                })
                .collect();
            assert_close(&y, &expected, 1e-6);
        }
    }

    #[test]
    fn floats_are_gathered() {
        let source = random(1, 30);
        let mut y = [0.0; 9];
        assert_eq!(gather_f32(&source, &[9, 0, 9], 3, &mut y), None);
        assert_eq!((&y[..3], &y[3..6], &y[6..]), (&source[27..], &source[..3], &source[27..]));
    }

    #[test]
    fn an_index_out_of_range_is_found_before_anything_is_written() {
        let mut y = [7.0; 6];
        assert_eq!(gather_u8(&[0; 20], &[1, 9, 10], 2, &[1.0, 0.0], &mut y), Some(2));
        assert_eq!(gather_f32(&[0.0; 20], &[1, u32::MAX, 3], 2, &mut y), Some(1));
        assert_eq!(y, [7.0; 6]);
        assert_eq!(gather_f32(&[], &[0], 0, &mut []), None);
    }
}
