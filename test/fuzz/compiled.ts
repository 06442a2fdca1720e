/** Runs programs compiled, several times over, beside the same programs as they are: all bits are the same. */
import { AutogradError, compile, manualSeed, type Tensor } from 'simdgrad'
import { fuseRecorded } from '../../src/bindings/fuse-rows.js'
import { setRowFusion } from '../../src/bindings/row-fusion.js'
import { Execution, Thrown } from './execute.js'
import type { Program } from './program.js'

/** Runs of each: at most three record, for the first finds no gradients to add to. */
const RUNS = 6
const REPLAYED = 3

export type CompiledOutcome =
  | { readonly result: 'same' }
  /** It was not replayed, and why. */
  | { readonly result: 'eager'; readonly why: string }
  | { readonly result: 'different'; readonly what: string }

/** The results of the steps, and what they were called with: all that a program can show. */
function resultsOf({ tensors, program }: Execution): Record<string, Tensor> {
  const leaves = new Set(program.leaves.map(({ id }) => id))
  // A graph that no backward has used is not for a result.
  return Object.fromEntries([...tensors].filter(([id]) => !leaves.has(id)).map(([id, x]) => [id, x.detach()]))
}

/** Where two rows of numbers differ in a bit; NaN is as good as NaN. */
function differs(a: Float32Array, b: Float32Array): boolean {
  return a.length !== b.length || a.some((value, i) => !Object.is(value, b[i]))
}

// The programs' arrays are so small that their rows would not be fused.
setRowFusion((recorded) => fuseRecorded(recorded, 1))

/** @throws {Thrown} where the program itself can't run */
export function compareCompiled(program: Program): CompiledOutcome {
  const [own, other] = [new Execution(program, {}, false), new Execution(program, {}, false)]
  const step = compile(() => {
    other.steps()
    return resultsOf(other)
  })
  try {
    for (let run = 0; run < RUNS; run++) {
      manualSeed(run)
      own.steps()
      const expected = resultsOf(own)
      manualSeed(run)
      let got: Record<string, Tensor>
      try {
        got = step()
      } catch (error) {
        const why = error instanceof Thrown ? error.what : error
        if (why instanceof AutogradError && why.message.startsWith('compile:')) {
          return { result: 'eager', why: why.message }
        }
        throw error
      }
      const wrong = compare(expected, got, own, other)
      if (wrong) return { result: 'different', what: `run ${run}: ${wrong}` }
    }
    const { replayed, reason } = step.report
    if (replayed >= REPLAYED) return { result: 'same' }
    return { result: 'eager', why: reason ?? `it was replayed ${replayed} times` }
  } finally {
    step.dispose()
  }
}

function compare(
  expected: Record<string, Tensor>,
  got: Record<string, Tensor>,
  own: Execution,
  other: Execution,
): string | undefined {
  for (const [id, x] of Object.entries(expected)) {
    if (`${x.shape}` !== `${got[id].shape}`) return `${id} has shape [${got[id].shape}]`
    if (differs(x.toFloat32Array(), got[id].toFloat32Array())) return `${id} has other values`
  }
  for (const { id } of own.program.leaves) {
    const [a, b] = [own.get(id), other.get(id)]
    if (differs(a.toFloat32Array(), b.toFloat32Array())) return `${id} has other values`
    if (!a.grad !== !b.grad) return `${id} has ${b.grad ? 'a' : 'no'} gradient`
    if (a.grad && b.grad && differs(a.grad.toFloat32Array(), b.grad.toFloat32Array())) {
      return `the gradient of ${id} has other values`
    }
  }
  return undefined
}
