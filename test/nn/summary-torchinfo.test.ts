/** The tables of `summary` beside torchinfo's of the same nets (test/fixtures/summaries.py). */
import { summary, zeros } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { EXAMPLE_NETS } from '../support/example-nets.js'
import { readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

interface Case {
  net: string
  options: Record<string, number>
  input: number[]
  /** Whether the input is of indices. */
  integers: boolean
  /** Its lines. */
  table: string[]
}

/** Where a number differs on purpose, as the docs of `summary` say: of which layers the multiply-adds. */
const COUNTED_OTHERWISE: Record<string, RegExp> = {
  'char-gpt': /^(Linear|Embedding)$/,
  autoencoder: /^ConvTranspose2d$/,
  unet: /^ConvTranspose2d$/,
}

/** The cells of a line; how wide columns are does not matter. */
const cells = (line: string) => line.trim().replace(/^=+$/, '=').split(/ {2,}/)

const cases = readFixture<Case[]>('summaries.json').map((each) => [each.net, each] as const)
const tableOf = ({ net, options, input, integers }: Case) =>
  String(summary(EXAMPLE_NETS[net](options), integers ? zeros(input) : input)).split('\n')

beforeAll(initForTest)

describe("summary prints torchinfo's table", () => {
  const exact = cases.filter(([net]) => !(net in COUNTED_OTHERWISE) && net !== 'sensor-gru')

  it.each(exact)('of %s', (_, each) => {
    expect(exact.length).toBe(3)
    expect(tableOf(each).map(cells)).toEqual(each.table.map(cells))
  })

  it.each(cases)('of %s, but for what differs on purpose', (net, each) => {
    const rows = (lines: readonly string[]) =>
      lines
        .filter((line) => /: \d+-\d+ /.test(line))
        .map((line) => {
          const [, depth, type, shape, parameters, multAdds] =
            /^(\W*)(\w+): \d+-\d+ +(\[[^\]]*\])[^-\d]*.*? {2,}(\S+) +(\S+)$/.exec(line) ?? []
          const counted = COUNTED_OTHERWISE[net]?.test(type) ? '' : multAdds
          return [depth.length, type, shape, parameters, counted].join(' ')
        })
    const [ours, theirs] = [rows(tableOf(each)), rows(each.table)]
    // torchinfo lists layers as they run, and one without parameters each time; here each stands once, in its place.
    const once = (list: string[]) => list.filter((row) => !/MaxPool2d/.test(row)).sort()
    const comparable = (list: string[]) => (net === 'unet' ? once(list) : list)
    expect(ours.length).toBeGreaterThan(1)
    expect(comparable(ours)).toEqual(comparable(theirs))
    const parameters = (lines: string[]) => lines.filter((line) => /params:/.test(line))
    expect(parameters(tableOf(each))).toEqual(parameters(each.table))
  })
})
