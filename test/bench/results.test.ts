import { describe, expect, it } from 'vitest'
import { compare, figure, merge } from '../../bench/results.mjs'

type Part = Parameters<typeof compare>[1][string]
type Unit = Parameters<typeof figure>[0]['unit']

/** A part whose figures have these medians, by row. */
function part(medians: Record<string, number>, unit: Unit = '×', name = 'jobs'): Part {
  return {
    date: '2026-11-23T00:00:00.000Z',
    ...{ machine: {}, versions: {}, options: {}, seconds: 1, cells: [], notes: [], missing: [] },
    figures: Object.entries(medians).map(([row, value]) =>
      figure({ part: name, table: 'epoch', row, column: 'strict', unit }, [value]),
    ),
  }
}
const results = (jobs: Part) => ({ format: 1 as const, parts: { jobs } })

describe('figure', () => {
  const what = { part: 'kernels', table: 't', row: 'r', column: 'c' }

  it('has an id of its places, and the spread of its samples', () => {
    const made = figure({ ...what, unit: '×' }, [1, 2, 3, 4, 5])
    expect(made).toMatchObject({ id: 'kernels/t/r/c', median: 3, q1: 2, q3: 4 })
    expect(made).not.toHaveProperty('target')
  })

  it.each([
    ['×', 2, true],
    ['×', 1.9, false],
    ['%', 2, true],
    ['%', 1.9, false],
    ['µs', 2, true],
    ['µs', 2.1, false],
    ['ms', 2.1, false],
    ['KB', 2.1, false],
  ] as const)('in %s, %d against a target of 2 is reached: %s', (unit, value, reached) => {
    expect(figure({ ...what, unit, target: 2 }, [value]).reached).toBe(reached)
  })
})

describe('merge', () => {
  it('keeps the parts that did not run, and takes the new ones whole', () => {
    const old = { format: 1 as const, parts: { scaling: part({ a: 1 }), jobs: part({ a: 1, b: 2 }) } }
    const merged = merge(old, { jobs: part({ a: 3 }) })
    expect(merged.parts.jobs.figures.map(({ id }) => id)).toEqual(['jobs/epoch/a/strict'])
    expect(merged.parts.jobs.figures[0].median).toBe(3)
    expect(merged.parts.scaling).toBe(old.parts.scaling)
  })

  it('shows parts in one order, whichever ran last, and starts from nothing', () => {
    const one = part({ a: 1 })
    expect(Object.keys(merge({ format: 1, parts: { scaling: one } }, { jobs: one }).parts)).toEqual([
      'jobs',
      'scaling',
    ])
    expect(Object.keys(merge(undefined, { jobs: one }).parts)).toEqual(['jobs'])
  })
})

describe('compare', () => {
  it.each([
    ['×', 2, 1.71, false],
    ['×', 2, 1.69, true],
    ['%', 80, 67, true],
    ['%', 80, 90, false],
    ['KB', 50, 58, false],
    ['KB', 50, 59, true],
  ] as const)('in %s, %d that became %d is a loss: %s', (unit, before, after, lost) => {
    const { losses, compared } = compare(results(part({ a: before }, unit)), {
      jobs: part({ a: after }, unit),
    })
    expect(compared).toBe(1)
    expect(losses.map(({ id }) => id)).toEqual(lost ? ['jobs/epoch/a/strict'] : [])
  })

  it.each([
    ['is as fast as before, beside a faster copy', 'Xeon', [10, 10, 10], false],
    ['is slower too', 'Xeon', [7, 7, 7], true],
    ['is on another machine', 'EPYC', [10, 10, 10], true],
  ])('a share of a bound that fell, of a kernel that %s', (_, cpu, rates, lost) => {
    const of = (cpu: string, share: number, rates: number[]): Part => ({
      ...part({ a: share }, '%'),
      machine: { cpu },
      figures: part({ a: share }, '%').figures.map((one) => ({ ...one, more: { rates } })),
    })
    const { losses } = compare(results(of('Xeon', 50, [10, 11, 9])), { jobs: of(cpu, 35, rates) })
    expect(losses).toHaveLength(lost ? 1 : 0)
  })

  it('tells how much was lost', () => {
    const { losses } = compare(results(part({ a: 4 })), { jobs: part({ a: 3 }) })
    expect(losses).toEqual([{ id: 'jobs/epoch/a/strict', before: 4, after: 3, loss: 0.25 }])
  })

  it.each(['µs', 'ms'] as const)('leaves %s out: they are no ratios', (unit) => {
    expect(compare(results(part({ a: 1 }, unit)), { jobs: part({ a: 9 }, unit) })).toEqual({
      ...{ losses: [], compared: 0, gone: [] },
    })
  })

  it('names what is no longer measured, in the parts that ran only', () => {
    const before = { format: 1 as const, parts: { jobs: part({ a: 1, b: 1 }), peers: part({ c: 1 }) } }
    const { gone, compared, losses } = compare(before, { jobs: part({ a: 1, d: 5 }) })
    expect(gone).toEqual(['jobs/epoch/b/strict'])
    expect(compared).toBe(1)
    expect(losses).toEqual([])
  })
})
