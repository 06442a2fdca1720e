mod chains;

use super::run::{run, run_list};
use super::*;
use std::ops::Range;

/// The number of a kernel.
fn code(name: &str) -> f64 {
    DESCRIPTIONS.iter().position(|kernel| kernel.name == name).unwrap() as f64
}

/// The words of an array: address and length.
fn words(array: &mut [f32]) -> [f64; 2] {
    [array.as_mut_ptr().expose_provenance() as f64, array.len() as f64]
}

/// Runs a row; its status and its number.
fn run_row(name: &str, arguments: &[f64]) -> (u32, f64) {
    let mut row = vec![code(name), 0.5];
    row.extend(arguments);
    // SAFETY: the tests' arrays live and do not overlap.
    (unsafe { run(row.as_mut_ptr()) }, row[1])
}

#[test]
fn a_row_runs_its_kernel() {
    let (mut x, mut y) = ([1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [0.0f32; 2]);
    let ([x_at, x_length], [y_at, y_length]) = (words(&mut x), words(&mut y));
    let row = [2.0, 3.0, 1.0, x_at, x_length, 0.5, y_at, y_length];
    assert_eq!(run_row("sum_forward", &row), (0, 0.0));
    assert_eq!(y, [3.0, 7.5]);
}

#[test]
fn a_kernel_leaves_its_number_in_the_row() {
    let (mut logits, mut labels) = ([0.1f32, 0.9, 0.8, 0.2], [1.0f32, 1.0]);
    let row = [[2.0, 2.0], words(&mut logits), words(&mut labels)].concat();
    assert_eq!(run_row("count_correct", &row), (0, 1.0));
    let (mut logs, mut losses) = ([0.0f32; 4], [0.0f32; 2]);
    for (mut labels, number) in [([1.0f32, 7.0], 1.0), ([1.0, 0.0], -1.0)] {
        let (inputs, outputs) =
            ([words(&mut logits), words(&mut labels)], [words(&mut logs), words(&mut losses)]);
        let row = [[2.0, 2.0], inputs[0], inputs[1], outputs[0], outputs[1]].concat();
        assert_eq!(run_row("cross_entropy_forward", &row), (0, number));
    }
}

#[test]
fn what_does_not_fit_is_said_and_nothing_runs() {
    let (mut x, mut y) = ([1.0f32; 6], [7.0f32; 2]);
    let ([x_at, x_length], [y_at, y_length]) = (words(&mut x), words(&mut y));
    let good = [2.0, 3.0, 1.0, x_at, x_length, 1.0, y_at, y_length];
    for (at, value) in [
        (0, 3.0),
        (0, -2.0),
        (0, 2.5),
        (0, f64::NAN),
        (0, 4_294_967_298.0),
        (1, 1e300),
        (3, 0.0),
        (3, x_at + 1.0),
        (4, 5.0),
        (7, 3.0),
    ] {
        let mut row = good;
        row[at] = value;
        assert_eq!(run_row("sum_forward", &row), (Status::WrongArgument as u32, 0.5), "{at}: {value}");
    }
    // Sizes whose product is 0 in 32 bits.
    let row = [65_536.0, 65_536.0, 1.0, x_at, 0.0, 1.0, y_at, 0.0];
    assert_eq!(run_row("sum_forward", &row).0, Status::WrongArgument as u32);
    assert_eq!(y, [7.0; 2]);
    for bad in [CALLS.len() as f64, -1.0, 0.5, f64::NAN, 1e20] {
        // SAFETY: a kernel that there is not reads nothing.
        assert_eq!(unsafe { run([bad, 0.0].as_mut_ptr()) }, Status::UnknownKernel as u32);
    }
}

#[test]
fn a_window_that_its_image_has_no_room_for_is_refused() {
    let mut x = [0.0f32; 16];
    let [at, _] = words(&mut x);
    // n, c, h, w, the output's size, then kernel, stride, padding and dilation.
    for shape in [
        // A window that begins after the image.
        [4.0, 1.0, 2.0, 2.0, 2.0, 1.0, 3.0, 3.0, 2.0, 2.0, 0.0, 0.0, 1.0, 1.0],
        [4.0, 1.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0],
        [4.0, 1.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        [0.0, 1.0, 2.0, 2.0, 1.0, 1.0, 3.0, 3.0, 1.0, 1.0, 2.0, 2.0, 1.0, 1.0],
        [0.0, 1.0, 2.0, 2.0, 1.0, 1.0, 3.0, 3.0, 1.0, 1.0, 0.0, 0.0, 4e9, 1.0],
    ] {
        let length = shape[0] * shape[4] * shape[5];
        let row = [&shape[..], &[at, 4.0 * shape[0], 0.0, 0.0, at, length]].concat();
        assert_eq!(run_row("max_pool2d_forward", &row).0, Status::WrongArgument as u32, "{shape:?}");
    }
    let good = [0.0, 4.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 2.0];
    for (place, value) in [(7, 0.0), (9, 0.0), (11, 2e9), (13, 0.0), (15, 0.0), (15, 3.0), (5, 2e9)] {
        let mut shape = good;
        shape[place] = value;
        let lengths = [shape[4] * (shape[1] / shape[15]) * shape[7] * shape[8], 0.0];
        let row = [&shape[..], &[at, 0.0, at, lengths[0], 0.0, 0.0, at, lengths[1]]].concat();
        assert_eq!(run_row("conv2d_forward", &row).0, Status::WrongArgument as u32, "{place}: {value}");
    }
}

#[test]
fn an_optional_array_is_missing_or_has_its_length() {
    let (mut a, mut b, mut bias, mut c) = ([2.0f32], [3.0f32], [4.0f32, 5.0], [0.0f32]);
    let bias_at = words(&mut bias)[0];
    for (bias, expected) in [
        ([0.0, 0.0], (0, 6.0)),
        ([bias_at, 1.0], (0, 10.0)),
        ([bias_at, 2.0], (Status::WrongArgument as u32, 0.0)),
    ] {
        c[0] = 0.0;
        let row = [&[0.0, 1.0, 1.0, 1.0][..], &words(&mut a), &words(&mut b), &bias, &words(&mut c), &[0.0]]
            .concat();
        let (status, _) = run_row("matmul", &row);
        assert_eq!((status, c[0]), expected);
    }
}

#[test]
fn dimensions_must_stay_within_the_arrays() {
    let (mut a, mut b, mut y) = ([1.0f32, 2.0, 3.0], [10.0f32], [0.0f32; 6]);
    let wrong = Status::WrongArgument as u32;
    let (all, ones) = ([&[2.0, 2.0, 3.0][..], &[0.0, 1.0], &[0.0, 0.0]].concat(), [1.0; 99]);
    for (op, dims, expected) in [
        (0.0, &all[..], 0),
        (99.0, &all, wrong),
        (0.0, &[2.0, 2.0, 3.0, 1.0, 1.0, 0.0, 0.0], wrong),
        (0.0, &[2.0, 2.0, 2.0, 0.0, 1.0, 0.0, 0.0], wrong),
        (0.0, &[2.0, 2.0, 3.0, 0.0, 0.0, 0.0, 2.0], wrong),
        (0.0, &[&[33.0], &ones[..]].concat(), wrong),
    ] {
        let row = [&[op][..], &words(&mut a), &words(&mut b), &words(&mut y), dims].concat();
        assert_eq!(run_row("binary", &row).0, expected, "{dims:?}");
    }
    assert_eq!(y, [11.0, 12.0, 13.0, 11.0, 12.0, 13.0]);

    let most = f64::from(u32::MAX);
    for (starts, dims, expected) in [
        ([1.0, 4.0], [1.0, 2.0, 1.0, 1.0], 0),
        ([0.0, 0.0], [1.0, 0.0, 9.0, 9.0], 0),
        ([2.0, 0.0], [1.0, 2.0, 1.0, 1.0], wrong),
        ([0.0, 5.0], [1.0, 2.0, 1.0, 1.0], wrong),
        ([9.0, 0.0], [1.0, 0.0, 1.0, 1.0], wrong),
        ([0.0, 0.0], [1.0, most, most, most], wrong),
    ] {
        let row = [&starts[..], &words(&mut a), &words(&mut y), &dims].concat();
        assert_eq!(run_row("copy_strided", &row).0, expected, "{starts:?} {dims:?}");
    }
    assert_eq!(y, [11.0, 12.0, 13.0, 11.0, 2.0, 3.0]);
}

#[test]
fn a_list_of_rows_runs_in_order_and_ends_with_the_first_that_fails() {
    let (mut x, mut y, mut z) = ([1.0f32; 5], [2.0f32; 5], [0.0f32; 5]);
    let [x, y, z] = [&mut x, &mut y, &mut z].map(|array| (words(array), array));
    let row = |name, words: &[f64]| [&[code(name), 0.0], words].concat();
    let add = row("accumulate", &[x.0, y.0].concat());
    let sum = row("binary", &[&[0.0][..], &x.0, &y.0, &z.0, &[1.0, 5.0, 1.0, 1.0]].concat());
    let wrong = row("accumulate", &[x.0[0], 5.0, y.0[0], 4.0]);
    let mut rows = [&add[..], &sum, &add].concat();
    let Range { start, end } = rows.as_mut_ptr_range();
    // SAFETY: the arrays live, and no call's overlap.
    assert_eq!(unsafe { run_list(start, end) }, end.cast_const());
    assert_eq!((&*y.1, &*z.1), (&[4.0; 5], &[4.0; 5]));
    let mut rows = [&add[..], &wrong, &add].concat();
    let Range { start, end } = rows.as_mut_ptr_range();
    // SAFETY: as above.
    let failed = unsafe { run_list(start, end) };
    assert_eq!(failed, start.wrapping_add(add.len()).cast_const());
    assert_eq!(rows[add.len() + 1], f64::from(Status::WrongArgument as u32));
    assert_eq!(*y.1, [5.0; 5]);
}

/// A stream of small numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// A row of random arguments: where its arrays are, and the words. Sizes are small, and often 0.
fn random_row(dice: &mut Dice, kernel: &Description) -> (Vec<usize>, Vec<f64>) {
    let (mut arrays, mut row) = (Vec::new(), vec![code(kernel.name), 0.0]);
    for arguments in kernel.arguments {
        for _ in arguments.names {
            match arguments.kind {
                "size" => row.push([0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 5.0, 17.0][dice.below(8)]),
                "u32" | "f32" | "f64" => row.push(dice.below(10) as f64),
                "bool" => row.push(dice.below(2) as f64),
                "choice" => row.push(dice.below(arguments.length.split(',').count()) as f64),
                "steps" => row.extend([3.0, 2.0, 0.0]),
                "dims" => {
                    let rank = dice.below(4);
                    row.push(rank as f64);
                    row.extend((0..rank).map(|_| dice.below(4) as f64));
                    row.extend((0..2 * rank).map(|_| dice.below(3) as f64));
                }
                _ => {
                    arrays.push(row.len());
                    row.extend([0.0, 0.0]);
                }
            }
        }
    }
    (arrays, row)
}

/// Whatever the sizes, with arrays of the lengths that they give, each kernel runs or refuses; and as well
/// with one that has another length, or is not there.
#[test]
fn no_sizes_make_a_kernel_panic() {
    let mut dice = Dice(1);
    let mut memory = vec![0.0f32; 1 << 17];
    for (kernel, lengths) in DESCRIPTIONS.iter().zip(LENGTHS) {
        let mut done = 0;
        for _ in 0..60_000 {
            let (arrays, mut row) = random_row(&mut dice, kernel);
            // Twice: the length of one array may be that of another.
            for _ in 0..2 {
                // SAFETY: the row is whole.
                let lengths = lengths(&mut unsafe { Row::new(row[2..].as_ptr()) });
                for (&at, length) in arrays.iter().zip(lengths) {
                    row[at + 1] = match length {
                        _ if length.is_nan() && row[at + 1] == 0.0 => [0, 1, 6, 18, 40][dice.below(5)] as f64,
                        _ if length.is_nan() => row[at + 1],
                        length => length,
                    };
                }
            }
            let mut used = 0.0;
            for &at in &arrays {
                row[at] = memory.as_mut_ptr().expose_provenance() as f64 + 4.0 * used;
                used += row[at + 1] + 16.0;
            }
            if used.is_nan() || used > memory.len() as f64 {
                continue;
            }
            memory[..used as usize].fill(0.0);
            if let Some(&at) = arrays.get(dice.below((4 * arrays.len()).max(1))) {
                match dice.below(3) {
                    0 => row[at + 1] += 1.0,
                    1 => row[at + 1] = (row[at + 1] - 1.0).max(0.0),
                    _ => (row[at], row[at + 1]) = (0.0, 0.0),
                }
            }
            let run = std::panic::catch_unwind(move || {
                // SAFETY: the arrays lie apart, in `memory`.
                unsafe { run(row.as_mut_ptr()) }
            });
            let status = run.unwrap_or_else(|_| panic!("{}", kernel.name));
            assert!(status == Status::Done as u32 || status == Status::WrongArgument as u32);
            done += u32::from(status == Status::Done as u32);
        }
        assert!(done > 20, "{} ran {done} times", kernel.name);
    }
}
