/** Dots on a line: one channel's values of the digits of a batch, with their mean and deviation. */
import { colour } from '../../views/theme.js'
import { FONT, short } from './plot.js'

export const LEFT = 150
const RIGHT = 14

export interface Strip {
  readonly name: string
  readonly values: readonly number[]
  /** Whether it is what the visitor points at. */
  readonly lit: boolean
  readonly tint: string
  /** Whether the ReLU's border is drawn. */
  readonly relu?: boolean
}

export function moments(values: readonly number[]): { mean: number; deviation: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  return { mean, variance, deviation: Math.sqrt(variance) }
}

/** One strip at height `top`, on an axis from `low` to `high`. */
export function drawStrip(
  context: CanvasRenderingContext2D,
  width: number,
  top: number,
  height: number,
  { name, values, lit, tint, relu }: Strip,
  [low, high]: readonly [number, number],
): void {
  const x = (value: number) => LEFT + ((value - low) / (high - low)) * (width - LEFT - RIGHT)
  const middle = top + height / 2
  const { mean, deviation } = moments(values)
  context.globalAlpha = lit ? 0.35 : 0.16
  context.fillStyle = colour(tint)
  context.fillRect(x(mean - deviation), top + 6, x(mean + deviation) - x(mean - deviation), height - 12)
  context.globalAlpha = 1
  context.strokeStyle = colour('line')
  context.lineWidth = 1
  context.beginPath()
  context.moveTo(LEFT, middle)
  context.lineTo(width - RIGHT, middle)
  context.stroke()
  context.strokeStyle = colour(tint)
  context.lineWidth = lit ? 4 : 2
  context.beginPath()
  context.moveTo(x(mean), top + 4)
  context.lineTo(x(mean), top + height - 4)
  context.stroke()
  context.fillStyle = colour(tint)
  for (const [i, value] of values.entries()) {
    context.globalAlpha = relu && value <= 0 ? 0.25 : 0.75
    context.beginPath()
    // Spread up and down a little, always the same way, so that dots do not hide each other.
    context.arc(x(value), middle + (((i * 7) % 11) - 5) * (height / 40), 3, 0, 2 * Math.PI)
    context.fill()
  }
  context.globalAlpha = 1
  context.font = lit ? `bold ${FONT}` : FONT
  context.textAlign = 'left'
  context.textBaseline = 'middle'
  context.fillStyle = colour('text')
  context.fillText(name, 2, middle - 9)
  context.font = FONT
  context.fillStyle = colour('muted')
  context.fillText(`mean ${short(round(mean))}, dev. ${short(deviation)}`, 2, middle + 9)
}

/** What is nothing but rounding is 0. */
export const round = (value: number) => (Math.abs(value) < 1e-5 ? 0 : value)

/** The axis below the strips. */
export function drawAxis(
  context: CanvasRenderingContext2D,
  width: number,
  top: number,
  [low, high]: readonly [number, number],
  ticks: readonly number[],
): void {
  const x = (value: number) => LEFT + ((value - low) / (high - low)) * (width - LEFT - RIGHT)
  context.font = FONT
  context.fillStyle = colour('muted')
  context.textAlign = 'center'
  context.textBaseline = 'top'
  for (const tick of ticks) {
    context.fillText(short(tick), x(tick), top + 2)
    context.fillRect(x(tick), top - 3, 1, 4)
  }
  const words = 'value; a dot is a digit, the band is μ ± σ'
  // On a phone it is wider than the axis.
  const middle = Math.min((LEFT + width - RIGHT) / 2, width - context.measureText(words).width / 2)
  context.fillText(words, middle, top + 17)
}
