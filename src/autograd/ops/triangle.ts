/** Triangles of matrices. */
import { triangle as kernel } from '../../bindings/kernels.generated.js'
import { checkNumber } from '../../check.js'
import { ShapeError } from '../../errors.js'
import { sizeOf } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import { run } from '../tape.js'

interface Triangle {
  upper: boolean
  diagonal: number
}

function keep({ upper, diagonal }: Triangle, x: Tensor, y: Tensor): void {
  const [rows, cols] = x.shape.slice(-2)
  const batch = sizeOf(x.shape.slice(0, -2))
  kernel({ batch, rows, cols, upper, diagonal, x: x.storage, y: y.storage })
}

const operation = defineOperation<Triangle>({
  name: 'triangle',
  inputs: { x: 'rows' },
  output: 'rows',
  gradients: { x: [] },
  shape: ([x]) => x.shape,
  forward: ({ inputs: [x], output, attributes }) => keep(attributes, x, output),
  repeats: unchanged,
  backward(call) {
    const dx = call.gradient(0)
    if (dx) keep(call.attributes, call.dy, dx)
  },
})

function triangle(name: string, x: Tensor, upper: boolean, diagonal: number): Tensor {
  checkTensor(name, 'input', x)
  checkNumber(name, 'diagonal', diagonal, { whole: true })
  if (x.shape.length < 2) {
    throw new ShapeError(`${name}: expected a matrix, or a batch of them [..., rows, cols], got [${x.shape}]`)
  }
  return run(operation, [x], { upper, diagonal })
}

/**
 * The lower triangle of each matrix, elements with `col ≤ row + diagonal`; 0 elsewhere, whatever was there.
 * https://pytorch.org/docs/stable/generated/torch.tril.html
 *
 * @param x [..., rows, cols]
 * @param diagonal the last diagonal that is kept: 0 (default) is the main one, above it they count up
 * @throws {ShapeError} for less than two dimensions
 */
export function tril(x: Tensor, diagonal = 0): Tensor {
  return triangle('tril', x, false, diagonal)
}

/**
 * The upper triangle of each matrix, elements with `col ≥ row + diagonal`; 0 elsewhere, whatever was there.
 * https://pytorch.org/docs/stable/generated/torch.triu.html
 *
 * @param x [..., rows, cols]
 * @param diagonal the first diagonal that is kept, default 0, the main one
 * @throws {ShapeError} for less than two dimensions
 */
export function triu(x: Tensor, diagonal = 0): Tensor {
  return triangle('triu', x, true, diagonal)
}
