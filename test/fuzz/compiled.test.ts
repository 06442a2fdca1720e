/** The random programs of the composition fuzz, compiled: other ones than composition.test.ts has. */
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'
import { compareCompiled } from './compiled.js'
import { generate } from './generate.js'

const PROGRAMS = 500
const TESTS = 10
const FIRST_SEED = 1001

const share = PROGRAMS / TESTS
const rows = Array.from({ length: TESTS }, (_, i) => {
  const from = FIRST_SEED + i * share
  return [from, from + share - 1] as const
})

beforeAll(initForTest)

describe('compiled programs give the same bits as they are', () => {
  const eager = new Map<string, number[]>()
  let same = 0

  it.each(rows)('seeds %i to %i', { timeout: 120_000 }, (from, to) => {
    const different: string[] = []
    for (let seed = from; seed <= to; seed++) {
      const outcome = compareCompiled(generate(seed))
      if (outcome.result === 'same') same++
      else if (outcome.result === 'eager') eager.set(outcome.why, [...(eager.get(outcome.why) ?? []), seed])
      else different.push(`seed ${seed}: ${outcome.what}`)
    }
    expect(different).toEqual([])
  })

  it('and hardly one is not replayed', () => {
    expect([...eager], `${same} were replayed`).toEqual([])
  })
})
