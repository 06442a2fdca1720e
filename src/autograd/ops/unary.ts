/** Elementwise operations of one tensor. unary.generated.ts has those of the table in crates/bnkernels/src/tables.rs. */
import { powBackward, powForward, unaryBackward, unaryForward } from '../../bindings/kernels.generated.js'
import { checkNumber, checkOptions } from '../../check.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, type Operation, unchanged } from '../operation.js'
import { run } from '../tape.js'

/** The numbers that a function takes besides its tensor, as its kernel takes them: 0 where it takes fewer. */
export type Numbers = readonly [first: number, second: number]

const NONE: Numbers = [0, 0]

/** A function of the elements, and the operation behind it. */
export interface Unary {
  (x: Tensor): Tensor
  /** @internal */
  readonly operation: Operation<Numbers>
  /** Its place in the table. */
  readonly code: number
}

/** A function of the elements that takes numbers, which have defaults. */
export interface UnaryWith<O extends object> {
  (x: Tensor, options?: O): Tensor
  /** @internal */
  readonly operation: Operation<Numbers>
  /** Its place in the table. */
  readonly code: number
  /** Its options and their defaults. */
  readonly defaults: Readonly<Required<O>>
}

/** Options that are numbers. */
type NumberOptions<O> = { [name in keyof O]?: number }

/**
 * A row of the table as a function.
 *
 * @param code its place in the table
 * @param reads what its gradient reads: the input, the result, both or neither
 */
export function unary(name: string, code: number, reads: readonly ('x' | 'y')[]): Unary
/** A row that takes numbers besides `x`: `defaults` has their names, in order. */
export function unary<O extends NumberOptions<O>>(
  name: string,
  code: number,
  reads: readonly ('x' | 'y')[],
  defaults: Readonly<Required<O>>,
): UnaryWith<O>
/* @__NO_SIDE_EFFECTS__ */
export function unary(
  name: string,
  code: number,
  reads: readonly ('x' | 'y')[],
  defaults?: Readonly<Record<string, number>>,
) {
  const operation = elementwise(name, code, reads)
  if (!defaults) {
    const apply = (x: Tensor) => {
      checkTensor(name, 'input', x)
      return run(operation, [x], NONE)
    }
    return Object.assign(apply, { operation, code })
  }
  const names = Object.keys(defaults)
  const usual = numbersOf(names, defaults, {})
  const apply = (x: Tensor, options?: Readonly<Record<string, number>>) => {
    checkTensor(name, 'input', x)
    if (options === undefined) return run(operation, [x], usual)
    checkNumbers(name, options, defaults)
    return run(operation, [x], numbersOf(names, defaults, options))
  }
  return Object.assign(apply, { operation, code, defaults })
}

/** @throws {ArgumentError} unless the options are among those that have defaults, and numbers */
export function checkNumbers(name: string, options: object, defaults: object): void {
  checkOptions(name, options, Object.keys(defaults))
  for (const [option, value] of Object.entries(options)) {
    if (value !== undefined) checkNumber(name, option, value)
  }
}

/** What the kernel takes, of at most two options. */
function numbersOf(
  [first, second]: readonly string[],
  defaults: Readonly<Record<string, number>>,
  options: Readonly<Record<string, number>>,
): Numbers {
  const of = (option: string | undefined) =>
    option === undefined ? 0 : (options[option] ?? defaults[option])
  return [of(first), of(second)]
}

function elementwise(name: string, code: number, reads: readonly ('x' | 'y')[]): Operation<Numbers> {
  const [readsX, readsY] = [reads.includes('x'), reads.includes('y')]
  return defineOperation<Numbers>({
    name,
    inputs: { x: 'any' },
    output: 'any',
    gradients: { x: [...(readsX ? ['x'] : []), ...(readsY ? ['output'] : [])] },
    shape: ([x]) => x.shape,
    forward({ inputs: [x], output, attributes: [first, second] }) {
      unaryForward({ op: code, first, second, x: x.storage, y: output.storage })
    },
    repeats: unchanged,
    backward(call) {
      const dx = call.gradient(0)
      if (!dx) return
      const [first, second] = call.attributes
      const x = readsX ? call.inputs[0].storage : undefined
      const y = readsY ? call.output.storage : undefined
      unaryBackward({ op: code, first, second, x, y, dy: call.dy.storage, dx: dx.storage })
    },
  })
}

const powOperation = defineOperation<number>({
  name: 'pow',
  inputs: { x: 'any' },
  output: 'any',
  gradients: { x: ['x'] },
  shape: ([x]) => x.shape,
  forward: ({ inputs: [x], output, attributes }) =>
    powForward({ x: x.storage, exponent: attributes, y: output.storage }),
  repeats: unchanged,
  backward(call) {
    const dx = call.gradient(0)
    if (!dx) return
    const [x] = call.inputs
    powBackward({ x: x.storage, exponent: call.attributes, dy: call.dy.storage, dx: dx.storage })
  },
})

/** `xᵉ` for a number `e`; NaN where a negative base meets a broken exponent. Any shape. */
export function pow(x: Tensor, exponent: number): Tensor {
  checkTensor('pow', 'input', x)
  checkNumber('pow', 'the exponent', exponent)
  return run(powOperation, [x], exponent)
}
