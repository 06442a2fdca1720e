/** A loader's state: whoever loads it goes on with the very next batch, whatever else has happened. */
import { arange, data, manualSeed, rand, StateDictError, type Tensor } from 'simdgrad'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

const { DataLoader, IterableDataset, TensorDataset } = data

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

const SAMPLES = 23
const values = (x: Tensor) => [...x.toFloat32Array()]
const tensors = () => new TensorDataset(arange(SAMPLES))
const own = { length: SAMPLES, get: (i: number) => [i] }
const later = { length: SAMPLES, get: async (i: number) => [i] }
const backwards = {
  length: SAMPLES - 3,
  *[Symbol.iterator]() {
    for (let i = SAMPLES - 1; i > 2; i--) yield i
  },
}
const stream = (shuffleBuffer: number) =>
  new IterableDataset(
    async function* () {
      for (let i = 0; i < SAMPLES; i++) yield [i]
    },
    { shuffleBuffer },
  )
const row = (shuffleBuffer: number, length?: number) =>
  new IterableDataset(() => Array.from({ length: SAMPLES }, (_, i) => [i]), {
    shuffleBuffer,
    ...(length === undefined ? {} : { length }),
  })

type Made = data.DataLoader<unknown, Tensor[]>
const base = { batchSize: 4 }
const LOADERS: [string, () => Made][] = [
  ['in order', () => new DataLoader(tensors(), base)],
  ['shuffled by the common stream', () => new DataLoader(tensors(), { ...base, shuffle: true })],
  ['shuffled by a seed', () => new DataLoader(tensors(), { ...base, shuffle: true, seed: 5 })],
  ['without a last batch', () => new DataLoader(tensors(), { ...base, shuffle: true, dropLast: true })],
  ['of its own class', () => new DataLoader(own, { ...base, shuffle: true })],
  ['of promises', () => new DataLoader(later, { ...base, shuffle: true, prefetch: 3 })],
  ['of promises, none ahead', () => new DataLoader(later, { ...base, shuffle: true, prefetch: 0 })],
  ['with a sampler', () => new DataLoader(tensors(), { ...base, sampler: backwards })],
  ['from a generator that waits', () => new DataLoader(stream(0), base)],
  ['from one with a buffer', () => new DataLoader(stream(7), { ...base, seed: 3 })],
  ['from an iterable', () => new DataLoader(row(0), { ...base, dropLast: true })],
  ['from one with a buffer and a length', () => new DataLoader(row(5, SAMPLES), base)],
]

/** Up to `count` batches, and whether there was an end before. */
async function take(loader: Made, count: number): Promise<number[][]> {
  const found: number[][] = []
  if (count === 0) return found
  for await (const [x] of loader) {
    found.push(values(x))
    if (found.length === count) break
  }
  return found
}

describe.each(LOADERS)('a loader %s', (_, make) => {
  it('goes on in mid-pass with the very next batch, and with the passes after it', async () => {
    for (const before of [1, 3, 5, 6, 8]) {
      manualSeed(1)
      const whole = make()
      const passes = [await take(whole, 99), await take(whole, 99), await take(whole, 99)]
      // Every other random number of the run, too, as its checkpoint has it.
      manualSeed(1)
      const first = make()
      const perPass = passes[0].length
      const done = Math.floor(before / perPass)
      for (let pass = 0; pass < done; pass++) await take(first, 99)
      const inPass = before - done * perPass
      await take(first, inPass)
      const state = JSON.parse(JSON.stringify(first.stateDict()))
      expect([state.epoch, state.position]).toEqual([done, inPass])
      const second = make()
      second.loadStateDict(state)
      expect(second.stateDict()).toEqual(state)
      const { seed } = second
      const rest = await take(second, 99)
      expect(rest).toEqual(passes[done].slice(inPass))
      expect(second.stateDict()).toMatchObject({ epoch: done + 1, position: 0 })
      // The order of the next pass is drawn from the stream, which stands where the first loader left it.
      if (done < 2) expect(await take(second, 99), String(seed)).toEqual(passes[done + 1])
    }
  })

  it('draws the pass that it goes on with again, wherever the common stream stands', async () => {
    const first = make()
    await take(first, 2)
    const state = first.stateDict()
    const expected = await (async () => {
      const again = make()
      again.loadStateDict(state)
      return take(again, 99)
    })()
    manualSeed(99)
    rand([1000])
    const second = make()
    second.loadStateDict(state)
    expect(await take(second, 99)).toEqual(expected)
    expect(expected.length).toBeGreaterThan(2)
  })

  it('has all samples once, also across a break', async () => {
    const first = make()
    const head = await take(first, 2)
    const second = make()
    second.loadStateDict(first.stateDict())
    const all = [...head, ...(await take(second, 99))].flat()
    expect(new Set(all).size).toBe(all.length)
    expect(all.length).toBeGreaterThanOrEqual(20)
  })
})

describe('a loader of a seed', () => {
  const seeded = (seed: number) => new DataLoader(tensors(), { batchSize: 4, shuffle: true, seed })
  const pass = (loader: Made) => Array.from(loader, ([x]) => values(x))

  it('has one order for each pass, whatever else is random, and leaves the common stream alone', () => {
    manualSeed(1)
    const [a, ours] = [seeded(7), rand([3]).toArray()]
    const passes = [pass(a), pass(a)]
    manualSeed(1)
    const b = seeded(7)
    const first = pass(b)
    expect(rand([3]).toArray()).toEqual(ours)
    expect([first, pass(b)]).toEqual(passes)
    expect(passes[0]).not.toEqual(passes[1])
    expect(pass(seeded(8))).not.toEqual(passes[0])
  })

  it('has the same bits everywhere', () => {
    expect(pass(seeded(7))[0]).toEqual(ORDER)
  })

  it('begins the next pass where one was left', () => {
    const loader = seeded(7)
    for (const _ of loader) break
    expect(loader.stateDict()).toMatchObject({ epoch: 0, position: 1, seed: 7 })
    const passes = [pass(seeded(7)), pass(loader)]
    expect(loader.stateDict()).toMatchObject({ epoch: 2, position: 0, seed: null })
    expect(passes[1]).not.toEqual(passes[0])
  })
})

/** As drawn when this was written. */
const ORDER = [3, 15, 21, 10]

describe('loadStateDict refuses', () => {
  const state = (): data.DataLoaderState => {
    const loader = new DataLoader(tensors(), { batchSize: 4, shuffle: true, seed: 3 })
    for (const _ of loader) break
    return loader.stateDict()
  }

  it.each<[string, Partial<Record<keyof data.DataLoaderState, unknown>>, RegExp]>([
    ['another number of samples', { samples: 24 }, /its samples is 24, and here 23/],
    ['another batch size', { batchSize: 5 }, /its batchSize is 5, and here 4/],
    ['another kind of order', { shuffle: false }, /its shuffle is false, and here true/],
    ['another seed', { seed: 4 }, /its seed is 4 and its offset \d+, and here the seed is 3/],
    ['more batches than there are', { position: 7 }, /its position 7, of 6 batches/],
    ['a position without an order', { seed: null, offset: null }, /its position 1, of 6 batches/],
    ['half an order', { position: 0, offset: null }, /its seed is 3 and its offset null/],
    ['a position below 0', { position: -1 }, /its position -1/],
    ['half an epoch', { epoch: 0.5 }, /its epoch is 0.5/],
    ['no epoch', { epoch: undefined }, /its epoch is undefined/],
    ['a seed in words', { seed: '3' }, /seed/],
  ])('%s', (_, change, message) => {
    const loader = new DataLoader(tensors(), { batchSize: 4, shuffle: true, seed: 3 })
    const before = loader.stateDict()
    const load = () => loader.loadStateDict({ ...state(), ...change } as data.DataLoaderState)
    expect(load).toThrow(StateDictError)
    expect(load).toThrow(message)
    expect(loader.stateDict()).toEqual(before)
  })

  it.each([null, undefined, 5, 'state', []])('%s', (given) => {
    const loader = new DataLoader(tensors(), { batchSize: 4 })
    expect(() => loader.loadStateDict(given as never)).toThrow(StateDictError)
  })
})
