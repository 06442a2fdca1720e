/** Mutated CSV files: what is read is what a naive reader reads of texts without quotes, or refused with a typed error. */
import { readFileSync } from 'node:fs'
import { data } from 'simdgrad'
import { expect, it } from 'vitest'
import { CASES, mutated } from './mutate.js'
import { readsOrRefuses } from './reads-or-refuses.js'

const real = readFileSync(new URL('../../examples/data/cps-1985.csv', import.meta.url), 'utf8')
const files = [
  real.split('\n').slice(0, 12).join('\n'),
  'a,b\n1,"x, ""y"""\n2,z\n',
  '__proto__,constructor\n1,2\n3,NA\n',
].map((text) => new TextEncoder().encode(text))

it(`${CASES} of them`, () =>
  readsOrRefuses({
    // What has no line break is a path.
    inputs: mutated(files)
      .map((bytes) => new TextDecoder().decode(bytes))
      .filter((text) => /[\r\n]/.test(text)),
    parse: (text) => data.csv(text, { delimiter: ',' }),
    check(table, text) {
      if (/["\r\uFEFF]/.test(text)) return
      const rows = text
        .split('\n')
        .map((line) => line.split(','))
        .filter((row) => row.some((field) => field.trim() !== ''))
      expect(table.columns).toEqual(rows[0].map((name) => name.trim()))
      expect(table.length).toBe(rows.length - 1)
      for (const [c, name] of table.columns.entries()) {
        const column = table.column(name)
        for (const [r, row] of rows.slice(1).entries()) {
          const value = column.values[r]
          if (column.kind === 'category') expect([undefined, row[c].trim()]).toContain(value)
          else expect(Number.isNaN(value) || value === Number(row[c])).toBe(true)
        }
      }
    },
    seed: 8,
    where: 'the given text',
    fewest: { good: CASES / 50, refused: CASES / 50 },
  }))
