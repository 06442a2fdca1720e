/** Forward hooks: whoever calls a module, they run, and what they see is theirs. */
import { ArgumentError, data, fit, nn, noGrad, ones, optim, randn, type Tensor, tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { scoped } from '../../src/tensor/scope.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const values = (x: Tensor) => [...x.toFloat32Array()]

class Pair extends nn.Module {
  a = new nn.Linear(2, 2)

  override forward(x: Tensor, { scale }: { scale: Tensor }): { sum: Tensor; all: [Tensor, Tensor] } {
    const y = this.a.forward(x)
    return { sum: y.add(scale), all: [y, scale] }
  }
}

describe('a forward hook', () => {
  it('sees module, inputs and output, and is removed by its handle', () => {
    const layer = new nn.Linear(2, 3)
    const seen: unknown[][] = []
    const handle = layer.registerForwardHook((module, inputs, output) => {
      seen.push([module, inputs, output])
    })
    const x = ones([4, 2])
    const y = layer.forward(x)
    expect(seen).toHaveLength(1)
    expect(seen[0][0]).toBe(layer)
    expect(seen[0][1]).toEqual([x])
    expect(seen[0][2]).toBe(y)
    handle.remove()
    handle.remove()
    layer.forward(x)
    expect(seen).toHaveLength(1)
    expect(Object.getOwnPropertyNames(layer)).not.toContain('forward')
  })

  it('replaces the output by what it gives, one after the other; prepend puts it first', () => {
    const layer = new nn.ReLU()
    layer.registerForwardHook((_, __, y) => y.add(1))
    layer.registerForwardHook((_, __, y) => y.mul(10))
    expect(values(layer.forward(tensor([1])))).toEqual([20])
    layer.registerForwardHook((_, __, y) => y.mul(0), { prepend: true })
    expect(values(layer.forward(tensor([1])))).toEqual([10])
  })

  it('keeps its place among others when one is removed, also while they run', () => {
    const layer = new nn.ReLU()
    const order: string[] = []
    const first = layer.registerForwardHook(() => {
      order.push('first')
      first.remove()
    })
    layer.registerForwardHook(() => void order.push('second'))
    layer.forward(ones([1]))
    layer.forward(ones([1]))
    expect(order).toEqual(['first', 'second', 'second'])
  })

  it('runs inside a Sequential, nested too, and may keep what it sees', () => {
    const net = new nn.Sequential(
      new nn.Linear(3, 4),
      new nn.Sequential(new nn.BatchNorm1d(4), new nn.ReLU()),
      new nn.Linear(4, 2),
    )
    const kept: Tensor[] = []
    const relu = net.getSubmodule('1.1')
    relu.registerForwardHook((_, inputs, output) => {
      kept.push(...(inputs as Tensor[]), output as Tensor)
    })
    const x = randn([5, 3])
    const y = net.forward(x)
    const [into, out] = kept.map((one) => one.toFloat32Array())
    expect(out).toEqual(into.map((value) => Math.max(value, 0)))
    y.sum().backward()
    expect(kept.map((one) => one.toFloat32Array())).toEqual([into, out])
    expect(kept).toHaveLength(2)
  })

  it('sees each of two that would run as one', () => {
    const make = () => new nn.Sequential(new nn.ReLU(), new nn.MaxPool2d(2))
    const [plain, hooked] = [make(), make()]
    const seen: number[][] = []
    hooked.at(0)?.registerForwardHook((_, __, y) => void seen.push(values(y)))
    const x = randn([1, 1, 2, 2])
    expect(values(hooked.forward(x))).toEqual(values(plain.forward(x)))
    expect(seen).toEqual([values(x.relu())])
  })

  it('runs in fit, for the net and what is below', async () => {
    const net = new nn.Sequential(new nn.Linear(3, 2))
    let [outer, inner] = [0, 0]
    net.registerForwardHook(() => void outer++)
    net.at(0)?.registerForwardHook(() => void inner++)
    const set = new data.TensorDataset(randn([8, 3]), tensor([0, 1, 0, 1, 0, 1, 0, 1]))
    await fit(net, {
      train: new data.DataLoader(set, { batchSize: 4 }),
      optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
      loss: new nn.CrossEntropyLoss(),
    })
    expect([outer, inner]).toEqual([2, 2])
  })

  it('is on one module, not on its class', () => {
    const [a, b] = [new nn.ReLU(), new nn.ReLU()]
    let calls = 0
    a.registerForwardHook(() => void calls++)
    b.forward(ones([1]))
    expect(calls).toBe(0)
  })

  it('stands where a forward was assigned to the module, before or after, which comes back', () => {
    const layer = new nn.ReLU()
    layer.forward = (x) => x.mul(-1)
    const first = layer.registerForwardHook((_, __, y) => y.add(100))
    expect(values(layer.forward(ones([1])))).toEqual([99])
    layer.forward = (x) => x.mul(-2)
    expect(values(layer.forward(ones([1])))).toEqual([98])
    first.remove()
    expect(values(layer.forward(ones([1])))).toEqual([-2])
  })

  it('changes nothing else: fields, state dict and printing', () => {
    const layer = new nn.Linear(2, 2)
    const before = [String(layer), Object.keys(layer), Object.keys(layer.stateDict())]
    layer.registerForwardHook(() => {})
    expect([String(layer), Object.keys(layer), Object.keys(layer.stateDict())]).toEqual(before)
  })

  it.each<[string, (layer: nn.Linear) => unknown, RegExp]>([
    ['no function', (layer) => layer.registerForwardHook(null as never), /registerForwardHook.*function/],
    [
      'an unknown option',
      (layer) => layer.registerForwardPreHook(() => {}, { withKwargs: true } as never),
      /registerForwardPreHook.*prepend/,
    ],
    [
      'a hook that nobody waits for',
      (layer) => {
        layer.registerForwardHook((async () => {}) as never)
        layer.forward(ones([1, 2]))
      },
      /asynchronous/,
    ],
  ])('refuses %s', (_, act, message) => {
    expect(() => act(new nn.Linear(2, 2))).toThrow(ArgumentError)
    expect(() => act(new nn.Linear(2, 2))).toThrow(message)
  })
})

describe('inside what the library writes', () => {
  /** As a layer of the library's that is made of others: what is between is freed at its end. */
  class Composed extends nn.Module {
    inner = new nn.Linear(2, 2)
    act = new nn.ReLU()

    override forward(x: Tensor): Tensor {
      return scoped(() => this.act.forward(this.inner.forward(x)).add(1))
    }

    override get libraryForward(): unknown {
      return Composed.prototype.forward
    }
  }

  it('a hook may keep what it sees, too', () => {
    const layer = new Composed()
    const kept: Tensor[] = []
    layer.act.registerForwardHook((_, [x], y) => void kept.push(x, y))
    const net = new nn.Sequential(layer, new nn.Linear(2, 1))
    noGrad(() => net.forward(randn([3, 2])))
    const [x, y] = kept.map(values)
    expect(y).toEqual(x.map((value) => Math.max(value, 0)))
  })

  it('what a layer hands on beside its result is not freed before the next has it', () => {
    class Both extends nn.Module {
      override forward(x: Tensor): [Tensor, { given: Tensor }] {
        return [x.mul(2), { given: x }]
      }

      override get libraryForward(): unknown {
        return Both.prototype.forward
      }
    }
    class Sum extends nn.Module {
      override forward([a, { given }]: [Tensor, { given: Tensor }]): Tensor {
        return a.add(given)
      }

      override get libraryForward(): unknown {
        return Sum.prototype.forward
      }
    }
    const modules = [new nn.ReLU(), new Both(), new Sum(), new nn.ReLU()] as unknown as nn.Module[]
    const y = noGrad(() => new nn.Sequential(...modules).forward(tensor([1, -1, 2])))
    expect(values(y)).toEqual([3, 0, 6])
  })
})

describe('a forward pre-hook', () => {
  it('sees the inputs, and changes them: one, or an array', () => {
    const layer = new nn.ReLU()
    const one = layer.registerForwardPreHook((_, [x]) => x.add(1))
    expect(values(layer.forward(tensor([1])))).toEqual([2])
    layer.registerForwardPreHook((_, [x]) => [x.mul(5)])
    expect(values(layer.forward(tensor([1])))).toEqual([10])
    one.remove()
    expect(values(layer.forward(tensor([1])))).toEqual([5])
  })

  it('changes what forward hooks see as inputs, as in PyTorch', () => {
    const layer = new nn.ReLU()
    layer.registerForwardPreHook((_, [x]) => x.add(1))
    let seen: number[] = []
    layer.registerForwardHook((_, [x]) => {
      seen = values(x)
    })
    layer.forward(tensor([1]))
    expect(seen).toEqual([2])
  })
})

describe('several inputs and outputs', () => {
  it('pass through hooks as they are', () => {
    const net = new Pair()
    const scale = ones([2])
    net.registerForwardPreHook((_, [x, rest]) => [x.mul(0), rest])
    net.registerForwardHook((_, [, given], { sum, all }) => {
      expect(given.scale).toBe(scale)
      return { sum: sum.mul(2), all }
    })
    const { sum, all } = net.forward(ones([1, 2]), { scale })
    const bias = values(net.a.bias as Tensor)
    expect(values(sum)).toEqual(bias.map((b) => 2 * Math.fround(b + 1)))
    expect(all[1]).toBe(scale)
  })

  it('are looked through for parameters that the net does not have', () => {
    class Lost extends nn.Module {
      head = new nn.Linear(2, 2)
      readonly #hidden = new nn.Linear(2, 2)

      override forward(x: Tensor): { out: [Tensor] } {
        return { out: [this.head.forward(this.#hidden.forward(x))] }
      }
    }
    const net = new Lost()
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
    const { out } = net.forward(ones([1, 2]))
    out[0].sum().backward()
    expect(() => optimizer.step()).toThrow(/Lost/)
  })

  it('pass between the modules of a Sequential, and stay readable', () => {
    class Split extends nn.Module {
      override forward(x: Tensor): [Tensor, { same: Tensor }] {
        return [x.mul(2), { same: x }]
      }
    }
    class Join extends nn.Module {
      override forward([a, { same }]: [Tensor, { same: Tensor }]): Tensor {
        return a.add(same)
      }
    }
    const modules = [new nn.ReLU(), new Split(), new Join(), new nn.ReLU()] as unknown as nn.Module[]
    const net = new nn.Sequential(...modules)
    const kept: Tensor[] = []
    modules[1].registerForwardHook((_, [x], out) => {
      kept.push(x, (out as unknown as [Tensor])[0])
    })
    const x = tensor([1, -2, 3], { requiresGrad: true })
    const y = net.forward(x)
    expect(values(y)).toEqual([3, 0, 9])
    y.sum().backward()
    expect(values(x.grad as Tensor)).toEqual([3, 0, 3])
    expect(kept.map(values)).toEqual([
      [1, 0, 3],
      [2, 0, 6],
    ])
  })
})
