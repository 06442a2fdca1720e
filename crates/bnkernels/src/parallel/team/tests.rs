use super::failure::{SILENT, TRAPPED};
use super::posts::{FINISHED, POSTS};
use super::*;
use crate::kernels::conv2d::{conv2d_backward_input, conv2d_backward_weight, conv2d_forward, Conv2dShape};
use crate::kernels::matmul::{matmul, Form};
use crate::parallel::for_each_range;
use crate::parallel::scratch::per_thread;
use crate::reference::random;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

thread_local!(pub(super) static HAS_TEAM: Cell<bool> = const { Cell::new(false) });

/// There is one team in a process, and the tests that use it take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Workers as their JavaScript runs them.
fn start(count: usize) -> Vec<JoinHandle<()>> {
    let work = |index| {
        if catch_unwind(|| work_forever(index)).is_err() {
            worker_failed(index);
        }
    };
    let workers = (0..count).map(|index| std::thread::spawn(move || work(index))).collect();
    self_test_start(count);
    while !self_test_done() {
        std::thread::yield_now();
    }
    set_team(count, count, true);
    workers
}

fn stop(workers: Vec<JoinHandle<()>>) {
    reset();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

/// Runs `f` while no other test has a team; what it leaves behind is put away.
fn with_team(f: impl FnOnce()) {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    HAS_TEAM.set(true);
    f();
    assert_eq!((failure(), WORKERS.load(SeqCst), BUSY.load(SeqCst)), (0, 0, 0));
    HAS_TEAM.set(false);
}

fn until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited for too long");
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// A region of two chunks: the caller's waits until a worker has begun the other, which is `f`.
fn region_with_a_worker(f: impl Fn() + Sync) -> Result<(), ()> {
    let begun = AtomicU32::new(0);
    let chunk = |_| {
        if seat() == 0 {
            return until(|| begun.load(SeqCst) == 1);
        }
        begun.store(1, SeqCst);
        f();
    };
    catch_unwind(AssertUnwindSafe(|| region(2, &chunk))).map_err(|_| ())
}

/// Whether a region of many chunks comes out right.
fn works() -> bool {
    let mut output = vec![0.0; 64];
    for_each_range([&mut output], 64, |i| [i..i + 1], |i, [part]| part[0] += i as f32);
    output.iter().enumerate().all(|(i, &value)| value == i as f32)
}

#[test]
fn a_region_on_threads_runs_each_chunk_once() {
    with_team(|| {
        let workers = start(3);
        assert!((0..3).all(|i| chunks_done(i) == 1));
        for round in 1..200 {
            let mut output = vec![0.0; 64];
            for_each_range(
                [&mut output],
                round % 64 + 1,
                |i| [i..i + 1],
                |i, [part]| part[0] += (i * round) as f32,
            );
            for (i, &value) in output.iter().enumerate() {
                assert_eq!(value, if i <= round % 64 { (i * round) as f32 } else { 0.0 });
            }
        }
        stop(workers);
    });
}

#[test]
fn the_count_of_regions_may_begin_anew() {
    with_team(|| {
        let workers = start(3);
        for seat in &FINISHED[1..4] {
            // As if it had taken part in the first region of the count before, and in none since.
            seat.store(1 << 32 | 5, SeqCst);
        }
        GENERATION.store(u32::MAX - 2, SeqCst);
        assert!((0..20).all(|_| works()));
        assert!(GENERATION.load(SeqCst) < 20);
        stop(workers);
    });
}

#[test]
fn a_worker_may_come_while_the_posts_are_told() {
    with_team(|| {
        let runs = AtomicU32::new(0);
        let function: &(dyn Fn(usize) + Sync) = &|_| _ = runs.fetch_add(1, SeqCst);
        let generation = publish(2, 2, function);
        // As if the second post were told only after the worker has done the first one's chunk.
        let told = POSTS[1].share.swap(u64::from(generation - 1) << 32, SeqCst);
        run_chunks(1, 2, 1);
        assert_eq!((runs.load(SeqCst), chunks_finished(generation, 2)), (1, 1));
        POSTS[1].share.store(told, SeqCst);
        run_chunks(1, 2, 1);
        assert_eq!((runs.load(SeqCst), chunks_finished(generation, 2)), (2, 2));
        reset();
    });
}

#[test]
fn results_have_the_same_bits_on_any_team() {
    with_team(|| {
        let (m, n, k) = (150, 70, 600);
        let (a, b) = (random(1, m * k), random(2, k * n));
        let s = Conv2dShape {
            n: 33,
            c: 4,
            h: 12,
            w: 12,
            oc: 9,
            kh: 3,
            kw: 3,
            stride: (1, 1),
            padding: (1, 1),
            ..Conv2dShape::PLAIN
        };
        let (x, dy) = (random(3, s.x().len()), random(4, s.y().len()));
        // By Winograd's way, with chunks of channels, too.
        let wide = Conv2dShape { c: 17, oc: 66, ..s };
        let (wide_x, wide_dy) = (random(5, wide.x().len()), random(6, wide.y().len()));
        let weight = random(7, wide.weight());
        let results = || {
            let (mut c, mut dw) = (vec![0.0; m * n], vec![0.0; s.weight()]);
            matmul(Form::TN, m, n, k, &a, &b, None, &mut c).unwrap();
            conv2d_backward_weight(&s, &x, &dy, Some(&mut dw), None).unwrap();
            let (mut y, mut dx) = (vec![0.0; wide_dy.len()], vec![0.0; wide_x.len()]);
            conv2d_forward(&wide, &wide_x, &weight, None, &mut y).unwrap();
            conv2d_backward_input(&wide, &wide_dy, &weight, None, &mut dx).unwrap();
            let mut wide_dw = vec![0.0; wide.weight()];
            conv2d_backward_weight(&wide, &wide_x, &wide_dy, Some(&mut wide_dw), None).unwrap();
            [c, dw, y, dx, wide_dw]
        };
        let alone = results();
        let workers = start(3);
        for _ in 0..20 {
            assert!(results() == alone);
        }
        assert!((0..3).map(chunks_done).sum::<u32>() > 3);
        stop(workers);
    });
}

#[test]
fn each_thread_has_scratch_of_its_own() {
    with_team(|| {
        let workers = start(3);
        for _ in 0..50 {
            let scratch = per_thread(100).unwrap();
            region(64, &|chunk| {
                scratch.with(|mine| {
                    mine.fill(chunk as f32);
                    std::thread::yield_now();
                    assert!(mine.iter().all(|&value| value == chunk as f32));
                })
            });
        }
        stop(workers);
    });
}

#[test]
fn a_worker_that_traps_ends_the_team_and_not_the_caller() {
    with_team(|| {
        let workers = start(2);
        let start_of_wait = Instant::now();
        assert!(region_with_a_worker(|| panic!("a trap")).is_err());
        assert!(start_of_wait.elapsed() < Duration::from_secs(4));
        assert!(failure() == TRAPPED || failure() == TRAPPED + 1);
        assert!(works() && WORKERS.load(SeqCst) == 0);
        stop(workers);
        let workers = start(2);
        assert!(works() && failure() == 0);
        assert!(region_with_a_worker(|| ()).is_ok());
        stop(workers);
    });
}

#[test]
fn a_worker_that_is_gone_with_a_chunk_is_found() {
    static FREE: AtomicU32 = AtomicU32::new(0);
    with_team(|| {
        for caller_sleeps in [true, false] {
            FREE.store(0, SeqCst);
            let workers = start(2);
            set_team(2, 2, caller_sleeps);
            set_patience(50_000);
            assert!(region_with_a_worker(|| until(|| FREE.load(SeqCst) == 1)).is_err());
            set_patience(5_000_000);
            assert!(failure() == SILENT || failure() == SILENT + 1);
            assert!(works());
            FREE.store(1, SeqCst);
            stop(workers);
        }
    });
}

#[test]
fn a_worker_that_is_slow_but_alive_is_waited_for() {
    with_team(|| {
        let workers = start(2);
        set_patience(200_000);
        let slow = || {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(700) {
                std::thread::sleep(Duration::from_millis(2));
                beat();
            }
        };
        assert!(region_with_a_worker(slow).is_ok());
        set_patience(5_000_000);
        assert!(works() && failure() == 0);
        stop(workers);
    });
}

#[test]
fn a_caller_that_traps_in_its_chunk_can_go_on() {
    with_team(|| {
        let workers = start(2);
        let trap = |chunk| assert!(chunk > 0 || seat() > 0, "a trap of the caller's");
        let mut trapped = 0;
        for _ in 0..20 {
            trapped += u32::from(catch_unwind(|| region(64, &trap)).is_err());
            assert!(works());
            if failure() != 0 {
                break;
            }
        }
        assert!(trapped > 0 && failure() == 0);
        abandon();
        assert!(works());
        stop(workers);
    });
}

#[test]
fn a_worker_that_fails_without_a_chunk_costs_no_region() {
    with_team(|| {
        let workers = start(2);
        worker_failed(1);
        assert!(works() && failure() == TRAPPED + 1);
        stop(workers);
    });
}
