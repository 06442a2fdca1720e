/**
 * Faults that are planted, and have to be found within a few hundred programs: what the fuzz is for. A program
 * only counts where the library itself passes it.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'
import { check } from './check.js'
import { drawable, generate } from './generate.js'
import { PLANTED, type Planted } from './planted.js'
import { shrink } from './shrink.js'

/** In so many each operation has its turn six times: in some a gradient flows to it, and its neighbours do not hide it. */
const PROGRAMS = 6 * drawable().length

/** The first seed at which the fault is found and named. */
function findIn(programs: number, { kind, needs, plant }: Planted) {
  for (let seed = 1; seed <= programs; seed++) {
    const program = generate(seed)
    if (!program.steps.some(({ op }) => needs.includes(op))) continue
    const outcome = check(program, plant())
    if (outcome.result !== 'failed' || !kind.test(outcome.failure.kind)) continue
    if (check(program).result === 'passed') return { program, failure: outcome.failure }
  }
  return undefined
}

beforeAll(initForTest)

describe(`is found within ${PROGRAMS} programs`, () => {
  it.each(Object.entries(PLANTED))('%s', (_, planted) => {
    expect(findIn(PROGRAMS, planted)?.failure.kind).toMatch(planted.kind)
  })
})

it('a fault is shrunk to what it takes', () => {
  const planted = PLANTED['a wrong sign in a gradient']
  const found = findIn(PROGRAMS, planted)
  if (!found) throw new Error('it is found, see above')
  const [program] = shrink(found.program, found.failure, planted.plant())
  expect(
    program.steps.map(({ op }) => op).filter((op) => op !== 'tanh' && op !== 'backward').length,
  ).toBeLessThan(2)
  expect(program.leaves.length).toBeLessThan(4)
})
