/** What the fuzz prints of a failure is what it ran: the code, run as it stands, gives the same bits. */
import * as simdgrad from 'simdgrad'
import { beforeAll, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'
import { execute, Thrown } from './execute.js'
import { generate } from './generate.js'
import { print, script } from './print.js'
import type { Program } from './program.js'

const PROGRAMS = 150

/** Values and gradients that the printed code leaves behind, by name. */
function runPrinted(program: Program, names: readonly string[]): Record<string, [number[], number[] | null]> {
  const { nn, noGrad, tensor } = simdgrad
  const read = 'const read = (x) => [[...x.toFloat32Array()], x.grad && [...x.grad.toFloat32Array()]]'
  const results = names.map((name) => `${name}: read(${name})`).join(', ')
  const code = `'use strict'\n${script(program)}\n${read}\nreturn { ${results} }`
  return new Function('nn', 'noGrad', 'tensor', code)(nn, noGrad, tensor)
}

beforeAll(initForTest)

it('gives the same bits', () => {
  let compared = 0
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const program = generate(seed)
    // Each draws its own mask.
    if (program.steps.some(({ op }) => op === 'dropout')) continue
    try {
      const run = execute(program)
      const names = [...run.values.keys()]
      const expected = names.map((name) => {
        const grad = run.grads.get(name)
        return [name, [[...(run.values.get(name) ?? [])], grad ? [...grad.values] : null]]
      })
      expect(runPrinted(program, names), `seed ${seed}`).toEqual(Object.fromEntries(expected))
      compared++
    } catch (error) {
      // A fault of the library's own is for the other tests to tell.
      if (!(error instanceof Thrown)) throw error
    }
  }
  expect(compared).toBeGreaterThan(PROGRAMS / 2)
})

it('is a file that can be run', () => {
  const code = print(generate(3), { threads: 2, deterministic: true })
  expect(code).toMatch(
    /^\/\/ @ts-nocheck\nimport { init, nn, .*} from 'simdgrad'\nawait init\({ threads: 2, det/,
  )
})
