/** nn.ModuleList holds modules that `forward` uses as it likes, and that belong to the net all the same. */
import { ArgumentError, nn, optim, randn, SimdgradError, type Tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const linears = (n: number) => Array.from({ length: n }, () => new nn.Linear(3, 3))

/** Adds up what its layers make of the input. */
class Branches extends nn.Module {
  layers: nn.ModuleList
  head = new nn.Linear(3, 2)

  constructor(modules: nn.Module[]) {
    super()
    this.layers = new nn.ModuleList(modules)
  }

  override forward(x: Tensor): Tensor {
    let y = x
    for (const layer of this.layers) y = y.add(layer.forward(x))
    return this.head.forward(y)
  }
}

describe('a list', () => {
  it('is iterable, has a length, and gives each by its place', () => {
    const [a, b] = linears(2)
    const list = new nn.ModuleList([a, b])
    expect([...list]).toEqual([a, b])
    expect([...list][1]).toBe(b)
    expect(list.length).toBe(2)
    expect(list.at(0)).toBe(a)
    expect(list.at(-1)).toBe(b)
    expect(list).toBeInstanceOf(nn.Module)
  })

  it('grows by append, which gives the list', () => {
    const [a, b, c] = linears(3)
    const list = new nn.ModuleList([a])
    expect(list.append(b)).toBe(list)
    list.append(c)
    expect(list.length).toBe(3)
    expect(list.at(2)).toBe(c)
    expect(Object.keys(list.stateDict())).toEqual([0, 1, 2].flatMap((i) => [`${i}.weight`, `${i}.bias`]))
  })

  it('may be empty, made of nothing or of no modules', () => {
    for (const list of [new nn.ModuleList(), new nn.ModuleList([])]) {
      expect([...list]).toEqual([])
      expect(list.length).toBe(0)
      expect(list.stateDict()).toEqual({})
      expect(list.at(0)).toBeUndefined()
    }
  })

  it('is made of whatever is iterable, and does not follow it', () => {
    const modules = linears(2)
    const list = new nn.ModuleList(new Set(modules))
    modules.pop()
    expect(list.length).toBe(2)
  })

  it('has no forward of its own', () => {
    expect(() => new nn.ModuleList(linears(1)).forward()).toThrow(SimdgradError)
    expect(() => new nn.ModuleList(linears(1)).forward()).toThrow(/ModuleList/)
  })

  it.each<[string, unknown]>([
    ['a module instead of a list', () => new nn.Linear(1, 1)],
    ['a number', () => 3],
    ['null in the list', () => [new nn.Linear(1, 1), null]],
    ['a function in the list', () => [() => 1]],
  ])('refuses %s', (_, make) => {
    const given = (make as () => never)()
    expect(() => new nn.ModuleList(given)).toThrow(ArgumentError)
    expect(() => new nn.ModuleList(given)).toThrow(/ModuleList/)
  })

  it('refuses to append what is no module', () => {
    expect(() => new nn.ModuleList(linears(1)).append(null as never)).toThrow(ArgumentError)
  })
})

describe('the modules in a list', () => {
  it('have their place in the names of a state dict', () => {
    const net = new Branches(linears(2))
    expect(Object.keys(net.stateDict())).toEqual([
      'layers.0.weight',
      'layers.0.bias',
      'layers.1.weight',
      'layers.1.bias',
      'head.weight',
      'head.bias',
    ])
    expect(net.namedModules().map(([name]) => name)).toEqual(['', 'layers', 'layers.0', 'layers.1', 'head'])
  })

  it('are found by parameters, train and eval', () => {
    const net = new Branches([new nn.BatchNorm1d(3), new nn.Dropout(0.5)])
    expect(net.parameters()).toHaveLength(4)
    expect(net.namedBuffers().map(([name]) => name)).toContain('layers.0.running_mean')
    net.eval()
    expect([...net.layers].map(({ training }) => training)).toEqual([false, false])
    net.train()
    expect([...net.layers].map(({ training }) => training)).toEqual([true, true])
  })

  it('count once where they stand twice', () => {
    const [a] = linears(1)
    const net = new Branches([a, a])
    expect(net.parameters()).toHaveLength(4)
    expect(Object.keys(net.stateDict())).toHaveLength(6)
  })

  it('may be lists, and Sequentials', () => {
    const net = new Branches([new nn.Sequential(...linears(1)), new nn.ModuleList(linears(1))])
    expect(Object.keys(net.stateDict()).slice(0, 4)).toEqual([
      'layers.0.0.weight',
      'layers.0.0.bias',
      'layers.1.0.weight',
      'layers.1.0.bias',
    ])
  })

  it('train', () => {
    const net = new Branches(linears(3))
    const before = net.parameters().map((parameter) => parameter.toFloat32Array())
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
    net
      .forward(randn([5, 3]))
      .pow(2)
      .mean()
      .backward()
    optimizer.step()
    expect(net.parameters()).toHaveLength(8)
    net.parameters().forEach((parameter, i) => {
      expect(parameter.toFloat32Array()).not.toEqual(before[i])
    })
  })

  it('load a state dict', () => {
    const [net, other] = [new Branches(linears(2)), new Branches(linears(2))]
    expect(net.loadStateDict(other.stateDict())).toEqual({ missing: [], unexpected: [] })
    const x = randn([5, 3])
    expect(net.forward(x).toFloat32Array()).toEqual(other.forward(x).toFloat32Array())
  })

  it('that were appended are the net’s too', () => {
    const net = new Branches(linears(1))
    net.layers.append(new nn.Linear(3, 3))
    expect(Object.keys(net.stateDict())).toContain('layers.1.weight')
    expect(net.parameters()).toHaveLength(6)
  })
})
