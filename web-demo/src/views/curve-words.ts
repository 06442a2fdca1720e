import { percent } from '../headline.js'
import type { Event, Point } from '../protocol.js'
import { names } from './names.js'

export interface Line {
  /** Its colour, and how it is called. */
  readonly side: 'norm' | 'plain'
  readonly name: string
  readonly dash?: number[]
  value(point: Point): number
}

export interface Curve {
  readonly title: string
  readonly percent: boolean
  readonly lines: readonly Line[]
}

export const CURVES: Record<'accuracy' | 'loss', Curve> = {
  accuracy: {
    title: 'Accuracy',
    percent: true,
    lines: [
      { side: 'plain', name: 'plain', value: ({ accuracy }) => accuracy.plain },
      { side: 'norm', name: 'training mode', dash: [5, 4], value: ({ training }) => training },
      { side: 'norm', name: 'evaluation mode', value: ({ accuracy }) => accuracy.norm },
    ],
  },
  loss: {
    title: 'Loss',
    percent: false,
    lines: [
      { side: 'plain', name: 'plain', value: ({ loss }) => loss.plain },
      { side: 'norm', name: 'with the norm', value: ({ loss }) => loss.norm },
    ],
  },
}

/** What a chart shows now, and what happened on the way. */
export function curveWords(
  which: keyof typeof CURVES,
  points: readonly Point[],
  events: readonly Event[],
): string {
  const last = points.at(-1)
  if (!last) return ''
  const { lines, percent: share } = CURVES[which]
  const said = lines.map((line) => {
    const value = line.value(last)
    const number = share ? percent(value) : Number.isFinite(value) ? value.toFixed(3) : 'NaN'
    return `${line.side === 'norm' ? `${names().norm}, ${line.name}` : line.name} ${number}`
  })
  const marks = events.slice(-4).map(({ step, text }) => `${text} (step ${step})`)
  const marked = marks.length > 0 ? ` Marked: ${marks.join(', ')}.` : ''
  return `At step ${last.step.toLocaleString('en')}: ${said.reverse().join('; ')}.${marked}`
}
