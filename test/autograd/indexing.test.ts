/** What is picked, rearranged and scanned, as one knows it by heart; PyTorch's answers are in operations.test.ts. */
import {
  ArgumentError,
  AutogradError,
  arange,
  cat,
  einsum,
  full,
  manualSeed,
  nn,
  noGrad,
  ones,
  randn,
  ShapeError,
  stack,
  type Tensor,
  tensor,
  zeros,
} from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const values = (x: Tensor) => [...x.toFloat32Array()]
const leaf = (x: Tensor) => {
  x.requiresGrad = true
  return x
}

describe('at', () => {
  const x = () => arange(24).reshape([2, 3, 4])

  it('drops the dimension of a number, which may count from the end', () => {
    expect(x().at(1).shape).toEqual([3, 4])
    expect(x().at(1, 2, 3).item()).toBe(23)
    expect(x().at(-1, -3, -4).item()).toBe(12)
  })

  it('takes ranges with steps, backwards too', () => {
    expect(x().at(0, 0, [1, 3]).toArray()).toEqual([1, 2])
    expect(x().at(0, 0, [null, null, 2]).toArray()).toEqual([0, 2])
    expect(x().at(0, 0, [null, null, -1]).toArray()).toEqual([3, 2, 1, 0])
    expect(x().at(0, [2, 0, -1], 0).toArray()).toEqual([8, 4])
    expect(x().at(0, [5, 9]).shape).toEqual([0, 4])
    expect(x().at(0, [], 1).toArray()).toEqual([1, 5, 9])
  })

  it('takes what is missing whole, and new dimensions', () => {
    expect(x().at(null, 1).shape).toEqual([2, 4])
    expect(x().at(undefined, undefined, 0).shape).toEqual([2, 3])
    expect(x().at('...', 0).shape).toEqual([2, 3])
    expect(x().at('newaxis', '...', 'newaxis').shape).toEqual([1, 2, 3, 4, 1])
    expect(x().at().toArray()).toEqual(x().toArray())
  })

  it('reads text as Python does', () => {
    const y = x()
    expect(y.at('0, 1:3, ::-1').toArray()).toEqual(y.at(0, [1, 3], [null, null, -1]).toArray())
    expect(y.at('..., -1').toArray()).toEqual(y.at('...', -1).toArray())
    expect(y.at(1, ' : , None,::2').toArray()).toEqual(y.at(1, null, 'newaxis', [null, null, 2]).toArray())
  })

  it('is a copy with a gradient where it was taken', () => {
    const y = leaf(x())
    const part = y.at('0, ::-2, 1:')
    part.backward(arange(6).add(1).reshape([2, 3]))
    expect(y.grad?.at(0).toArray()).toEqual([
      [0, 4, 5, 6],
      [0, 0, 0, 0],
      [0, 1, 2, 3],
    ])
    expect(values(y.grad?.at(1) ?? ones([1])).every((g) => g === 0)).toBe(true)
  })

  it('says which number is out of range', () => {
    expect(() => x().at(0, 3)).toThrow(
      'at: index 3 is out of range for dimension 1, which has 3 (shape [2,3,4])',
    )
    expect(() => x().at(0, 0, 0, 0)).toThrow(ShapeError)
  })
})

describe('picking by index', () => {
  it('gathers, and adds back where it was picked', () => {
    const x = leaf(
      tensor([
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
    )
    const index = tensor([[1], [1], [0]])
    const y = x.gather(1, index)
    expect(y.toArray()).toEqual([[2], [4], [5]])
    y.backward(tensor([[10], [20], [30]]))
    expect(x.grad?.toArray()).toEqual([
      [0, 10],
      [0, 20],
      [30, 0],
    ])
    expect(
      zeros([3])
        .scatterAdd(0, tensor([2, 0, 2]), tensor([1, 2, 3]))
        .toArray(),
    ).toEqual([2, 0, 4])
  })

  it('says which index is wrong, before anything is computed', () => {
    expect(() => ones([2, 3]).gather(1, tensor([[0, 3]]))).toThrow(
      'gather: index [0,1] is 3, expected a whole number from 0 to 2 (dimension 1)',
    )
    expect(() => ones([2, 3]).indexSelect(0, [0, 1, 2])).toThrow(
      'indexSelect: index 2 is 2, expected a whole number from 0 to 1 (dimension 0 of [2,3])',
    )
    expect(() => ones([0, 3]).indexSelect(0, [0])).toThrow('there is nothing to pick from')
    expect(() => ones([2]).indexSelect(0, [Number.NaN])).toThrow(ArgumentError)
  })

  it('refuses a backward through an index that was changed since', () => {
    const index = tensor([0, 1])
    const y = leaf(ones([3]))
      .indexSelect(0, index)
      .sum()
    index.fill_(0)
    expect(() => y.backward()).toThrow(AutogradError)
  })

  it('takes an index that is another list than the indices of a list', () => {
    expect(
      arange(5)
        .indexSelect(0, new Uint8Array([4, 4, 0]))
        .toArray(),
    ).toEqual([4, 4, 0])
  })

  it('has the gradient of a row that is picked very often', () => {
    const x = leaf(zeros([2, 3]))
    x.indexSelect(0, new Float32Array(100_000)).mul(0.1).sum().backward()
    for (const g of values(x.grad?.at(0) ?? ones([1]))) expect(Math.abs(g - 10_000)).toBeLessThan(0.02)
    expect(x.grad?.at(1).toArray()).toEqual([0, 0, 0])
  })
})

describe('sorting', () => {
  const x = () => tensor([3, 1, Number.NaN, 2, 1, -0, 0, Number.NEGATIVE_INFINITY])

  it('is stable, with NaN as the largest', () => {
    expect(x().sort().indices.toArray()).toEqual([7, 5, 6, 1, 4, 3, 0, 2])
    expect(x().sort({ descending: true }).indices.toArray()).toEqual([2, 0, 3, 1, 4, 5, 6, 7])
    expect(x().argsort().toArray()).toEqual(x().sort().indices.toArray())
    expect(x().argmin().item()).toBe(2)
  })

  it('gives the gradient back to where the values were', () => {
    const y = leaf(tensor([[3, 1, 2]]))
    const { values: sorted, indices } = y.sort()
    expect(indices.requiresGrad).toBe(false)
    sorted.backward(tensor([[10, 20, 30]]))
    expect(y.grad?.toArray()).toEqual([[30, 10, 20]])
  })

  it('finds the largest and the smallest', () => {
    const y = tensor([
      [5, 9, 7],
      [2, 2, 1],
    ])
    expect(y.topk(2).values.toArray()).toEqual([
      [9, 7],
      [2, 2],
    ])
    expect(y.topk(2).indices.toArray()).toEqual([
      [1, 2],
      [0, 1],
    ])
    expect(y.topk(1, { largest: false, dim: 0 }).values.toArray()).toEqual([[2, 2, 1]])
  })

  it('sorts as JavaScript does, at many sizes', () => {
    manualSeed(3)
    for (const n of [0, 1, 2, 33, 1000, 40_000]) {
      const y = randn([n])
      expect(y.sort().values.toFloat32Array()).toEqual(y.toFloat32Array().sort())
    }
  })
})

describe('products', () => {
  it('have exact gradients with zeros', () => {
    for (const zero of [[1], [1, 3]]) {
      const x = leaf(tensor([2, 3, 4, 5, 6].map((v, i) => (zero.includes(i) ? 0 : v))))
      x.prod().backward()
      const others = zero.length === 1 ? 2 * 4 * 5 * 6 : 0
      expect(x.grad?.toArray()).toEqual([0, others, 0, 0, 0])
    }
  })

  it('of nothing are 1', () => {
    const x = leaf(zeros([2, 0]))
    const y = x.prod({ dim: 1 })
    expect(y.toArray()).toEqual([1, 1])
    y.sum().backward()
    expect(x.grad?.shape).toEqual([2, 0])
  })
})

describe('triangles', () => {
  it('leave out what is infinite: a causal mask', () => {
    const mask = full([3, 3], Number.NEGATIVE_INFINITY).triu(1)
    expect(mask.toArray()).toEqual([
      [0, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
      [0, 0, Number.NEGATIVE_INFINITY],
      [0, 0, 0],
    ])
    expect(ones([3, 3]).tril().sum().item()).toBe(6)
  })
})

describe('taking apart and putting together', () => {
  it('is the inverse of each other', () => {
    const x = randn([5, 4, 3])
    expect(cat(x.split(2), 0).toArray()).toEqual(x.toArray())
    expect(cat(x.chunk(3, -1), 2).toArray()).toEqual(x.toArray())
    expect(x.split(2).map(({ shape }) => shape[0])).toEqual([2, 2, 1])
    expect(x.chunk(4).map(({ shape }) => shape[0])).toEqual([2, 2, 1])
    expect(stack([x.at(0), x.at(1)], 1).shape).toEqual([4, 2, 3])
    expect(x.unsqueeze(1).squeeze(1).toArray()).toEqual(x.toArray())
  })

  it('repeats, and sums the gradient', () => {
    const x = leaf(tensor([[1, 2]]))
    expect(x.repeat([2, 2]).toArray()).toEqual([
      [1, 2, 1, 2],
      [1, 2, 1, 2],
    ])
    expect(x.expand([3, -1]).toArray()).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ])
    x.repeat([2, 3]).sum().backward()
    expect(x.grad?.toArray()).toEqual([[6, 6]])
  })

  it('never gives back its input itself', () => {
    const x = ones([2, 3])
    const same = [x.at(), x.flip([]), x.squeeze(), x.expand([2, 3]), x.repeat([1, 1]), einsum('ij->ij', x)]
    same.push(nn.functional.pad(x, []), nn.functional.pad(x, [0, 0], { mode: 'reflect' }), x.sort().values)
    for (const y of same) expect(y).not.toBe(x)
  })

  it('pads with what is asked for', () => {
    const { pad } = nn.functional
    const x = tensor([[1, 2, 3]])
    expect(pad(x, [1, 2]).toArray()).toEqual([[0, 1, 2, 3, 0, 0]])
    expect(pad(x, [2, 1], { mode: 'reflect' }).toArray()).toEqual([[3, 2, 1, 2, 3, 2]])
    expect(pad(x, [2, 1], { mode: 'replicate' }).toArray()).toEqual([[1, 1, 1, 2, 3, 3]])
    expect(pad(x, [-1, 0, 1, 0], { value: 9 }).toArray()).toEqual([
      [9, 9],
      [2, 3],
    ])
  })

  it('contracts by letters', () => {
    const [a, b] = [randn([3, 4]), randn([4, 5])]
    expect(values(einsum('ij,jk->ik', a, b))).toEqual(values(a.matmul(b)))
    expect(einsum('ii->i', arange(9).reshape([3, 3])).toArray()).toEqual([0, 4, 8])
    expect(einsum('ij->', ones([3, 4])).item()).toBe(12)
  })

  it('records nothing without recording', () => {
    const x = leaf(ones([2, 2]))
    expect(noGrad(() => x.at(0).requiresGrad)).toBe(false)
    expect(nn.functional.oneHot([2, 0], 3).toArray()).toEqual([
      [0, 0, 1],
      [1, 0, 0],
    ])
  })
})
