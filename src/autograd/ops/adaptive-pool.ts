/** Pooling to a size of the output's, whatever the input's. */
import { kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { scoped } from '../../tensor/scope.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { avgPool2d } from './avg-pool2d.js'
import { reshape } from './rearrange.js'
import { alongColumns, alongRows, type Weights } from './resample.js'

/** Sizes of an output: one for both directions, or [height, width]; null keeps the input's. */
export type OutputSize = number | null | readonly [number | null, number | null]

const isSize = (size: unknown) => size === null || (Number.isInteger(size) && Number(size) >= 0)

/** The output's sizes as a pair. @throws {ArgumentError} if they are none */
export function outputSizes(name: string, size: OutputSize): readonly [number | null, number | null] {
  const both: unknown = typeof size === 'number' || size === null ? [size, size] : size
  if (!Array.isArray(both) || both.length !== 2 || !both.every(isSize)) {
    throw new ArgumentError(
      `${name}: outputSize is a whole number, null (the input's size), or a pair of them, got ${JSON.stringify(size) ?? kindOf(size)}`,
    )
  }
  return [both[0], both[1]]
}

/** Window `i` of `outputs` over `size` elements is from ⌊i·size / outputs⌋ to ⌈(i + 1)·size / outputs⌉, as in PyTorch. */
function means(size: number, outputs: number): Weights {
  return {
    size,
    outputs,
    of: (i) => {
      const start = Math.floor((i * size) / outputs)
      const count = Math.ceil(((i + 1) * size) / outputs) - start
      return Array.from({ length: count }, (_, k) => [start + k, 1 / count] as const)
    },
  }
}

/**
 * The mean of windows that share out the image, so that there are as many as `outputSize` says: from
 * ⌊i·H / H'⌋ to ⌈(i + 1)·H / H'⌉.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool2d.html
 *
 * Of pixels that are not finite, only what is made of them is not.
 *
 * @param x [N, C, H, W]
 * @param outputSize H' and W', or one number for both; null keeps the input's size
 * @returns [N, C, H', W']
 * @throws {ShapeError} for an input that is not 4-D, or has no pixels
 * @throws {ArgumentError} for an output size that is none
 */
export function adaptiveAvgPool2d(x: Tensor, outputSize: OutputSize): Tensor {
  const name = 'adaptiveAvgPool2d'
  checkTensor(name, 'input', x)
  const [high, wide] = outputSizes(name, outputSize)
  if (x.shape.length !== 4)
    throw new ShapeError(`${name}: expected an input of shape [N, C, H, W], got [${x.shape}]`)
  const [, c, h, w] = x.shape
  if (c === 0 || h === 0 || w === 0) {
    throw new ShapeError(
      `${name}: expected channels and pixels to share out, got an input of shape [${x.shape}]`,
    )
  }
  const [oh, ow] = [high ?? h, wide ?? w]
  if (oh > 0 && ow > 0 && h % oh === 0 && w % ow === 0) return avgPool2d(x, [h / oh, w / ow])
  return scoped(() => {
    const rows = oh === h ? x : alongRows(x, means(h, oh))
    return ow === w ? rows : alongColumns(rows, means(w, ow))
  })
}

/**
 * The mean of windows that share out a sequence, so that there are as many as `outputSize` says.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool1d.html
 *
 * @param x [N, C, L]
 * @param outputSize L'; null keeps the input's size
 * @returns [N, C, L']
 * @throws {ShapeError} for an input that is not 3-D, or has no elements
 * @throws {ArgumentError} for an output size that is none
 */
export function adaptiveAvgPool1d(x: Tensor, outputSize: number | null): Tensor {
  const name = 'adaptiveAvgPool1d'
  checkTensor(name, 'input', x)
  checkOutputSize1d(name, outputSize)
  if (x.shape.length !== 3)
    throw new ShapeError(`${name}: expected an input of shape [N, C, L], got [${x.shape}]`)
  const [n, c, length] = x.shape
  if (c === 0 || length === 0) {
    throw new ShapeError(
      `${name}: expected channels and values to share out, got an input of shape [${x.shape}]`,
    )
  }
  return scoped(() => {
    const y = adaptiveAvgPool2d(reshape(x, [n, c, 1, length]), [1, outputSize])
    return reshape(y, [n, c, y.shape[3]])
  })
}

/** @throws {ArgumentError} unless it is a size of the output's, or null */
export function checkOutputSize1d(name: string, size: unknown): void {
  if (isSize(size)) return
  throw new ArgumentError(
    `${name}: outputSize is a whole number or null (the input's size), got ${JSON.stringify(size) ?? kindOf(size)}`,
  )
}
