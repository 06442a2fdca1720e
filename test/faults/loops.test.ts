/**
 * Loops that make many small tensors stay small: a step ends by the number of tensors too, and not by their bytes alone
 * (fault 15); and a process that serves is flat from the start, without a sweep now and then that stalls it (fault 16).
 */
import { describe, expect, it } from 'vitest'
import { runChild } from '../support/child.js'

interface Outcome {
  /** Live tensors and bytes at most, in the first and in the second half. */
  most: { tensors: number; bytes: number }[]
  /** Whether every result was right. */
  right: boolean
  kept: number
  /** Milliseconds of the processor for 1,000 rounds. */
  median: number
  longest: number
}

const script = new URL('loops.mjs', import.meta.url)

/** Few enough for a heap of this size, and far fewer than the rounds. */
const HEAP = ['--max-old-space-size=64']
const MOST_TENSORS = 40_000

const ARITHMETIC = [
  'a sum with a number',
  'a tensor of its own',
  'a graph that is never used',
  'slices and views',
  'joined tensors',
  'sums read at once',
]

describe('arithmetic of which nothing is kept', { timeout: 60_000 }, () => {
  it.each(ARITHMETIC)('%s, 100,000 times', async (loop) => {
    const { most, right } = await runChild<Outcome>(script, [loop, 100_000, 0], {
      nodeOptions: HEAP,
      seconds: 40,
    })
    expect(right).toBe(true)
    for (const { tensors } of most) expect(tensors).toBeLessThan(MOST_TENSORS)
  })

  it.each(ARITHMETIC.slice(0, 3))('%s, with turns of the event loop', async (loop) => {
    const { most, right } = await runChild<Outcome>(script, [loop, 100_000, 1], {
      nodeOptions: HEAP,
      seconds: 40,
    })
    expect(right).toBe(true)
    for (const { tensors } of most) expect(tensors).toBeLessThan(MOST_TENSORS)
  })

  it('but for a few, which stay readable', async () => {
    const options = { nodeOptions: HEAP, seconds: 40 }
    const result = await runChild<Outcome>(script, ['a few that are kept', 100_000, 0], options)
    expect(result).toMatchObject({ right: true, kept: 20 })
    for (const { tensors } of result.most) expect(tensors).toBeLessThan(MOST_TENSORS)
  })
})

describe('serving', { timeout: 60_000 }, () => {
  /** Some steps’ worth. */
  const FEW = 10_000

  it.each([
    'a row a time',
    'a row a time, made outside of noGrad',
    'a class a time',
    'a loss a time',
    'training on a row',
  ])('%s is flat, and never stalls', async (loop) => {
    const { most, right, median, longest } = await runChild<Outcome>(script, [loop, 40_000, 0], {
      seconds: 40,
    })
    expect(right).toBe(true)
    for (const { tensors } of most) expect(tensors).toBeLessThan(FEW)
    expect(most[1].bytes).toBeLessThanOrEqual(1.5 * most[0].bytes)
    // Garbage collection takes its time too; a sweep through all that was ever made takes far more.
    expect(longest).toBeLessThan(50 + 10 * median)
  })

  it.each(['a row a time, recorded', 'batches that nobody reads'])('%s stays bounded', async (loop) => {
    const { most, right } = await runChild<Outcome>(script, [loop, 30_000, 0], {
      nodeOptions: HEAP,
      seconds: 40,
    })
    expect(right).toBe(true)
    for (const { tensors } of most) expect(tensors).toBeLessThan(MOST_TENSORS)
  })
})
