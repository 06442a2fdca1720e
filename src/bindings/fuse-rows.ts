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
  elementsOf,
  fit,
  gradientOfNormalised,
  isShort,
  normaliseBackwardRow,
  normalised,
  normaliseRow,
  type Step,
  stepOf,
} from './chain-rows.js'
import { instance } from './instance.js'
import type { Place, Recorded, Row } from './recorded.js'
import type { Storage } from './recording.js'

/** A row to be, at the place of the last of those that it stands for. */
interface Item {
  /** The number of that row. */
  readonly at: number
  /** Kernels run without JavaScript, and unasked, between rows of one segment. */
  readonly segment: number
  readonly places: readonly Place[]
  /** The row as it was recorded, where it stands for itself. */
  readonly row: Row
  /** Floats of its arrays, where it is elementwise. */
  readonly n: number | undefined
  /** Elementwise rows that it stands for, in order. */
  readonly chain: readonly Row[]
  /** The batch normalisation before them. */
  readonly head?: Row
  /** The row in its stead. */
  readonly made?: Row
}

/** Rows that are further apart are left as they are. */
const NEAR = 64

class Fusing {
  readonly items: Item[]
  /** The items that have to do with a storage. */
  readonly #users = new Map<Storage, Set<Item>>()

  constructor(
    readonly recorded: Recorded,
    fewest: number,
  ) {
    const { rows, betweens } = recorded
    const begin = new Set(betweens.map(({ after }) => after))
    let segment = 0
    this.items = rows.map((row, at) => {
      if (begin.has(at) || rows[at - 1]?.accepts) segment++
      const n = elementsOf(row, fewest)
      return { at, segment, places: row.places, row, n, chain: n === undefined ? [] : [row] }
    })
    for (const item of this.items) this.#enter(item)
  }

  #enter(item: Item): void {
    for (const { storage } of item.places) {
      const users = this.#users.get(storage)
      if (users) users.add(item)
      else this.#users.set(storage, new Set([item]))
    }
  }

  #leave(item: Item): void {
    for (const { storage } of item.places) this.#users.get(storage)?.delete(item)
  }

  /** Whether only the rows have it. */
  isTemporary(storage: Storage): boolean {
    return this.recorded.made.has(storage) && !this.recorded.pinned.has(storage)
  }

  /** Whether two are, or in a later run may be, the same: an argument may be a tensor that was there before. */
  #same(a: Storage, b: Storage): boolean {
    if (a === b) return true
    const { inputs, made } = this.recorded
    return (inputs.includes(a) || inputs.includes(b)) && !made.has(a) && !made.has(b)
  }

  /** Whether what `item` writes, or reads, is touched so by one of those places that their order matters. */
  #meets(places: readonly Place[], others: readonly Place[]): boolean {
    return others.some((other) =>
      places.some((place) => (place.written || other.written) && this.#same(place.storage, other.storage)),
    )
  }

  /** Whether item `i` may run where `j` does. */
  maySink(i: number, j: number): boolean {
    const [item, to] = [this.items[i], this.items[j]]
    if (j - i > NEAR || item.segment !== to.segment || item.row.live || to.row.live) return false
    for (let k = i + 1; k < j; k++) if (this.#meets(item.places, this.items[k].places)) return false
    return true
  }

  /** The number of an item: they are in the order of their places. */
  #indexOf({ at }: Item): number {
    let [from, to] = [0, this.items.length - 1]
    while (from < to) {
      const middle = (from + to) >> 1
      if (this.items[middle].at < at) from = middle + 1
      else to = middle
    }
    return from
  }

  /** The last item before `j` that writes a storage; -1 where none does. */
  writerBefore(j: number, storage: Storage): number {
    let last: Item | undefined
    for (const item of this.usersOf(storage)) {
      if (item.at >= this.items[j].at || item.at < (last?.at ?? 0)) continue
      if (item.places.some((place) => place.written && place.storage === storage)) last = item
    }
    return last ? this.#indexOf(last) : -1
  }

  usersOf(storage: Storage): ReadonlySet<Item> {
    return this.#users.get(storage) ?? new Set()
  }

  /** The only item but `item` that has to do with a storage. */
  otherUserOf(item: Item, storage: Storage): number {
    const others = [...this.usersOf(storage)].filter((user) => user !== item)
    return others.length === 1 ? this.#indexOf(others[0]) : -1
  }

  /** Whether what a row reads is the same at item `j` as at `i`. */
  isUnchanged(places: readonly Place[], i: number, j: number): boolean {
    const read = places.filter((place) => !place.written)
    for (let k = i + 1; k < j; k++) {
      const written = this.items[k].places.filter((place) => place.written)
      if (this.#meets(read, written)) return false
    }
    return true
  }

  /** Lets `item` stand for items `i` and `j`. */
  replace(i: number, j: number, item: Item): void {
    for (const one of [i, j]) this.#leave(this.items[one])
    this.#enter(item)
    this.items[j] = item
    this.items.splice(i, 1)
  }

  /** What of the chain's is there for a block only, `first` being the first: what nobody else has to do with. */
  temporariesOf(chain: readonly Row[], mine: Item, first: readonly Storage[]): Map<Storage, number> {
    const temporaries = new Map(first.map((storage, i) => [storage, i]))
    for (const { places } of chain) {
      for (const { storage, written } of places) {
        if (!written || temporaries.has(storage) || !this.isTemporary(storage)) continue
        if (
          this.#beginsIn(chain, storage) &&
          this.usersOf(storage).size === 1 &&
          this.usersOf(storage).has(mine)
        ) {
          temporaries.set(storage, temporaries.size)
        }
      }
    }
    return temporaries
  }

  /** Whether the chain writes a storage before it reads it. */
  #beginsIn(chain: readonly Row[], storage: Storage): boolean {
    const first = chain.find(({ places }) => places.some((place) => place.storage === storage))
    // (What is added to has been there before.)
    if (!first || first.name === 'accumulate') return false
    return first.places.every((place) => place.storage !== storage || place.written)
  }
}

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
        const chain = [...before.chain, ...item.chain]
        if (!fit(chain.length, chain.length)) continue
        fusing.replace(i, j, { ...item, chain, places: [...before.places, ...item.places] })
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
    const { row, places } = fusing.items[i]
    const result = normalised(row)
    if (!result || !fusing.isTemporary(result.storage)) continue
    const j = fusing.otherUserOf(fusing.items[i], result.storage)
    const item = fusing.items[j]
    if (j < i || item.head || !fit(item.chain.length, item.chain.length + 1)) continue
    if (item.n !== row.words[result.word + 1] || !fusing.maySink(i, j)) continue
    fusing.replace(i, j, { ...item, head: row, places: [...places, ...item.places] })
    i--
  }
}

/** Gradients of batch normalisations whose result went through a unary function. */
function fuseGradients(fusing: Fusing): void {
  for (let j = 0; j < fusing.items.length; j++) {
    const { row, segment, at } = fusing.items[j]
    const dy = gradientOfNormalised(row)
    if (!dy || !fusing.isTemporary(dy.storage)) continue
    const i = fusing.writerBefore(j, dy.storage)
    const before = fusing.items[i]
    if (before?.row.name !== 'unaryBackward' || before.n !== row.words[dy.word + 1]) continue
    if (fusing.usersOf(dy.storage).size !== 2 || !fusing.maySink(i, j)) continue
    const made = gradientRow(fusing, i, j, before.n)
    fusing.replace(i, j, { at, segment, row, made, places: made.places, n: undefined, chain: [] })
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

function rowOf(fusing: Fusing, item: Item): Row {
  const { row, made, head, chain, n } = item
  if (made || n === undefined || (chain.length === 1 && !head)) return made ?? row
  const steps: Step[] = chain.map((one) => stepOf(one, n))
  const result = head && normalised(head)
  const temporaries = fusing.temporariesOf(chain, item, result ? [result.storage] : [])
  return head ? normaliseRow(head, steps, temporaries) : chainRow(n, steps, temporaries)
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
  const fusing = new Fusing(recorded, fewest)
  fuseGradients(fusing)
  fuseElementwise(fusing)
  fuseNormalisations(fusing)
  const { items } = fusing
  const rows = items.map((item) => rowOf(fusing, item))
  /** How many rows there are now before the one that had that number. */
  const before = (row: number) => items.filter(({ at }) => at < row).length
  const { lives, betweens } = recorded
  lives.splice(0, lives.length, ...lives.map((live) => ({ ...live, first: before(live.first) })))
  betweens.splice(0, betweens.length, ...betweens.map((one) => ({ ...one, after: before(one.after) })))
  recorded.rows.splice(0, recorded.rows.length, ...rows)
}
