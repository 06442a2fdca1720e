import {
  ArgumentError,
  manualSeed,
  nn,
  ones,
  optim,
  randn,
  StateDictError,
  type Tensor,
  tensor,
} from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { decode, decodeTensor, type Encoded, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

type State = Record<string, Encoded>

interface Case {
  name: string
  decay: number | null
  useBuffers: boolean
  initial: State
  nets: State[]
  averages: State[]
}

const cases = readFixture<Case[]>('averages.json').map((each) => [each.name, each] as const)

beforeAll(initForTest)

const makeNet = () => new nn.Sequential(new nn.Linear(3, 5), new nn.BatchNorm1d(5))
const tensorsOf = (state: State) =>
  Object.fromEntries(Object.entries(state).map(([name, x]) => [name, decodeTensor(x)]))
const valuesOf = (state: Record<string, Tensor>) =>
  Object.fromEntries(Object.entries(state).map(([name, x]) => [name, x.toArray()]))

describe.each(cases)("PyTorch's averages: %s", (_, { decay, useBuffers, initial, nets, averages }) => {
  const make = () => {
    const net = makeNet()
    net.loadStateDict(tensorsOf(initial))
    const options = decay === null ? { useBuffers } : { decay, useBuffers }
    return { net, average: new optim.swaUtils.AveragedModel(net, options) }
  }
  const check = (average: optim.swaUtils.AveragedModel, i: number) => {
    const state = average.stateDict()
    expect(Object.keys(state)).toEqual(Object.keys(averages[i]))
    for (const [name, x] of Object.entries(state)) {
      expectClose(x, decode(averages[i][name]), { tolerance: 1e-5, what: `${name} after update ${i}` })
    }
  }

  it('over five updates', () => {
    const { net, average } = make()
    for (const [i, state] of nets.entries()) {
      net.loadStateDict(tensorsOf(state))
      average.update()
      check(average, i)
    }
    expect(average.nAveraged).toBe(5)
  })

  it("goes on from PyTorch's state", () => {
    const { net, average } = make()
    average.loadStateDict(tensorsOf(averages[1]))
    for (let i = 2; i < 5; i++) {
      net.loadStateDict(tensorsOf(nets[i]))
      average.update()
      check(average, i)
    }
  })
})

describe('AveragedModel', () => {
  const make = () => {
    manualSeed(3)
    const net = makeNet()
    const average = new optim.swaUtils.AveragedModel(net, { decay: 0.5 })
    average.update()
    for (const parameter of net.parameters()) parameter.fill_(1)
    average.update()
    return { net, average }
  }

  it('lends its weights to the net, and gives the net its own back', () => {
    const { net, average } = make()
    const x = randn([4, 3])
    net.eval()
    const own = valuesOf(net.stateDict())
    const before = net.forward(x).toArray()
    const [inside, state] = average.applied(() => [net.forward(x), valuesOf(net.stateDict())] as const)
    expect(state).toEqual(valuesOf(average.averages()))
    expect(state).not.toEqual(own)
    const other = makeNet()
    other.loadStateDict(average.averages())
    expect(inside.toArray()).toEqual(other.eval().forward(x).toArray())
    expect(net.forward(x).toArray()).toEqual(before)
    expect(valuesOf(net.stateDict())).toEqual(own)
  })

  it('gives them back where the function throws, and where it is asynchronous', async () => {
    const { net, average } = make()
    const own = valuesOf(net.stateDict())
    expect(() =>
      average.applied(() => {
        throw new RangeError('mine')
      }),
    ).toThrow(RangeError)
    expect(valuesOf(net.stateDict())).toEqual(own)
    const later = average.applied(async () => {
      await Promise.resolve()
      return valuesOf(net.stateDict())
    })
    expect(() => average.update()).toThrow(ArgumentError)
    expect(await later).toEqual(valuesOf(average.averages()))
    expect(valuesOf(net.stateDict())).toEqual(own)
    await expect(average.applied(() => Promise.reject(new RangeError('mine')))).rejects.toThrow(RangeError)
    expect(valuesOf(net.stateDict())).toEqual(own)
    average.update()
  })

  it('refuses applied within applied, and update within it', () => {
    const { average } = make()
    expect(() => average.applied(() => average.applied(() => 1))).toThrow(/applied within applied/)
    expect(() => average.applied(() => average.update())).toThrow(/update within applied/)
    expect(average.applied(() => 1)).toBe(1)
    expect(() => average.applied(5 as never)).toThrow(/AveragedModel: applied takes a function/)
  })

  it('follows a layer that is replaced by one of its kind, and refuses another', () => {
    class Net extends nn.Module {
      head = new nn.Linear(3, 2)
      forward(x: Tensor) {
        return this.head.forward(x)
      }
    }
    const net = new Net()
    const average = new optim.swaUtils.AveragedModel(net)
    net.head = new nn.Linear(3, 2)
    average.update()
    expect(average.averages()['head.weight'].toArray()).toEqual(net.head.weight.toArray())
    net.head = new nn.Linear(3, 4)
    expect(() => average.update()).toThrow(/AveragedModel: 'head.weight' of the net is not what it was/)
    expect(average.nAveraged).toBe(1)
  })

  it('refuses a state that does not fit, and changes nothing', () => {
    const { average } = make()
    const before = valuesOf(average.stateDict())
    const { 'module.0.bias': _, ...rest } = average.stateDict()
    for (const [bad, message] of [
      [rest, /missing: module.0.bias/],
      [{ ...average.stateDict(), extra: ones([1]) }, /unexpected: extra/],
      [{ ...rest, 'module.0.bias': ones([2]) }, /module.0.bias has shape \[2\], expected \[5\]/],
      [{ ...rest, 'module.0.bias': 5 }, /module.0.bias is 5, expected a tensor/],
    ] as const) {
      expect(() => average.loadStateDict(bad as never)).toThrow(StateDictError)
      expect(() => average.loadStateDict(bad as never)).toThrow(message)
    }
    expect(() => average.loadStateDict(null as never)).toThrow(ArgumentError)
    expect(valuesOf(average.stateDict())).toEqual(before)
  })

  it('smooths the noise of training', () => {
    manualSeed(1)
    const w = new nn.Linear(1, 1, { bias: false })
    w.weight.fill_(0)
    const average = new optim.swaUtils.AveragedModel(w, { decay: 0.95 })
    const optimizer = new optim.SGD(w.parameters(), { lr: 0.5 })
    for (let i = 0; i < 200; i++) {
      w.weight.grad = w.weight.detach().sub(tensor([[2]]).add(randn([1, 1])))
      optimizer.step()
      average.update()
    }
    expect(Math.abs(average.averages().weight.item() - 2)).toBeLessThan(0.4)
  })
})
