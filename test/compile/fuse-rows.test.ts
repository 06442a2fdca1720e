/** Fused rows of a compiled step beside the rows that they stand for, and beside the step as it is: the same bits. */
import { compile, manualSeed, nn, noGrad, optim, randn, type Tensor, tensor } from 'simdgrad'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fuseRecorded } from '../../src/bindings/fuse-rows.js'
import { setRowFusion } from '../../src/bindings/row-fusion.js'
import { initForTest } from '../support/init.js'
import { Random } from '../support/random.js'

beforeAll(initForTest)
afterAll(() => setRowFusion((recorded) => fuseRecorded(recorded)))

const STEPS = 5

interface Made {
  parameters: nn.Parameter[]
  forward(x: Tensor): Tensor
}

const norm = (channels: number, random: Random) => {
  const layer = new nn.BatchNorm2d(channels, { affine: random.below(4) > 0 })
  layer.weight?.copy_(randn([channels]))
  layer.bias?.copy_(randn([channels]))
  return layer
}

interface Case {
  /** The kernels that there are then and were not before. */
  made: readonly string[]
  /** Those where batches have lanes of padding. Default none. */
  padded?: readonly string[]
  build(channels: number, random: Random): Made
}

/** What comes behind batch norm of `x` in training. */
const normalisedThen = (then: (y: Tensor, x: Tensor) => Tensor): Case => ({
  made: ['batchNormChainForward'],
  build: (channels, random) => {
    const layer = norm(channels, random)
    return { parameters: layer.parameters(), forward: (x) => then(layer.forward(x), x) }
  },
})

const CASES: Record<string, Case> = {
  'batch norm and ReLU6': normalisedThen((y) => y.relu6()),
  'batch norm and SiLU, whose gradient reads the normalised values': {
    ...normalisedThen((y) => y.silu()),
    made: [],
  },
  'batch norm and tanh, whose gradient reads the result': normalisedThen((y) => y.tanh()),
  'batch norm in evaluation': {
    made: ['batchNormChainForward'],
    padded: ['batchNormChainForward'],
    build: (channels, random) => {
      const layer = norm(channels, random).eval()
      return { parameters: layer.parameters(), forward: (x) => layer.forward(x).relu() }
    },
  },
  'batch norm, what went around it, and ReLU': normalisedThen((y, x) => y.add(x).relu()),
  'two of them': {
    made: ['batchNormChainForward'],
    build: (channels, random) => {
      const [one, other] = [norm(channels, random), norm(channels, random)]
      const forward = (x: Tensor) => other.forward(one.forward(x).relu().mul(0.5)).add(x).relu()
      return { parameters: [...one.parameters(), ...other.parameters()], forward }
    },
  },
  'a chain of elementwise operations': {
    made: ['chain'],
    padded: ['chain'],
    build: () => ({ parameters: [], forward: (x) => x.mul(2).add(1).sigmoid().mul(x).pow(2).sub(x).relu() }),
  },
  'a result that others read too': {
    made: ['chain'],
    padded: ['chain'],
    build: () => ({
      parameters: [],
      forward: (x) => {
        const y = x.exp().add(1)
        return y.log().mul(y).add(y.mean())
      },
    }),
  },
}

/** What steps of training give: losses, values and gradients. */
function run({ parameters, forward }: Made, shape: readonly number[], compiled: boolean): Float32Array[] {
  manualSeed(1)
  const scale = new nn.Parameter(randn(shape))
  const all = [scale, ...parameters]
  const optimizer = new optim.SGD(all, { lr: 0.01 })
  const step = (x: Tensor) => {
    optimizer.zeroGrad()
    const y = forward(x.mul(scale))
    const loss = y.mul(y).mean()
    loss.backward()
    optimizer.step()
    return { y: y.detach(), loss: loss.detach() }
  }
  const replayed = compile(step)
  const call = compiled ? replayed : step
  const seen: Float32Array[] = []
  for (let i = 0; i < STEPS; i++) {
    const { y, loss } = call(randn(shape))
    seen.push(y.toFloat32Array(), loss.toFloat32Array(), ...all.map((p) => p.toFloat32Array()))
    for (const { grad } of all) if (grad) seen.push(grad.toFloat32Array())
  }
  if (compiled) expect(replayed.report.replayed, replayed.report.reason).toBe(STEPS - 2)
  replayed.dispose()
  return seen
}

const bits = (all: readonly Float32Array[]) =>
  all.map((values) => Buffer.from(values.buffer).toString('base64'))

describe('fused rows give the bits of the rows that they stand for', () => {
  for (const [name, { made, padded = [], build }] of Object.entries(CASES)) {
    it(name, () => {
      const random = new Random(3)
      for (let round = 0; round < 12; round++) {
        const channels = 1 + random.below(5)
        // Lanes of padding, which are cleared after each row, may be in the way.
        const batch = random.below(4) > 0 ? 4 * (1 + random.below(6)) : 1 + random.below(20)
        const shape = [batch, channels, 1 + random.below(12), 2 + random.below(40)]
        const seed = random.below(1000)
        const net = () => {
          manualSeed(seed)
          return build(channels, new Random(seed))
        }
        const eager = run(net(), shape, false)
        setRowFusion(() => {})
        const plain = run(net(), shape, true)
        const names = new Set<string>()
        setRowFusion((recorded) => {
          fuseRecorded(recorded, 1)
          for (const row of recorded.rows) names.add(row.name)
        })
        const fused = run(net(), shape, true)
        expect([...names], `${shape}`).toEqual(expect.arrayContaining([...(batch % 4 === 0 ? made : padded)]))
        expect(bits(plain)).toEqual(bits(eager))
        expect(bits(fused), `${shape}`).toEqual(bits(eager))
      }
    })
  }
})

describe('rows are left as they are', () => {
  const names = (step: (x: Tensor) => unknown, x: Tensor) => {
    const found: string[] = []
    setRowFusion((recorded) => {
      fuseRecorded(recorded, 1)
      for (const row of recorded.rows) found.push(row.name)
    })
    const compiled = compile(step)
    for (let i = 0; i < 3; i++) compiled(x)
    return found
  }

  it('where what they write is changed in between', () => {
    const state = tensor([1, 2, 3, 4])
    const x = tensor([1, 2, 3, 4])
    const found = names((y) => {
      const before = state.mul(2)
      state.copy_(y)
      return before.add(state)
    }, x)
    expect(found.filter((name) => name === 'chain')).toEqual([])
  })

  it('where arrays, or the planes of batch norm, are small', () => {
    const small = new nn.BatchNorm2d(64)
    const found: string[] = []
    setRowFusion((recorded) => {
      fuseRecorded(recorded)
      for (const row of recorded.rows) found.push(row.name)
    })
    const step = compile((y: Tensor) => [small.forward(y).relu(), y.slice(0, 0, 1).mul(2).add(1)])
    const x = randn([16, 64, 5, 5])
    noGrad(() => {
      for (let i = 0; i < 3; i++) step(x)
    })
    expect(found).toContain('batchNormForward')
    expect(found.filter((name) => /chain/i.test(name))).toEqual([])
  })

  it('where a gradient reads what is normalised, but not where there is no gradient', () => {
    const layer = new nn.BatchNorm2d(2)
    const x = randn([4, 2, 5, 6])
    const training = names((y) => layer.forward(y).silu().sum().backward(), x)
    expect(training).toContain('batchNormForward')
    expect(training).not.toContain('batchNormChainForward')
    expect(noGrad(() => names((y) => layer.forward(y).silu(), x))).toContain('batchNormChainForward')
  })

  it('where there is one', () => {
    expect(names((y) => y.exp(), tensor([1, 2, 3, 4]))).not.toContain('chain')
  })
})

describe('rows that only move values are taken out', () => {
  /** What a step gives, eager and compiled, and the kernels of the compiled one before and after. */
  function both(step: (x: Tensor) => Tensor, shape: readonly number[]) {
    const [before, after]: [string[], string[]] = [[], []]
    setRowFusion((recorded) => {
      for (const row of recorded.rows) before.push(row.name)
      fuseRecorded(recorded, 1)
      for (const row of recorded.rows) after.push(row.name)
    })
    const compiled = compile(step)
    for (let i = 0; i < STEPS; i++) {
      const x = randn(shape)
      const [expected, got] = [step(x), compiled(x)].map((y) => y.toFloat32Array())
      expect(bits([got])).toEqual(bits([expected]))
    }
    expect(compiled.report.replayed, compiled.report.reason).toBe(STEPS - 2)
    compiled.dispose()
    const lost = (name: string) =>
      before.filter((one) => one === name).length - after.filter((one) => one === name).length
    return { copies: lost('copyStrided'), fills: lost('fill'), after }
  }

  /** The gradient of a function's sum, weighted. */
  const gradient = (f: (x: Tensor) => Tensor) => (x: Tensor) => {
    const scale = new nn.Parameter(x.mul(0).add(1))
    const y = f(x.mul(scale))
    y.mul(y).mean().backward()
    return scale.grad ?? x
  }

  /** The copies that are left in a step with a function's gradient. */
  const copies = (f: (x: Tensor) => Tensor, shape: readonly number[]) =>
    both(gradient(f), shape).after.filter((name) => name === 'copyStrided').length

  /** Attention of heads that lie side by side in `x`, with the results' axes in this order. */
  const attends =
    ([n, t, heads, size]: readonly number[], axes: readonly number[]) =>
    (x: Tensor) => {
      const [q, k, v] = x
        .reshape([n, t, 3, heads, size])
        .permute([2, 0, 3, 1, 4])
        .split(1)
        .map((part) => part.squeeze(0))
      const y = nn.functional.scaledDotProductAttention(q, k, v, { isCausal: true })
      return y.permute(axes).reshape([n, t, heads * size])
    }

  it('queries, keys and values, and their gradients', () => {
    const attend = (x: Tensor) => {
      const [q, k, v] = x.permute([1, 0, 2, 3]).split(1)
      return nn.functional.scaledDotProductAttention(q, k, v, { isCausal: true })
    }
    expect(both(gradient(attend), [5, 3, 7, 6])).toMatchObject({ copies: 7, fills: 1 })
    expect(noGrad(() => both(attend, [5, 3, 7, 6]))).toMatchObject({ copies: 3 })
  })

  it('heads that attention reads where they lie', () => {
    const [n, t, heads, size] = [3, 7, 2, 5]
    const own = attends([n, t, heads, size], [0, 2, 1, 3])
    // What is left: that of the result, and of all gradients at once.
    expect(copies(own, [n, t, 3 * heads * size])).toBe(2)
    for (const batchFirst of [true, false]) {
      const layer = new nn.MultiheadAttention(heads * size, heads, { batchFirst })
      const self = (x: Tensor) => layer.forward(x, x, x, { needWeights: false })[0]
      const cross = (x: Tensor) => layer.forward(x, x.mul(2), x.mul(3), { needWeights: false })[0]
      // Those of the result and of three gradients, which are copied again into one.
      expect(copies(self, [n, t, heads * size]), `${batchFirst}`).toBe(7)
      // Weights and biases are parts of parameters, which are copied out.
      expect(copies(cross, [n, t, heads * size]), `${batchFirst}`).toBe(10)
    }
  })

  it('heads that attention writes where they are wanted', () => {
    const [n, t, heads, size] = [8, 7, 2, 5]
    const own = (axes: readonly number[]) => attends([n, t, heads, size], axes)
    expect(copies(own([0, 2, 1, 3]), [n, t, 3 * heads * size])).toBe(0)
    // Among each other's rows: the result and its gradient stay as they are.
    expect(copies(own([2, 0, 1, 3]), [n, t, 3 * heads * size])).toBe(1)
    // Parts of an array that is filled first, and a result that is changed before backward reads it.
    const ofFour = (x: Tensor) => {
      const parts = x.split(heads * size, 2).slice(0, 3)
      const [q, k, v] = parts.map((part) => part.reshape([n, t, heads, size]).transpose(1, 2))
      const y = nn.functional.scaledDotProductAttention(q, k, v)
      return y.transpose(1, 2).reshape([n, t, heads * size])
    }
    expect(copies(ofFour, [n, t, 4 * heads * size])).toBe(4)
    const changed = (x: Tensor) => {
      const y = own([0, 2, 1, 3])(x)
      const z = y.add(1)
      noGrad(() => y.copy_(z))
      return z
    }
    expect(copies(changed, [n, t, 3 * heads * size])).toBe(2)
    const twice = (x: Tensor) => own([0, 2, 1, 3])(x).add(own([0, 2, 1, 3])(x.mul(2)))
    expect(copies(twice, [n, t, 3 * heads * size])).toBe(0)
    // (Of six weights and biases parts are copied out of parameters.)
    for (const [batchFirst, ofSelf, ofCross] of [
      [true, 0, 6],
      [false, 7, 10],
    ] as const) {
      const layer = new nn.MultiheadAttention(heads * size, heads, { batchFirst })
      const self = (x: Tensor) => layer.forward(x, x, x, { needWeights: false })[0]
      const cross = (x: Tensor) => layer.forward(x, x.mul(2), x.mul(3), { needWeights: false })[0]
      const shape = batchFirst ? [n, t, heads * size] : [t, n, heads * size]
      expect(copies(self, shape), `${batchFirst}`).toBe(ofSelf)
      expect(copies(cross, shape), `${batchFirst}`).toBe(ofCross)
    }
  })

  it('parts that elementwise rows read and write', () => {
    const gated = (x: Tensor) => {
      const [a, b] = x.mul(2).split(2)
      return a.sigmoid().mul(b.add(1)).relu()
    }
    expect(both(gradient(gated), [4, 3, 2]).copies).toBe(4)
  })

  it('not where the array is changed before the part is read', () => {
    const step = (x: Tensor) => {
      const y = x.mul(2)
      const part = y.slice(0, 0, 2)
      y.copy_(x)
      return part.mul(y.slice(0, 0, 2))
    }
    expect(both((x) => noGrad(() => step(x)), [3, 4])).toMatchObject({ copies: 1 })
  })

  it('not where a part is read on, or what was filled is', () => {
    const padded = (x: Tensor) => {
      const y = x.mul(2)
      const z = nn.functional.pad(y, [0, 0, 1, 1])
      return z.slice(0, 0, 3).mul(y)
    }
    expect(both((x) => noGrad(() => padded(x)), [3, 4]).fills).toBe(0)
  })
})

describe('what a function computes twice it computes once', () => {
  for (const name of ['gelu', 'silu', 'mish'] as const) {
    it(name, () => {
      const layer = { gelu: nn.functional.gelu, silu: nn.functional.silu, mish: nn.functional.mish }[name]
      const found: string[] = []
      const net = (compiled: boolean) => {
        setRowFusion((recorded) => {
          fuseRecorded(recorded, 1 << 20)
          for (const row of recorded.rows) found.push(row.name)
        })
        return run({ parameters: [], forward: (x) => layer(x.add(1)) }, [3, 7, 11], compiled)
      }
      expect(bits(net(true))).toEqual(bits(net(false)))
      expect(found).toContain('unaryWithSlope')
      expect(found).not.toContain('unaryBackward')
    })
  }

  it('not where somebody else reads what it was computed from', () => {
    const found: string[] = []
    setRowFusion((recorded) => {
      fuseRecorded(recorded, 1 << 20)
      for (const row of recorded.rows) found.push(row.name)
    })
    const forward = (x: Tensor) => {
      const y = x.add(1)
      return nn.functional.gelu(y).mul(y)
    }
    run({ parameters: [], forward }, [3, 7, 11], true)
    expect(found).not.toContain('unaryWithSlope')
    expect(found).toContain('unaryBackward')
  })

  it('not where what it was computed from is the gradient of its result, too', () => {
    const of = (compiled: boolean) => {
      const scale = new nn.Parameter(tensor([2]))
      const step = (x: Tensor) => {
        scale.zeroGrad()
        const y = x.mul(scale)
        nn.functional.gelu(y).backward(y)
        return noGrad(() => (scale.grad ?? x).mul(1))
      }
      manualSeed(3)
      const x = randn([5, 7])
      const run = compiled ? compile(step) : step
      return Array.from({ length: STEPS }, () => bits([run(x).toFloat32Array()]))
    }
    expect(of(true)).toEqual(of(false))
  })

  it('not where it is computed again behind its gradient, and then read', () => {
    const of = (compiled: boolean) => {
      const scale = new nn.Parameter(tensor([2]))
      const step = (x: Tensor) => {
        scale.zeroGrad()
        const y = x.mul(scale)
        nn.functional.gelu(y).sum().backward()
        return noGrad(() =>
          nn.functional
            .gelu(y)
            .add(y.mul(3))
            .add(scale.grad ?? x),
        )
      }
      manualSeed(3)
      const x = randn([5, 7])
      const run = compiled ? compile(step) : step
      return Array.from({ length: STEPS }, () => bits([run(x).toFloat32Array()]))
    }
    expect(of(true)).toEqual(of(false))
  })
})
