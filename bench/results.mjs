// What a run leaves behind: figures, by part; and how they are merged and compared.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { median, summarize } from './statistics.mjs'

/**
 * The unit tells how a figure is read: `×` times as fast, `%` of a peak or a bandwidth, both better when
 * higher; `µs`, `ms`, `KB` and `MB`, better when lower.
 *
 * @typedef {'×' | '%' | 'µs' | 'ms' | 'KB' | 'MB'} Unit
 *
 * @typedef {object} Figure
 * @property {string} id part/table/row/column, by which runs are compared
 * @property {string} table
 * @property {string} row
 * @property {string} column
 * @property {Unit} unit
 * @property {number} median
 * @property {number} q1
 * @property {number} q3
 * @property {number[]} samples of the figure, round by round
 * @property {number} [target]
 * @property {boolean} [reached]
 * @property {string} [detail] such as the absolute times, in words
 * @property {Record<string, unknown>} [more] what it was made from
 *
 * @typedef {object} Cell what is no number: a hash, or the error of a library that can't do a job
 * @property {string} table
 * @property {string} row
 * @property {string} column
 * @property {string} text
 *
 * @typedef {object} PartResult
 * @property {string} date
 * @property {Record<string, unknown>} machine
 * @property {Record<string, string>} versions
 * @property {Record<string, number>} options
 * @property {number} seconds how long the part took
 * @property {Figure[]} figures
 * @property {Cell[]} cells
 * @property {string[]} notes warm-up, what was extrapolated, and the like
 * @property {string[]} missing what could not be measured, and why
 *
 * @typedef {{ format: 1, parts: Record<string, PartResult> }} Results
 */

/** @param {Unit} unit */
export const higherIsBetter = (unit) => unit === '×' || unit === '%'

/** A ratio that lost more than this fails the check. */
export const ALLOWED_LOSS = 0.15

/**
 * A figure of its samples.
 *
 * @param {{ part: string, table: string, row: string, column: string, unit: Unit, target?: number | undefined, detail?: string, more?: Record<string, unknown> }} what
 * @param {number[]} samples
 * @returns {Figure}
 */
export function figure({ part, table, row, column, unit, target, detail, more }, samples) {
  const { median, q1, q3 } = summarize(samples)
  return {
    id: [part, table, row, column].join('/'),
    ...{ table, row, column, unit, median, q1, q3, samples },
    ...(target !== undefined && {
      target,
      reached: higherIsBetter(unit) ? median >= target : median <= target,
    }),
    ...(detail && { detail }),
    ...(more && { more }),
  }
}

/** All parts, in the order in which they are shown. */
export const PART_NAMES = /** @type {const} */ ([
  'jobs',
  'nets',
  'peers',
  'runtimes',
  'kernels',
  'scaling',
  'ranks',
])

/**
 * Makes a folder for results where there is none. A new one is ignored by git, and so by the linter, which would
 * else take what a run wrote into a checkout for sources.
 *
 * @param {string} folder
 */
export function makeFolder(folder) {
  if (mkdirSync(folder, { recursive: true })) writeFileSync(join(folder, '.gitignore'), '*\n')
}

/**
 * The newest result of each part.
 *
 * @param {Results | undefined} old
 * @param {Record<string, PartResult>} parts
 * @returns {Results}
 */
export function merge(old, parts) {
  const all = { ...old?.parts, ...parts }
  const names = PART_NAMES.filter((name) => name in all)
  return { format: 1, parts: Object.fromEntries(names.map((name) => [name, all[name]])) }
}

/**
 * What is left of a kernel's own rate; 0 for figures that are no share of a bound. On one machine a share is lost only
 * where this is, too: the bandwidth of large copies moves by a third with what the neighbours do, and with it the share
 * of kernels that it does not bind.
 *
 * @param {Figure} before
 * @param {Figure} after
 */
function keptRate(before, after) {
  const [old, now] = [before, after].map(({ more }) => /** @type {number[]} */ (more?.rates ?? []))
  return old.length > 0 && now.length > 0 ? median(now) / median(old) : 0
}

/**
 * The figures that lost more than ALLOWED_LOSS. Absolute times depend on the machine and are left out.
 *
 * @param {Results} committed
 * @param {Record<string, PartResult>} now
 * @returns {{ losses: { id: string, before: number, after: number, loss: number }[], compared: number, gone: string[] }}
 *   `gone`: figures of these parts that were there before and could not be measured now
 */
export function compare(committed, now) {
  const losses = []
  const gone = []
  let compared = 0
  for (const [name, part] of Object.entries(now)) {
    const after = new Map(part.figures.map((one) => [one.id, one]))
    for (const before of committed.parts[name]?.figures ?? []) {
      if (before.unit === 'µs' || before.unit === 'ms') continue
      const measured = after.get(before.id)
      if (!measured) {
        gone.push(before.id)
        continue
      }
      compared++
      const kept = Math.max(
        higherIsBetter(before.unit) ? measured.median / before.median : before.median / measured.median,
        committed.parts[name].machine.cpu === part.machine.cpu ? keptRate(before, measured) : 0,
      )
      if (1 - kept > ALLOWED_LOSS) {
        losses.push({ id: before.id, before: before.median, after: measured.median, loss: 1 - kept })
      }
    }
  }
  return { losses, compared, gone }
}
