/** Rows of a table, by index. */
import { fill, indexSelectBackward, indexSelectForward } from '../../bindings/kernels.generated.js'
import { Part } from '../../bindings/part.js'
import { eachRun, type Storage } from '../../bindings/recording.js'
import { checkBoolean, checkNumber, checkOptions } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { inRows, type Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import '../recipe.js'
import { run } from '../tape.js'
import { checkFound } from './indexing.js'

/** What `embedding` takes besides tensors. */
export interface EmbeddingOptions {
  /** The row that gets no gradient, −1 being the last. Default: none. */
  paddingIdx?: number
  /**
   * The largest norm of a row: those that are looked up and have a larger one are scaled to it, in the weight itself and
   * unrecorded. Default: none.
   */
  maxNorm?: number
  /** Which norm, above 0: (Σ |w|ᵖ)^(1/p). Default 2. */
  normType?: number
  /** Whether a row's gradient is divided by how often the row was looked up. Default false. */
  scaleGradByFreq?: boolean
}

export const EMBEDDING_OPTIONS = ['paddingIdx', 'maxNorm', 'normType', 'scaleGradByFreq'] as const

/** @throws {ArgumentError} for an option that is out of range */
export function checkEmbedding(name: string, options: EmbeddingOptions): void {
  const { maxNorm, normType = 2, scaleGradByFreq = false } = options
  if (maxNorm !== undefined) checkNumber(name, 'maxNorm', maxNorm, { least: 0 })
  checkNumber(name, 'normType', normType, { least: Number.MIN_VALUE })
  checkBoolean(name, 'scaleGradByFreq', scaleGradByFreq)
}

/** Sets a row of a matrix in rows to 0, in place and unrecorded. */
export function clearRow(x: Tensor, row: number): void {
  const width = x.shape[1]
  if (width > 0) fill({ y: new Part(x.storage, row * width, width), value: 0 })
}

/** How often each row is looked up, by its index. */
function countsOf(index: Storage): Map<number, number> {
  const counts = new Map<number, number>()
  for (const row of new Float32Array(index.copyOut().buffer)) counts.set(row, (counts.get(row) ?? 0) + 1)
  return counts
}

/**
 * Scales rows of `weight` [n, width] that are looked up to a norm of at most `most`, by `most / (norm + 1e-7)` as PyTorch
 * does. Where an index is no row, all stay as they are: the look-up then tells.
 */
function renormalise(input: Tensor, weight: Tensor, most: number, p: number): void {
  const [n, width] = weight.shape
  weight.toRows_()
  const rows = inRows(input)
  eachRun([rows.storage, weight.storage], ([index, table]) => {
    const used = [...countsOf(index).keys()]
    if (!used.every((row) => Number.isInteger(row) && row >= 0 && row < n)) return
    for (const row of used) {
      let sum = 0
      for (let i = row * width; i < (row + 1) * width; i++) sum += Math.abs(table.readFloat(i)) ** p
      const norm = sum ** (1 / p)
      if (!(norm > most)) continue
      const scale = most / (norm + 1e-7)
      for (let i = row * width; i < (row + 1) * width; i++) table.writeFloat(i, table.readFloat(i) * scale)
    }
  })
  if (rows !== input) rows.release()
}

const operation = defineOperation<{ padding: number | undefined; scaleGradByFreq: boolean }>({
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
    const { padding, scaleGradByFreq } = call.attributes
    if (scaleGradByFreq) {
      eachRun([input.storage, dweight.storage], ([index, gradient]) => {
        for (const [row, count] of countsOf(index)) {
          if (count === 1) continue
          for (let i = row * inner; i < (row + 1) * inner; i++) {
            gradient.writeFloat(i, gradient.readFloat(i) / count)
          }
        }
      })
    }
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
 * @param options paddingIdx, maxNorm, normType, scaleGradByFreq
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
  checkOptions(name, options, EMBEDDING_OPTIONS)
  checkEmbedding(name, options)
  if (weight.shape.length !== 2) {
    throw new ShapeError(`${name}: expected a weight of shape [rows, features], got [${weight.shape}]`)
  }
  const { maxNorm, normType = 2, scaleGradByFreq = false } = options
  const padding = paddingRow(name, options.paddingIdx, weight.shape[0])
  if (maxNorm !== undefined) {
    // An operation's result can't be changed under the graph that made it.
    if (weight.producer) {
      throw new ArgumentError(
        `${name}: maxNorm changes the weight in place, and this one is an operation's result; give a Parameter, or no maxNorm`,
      )
    }
    renormalise(input, weight, maxNorm, normType)
  }
  return run(operation, [input, weight], { padding, scaleGradByFreq })
}
