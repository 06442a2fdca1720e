//! Convolution by its formula, on rows.

use crate::kernels::conv2d::Conv2dShape;

/// Calls `f(x, weight, y)` with the indices of each product of a convolution.
fn for_each_product(s: &Conv2dShape, mut f: impl FnMut(usize, usize, usize)) {
    for n in 0..s.n {
        for o in 0..s.oc {
            for i in 0..s.oh() {
                for j in 0..s.ow() {
                    for c in 0..s.c_of_group() {
                        for u in 0..s.kh {
                            for v in 0..s.kw {
                                let (row, column) =
                                    (i * s.stride.0 + u * s.dilation.0, j * s.stride.1 + v * s.dilation.1);
                                let inside = (s.padding.0..s.padding.0 + s.h).contains(&row)
                                    && (s.padding.1..s.padding.1 + s.w).contains(&column);
                                if inside {
                                    let (row, column) = (row - s.padding.0, column - s.padding.1);
                                    f(
                                        ((n * s.c + o / s.oc_of_group() * s.c_of_group() + c) * s.h + row)
                                            * s.w
                                            + column,
                                        ((o * s.c_of_group() + c) * s.kh + u) * s.kw + v,
                                        ((n * s.oc + o) * s.oh() + i) * s.ow() + j,
                                    );
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub fn conv2d_forward(s: &Conv2dShape, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f64> {
    let area = s.oh() * s.ow();
    let mut y: Vec<f64> =
        (0..s.n * s.oc * area).map(|i| bias.map_or(0.0, |b| f64::from(b[i / area % s.oc]))).collect();
    for_each_product(s, |a, b, c| y[c] += f64::from(x[a]) * f64::from(weight[b]));
    y
}

/// `dx`, `dw`, `db`.
pub fn conv2d_backward(s: &Conv2dShape, x: &[f32], weight: &[f32], dy: &[f32]) -> [Vec<f64>; 3] {
    let (mut dx, mut dw, mut db) = (vec![0.0; x.len()], vec![0.0; weight.len()], vec![0.0; s.oc]);
    for_each_product(s, |a, b, c| {
        dx[a] += f64::from(dy[c]) * f64::from(weight[b]);
        dw[b] += f64::from(dy[c]) * f64::from(x[a]);
    });
    let area = s.oh() * s.ow();
    for (i, &value) in dy.iter().enumerate() {
        db[i / area % s.oc] += f64::from(value);
    }
    [dx, dw, db]
}
