/** Every public name of PyTorch's that the guide is about is in its table, and what is said of it is true. */
import { readFileSync } from 'node:fs'
import * as simdgrad from 'simdgrad'
import { describe, expect, it } from 'vitest'
import { DATA, GUIDE, generatedPart, pathOf, tables } from '../../scripts/pytorch-names.mjs'
import { fixturePath } from '../support/fixtures.js'

type Names = Record<string, Record<string, string>>

const theirs: Record<string, string[]> = JSON.parse(
  readFileSync(fixturePath('torch_names.json'), 'utf8'),
).names
const ours: Names = JSON.parse(readFileSync(DATA, 'utf8'))
const find = (module: string, name: string) => pathOf({ ...simdgrad }, module, name)
const all = Object.entries(ours).flatMap(([module, entries]) =>
  Object.entries(entries).map(([name, status]) => ({ module, name, status, path: find(module, name) })),
)
const isHere = (status: string) => !status.startsWith('not here')
const text = ({ module, name }: { module: string; name: string }) => `${module}.${name}`

describe("docs/pytorch-names.json, against PyTorch's list", () => {
  it('has every name, and no other', () => {
    const names = Object.entries(ours).map(([module, entries]) => [module, Object.keys(entries)])
    expect(Object.fromEntries(names)).toEqual(theirs)
    expect(all.length).toBeGreaterThan(350)
  })

  it('says one of three things of each', () => {
    const wrong = all.filter(({ status }) => !/^(the same|(differs|not here): \S.*)$/.test(status))
    expect(wrong.map(text)).toEqual([])
  })

  it('says that something is here only where it is exported', () => {
    expect(all.filter(({ status, path }) => isHere(status) && path === undefined).map(text)).toEqual([])
  })

  it('says that something is not here only where it is not', () => {
    expect(all.filter(({ status, path }) => !isHere(status) && path !== undefined).map(text)).toEqual([])
  })
})

describe('docs/from-pytorch.md', () => {
  it('has the table that the file gives: node scripts/pytorch-names.mjs writes it', () => {
    expect(generatedPart(readFileSync(GUIDE, 'utf8')).text).toBe(tables(ours, find))
  })
})

describe('a name of PyTorch’s', () => {
  it('is found in camelCase, and not where only another kind of thing goes by it', () => {
    expect(find('torch.nn.functional', 'cross_entropy')).toBe('nn.functional.crossEntropy')
    expect(find('torch.nn.init', 'xavier_uniform_')).toBe('nn.init.xavierUniform_')
    expect(find('torch.nn.init', 'xavier_uniform')).toBeUndefined()
    expect(find('torch.nn', 'Linear')).toBe('nn.Linear')
    expect(find('torch.nn', 'init')).toBeUndefined()
    expect(find('torch.optim', 'Gone')).toBeUndefined()
  })
})
