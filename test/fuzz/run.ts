/** Runs the programs of a row of seeds, and tells of each failure what a person needs to see it. */
import { init } from 'simdgrad'
import { BINARIES } from '../support/binaries.js'
import { check, type Outcome } from './check.js'
import { generate } from './generate.js'
import { print } from './print.js'
import { shrink } from './shrink.js'

/** Two failures are as good as one where kind and operations are the same. */
export interface Found {
  readonly seed: number
  readonly kind: string
  readonly message: string
  /** The operations of the shrunk program. */
  readonly operations: readonly string[]
  /** The shrunk program, ready to be pasted. */
  readonly code: string
}

/** The program of a seed, and what came of it. */
export function runSeed(seed: number): Outcome {
  return check(generate(seed))
}

/** A failure, shrunk and printed. */
export function explain(seed: number, outcome: Outcome & { result: 'failed' }, binary: string): Found {
  const [program, { kind, message }] = shrink(generate(seed), outcome.failure)
  const operations = program.steps.flatMap(({ op, net }) => {
    const layers = program.nets.find(({ id }) => id === net)?.layers ?? []
    return op === 'sequential' ? layers.map(({ name }) => name) : [op]
  })
  const code = print(program, BINARIES[binary])
  return { seed, kind, message, operations: [...new Set(operations)].sort(), code }
}

/** A failure in words. */
export function describe({ seed, message, code }: Found): string {
  return `seed ${seed}: ${message}\nAgain: npm run fuzz -- --seed ${seed} --programs 1\n\n${code}\n`
}

/** Starts the binary of that name. @throws {Error} where the runtime gives another one */
export async function start(binary: string): Promise<void> {
  const backend = await init(BINARIES[binary])
  const got = `${backend.simd}-${backend.shared ? 'shared' : 'unshared'}`
  if (got !== binary) throw new Error(`asked for ${binary}, got ${got}: ${backend.reason}`)
}
