/**
 * Attention that reads its heads where they lie. Queries, keys and values come out of products as rows of all heads'
 * columns, and are copied so that each head's rows follow each other; so are its result's gradients. Where such a copy
 * is read by attention alone, attention reads what was copied, by strides, and the copy is taken out: the bits are the
 * same.
 */
import { COPY } from './move-rows.js'
import type { Place, Recorded, Row } from './recorded.js'
import type { Storage } from './recording.js'
import { addUsers, usersOf } from './row-users.js'

/** The words of both directions' sizes. */
const SIZE = { batch: 2, t: 3, s: 4, e: 5, ev: 6, heads: 7 }
/** By the word of an array: where its strides are, and which sizes its rows and their width have. */
type Arrays = Readonly<Record<number, readonly [strides: number, rows: 't' | 's', width: 'e' | 'ev']>>
/** What is read. */
const OPERANDS: Readonly<Record<string, Arrays>> = {
  attentionForward: { 20: [8, 't', 'e'], 22: [11, 's', 'e'], 24: [14, 's', 'ev'] },
  attentionBackward: {
    ...{ 35: [8, 't', 'e'], 37: [11, 's', 'e'], 39: [14, 's', 'ev'] },
    ...{ 41: [17, 't', 'ev'], 43: [20, 't', 'ev'] },
  },
}
/** What is written. */
export const RESULTS: Readonly<Record<string, Arrays>> = {
  attentionForward: { 34: [17, 't', 'ev'] },
  attentionBackward: { 55: [23, 't', 'e'], 57: [26, 's', 'e'], 59: [29, 's', 'ev'] },
}

/** More floats than this are copied as they are. */
const MOST_FLOATS = 1 << 22

/** Where the values that a copy writes come from: a place in `from` for each of `to`; -1 where it writes none. */
export function sourcesOf({ words }: Row, from: Place, to: Place): Int32Array | undefined {
  const rank = words[COPY.rank]
  const list = (i: number) => words.subarray(COPY.rank + 1 + i * rank, COPY.rank + 1 + (i + 1) * rank)
  const [shape, xStrides, yStrides] = [list(0), list(1), list(2)]
  const floats = to.storage.bytes / 4
  if (floats > MOST_FLOATS) return undefined
  const sources = new Int32Array(floats).fill(-1)
  const walk = (d: number, x: number, y: number) => {
    if (d === rank) sources[y] = x
    else for (let i = 0; i < shape[d]; i++) walk(d + 1, x + i * xStrides[d], y + i * yStrides[d])
  }
  walk(0, from.delta / 4 + words[COPY.xStart], to.delta / 4 + words[COPY.yStart])
  return sources
}

/** From one of the batch to the next `heads`, from a head to the next, from a row to the next. */
interface Strides {
  readonly heads: number
  readonly outer: number
  readonly head: number
  readonly row: number
}

/** Both. */
const ARRAYS: Readonly<Record<string, Arrays>> = Object.fromEntries(
  Object.keys(OPERANDS).map((name) => [name, { ...OPERANDS[name], ...RESULTS[name] }]),
)

/** The batch, the rows of each and their width, of an array of attention's. */
export function sizesOf({ name, words }: Row, word: number): [batch: number, rows: number, width: number] {
  const [, rows, width] = ARRAYS[name][word]
  return [words[SIZE.batch], words[SIZE[rows]], words[SIZE[width]]]
}

function stridesAt(words: Float64Array, at: number): Strides {
  const [outer, head, row] = words.subarray(at, at + 3)
  return { heads: words[SIZE.heads], outer, head, row }
}

/** Where number `b` of the batch has its row `row`, from the first one on. */
const offsetOf = (strides: Strides, b: number, row: number) =>
  Math.floor(b / strides.heads) * strides.outer + (b % strides.heads) * strides.head + row * strides.row

/**
 * The first float, and the strides, of another array in which an array of attention's lies.
 *
 * @param others for each float, where it is there
 * @param at the first of attention's floats
 */
export function otherStrides(row: Row, word: number, others: Int32Array, at: number) {
  const [batch, rows, width] = sizesOf(row, word)
  if (batch * rows * width === 0) return undefined
  const old = stridesAt(row.words, ARRAYS[row.name][word][0])
  const start = (b: number, row: number) => others[at + offsetOf(old, b, row)]
  const first = start(0, 0)
  const next = rows > 1 ? start(0, 1) - first : width
  const head = batch > 1 ? start(1, 0) - first : 0
  let heads = 1
  while (heads < batch && start(heads, 0) === first + heads * head) heads++
  const outer = heads < batch ? start(heads, 0) - first : heads * head
  if (first < 0 || next < width || head < 0 || outer < 0 || batch % heads !== 0) return undefined
  const strides: Strides = { heads, outer, head, row: next }
  for (let b = 0; b < batch; b++) {
    for (let r = 0; r < rows; r++) {
      const [from, to] = [first + offsetOf(strides, b, r), at + offsetOf(old, b, r)]
      for (let c = 0; c < width; c++) if (others[to + c] !== from + c) return undefined
    }
  }
  return { first, strides, length: offsetOf(strides, batch - 1, rows - 1) + width }
}

/** The same with another number of heads, where all of the batch lie equally far apart. */
function withHeads({ heads, outer, head, row }: Strides, next: number, batch: number): Strides | undefined {
  if (heads === next) return { heads, outer, head, row }
  const step = heads === 1 ? outer : head
  const isEven = heads === 1 || heads === batch || outer === heads * head
  return isEven ? { heads: next, outer: next * step, head: step, row } : undefined
}

/** The words with other strides of one array; all have the number of heads of the one that needs it. */
export function wordsWith(
  { name, words: old }: Row,
  word: number,
  strides: Strides,
): Float64Array | undefined {
  const words = old.slice()
  const [batch, mine] = [words[SIZE.batch], words[SIZE.heads]]
  const isFree = mine !== 1 && (strides.heads === batch || strides.heads === 1)
  const heads = isFree ? mine : strides.heads
  for (const [array, [at]] of Object.entries(ARRAYS[name])) {
    const next = withHeads(Number(array) === word ? strides : stridesAt(old, at), heads, batch)
    if (!next) return undefined
    words.set([next.outer, next.head, next.row], at)
  }
  words[SIZE.heads] = heads
  return words
}

/** The row that reads at `place` what is elsewhere, at `others`; undefined where it can't. */
function reading(row: Row, place: Place, others: Int32Array, from: Storage): Row | undefined {
  const found = otherStrides(row, place.word, others, place.delta / 4)
  const words = found && wordsWith(row, place.word, found.strides)
  if (!words) return undefined
  words[place.word + 1] = found.length
  const places = row.places.map((one) =>
    one.word === place.word ? { ...one, storage: from, delta: 4 * found.first } : one,
  )
  return { ...row, words, places }
}

/** Lets attention read in place, and takes the copies out that only it reads. */
export function readStrided({ made, pinned }: Recorded, rows: (Row | undefined)[]): void {
  const users = usersOf(rows)
  const isTemporary = (storage: Storage) => made.has(storage) && !pinned.has(storage)
  // (Backwards: what a copy was read from may be one.)
  for (let i = rows.length - 1; i >= 0; i--) {
    const copy = rows[i]
    if (copy?.name !== 'copyStrided' || copy.live || copy.accepts) continue
    const [from, to] = [COPY.x, COPY.y].map((word) => copy.places.find((place) => place.word === word))
    if (!from || !to || from.storage === to.storage) continue
    if (!isTemporary(from.storage) || !isTemporary(to.storage)) continue
    const readers = (users.get(to.storage) ?? []).filter((user) => user !== i && rows[user])
    const last = readers.at(-1)
    if (last === undefined || readers[0] < i) continue
    const isWritten = (users.get(from.storage) ?? []).some(
      (user) =>
        user > i &&
        user <= last &&
        rows[user]?.places.some(({ storage, written }) => written && storage === from.storage),
    )
    if (isWritten) continue
    const next = readAll(rows, readers, copy, from, to)
    if (!next) continue
    for (const [user, row] of next) rows[user] = row
    rows[i] = undefined
    addUsers(users, from.storage, readers)
  }
}

/** The readers of a copy, as they read in place; undefined where one can't. */
function readAll(rows: (Row | undefined)[], readers: readonly number[], copy: Row, from: Place, to: Place) {
  if (!readers.every((user) => (rows[user]?.name ?? '') in OPERANDS)) return undefined
  const sources = sourcesOf(copy, from, to)
  return sources && readElsewhere(rows, readers, to.storage, sources, from.storage)
}

/** Rows that read `storage`, as they read it elsewhere, at `others` of `from`; undefined where one can't. */
export function readElsewhere(
  rows: (Row | undefined)[],
  readers: readonly number[],
  storage: Storage,
  others: Int32Array,
  from: Storage,
) {
  const next = new Map<number, Row>()
  for (const user of readers) {
    let row = rows[user]
    for (const place of row?.places ?? []) {
      if (!row || place.storage !== storage) continue
      if (row.live || !(place.word in (OPERANDS[row.name] ?? {}))) return undefined
      row = reading(row, place, others, from)
    }
    if (!row) return undefined
    next.set(user, row)
  }
  return next
}
