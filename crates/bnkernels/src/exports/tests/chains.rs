//! Rows that run rows of others, against these one after the other: to the bit.

use super::{code, run_row, words};
use crate::exports::Status;
use crate::layout::Blocks;
use crate::reference::random;

const RELU6: f64 = 24.0;
const SILU: f64 = 21.0;
const ADD: f64 = 0.0;

/// An array of a step.
#[derive(Clone, Copy)]
enum Of<'a> {
    Array(&'a [f32]),
    Temporary(usize),
}

impl Of<'_> {
    fn words(self) -> [f64; 2] {
        match self {
            Of::Array(array) => [array.as_ptr().expose_provenance() as f64, array.len() as f64],
            Of::Temporary(i) => [-1.0 - i as f64, 0.0],
        }
    }
}

/// A step: the row with its arrays behind its numbers, and what is set in it.
fn step(name: &str, numbers: &[f64], arrays: &[Of], lengths: &[f64], rest: &[f64]) -> Vec<f64> {
    let first = 2 + numbers.len();
    let places: Vec<f64> = (0..arrays.len()).map(|i| (first + 2 * i) as f64).collect();
    let of_arrays: Vec<f64> = arrays.iter().flat_map(|array| array.words()).collect();
    let row = [&[code(name), 0.0], numbers, &of_arrays, rest].concat();
    let counts = [row.len(), places.len(), lengths.len()].map(|count| count as f64);
    [&counts[..], &places, lengths, &row].concat()
}

fn steps(temporaries: usize, steps: &[Vec<f64>]) -> Vec<f64> {
    let words = steps.concat();
    [&[3.0 + words.len() as f64, temporaries as f64, steps.len() as f64], &words[..]].concat()
}

fn unary(op: f64, x: Of, y: Of) -> Vec<f64> {
    step("unary_forward", &[op, 0.0, 0.0], &[x, y], &[], &[])
}

fn add(a: Of, b: Of, y: Of) -> Vec<f64> {
    step("binary", &[ADD], &[a, b, y], &[10.0], &[1.0, 0.0, 1.0, 1.0])
}

fn done(name: &str, row: &[f64]) {
    assert_eq!(run_row(name, row).0, Status::Done as u32, "{name}");
}

#[test]
fn a_chain_gives_the_bits_of_its_steps() {
    for n in [0, 1, 3, 4, 5, 2047, 2048, 2049, 5000, 70_001] {
        let (mut a, mut b) = (random(1, n), random(2, n));
        let [mut sum, mut y, mut total] = [(); 3].map(|()| vec![f32::NAN; n]);
        done(
            "binary",
            &[&[ADD][..], &words(&mut a), &words(&mut b), &words(&mut sum), &[1.0, n as f64, 1.0, 1.0]]
                .concat(),
        );
        done("unary_forward", &[&[SILU, 0.0, 0.0][..], &words(&mut sum), &words(&mut y)].concat());
        total.copy_from_slice(&b);
        done("accumulate", &[words(&mut y), words(&mut total)].concat());
        let mut again = [vec![f32::NAN; n], b.clone()];
        let [made, accumulated] = &mut again;
        let (made, accumulated) = (Of::Array(made), Of::Array(accumulated));
        let chain = steps(
            1,
            &[
                add(Of::Array(&a), Of::Array(&b), Of::Temporary(0)),
                unary(SILU, Of::Temporary(0), made),
                step("accumulate", &[], &[made, accumulated], &[], &[]),
            ],
        );
        done("chain", &[&[n as f64], &chain[..]].concat());
        assert!(again[0] == y && again[1] == total, "{n}");
    }
}

#[test]
fn batch_normalisation_with_steps_gives_the_bits_of_both() {
    for (n, c, s) in
        [(1, 1, 1), (4, 3, 1), (5, 2, 9), (16, 3, 25), (17, 2, 300), (33, 4, 64), (3, 1, 4000), (32, 1, 777)]
    {
        for (training, affine, op) in [(1.0, true, RELU6), (1.0, false, SILU), (0.0, true, SILU)] {
            check(n, c, s, training, affine, op);
        }
    }
}

fn check(n: usize, c: usize, s: usize, training: f64, affine: bool, op: f64) {
    let length = Blocks::new(n, c * s).len();
    let (mut x, mut skip) = (random(1, length), random(2, length));
    let [mut mean, mut residual, mut bias] = [4, 5, 6].map(|seed| random(seed, c));
    let mut variance: Vec<f32> = random(7, c).iter().map(|v| v * v + 0.5).collect();
    let mut weight = random(8, c);
    let residual = if training > 0.0 { words(&mut residual) } else { [0.0; 2] };
    let shape = [n as f64, c as f64, s as f64];
    let given = [words(&mut x), words(&mut mean), residual, words(&mut variance)].concat();
    let affine = if affine { [words(&mut weight), words(&mut bias)].concat() } else { vec![0.0; 4] };
    let [mut z, mut a, mut y] = [(); 3].map(|()| vec![0.0f32; length]);
    done("batch_norm_forward", &[&[1.0], &shape[..], &given, &[1e-5], &affine, &words(&mut z)].concat());
    let dims = [1.0, length as f64, 1.0, 1.0];
    let row = [&[ADD][..], &words(&mut z), &words(&mut skip), &words(&mut a), &dims].concat();
    done("binary", &row);
    done("unary_forward", &[&[op, 0.0, 0.0][..], &words(&mut a), &words(&mut y)].concat());

    let made = vec![0.0f32; length];
    let behind = steps(
        2,
        &[
            add(Of::Temporary(0), Of::Array(&skip), Of::Temporary(1)),
            unary(op, Of::Temporary(1), Of::Array(&made)),
        ],
    );
    let row = [&shape[..], &given, &[1e-5], &affine, &behind].concat();
    done("batch_norm_chain_forward", &row);
    assert!(made == y, "forward {n} {c} {s}");
}

#[test]
fn steps_that_are_none_are_refused() {
    let mut x = random(1, 8);
    let good = steps(1, &[unary(RELU6, Of::Array(&x), Of::Temporary(0))]);
    let before = words(&mut x);
    for (at, value) in [(0, 4.0), (1, 17.0), (2, 2e9), (3, 25.0), (6, 1.0), (6, 8.0), (6, 2.5)] {
        let mut bad = good.clone();
        bad[at] = value;
        // (A row that says less than it has is followed by nothing that is read.)
        bad.resize(good.len() + 64, 0.0);
        let (status, _) = run_row("chain", &[&[8.0], &bad[..]].concat());
        assert_eq!(status, Status::WrongArgument as u32, "{at}: {value}");
    }
    assert_eq!(before, words(&mut x));
}
