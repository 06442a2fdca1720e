use super::*;
use crate::reference::assert_close;

const NONE: Augment = Augment {
    channels: 2,
    size: (5, 7),
    out: (5, 7),
    padding: 0,
    shift: 0,
    cutout: 0,
    flips: (0.0, 0.0),
    degrees: 0.0,
    scale: (1.0, 1.0),
    noise: 0.0,
    fill: 0.0,
    seed: 11,
    epoch: 3,
};
const NORMS: [f32; 4] = [0.5, -1.0, 2.0, 3.0];

fn bytes(a: &Augment, samples: usize) -> Vec<u8> {
    (0..samples * a.channels * a.size.0 * a.size.1).map(|i| (i * 89 % 251) as u8).collect()
}

fn run(a: &Augment, indices: &[u32]) -> Vec<f32> {
    assert!(a.is_valid());
    let mut y = vec![f32::NAN; indices.len() * a.channels * a.out.0 * a.out.1];
    assert_eq!(augment(a, &bytes(a, 40), indices, &NORMS, &mut y), None);
    y
}

/// The same in f64, each pixel for itself, by the formula at the head of the file.
fn naive(a: &Augment, indices: &[u32]) -> Vec<f64> {
    let source = bytes(a, 40);
    let (h, w) = (a.size.0 as i64, a.size.1 as i64);
    let mut y = Vec::new();
    for &index in indices {
        let words = |block| sample_block(a.seed, a.epoch, index, block);
        let unit = |word: u32| f64::from(word >> 8) / 16_777_216.0;
        let pick = |word: u32, n: i64| (f64::from(word) / 4_294_967_296.0 * n as f64).floor() as i64;
        let ([f, fv, angle, scale], [down, right, top, left], [cy, cx, ..]) = (words(0), words(1), words(2));
        let angle = (2.0 * unit(angle) - 1.0) * f64::from(a.degrees).to_radians();
        let s = f64::from(a.scale.0) + unit(scale) * f64::from(a.scale.1 - a.scale.0);
        let (oh, ow) = (a.out.0 as i64, a.out.1 as i64);
        let (pad, shift, cut) = (a.padding as i64, a.shift as i64, a.cutout as i64);
        let off_y = pick(top, h + 2 * pad - oh + 1) - pad + pick(down, 2 * shift + 1) - shift;
        let off_x = pick(left, w + 2 * pad - ow + 1) - pad + pick(right, 2 * shift + 1) - shift;
        let (cut_y, cut_x) = (pick(cy, oh) - cut / 2, pick(cx, ow) - cut / 2);
        for c in 0..a.channels {
            let at = |y: i64, x: i64| {
                let inside = y >= 0 && y < h && x >= 0 && x < w;
                let place = ((i64::from(index) * a.channels as i64 + c as i64) * h + y) * w + x;
                if inside {
                    f64::from(source[place as usize])
                } else {
                    f64::from(a.fill)
                }
            };
            for row in 0..oh {
                for col in 0..ow {
                    let (my, mx) = ((oh - 1) as f64 / 2.0, (ow - 1) as f64 / 2.0);
                    let mirror = |z: f64, by: bool| if by { -z } else { z };
                    let u = mirror(col as f64 - mx, unit(f) < f64::from(a.flips.0));
                    let v = mirror(row as f64 - my, unit(fv) < f64::from(a.flips.1));
                    let x = (angle.cos() * u + angle.sin() * v) / s + mx + off_x as f64;
                    let y_ = (angle.cos() * v - angle.sin() * u) / s + my + off_y as f64;
                    let cut =
                        cut > 0 && (cut_y..cut_y + cut).contains(&row) && (cut_x..cut_x + cut).contains(&col);
                    // A hat over each pixel: 1 − |distance|, where that is above 0.
                    let hat = |d: f64| (1.0 - d.abs()).max(0.0);
                    let mut value = 0.0;
                    for py in y_.floor() as i64 - 1..=y_.floor() as i64 + 2 {
                        for px in x.floor() as i64 - 1..=x.floor() as i64 + 2 {
                            value += hat(py as f64 - y_) * hat(px as f64 - x) * at(py, px);
                        }
                    }
                    let value = if cut { f64::from(a.fill) } else { value };
                    y.push(value * f64::from(NORMS[2 * c]) + f64::from(NORMS[2 * c + 1]));
                }
            }
        }
    }
    y
}

#[test]
fn nothing_to_do_is_the_plain_gather() {
    let indices = [3, 39, 0, 3];
    let mut plain = vec![f32::NAN; 4 * 70];
    crate::kernels::gather::gather_u8(&bytes(&NONE, 40), &indices, 70, &NORMS, &mut plain);
    assert_close(&run(&NONE, &indices), &plain.iter().map(|&x| f64::from(x)).collect::<Vec<_>>(), 1e-6);
}

#[test]
fn each_change_is_as_its_formula_says() {
    let all: Vec<u32> = (0..40).collect();
    for a in [
        Augment { flips: (0.5, 0.0), ..NONE },
        Augment { flips: (0.5, 0.5), ..NONE },
        Augment { padding: 2, ..NONE },
        Augment { out: (3, 4), ..NONE },
        Augment { out: (1, 1), padding: 1, fill: 99.0, ..NONE },
        Augment { out: (9, 11), padding: 2, fill: 7.0, ..NONE },
        Augment { shift: 3, fill: 255.0, ..NONE },
        Augment { cutout: 3, fill: 128.0, ..NONE },
        Augment { cutout: 4, ..NONE },
        Augment { degrees: 30.0, ..NONE },
        Augment { degrees: 180.0, fill: 50.0, ..NONE },
        Augment { scale: (0.5, 2.0), ..NONE },
        Augment {
            flips: (0.3, 0.7),
            padding: 1,
            shift: 1,
            cutout: 2,
            degrees: 15.0,
            scale: (0.8, 1.2),
            ..NONE
        },
        Augment { size: (1, 1), out: (1, 1), degrees: 10.0, padding: 0, ..NONE },
    ] {
        for indices in [&all[..], &[], &[17]] {
            let expected = naive(&a, indices);
            let worst = run(&a, indices)
                .iter()
                .zip(&expected)
                .map(|(&y, e)| (f64::from(y) - e).abs())
                .fold(0.0, f64::max);
            // Bytes times 2, at places that are off by some 1e-6.
            assert!(worst < 2e-2, "{a:?}: {worst}");
        }
    }
}

#[test]
fn an_image_depends_on_seed_pass_and_place_alone() {
    let a = Augment { flips: (0.5, 0.5), padding: 2, degrees: 20.0, noise: 0.1, cutout: 2, ..NONE };
    let all: Vec<u32> = (0..40).collect();
    let together = run(&a, &all);
    for &i in &[0, 7, 39] {
        assert_eq!(run(&a, &[i]), together[i as usize * 70..][..70]);
    }
    assert_ne!(run(&Augment { epoch: 4, ..a }, &all), together);
    assert_ne!(run(&Augment { seed: 12, ..a }, &all), together);
    assert_ne!(run(&Augment { seed: 11 | 1 << 40, ..a }, &all), together);
}

#[test]
fn flips_come_as_often_as_said() {
    let a = Augment { channels: 1, size: (1, 2), out: (1, 2), flips: (0.25, 0.0), ..NONE };
    let source: Vec<u8> = [0, 1].repeat(8000);
    let indices: Vec<u32> = (0..8000).collect();
    let mut y = vec![0.0; 16_000];
    augment(&a, &source, &indices, &[1.0, 0.0], &mut y);
    let flipped = y.iter().step_by(2).filter(|&&first| first == 1.0).count();
    // Five standard errors of 39.
    assert!((1800..2200).contains(&flipped), "{flipped}");
}

#[test]
fn noise_has_its_deviation_in_units_of_white() {
    let a = Augment { size: (40, 50), out: (40, 50), noise: 0.2, ..NONE };
    let plain = run(&Augment { noise: 0.0, ..a }, &[0, 1, 2]);
    let noisy = run(&a, &[0, 1, 2]);
    for (c, scale) in [0.5, 2.0].into_iter().enumerate() {
        let values = |k: usize| {
            let z = |i: usize| f64::from(noisy[i] - plain[i]) / (255.0 * scale);
            (0..3)
                .flat_map(move |n| (0..2000).map(move |j| z((2 * n + c) * 2000 + j).powi(k as i32)))
                .sum::<f64>()
                / 6000.0
        };
        assert!(values(1).abs() < 0.015, "{}", values(1));
        assert!((values(2) - 0.04).abs() < 0.004, "{}", values(2));
    }
}

#[test]
fn an_index_out_of_range_is_found_before_anything_is_written() {
    let mut y = [7.0; 140];
    assert_eq!(augment(&NONE, &bytes(&NONE, 3), &[1, 3], &NORMS, &mut y), Some(1));
    assert_eq!(y, [7.0; 140]);
}

#[test]
fn what_can_not_be_is_not_valid() {
    for a in [
        Augment { out: (6, 7), ..NONE },
        Augment { out: (5, 12), padding: 2, ..NONE },
        Augment { scale: (0.0, 1.0), ..NONE },
        Augment { scale: (1.0, 0.5), ..NONE },
        Augment { scale: (1.0, f32::INFINITY), ..NONE },
        Augment { degrees: f32::NAN, ..NONE },
        Augment { channels: 0, ..NONE },
        Augment { shift: 1 << 20, ..NONE },
    ] {
        assert!(!a.is_valid(), "{a:?}");
    }
}
