/** Plots as SVG: static, so that a page with them needs no script and prints as it is. */

import { short } from './table.js'
import type { Histogram } from './types.js'

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [300, 210, 46, 34, 12, 10]

/** A way from values to pixels. */
interface Scale {
  from: number
  to: number
  at(value: number): number
}

function scale(values: readonly number[], start: number, end: number): Scale {
  const finite = values.filter(Number.isFinite)
  let [from, to] = [Math.min(...finite), Math.max(...finite)]
  if (finite.length === 0) [from, to] = [0, 1]
  const air = (to - from) * 0.06 || Math.abs(to) * 0.1 || 1
  ;[from, to] = [from - air, to + air]
  return { from, to, at: (value) => start + ((value - from) / (to - from)) * (end - start) }
}

const across = (values: readonly number[]) => scale(values, LEFT, WIDTH - RIGHT)
const upwards = (values: readonly number[]) => scale(values, HEIGHT - BOTTOM, TOP)

/** Three or so round numbers within a scale. */
function ticks({ from, to }: Scale): number[] {
  const power = 10 ** Math.floor(Math.log10(to - from))
  const step =
    [0.2, 0.5, 1, 2, 5].map((digit) => digit * power).find((one) => (to - from) / one <= 4.5) ?? power
  const first = Math.ceil(from / step)
  const count = Math.floor(to / step) - first + 1
  // Sums of steps would not be round.
  return Array.from({ length: Math.max(0, count) }, (_, i) => (first + i) * step)
}

const px = (value: number) => value.toFixed(1)
/** A tick's label: as few digits as tell it. */
const label = (value: number) => {
  const rounded = Number(value.toPrecision(6))
  return Math.abs(rounded) >= 1e5 || (rounded !== 0 && Math.abs(rounded) < 1e-3)
    ? rounded.toExponential(0)
    : `${rounded}`
}

function axes(x: Scale | undefined, y: Scale | undefined, xTitle: string, yTitle: string): string {
  const bottom = HEIGHT - BOTTOM
  const below = x
    ? ticks(x).map(
        (tick) => `<text x="${px(x.at(tick))}" y="${bottom + 14}" text-anchor="middle">${label(tick)}</text>`,
      )
    : []
  const beside = y
    ? ticks(y).map(
        (tick) =>
          `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${px(y.at(tick))}" y2="${px(y.at(tick))}"/>` +
          `<text x="${LEFT - 5}" y="${px(y.at(tick) + 4)}" text-anchor="end">${label(tick)}</text>`,
      )
    : []
  return `${beside.join('')}${below.join('')}
<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${bottom}" y2="${bottom}"/>
<text class="title" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 4}" text-anchor="middle">${escapeHtml(xTitle)}</text>
<text class="title" transform="translate(10 ${(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(yTitle)}</text>`
}

function svg(description: string, inside: string): string {
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(description)}">${inside}</svg>`
}

/** Points of true (across) and running (upwards) values, and the line on which both are the same. */
export function scatter(points: readonly { x: number; y: number; note: string }[], what: string): string {
  const all = points.flatMap(({ x, y }) => [x, y])
  const [x, y] = [across(all), upwards(all)]
  const dots = points
    .filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y))
    .map(
      (point) =>
        `<circle cx="${px(x.at(point.x))}" cy="${px(y.at(point.y))}" r="3.5"><title>${escapeHtml(point.note)}</title></circle>`,
    )
  const line = `<line class="same" x1="${px(x.at(x.from))}" y1="${px(y.at(x.from))}" x2="${px(x.at(x.to))}" y2="${px(y.at(x.to))}"/>`
  return svg(
    `running against true ${what}`,
    axes(x, y, `true ${what}`, `running ${what}`) + line + dots.join(''),
  )
}

/** Two histograms over each other, each by its largest count. */
export function histograms(before: Histogram, after: Histogram): string {
  const x = across([before.from, before.to, after.from, after.to])
  const y = upwards([0, 1])
  const floor = y.at(0)
  const outline = ({ from, to, counts }: Histogram) => {
    const largest = Math.max(...counts, 1)
    const width = (to - from) / counts.length
    const steps = counts.flatMap((count, i) => [
      `${px(x.at(from + i * width))},${px(y.at(count / largest))}`,
      `${px(x.at(from + (i + 1) * width))},${px(y.at(count / largest))}`,
    ])
    return `${px(x.at(from))},${px(floor)} ${steps.join(' ')} ${px(x.at(to))},${px(floor)}`
  }
  return svg(
    'distribution before and after the layer',
    `<polygon class="before" points="${outline(before)}"/><polygon class="after" points="${outline(after)}"/>` +
      axes(x, undefined, 'value', 'how many'),
  )
}

/** Gamma and beta of each channel, side by side. */
export function bars(gammas: readonly number[], betas: readonly number[]): string {
  const y = upwards([0, ...gammas, ...betas])
  const step = (WIDTH - RIGHT - LEFT) / gammas.length
  const bar = (kind: string, value: number, from: number) => {
    const [top, bottom] = [Math.min(y.at(value), y.at(0)), Math.max(y.at(value), y.at(0))]
    return `<rect class="${kind}" x="${px(from)}" y="${px(top)}" width="${px(Math.max(0.8, step * 0.36))}" height="${px(bottom - top)}"/>`
  }
  const all = gammas.flatMap((gamma, c) => [
    bar('gamma', gamma, LEFT + step * (c + 0.12)),
    bar('beta', betas[c], LEFT + step * (c + 0.52)),
  ])
  const zero = `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${px(y.at(0))}" y2="${px(y.at(0))}"/>`
  return svg(
    'gamma and beta of each channel',
    axes(undefined, y, `channel 0 to ${gammas.length - 1}`, 'value') + all.join('') + zero,
  )
}

/** A row for each way of running the net: a name, a share of 1 as a bar, and its text. */
export function shares(rows: readonly { name: string; share: number; text: string }[]): string {
  const height = rows.length * 30 + 6
  const lines = rows.map(
    ({ name, share, text }, i) =>
      `<text x="0" y="${i * 30 + 20}">${escapeHtml(name)}</text>` +
      `<rect class="track" x="215" y="${i * 30 + 6}" width="250" height="20" rx="3"/>` +
      `<rect class="bar" x="215" y="${i * 30 + 6}" width="${px(250 * Math.min(1, Math.max(0, share)))}" height="20" rx="3"/>` +
      `<text x="475" y="${i * 30 + 20}">${escapeHtml(text)}</text>`,
  )
  return `<svg class="wide" viewBox="0 0 640 ${height}" role="img" aria-label="by mode">${lines.join('')}</svg>`
}

/** Text that is no markup. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** A channel in words, for a point. */
export function pointText(channel: number, truth: number, running: number): string {
  return `channel ${channel}: true ${short(truth)}, running ${short(running)}`
}
