/** Images in another size. */

/** An image of bytes [height, width, channels]. */
export interface Image {
  readonly width: number
  readonly height: number
  readonly channels: number
  readonly data: Uint8Array
}

/**
 * Resizes with a hat (bilinear) filter, as wide as the image shrinks, so that nothing is skipped: as Pillow's BILINEAR,
 * which torchvision's Resize is, first across, then down; between them nothing is rounded.
 */
export function resize(image: Image, height: number, width: number): Image {
  const { channels } = image
  if (image.width === width && image.height === height) return image
  const across = new Float64Array(image.height * width * channels)
  for (const [x, weights] of filters(image.width, width).entries()) {
    for (let y = 0; y < image.height; y++) {
      for (let c = 0; c < channels; c++) {
        let sum = 0
        for (const [from, weight] of weights)
          sum += weight * image.data[(y * image.width + from) * channels + c]
        across[(y * width + x) * channels + c] = sum
      }
    }
  }
  const data = new Uint8Array(height * width * channels)
  const row = width * channels
  for (const [y, weights] of filters(image.height, height).entries()) {
    for (let i = 0; i < row; i++) {
      let sum = 0
      for (const [from, weight] of weights) sum += weight * across[from * row + i]
      data[y * row + i] = Math.min(Math.max(Math.round(sum), 0), 255)
    }
  }
  return { width, height, channels, data }
}

/** For each place of the output, the input's places and their weights, which add up to 1. */
function filters(input: number, output: number): [from: number, weight: number][][] {
  const scale = input / output
  const support = Math.max(scale, 1)
  return Array.from({ length: output }, (_, at) => {
    const middle = (at + 0.5) * scale
    const first = Math.max(Math.floor(middle - support + 0.5), 0)
    const end = Math.min(Math.floor(middle + support + 0.5), input)
    const weights: [number, number][] = []
    for (let from = first; from < end; from++) {
      const weight = Math.max(1 - Math.abs((from + 0.5 - middle) / support), 0)
      if (weight > 0) weights.push([from, weight])
    }
    const total = weights.reduce((sum, [, weight]) => sum + weight, 0)
    return weights.map(([from, weight]) => [from, weight / total])
  })
}
