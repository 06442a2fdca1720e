import { InitError } from '../errors.js'
import type { InitOutput } from './wasm/bnkernels.js'

/** A binary that runs: its exports and its memory. */
export interface Instance {
  readonly kernels: InitOutput
  readonly memory: WebAssembly.Memory
  /** Whether it has the kernels that few use, too. */
  readonly whole: boolean
  /** The global that a trap leaves where it was, and its value while nothing runs. */
  readonly stack?: { readonly pointer: WebAssembly.Global; readonly top: unknown } | undefined
}

let current: Instance | undefined

export function setInstance(instance: Instance): void {
  current = instance
}

/** The instance that `init` made. @throws {InitError} before that */
export function instance(): Instance {
  if (!current)
    throw new InitError(
      'simdgrad is not ready: call `await init()` before the first tensor is made',
      'not-initialised',
    )
  return current
}
