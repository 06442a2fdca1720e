/* tslint:disable */
/* eslint-disable */

/**
 * `bytes` of uninitialised memory, aligned to 64; 0 when there is none left.
 */
export function allocate(bytes: number): number;

/**
 * Whether `mul_add` rounds once, as relaxed SIMD does on most CPUs: `fround(a²) - a · a` is 0 where the
 * product is rounded first.
 */
export function fuses(): boolean;

/**
 * Whether this binary has the kernels that few use, too (the declarations that say `in whole`).
 */
export function is_whole(): boolean;

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
 * # Safety
 * `pointer` came from `allocate(bytes)` and is used no more.
 */
export function release(pointer: number, bytes: number): void;

/**
 * Where a row may be written: 256 words, more than any kernel has.
 */
export function row(): number;

/**
 * Runs the kernel whose row is at `row`; see [`Status`] for what it gives. The kernel's number, if it has
 * one, is then in word 1.
 *
 * # Safety
 * There is a whole row, and its arrays are live and do not overlap.
 */
export function run(row: number): number;

/**
 * Runs kernels from rows that lie one after the other, up to `end`; ends with the first that fails, and says in
 * word 1 of its row how. Gives `end`, or where that row is.
 *
 * # Safety
 * As for `run`.
 */
export function run_list(rows: number, end: number): number;

/**
 * Gives back what kernels keep for the next time.
 */
export function scratch_trim(): void;

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
    readonly allocate: (a: number) => number;
    readonly fuses: () => number;
    readonly is_whole: () => number;
    readonly memory_fail_from: (a: number) => void;
    readonly memory_requests: () => number;
    readonly release: (a: number, b: number) => void;
    readonly row: () => number;
    readonly run: (a: number) => number;
    readonly run_list: (a: number, b: number) => number;
    readonly scratch_trim: () => void;
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
