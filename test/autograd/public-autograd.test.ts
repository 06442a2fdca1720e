/** retainGraph, autograd.grad, autograd.Function and autograd.gradcheck. */
import {
  ArgumentError,
  AutogradError,
  autograd,
  cat,
  manualSeed,
  memory,
  nn,
  noGrad,
  ones,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from 'simdgrad'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(5))

const leaf = (...values: number[]) => tensor(values, { requiresGrad: true })
const values = (x: Tensor | null | undefined) => (x ? [...x.toFloat32Array()] : null)

class Cube extends autograd.Function {
  static forward(context: autograd.FunctionContext, x: Tensor): Tensor {
    context.saveForBackward(x)
    return x.pow(3)
  }

  static backward(context: autograd.FunctionContext, dy: Tensor): Tensor {
    const [x] = context.savedTensors
    return dy.mul(x.pow(2).mul(3))
  }
}

describe('retainGraph', () => {
  it('lets backward run again, and the last one frees', () => {
    const x = leaf(1, 2, 3)
    const y = x.exp().mul(x).sum()
    y.backward(undefined, { retainGraph: true })
    const once = values(x.grad)
    y.backward(undefined, { retainGraph: true })
    expect(values(x.grad)).toEqual(once?.map((value) => 2 * value))
    x.zeroGrad()
    y.backward()
    expect(values(x.grad)).toEqual(once)
    expect(() => y.backward()).toThrow(/was used already/)
  })

  it('gives the same twice for a net with every layer', () => {
    const net = new nn.Sequential(
      new nn.Conv2d(1, 3, 3, { padding: 1 }),
      new nn.BatchNorm2d(3),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.AvgPool2d(2),
      new nn.Dropout(0.5),
      new nn.Flatten(),
      new nn.LayerNorm(12),
      new nn.GELU(),
      new nn.Linear(12, 4),
    )
    const loss = new nn.CrossEntropyLoss().forward(net.forward(randn([5, 1, 8, 8])), [0, 1, 2, 3, 0])
    loss.backward(undefined, { retainGraph: true })
    const once = net.parameters().map(({ grad }) => values(grad))
    net.zeroGrad()
    loss.backward(undefined, { retainGraph: true })
    expect(net.parameters().map(({ grad }) => values(grad))).toEqual(once)
  })

  it('serves two losses with a common part', () => {
    const x = leaf(2)
    const common = x.mul(x)
    const [a, b] = [common.mul(3).sum(), common.exp().sum()]
    a.backward(undefined, { retainGraph: true })
    b.backward()
    expect(x.grad?.item()).toBeCloseTo(12 + 4 * Math.exp(4), 3)
  })

  it('still sees what was changed in place', () => {
    const x = leaf(1, 2)
    const y = x.mul(x).sum()
    y.backward(undefined, { retainGraph: true })
    noGrad(() => x.fill_(3))
    expect(() => y.backward()).toThrow(/changed in place/)
  })

  it('is an option that must be true or false', () => {
    const y = leaf(1).mul(2)
    expect(() => y.backward(undefined, { retainGraph: 1 as never })).toThrow(ArgumentError)
    expect(() => y.backward(undefined, { retain_graph: true } as never)).toThrow(/backward.*retainGraph/)
    y.backward()
  })
})

describe('autograd.grad', () => {
  it('gives the gradients, and leaves grad alone', () => {
    const [x, w] = [leaf(1, 2), leaf(3, 4)]
    const [dx, dw] = autograd.grad(x.mul(w).sum(), [x, w])
    expect([values(dx), values(dw)]).toEqual([
      [3, 4],
      [1, 2],
    ])
    expect([x.grad, w.grad]).toEqual([null, null])
    const [again] = autograd.grad(x.mul(w), x, { gradOutputs: tensor([10, 100]) })
    expect(values(again)).toEqual([30, 400])
  })

  it('of several outputs adds up', () => {
    const x = leaf(1, 2)
    const [dx] = autograd.grad([x.sum(), x.mul(x)], x, { gradOutputs: [null, ones([2])] })
    expect(values(dx)).toEqual([3, 5])
  })

  it('reaches into the midst of a graph, also in lanes', () => {
    const conv = new nn.Conv2d(1, 2, 3)
    const x = randn([5, 1, 6, 6])
    const hidden = conv.forward(x).relu()
    const y = hidden.mul(hidden).sum()
    const [dh, dw] = autograd.grad(y, [hidden, conv.weight], { retainGraph: true })
    expect(dh.shape).toEqual(hidden.shape)
    expect(values(dh)).toEqual(values(hidden.mul(2)))
    y.backward()
    expect(values(conv.weight.grad)).toEqual(values(dw))
  })

  it('may name an input twice, or an output itself', () => {
    const x = leaf(1, 2)
    const y = x.mul(3).sum()
    const [a, b, c] = autograd.grad(y, [x, x, y])
    expect([values(a), values(b), values(c)]).toEqual([[3, 3], [3, 3], [1]])
    a.fill_(0)
  })

  it('says where no output depends on an input, or gives null', () => {
    const [x, other] = [leaf(1), leaf(2)]
    expect(() => autograd.grad(x.mul(2), [x, other])).toThrow(AutogradError)
    expect(() => autograd.grad(x.mul(2), [x, other])).toThrow(/input 1.*allowUnused/)
    const [dx, none] = autograd.grad(x.mul(2), [x, other], { allowUnused: true })
    expect([values(dx), none]).toEqual([[2], null])
  })

  it.each<[string, () => unknown, RegExp]>([
    ['no tensor', () => autograd.grad(3 as never, leaf(1)), /grad: the outputs.*got 3/],
    ['no inputs', () => autograd.grad(leaf(1).mul(2), []), /grad: the inputs.*none/],
    [
      'too few gradients',
      () => autograd.grad([leaf(1), leaf(1)], leaf(1), { gradOutputs: [null] }),
      /2 outputs, got 1/,
    ],
    [
      'an unknown option',
      () => autograd.grad(leaf(1), leaf(1), { createGraph: true } as never),
      /retainGraph/,
    ],
    ['a frozen input', () => autograd.grad(leaf(1).mul(2), ones([1])), /does not require/],
    ['a frozen output', () => autograd.grad(ones([1]), leaf(1)), /grad: this tensor depends on nothing/],
    ['a large output', () => autograd.grad(leaf(1, 2).mul(2), leaf(1)), /grad:.*cotangent/],
  ])('refuses %s', (_, act, message) => {
    expect(act).toThrow(message)
  })
})

describe('autograd.Function', () => {
  it('runs forward, and backward for the gradient', () => {
    const x = leaf(1, 2, -3)
    const y = Cube.apply(x)
    expect(values(y)).toEqual([1, 8, -27])
    expect(y.requiresGrad).toBe(true)
    y.mul(2).sum().backward()
    expect(values(x.grad)).toEqual([6, 24, 54])
    expect(autograd.gradcheck((z) => Cube.apply(z), leaf(1, 0.5))).toBe(true)
  })

  it('takes what is no tensor, tells which gradients are asked for, and null is none', () => {
    const asked: (readonly boolean[])[] = []
    class Scale extends autograd.Function {
      static forward(context: autograd.FunctionContext, x: Tensor, by: number, w: Tensor): Tensor {
        context.saveForBackward(w)
        context.by = by
        return x.mul(by).mul(w)
      }

      static backward(context: autograd.FunctionContext, dy: Tensor) {
        asked.push(context.needsInputGrad)
        const [w] = context.savedTensors
        return [dy.mul(w).mul(context.by as number), null, null]
      }
    }
    const [x, w] = [leaf(1, 2), tensor([3, 4])]
    Scale.apply(x, 10, w).sum().backward()
    expect(values(x.grad)).toEqual([30, 40])
    const trained = leaf(3, 4)
    Scale.apply(tensor([1, 2]), 10, trained)
      .sum()
      .backward()
    expect(trained.grad).toBeNull()
    expect(asked).toEqual([
      [true, false, false],
      [false, false, true],
    ])
  })

  it('is not recorded in noGrad, or without what requires a gradient', () => {
    const x = leaf(1, 2)
    expect(noGrad(() => Cube.apply(x)).requiresGrad).toBe(false)
    expect(Cube.apply(tensor([2])).requiresGrad).toBe(false)
  })

  it('gives several outputs, of which some may go unused', () => {
    class SinCos extends autograd.Function {
      static forward(context: autograd.FunctionContext, x: Tensor): [Tensor, Tensor] {
        context.saveForBackward(x)
        return [x.mul(x), x.sum()]
      }

      static backward(context: autograd.FunctionContext, dsquare: Tensor, dsum: Tensor): Tensor {
        expect([dsquare.shape, dsum.shape]).toEqual([[2, 2], []])
        const [x] = context.savedTensors
        return dsquare.mul(x).mul(2).add(dsum)
      }
    }
    const x = tensor([1, 2, 3, 4], { shape: [2, 2], requiresGrad: true })
    const [square, sum] = SinCos.apply(x)
    expect([square.shape, sum.shape]).toEqual([[2, 2], []])
    square.sum().add(sum.mul(10)).backward()
    expect(values(x.grad)).toEqual([12, 14, 16, 18])
    x.zeroGrad()
    SinCos.apply(x)[0].sum().backward()
    expect(values(x.grad)).toEqual([2, 4, 6, 8])
  })

  it('works among layers, with inputs in lanes, and in a training step', () => {
    class Reverse extends autograd.Function {
      static forward(_: autograd.FunctionContext, x: Tensor): Tensor {
        return x
      }

      static backward(_: autograd.FunctionContext, dy: Tensor): Tensor {
        return dy.neg()
      }
    }
    class Layer extends nn.Module {
      override forward(x: Tensor): Tensor {
        return Reverse.apply(x)
      }
    }
    const conv = new nn.Conv2d(1, 2, 3)
    const x = randn([5, 1, 5, 5])
    const run = (net: nn.Module) => {
      conv.zeroGrad()
      net.forward(x).pow(2).sum().backward()
      return values(conv.weight.grad)
    }
    const plain = run(new nn.Sequential(conv, new nn.ReLU()))
    expect(run(new nn.Sequential(conv, new Layer(), new nn.ReLU()))).toEqual(plain?.map((value) => -value))
  })

  it('lets the saved go after backward, and knows of changes in place', () => {
    const x = leaf(1, 2)
    const y = Cube.apply(x)
    noGrad(() => x.fill_(5))
    expect(() => y.sum().backward()).toThrow(AutogradError)
    expect(() => Cube.apply(x).mul(Cube.apply(x)).sum().backward()).not.toThrow()
    const contexts: autograd.FunctionContext[] = []
    class Seen extends Cube {
      static override backward(context: autograd.FunctionContext, dy: Tensor): Tensor {
        contexts.push(context)
        return Cube.backward(context, dy)
      }
    }
    const twice = Seen.apply(x).sum()
    twice.backward(undefined, { retainGraph: true })
    expect(contexts[0].savedTensors).toHaveLength(1)
    twice.backward()
    expect(contexts[0].savedTensors).toHaveLength(0)
    expect(() => twice.backward()).toThrow(/was used already/)
  })

  it('changes no grad where backward throws', () => {
    class Fails extends Cube {
      static override backward(): Tensor {
        throw new RangeError('mine')
      }
    }
    const x = leaf(1)
    const y = Fails.apply(x).add(x.mul(2)).sum()
    expect(() => y.backward()).toThrow(RangeError)
    expect(x.grad).toBeNull()
  })

  it('does not grow', () => {
    const x = leaf(1, 2, 3)
    const step = () => {
      Cube.apply(x).sum().backward()
      x.zeroGrad()
    }
    for (let i = 0; i < 20; i++) step()
    const before = memory().liveBytes
    for (let i = 0; i < 50; i++) step()
    expect(memory().liveBytes).toBeLessThanOrEqual(before + 200)
  })

  const broken = (forward: unknown, backward: unknown) =>
    Object.assign(class Broken extends autograd.Function {}, { forward, backward }) as unknown as typeof Cube
  const same = (_: unknown, x: Tensor) => x.mul(1)

  it.each<[string, unknown, unknown, new (...args: never[]) => Error, RegExp]>([
    ['no forward', undefined, same, ArgumentError, /Broken.*static forward/],
    ['no backward', same, undefined, ArgumentError, /Broken.*static backward/],
    ['a forward of no tensor', () => 3, same, ArgumentError, /Broken: forward gives 3/],
    ['a forward of nothing at all', () => [], same, ArgumentError, /Broken: forward gives no tensor/],
    [
      'a forward that is asynchronous',
      async () => ones([1]),
      same,
      ArgumentError,
      /Broken: forward gives a Promise/,
    ],
    ['a gradient of another shape', same, () => ones([3]), ShapeError, /Broken.*\[3\] for input 0.*\[2\]/],
    [
      'too many gradients',
      same,
      () => [ones([2]), null],
      AutogradError,
      /Broken: backward gives 2 gradients, expected 1/,
    ],
    ['a gradient that is none', same, () => 1, ArgumentError, /Broken: backward gives 1 as the gradient/],
    [
      'what is saved and no tensor',
      (context: autograd.FunctionContext, x: Tensor) => {
        context.saveForBackward(3 as never)
        return x
      },
      same,
      ArgumentError,
      /Broken: saveForBackward takes tensors, got 3/,
    ],
  ])('refuses %s', (_, forward, backward, error, message) => {
    const run = () => broken(forward, backward).apply(leaf(1, 2)).sum().backward()
    expect(run).toThrow(error)
    expect(run).toThrow(message)
  })
})

describe('autograd.gradcheck', () => {
  it('finds good gradients good', () => {
    const [a, b] = [randn([2, 3]), randn([3, 2])]
    a.requiresGrad = true
    b.requiresGrad = true
    const before = [values(a), values(b)]
    expect(autograd.gradcheck((x, y) => x.matmul(y).tanh(), [a, b])).toBe(true)
    expect(autograd.gradcheck((x) => [x.exp(), x.sum(), ones([2])], a)).toBe(true)
    expect([values(a), values(b)]).toEqual(before)
    expect([a.grad, b.grad]).toEqual([null, null])
  })

  it('checks a net by its parameters', () => {
    const net = new nn.Sequential(new nn.Linear(3, 4), new nn.GELU(), new nn.Linear(4, 2))
    const x = randn([5, 3])
    expect(autograd.gradcheck(() => net.forward(x), net.parameters())).toBe(true)
  })

  it('says which gradient is off, and by how much', () => {
    class Wrong extends Cube {
      static override backward(context: autograd.FunctionContext, dy: Tensor): Tensor {
        const [x] = context.savedTensors
        const [first, rest] = [x.slice(0, 0, 1), x.slice(0, 1)]
        return dy.mul(cat([first.pow(2).mul(3), rest.pow(2).mul(3.2)], 0))
      }
    }
    const x = tensor([1, 1, 1, 1], { shape: [2, 2], requiresGrad: true })
    expect(() => autograd.gradcheck((z) => Wrong.apply(z), x)).toThrow(AutogradError)
    expect(() => autograd.gradcheck((z) => Wrong.apply(z), x)).toThrow(
      /gradient of input 0 \(shape \[2,2\]\) at \[1, 0\] is .* finite differences give .*; 2 of 4 elements/,
    )
    expect(autograd.gradcheck((z) => Wrong.apply(z), x, { raiseException: false })).toBe(false)
  })

  it('sees a gradient that is missing', () => {
    class Forgets extends autograd.Function {
      static forward(_: autograd.FunctionContext, x: Tensor): Tensor {
        return x.mul(2)
      }

      static backward(): null {
        return null
      }
    }
    expect(() => autograd.gradcheck((x) => Forgets.apply(x), leaf(1))).toThrow(/is 0, but/)
  })

  it.each<[string, () => unknown, RegExp]>([
    ['no function', () => autograd.gradcheck(3 as never, leaf(1)), /expected a function/],
    ['no tensor', () => autograd.gradcheck((x) => x, [[1]] as never), /input 0 is a tensor/],
    ['nothing to check', () => autograd.gradcheck((x) => x.mul(2), ones([1])), /no input requires/],
    ['a result', () => autograd.gradcheck((x) => x.mul(2), leaf(1).mul(2)), /result/],
    [
      'chance',
      () => autograd.gradcheck((x) => nn.functional.dropout(x.mul(1)), leaf(...new Array(50).fill(1))),
      /each time/,
    ],
    ['a function of no tensor', () => autograd.gradcheck(() => 3 as never, leaf(1)), /got 3/],
    [
      'an unknown option',
      () => autograd.gradcheck((x) => x, leaf(1), { nondetTol: 1 } as never),
      /raiseException/,
    ],
    ['what depends on nothing', () => autograd.gradcheck(() => zeros([1]), leaf(1)), /depends on no input/],
  ])('refuses %s', (_, act, message) => {
    expect(act).toThrow(message)
    expect(act).toThrow(/gradcheck/)
  })
})
