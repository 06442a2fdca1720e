import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** What train-hash.mjs prints. */
export interface Trained {
  runtime: string
  simd: 'strict' | 'relaxed'
  threads: number
  shared: boolean
  reason: string
  hash: string
  /** Of both nets, at the first and at the last step. */
  losses: number[]
  /** By worker: work for the nets alone. */
  chunksDone: number[]
}

const script = fileURLToPath(new URL('train-hash.mjs', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))

/** Runs train-hash.mjs; `command` is a runtime and what it wants before the script's name. */
export async function trainHash(
  command: readonly string[],
  threads: number,
  ...options: string[]
): Promise<Trained> {
  const [runtime, ...before] = command
  const args = [...before, script, '--threads', `${threads}`, ...options]
  const { stdout } = await promisify(execFile)(runtime, args, { cwd: root, timeout: 250_000 })
  return JSON.parse(stdout) as Trained
}
