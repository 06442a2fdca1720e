import type { Row } from './recorded.js'
import type { Storage } from './recording.js'

/** By an array, the numbers of the rows that have to do with it: each once, in order. */
export type Users = Map<Storage, readonly number[]>

/** Who uses which array. */
export function usersOf(rows: readonly (Row | undefined)[]): Users {
  const users = new Map<Storage, number[]>()
  for (const [i, row] of rows.entries()) {
    for (const { storage } of row?.places ?? []) {
      const all = users.get(storage)
      if (!all) users.set(storage, [i])
      else if (all.at(-1) !== i) all.push(i)
    }
  }
  return users
}

/** Notes that more rows use an array. */
export function addUsers(users: Users, storage: Storage, more: Iterable<number>): void {
  const all = new Set([...(users.get(storage) ?? []), ...more])
  users.set(
    storage,
    [...all].sort((a, b) => a - b),
  )
}
