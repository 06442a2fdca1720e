/* tslint:disable */
/* eslint-disable */

export function abs_backward(x: number, y: number, dy: number, dx: number, n: number): void;

export function abs_forward(x: number, y: number, n: number): void;

export function accumulate(x: number, y: number, n: number): void;

/**
 * `decoupled` makes it AdamW; `step` counts from 1.
 *
 * # Safety
 * Pointers to live arrays of `n`.
 */
export function adam_step(n: number, p: number, g: number, m: number, v: number, lr: number, beta1: number, beta2: number, eps: number, weight_decay: number, decoupled: boolean, step: number): void;

/**
 * `dims_at` points to shape, strides of `a`, strides of `b`: `rank` words each.
 */
export function add(dims_at: number, rank: number, a: number, a_length: number, b: number, b_length: number, y: number, n: number): void;

/**
 * `bytes` of uninitialised memory, aligned to 64; 0 when there is none left.
 */
export function allocate(bytes: number): number;

/**
 * `residual`, `weight` and `dx` may be 0.
 */
export function batch_norm_backward(layout: number, n: number, c: number, s: number, x: number, dy: number, mean: number, residual: number, _var: number, eps: number, weight: number, training: boolean, dx: number, dweight: number, dbias: number): number;

/**
 * `residual`, `weight` and `bias` may be 0.
 */
export function batch_norm_forward(layout: number, n: number, c: number, s: number, x: number, mean: number, residual: number, _var: number, eps: number, weight: number, bias: number, y: number): number;

/**
 * Windows of 2 × 2 side by side. `residual`, `weight` and `dx` may be 0.
 */
export function batch_norm_max_pool2d_backward(n: number, c: number, h: number, w: number, x: number, z: number, dy: number, mean: number, residual: number, _var: number, eps: number, weight: number, training: boolean, dx: number, dweight: number, dbias: number): number;

export function batch_norm_statistics(layout: number, n: number, c: number, s: number, x: number, mean: number, residual: number, _var: number): number;

export function batch_norm_update_running(c: number, mean: number, _var: number, count: number, momentum: number, running_mean: number, running_var: number): void;

export function conv2d_backward_input(n: number, c: number, h: number, w: number, oc: number, kh: number, kw: number, stride_h: number, stride_w: number, padding_h: number, padding_w: number, dy: number, weight: number, dx: number): number;

/**
 * `db` may be 0.
 */
export function conv2d_backward_weight(n: number, c: number, h: number, w: number, oc: number, kh: number, kw: number, stride_h: number, stride_w: number, padding_h: number, padding_w: number, x: number, dy: number, dw: number, db: number): number;

export function conv2d_forward(n: number, c: number, h: number, w: number, oc: number, kh: number, kw: number, stride_h: number, stride_w: number, padding_h: number, padding_w: number, x: number, weight: number, bias: number, y: number): number;

/**
 * `dims_at` points to shape, strides of `x`, strides of `y`: `rank` words each.
 */
export function copy_strided(dims_at: number, rank: number, x: number, x_length: number, y: number, y_length: number): void;

/**
 * Rows whose largest logit is the label's.
 *
 * # Safety
 * Pointers to live arrays: `logits` of n·classes, `labels` of n.
 */
export function count_correct(n: number, classes: number, logits: number, labels: number): number;

/**
 * `scales` is the length of `scale`: n, or 1 for all rows.
 *
 * # Safety
 * Pointers to live arrays; the labels are classes (forward checked them).
 */
export function cross_entropy_backward(n: number, classes: number, log_probabilities: number, labels: number, scale: number, scales: number, dlogits: number): void;

/**
 * The index of the first label that is no class, or -1; then nothing was written.
 *
 * # Safety
 * Pointers to live arrays: `logits` and `log_probabilities` of n·classes, the others of n.
 */
export function cross_entropy_forward(n: number, classes: number, logits: number, labels: number, log_probabilities: number, losses: number): number;

/**
 * `dims_at` points to shape, strides of `a`, strides of `b`: `rank` words each.
 */
export function div(dims_at: number, rank: number, a: number, a_length: number, b: number, b_length: number, y: number, n: number): void;

export function exp_backward(x: number, y: number, dy: number, dx: number, n: number): void;

export function exp_forward(x: number, y: number, n: number): void;

export function fill(y: number, n: number, value: number): void;

/**
 * Uses `ceil(n / 4)` blocks.
 *
 * # Safety
 * A pointer to a live array of `n`.
 */
export function fill_bernoulli(n: number, out: number, seed_low: number, seed_high: number, offset_low: number, offset_high: number, keep_probability: number, scale: number): void;

/**
 * Uses `ceil(n / 4)` blocks.
 *
 * # Safety
 * A pointer to a live array of `n`.
 */
export function fill_normal(n: number, out: number, seed_low: number, seed_high: number, offset_low: number, offset_high: number, mean: number, std: number): void;

/**
 * Uses `ceil(n / 4)` blocks.
 *
 * # Safety
 * A pointer to a live array of `n`.
 */
export function fill_uniform(n: number, out: number, seed_low: number, seed_high: number, offset_low: number, offset_high: number, low: number, high: number): void;

/**
 * The position of the first index out of range, or -1; then nothing was written.
 *
 * # Safety
 * Pointers to live arrays: `source` of source_rows·row, `indices` of `count` u32, `y` of
 * count·row.
 */
export function gather_f32(source: number, source_rows: number, indices: number, count: number, row: number, y: number): number;

/**
 * The position of the first index out of range, or -1; then nothing was written.
 *
 * # Safety
 * Pointers to live arrays: `source` of source_rows·row bytes, `indices` of `count` u32, `y` of
 * count·row.
 */
export function gather_u8(source: number, source_rows: number, indices: number, count: number, row: number, scale: number, shift: number, y: number): number;

export function lanes_to_rows(n: number, image: number, x: number, y: number): void;

export function log_backward(x: number, y: number, dy: number, dx: number, n: number): void;

export function log_forward(x: number, y: number, n: number): void;

/**
 * # Safety
 * Pointers to live arrays of rows·cols.
 */
export function log_softmax_backward(rows: number, cols: number, y: number, dy: number, dx: number): void;

/**
 * # Safety
 * Pointers to live arrays of rows·cols.
 */
export function log_softmax_forward(rows: number, cols: number, x: number, y: number): void;

/**
 * `form`: 0 is NN, 1 NT, 2 TN. `bias` may be 0.
 *
 * # Safety
 * Pointers to live arrays: `a` of m·k, `b` of k·n, `bias` of n, `c` of m·n.
 */
export function matmul(form: number, m: number, n: number, k: number, a: number, b: number, bias: number, c: number): number;

export function max_backward(outer: number, n: number, inner: number, index: number, dy: number, dx: number): void;

export function max_forward(outer: number, n: number, inner: number, x: number, y: number, index: number): void;

export function max_pool2d_backward(n: number, c: number, h: number, w: number, kh: number, kw: number, stride_h: number, stride_w: number, padding_h: number, padding_w: number, x: number, y: number, dy: number, dx: number): void;

/**
 * `factors`, of `c`, may be 0.
 */
export function max_pool2d_forward(n: number, c: number, h: number, w: number, kh: number, kw: number, stride_h: number, stride_w: number, padding_h: number, padding_w: number, x: number, factors: number, y: number): void;

/**
 * `dims_at` points to shape, strides of `a`, strides of `b`: `rank` words each.
 */
export function maximum(dims_at: number, rank: number, a: number, a_length: number, b: number, b_length: number, y: number, n: number): void;

/**
 * `dims_at` points to shape, strides of `a`, strides of `b`: `rank` words each.
 */
export function maximum_share(dims_at: number, rank: number, a: number, a_length: number, b: number, b_length: number, y: number, n: number): void;

/**
 * For tests of failure: the `k`-th request from now on and all after it fail, until this is called with 0.
 */
export function memory_fail_from(k: number): void;

/**
 * Requests for memory so far: each `allocate`, and each piece of scratch memory that a kernel wanted,
 * also where one was kept.
 */
export function memory_requests(): number;

/**
 * `dims_at` points to shape, strides of `a`, strides of `b`: `rank` words each.
 */
export function mul(dims_at: number, rank: number, a: number, a_length: number, b: number, b_length: number, y: number, n: number): void;

export function neg_backward(x: number, y: number, dy: number, dx: number, n: number): void;

export function neg_forward(x: number, y: number, n: number): void;

export function pow_backward(x: number, exponent: number, dy: number, dx: number, n: number): void;

export function pow_forward(x: number, exponent: number, y: number, n: number): void;

/**
 * The number of blocks used up.
 *
 * # Safety
 * A pointer to a live array of `n` u32.
 */
export function random_permutation(n: number, out: number, seed_low: number, seed_high: number, offset_low: number, offset_high: number): number;

/**
 * # Safety
 * `pointer` came from `allocate(bytes)` and is used no more.
 */
export function release(pointer: number, bytes: number): void;

export function relu_backward(x: number, y: number, dy: number, dx: number, n: number): void;

export function relu_forward(x: number, y: number, n: number): void;

export function rows_to_lanes(n: number, image: number, x: number, y: number): void;

/**
 * Gives back what kernels keep for the next time.
 */
export function scratch_trim(): void;

/**
 * `momentum_buffer` is 0 where there is no momentum.
 *
 * # Safety
 * Pointers to live arrays of `n`.
 */
export function sgd_step(n: number, p: number, g: number, momentum_buffer: number, lr: number, momentum: number, dampening: number, weight_decay: number, nesterov: boolean, first_step: boolean): void;

export function sigmoid_backward(x: number, y: number, dy: number, dx: number, n: number): void;

export function sigmoid_forward(x: number, y: number, n: number): void;

/**
 * # Safety
 * Pointers to live arrays of rows·cols.
 */
export function softmax_backward(rows: number, cols: number, y: number, dy: number, dx: number): void;

/**
 * # Safety
 * Pointers to live arrays of rows·cols.
 */
export function softmax_forward(rows: number, cols: number, x: number, y: number): void;

export function sqrt_backward(x: number, y: number, dy: number, dx: number, n: number): void;

export function sqrt_forward(x: number, y: number, n: number): void;

/**
 * `dims_at` points to shape, strides of `a`, strides of `b`: `rank` words each.
 */
export function sub(dims_at: number, rank: number, a: number, a_length: number, b: number, b_length: number, y: number, n: number): void;

export function sum_forward(outer: number, n: number, inner: number, x: number, scale: number, y: number): number;

export function tanh_backward(x: number, y: number, dy: number, dx: number, n: number): void;

export function tanh_forward(x: number, y: number, n: number): void;

/**
 * For a caller whose kernel trapped (a bug) while the team is sound: ends the region that it left, so that
 * later ones run.
 */
export function team_abandon(): void;

/**
 * Chunks that worker `index` has done since the start.
 */
export function team_chunks_done(index: number): number;

/**
 * How the team failed: 0 if it did not; 256 plus the index of a worker that trapped, 512 plus that of one
 * that was gone without a word. Stays until `team_reset`; regions run on the caller alone.
 */
export function team_failure(): number;

/**
 * For tests: after how many microseconds of the caller's waiting a worker is gone that has a chunk and
 * does nothing; 5 seconds unless set.
 */
export function team_patience(microseconds: number): void;

/**
 * Forgets the team, for a new one. Its workers have ended.
 */
export function team_reset(): void;

export function team_self_test_done(): boolean;

/**
 * Starts a region that ends only if every worker comes; the caller does not wait for it.
 */
export function team_self_test_start(workers: number): void;

/**
 * Lets `workers` workers take part from now on, at most `awake_limit` of them awake at a time;
 * `caller_sleeps` says whether the caller's thread may block.
 */
export function team_set(workers: number, awake_limit: number, caller_sleeps: boolean): void;

/**
 * A worker's life. Returns when there is a new team.
 */
export function team_work_forever(index: number): void;

/**
 * A worker says so when `team_work_forever` has thrown: the caller's region traps at once.
 */
export function team_worker_failed(index: number): void;

export type InitInput = RequestInfo | URL | Response | BufferSource | WebAssembly.Module;

export interface InitOutput {
    readonly abs_backward: (a: number, b: number, c: number, d: number, e: number) => void;
    readonly abs_forward: (a: number, b: number, c: number) => void;
    readonly accumulate: (a: number, b: number, c: number) => void;
    readonly adam_step: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number, k: number, l: number) => void;
    readonly add: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => void;
    readonly allocate: (a: number) => number;
    readonly batch_norm_backward: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number, k: number, l: number, m: number, n: number, o: number) => number;
    readonly batch_norm_forward: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number, k: number, l: number) => number;
    readonly batch_norm_max_pool2d_backward: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number, k: number, l: number, m: number, n: number, o: number, p: number) => number;
    readonly batch_norm_statistics: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => number;
    readonly batch_norm_update_running: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => void;
    readonly conv2d_backward_input: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number, k: number, l: number, m: number, n: number) => number;
    readonly conv2d_backward_weight: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number, k: number, l: number, m: number, n: number, o: number) => number;
    readonly conv2d_forward: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number, k: number, l: number, m: number, n: number, o: number) => number;
    readonly copy_strided: (a: number, b: number, c: number, d: number, e: number, f: number) => void;
    readonly count_correct: (a: number, b: number, c: number, d: number) => number;
    readonly cross_entropy_backward: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => void;
    readonly cross_entropy_forward: (a: number, b: number, c: number, d: number, e: number, f: number) => number;
    readonly div: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => void;
    readonly exp_backward: (a: number, b: number, c: number, d: number, e: number) => void;
    readonly exp_forward: (a: number, b: number, c: number) => void;
    readonly fill: (a: number, b: number, c: number) => void;
    readonly fill_bernoulli: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => void;
    readonly fill_normal: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => void;
    readonly fill_uniform: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => void;
    readonly gather_f32: (a: number, b: number, c: number, d: number, e: number, f: number) => number;
    readonly gather_u8: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => number;
    readonly lanes_to_rows: (a: number, b: number, c: number, d: number) => void;
    readonly log_backward: (a: number, b: number, c: number, d: number, e: number) => void;
    readonly log_forward: (a: number, b: number, c: number) => void;
    readonly log_softmax_backward: (a: number, b: number, c: number, d: number, e: number) => void;
    readonly log_softmax_forward: (a: number, b: number, c: number, d: number) => void;
    readonly matmul: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => number;
    readonly max_backward: (a: number, b: number, c: number, d: number, e: number, f: number) => void;
    readonly max_forward: (a: number, b: number, c: number, d: number, e: number, f: number) => void;
    readonly max_pool2d_backward: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number, k: number, l: number, m: number, n: number) => void;
    readonly max_pool2d_forward: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number, k: number, l: number, m: number) => void;
    readonly maximum: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => void;
    readonly maximum_share: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => void;
    readonly memory_fail_from: (a: number) => void;
    readonly memory_requests: () => number;
    readonly mul: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => void;
    readonly neg_backward: (a: number, b: number, c: number, d: number, e: number) => void;
    readonly neg_forward: (a: number, b: number, c: number) => void;
    readonly pow_backward: (a: number, b: number, c: number, d: number, e: number) => void;
    readonly pow_forward: (a: number, b: number, c: number, d: number) => void;
    readonly random_permutation: (a: number, b: number, c: number, d: number, e: number, f: number) => number;
    readonly release: (a: number, b: number) => void;
    readonly relu_backward: (a: number, b: number, c: number, d: number, e: number) => void;
    readonly relu_forward: (a: number, b: number, c: number) => void;
    readonly rows_to_lanes: (a: number, b: number, c: number, d: number) => void;
    readonly scratch_trim: () => void;
    readonly sgd_step: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number) => void;
    readonly sigmoid_backward: (a: number, b: number, c: number, d: number, e: number) => void;
    readonly sigmoid_forward: (a: number, b: number, c: number) => void;
    readonly softmax_backward: (a: number, b: number, c: number, d: number, e: number) => void;
    readonly softmax_forward: (a: number, b: number, c: number, d: number) => void;
    readonly sqrt_backward: (a: number, b: number, c: number, d: number, e: number) => void;
    readonly sqrt_forward: (a: number, b: number, c: number) => void;
    readonly sub: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => void;
    readonly sum_forward: (a: number, b: number, c: number, d: number, e: number, f: number) => number;
    readonly tanh_backward: (a: number, b: number, c: number, d: number, e: number) => void;
    readonly tanh_forward: (a: number, b: number, c: number) => void;
    readonly team_abandon: () => void;
    readonly team_chunks_done: (a: number) => number;
    readonly team_failure: () => number;
    readonly team_patience: (a: number) => void;
    readonly team_reset: () => void;
    readonly team_self_test_done: () => number;
    readonly team_self_test_start: (a: number) => void;
    readonly team_set: (a: number, b: number, c: number) => void;
    readonly team_work_forever: (a: number) => void;
    readonly team_worker_failed: (a: number) => void;
    readonly __wbindgen_externrefs: WebAssembly.Table;
    readonly __wbindgen_thread_destroy: (a?: number, b?: number, c?: number) => void;
    readonly __wbindgen_start: (a: number) => void;
}

export type SyncInitInput = BufferSource | WebAssembly.Module;

/**
 * Instantiates the given `module`, which can either be bytes or
 * a precompiled `WebAssembly.Module`.
 *
 * @param {{ module: SyncInitInput, memory?: WebAssembly.Memory, thread_stack_size?: number }} module - Passing `SyncInitInput` directly is deprecated.
 * @param {WebAssembly.Memory} memory - Deprecated.
 *
 * @returns {InitOutput}
 */
export function initSync(module: { module: SyncInitInput, memory?: WebAssembly.Memory, thread_stack_size?: number } | SyncInitInput, memory?: WebAssembly.Memory): InitOutput;

/**
 * If `module_or_path` is {RequestInfo} or {URL}, makes a request and
 * for everything else, calls `WebAssembly.instantiate` directly.
 *
 * @param {{ module_or_path: InitInput | Promise<InitInput>, memory?: WebAssembly.Memory, thread_stack_size?: number }} module_or_path - Passing `InitInput` directly is deprecated.
 * @param {WebAssembly.Memory} memory - Deprecated.
 *
 * @returns {Promise<InitOutput>}
 */
export default function __wbg_init (module_or_path?: { module_or_path: InitInput | Promise<InitInput>, memory?: WebAssembly.Memory, thread_stack_size?: number } | InitInput | Promise<InitInput>, memory?: WebAssembly.Memory): Promise<InitOutput>;
