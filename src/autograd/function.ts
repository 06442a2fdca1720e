/** A user's own operation, with a backward of its own. */

import { kindOf } from '../check.js'
import { ArgumentError, AutogradError, ShapeError } from '../errors.js'
import { copyValues } from '../tensor/copy.js'
import { outside } from '../tensor/scope.js'
import { type Shape, sameShape, sizeOf } from '../tensor/shape.js'
import { inRows, Tensor, toLayout } from '../tensor/tensor.js'
import { unfused } from './fuse.js'
import { defineOperation } from './operation.js'
import { cat, reshape, slice } from './ops/rearrange.js'
import { currentShards } from './shards.js'
import { isRecording, noGrad, run } from './tape.js'

/** What the forward of a `Function` keeps for its backward. Fields of one's own may be set as well. */
export class FunctionContext {
  /** Whatever else backward needs. */
  [name: string]: unknown
  /** For each input of `forward` whether its gradient is asked for: backward may give null for the others. */
  readonly needsInputGrad: readonly boolean[]
  #saved: readonly { x: Tensor; version: number }[] = []
  readonly #name: string

  /** @internal */
  constructor(name: string, needsInputGrad: readonly boolean[]) {
    this.#name = name
    this.needsInputGrad = needsInputGrad
  }

  /**
   * Keeps `tensors` for backward: inputs, outputs or what came between. To be called once.
   * https://pytorch.org/docs/stable/generated/torch.autograd.function.FunctionCtx.save_for_backward.html
   *
   * @throws {ArgumentError} for what is no tensor
   */
  saveForBackward(...tensors: readonly Tensor[]): void {
    for (const x of tensors) {
      if (!(x instanceof Tensor)) {
        throw new ArgumentError(
          `${this.#name}: saveForBackward takes tensors, got ${kindOf(x)}; set a field of the context instead`,
        )
      }
    }
    this.#saved = tensors.map((x) => ({ x, version: x.version }))
  }

  /** What was saved, in its order. @throws {AutogradError} where one was changed in place since */
  get savedTensors(): Tensor[] {
    return this.#saved.map(({ x, version }, i) => {
      if (x.version === version) return x
      throw new AutogradError(
        `backward: saved tensor ${i} of '${this.#name}' (shape [${x.shape}]) was changed in place after the forward; call backward() before the change, or run the forward again`,
      )
    })
  }

  /** Lets go of what was saved. @internal */
  forget(): void {
    this.#saved = []
  }
}

/** What a forward gives: a tensor, or several. */
type Outputs = Tensor | readonly Tensor[]

/** What a backward gives: a gradient for each input of the forward, null where there is none. */
export type InputGradients = Tensor | null | readonly (Tensor | null | undefined)[]

/** The two functions that a class derived from `Function` has. */
export interface FunctionDefinition<Inputs extends readonly unknown[], Output> {
  /** The class's. */
  readonly name: string
  /** Computes the result, unrecorded: a tensor, or an array of them. `inputs` may be anything; `context` goes to backward. */
  forward(context: FunctionContext, ...inputs: Inputs): Output
  /** The inputs' gradients from the outputs' `gradients`: as many as `forward` has inputs, null where there is none. `context` is forward's. */
  backward(context: FunctionContext, ...gradients: readonly Tensor[]): InputGradients
}

interface Attributes {
  definition: FunctionDefinition<readonly never[], Outputs>
  context: FunctionContext
  /** All inputs of the forward, of which the call's sources are the tensors. */
  count: number
  /** For each source its place among the inputs. */
  places: readonly number[]
  /** The sources' shapes. */
  inputShapes: readonly Shape[]
  /** The outputs' shapes; several lie one behind the other in the call's result. */
  shapes: readonly Shape[]
  /** What the forward has computed, until the call has a copy. */
  result: Tensor | undefined
}

const operation = defineOperation<Attributes>({
  name: 'function',
  inputs: { x: 'rows' },
  variadic: true,
  output: 'rows',
  gradients: { x: [] },
  shape: (_, { result, shapes }) => result?.shape ?? shapes[0],
  forward({ output, attributes: { result } }) {
    if (result) copyValues(result.storage, output.storage)
  },
  backward(call) {
    const { places } = call.attributes
    const gradients = userGradients(call.attributes, call.dy)
    for (const [i, place] of places.entries()) {
      if (!call.wants(i)) continue
      const gradient = gradients[place]
      if (!gradient) call.skip(i)
      else if (gradient.layout === 'rows') call.pass(i, gradient)
      else call.pass(i, call.hold(toLayout(gradient, 'rows')))
    }
  },
  free: ({ context }) => context.forget(),
})

/** Runs a user's backward, and checks what it gives; by place among the forward's inputs. */
function userGradients(attributes: Attributes, dy: Tensor): readonly (Tensor | null | undefined)[] {
  const { definition, context, count, shapes } = attributes
  const name = definition.name
  // A handle of the user's own, who may keep it.
  const whole = new Tensor(dy.storage.retain(), dy.shape)
  const given: unknown = outside([], () =>
    unfused([], () => definition.backward(context, ...split(whole, shapes))),
  )
  const gradients: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (gradients.length !== count) {
    throw new AutogradError(
      `${name}: backward gives ${gradients.length} gradients, expected ${count}: one for each input of forward, null where there is none`,
    )
  }
  return gradients.map((gradient, i) => {
    if (gradient === null || gradient === undefined) return null
    if (gradient instanceof Tensor) {
      const place = attributes.places.indexOf(i)
      const expected = place < 0 ? undefined : attributes.inputShapes[place]
      if (expected && sameShape(gradient.shape, expected)) return gradient
      throw new ShapeError(
        expected
          ? `${name}: backward gives a gradient of shape [${gradient.shape}] for input ${i}, expected the input's [${expected}]`
          : `${name}: backward gives a gradient for input ${i}, which is no tensor; give null`,
      )
    }
    throw new ArgumentError(
      `${name}: backward gives ${kindOf(gradient)} as the gradient of input ${i}, expected a tensor or null`,
    )
  })
}

/** Several outputs, from the one result that has them. */
function split(whole: Tensor, shapes: readonly Shape[]): Tensor[] {
  if (shapes.length === 1) return [whole]
  let start = 0
  return shapes.map((shape) => {
    const end = start + sizeOf(shape)
    const part = reshape(slice(whole, 0, start, end), shape)
    start = end
    return part
  })
}

/**
 * What a user's own operation derives from: a class with two static functions.
 * https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function
 *
 * ```ts
 * class Cube extends autograd.Function {
 *   static forward(context: FunctionContext, x: Tensor) {
 *     context.saveForBackward(x)
 *     return x.pow(3)
 *   }
 *   static backward(context: FunctionContext, dy: Tensor) {
 *     const [x] = context.savedTensors
 *     return dy.mul(x.pow(2).mul(3))
 *   }
 * }
 * const y = Cube.apply(x)
 * ```
 */
// biome-ignore lint/complexity/noStaticOnlyClass: as PyTorch's, which users derive from
export abstract class AutogradFunction {
  /**
   * Runs `forward`, and records that `backward` gives the gradients.
   *
   * @param inputs what `forward` takes behind the context: tensors, of which some may require a gradient, and whatever else
   * @returns what `forward` gives, as new tensors
   * @throws {ArgumentError} where forward or backward is missing, or forward gives no tensors
   * @throws {AutogradError} in backward, where a gradient is missing
   * @throws {ShapeError} in backward, for a gradient of another shape than its input
   */
  static apply<Inputs extends readonly unknown[], Output extends Tensor | readonly Tensor[]>(
    this: FunctionDefinition<Inputs, Output>,
    ...inputs: Inputs
  ): Output {
    // biome-ignore lint/complexity/noThisInStatic: the derived class
    return applyFunction(this, inputs)
  }
}

function applyFunction<Inputs extends readonly unknown[], Output extends Outputs>(
  definition: FunctionDefinition<Inputs, Output>,
  inputs: Inputs,
): Output {
  const { name } = definition
  for (const each of ['forward', 'backward'] as const) {
    if (typeof definition[each] === 'function') continue
    throw new ArgumentError(
      `${name}: a class derived from autograd.Function has a static ${each}(context, …); it has none`,
    )
  }
  const shards = currentShards()
  if (shards) return shards.separately(inputs, (own) => applyFunction(definition, own as unknown as Inputs))
  const recording = isRecording()
  const needs = inputs.map((x) => recording && x instanceof Tensor && x.requiresGrad)
  const context = new FunctionContext(name, needs)
  const given = outside(inputs, () =>
    unfused(inputs, () => noGrad(() => packed(name, definition.forward(context, ...inputs)))),
  )
  const places = [...inputs.keys()].filter((i) => inputs[i] instanceof Tensor)
  const sources = places.map((i) => inputs[i] as Tensor)
  const attributes: Attributes = {
    definition: definition as unknown as Attributes['definition'],
    context,
    count: inputs.length,
    places,
    inputShapes: sources.map(({ shape }) => shape),
    ...given,
  }
  const whole = run(operation, sources, attributes)
  attributes.result = undefined
  const outputs = given.several ? split(whole, given.shapes) : whole
  return outputs as Output
}

/** What a forward gave as one tensor in rows. @throws {ArgumentError} for what is no tensor */
function packed(name: string, given: unknown) {
  const all: readonly unknown[] = Array.isArray(given) ? given : [given]
  const outputs = all.map((x) => {
    if (x instanceof Tensor) return x
    throw new ArgumentError(`${name}: forward gives ${kindOf(x)}, expected a tensor or an array of tensors`)
  })
  if (outputs.length === 0) throw new ArgumentError(`${name}: forward gives no tensor`)
  const shapes = outputs.map(({ shape }) => shape)
  const [first] = outputs
  const one =
    outputs.length === 1
      ? first
      : cat(
          outputs.map((x) => reshape(x, [-1])),
          0,
        )
  const result = inRows(one)
  return { result, shapes, several: Array.isArray(given) }
}
