/**
 * What a net's forward computes, as a list of operations: seen by running it, so that a `forward()` of anybody's own shows
 * itself. What does not depend on the inputs or on the net's state (a mask, a range) is a constant with its values.
 */
import { type ListedCall, type Listener, listCalls, type Storage } from '../autograd/listed-calls.js'
import { ArgumentError, AutogradError } from '../errors.js'
import { keepModes } from '../nn/modes.js'
import type { AnyModule } from '../nn/module.js'
import { keepingStream } from '../tensor/random.js'
import { eachTensor } from '../tensor/scope.js'
import { type Shape, sameShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'

/** Where a value comes from: an input of the net, its state, a constant, or an operation. */
export type Source =
  | { kind: 'input'; index: number }
  | { kind: 'state'; name: string; tensor: Tensor }
  | { kind: 'constant'; values: Float32Array }
  | { kind: 'step'; index: number }

/** A tensor in the net. */
export interface Value {
  readonly source: Source
  readonly shape: Shape
}

/** An operation in the net. */
export interface Step {
  readonly name: string
  readonly inputs: readonly (Value | undefined)[]
  readonly attributes: unknown
  readonly shape: Shape
}

/** The net, with inputs of one size. */
export interface Traced {
  readonly inputs: readonly Value[]
  readonly steps: readonly Step[]
  readonly outputs: readonly Value[]
}

/** What is known of a tensor: at its storage's version of then, for what is changed in place is another. */
interface Known {
  readonly value: Value
  readonly storage: Storage
  readonly version: number
  /** Whether it depends on the inputs. */
  readonly dynamic: boolean
}

/**
 * Runs `net.forward(...inputs)` in evaluation, and leaves the net as it was.
 *
 * @throws {AutogradError} where the forward reads values that depend on the inputs, or changes such in place
 */
export function traceNet(net: AnyModule, inputs: readonly Tensor[]): Traced {
  const tracer = new Tracer(net, inputs)
  const restore = keepModes(net)
  try {
    net.eval()
    const output: unknown = keepingStream(() =>
      listCalls(() => {
        const given: unknown = Reflect.apply(net.forward, net, inputs)
        if (typeof (given as { then?: unknown } | undefined)?.then === 'function')
          throw new ArgumentError(
            `${net.constructor.name}: its forward is asynchronous, which no ONNX graph can be`,
          )
        return given
      }, tracer),
    )
    const outputs: Value[] = []
    eachTensor(output, (x) => outputs.push(tracer.valueOf(x)))
    if (outputs.length === 0) throw new ArgumentError(`${net.constructor.name}: its forward gives no tensor`)
    return { inputs: tracer.inputs, steps: tracer.steps, outputs }
  } finally {
    restore()
  }
}

class Tracer implements Listener {
  readonly steps: Step[] = []
  readonly inputs: Value[] = []
  readonly #byTensor = new Map<Tensor, Known>()
  readonly #byStorage = new Map<Storage, Known[]>()
  /** What JavaScript may have computed of the inputs. */
  readonly #tainted = new Set<Storage>()
  #reading = false

  constructor(
    readonly net: AnyModule,
    inputs: readonly Tensor[],
  ) {
    for (const [name, tensor] of Object.entries(net.stateDict())) {
      // Tied weights go by their first name.
      if (this.#find(tensor)) continue
      this.#know(tensor, { source: { kind: 'state', name, tensor }, shape: tensor.shape }, false)
    }
    for (const [index, tensor] of inputs.entries()) {
      const value: Value = { source: { kind: 'input', index }, shape: tensor.shape }
      this.inputs.push(value)
      this.#know(tensor, value, true)
    }
  }

  ran({ name, inputs, attributes, output }: ListedCall): void {
    const known = inputs.map((x) => x && this.#find(x))
    // Of constants alone comes a constant: its values are read where it is used.
    if (!known.some((one) => one)) {
      if (inputs.some((x) => x && this.#tainted.has(x.storage))) this.#tainted.add(output.storage)
      return
    }
    // Custom functions: what their forward gave, by operations that were seen.
    const result = name === 'function' ? (attributes as { result?: Tensor }).result : undefined
    const own = result && this.#find(result)
    if (own) {
      this.#know(output, own.value, own.dynamic)
      return
    }
    const step: Step = {
      name,
      inputs: inputs.map((x, i) => x && (known[i]?.value ?? this.valueOf(x))),
      attributes,
      shape: output.shape,
    }
    const value: Value = { source: { kind: 'step', index: this.steps.length }, shape: output.shape }
    this.steps.push(step)
    this.#know(
      output,
      value,
      known.some((one) => one?.dynamic),
    )
  }

  reads(storage: Storage): void {
    if (this.#reading || !this.#isDynamic(storage)) return
    throw new AutogradError(
      `${this.net.constructor.name}: its forward reads a value that depends on its inputs (item(), toArray(), …); the exported graph would have this one for ever. Compute it with tensor operations`,
    )
  }

  computes(storages: readonly Storage[]): void {
    if (!storages.some((storage) => this.#isDynamic(storage))) return
    for (const storage of storages) if (!this.#byStorage.has(storage)) this.#tainted.add(storage)
  }

  #isDynamic(storage: Storage): boolean {
    return (
      this.#tainted.has(storage) || (this.#byStorage.get(storage)?.some(({ dynamic }) => dynamic) ?? false)
    )
  }

  /** The value that a tensor has now. */
  valueOf(x: Tensor): Value {
    const known = this.#find(x)
    if (known) return known.value
    if (this.#tainted.has(x.storage)) {
      throw new AutogradError(
        `${this.net.constructor.name}: its forward uses what JavaScript computes of its inputs (sort, topk, oneHot, an embedding's maxNorm, …), which has no form in ONNX`,
      )
    }
    this.#reading = true
    try {
      const value: Value = { source: { kind: 'constant', values: x.toFloat32Array() }, shape: x.shape }
      this.#know(x, value, false)
      return value
    } finally {
      this.#reading = false
    }
  }

  #know(x: Tensor, value: Value, dynamic: boolean): void {
    const { storage } = x
    const known: Known = { value, storage, version: storage.version, dynamic }
    this.#byTensor.set(x, known)
    if (value.source.kind === 'constant') return
    const others = this.#byStorage.get(storage)
    if (others) others.push(known)
    else this.#byStorage.set(storage, [known])
  }

  /** A tensor that was seen, or one that shares its memory (detach). */
  #find(x: Tensor): Known | undefined {
    const known =
      this.#byTensor.get(x) ??
      this.#byStorage.get(x.storage)?.find(({ value }) => sameShape(value.shape, x.shape))
    if (!known) return undefined
    if (known.storage !== x.storage || known.version !== x.storage.version) {
      if (known.value.source.kind === 'constant') return undefined
      throw new AutogradError(
        `${this.net.constructor.name}: its forward changes a tensor of shape [${x.shape}] in place (copy_, fill_), which an ONNX graph can't; make a new one`,
      )
    }
    return known
  }
}
