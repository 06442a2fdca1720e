import { percent } from '../headline.js'
import type { Event, Other, Point } from '../protocol.js'
import { NORM_NAMES } from '../settings.js'
import { whole } from '../whole.js'
import { names, OTHERS } from './names.js'

export interface Line {
  /** Its colour, and how it is called. */
  readonly colour: string
  readonly name: string
  readonly dash?: readonly number[]
  /** NaN where there is none. */
  value(point: Point): number
  /** What it is called in words; undefined where no such net is trained. */
  said(point: Point): string | undefined
}

const plain = { colour: 'plain', name: 'plain', said: () => 'plain' }
const norm = (name: string) => ({ colour: 'norm', name, said: () => `${names().norm}, ${name}` })
const others = (value: (other: Other) => number): Line[] =>
  OTHERS.map(({ colour, dash }, i) => ({
    colour,
    dash,
    name: `another norm, ${i + 1}`,
    value: (point) => (point.others[i] ? value(point.others[i]) : Number.NaN),
    said: (point) => point.others[i] && NORM_NAMES[point.others[i].norm],
  }))

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
      ...others(({ accuracy }) => accuracy),
      { ...plain, value: ({ accuracy }) => accuracy.plain },
      { ...norm('training mode'), dash: [5, 4], value: ({ training }) => training },
      { ...norm('evaluation mode'), value: ({ accuracy }) => accuracy.norm },
    ],
  },
  loss: {
    title: 'Loss',
    percent: false,
    lines: [
      ...others(({ loss }) => loss),
      { ...plain, value: ({ loss }) => loss.plain },
      { ...norm('with the norm'), value: ({ loss }) => loss.norm },
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
  const said = lines.flatMap((line) => {
    const name = line.said(last)
    const value = line.value(last)
    const number = share ? percent(value) : Number.isFinite(value) ? value.toFixed(3) : 'NaN'
    return name === undefined ? [] : [`${name} ${number}`]
  })
  const marks = events.slice(-4).map(({ step, text }) => `${text} (step ${step})`)
  const marked = marks.length > 0 ? ` Marked: ${marks.join(', ')}.` : ''
  return `At step ${whole(last.step)}: ${said.reverse().join('; ')}.${marked}`
}
