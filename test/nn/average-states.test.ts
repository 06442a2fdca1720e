import {
  averageStates,
  freezeBatchNorm,
  hashState,
  manualSeed,
  nn,
  randn,
  recalibrate,
  type StateDictError,
  tensor,
} from 'simdgrad'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

const { BatchNorm1d, Linear, ReLU, Sequential } = nn
const make = () => new Sequential(new Linear(3, 4), new BatchNorm1d(4), new ReLU(), new Linear(4, 2))

/** All orders of an array. */
function orders<T>(all: readonly T[]): T[][] {
  if (all.length < 2) return [[...all]]
  return all.flatMap((one, i) => orders(all.toSpliced(i, 1)).map((rest) => [one, ...rest]))
}

/** States of the same net, with values far apart in size: where sums in another order round otherwise. */
function states(n: number): nn.StateDict[] {
  return Array.from({ length: n }, (_, i) => {
    const state = make().stateDict()
    for (const x of Object.values(state))
      x.copy_(
        randn(x.shape)
          .mul(10 ** (i % 5))
          .add(0.1),
      )
    state['1.running_var'].copy_(randn([4]).pow(2).add(0.1))
    state['1.num_batches_tracked'].fill_(i + 3)
    return state
  })
}

describe('averageStates', () => {
  it('gives the same bits in any order of the states', async () => {
    const all = states(5).map((state, i) => ({ state, weight: [0.1, 0.7, 3, 0.1, 1e-3][i] }))
    const hashes = new Set<string>()
    for (const order of orders(all)) {
      const [given, weights] = [order.map(({ state }) => state), order.map(({ weight }) => weight)]
      hashes.add(await hashState(averageStates(given, weights)))
    }
    expect(hashes.size).toBe(1)
    // As a plain sum in the order given would not: else this test shows nothing.
    const sums = orders(all).map((order) => {
      const total = order.reduce((sum, { weight }) => sum + weight, 0)
      return order.reduce(
        (sum, { state, weight }) => sum + (weight / total) * state['0.weight'].toFloat32Array()[0],
        0,
      )
    })
    expect(new Set(sums).size).toBeGreaterThan(1)
  })

  it('is the weighted mean of parameters, to float32', () => {
    const all = states(3)
    const averaged = averageStates(all, [1, 2, 5])
    expect(Object.keys(averaged)).toEqual(Object.keys(all[0]))
    const [a, b, c] = all.map((state) => state['3.weight'].toFloat32Array())
    expect(averaged['3.weight'].toFloat32Array()).toEqual(a.map((x, i) => (x + 2 * b[i] + 5 * c[i]) / 8))
    const equal = averageStates([all[0], all[0]])
    expect(equal['3.weight'].toFloat32Array()).toEqual(a)
  })

  it('puts the statistics of disjoint data together as if one client had seen it all', async () => {
    const parts = [randn([40, 3]), randn([25, 3]).mul(3).add(5), randn([100, 3]).sub(2)]
    const net = make()
    const clients: nn.StateDict[] = []
    for (const part of parts) {
      await recalibrate(net, [part], { precise: true })
      clients.push(copy(net.stateDict()))
    }
    await recalibrate(net, parts, { precise: true })
    const whole = net.stateDict()
    const averaged = averageStates(clients, [40, 25, 100])
    for (const name of ['1.running_mean', '1.running_var']) {
      const expected = whole[name].toFloat32Array()
      averaged[name].toFloat32Array().forEach((value, i) => {
        expect(Math.abs(value - expected[i])).toBeLessThan(1e-5 * Math.abs(expected[i]) + 1e-6)
      })
    }
    // The mean of the variances is far from it: at a quarter, in one of the channels.
    const [a, b, c] = clients.map((state) => state['1.running_var'].toFloat32Array())
    const shares = whole['1.running_var']
      .toFloat32Array()
      .map((v, i) => (40 * a[i] + 25 * b[i] + 100 * c[i]) / 165 / v)
    expect(Math.min(...shares)).toBeLessThan(0.8)
  })

  it('loads into a net, with the largest count, and keeps who is frozen', () => {
    const all = states(3)
    const averaged = averageStates(all)
    expect(averaged['1.num_batches_tracked'].item()).toBe(5)
    expect(make().loadStateDict(averaged)).toEqual({ missing: [], unexpected: [] })
    const frozen = freezeBatchNorm(make()).stateDict()
    expect(averageStates([frozen, frozen])).toHaveProperty('_metadata')
    expect(() => averageStates([frozen, all[0]])).toThrow(/other layers frozen/)
  })

  it('does not let a client of weight 0 say anything', () => {
    const [a, b] = states(2)
    b['0.weight'].fill_(Number.NaN)
    expect(averageStates([b, a], [0, 2])['0.weight'].toFloat32Array()).toEqual(a['0.weight'].toFloat32Array())
  })

  it('refuses states of different nets, by the name of what differs', () => {
    const [a, b] = states(2)
    const refused: [nn.StateDict, RegExp][] = [
      [new Linear(3, 4).stateDict(), /state 1 has no '0.weight'/],
      [{ ...b, more: tensor(1) }, /state 1 has 'more', which state 0 has not/],
      [{ ...b, '3.bias': tensor([1, 2, 3]) }, /'3.bias' has shape \[2\] in state 0, and \[3\] in state 1/],
    ]
    for (const [other, message] of refused) {
      expect(() => averageStates([a, other])).toThrow(message)
      expect(() => averageStates([a, other])).toThrow(
        expect.objectContaining({ name: 'StateDictError' } satisfies Partial<StateDictError>),
      )
    }
    expect(() => averageStates([a, b], [1e308, 1e308])).toThrow(/without end/)
  })
})

const copy = (state: nn.StateDict): nn.StateDict =>
  Object.fromEntries(
    Object.entries(state).map(([name, x]) => [name, tensor(x.toFloat32Array(), { shape: x.shape })]),
  )
