/**
 * Where memory runs out in the midst of work, it is an OutOfMemoryError: no trap, and no thread that waits for ever for
 * another that has trapped (fault 7). Parameters are then as before, and with room again all goes on.
 */
import { describe, expect, it } from 'vitest'
import { runChild } from '../support/child.js'

interface Outcome {
  /** 'done', or the name of an error. */
  tight: string
  /** The same with room again. */
  roomy: string
  /** Whether what was done is what is done with room. */
  right: boolean
  /** Whether parameters are as before the step or as after it. */
  whole: boolean
  /** Whether the parameters are at last those after one step. */
  stepRight: boolean
  /** Bytes that stay live when it failed. */
  grown: number
}

const script = new URL('tight.mjs', import.meta.url)

/** Kilobytes, for each work: what needs memory of its own in each thread is tried with more. */
const LITTLE: Record<string, number[]> = {
  conv2d: [0, 200, 400, 500, 700, 900],
  matmul: [0, 100, 200, 300, 500],
  linear: [0, 100, 200, 300, 500],
  'a training step': [0, 200, 400, 500, 600, 900, 1200, 1500],
  batchNorm: [0, 400],
  maxPool2d: [0, 200],
  'sum over pixels': [0, 100],
  softmax: [0, 200],
  cat: [0, 200],
}
const cases = Object.entries(LITTLE).flatMap(([work, sizes]) => sizes.map((size) => [work, size] as const))

describe('with little room', { timeout: 30_000 }, () => {
  it.each(cases)('%s and %i kB', async (work, kilobytes) => {
    const { tight, grown, ...rest } = await runChild<Outcome>(script, [work, kilobytes], { seconds: 8 })
    expect(['done', 'OutOfMemoryError']).toContain(tight)
    expect(rest).toEqual({ roomy: 'done', right: true, whole: true, stepRight: true })
    expect(grown).toBeLessThanOrEqual(0)
  })
})

it('is little room: without any, a training step fails', async () => {
  expect(await runChild<Outcome>(script, ['a training step', 0])).toMatchObject({ tight: 'OutOfMemoryError' })
})
