/**
 * A worker of the team that is gone is noticed: what is computed then is right, or a WorkerError, and nobody waits for
 * ever (of the kind of faults 6 and 7).
 */
import { expect, it } from 'vitest'
import { runChild } from '../support/child.js'

interface Outcome {
  threads: number
  /** Workers that were ended. */
  ended: number
  /** Whether products are right, or the names of errors. */
  before: boolean | string
  after: (boolean | string)[]
}

it.each([2, 4])('of %i threads, those that were ended are not waited for', {
  timeout: 30_000,
}, async (threads) => {
  const script = new URL('workers.mjs', import.meta.url)
  const { after, ...rest } = await runChild<Outcome>(script, [threads], { seconds: 15 })
  expect(rest).toEqual({ threads, ended: threads - 1, before: true })
  expect(after).toHaveLength(3)
  for (const each of after) expect([true, 'WorkerError']).toContain(each)
})
