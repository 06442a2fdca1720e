/** Rows of a table, by index. */
import { fill, indexSelectBackward, indexSelectForward } from '../../bindings/kernels.generated.js'
import { Part } from '../../bindings/part.js'
import { checkNumber, checkOptions } from '../../check.js'
import { ShapeError } from '../../errors.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import { run } from '../tape.js'
import { checkFound } from './indexing.js'

/** What `embedding` takes besides tensors. */
export interface EmbeddingOptions {
  /** The row that gets no gradient, −1 being the last. Default: none. */
  paddingIdx?: number
}

/** Sets a row of a matrix in rows to 0, in place and unrecorded. */
export function clearRow(x: Tensor, row: number): void {
  const width = x.shape[1]
  if (width > 0) fill({ y: new Part(x.storage, row * width, width), value: 0 })
}

const operation = defineOperation<{ padding: number | undefined }>({
  name: 'embedding',
  inputs: { input: 'rows', weight: 'rows' },
  output: 'rows',
  gradients: { weight: ['input'] },
  shape: ([input, weight]) => [...input.shape, weight.shape[1]],
  forward({ inputs: [input, weight], output }) {
    const [n, inner] = weight.shape
    const arrays = { x: weight.storage, index: input.storage, y: output.storage }
    const bad = indexSelectForward({ outer: 1, n, inner, count: input.size, ...arrays })
    checkFound('embedding', bad, input, n, `weight [${weight.shape}]`)
  },
  repeats: unchanged,
  backward(call) {
    const dweight = call.gradient(1)
    if (!dweight) return
    const [input] = call.inputs
    const [n, inner] = dweight.shape
    const arrays = { dy: call.dy.storage, index: input.storage, dx: dweight.storage }
    indexSelectBackward({ outer: 1, n, inner, count: input.size, ...arrays })
    const { padding } = call.attributes
    if (padding !== undefined) clearRow(dweight, padding)
  },
})

/** The padding row counted from 0; undefined where there is none. @throws {ArgumentError} for one that is not there */
export function paddingRow(name: string, paddingIdx: number | undefined, rows: number): number | undefined {
  if (paddingIdx === undefined) return undefined
  checkNumber(name, 'paddingIdx', paddingIdx, { least: -rows, below: rows, whole: true })
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx
}

/**
 * The rows of a table that indices name. https://pytorch.org/docs/stable/generated/torch.nn.functional.embedding.html
 *
 * @param input whole numbers from 0 to below `rows`, of any shape
 * @param weight [rows, features]
 * @param options paddingIdx
 * @returns [...input's shape, features]
 * @throws {ShapeError} for a weight that is no matrix
 * @throws {ArgumentError} for an index that is no row, which the message names, before anything is computed
 */
export function embedding(input: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor {
  return embeddingFor('embedding', input, weight, options)
}

/** As `embedding`; errors of the arguments name who asks. */
export function embeddingFor(name: string, input: Tensor, weight: Tensor, options: EmbeddingOptions): Tensor {
  checkTensor(name, 'input', input)
  checkTensor(name, 'weight', weight)
  checkOptions(name, options, ['paddingIdx'])
  if (weight.shape.length !== 2) {
    throw new ShapeError(`${name}: expected a weight of shape [rows, features], got [${weight.shape}]`)
  }
  return run(operation, [input, weight], { padding: paddingRow(name, options.paddingIdx, weight.shape[0]) })
}
