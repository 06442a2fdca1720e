/**
 * What a function of tensors consists of, as the operations that it ran: with their attributes, whoever has called them, and
 * whether or not they have a gradient. What they take besides each other's results, the inputs and what is `kept` are
 * constants; that these depend on no input is found by the kernels that ran. Files of nets (onnx, export) are written from it.
 */
import { Recorded } from '../bindings/recorded.js'
import { recordedBy, type Storage } from '../bindings/recording.js'
import { keepingStream, streamPoint } from '../tensor/random.js'
import { eachTensor } from '../tensor/scope.js'
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
  /** undefined where an optional one was missing. Of an input, a result or what is kept, it is always the same object. */
  readonly inputs: readonly (CapturedTensor | undefined)[]
  readonly output: CapturedTensor
}

/** What was seen of a function. */
export interface Captured {
  /** In the order that they ran in. */
  readonly operations: readonly CapturedOperation[]
  /** What the function gave. */
  readonly result: unknown
  /** Of a tensor that was given to the function or came out of it. */
  of(x: Tensor): CapturedTensor
  /** Values that no operation of the function's has made, by their memory. */
  readonly constants: ReadonlyMap<object, Float32Array>
  /** What of the function no list of operations can say; undefined where nothing. */
  readonly problem: string | undefined
}

/** What is known of a tensor's values, in one version. */
interface Known {
  readonly tensor: CapturedTensor
  readonly version: number
}

/**
 * Runs a function in noGrad, and tells what it did. Its result's tensors are to be looked at before they are let go of.
 *
 * @param kept tensors that are no constants, though they depend on no input: what is computed of them is listed, too
 */
export function capture(
  inputs: readonly Tensor[],
  run: () => unknown,
  kept: readonly Tensor[] = [],
): Captured {
  const operations: CapturedOperation[] = []
  const constants = new Map<object, Float32Array>()
  /** By tensor and, for others of the same memory, by that. */
  const known = new Map<Tensor | Storage, Known>()
  let problem: string | undefined
  /** What was there before, by the operation that first took it. */
  const takers = new Map<Storage, string>()
  const memoryOf = (storage: Storage): object => {
    const one = known.get(storage)
    return one?.version === storage.version ? one.tensor.memory : storage
  }
  const know = (x: Tensor, memory = memoryOf(x.storage)): CapturedTensor => {
    const { storage, shape } = x
    const one = { tensor: { memory, shape }, version: storage.version }
    known.set(x, one)
    known.set(storage, one)
    return one.tensor
  }
  /** (What this look does itself is no part of the function.) */
  const isConstant = (x: Tensor, memory: object): CapturedTensor => {
    constants.set(
      memory,
      recordedBy(undefined, () => x.toFloat32Array()),
    )
    return know(x, memory)
  }
  const taken = (x: Tensor, by: string): CapturedTensor => {
    const { storage, shape } = x
    const one = known.get(x) ?? known.get(storage)
    if (!one) {
      takers.set(storage, by)
      return isConstant(x, storage)
    }
    const { tensor, version } = one
    if (version === storage.version) return known.has(x) ? tensor : { memory: tensor.memory, shape }
    // A constant has become another.
    if (constants.has(tensor.memory)) return isConstant(x, {})
    problem ??= `what '${by}' reads was changed in place (copy_, fill_); make a new tensor`
    return tensor
  }
  for (const x of kept) know(x)
  for (const x of inputs) know(x)
  const seen = new Seen(
    inputs.map(({ storage }) => storage),
    false,
  )
  const before = setRecipes((operation, sources, attributes, output) => {
    const { name } = operation
    const inputs = sources.map((x) => x && taken(x, name))
    // A user's own function is what its forward has computed.
    const own = name === 'function' ? (attributes as { result?: Tensor }).result : undefined
    if (own) know(output, taken(own, name).memory)
    // What is made of constants alone is one.
    else if (inputs.every((x) => !x || constants.has(x.memory))) {
      if (!constants.has(know(output).memory)) isConstant(output, output.storage)
    } else operations.push({ name, attributes, inputs, output: know(output) })
  })
  try {
    const result = keepingStream(() => {
      const { position } = streamPoint()
      const given = noGrad(() => recordedBy(seen, () => withoutFusion(run)))
      if (streamPoint().position !== position)
        problem ??= 'it draws random numbers, as dropout does unless asked by this.training'
      eachTensor(given, (x) => taken(x, 'the result'))
      return given
    })
    problem ??= seen.problem
    const dependent = dependentOf(seen)
    if (dependent === undefined)
      problem ??=
        'it reads a value that depends on its inputs (item(), toArray(), …), which would stay what it is now; compute it with tensor operations'
    for (const [storage, by] of takers) {
      if (dependent?.has(storage))
        problem ??= `what '${by}' reads was computed from the input by no operation`
    }
    if (kept.some((x) => dependent?.has(x.storage)))
      problem ??= 'it changes its own weights by its inputs, as an embedding with maxNorm does'
    return { operations, result, of: (x) => taken(x, 'the result'), constants, problem }
  } finally {
    setRecipes(before)
    seen.free()
  }
}

/** What runs but once: JavaScript may read what depends on no input, and writes what it likes. */
class Seen extends Recorded {
  readonly read: { storage: Storage; after: number }[] = []

  override reads(storage: Storage): void {
    this.read.push({ storage, after: this.rows.length })
  }

  override writes(): void {}
}

/**
 * All memory that came of the inputs: a kernel that reads some of it writes more.
 *
 * @returns undefined where JavaScript has read some of it
 */
function dependentOf({ inputs, rows, betweens, read }: Seen): ReadonlySet<Storage> | undefined {
  const dependent = new Set<Storage>(inputs)
  let [next, looked] = [0, 0]
  for (let i = 0; i <= rows.length; i++) {
    // JavaScript between kernels may write all that it was given.
    for (; next < betweens.length && betweens[next].after === i; next++) {
      const { storages } = betweens[next]
      if (storages.some((storage) => dependent.has(storage))) for (const one of storages) dependent.add(one)
    }
    for (; looked < read.length && read[looked].after === i; looked++)
      if (dependent.has(read[looked].storage)) return undefined
    const places = i < rows.length ? rows[i].places : []
    if (!places.some(({ storage, written }) => !written && dependent.has(storage))) continue
    for (const { storage, written } of places) if (written) dependent.add(storage)
  }
  return dependent
}
