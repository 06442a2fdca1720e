/** A net's forward as a list of calls. */
import { type CapturedTensor, capture } from '../autograd/capture.js'
import { ArgumentError } from '../errors.js'
import { callForward } from '../nn/layer.js'
import type { AnyModule } from '../nn/module.js'
import { eachTensor } from '../tensor/scope.js'
import { sizeOf, stridesOf } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { lower } from './lower.js'
import { type Constant, ints, Program, padded, read, type Value, write } from './program.js'

/** A net as a list, and the constants by the memory that they are of. */
export interface Compiled {
  readonly program: Program
  readonly constants: ReadonlyMap<object, Constant>
}

/**
 * Runs the net's forward once, and writes down what it does.
 *
 * @param by who asks, for errors
 * @throws {ArgumentError} for a forward, or an operation, that has no form in a file
 */
export function compileNet(by: string, net: AnyModule, inputs: readonly Tensor[], int8: boolean): Compiled {
  const outputs: CapturedTensor[] = []
  const seen = capture(inputs, () => {
    const result = callForward(net as AnyModule<readonly unknown[]>, ...inputs)
    return result
  })
  if (seen.problem !== undefined) {
    throw new ArgumentError(
      `${by}: the forward of ${net.constructor.name} has no form in a file: ${seen.problem}`,
    )
  }
  eachTensor(seen.result, (x) => outputs.push(seen.of(x)))
  if (outputs.length === 0)
    throw new ArgumentError(`${by}: the forward of ${net.constructor.name} gives no tensor`)
  const program = new Program(int8)
  const constants = new Map<object, Constant>()
  const values = new Map<object, Value>()
  const several = inputs.length > 1
  for (const [i, x] of inputs.entries()) {
    const value = program.buffer(x.shape, several ? `input${i}` : 'input')
    values.set(seen.of(x).memory, value)
    program.inputs.push(value)
  }
  const valueFor = ({ memory, shape }: CapturedTensor): Value => {
    const made = values.get(memory)
    if (made) return { ...made, shape }
    const numbers = seen.constants.get(memory)
    if (!numbers) throw new Error(`${by}: a tensor of shape [${shape}] came from nowhere`)
    const constant = constants.get(memory) ?? { values: numbers }
    constants.set(memory, constant)
    return { shape, constant }
  }
  const needed = new Set(outputs.map(({ memory }) => memory))
  const live = seen.operations.toReversed().filter(({ inputs: given, output }) => {
    if (!needed.has(output.memory)) return false
    for (const x of given) if (x) needed.add(x.memory)
    return true
  })
  for (const { name, attributes, inputs: given, output } of live.reverse()) {
    const all = given.map((x) => x && valueFor(x))
    const there = all.filter((x) => x !== undefined)
    // The same values under another shape.
    if (name === 'reshape') {
      values.set(output.memory, there[0])
      continue
    }
    const y = program.buffer(output.shape)
    lower(program, { name, attributes, inputs: all, given: there, y, by })
    values.set(output.memory, y)
  }
  for (const [i, output] of outputs.entries()) {
    program.outputs.push(resultOf(program, valueFor(output), outputs.length > 1 ? `output${i}` : 'output'))
  }
  return { program, constants }
}

/** Lets a result be computed where the caller wants it; what lies elsewhere is copied there. */
function resultOf(program: Program, value: Value, name: string): Value {
  const { shape, buffer } = value
  if (buffer && buffer.parameter === undefined && buffer.size === sizeOf(shape)) {
    buffer.parameter = name
    return value
  }
  const own = program.buffer(shape, name)
  const flat = [sizeOf(shape)]
  const strides = padded('', stridesOf(flat), 0)
  program.call('move', read(value), write(own), ints([0, 0, ...padded('', flat, 1), ...strides, ...strides]))
  return own
}
