/**
 * What a net's forward computes, as a list of operations (autograd/capture.ts), so that a `forward()` of anybody's own shows
 * itself. What does not depend on the inputs or on the net's state (a mask, a range) is a constant with its values.
 */
import { type CapturedTensor, capture } from '../autograd/capture.js'
import { ArgumentError, AutogradError } from '../errors.js'
import { keepModes } from '../nn/modes.js'
import type { AnyModule } from '../nn/module.js'
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

/**
 * Runs `net.forward(...inputs)` in evaluation, and leaves the net as it was.
 *
 * @throws {AutogradError} where the forward does what no list of operations says
 */
export function traceNet(net: AnyModule, inputs: readonly Tensor[]): Traced {
  const who = net.constructor.name
  const state = Object.entries(net.stateDict())
  const restore = keepModes(net)
  try {
    net.eval()
    const run = () => {
      const given: unknown = Reflect.apply(net.forward, net, inputs)
      if (typeof (given as { then?: unknown } | undefined)?.then === 'function')
        throw new ArgumentError(`${who}: its forward is asynchronous, which no ONNX graph can be`)
      return given
    }
    const seen = capture(
      inputs,
      run,
      state.map(([, tensor]) => tensor),
    )
    if (seen.problem !== undefined)
      throw new AutogradError(`${who}: its forward has no form in ONNX: ${seen.problem}`)
    const values = new Values(seen.constants)
    // Tied weights go by their first name.
    for (const [name, tensor] of state.toReversed())
      values.set(seen.of(tensor), { kind: 'state', name, tensor })
    const given = inputs.map((x, index) => values.set(seen.of(x), { kind: 'input', index }))
    const steps = seen.operations.map(({ name, attributes, inputs: from, output }, index): Step => {
      const taken = from.map((x) => x && values.of(x))
      values.set(output, { kind: 'step', index })
      return { name, inputs: taken, attributes, shape: output.shape }
    })
    const outputs: Value[] = []
    eachTensor(seen.result, (x) => outputs.push(values.of(seen.of(x))))
    if (outputs.length === 0) throw new ArgumentError(`${who}: its forward gives no tensor`)
    return { inputs: given, steps, outputs }
  } finally {
    restore()
  }
}

/** The values by the tensors that have them. */
class Values {
  readonly #byTensor = new Map<CapturedTensor, Value>()
  /** Of tensors that share their memory, such as those of detach(). */
  readonly #byMemory = new Map<object, Value[]>()

  constructor(readonly constants: ReadonlyMap<object, Float32Array>) {}

  set(x: CapturedTensor, source: Source): Value {
    const value = { source, shape: x.shape }
    this.#byTensor.set(x, value)
    this.#byMemory.set(x.memory, [value, ...(this.#byMemory.get(x.memory) ?? [])])
    return value
  }

  of(x: CapturedTensor): Value {
    const { memory, shape } = x
    const known =
      this.#byTensor.get(x) ?? this.#byMemory.get(memory)?.find((value) => sameShape(value.shape, shape))
    if (known) return known
    const constant = this.constants.get(memory)
    if (!constant) throw new Error(`a tensor of shape [${shape}] came from nowhere`)
    return this.set(x, { kind: 'constant', values: constant })
  }
}
