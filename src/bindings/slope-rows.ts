/**
 * Functions of the elements whose derivative is most of their work once more, as GELU: where a recorded step runs both
 * directions, the forward row leaves the derivative in the place of what it was computed from, which only backward
 * reads, and backward has a multiplication left. The bits are the same.
 */
import { BINARY, binary } from './kernels.generated.js'
import type { Place, Recorded, Row } from './recorded.js'
import { rowOf } from './rewriter.js'
import { usersOf } from './row-users.js'
import { WITH_SLOPE } from './rows.generated.js'

/** The words of both directions' rows. */
const FORWARD = { op: 2, x: 5, y: 7 }
const BACKWARD = { op: 2, x: 5, dy: 9, dx: 11 }

/** An array of `length` floats, whose address is put in later. */
const somewhere = (length: number) => ({ address: 4, length, version: 0, willChange() {} })

/** The place of a row's array in another word, of another row. */
function moved(row: Row, from: number, word: number, written: boolean): Place[] {
  const place = row.places.find((one) => one.word === from)
  return place ? [{ ...place, word, written }] : []
}

/** The forward row, which leaves the derivative in the place of its input. */
function withSlope(row: Row): Row {
  const { words } = row
  const [x, y] = [FORWARD.x, FORWARD.y].map((word) => [...words.subarray(word, word + 2)])
  const all = [WITH_SLOPE.row, 0, words[FORWARD.op], ...x, ...y]
  const places = [...moved(row, FORWARD.x, 3, true), ...moved(row, FORWARD.y, 5, true)]
  return { words: Float64Array.from(all), places, name: 'unaryWithSlope', live: false }
}

/** `dx = dy · slope`. */
function bySlope(row: Row): Row {
  const n = row.words[BACKWARD.dx + 1]
  const [a, b, y] = [n, n, n].map(somewhere)
  const words = rowOf(() => binary({ op: BINARY.mul, dims: [[n], [1], [1]], a, b, y }))
  const places = [
    ...moved(row, BACKWARD.dy, 3, false),
    ...moved(row, BACKWARD.x, 5, false),
    ...moved(row, BACKWARD.dx, 7, true),
  ]
  return { words, places, name: 'binary', live: false }
}

/** Puts such rows in the place of others. */
export function keepSlopes({ made, pinned }: Recorded, rows: (Row | undefined)[]): void {
  const users = usersOf(rows)
  for (const [j, back] of rows.entries()) {
    if (back?.name !== 'unaryBackward' || back.live || !WITH_SLOPE.ops.includes(back.words[BACKWARD.op]))
      continue
    const x = back.places.find(({ word }) => word === BACKWARD.x)
    if (!x || !made.has(x.storage) || pinned.has(x.storage) || back.words[BACKWARD.dx + 1] === 0) continue
    // (Backward would read the derivative as its other input, too.)
    if (back.places.some((one) => one !== x && one.storage === x.storage)) continue
    const [i, last] = (users.get(x.storage) ?? []).slice(-2)
    const row = rows[i]
    if (last !== j || row?.name !== 'unaryForward' || row.live) continue
    const same = row.places.some(({ word, delta }) => word === FORWARD.x && delta === x.delta)
    if (!same || row.words[FORWARD.op] !== back.words[BACKWARD.op]) continue
    if (row.words[FORWARD.x + 1] !== back.words[BACKWARD.x + 1]) continue
    rows[i] = withSlope(row)
    rows[j] = bySlope(back)
  }
}
