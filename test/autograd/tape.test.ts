import {
  ArgumentError,
  AutogradError,
  arange,
  DisposedError,
  full,
  memory,
  nn,
  noGrad,
  ones,
  optim,
  randn,
  ShapeError,
  type Tensor,
  tensor,
} from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const leaf = (...values: number[]) => tensor(values, { requiresGrad: true })
const values = (x: Tensor | null) => (x ? [...x.toFloat32Array()] : null)

describe('gradients', () => {
  it('accumulate over backwards', () => {
    const x = leaf(1, 2, 3)
    x.mul(2).sum().backward()
    expect(values(x.grad)).toEqual([2, 2, 2])
    x.pow(2).sum().backward()
    expect(values(x.grad)).toEqual([4, 6, 8])
    x.zeroGrad()
    expect(x.grad).toBeNull()
    x.sum().backward()
    expect(values(x.grad)).toEqual([1, 1, 1])
  })

  it('add up where a tensor is used in two places', () => {
    const x = leaf(1, 2)
    const y = x.exp()
    y.mul(y).add(y).add(x).sum().backward()
    expectClose(
      x.grad ?? [],
      [1, 2].map((v) => 2 * Math.exp(2 * v) + Math.exp(v) + 1),
      { tolerance: 1e-6 },
    )
  })

  it('add up along a diamond of views and copies', () => {
    const x = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { requiresGrad: true },
    )
    const y = x.reshape([4])
    y.add(x.flatten())
      .add(x.transpose(0, 1).flatten())
      .mul(tensor([1, 10, 100, 1000]))
      .sum()
      .backward()
    expect(values(x.grad)).toEqual([3, 120, 210, 3000])
  })

  it('take the cotangent of a result that is no single number', () => {
    const x = leaf(1, 2, 3)
    x.mul(x).backward(tensor([1, 10, 100]))
    expect(values(x.grad)).toEqual([2, 40, 600])
  })

  it('leave the cotangent as it was', () => {
    const [x, cotangent] = [leaf(1, 2), tensor([3, 4])]
    x.add(0).backward(cotangent)
    x.add(0).backward(cotangent)
    expect(values(cotangent)).toEqual([3, 4])
    expect(values(x.grad)).toEqual([6, 8])
    x.grad?.fill_(0)
    expect(values(cotangent)).toEqual([3, 4])
  })

  it('of the leaf itself are the cotangent', () => {
    const x = leaf(5)
    x.backward()
    expect(values(x.grad)).toEqual([1])
  })

  it('reach only what requires them', () => {
    const [x, w] = [tensor([1, 2]), leaf(3, 4)]
    const y = x.mul(w)
    expect([x.requiresGrad, y.requiresGrad, x.exp().requiresGrad]).toEqual([false, true, false])
    y.sum().backward()
    expect(x.grad).toBeNull()
    expect(values(w.grad)).toEqual([1, 2])
  })

  it('of two inputs are separate tensors', () => {
    const [a, b] = [leaf(1, 2), leaf(3, 4)]
    a.add(b).sum().backward()
    a.grad?.fill_(7)
    expect(values(b.grad)).toEqual([1, 1])
  })

  it('can be given, in the shape of the tensor only', () => {
    const x = leaf(1, 2)
    x.grad = tensor([5, 6])
    x.sum().backward()
    expect(values(x.grad)).toEqual([6, 7])
    expect(() => {
      x.grad = tensor([1])
    }).toThrow(ShapeError)
  })

  it('given from a convolution (in another memory layout) are stepped with', () => {
    const w = new nn.Parameter(ones([3, 1, 2, 2]))
    w.grad = nn.functional.conv2d(arange(12).reshape([3, 1, 2, 2]), ones([1, 1, 1, 1]))
    new optim.SGD([w], { lr: 1 }).step()
    expect(values(w)).toEqual(Array.from({ length: 12 }, (_, i) => 1 - i))
  })

  it('run deep', () => {
    const x = leaf(1)
    let y: Tensor = x
    for (let i = 0; i < 5000; i++) y = y.add(1)
    y.backward()
    expect(values(x.grad)).toEqual([1])
  })
})

describe('what stays readable', () => {
  it('a gradient that was read, after zeroGrad and later steps', () => {
    const x = leaf(1, 2)
    x.mul(3).sum().backward()
    const kept = x.grad
    x.zeroGrad()
    for (let step = 0; step < 5; step++) {
      x.mul(5).sum().backward()
      x.zeroGrad()
    }
    expect(values(kept)).toEqual([3, 3])
    expect(x.grad).toBeNull()
  })

  it('a gradient that was read and detached, while the next one is added', () => {
    const x = leaf(1, 2)
    x.mul(3).sum().backward()
    const kept = x.grad
    const detached = kept?.detach() ?? null
    x.mul(5).sum().backward()
    expect(values(x.grad)).toEqual([8, 8])
    expect(values(detached)).toEqual([3, 3])
    expect(values(kept)).toEqual([3, 3])
  })

  it('logits, losses and inputs, many steps after', () => {
    const net = new nn.Sequential(new nn.Linear(7, 5), new nn.ReLU(), new nn.Linear(5, 3))
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
    const kept: { x: Tensor; logits: Tensor; loss: Tensor; before: number[][] }[] = []
    for (let step = 0; step < 50; step++) {
      const x = randn([4, 7])
      const logits = net.forward(x)
      const loss = nn.functional.crossEntropy(logits, [0, 1, 2, 0])
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      kept.push({ x, logits, loss, before: [x, logits, loss].map((t) => [...t.toFloat32Array()]) })
    }
    for (const { x, logits, loss, before } of kept) expect([x, logits, loss].map(values)).toEqual(before)
    // And usable: they move back in.
    expect(kept[0].logits.sum().item()).toBeCloseTo(
      kept[0].before[1].reduce((a, b) => a + b),
      4,
    )
  })

  it('what a module or a loss of the user kept, in a Sequential too', () => {
    const seen: Tensor[] = []
    class Watching extends nn.ReLU {
      override forward(x: Tensor): Tensor {
        const y = super.forward(x)
        seen.push(x, y)
        return y
      }
    }
    const net = new nn.Sequential(new nn.Linear(3, 4), new Watching(), new nn.Linear(4, 2))
    net
      .forward(randn([2, 3]))
      .sum()
      .backward()
    noGrad(() => net.forward(randn([2, 3])))
    expect(seen.map((x) => x.toFloat32Array().length)).toEqual([8, 8, 8, 8])
  })
})

describe('backward throws', () => {
  it('the second time', () => {
    const loss = leaf(1, 2).exp().sum()
    loss.backward()
    expect(() => loss.backward()).toThrow(AutogradError)
    expect(() => loss.backward()).toThrow(/used already/)
  })

  it('where a part of the graph was used already', () => {
    const y = leaf(1, 2).exp()
    y.sum().backward()
    expect(() => y.mul(2).sum().backward()).toThrow(AutogradError)
  })

  it('where there is no graph', () => {
    expect(() => tensor([1]).backward()).toThrow(AutogradError)
    const x = leaf(1)
    expect(() => noGrad(() => x.mul(2)).backward()).toThrow(AutogradError)
    expect(() => x.mul(2).detach().backward()).toThrow(AutogradError)
  })

  it('where a result of several numbers comes without a cotangent, or with a wrong one', () => {
    expect(() => leaf(1, 2).mul(2).backward()).toThrow(ShapeError)
    expect(() => leaf(1, 2).mul(2).backward()).toThrow(/shape \[2\] needs a cotangent/)
    expect(() =>
      leaf(1, 2)
        .mul(2)
        .backward(tensor([1])),
    ).toThrow(/expected a cotangent of shape \[2\], got \[1\]/)
  })

  it('where an input was changed in place after the forward', () => {
    const [x, w] = [leaf(1, 2), leaf(3, 4)]
    const loss = x.mul(w).sum()
    w.copy_(tensor([5, 6]))
    expect(() => loss.backward()).toThrow(AutogradError)
    expect(() => loss.backward()).toThrow(/input 1 of 'mul' \(shape \[2\]\) was changed in place/)
    expect(x.grad).toBeNull()
  })

  it('where a view of an input was changed', () => {
    const x = leaf(1, 2)
    const loss = x.mul(x).sum()
    x.detach()
      .reshape([2, 1])
      .copy_(tensor([[5], [6]]))
    expect(() => loss.backward()).toThrow(AutogradError)
  })

  it('where a result was changed that its own backward needs', () => {
    const x = leaf(1, 2)
    const y = x.exp()
    const loss = y.mul(2).sum()
    y.copy_(tensor([0, 0]))
    expect(() => loss.backward()).toThrow(AutogradError)
    const z = x.exp()
    z.copy_(tensor([0, 0]))
    expect(() => z.sum().backward()).toThrow(/result of 'exp'/)
  })

  it('where labels were changed', () => {
    const labels = tensor([0, 1])
    const loss = nn.functional.crossEntropy(
      tensor(
        [
          [1, 2],
          [3, 4],
        ],
        { requiresGrad: true },
      ),
      labels,
    )
    labels.copy_(tensor([1, 0]))
    expect(() => loss.backward()).toThrow(AutogradError)
  })

  it('where an optimizer stepped in between', () => {
    const net = new nn.Sequential(new nn.Linear(3, 3), new nn.Linear(3, 2))
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
    const first = net.forward(randn([2, 3]))
    net
      .forward(randn([2, 3]))
      .sum()
      .backward()
    optimizer.step()
    expect(() => first.sum().backward()).toThrow(AutogradError)
    expect(() => first.sum().backward()).toThrow(/changed in place after the forward/)
  })

  it('only where it is read: not for a weight whose input has no gradient', () => {
    const net = new nn.Linear(3, 2)
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
    const [x, y] = [ones([2, 3]), net.forward(ones([2, 3]))]
    net.forward(x).sum().backward()
    optimizer.step()
    optimizer.zeroGrad()
    y.sum().backward()
    expect(values(net.bias?.grad ?? null)).toEqual([2, 2])
  })

  it.each(['SGD', 'Adam', 'AdamW'] as const)('where %s stepped in between', (kind) => {
    const w = leaf(1, 2)
    const optimizer = new optim[kind]([w])
    const loss = w.mul(w).sum()
    w.sum().backward()
    optimizer.step()
    expect(() => loss.backward()).toThrow(AutogradError)
  })
})

describe('noGrad', () => {
  it('records nothing and gives the result', () => {
    const x = leaf(1, 2)
    const y = noGrad(() => x.mul(2))
    expect(y.requiresGrad).toBe(false)
    expect(values(y)).toEqual([2, 4])
    expect(x.mul(2).requiresGrad).toBe(true)
  })

  it('nests, and ends where the function throws', () => {
    const x = leaf(1)
    noGrad(() => {
      noGrad(() => x.mul(2))
      expect(x.mul(2).requiresGrad).toBe(false)
    })
    expect(() =>
      noGrad(() => {
        throw new RangeError('mine')
      }),
    ).toThrow(RangeError)
    expect(x.mul(2).requiresGrad).toBe(true)
  })

  it('refuses an asynchronous function', () => {
    const x = leaf(1)
    expect(() => noGrad(async () => x.mul(2))).toThrow(ArgumentError)
    expect(() => noGrad(() => Promise.resolve(1))).toThrow(/asynchronous/)
    expect(x.mul(2).requiresGrad).toBe(true)
  })

  it('in the midst of a forward leaves the graph usable', () => {
    const x = leaf(1, 2)
    const y = x.exp()
    for (let i = 0; i < 10; i++) noGrad(() => y.sum().item())
    y.sum().backward()
    expectClose(x.grad ?? [], [Math.E, Math.E ** 2], { tolerance: 1e-6 })
  })
})

describe('detach', () => {
  it('cuts the graph and shares the memory', () => {
    const x = leaf(1, 2)
    const y = x.mul(2)
    const cut = y.detach()
    expect([cut.requiresGrad, cut.grad]).toEqual([false, null])
    cut.mul(y).sum().backward()
    expect(values(x.grad)).toEqual([4, 8])
    cut.copy_(tensor([9, 9]))
    expect(values(y)).toEqual([9, 9])
  })
})

describe('dispose', () => {
  it.each<[string, (x: Tensor) => unknown]>([
    ['toArray', (x) => x.toArray()],
    ['toFloat32Array', (x) => x.toFloat32Array()],
    ['item', (x) => x.sum().item()],
    ['an operation', (x) => x.add(1)],
    ['a view', (x) => x.reshape([2, 1])],
    ['detach', (x) => x.detach()],
    ['copy_', (x) => x.copy_(ones([2]))],
    ['copy_ from it', (x) => ones([2]).copy_(x)],
    ['fill_', (x) => x.fill_(1)],
    ['the second operand', (x) => ones([2]).mul(x)],
  ])('then %s throws', (_, use) => {
    const x = tensor([1, 2])
    x.dispose()
    expect(() => use(x)).toThrow(DisposedError)
  })

  it('throws although another tensor still has the memory, which is as it was', () => {
    const x = tensor([1, 2])
    const other = x.detach()
    x.dispose()
    x.dispose()
    expect(() => x.toArray()).toThrow(DisposedError)
    expect(values(other)).toEqual([1, 2])
  })

  it('of what backward needs throws in backward, before any gradient is given', () => {
    const [x, w] = [leaf(1, 2), leaf(3, 4)]
    const product = x.mul(w)
    const loss = product.exp().sum()
    x.dispose()
    expect(() => loss.backward()).toThrow(DisposedError)
    expect(w.grad).toBeNull()
  })

  it('gives the memory back', () => {
    const before = memory()
    const x = full([1000], 1)
    expect(memory().liveBytes).toBe(before.liveBytes + 4000)
    expect(memory().liveTensors).toBe(before.liveTensors + 1)
    x.dispose()
    expect(memory()).toMatchObject({ liveBytes: before.liveBytes, liveTensors: before.liveTensors })
  })

  it('is what `using` calls', () => {
    const x = tensor([1])
    x[Symbol.dispose]()
    expect(() => x.item()).toThrow(DisposedError)
  })
})
