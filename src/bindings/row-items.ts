/** The rows of a recording while they are fused: which may move where, and who else has to do with what. */
import { elementsOf, normalised, UPDATES } from './chain-rows.js'
import type { Place, Recorded, Row } from './recorded.js'
import type { Storage } from './recording.js'

/** A row to be, at the place of the last of those that it stands for. */
export interface Item {
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
  /** Rows that clear the lanes of padding of what it makes: behind each row of it, or there are none. */
  readonly clears: readonly Row[]
  /** The batch normalisation before them. */
  readonly head?: Row
}

/** Rows that are further apart are left as they are. */
const NEAR = 64

/** Whether a row clears the lanes of padding of what an item makes that may be fused. */
function clearsResult(row: Row, { row: before, n }: Item): boolean {
  if (row.name !== 'clearPadding' || row.live) return false
  const result = n === undefined ? normalised(before) : before.places.find(({ written }) => written)
  return (
    result !== undefined && result.storage === row.places[0].storage && result.delta === row.places[0].delta
  )
}

export class Fusing {
  readonly items: Item[]
  /** The items that have to do with a storage. */
  readonly #users = new Map<Storage, Set<Item>>()

  constructor(
    readonly recorded: Recorded,
    readonly fewest: number,
  ) {
    const { rows, betweens } = recorded
    const begin = new Set(betweens.map(({ after }) => after))
    let segment = 0
    this.items = []
    for (const [at, row] of rows.entries()) {
      const begins = begin.has(at) || rows[at - 1]?.accepts !== undefined
      if (begins) segment++
      const last = this.items.at(-1)
      if (last && !begins && last.row === rows[at - 1] && clearsResult(row, last)) {
        this.items[this.items.length - 1] = { ...last, clears: [row] }
        continue
      }
      const n = elementsOf(row, fewest)
      const chain = n === undefined ? [] : [row]
      this.items.push({ at, segment, places: row.places, row, n, chain, clears: [] })
    }
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
    if (!first || UPDATES.has(first.name)) return false
    return first.places.every((place) => place.storage !== storage || place.written)
  }
}
