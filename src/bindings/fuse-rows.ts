/**
 * Neighbouring rows of a recorded step that run as one: chains of elementwise kernels block by block, and those behind
 * batch normalisation with it, forward and backward. What passes between them and is read by nobody else is in the
 * first cache only. Each row that is made (chain-rows.ts) has the bits of those that it stands for, which are what
 * runs without it.
 *
 * A row moves down to the one that reads what it makes; no row between may write what it reads, or touch what it
 * writes.
 */
import {
  belongs,
  chainRow,
  fit,
  gradientOfNormalised,
  hasLongPieces,
  isShort,
  normaliseBackwardRow,
  normalised,
  normaliseRow,
  type Step,
  stepOf,
} from './chain-rows.js'
import { instance } from './instance.js'
import type { Recorded, Row } from './recorded.js'
import type { Storage } from './recording.js'
import { Fusing, type Item, LEFT } from './row-items.js'

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

/** Gradients of batch normalisations whose result went through a unary function. */
function fuseGradients(fusing: Fusing): void {
  for (let j = 0; j < fusing.items.length; j++) {
    const { row, segment, at } = fusing.items[j]
    const dy = gradientOfNormalised(row)
    if (!dy || !hasLongPieces(row, fusing.fewest) || !fusing.isTemporary(dy.storage)) continue
    const i = fusing.writerBefore(j, dy.storage)
    const before = fusing.items[i]
    if (before?.row.name !== 'unaryBackward' || before.n !== row.words[dy.word + 1]) continue
    // (The sums must not have what is in lanes of padding.)
    if (before.clears.length > 0) continue
    if (fusing.usersOf(dy.storage).size !== 2 || !fusing.maySink(i, j)) continue
    const made = gradientRow(fusing, i, j, before.n)
    fusing.replace(i, j, { ...LEFT, at, segment, row, made, places: made.places })
    j--
  }
}

/** The row for the unary function's gradient, item `i`, and the normalisation's, item `j`. */
function gradientRow(fusing: Fusing, i: number, j: number, n: number): Row {
  const [unary, { row }] = [fusing.items[i].row, fusing.items[j]]
  const result = unary.places[unary.places.length - 1].storage
  // Of forward's x and y, it has what it reads.
  const [read] = unary.places
  const isOfX = read.word === 5
  const first = isOfX ? undefined : rowThatWrites(fusing, i, read.storage, 'unaryForward')?.row
  const ofX = isOfX ? read.storage : first?.places[0].storage
  const forward = ofX && rowThatWrites(fusing, i, ofX, 'batchNormForward')
  const again =
    forward &&
    belongs(forward.row, row) &&
    fusing.isUnchanged(forward.row.places, forward.i, j) &&
    (isOfX || (first !== undefined && isShort(first) && sameFunction(first, unary)))
  const chain = again && first ? [stepOf(first, n), stepOf(unary, n)] : [stepOf(unary, n)]
  const temporaries = new Map([[result, 0]])
  if (again && ofX) temporaries.set(ofX, 1)
  if (again && first) temporaries.set(read.storage, 2)
  return normaliseBackwardRow(row, again ? forward.row : undefined, chain, temporaries)
}

/** The row of that name that was the last to write a storage before item `i`. */
function rowThatWrites(
  fusing: Fusing,
  i: number,
  storage: Storage,
  name: string,
): { i: number; row: Row } | undefined {
  const at = fusing.writerBefore(i, storage)
  const row = fusing.items[at]?.row
  return row?.name === name ? { i: at, row } : undefined
}

const sameFunction = (a: Row, b: Row) => [2, 3, 4].every((word) => a.words[word] === b.words[word])

/** The rows that run instead of those that an item stands for. */
function rowsOf(fusing: Fusing, item: Item): Row[] {
  const { row, made, head, chain, n, clears } = item
  if (made || n === undefined || (chain.length === 1 && !head)) return [made ?? row, ...clears]
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
 * @param gradients whether those of batch normalisation are fused too. Not by default: what is computed again in the
 *   first cache took longer than the passes over memory that it saves (MobileNetV2, batch 64, arrays of up to 25 MB)
 */
export function fuseRecorded(recorded: Recorded, fewest: number = FEWEST, gradients = false): void {
  if (!instance().whole) return
  const fusing = new Fusing(recorded, fewest)
  if (gradients) fuseGradients(fusing)
  fuseElementwise(fusing)
  fuseNormalisations(fusing)
  const made = fusing.items.map((item) => ({ at: item.at, rows: rowsOf(fusing, item) }))
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
