/**
 * What a step that computes results consists of, as the operations that it ran: with their attributes, whoever has
 * called them, and whether or not they have a gradient. What they take besides each other's results and the step's inputs
 * are constants; that these depend on no input is found by the kernels that ran.
 */
import { Recorded } from '../bindings/recorded.js'
import { recordedBy, type Storage } from '../bindings/recording.js'
import { keepingStream, streamPoint } from '../tensor/random.js'
import type { Shape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { withoutFusion } from './fusion.js'
import { setRecipes } from './recipe-notes.js'
import { noGrad } from './tape.js'

/** A tensor that an operation took or gave: what has the same memory has the same values in row-major order. */
export interface CapturedTensor {
  readonly memory: object
  readonly shape: Shape
}

/** An operation that ran. */
export interface CapturedOperation {
  readonly name: string
  readonly attributes: unknown
  /** undefined where an optional one was missing. */
  readonly inputs: readonly (CapturedTensor | undefined)[]
  readonly output: CapturedTensor
}

/** What was seen of a step. */
export interface Captured {
  /** In the order that they ran in. */
  readonly operations: readonly CapturedOperation[]
  /** What the step gave. */
  readonly result: unknown
  /** Of a tensor that was given to the step or came out of it. */
  of(x: Tensor): CapturedTensor
  /** Values that no operation of the step's has made, by their memory. */
  readonly constants: ReadonlyMap<object, Float32Array>
  /** What of the step no list of operations can say; undefined where nothing. */
  readonly problem: string | undefined
}

/** Runs a step in noGrad, and tells what it did. Its result's tensors are to be looked at before they are let go of. */
export function capture(inputs: readonly Tensor[], step: () => unknown): Captured {
  const operations: CapturedOperation[] = []
  const constants = new Map<object, Float32Array>()
  /** What inputs and operations have made, and the constants; and in which version. */
  const known = new Map<Storage, number>()
  let problem: string | undefined
  /** What was taken from outside, by the operation that first did so. */
  const takers = new Map<Storage, string>()
  const of = (x: Tensor): CapturedTensor => ({ memory: x.storage, shape: x.shape })
  const taken = (x: Tensor, by: string): CapturedTensor => {
    const { storage } = x
    const version = known.get(storage)
    if (version === undefined) {
      // (What the look itself does is no part of the step.)
      constants.set(
        storage,
        recordedBy(undefined, () => x.toFloat32Array()),
      )
      known.set(storage, storage.version)
      takers.set(storage, by)
    } else if (version !== storage.version) {
      problem ??= `what '${by}' reads was changed in place`
    }
    return of(x)
  }
  for (const { storage } of inputs) known.set(storage, storage.version)
  const recorded = new Recorded(
    inputs.map(({ storage }) => storage),
    false,
  )
  const before = setRecipes((operation, sources, attributes, output) => {
    const { name } = operation
    const inputs = sources.map((x) => x && taken(x, name))
    const { storage } = output
    known.set(storage, storage.version)
    // What is made of constants alone is one.
    if (inputs.every((x) => !x || constants.has(x.memory))) {
      if (constants.has(storage)) return
      constants.set(
        storage,
        recordedBy(undefined, () => output.toFloat32Array()),
      )
    } else operations.push({ name, attributes, inputs, output: of(output) })
  })
  try {
    const result = keepingStream(() => {
      const { position } = streamPoint()
      const given = noGrad(() => recordedBy(recorded, () => withoutFusion(step)))
      if (streamPoint().position !== position) problem ??= 'it draws random numbers'
      return given
    })
    problem ??= recorded.problem
    const dependent = dependentOf(recorded)
    for (const [storage, by] of takers) {
      if (dependent.has(storage)) problem ??= `what '${by}' reads was computed from the input by no operation`
    }
    return { operations, result, of: (x) => taken(x, 'the result'), constants, problem }
  } finally {
    setRecipes(before)
    recorded.free()
  }
}

/** All memory that came of the inputs: a kernel that reads some of it writes more. */
function dependentOf({ inputs, rows, betweens }: Recorded): ReadonlySet<Storage> {
  const dependent = new Set<Storage>(inputs)
  let next = 0
  for (let i = 0; i <= rows.length; i++) {
    // JavaScript between kernels may write all that it was given.
    for (; next < betweens.length && betweens[next].after === i; next++) {
      const { storages } = betweens[next]
      if (storages.some((storage) => dependent.has(storage))) for (const one of storages) dependent.add(one)
    }
    const places = i < rows.length ? rows[i].places : []
    if (!places.some(({ storage, written }) => !written && dependent.has(storage))) continue
    for (const { storage, written } of places) if (written) dependent.add(storage)
  }
  return dependent
}
