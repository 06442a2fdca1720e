/** That no declaration of an operation contradicts itself, and what comes of one is what it says. */
import { readdirSync, readFileSync } from 'node:fs'
import 'simdgrad'
import { describe, expect, it } from 'vitest'
import { defineOperation, operations } from '../../src/autograd/operation.js'

/** What is wrong with a declaration, in words. */
function faults({ name, inputs, makes = [], gradients, forward, view }: ReturnType<typeof defineOperation>) {
  const inputNames = Object.keys(inputs)
  const known = ['output', ...inputNames, ...makes]
  return [
    ...(!forward === !view ? [`'${name}' has forward or view, not both`] : []),
    ...Object.keys(gradients)
      .filter((input) => !inputNames.includes(input))
      .map((input) => `'${name}' has no input '${input}' to give a gradient of`),
    ...Object.values(gradients)
      .flatMap((reads) => (typeof reads === 'function' ? [] : reads))
      .filter((read) => !known.includes(read))
      .map((read) => `'${name}': a gradient reads '${read}', which is neither input nor made`),
  ]
}

const folder = new URL('../../src/autograd/', import.meta.url)
const sources = ['', 'ops/']
  .flatMap((sub) => readdirSync(new URL(sub, folder)).map((file) => new URL(sub + file, folder)))
  .filter(({ pathname }) => pathname.endsWith('.ts'))
  .map((url) => readFileSync(url, 'utf8'))

describe('declarations', () => {
  it('do not contradict themselves', () => {
    expect(operations.size).toBeGreaterThan(50)
    expect([...operations.values()].flatMap((each) => faults(each as never))).toEqual([])
  })

  it('have a name each', () => {
    const names = sources.flatMap((text) =>
      [...text.matchAll(/defineOperation(?:<.*>)?\(\{\s*name: '(\w+)'/g)].map(([, name]) => name),
    )
    expect(names.length).toBeGreaterThan(30)
    expect(new Set(names).size).toBe(names.length)
  })

  it('give the same list of reads for the same choice, of inputs, results and what is made', () => {
    const [few, many] = [['x'], ['y', 'output', 'mean']]
    const operation = defineOperation<boolean>({
      name: 'declared in a test',
      inputs: { x: 'rows', y: 'any' },
      output: 'rows',
      makes: ['spread', 'mean'],
      gradients: { x: (all) => (all ? many : few), y: ['x'] },
      shape: ([x]) => x.shape,
      forward() {},
      backward() {},
    })
    expect(operation.reads[0]?.(true)).toEqual([
      { kind: 'input', index: 1 },
      { kind: 'output' },
      { kind: 'made', index: 1 },
    ])
    expect(operation.reads[0]?.(false)).toEqual([{ kind: 'input', index: 0 }])
    expect(operation.reads[0]?.(false)).toBe(operation.reads[0]?.(false))
    expect(operation.reads[1]?.(false)).toEqual([{ kind: 'input', index: 0 }])
    expect(operation.anyLayout).toBe(true)
  })

  it('are found to be wrong where they are', () => {
    const wrong = {
      name: 'wrong',
      inputs: { x: 'rows' },
      makes: ['mean'],
      gradients: { x: ['mean', 'y'], z: [] },
    }
    expect(faults(wrong as never)).toEqual([
      "'wrong' has forward or view, not both",
      "'wrong' has no input 'z' to give a gradient of",
      "'wrong': a gradient reads 'y', which is neither input nor made",
    ])
  })
})
