/**
 * Attention that writes its heads where they are wanted. What it makes has the rows of each head one after the other,
 * and is copied so that a row has all heads' columns: its result for the product that follows, its gradients for those
 * of the products before it, which are mostly parts of one array. Where nobody else reads what such copies are made of,
 * attention writes their results itself, by strides, and the copies are taken out: the bits are the same.
 *
 * What lies in one of the batch must then be done by one thread. So it is not done where the batch is small, nor where
 * those of the batch lie among each other's rows.
 */
import { COPY } from './move-rows.js'
import type { Place, Recorded, Row } from './recorded.js'
import type { Storage } from './recording.js'
import { addUsers, type Users, usersOf } from './row-users.js'
import { otherStrides, RESULTS, readElsewhere, sizesOf, sourcesOf, wordsWith } from './strided-rows.js'

/** Fewer of the batch are too few for threads. */
const LEAST = 8
/** Backward's words: each gradient's first float in the array of all, and that array. */
const STARTS: Readonly<Record<number, number>> = { 55: 32, 57: 33, 59: 34 }
const ALL = 61

interface Steps {
  readonly rows: (Row | undefined)[]
  readonly users: Users
  readonly isTemporary: (storage: Storage) => boolean
}

/** What attention writes, and where it would be written instead of copied. */
interface Result {
  readonly word: number
  /** The first float as it was. */
  readonly at: number
  storage: Storage
  /** For each float of the array as it was, where it is in that storage. */
  others: Int32Array
}

/** What `sources` says of the floats of the other side, of which there are `floats`; undefined where one has two. */
function inverse(sources: Int32Array, floats: number): Int32Array | undefined {
  const targets = new Int32Array(floats).fill(-1)
  for (const [to, from] of sources.entries()) {
    if (from < 0) continue
    if (targets[from] >= 0) return undefined
    targets[from] = to
  }
  return targets
}

/** The only copy of a storage, which comes after row `i`, to a temporary; `readers` are all others that use it. */
function copyOf(
  { rows, users, isTemporary }: Steps,
  i: number,
  storage: Storage,
  isKnown: (row: number) => boolean,
) {
  if (!isTemporary(storage)) return undefined
  const others = (users.get(storage) ?? []).filter((user) => rows[user] && user !== i && !isKnown(user))
  const copies = others.filter((user) => rows[user]?.name === 'copyStrided')
  const [at] = copies
  const copy = rows[at]
  if (copies.length !== 1 || !copy || at < i || copy.live || copy.accepts) return undefined
  const [from, to] = [COPY.x, COPY.y].map((word) => copy.places.find((place) => place.word === word))
  if (from?.storage !== storage || !to || to.storage === storage || !isTemporary(to.storage)) return undefined
  const sources = sourcesOf(copy, from, to)
  const targets = sources && inverse(sources, storage.bytes / 4)
  return targets && { at, targets, to: to.storage, readers: others.filter((user) => user !== at) }
}

/** Where a result would lie, in `floats` floats, and whether each of the batch has a piece of these to itself. */
function layoutOf(row: Row, { word, others, at }: Result, floats: number) {
  const found = otherStrides(row, word, others, at)
  if (!found) return undefined
  const { first, strides } = found
  const [batch, rows, width] = sizesOf(row, word)
  const count = batch / strides.heads
  const end = first + (strides.heads - 1) * strides.head + (rows - 1) * strides.row + width
  return count >= LEAST && end <= strides.outer && count * strides.outer <= floats ? found : undefined
}

/** Whether nobody uses a storage before all of `copies`, which write it, nor writes it after them where `isRead` later. */
function isFreeBefore(
  { rows, users }: Steps,
  storage: Storage,
  copies: ReadonlySet<number>,
  isRead: boolean,
) {
  const last = Math.max(...copies)
  return (users.get(storage) ?? []).every((user) => {
    if (copies.has(user) || !rows[user]) return true
    const writes = rows[user].places.some((place) => place.written && place.storage === storage)
    return user > last && !(isRead && writes)
  })
}

/** Lets a forward row write its result where it is copied to. */
function writeForward(steps: Steps, i: number, row: Row, place: Place): void {
  const { rows, users } = steps
  const copy = copyOf(steps, i, place.storage, () => false)
  const { bytes } = place.storage
  if (!copy || copy.to.bytes !== bytes || place.delta !== 0) return
  const result: Result = { word: place.word, at: 0, storage: copy.to, others: copy.targets }
  const found = layoutOf(row, result, bytes / 4)
  const words = found?.first === 0 ? wordsWith(row, place.word, found.strides) : undefined
  if (!words || !isFreeBefore(steps, copy.to, new Set([copy.at]), true)) return
  const readers = readElsewhere(rows, copy.readers, place.storage, copy.targets, copy.to)
  if (!readers) return
  const places = row.places.map((one) => (one === place ? { ...one, storage: copy.to } : one))
  rows[i] = { ...row, words, places }
  for (const [user, reader] of readers) rows[user] = reader
  rows[copy.at] = undefined
  addUsers(users, copy.to, [i, ...copy.readers])
}

/** The backward row that writes its gradients so; undefined where it can't. */
function writing(row: Row, results: readonly Result[]): Row | undefined {
  const [{ storage: all }] = results
  const together = results.length === 3 && results.every(({ storage }) => storage === all)
  if (!together && new Set(results.map(({ storage }) => storage)).size < results.length) return undefined
  let next = row
  const outers = new Set<number>()
  for (const result of results) {
    const { word, storage } = result
    const floats = storage.bytes / 4
    const [batch, rows, width] = sizesOf(row, word)
    const found = layoutOf(row, result, floats)
    const words = found && wordsWith(next, word, found.strides)
    if (!words || (!together && floats !== batch * rows * width)) return undefined
    outers.add(found.strides.outer)
    words[STARTS[word]] = found.first
    if (together) words.fill(0, word, word + 2)
    next = { ...next, words }
  }
  const others = next.places.filter(({ word }) => !(word in STARTS))
  if (!together) {
    const places = results.map(({ word, storage }) => ({ word, storage, delta: 0, written: true }))
    return { ...next, places: [...others, ...places] }
  }
  if (outers.size > 1) return undefined
  next.words[ALL + 1] = all.bytes / 4
  return { ...next, places: [...others, { word: ALL, storage: all, delta: 0, written: true }] }
}

/** Lets a backward row write its gradients where they are copied to, copies of copies included. */
function writeBackward(steps: Steps, i: number, row: Row): void {
  const { rows, users } = steps
  const results = row.places
    .filter(({ word }) => word in STARTS)
    .map(({ word, storage, delta }): Result => {
      const others = Int32Array.from({ length: storage.bytes / 4 }, (_, at) => at)
      return { word, at: delta / 4, storage, others }
    })
  const own = new Set(results.map(({ storage }) => storage))
  const copies = new Set<number>()
  let best: { row: Row; copies: number[]; storages: Storage[] } | undefined
  for (let moved = true; moved; ) {
    moved = false
    for (const result of results) {
      const copy = copyOf(
        steps,
        i,
        result.storage,
        (user) => copies.has(user) && !reads(rows[user], result.storage),
      )
      if (!copy || copy.readers.length > 0) continue
      const { others } = result
      result.others = others.map((at) => (at < 0 ? -1 : copy.targets[at]))
      result.storage = copy.to
      copies.add(copy.at)
      moved = true
    }
    if (!moved) break
    const storages = results.map(({ storage }) => storage)
    const next = storages.every((one) => own.has(one) || isFreeBefore(steps, one, copies, false))
      ? writing(row, results)
      : undefined
    if (next) best = { row: next, copies: [...copies], storages }
  }
  if (!best) return
  rows[i] = best.row
  for (const copy of best.copies) rows[copy] = undefined
  for (const storage of best.storages) addUsers(users, storage, [i])
}

const reads = (row: Row | undefined, storage: Storage) =>
  row?.places.some((place) => !place.written && place.storage === storage) ?? false

/** Lets attention write where it is wanted, and takes the copies out that did it. */
export function writeStrided({ made, pinned }: Recorded, rows: (Row | undefined)[]): void {
  const isTemporary = (storage: Storage) => made.has(storage) && !pinned.has(storage)
  const steps: Steps = { rows, users: usersOf(rows), isTemporary }
  for (const [i, row] of rows.entries()) {
    if (!row || row.live || row.accepts) continue
    if (row.name === 'attentionBackward') writeBackward(steps, i, row)
    if (row.name !== 'attentionForward') continue
    const place = row.places.find(({ word }) => word in RESULTS.attentionForward)
    if (place) writeForward(steps, i, row, place)
  }
}
