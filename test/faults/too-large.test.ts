/**
 * More memory than there can be is an error, thrown before anything is computed, and all is as before: sizes do not
 * wrap at 2³² on their way to wasm (faults 4 and 5), and a failure leaves the team of threads whole (fault 6).
 */
import { describe, expect, it } from 'vitest'
import { runChild } from '../support/child.js'

interface Outcome {
  /** The names of errors. */
  outcomes: string[]
  /** Whether tensors from before have their values. */
  kept: boolean
  /** Whether a product is right afterwards, and a sum; or the error. */
  product: boolean | string
  sum: boolean | string
}

const script = new URL('too-large.mjs', import.meta.url)

async function expectRefused(call: string, threads: number, times = 1): Promise<void> {
  const result = await runChild<Outcome>(script, [call, threads, times], { seconds: 15 })
  expect(result).toMatchObject({
    outcomes: new Array(times).fill('OutOfMemoryError'),
    kept: true,
    product: true,
    sum: true,
  })
}

const MADE = [
  ...[
    'full',
    'full, of 4 GiB',
    'full, of 2 GiB',
    'zeros',
    'zeros, beyond whole numbers',
    'ones',
    'rand',
    'randn',
  ],
  ...['arange', 'Linear', 'Conv2d', 'BatchNorm1d'],
]
const RESULTS = [
  ...['add', 'sub', 'mul', 'div', 'maximum', 'add, with a gradient', 'matmul', 'matmul, of 3.6 GB'],
  ...['matmul, of batches', 'linear', 'conv2d', 'conv2d, of 3 GB', 'cat'],
]

describe('with two threads', { timeout: 30_000 }, () => {
  it.each(MADE)('%s refuses to make what is too large', (call) => expectRefused(call, 2))

  it.each(RESULTS)('%s refuses a result that is too large', (call) => expectRefused(call, 2))

  it.each(['matmul', 'conv2d', 'add'])('%s may be refused three times, and all goes on', (call) =>
    expectRefused(call, 2, 3))
})

describe('with one thread', { timeout: 30_000 }, () => {
  it.each([
    'full',
    'full, of 4 GiB',
    'zeros',
    'add',
    'sub',
    'matmul',
    'conv2d',
  ])('%s refuses what is too large', (call) => expectRefused(call, 1))
})
