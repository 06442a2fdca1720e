/** Gradients of parts of a tensor: they come together in one, wherever they lie, and whatever else comes. */
import { compile, nn, randn, stack, type Tensor, tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

/** A part of x, as the indices into its values. */
interface Case {
  name: string
  part(x: Tensor): Tensor
}

const cases: Case[] = [
  { name: 'left', part: (x) => x.slice(1, 0, 2) },
  { name: 'middle', part: (x) => x.slice(1, 2, 3) },
  { name: 'right', part: (x) => x.slice(1, 3, 6) },
  { name: 'overlapping', part: (x) => x.slice(1, 1, 5) },
  { name: 'empty', part: (x) => x.slice(1, 3, 3) },
  { name: 'of another dimension', part: (x) => x.slice(0, 1, 3) },
  { name: 'all', part: (x) => x.mul(1) },
  { name: 'at a column', part: (x) => x.at(null, 2) },
  { name: 'at a row, from behind', part: (x) => x.at(-1) },
  { name: 'every second column', part: (x) => x.at('0:5, ::2') },
  { name: 'the other columns', part: (x) => x.at('0:5, 1::2') },
  { name: 'turned round', part: (x) => x.at('::-1, 3:0:-1') },
  { name: 'one value', part: (x) => x.at(2, 3) },
]

/** The gradient of the sum of parts times cotangents, and what it should be: each alone, added up here. */
function compare(chosen: readonly Case[], make: (shape: number[]) => Tensor) {
  const x = make([5, 6])
  x.requiresGrad = true
  const cotangents = chosen.map(({ part }) => randn(part(x).shape))
  const want = new Float64Array(30)
  for (const [i, { part }] of chosen.entries()) {
    const alone = tensor(x.detach().toFloat32Array(), { shape: [5, 6], requiresGrad: true })
    part(alone).mul(cotangents[i]).sum().backward()
    for (const [k, v] of (alone.grad?.toFloat32Array() ?? []).entries()) want[k] += v
  }
  // Of a leaf, and of a result.
  for (const of of [x, x.mul(1)]) {
    x.grad = null
    let sum = tensor(0)
    for (const [i, { part }] of chosen.entries()) sum = sum.add(part(of).mul(cotangents[i]).sum())
    sum.backward()
    expectClose(x.grad ?? [], want, { tolerance: 1e-6 })
  }
}

describe('the gradients of parts', () => {
  it('of each two, in both orders', () => {
    for (const a of cases) for (const b of cases) compare([a, b], randn)
  })

  it('of all, forwards and backwards', () => {
    compare(cases, randn)
    compare(cases.toReversed(), randn)
  })

  it('of channels, in lanes', () => {
    const conv = new nn.Conv2d(2, 6, 3, { padding: 1 })
    const weight = () => conv.weight.grad?.toFloat32Array() ?? []
    const images = randn([3, 2, 4, 5])
    const run = (take: (y: Tensor) => Tensor[]) => {
      conv.zeroGrad()
      const y = conv.forward(images)
      let sum = tensor(0)
      for (const [i, part] of take(y).entries())
        sum = sum.add(
          part
            .exp()
            .mul(i + 1)
            .sum(),
        )
      sum.backward()
      return weight()
    }
    const channel = (y: Tensor, c: number) => y.permute([1, 0, 2, 3]).at(c)
    const alone = run((y) => [0, 1, 2, 3, 4, 5].map((c) => channel(y, c)))
    const cut = run((y) => [0, 1, 2, 3, 4, 5].map((c) => y.slice(1, c, c + 1)))
    expectClose(cut, alone, { tolerance: 1e-4 })
  })

  it('of a walk over time, by hand, eagerly and compiled', () => {
    const w = randn([4, 4])
    w.requiresGrad = true
    const step = (x: Tensor) => {
      const inner = x.matmul(w)
      const states: Tensor[] = []
      let h = inner.at(null, 0)
      for (let t = 1; t < 7; t++) {
        h = h.mul(0.5).add(inner.at(null, t)).tanh()
        states.push(h)
      }
      return stack(states).sum()
    }
    const compiled = compile((x: Tensor) => {
      const loss = step(x)
      loss.backward()
      return loss
    })
    for (let round = 0; round < 4; round++) {
      const x = randn([3, 7, 4])
      w.grad = null
      step(x).backward()
      const eager = w.grad as Tensor | null
      w.grad = null
      compiled(x)
      expect((w.grad as Tensor | null)?.toFloat32Array()).toEqual(eager?.toFloat32Array())
    }
  })

  it('stay a second time, where the graph is retained', () => {
    const x = randn([5, 6])
    x.requiresGrad = true
    const y = x.mul(2)
    const sum = y
      .slice(1, 0, 3)
      .sum()
      .add(y.slice(1, 3, 6).mul(3).sum())
    sum.backward(undefined, { retainGraph: true })
    const once = x.grad?.toFloat32Array() ?? []
    sum.backward()
    expect(x.grad?.toFloat32Array()).toEqual(once.map((v) => 2 * v))
    expect([...once.slice(0, 6)]).toEqual([2, 2, 2, 6, 6, 6])
  })
})
