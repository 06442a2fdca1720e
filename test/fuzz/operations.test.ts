/** The table of the fuzz: complete, and right operation by operation. */
import { beforeAll, describe, expect, it } from 'vitest'
import { BINARIES } from '../support/binaries.js'
import { initForTest, testBinary } from '../support/init.js'
import { check } from './check.js'
import { drawable, generateSingle } from './generate.js'
import { LAYERS } from './layers.js'
import { layerNames, operationNames } from './operation-names.js'
import { print } from './print.js'
import { shrink } from './shrink.js'
import { entryOf } from './table/index.js'

const PROGRAMS = 30

beforeAll(initForTest)

it('has an entry for every operation', () => {
  // A name in the answer needs an entry in test/fuzz/table: how to draw its arguments, and its float64 twin.
  expect(operationNames().filter((name) => !entryOf(name))).toEqual([])
})

it('has an entry for every layer', () => {
  // A name in the answer needs an entry in test/fuzz/layers.ts.
  expect(layerNames().filter((name) => !(name in LAYERS))).toEqual([])
})

describe('alone, each operation is as its twin', () => {
  it.each(drawable())('%s', (op) => {
    const failures: string[] = []
    for (let seed = 1; seed <= PROGRAMS; seed++) {
      const program = generateSingle(op, seed)
      const outcome = check(program)
      if (outcome.result === 'unstable') failures.push(`seed ${seed} was given up: ${outcome.why}`)
      if (outcome.result !== 'failed') continue
      const [shrunk, { message }] = shrink(program, outcome.failure)
      failures.push(`seed ${seed}: ${message}\n${print(shrunk, BINARIES[testBinary])}`)
    }
    expect(failures.join('\n')).toBe('')
  })
})
