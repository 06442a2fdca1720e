/**
 * Rows of a recorded step that only move values from one array to another, and are taken out: a part that is copied
 * out of an array is read where it lies, what is copied into a part of one is computed there, and nothing is filled
 * whose every float is then written. So an attention layer whose queries, keys and values come out of one product
 * splits them, and joins their gradients, without a copy.
 *
 * Only arrays that the step makes and nobody else has are moved so (`made`, and not `pinned`).
 */
import type { Place, Recorded, Row } from './recorded.js'
import type { Storage } from './recording.js'
import { addUsers, type Users, usersOf } from './row-users.js'

/** Floats of an array, from the first to before the end. */
interface Region {
  readonly storage: Storage
  readonly from: number
  readonly to: number
}

/** The words of `copyStrided`, whose rank is followed by the shape and two lists of strides. */
export const COPY = { xStart: 2, yStart: 3, x: 4, y: 6, rank: 8 }
/** Larger arrays are filled whatever follows. */
const MOST_FLOATS = 1 << 24
/** What is smaller than such a part of an array does not keep it in memory for longer than it would be. */
const LEAST_PART = 4

const named = (row: Row, name: string) => row.name === name && !row.live && !row.accepts

/** What a place's array covers. (Of bytes it may be less.) */
const extentOf = ({ words }: Row, { word, storage, delta }: Place): Region => {
  const from = Math.floor(delta / 4)
  return { storage, from, to: from + words[word + 1] }
}

const overlap = (a: Region, b: Region) => a.storage === b.storage && a.from < b.to && b.from < a.to

/** What a row copies, if that is all that it does, from one piece to another. */
function copyOf(row: Row): { from: Region; to: Region } | undefined {
  if (!named(row, 'copyStrided')) return undefined
  const { words, places } = row
  const [rank, n, ...strides] = words.subarray(COPY.rank, COPY.rank + 4)
  if (rank !== 1 || strides.some((stride) => stride !== 1)) return undefined
  const [from, to] = (
    [
      ['x', 'xStart'],
      ['y', 'yStart'],
    ] as const
  ).map(([array, start]) => {
    const place = places.find(({ word }) => word === COPY[array])
    if (!place) return undefined
    const at = place.delta / 4 + words[COPY[start]]
    return { storage: place.storage, from: at, to: at + n }
  })
  return from && to ? { from, to } : undefined
}

/** What a row reads or writes at a place. */
function regionOf(row: Row, place: Place): Region {
  const copy = copyOf(row)
  if (!copy) return extentOf(row, place)
  return place.word === COPY.x ? copy.from : copy.to
}

class Moving {
  readonly rows: (Row | undefined)[]
  readonly #users: Users

  constructor(readonly recorded: Recorded) {
    this.rows = [...recorded.rows]
    this.#users = usersOf(this.rows)
  }

  usersOf(storage: Storage): readonly number[] {
    return this.#users.get(storage) ?? []
  }

  isTemporary(storage: Storage): boolean {
    return this.recorded.made.has(storage) && !this.recorded.pinned.has(storage)
  }

  /** Takes a row out. */
  drop(i: number): void {
    for (const { storage } of this.rows[i]?.places ?? []) {
      const others = this.usersOf(storage).filter((user) => user !== i)
      this.#users.set(storage, others)
    }
    this.rows[i] = undefined
  }

  /** Puts a row back to where it was. */
  restore(i: number, row: Row): void {
    for (const { storage } of row.places) addUsers(this.#users, storage, [i])
    this.rows[i] = row
  }

  /** Whether one of the rows `users` touches a region so. */
  touches(users: readonly number[], region: Region, how: (place: Place) => boolean): boolean {
    return users.some((k) => {
      const row = this.rows[k]
      return row?.places.some((place) => how(place) && overlap(regionOf(row, place), region))
    })
  }

  /**
   * Lets `storage` lie in another, `by` floats from its beginning.
   *
   * @returns whether it does: no kernel may be given two arrays of which it writes one, and that overlap
   */
  moveTo(storage: Storage, other: Storage, by: number): boolean {
    const moved = new Map<number, Row>()
    for (const k of this.usersOf(storage)) {
      const row = this.rows[k]
      if (!row) continue
      const places = row.places.map((place) =>
        place.storage === storage ? { ...place, storage: other, delta: place.delta + 4 * by } : place,
      )
      const here = places.filter((place) => place.storage === other)
      for (const [at, one] of here.entries()) {
        for (const two of here.slice(at + 1)) {
          if ((one.written || two.written) && overlap(extentOf(row, one), extentOf(row, two))) return false
        }
      }
      moved.set(k, { ...row, places })
    }
    for (const [k, row] of moved) this.rows[k] = row
    addUsers(this.#users, other, moved.keys())
    this.#users.delete(storage)
    return true
  }
}

const isWhole = ({ storage, from, to }: Region) => from === 0 && 4 * to === storage.bytes
const isLarge = (part: Storage, of: Storage) => LEAST_PART * part.bytes >= of.bytes
const isWritten = ({ written }: Place) => written

/** Lets what row `i`, which was taken out, copies out of an array be read there. */
function readInPlace(moving: Moving, i: number, { from, to }: { from: Region; to: Region }): boolean {
  const others = moving.usersOf(to.storage)
  const last = others.at(-1)
  if (!isWhole(to) || last === undefined || others[0] < i) return false
  if (moving.touches(others, to, isWritten)) return false
  const lives = moving.usersOf(from.storage)
  const later = lives.filter((user) => user > i && user <= last)
  if (moving.touches(later, from, isWritten)) return false
  return (
    (isLarge(to.storage, from.storage) || (lives.at(-1) ?? 0) >= last) &&
    moving.moveTo(to.storage, from.storage, from.from)
  )
}

/** Lets what row `i`, which was taken out, copies into an array be computed there. */
function writeInPlace(moving: Moving, i: number, { from, to }: { from: Region; to: Region }): boolean {
  const others = moving.usersOf(from.storage)
  const first = others.at(0)
  if (!isWhole(from) || first === undefined || (others.at(-1) ?? i) > i) return false
  const lives = moving.usersOf(to.storage)
  const before = lives.filter((user) => user >= first && user < i)
  if (moving.touches(before, to, () => true)) return false
  return (
    (isLarge(from.storage, to.storage) || lives[0] <= first) &&
    moving.moveTo(from.storage, to.storage, to.from)
  )
}

/** Whether each float that row `i` fills is written by copies before it is read. */
function isOverwritten(moving: Moving, i: number): boolean {
  const row = moving.rows[i]
  if (!row || !named(row, 'fill')) return false
  const [place] = row.places
  const region = extentOf(row, place)
  if (!moving.isTemporary(place.storage) || !isWhole(region) || region.to > MOST_FLOATS) return false
  const written = new Uint8Array(region.to)
  let left = region.to
  for (const k of moving.usersOf(place.storage)) {
    const copy = moving.rows[k]
    if (k <= i || !copy) continue
    const mine = copy.places.filter(({ storage }) => storage === place.storage)
    if (!named(copy, 'copyStrided') || mine.length > 1 || !mine[0].written) return false
    for (const at of writtenBy(copy, mine[0])) {
      if (written[at] === 0) left--
      written[at] = 1
    }
    if (left === 0) return true
  }
  return false
}

/** The floats that a `copyStrided` writes. */
function* writtenBy({ words }: Row, { delta }: Place): Generator<number> {
  const rank = words[COPY.rank]
  const list = (i: number) => words.subarray(COPY.rank + 1 + i * rank, COPY.rank + 1 + (i + 1) * rank)
  const [shape, strides] = [list(0), list(2)]
  const count = shape.reduce((product, size) => product * size, 1)
  for (let index = 0; index < count; index++) {
    let [at, rest] = [delta / 4 + words[COPY.yStart], index]
    for (let d = rank - 1; d >= 0; d--) {
      at += (rest % shape[d]) * strides[d]
      rest = Math.floor(rest / shape[d])
    }
    yield at
  }
}

/** Takes out the rows that only move values, where the step does the same without. @returns the rows, each in its place */
export function moveRows(recorded: Recorded): (Row | undefined)[] {
  const moving = new Moving(recorded)
  for (let i = 0; i < moving.rows.length; i++) if (isOverwritten(moving, i)) moving.drop(i)
  for (let i = 0; i < moving.rows.length; i++) {
    const row = moving.rows[i]
    const copy = row && copyOf(row)
    if (!copy || copy.from.storage === copy.to.storage) continue
    if (!moving.isTemporary(copy.from.storage) || !moving.isTemporary(copy.to.storage)) continue
    moving.drop(i)
    if (!readInPlace(moving, i, copy) && !writeInPlace(moving, i, copy)) moving.restore(i, row)
  }
  return moving.rows
}
