/** Sequential by names and places, ModuleList's other methods, ModuleDict and ParameterList. */
import { ArgumentError, nn, ones, randn, type Tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const linears = (n: number) => Array.from({ length: n }, () => new nn.Linear(3, 3))
const namesOf = (net: nn.AnyModule) => net.namedChildren().map(([name]) => name)

describe('Sequential', () => {
  it('of names has them in the state dict as they are, in their order', () => {
    const net = new nn.Sequential({
      convA: new nn.Linear(3, 4),
      act: new nn.ReLU(),
      out: new nn.Linear(4, 2),
    })
    expect(Object.keys(net.stateDict())).toEqual(['convA.weight', 'convA.bias', 'out.weight', 'out.bias'])
    expect(net.forward(randn([2, 3])).shape).toEqual([2, 2])
    expect(String(net)).toContain('(convA): Linear(')
    expect(net.getSubmodule('act')).toBe(net.at(1))
    const mapped = new nn.Sequential(
      new Map([
        ['10', new nn.ReLU()],
        ['2', new nn.ReLU()],
      ]),
    )
    expect(namesOf(mapped)).toEqual(['10', '2'])
  })

  it('of no names is a list: at, length, iteration, set', () => {
    const [a, b, c] = linears(3)
    const net = new nn.Sequential(a, b)
    expect([net.length, net.at(0), net.at(-1), net.at(2)]).toEqual([2, a, b, undefined])
    expect([...net]).toEqual([a, b])
    expect(net.set(-1, c)).toBe(net)
    expect(net.modules).toEqual([a, c])
    expect(namesOf(net)).toEqual(['0', '1'])
  })

  it('grows by append, extend and insert, and runs what was added', () => {
    const net = new nn.Sequential(new nn.Linear(3, 4))
    net.append(new nn.ReLU()).extend([new nn.Linear(4, 4), new nn.Linear(4, 2)])
    net.insert(1, new nn.BatchNorm1d(4)).insert(-1, new nn.Dropout())
    expect(net.modules.map((module) => module.constructor.name)).toEqual([
      'Linear',
      'BatchNorm1d',
      'ReLU',
      'Linear',
      'Dropout',
      'Linear',
    ])
    expect(namesOf(net)).toEqual(['0', '1', '2', '3', '4', '5'])
    expect(net.forward(randn([2, 3])).shape).toEqual([2, 2])
  })

  it('has slices of the same modules, under the same names, as PyTorch', () => {
    const [a, b, c] = linears(3)
    const net = new nn.Sequential(a, b, c)
    const part = net.slice(1)
    expect([...part]).toEqual([b, c])
    expect(namesOf(part)).toEqual(['1', '2'])
    expect([...net.slice(-1)]).toEqual([c])
    expect([...net.slice(0, 2)]).toEqual([a, b])
    expect(() => part.append(a)).toThrow(/'2' is taken/)
  })

  it('has what a derived class keeps in its fields', () => {
    class Net extends nn.Sequential {
      head = new nn.Linear(3, 2)

      override forward(x: Tensor): Tensor {
        return this.head.forward(super.forward(x))
      }
    }
    const net = new Net(...linears(1))
    expect(net.forward(randn([2, 3])).shape).toEqual([2, 2])
    expect(namesOf(net)).toEqual(['head', '0'])
    expect(net.parameters()).toHaveLength(4)
  })

  it.each<[string, () => unknown, RegExp]>([
    ['a number as a name', () => new nn.Sequential({ 1: new nn.ReLU() }), /Map/],
    ['a name with a dot', () => new nn.Sequential({ 'a.b': new nn.ReLU() }), /dot/],
    ['an empty name', () => new nn.Sequential({ '': new nn.ReLU() }), /at least one letter/],
    ['what is no module', () => new nn.Sequential({ a: 3 as never }), /'a' is no module but 3/],
    ['an index that is not there', () => new nn.Sequential().set(0, new nn.ReLU()), /Sequential.set/],
    ['a place that is none', () => new nn.Sequential().insert(2, new nn.ReLU()), /Sequential.insert/],
    [
      'an insert among names',
      () => new nn.Sequential({ a: new nn.ReLU() }).insert(0, new nn.ReLU()),
      /names/,
    ],
    ['to append nothing', () => new nn.Sequential().append(null as never), /no module but null/],
    ['to be extended by one', () => new nn.Sequential().extend(new nn.ReLU() as never), /extend/],
  ])('refuses %s', (_, act, message) => {
    expect(act).toThrow(ArgumentError)
    expect(act).toThrow(message)
  })
})

describe('ModuleList', () => {
  it('has extend, insert, set, pop and slice', () => {
    const [a, b, c, d] = linears(4)
    const list = new nn.ModuleList([a])
    expect([...list.extend([b, c])]).toEqual([a, b, c])
    expect([...list.insert(-1, d)]).toEqual([a, b, d, c])
    expect(list.pop()).toBe(c)
    expect(list.pop(0)).toBe(a)
    expect([...list.set(0, c)]).toEqual([c, d])
    const part = list.slice(1)
    expect([...part]).toEqual([d])
    expect(namesOf(part)).toEqual(['0'])
  })

  it('is as it was where a change is refused', () => {
    const list = new nn.ModuleList(linears(2))
    const before = [...list]
    expect(() => list.extend([new nn.Linear(1, 1), null as never])).toThrow(ArgumentError)
    expect(() => list.insert(3, new nn.Linear(1, 1))).toThrow(/ModuleList.insert/)
    expect(() => list.insert(0, {} as never)).toThrow(/ModuleList.insert/)
    expect(() => list.set(2, new nn.Linear(1, 1))).toThrow(/ModuleList.set/)
    expect(() => list.pop(2)).toThrow(/ModuleList.pop/)
    expect([...list]).toEqual(before)
  })
})

describe('ModuleDict', () => {
  it('holds modules by name, which are the net’s', () => {
    class Net extends nn.Module {
      choices = new nn.ModuleDict<nn.Module>({ relu: new nn.ReLU(), linA: new nn.Linear(2, 2) })

      override forward(x: Tensor): Tensor {
        return this.choices.get('linA')?.forward(x) ?? x
      }
    }
    const net = new Net()
    expect(Object.keys(net.stateDict())).toEqual(['choices.linA.weight', 'choices.linA.bias'])
    expect(net.eval().choices.get('relu')?.training).toBe(false)
    expect(net.forward(ones([1, 2])).shape).toEqual([1, 2])
    expect(new Net().loadStateDict(net.stateDict())).toEqual({ missing: [], unexpected: [] })
  })

  it('has the methods of a dict', () => {
    const [a, b, c] = linears(3)
    const dict = new nn.ModuleDict<nn.Module>([['a', a]])
    expect(dict.set('b', b)).toBe(dict)
    dict.update(new Map([['c', c]]))
    expect([dict.length, dict.has('b'), dict.has('x'), dict.get('x')]).toEqual([3, true, false, undefined])
    expect([...dict]).toEqual(['a', 'b', 'c'])
    expect([...dict.keys()]).toEqual(['a', 'b', 'c'])
    expect([...dict.values()]).toEqual([a, b, c])
    expect([...dict.entries()][1]).toEqual(['b', b])
    expect(dict.pop('a')).toBe(a)
    expect([...dict]).toEqual(['b', 'c'])
    dict.clear()
    expect(dict.length).toBe(0)
    expect(() => dict.forward()).toThrow(/ModuleDict/)
  })

  it.each<[string, () => unknown, RegExp]>([
    ['an array of modules', () => new nn.ModuleDict([new nn.ReLU()] as never), /pairs/],
    ['a module', () => new nn.ModuleDict(new nn.ReLU() as never), /names and modules/],
    ['a dot', () => new nn.ModuleDict().set('a.b', new nn.ReLU()), /dot/],
    ['no module', () => new nn.ModuleDict().update({ a: null as never }), /'a' is no module but null/],
    ['a name that is not there', () => new nn.ModuleDict().pop('a'), /no module 'a'/],
  ])('refuses %s', (_, act, message) => {
    expect(act).toThrow(ArgumentError)
    expect(act).toThrow(message)
    expect(act).toThrow(/ModuleDict/)
  })
})

describe('ParameterList', () => {
  it('holds parameters, which are the net’s', () => {
    class Net extends nn.Module {
      scales = new nn.ParameterList([new nn.Parameter(ones([2])), new nn.Parameter(ones([1]))])

      override forward(x: Tensor): Tensor {
        let y = x
        for (const scale of this.scales) y = y.mul(scale)
        return y
      }
    }
    const net = new Net()
    net.scales.append(new nn.Parameter(ones([1]), false)).extend([])
    expect(Object.keys(net.stateDict())).toEqual(['scales.0', 'scales.1', 'scales.2'])
    expect(net.parameters()).toEqual([...net.scales])
    expect([net.scales.length, net.scales.at(-1)?.requiresGrad]).toEqual([3, false])
    expect(net.getParameter('scales.1')).toBe(net.scales.at(1))
    expect(net.forward(ones([2])).shape).toEqual([2])
    expect(String(net.scales)).toContain('(0): Parameter of shape [2]')
    expect(() => net.scales.forward()).toThrow(/ParameterList/)
  })

  it('refuses what is no parameter', () => {
    expect(() => new nn.ParameterList([ones([1])] as never)).toThrow(/ParameterList.*new nn.Parameter/)
    expect(() => new nn.ParameterList(new nn.Parameter(ones([1])) as never)).toThrow(ArgumentError)
  })
})
