/** Ink on a canvas, and the digit of MNIST that it makes. */
import { PIXELS } from '../../shards.js'

/** MNIST's own way: the digit fits 20 × 20 pixels, and its centre of mass is the middle of 28 × 28. */
const INNER = 20
const OUTER = 28

export function contextOf(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D {
  const context = canvas.getContext('2d', { willReadFrequently: true })
  if (!context) throw new Error('this browser has no 2D canvas')
  return context
}

/** Bytes as ink. */
export function inkOf(pixels: Uint8Array): OffscreenCanvas {
  const canvas = new OffscreenCanvas(OUTER, OUTER)
  const image = new ImageData(OUTER, OUTER)
  for (let i = 0; i < PIXELS; i++) image.data[4 * i + 3] = pixels[i]
  contextOf(canvas).putImageData(image, 0, 0)
  return canvas
}

/** A drawing as a digit of MNIST; undefined where there is no ink. */
export function pixelsOf(ink: OffscreenCanvas): Uint8Array | undefined {
  const box = boundsOf(alphaOf(contextOf(ink), ink.width, ink.height), ink.width)
  if (!box) return undefined
  const small = contextOf(new OffscreenCanvas(OUTER, OUTER))
  small.imageSmoothingQuality = 'high'
  const scale = INNER / Math.max(box.width, box.height)
  const [width, height] = [box.width * scale, box.height * scale]
  const draw = (x: number, y: number) => {
    small.clearRect(0, 0, OUTER, OUTER)
    small.drawImage(ink, box.x, box.y, box.width, box.height, x, y, width, height)
    return alphaOf(small, OUTER, OUTER)
  }
  const [left, top] = [(OUTER - width) / 2, (OUTER - height) / 2]
  const centre = massOf(draw(left, top))
  return draw(left + OUTER / 2 - centre.x, top + OUTER / 2 - centre.y)
}

function alphaOf(context: OffscreenCanvasRenderingContext2D, width: number, height: number): Uint8Array {
  const { data } = context.getImageData(0, 0, width, height)
  return Uint8Array.from({ length: width * height }, (_, i) => data[4 * i + 3])
}

function boundsOf(alpha: Uint8Array, size: number) {
  let [left, right, top, bottom] = [size, -1, alpha.length / size, -1]
  for (const [i, value] of alpha.entries()) {
    if (value === 0) continue
    left = Math.min(left, i % size)
    right = Math.max(right, i % size)
    top = Math.min(top, Math.floor(i / size))
    bottom = Math.max(bottom, Math.floor(i / size))
  }
  return right < 0 ? undefined : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 }
}

/** The centre of mass, in pixels. */
function massOf(alpha: Uint8Array): { x: number; y: number } {
  let [mass, x, y] = [0, 0, 0]
  for (const [i, value] of alpha.entries()) {
    mass += value
    x += value * ((i % OUTER) + 0.5)
    y += value * (Math.floor(i / OUTER) + 0.5)
  }
  return mass === 0 ? { x: OUTER / 2, y: OUTER / 2 } : { x: x / mass, y: y / mass }
}
