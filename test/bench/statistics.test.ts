import { describe, expect, it } from 'vitest'
import { median, quantile, ratios, summarize } from '../../bench/statistics.mjs'

describe('quantile', () => {
  it('interpolates between sorted values, as numpy does', () => {
    const values = [40, 10, 20, 30]
    expect(quantile(values, 0)).toBe(10)
    expect(quantile(values, 0.25)).toBe(17.5)
    expect(quantile(values, 0.5)).toBe(25)
    expect(quantile(values, 0.75)).toBe(32.5)
    expect(quantile(values, 1)).toBe(40)
    expect(values).toEqual([40, 10, 20, 30])
  })

  it('sorts as numbers, not as text', () => {
    expect(median([9, 10, 100])).toBe(10)
  })

  it('takes one value, and refuses none', () => {
    expect(summarize([3])).toEqual({ median: 3, q1: 3, q3: 3 })
    expect(() => quantile([], 0.5)).toThrow(RangeError)
  })
})

describe('ratios', () => {
  it('divides round by round', () => {
    expect(ratios([2, 9], [1, 3])).toEqual([2, 3])
  })

  it('refuses rounds that one side did not run', () => {
    expect(() => ratios([1, 2], [1])).toThrow('2 values against 1')
  })
})
