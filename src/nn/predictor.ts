/** Predictions of a net as it was when they were asked for: folded, frozen, recorded, in memory of their own. */
import { FrozenStep, type Place } from '../autograd/frozen-step.js'
import { checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError, DisposedError, ShapeError } from '../errors.js'
import { fromValues } from '../tensor/create.js'
import { type Shape, sizeOf } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { type FrozenCopyOptions, frozenCopy } from './frozen-copy.js'
import { callForward } from './layer.js'
import { type AnyModule, Module } from './module.js'

/** Options of predictor. */
export interface PredictorOptions<M> extends FrozenCopyOptions<M> {
  /** Numbers of rows that are recorded at once, and whose memory stays. Default [1]; others are recorded as they come. */
  batchSizes?: readonly number[]
}

/** What `predict` gives: for each tensor of what the net's forward gives, its values in row-major order. */
export type Predicted<Output> = Output extends Tensor
  ? Float32Array
  : Output extends object
    ? { [Key in keyof Output]: Predicted<Output[Key]> }
    : Output

/** How a predictor runs. */
export interface PredictionReport {
  /** Shapes of inputs that have a recording. */
  recordings: number
  /** Bytes of wasm memory that they have for themselves; the weights come to that. */
  bytes: number
  /** Why the last prediction ran the net as it is, and not as a recorded list of kernels; undefined where it did not. */
  reason: string | undefined
}

/** Recordings that are kept besides those of `batchSizes`. */
const KEPT = 16

/** Predictions of a net as it was; `predictor` makes one. */
export class Predictor<Output = Tensor> {
  /** The copy that predicts, in evaluation mode. Changing it is no use: it is recorded. @internal */
  readonly net: AnyModule
  /** Of each input what comes after the batch, as far as that is known. */
  readonly rowShapes: readonly Shape[] | undefined
  readonly #steps = new Map<string, FrozenStep>()
  readonly #stay = new Set<string>()
  readonly #run: (...inputs: readonly Tensor[]) => unknown
  #last: FrozenStep | undefined
  #lastKey = ''
  #disposed = false

  /** @internal */
  constructor(net: AnyModule, rowShapes: readonly Shape[] | undefined, batchSizes: readonly number[]) {
    this.net = net
    this.rowShapes = rowShapes
    this.#run = (...inputs) => callForward(net as AnyModule<readonly unknown[]>, ...inputs)
    if (!rowShapes) return
    for (const n of batchSizes) {
      const shapes = rowShapes.map((shape) => [n, ...shape])
      this.#stepFor(shapes)
      this.#stay.add(keyOf(shapes))
    }
  }

  /**
   * Predicts from plain numbers: any number of rows, one after the other, row-major.
   *
   * @param inputs for each argument of the net's forward its values: a multiple of what a row has
   * @returns the values of the result, in an array of their own; where the net gives several tensors, as it gives them
   * @throws {ShapeError} for values that are no whole rows, or inputs of different numbers of them
   * @throws {ArgumentError} for what is no array of numbers, or where a row's shape is unknown (give `inputs`)
   * @throws {DisposedError} after `dispose()`
   */
  predict(...inputs: readonly ArrayLike<number>[]): Predicted<Output> {
    return mapPlaces(this.#predicted(inputs), (place) => place.read().slice()) as Predicted<Output>
  }

  /**
   * As `predict`, into an array that is there already: a call then makes no garbage that grows with the batch.
   *
   * @param out gets the values of the result, of which there must be one
   * @param inputs as of `predict`
   * @returns how many values were written
   * @throws {ShapeError} where `out` is too short, and as `predict`; it is then as it was
   * @throws {ArgumentError} for another `out`, a net that gives several tensors, and as `predict`
   * @throws {DisposedError} after `dispose()`
   */
  predictInto(out: Float32Array, ...inputs: readonly ArrayLike<number>[]): number {
    if (!(out instanceof Float32Array)) {
      throw new ArgumentError(`predictInto: expected a Float32Array to write to, got ${kindOf(out)}`)
    }
    const place = this.#predicted(inputs)
    if (!isPlace(place)) {
      throw new ArgumentError('predictInto: the net gives several tensors; predict gives the values of each')
    }
    const values = place.read()
    if (out.length < values.length) {
      throw new ShapeError(
        `predictInto: the result [${place.shape}] has ${values.length} values, and there is room for ${out.length}`,
      )
    }
    out.set(values)
    return values.length
  }

  /**
   * What the net's `forward` gave for these tensors, as new tensors: for inputs of any shape that it takes.
   *
   * @param inputs the arguments of the net's forward, all tensors
   * @throws {ArgumentError} for what is no tensor
   * @throws {DisposedError} after `dispose()`
   */
  forward(...inputs: readonly Tensor[]): Output {
    const other = inputs.find((x) => !(x instanceof Tensor))
    if (other !== undefined || inputs.length === 0) {
      throw new ArgumentError(`predictor: forward takes tensors, got ${kindOf(other)}; predict takes numbers`)
    }
    const step = this.#stepFor(inputs.map(({ shape }) => shape))
    for (const [i, x] of inputs.entries()) step.inputs[i].copy_(x)
    return mapPlaces(step.run(), ({ shape, read }) => fromValues(read().slice(), shape)) as Output
  }

  /** How it runs. */
  get report(): PredictionReport {
    const steps = [...this.#steps.values()]
    const bytes = steps.reduce((sum, step) => sum + step.bytes, 0)
    const recordings = steps.filter(({ replays }) => replays).length
    return { recordings, bytes, reason: this.#last?.reason }
  }

  /** Gives the memory back. Predicting afterwards throws. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    for (const step of this.#steps.values()) step.free()
    this.#steps.clear()
    this.#last = undefined
    for (const x of [...this.net.parameters(), ...this.net.buffers()]) x.dispose()
  }

  /** As `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  #predicted(inputs: readonly ArrayLike<number>[]): unknown {
    const shapes = this.#shapesOf(inputs)
    const step = this.#stepFor(shapes)
    for (let i = 0; i < inputs.length; i++) step.inputs[i].storage.write(inputs[i])
    return step.run()
  }

  #shapesOf(inputs: readonly ArrayLike<number>[]): Shape[] {
    const { rowShapes } = this
    if (!rowShapes) {
      throw new ArgumentError(
        `predictor: the shape of an input of ${this.net.constructor.name} is not known; give it, batch included, as { inputs: [1, 3, 32, 32] }, or call forward with tensors`,
      )
    }
    if (inputs.length !== rowShapes.length) {
      throw new ArgumentError(
        `predictor: ${this.net.constructor.name} takes ${rowShapes.length} inputs, got ${inputs.length}`,
      )
    }
    let rows = -1
    return inputs.map((values, i) => {
      const shape = rowShapes[i]
      const size = sizeOf(shape)
      if (!isNumbers(values)) {
        throw new ArgumentError(
          `predictor: expected the values of rows in a typed array or an array of numbers, got ${kindOf(values)}${values instanceof Tensor ? '; forward takes tensors' : ''}`,
        )
      }
      const n = values.length / size
      if (!Number.isInteger(n) || n < 1) {
        throw new ShapeError(
          `predictor: a row of shape [${shape}] has ${size} values, and ${values.length} are no whole rows; another shape is given as { inputs: [1, …] }`,
        )
      }
      if (rows >= 0 && n !== rows) {
        throw new ShapeError(`predictor: the first input has ${rows} rows, and input ${i} has ${n}`)
      }
      rows = n
      return [n, ...shape]
    })
  }

  #stepFor(shapes: readonly Shape[]): FrozenStep {
    if (this.#disposed) {
      throw new DisposedError('this predictor was disposed of; make another one with predictor(net)')
    }
    const key = keyOf(shapes)
    // (Mostly the same shape again.)
    if (this.#last && key === this.#lastKey) return this.#last
    let step = this.#steps.get(key)
    if (step) this.#steps.delete(key)
    else {
      this.#makeRoom()
      step = new FrozenStep(this.#run, shapes)
    }
    // The last is the one that was used last.
    this.#steps.set(key, step)
    this.#last = step
    this.#lastKey = key
    return step
  }

  #makeRoom(): void {
    const others = [...this.#steps].filter(([key]) => !this.#stay.has(key))
    for (const [key, step] of others.slice(0, Math.max(0, others.length + 1 - KEPT))) {
      step.free()
      this.#steps.delete(key)
      if (this.#last === step) this.#last = undefined
    }
  }
}

const keyOf = (shapes: readonly Shape[]) => shapes.join(';')

const isNumbers = (values: unknown): boolean =>
  (ArrayBuffer.isView(values) && 'length' in values) ||
  (Array.isArray(values) && (values.length === 0 || typeof values[0] === 'number'))

const isPlace = (value: unknown): value is Place =>
  typeof value === 'object' && value !== null && 'read' in value && typeof value.read === 'function'

/** What a run gave, with something else in each place. */
function mapPlaces(value: unknown, map: (place: Place) => unknown): unknown {
  if (isPlace(value)) return map(value)
  if (Array.isArray(value)) return value.map((one) => mapPlaces(one, map))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mapPlaces(one, map)]))
}

/**
 * Something that predicts with a net as it is now: a copy with batch norm folded away (see `foldBatchNorm`), whose
 * forward is recorded for each number of rows, and then runs as one list of kernels in memory that was planned once.
 * Training the net goes on undisturbed, and so do the predictions: to have those of later weights, make another one.
 *
 * ```ts
 * const predicts = predictor(net, { inputs: [1, 1, 28, 28], batchSizes: [1, 32] })
 * const logits = predicts.predict(pixels) // a Float32Array of 784 · n numbers gives one of 10 · n
 * ```
 *
 * @param net any net; it is left as it was
 * @param options `inputs` tells what its forward takes, where that can't be guessed
 * @throws {ArgumentError} for what is no module, an option that is unknown or out of range, a net that can't be copied
 *   (give `into`), or with batch norm whose input can't be guessed (give `inputs`), and within noGrad
 */
export function predictor<Inputs extends readonly unknown[], Output, M extends AnyModule<Inputs, Output>>(
  net: M & AnyModule<Inputs, Output>,
  options: PredictorOptions<M> = {},
): Predictor<Output> {
  const name = 'predictor'
  if (!(net instanceof Module)) throw new ArgumentError(`${name}: expected a Module, got ${kindOf(net)}`)
  checkOptions(name, options, ['inputs', 'into', 'tolerance', 'fold', 'batchSizes'])
  const { batchSizes = [1], ...others } = options
  if (!Array.isArray(batchSizes)) {
    throw new ArgumentError(`${name}: batchSizes are numbers of rows, as [1, 32], got ${kindOf(batchSizes)}`)
  }
  for (const n of batchSizes) checkNumber(name, 'a batch size', n, { least: 1, whole: true })
  const { copy, shapes } = frozenCopy(name, net, others)
  return new Predictor<Output>(
    copy,
    shapes?.every((shape) => shape.length > 0) ? shapes.map((shape) => shape.slice(1)) : undefined,
    batchSizes,
  )
}
