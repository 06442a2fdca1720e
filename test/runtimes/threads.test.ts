import { describe, expect, it } from 'vitest'
import { type Trained, trainHash } from './train.js'

const here = [process.execPath]

describe.each([
  ['the binary that this Node takes', []],
  ['deterministic', ['--deterministic']],
])('%s', (_, options) => {
  let single: Promise<Trained> | undefined
  const oneThread = () => {
    single ??= trainHash(here, 1, ...options)
    return single
  }

  it('trains on one thread, without shared memory', async () => {
    const { threads, shared, losses, hash, chunksDone } = await oneThread()
    expect({ threads, shared, chunksDone }).toEqual({ threads: 1, shared: false, chunksDone: [] })
    expect(losses[2], 'the convolutional net has learnt something').toBeLessThan(losses[0] * 0.8)
    expect(losses[3], 'the MLP has learnt something').toBeLessThan(losses[1] * 0.8)
    expect(hash).toMatch(/^[0-9a-f]{64} [0-9a-f]{64}$/)
  })

  it.each([2, 3, 8])('gives the same weights, to the bit, on %i threads that all work', async (threads) => {
    const many = await trainHash(here, threads, ...options)
    const one = await oneThread()
    expect(many.hash).toBe(one.hash)
    expect(many.losses).toEqual(one.losses)
    expect(many.simd).toBe(one.simd)
    expect(many.shared, many.reason).toBe(true)
    expect(many.threads, many.reason).toBe(threads)
    expect(many.chunksDone).toHaveLength(threads - 1)
    expect(Math.min(...many.chunksDone), `chunks by worker: ${many.chunksDone}`).toBeGreaterThan(0)
  })
})

it('gives other weights after other steps: the hash sees them', async () => {
  const [few, many] = await Promise.all([
    trainHash(here, 1, '--steps', '2'),
    trainHash(here, 1, '--steps', '3'),
  ])
  expect(few.hash).not.toBe(many.hash)
})
