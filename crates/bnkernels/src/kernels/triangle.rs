//! A triangle of each matrix of `[batch, rows, cols]`, and 0 elsewhere: the lower one has the elements with
//! `col ≤ row + diagonal`, the upper one those with `col ≥ row + diagonal`. It is its own gradient. What is left out
//! may be infinite or NaN. (torch.tril, torch.triu)

use crate::parallel::for_each_part;

pub fn triangle(
    (batch, rows, cols): (usize, usize, usize),
    upper: bool,
    diagonal: f64,
    x: &[f32],
    y: &mut [f32],
) {
    assert!(x.len() == batch * rows * cols && y.len() == x.len());
    if y.is_empty() {
        return;
    }
    for_each_part([y], [cols], (batch * rows, cols, 1), move |range, [y]| {
        for (row, y) in range.zip(y.chunks_exact_mut(cols)) {
            let edge = (row % rows) as f64 + diagonal + if upper { 0.0 } else { 1.0 };
            let edge = edge.clamp(0.0, cols as f64) as usize;
            let (kept, zero) = if upper { (edge..cols, 0..edge) } else { (0..edge, edge..cols) };
            y[kept.clone()].copy_from_slice(&x[row * cols..][..cols][kept]);
            y[zero].fill(0.0);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::random;

    #[test]
    fn triangles_of_all_sizes_and_diagonals() {
        for (batch, rows, cols) in
            [(1, 1, 1), (3, 5, 7), (2, 7, 5), (0, 2, 2), (2, 0, 3), (2, 3, 0), (3, 90, 70)]
        {
            let mut x = random(1, batch * rows * cols);
            for diagonal in [-200.0, -6.0, -1.0, 0.0, 1.0, 3.0, 200.0, 1e300] {
                for upper in [false, true] {
                    let mut y = vec![f32::NAN; x.len()];
                    let kept = |at: usize| {
                        let (row, col) = ((at / cols % rows) as f64, (at % cols) as f64);
                        if upper {
                            col >= row + diagonal
                        } else {
                            col <= row + diagonal
                        }
                    };
                    for (at, x) in x.iter_mut().enumerate().filter(|&(at, _)| !kept(at)) {
                        *x = if at % 2 == 0 { f32::NAN } else { f32::INFINITY };
                    }
                    triangle((batch, rows, cols), upper, diagonal, &x, &mut y);
                    assert!((0..y.len()).all(|at| y[at] == if kept(at) { x[at] } else { 0.0 }));
                    x = random(1, x.len());
                }
            }
        }
    }
}
