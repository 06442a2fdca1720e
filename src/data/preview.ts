import { checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { Tensor } from '../tensor/tensor.js'
import { encodePng } from './png.js'

/** Options of `preview`. */
export interface PreviewOptions {
  /** Images in a row. Default: as many as make a square. */
  columns?: number
  /** The values that are black and white. Default: the least and the largest of the batch. */
  range?: readonly [black: number, white: number]
  /** The side in pixels of one of the images' pixels. Default: the least with which an image is 56 pixels wide. */
  zoom?: number
}

/** What lies between images. */
const GREY = 128
const SMALLEST = 56

/**
 * A picture of a batch, for a look: what a net sees, augmented and all. In Node `writeFileSync('batch.png', data.preview(x))`
 * writes it; in a page, a Blob of it is an image.
 *
 * @param x images [N, C, H, W] with C = 1 or 3, or [N, H, W]; N at least 1
 * @returns the bytes of a PNG file
 * @throws {ShapeError} for another shape
 * @throws {ArgumentError} for options that are out of range or unknown
 */
export function preview(x: Tensor, options: PreviewOptions = {}): Uint8Array {
  if (!(x instanceof Tensor)) {
    throw new ArgumentError(`preview: expected a batch of images, a tensor, got ${kindOf(x)}`)
  }
  checkOptions('preview', options, ['columns', 'range', 'zoom'])
  const shape = x.shape.length === 3 ? [x.shape[0], 1, ...x.shape.slice(1)] : x.shape
  const [n, channels, height, width] = shape
  if (shape.length !== 4 || (channels !== 1 && channels !== 3) || x.size === 0) {
    throw new ShapeError(
      `preview: expected images [N, C, H, W] with C = 1 or 3, or [N, H, W], got [${x.shape}]`,
    )
  }
  const { columns = Math.ceil(Math.sqrt(n)), zoom = Math.max(1, Math.ceil(SMALLEST / width)) } = options
  checkNumber('preview', 'columns', columns, { least: 1, whole: true })
  checkNumber('preview', 'zoom', zoom, { least: 1, most: 64, whole: true })
  const values = x.toFloat32Array()
  const [black, white] = rangeOf(options.range, values)
  const across = Math.min(columns, n)
  const [cellW, cellH] = [width * zoom + 1, height * zoom + 1]
  const [totalW, totalH] = [across * cellW + 1, Math.ceil(n / across) * cellH + 1]
  if (totalW * totalH > 2 ** 26) {
    throw new ArgumentError(
      `preview: the picture would have ${totalW} × ${totalH} pixels; give it fewer images, or a smaller zoom`,
    )
  }
  const data = new Uint8Array(totalW * totalH * channels).fill(GREY)
  for (let image = 0; image < n; image++) {
    const [left, top] = [1 + (image % across) * cellW, 1 + Math.floor(image / across) * cellH]
    for (let row = 0; row < height * zoom; row++) {
      for (let col = 0; col < width * zoom; col++) {
        const from = Math.floor(row / zoom) * width + Math.floor(col / zoom)
        const to = ((top + row) * totalW + left + col) * channels
        for (let c = 0; c < channels; c++) {
          const value = values[(image * channels + c) * height * width + from]
          // Rounds to the nearest of 0 to 255; NaN is black.
          data[to + c] = Math.round(Math.min(Math.max((value - black) / (white - black), 0), 1) * 255)
        }
      }
    }
  }
  return encodePng({ width: totalW, height: totalH, channels, data })
}

/** @throws {ArgumentError} */
function rangeOf(range: PreviewOptions['range'], values: Float32Array): [black: number, white: number] {
  if (range === undefined) {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const value of values) {
      if (!Number.isFinite(value)) continue
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
    if (low > high) return [0, 1]
    return high > low ? [low, high] : [low - 1, low + 1]
  }
  const fits =
    Array.isArray(range) && range.length === 2 && range.every(Number.isFinite) && range[0] < range[1]
  if (fits) return [range[0], range[1]]
  throw new ArgumentError(
    `preview: range is the values that are black and white, such as [-1, 1], got ${JSON.stringify(range)}`,
  )
}
