/** Elementwise operations of one tensor. unary.generated.ts has those of the table in crates/bnkernels/src/tables.rs. */
import { powBackward, powForward, unaryBackward, unaryForward } from '../../bindings/kernels.generated.js'
import { checkNumber } from '../../check.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, type Operation } from '../operation.js'
import { run } from '../tape.js'

/** A function of the elements, and the operation behind it. */
export interface Unary {
  (x: Tensor): Tensor
  /** @internal */
  readonly operation: Operation<undefined>
  /** Its place in the table. */
  readonly code: number
}

/**
 * A row of the table as a function.
 *
 * @param code its place in the table
 * @param reads what its gradient reads: the input, the result, both or neither
 */
export function unary(name: string, code: number, reads: readonly ('x' | 'y')[]): Unary {
  const [readsX, readsY] = [reads.includes('x'), reads.includes('y')]
  const operation = defineOperation<undefined>({
    name,
    inputs: { x: 'any' },
    output: 'any',
    gradients: { x: [...(readsX ? ['x'] : []), ...(readsY ? ['output'] : [])] },
    shape: ([x]) => x.shape,
    forward: ({ inputs: [x], output }) => unaryForward({ op: code, x: x.storage, y: output.storage }),
    backward(call) {
      const dx = call.gradient(0)
      if (!dx) return
      const x = readsX ? call.inputs[0].storage : undefined
      const y = readsY ? call.output.storage : undefined
      unaryBackward({ op: code, x, y, dy: call.dy.storage, dx: dx.storage })
    },
  })
  const apply = (x: Tensor) => {
    checkTensor(name, 'input', x)
    return run(operation, [x], undefined)
  }
  return Object.assign(apply, { operation, code })
}

const powOperation = defineOperation<number>({
  name: 'pow',
  inputs: { x: 'any' },
  output: 'any',
  gradients: { x: ['x'] },
  shape: ([x]) => x.shape,
  forward: ({ inputs: [x], output, attributes }) =>
    powForward({ x: x.storage, exponent: attributes, y: output.storage }),
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
