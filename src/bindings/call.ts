/**
 * How a kernel is called: its row of numbers is written into wasm memory, and one export runs it. The functions of
 * kernels.generated.ts write the rows; here is what they share, and what becomes of a failure.
 */
import { WorkerError } from '../errors.js'
import { outOfMemory } from './allocate.js'
import { type Instance, instance } from './instance.js'
import type { Memory } from './memory.js'
import { recorder } from './recording.js'
import { relieve } from './steps.js'
import { teamFailure } from './team.js'

export type { Memory }

/** What `run` gives (crates/bnkernels/src/exports). */
const DONE = 0
const OUT_OF_MEMORY = 1

/** Numbers that a row has room for. */
const ROW_WORDS = 256

/** The dimensions of a broadcast or strided copy: the shape, then each operand's strides. */
export type Dimensions = readonly [shape: readonly number[], a: readonly number[], b: readonly number[]]

let cached = new Float64Array(0)
let cachedOf: Instance | undefined

/** The row of the kernel with that number, to be written at once: it is stale as soon as anything is allocated. */
export function startRow(kernel: number): Float64Array {
  const row = rowNow()
  row[0] = kernel
  return row
}

/**
 * The row as it is. (A memory that has grown leaves a view of nothing, or where it is shared one that is as good as
 * before; to ask it for its buffer takes longer.)
 */
function rowNow(): Float64Array {
  const current = instance()
  if (cachedOf !== current || cached.length === 0) {
    cached = new Float64Array(current.memory.buffer, current.kernels.row(), ROW_WORDS)
    cachedOf = current
  }
  return cached
}

/** Writes dimensions from word `at` on. */
export function writeDimensions(row: Float64Array, at: number, dimensions: Dimensions): void {
  row[at++] = dimensions[0].length
  for (const values of dimensions) for (const value of values) row[at++] = value
}

/**
 * Runs the kernel whose row was written; gives the number that it gives.
 *
 * @throws {OutOfMemoryError} where there is no room for what it needs beside its arguments; nothing was written
 * @throws {WorkerError} where a worker of the team failed
 */
export function call(row: Float64Array, name: string): number {
  if (recorder?.runs(row)) return 0
  let status = run()
  if (status === OUT_OF_MEMORY) {
    // Such a kernel has written nothing, and its row is as it was.
    relieve()
    status = run()
  }
  if (status === DONE) {
    // Of a memory that has grown, the old view may be empty.
    const written = row.length > 0 ? row : rowNow()
    recorder?.ran(written, name)
    return written[1]
  }
  if (status === OUT_OF_MEMORY) throw outOfMemory(`${name}: no room for intermediate values`)
  throw new WorkerError(
    `${name} was given arrays that do not fit its sizes (status ${status}): an older wasm, or a fault: please report it`,
  )
}

/**
 * Runs the kernels whose rows lie from `start` to `end`, and gives `end`; or, where there is no room for what a kernel
 * needs beside its arguments, where its row is. What was before it has run.
 *
 * @throws {WorkerError} where a worker of the team failed
 */
export function callList(start: number, end: number): number {
  const at = guarded(({ run_list }) => run_list(start, end)) >>> 0
  if (at === end) return at
  const [, status] = new Float64Array(instance().memory.buffer, at, 2)
  if (status === OUT_OF_MEMORY) return at
  throw new WorkerError(
    `a compiled step was given arrays that do not fit its sizes (status ${status}): an older wasm, or a fault: please report it`,
  )
}

function run(): number {
  return guarded((kernels) => kernels.run(kernels.row()))
}

function guarded(run: (kernels: Instance['kernels']) => number): number {
  const { kernels, stack } = instance()
  try {
    return run(kernels)
  } catch (trap) {
    // A trap unwinds nothing: without this each would take some of the stack for ever.
    if (stack) stack.pointer.value = stack.top
    throw teamFailure(trap)
  }
}
