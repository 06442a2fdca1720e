/** Which operations a function runs, on which tensors: every one, whoever calls it, in the order in which they run. */
import { type Recorder, recordedBy, type Storage } from '../bindings/recording.js'
import type { Tensor } from '../tensor/tensor.js'
import { withoutFusion } from './fusion.js'
import type { Operation } from './operation.js'
import { setRecipes } from './recipe-notes.js'
import { noGrad } from './tape.js'

export type { Storage } from '../bindings/recording.js'

/** One operation that ran. */
export interface ListedCall {
  /** The operation's name, such as `conv2d`. */
  readonly name: string
  readonly inputs: readonly (Tensor | undefined)[]
  readonly attributes: unknown
  readonly output: Tensor
}

/** Who is told of what runs. What it throws ends the function. */
export interface Listener {
  /** An operation has run. Its tensors may be freed later, but can be read now. */
  ran(call: ListedCall): void
  /** JavaScript reads the values of a tensor, as `item()` does. */
  reads(storage: Storage): void
  /** JavaScript computes: it may read, or write, the values of these. */
  computes(storages: readonly Storage[]): void
}

/** Runs `fn` without recording gradients and without fusing neighbours, and tells `listener` of its operations. */
export function listCalls<T>(fn: () => T, listener: Listener): T {
  const before = setRecipes((operation, inputs, attributes, output) => {
    listener.ran({ name: nameOf(operation), inputs, attributes, output })
  })
  try {
    return recordedBy(recorderOf(listener), () => withoutFusion(() => noGrad(fn)))
  } finally {
    setRecipes(before)
  }
}

const nameOf = <A>({ name }: Operation<A>) => name

/** Nothing is written down for another run: a recorder that only listens. */
function recorderOf(listener: Listener): Recorder {
  const nothing = () => {}
  return {
    asks: nothing,
    makes: nothing,
    runs: () => false,
    ran: nothing,
    reads: (storage) => listener.reads(storage),
    writes: nothing,
    gradient: nothing,
    live: (run) => run(),
    eachRun(storages, run) {
      listener.computes(storages)
      // What it reads was told.
      recordedBy(undefined, () => run(storages))
    },
    accepts: nothing,
    reliesOn: nothing,
  }
}
