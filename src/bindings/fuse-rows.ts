/**
 * Neighbouring rows of a recorded step that run as one: chains of elementwise kernels block by block, and those behind
 * batch normalisation with it. (Those before its gradient stay apart: what is computed again in the first cache took
 * longer than the passes over memory that it saved; MobileNetV2, batch 64, arrays of up to 25 MB.) What passes between them and is read by nobody else is in the
 * first cache only. Each row that is made (chain-rows.ts) has the bits of those that it stands for, which are what
 * runs without it.
 *
 * A row moves down to the one that reads what it makes; no row between may write what it reads, or touch what it
 * writes.
 */
import { chainRow, fit, hasLongPieces, normalised, normaliseRow, type Step, stepOf } from './chain-rows.js'
import { instance } from './instance.js'
import { moveRows } from './move-rows.js'
import type { Recorded, Row } from './recorded.js'
import { Fusing, type Item } from './row-items.js'
import { keepSlopes } from './slope-rows.js'
import { writeStrided } from './strided-results.js'
import { readStrided } from './strided-rows.js'

/** Elementwise rows, each with those that make what it reads. */
function fuseElementwise(fusing: Fusing): void {
  for (let j = 0; j < fusing.items.length; j++) {
    for (let again = true; again; ) {
      again = false
      const item = fusing.items[j]
      if (item.n === undefined) break
      for (const { storage, written } of item.places) {
        const i = written ? -1 : fusing.writerBefore(j, storage)
        const before = fusing.items[i]
        if (i < 0 || before.n !== item.n || !fusing.maySink(i, j)) continue
        if (before.clears.length > 0 !== item.clears.length > 0) continue
        const [chain, clears] = [
          [...before.chain, ...item.chain],
          [...before.clears, ...item.clears],
        ]
        if (!fit(chain.length, chain.length)) continue
        fusing.replace(i, j, { ...item, chain, clears, places: [...before.places, ...item.places] })
        j--
        again = true
        break
      }
    }
  }
}

/** Batch normalisations whose result only an elementwise item reads. */
function fuseNormalisations(fusing: Fusing): void {
  for (let i = 0; i < fusing.items.length; i++) {
    const { row, places, clears } = fusing.items[i]
    const result = normalised(row)
    if (!result || !hasLongPieces(row, fusing.fewest) || !fusing.isTemporary(result.storage)) continue
    const j = fusing.otherUserOf(fusing.items[i], result.storage)
    const item = fusing.items[j]
    if (j < i || item.head || !fit(item.chain.length, item.chain.length + 1)) continue
    if (item.n !== row.words[result.word + 1] || !fusing.maySink(i, j)) continue
    if (clears.length > 0 !== item.clears.length > 0) continue
    fusing.replace(i, j, { ...item, head: row, places: [...places, ...item.places] })
    i--
  }
}

/** The rows that run instead of those that an item stands for. */
function rowsOf(fusing: Fusing, item: Item): Row[] {
  const { row, head, chain, n, clears } = item
  if (n === undefined || (chain.length === 1 && !head)) return [row, ...clears]
  const steps: Step[] = chain.map((one) => stepOf(one, n))
  const result = head && normalised(head)
  const temporaries = fusing.temporariesOf(chain, item, result ? [result.storage] : [])
  const fused = head ? normaliseRow(head, steps, temporaries) : chainRow(n, steps, temporaries)
  return [fused, ...clears.filter(({ places: [place] }) => !temporaries.has(place.storage))]
}

/** Fewer floats are in the first cache whether or not rows are fused. */
const FEWEST = 4096

/**
 * Fuses the rows of a recording.
 *
 * @param fewest floats of the arrays from which on it pays
 */
export function fuseRecorded(recorded: Recorded, fewest: number = FEWEST): void {
  if (!instance().whole) return
  const rows = moveRows(recorded)
  readStrided(recorded, rows)
  writeStrided(recorded, rows)
  keepSlopes(recorded, rows)
  replaceRows(
    recorded,
    rows.map((row, at) => ({ at, rows: row ? [row] : [] })),
  )
  const fusing = new Fusing(recorded, fewest)
  fuseElementwise(fusing)
  fuseNormalisations(fusing)
  replaceRows(
    recorded,
    fusing.items.map((item) => ({ at: item.at, rows: rowsOf(fusing, item) })),
  )
}

/** Lets rows take the place of others, each of those that end with the one that had the number `at`. */
function replaceRows(recorded: Recorded, made: readonly { at: number; rows: readonly Row[] }[]): void {
  /** How many rows there are now before the one that had that number. */
  const before = (row: number) => {
    let count = 0
    for (const { at, rows } of made) if (at < row) count += rows.length
    return count
  }
  const { lives, betweens } = recorded
  lives.splice(0, lives.length, ...lives.map((live) => ({ ...live, first: before(live.first) })))
  betweens.splice(0, betweens.length, ...betweens.map((one) => ({ ...one, after: before(one.after) })))
  recorded.rows.splice(0, recorded.rows.length, ...made.flatMap(({ rows }) => rows))
}
