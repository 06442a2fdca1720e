/** CSV in, tensors out. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ArgumentError, DataError, data, type Tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { csv as webCsv } from '../../src/data/csv.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const TEXT = `age,job,town,wage
30,cook,"Berlin, East",12.5
41,"clerk ""senior""",,9
,cook,Rome,1e1
55,nurse,Rome,-.5
`
const { TableEncoder } = data
const values = (column: data.Table extends { column(name: string): infer C } ? C : never) =>
  Array.from(column.values as ArrayLike<unknown>)

describe('csv', () => {
  it('tells numbers from categories, and what is missing', async () => {
    const table = await data.csv(TEXT)
    expect([table.length, table.columns]).toEqual([4, ['age', 'job', 'town', 'wage']])
    expect(table.columns.map((name) => table.column(name).kind)).toEqual([
      'number',
      'category',
      'category',
      'number',
    ])
    expect(values(table.column('age'))).toEqual([30, 41, Number.NaN, 55])
    expect(values(table.column('wage'))).toEqual([12.5, 9, 10, -0.5])
    expect(values(table.column('job'))).toEqual(['cook', 'clerk "senior"', 'cook', 'nurse'])
    expect(values(table.column('town'))).toEqual(['Berlin, East', undefined, 'Rome', 'Rome'])
    expect([...table.missing]).toEqual([
      ['age', 1],
      ['town', 1],
    ])
  })

  it('reads a file, other separators, line ends and a byte order mark', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'csv-')), 'a.csv')
    writeFileSync(path, '\uFEFFa;b\r\n1;x\r\n2;y\r\n')
    const table = await data.csv(path)
    expect([table.columns, values(table.column('a')), values(table.column('b'))]).toEqual([
      ['a', 'b'],
      [1, 2],
      ['x', 'y'],
    ])
    expect((await data.csv('a|b\n1|2', { delimiter: '|' })).columns).toEqual(['a', 'b'])
    expect((await data.csv('1,2\n3,4\n', { header: false })).columns).toEqual(['0', '1'])
    expect(values((await data.csv('a\n1\n2\n')).column('a'))).toEqual([1, 2])
  })

  it('takes types and words for missing as told', async () => {
    const table = await data.csv('zip,n\n01234,1\n99999,-\n', { types: { zip: 'category' }, missing: ['-'] })
    expect(values(table.column('zip'))).toEqual(['01234', '99999'])
    expect(values(table.column('n'))).toEqual([1, Number.NaN])
    await expect(data.csv('a\nx\ny\n', { types: { a: 'number' } })).rejects.toThrow(
      /column a has 'x' in row 1/,
    )
    for (const field of ['0x10', '1_000', '12abc', 'Infinity', '1,5']) {
      expect((await data.csv(`a;b\n${field};1\n`, { delimiter: ';' })).column('a').kind).toBe('category')
    }
  })

  it('keeps odd names, and pollutes nothing', async () => {
    const table = await data.csv('__proto__,constructor\n1,2\n')
    expect(values(table.column('__proto__'))).toEqual([1])
    expect(() => table.column('toString')).toThrow(ArgumentError)
    expect(({} as Record<string, unknown>).kind).toBeUndefined()
    expect(TableEncoder.fit(table).inputs(table).toArray()).toEqual([[0, 0]])
  })

  it.each<[string, string, RegExp]>([
    ['rows of another length', 'a,b\n1,2\n3\n', /row 2 has 1 fields, and there are 2 columns/],
    ['names that come twice', 'a,a\n1,2\n', /two columns named 'a'/],
    ['quotes without an end', 'a,b\n"1,2\n', /no sound CSV: .*uote/],
    ['nothing but lines', '\n\n', /empty table/],
  ])('refuses %s', async (_, text, message) => {
    await expect(data.csv(text)).rejects.toThrow(DataError)
    await expect(data.csv(text)).rejects.toThrow(message)
  })

  it('refuses files that are not there, and options that are none', async () => {
    await expect(data.csv('/nowhere/a.csv')).rejects.toThrow(/can't be read \(ENOENT\)/)
    const bad: [unknown, unknown][] = [
      [5, {}],
      [TEXT, { delimeter: ';' }],
      [TEXT, { header: 1 }],
      [TEXT, { missing: 'NA' }],
      [TEXT, { types: { gone: 'number' } }],
      [TEXT, { types: { age: 'date' } }],
      [TEXT, { delimiter: 5 }],
      [TEXT, { types: 5 }],
    ]
    for (const [text, options] of bad) {
      await expect(data.csv(text as string, options as object)).rejects.toThrow(ArgumentError)
    }
  })

  it('wants its parser in browsers', async () => {
    await expect(webCsv(TEXT)).rejects.toThrow(/import Papa from 'papaparse'/)
    const { default: papaparse } = await import('papaparse')
    expect((await webCsv(TEXT, { papaparse: papaparse as data.PapaParse })).length).toBe(4)
  })
})

describe('Table', () => {
  it('is parted by rows, also with the same shares of a column', async () => {
    const rows = Array.from({ length: 100 }, (_, i) => `${i},${i % 5 ? 'no' : 'yes'}`)
    const table = await data.csv(['n,c', ...rows].join('\n'))
    const [a, b] = table.split([0.8, 0.2], { seed: 1, stratify: 'c' })
    expect([a.length, b.length]).toEqual([80, 20])
    expect(values(b.column('c')).filter((c) => c === 'yes')).toHaveLength(4)
    expect(
      [...values(a.column('n')), ...values(b.column('n'))].toSorted((x, y) => Number(x) - Number(y)),
    ).toEqual(rows.map((_, i) => i))
    expect(values(table.split([0.8, 0.2], { seed: 1, stratify: 'c' })[0].column('n'))).toEqual(
      values(a.column('n')),
    )
    expect(() => table.split([1], { stratify: 'd' })).toThrow(ArgumentError)
    expect(() => table.rows([100])).toThrow(ArgumentError)
  })
})

describe('TableEncoder', () => {
  it('learns of the training part, and applies that to any part', async () => {
    const table = await data.csv('a,c,y\n1,u,no\n3,v,yes\n5,u,no\n9,v,yes\n')
    const [train, test] = [table.rows([0, 1, 2]), table.rows([3])]
    const encoder = TableEncoder.fit(train, { target: 'y' })
    expect([encoder.inputSize, encoder.inputNames, encoder.classes]).toEqual([
      3,
      ['a', 'c=u', 'c=v'],
      ['no', 'yes'],
    ])
    const std = Math.sqrt(8 / 3)
    const [x, y] = encoder.encode(train).tensors
    const expected = [
      [-2 / std, 1, 0],
      [0, 0, 1],
      [2 / std, 1, 0],
    ]
    expect(x.toArray()).toEqual(expected.map((row) => row.map(Math.fround)))
    expect(y.toArray()).toEqual([0, 1, 0])
    expect(encoder.inputs(test).toArray()).toEqual([[Math.fround(6 / std), 0, 1]])
  })

  it('gives numbers as targets [N, 1], and categories as indices where asked to', async () => {
    const table = await data.csv('a,c,y\n1,u,2\n3,v,4\n')
    const encoder = TableEncoder.fit(table, { target: 'y', categories: 'index', standardize: false })
    const [x, y] = encoder.encode(table).tensors
    expect([x.toArray(), y.toArray(), encoder.classes]).toEqual([
      [
        [1, 0],
        [3, 1],
      ],
      [[2], [4]],
      undefined,
    ])
    expect(TableEncoder.fit(table, { inputs: ['a'] }).encode(table).tensors).toHaveLength(1)
  })

  it('fills what is missing, or says where it is', async () => {
    const table = await data.csv(TEXT)
    expect(() => TableEncoder.fit(table, { target: 'wage' }).encode(table)).toThrow(
      /column age has no value in row 2/,
    )
    const encoder = TableEncoder.fit(table, { target: 'wage', missing: 'fill', standardize: false })
    const x = encoder.inputs(table) as Tensor
    expect(x.toArray()).toEqual([
      [30, 0, 1, 0, 1, 0],
      [41, 1, 0, 0, 0, 1],
      [42, 0, 1, 0, 0, 1],
      [55, 0, 0, 1, 0, 1],
    ])
    expect(() => TableEncoder.fit(table, { target: 'town', missing: 'fill' }).encode(table)).toThrow(
      /column town has no value/,
    )
  })

  it('comes back from JSON', async () => {
    const table = await data.csv(TEXT)
    const encoder = TableEncoder.fit(table, { target: 'job', missing: 'fill' })
    const back = TableEncoder.fromJSON(JSON.stringify(encoder))
    expect(back.toJSON()).toEqual(encoder.toJSON())
    expect(back.inputs(table).toArray()).toEqual(encoder.inputs(table).toArray())
    expect(back.classes).toEqual(['clerk "senior"', 'cook', 'nurse'])
  })

  it('refuses what it was not fitted for', async () => {
    const table = await data.csv(TEXT)
    const encoder = TableEncoder.fit(table, { target: 'job', missing: 'fill' })
    const other = await data.csv('age,job,town,wage\n1,pilot,Rome,2\n')
    expect(() => encoder.encode(other)).toThrow(
      /column job has 'pilot' in row 0, which the training part does not have/,
    )
    const texts = await data.csv('age,town,wage\nold,Rome,2\n')
    expect(() => encoder.inputs(texts)).toThrow(/column age has texts/)
    expect(() => TableEncoder.fit(table, { target: 'gone' })).toThrow(ArgumentError)
    expect(() => TableEncoder.fit(table, { standardise: true } as never)).toThrow(/unknown option/)
    expect(() => TableEncoder.fit(table, { missing: 'drop' as never })).toThrow(ArgumentError)
    expect(() => TableEncoder.fit([] as never)).toThrow(/expected a table/)
    expect(() => encoder.encode([] as never)).toThrow(/expected a table/)
    for (const bad of [
      '{',
      '5',
      'null',
      '{}',
      '{"inputs":[{}],"target":null}',
      '{"inputs":[{"name":"a","kind":"number","mean":0,"std":0,"fill":null}],"target":null}',
    ]) {
      expect(() => TableEncoder.fromJSON(bad)).toThrow(DataError)
    }
  })
})
