/** Who converts between the layouts, and how often: what is between convolutions stays in lanes. */
import { cat, manualSeed, nn, noGrad, randn, type Tensor, tensor, where } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { conversionsSoFar } from '../../src/tensor/tensor.js'
import { expectClose } from '../support/all-close.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

/** Conversions that `fn` makes. */
function conversionsOf(fn: () => unknown): number {
  const before = conversionsSoFar()
  fn()
  return conversionsSoFar() - before
}

/** BN → ReLU → conv, twice, and what came in is added. */
class PreActivation extends nn.Module {
  bn1 = new nn.BatchNorm2d(4)
  conv1 = new nn.Conv2d(4, 4, 3, { padding: 1 })
  bn2 = new nn.BatchNorm2d(4)
  conv2 = new nn.Conv2d(4, 4, 3, { padding: 1 })
  override forward(x: Tensor): Tensor {
    const h = this.conv1.forward(this.bn1.forward(x).relu())
    return this.conv2.forward(this.bn2.forward(h).relu()).add(x)
  }
}

class ResidualNet extends nn.Module {
  stem = new nn.Conv2d(3, 4, 3, { padding: 1 })
  blocks: nn.ModuleList
  classify = new nn.Linear(4, 5)
  constructor(depth: number) {
    super()
    this.blocks = new nn.ModuleList(Array.from({ length: depth }, () => new PreActivation()))
  }
  override forward(x: Tensor): Tensor {
    let h = this.stem.forward(x)
    for (const block of this.blocks) h = block.forward(h)
    return this.classify.forward(h.mean({ dim: [2, 3] }))
  }
}

describe('a residual net of convolutions', () => {
  it.each([
    17, 16, 5, 1,
  ])('has no conversion inside, at a batch of %d: only its input and its classifier', (n) => {
    const counts = [1, 2, 5].map((depth) => {
      const net = new ResidualNet(depth)
      const x = randn([n, 3, 6, 6])
      return conversionsOf(() => net.forward(x).sum().backward())
    })
    // Into lanes, out of lanes, and the classifier's gradient into lanes again.
    expect(counts).toEqual([3, 3, 3])
  })
})

/** Operations between two convolutions, each of which must come and go in lanes. */
const INSIDE: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  'a number': (x) => x.mul(0.5).add(1).sub(0.25).div(2),
  'two of the same shape': (x) => x.mul(x).sub(x.exp()).maximum(x.neg()),
  'one value a channel': (x) => x.mul(randn([4, 1, 1])).add(randn([1, 4, 1, 1])),
  'one value an image and channel': (x) => x.mul(x.mean({ dim: [2, 3], keepdim: true }).sigmoid()),
  'one value a pixel': (x) => x.add(x.sum({ dim: 1, keepdim: true })),
  'elementwise functions': (x) => x.abs().add(1).log().tanh().pow(3),
  'functions that take numbers': (x) => x.leakyRelu({ negativeSlope: 0.1 }).clamp({ max: 2 }).clone(),
  choices: (x) => where(x.gt(randn([4, 1, 1])), x, 0.5).maskedFill(x.lt(-1), 0),
  'slopes that are learnt': (x) => nn.functional.prelu(x, randn([4])),
  'a norm over channels': (x) => x.div(x.norm({ dim: 1, keepdim: true }).add(1)).minimum(0.5),
  'a slice and a cat of channels': (x) => cat([x.slice(1, 0, 2), x.slice(1, 2).mul(2)], 1),
  'a cut of pixels, and a cat of them': (x) => cat([x.slice(2, 1, 3), x.slice(2, 3)], 2),
  'a maximum over channels': (x) => x.sub(x.max({ dim: 1, keepdim: true })),
  'a permutation of pixels': (x) => x.permute([0, 1, 3, 2]),
  'another shape of each image': (x) => x.reshape([x.shape[0], 4, 36, 1]).reshape(x.shape),
  'average pooling': (x) => nn.functional.avgPool2d(x, 3, { stride: 1, padding: 1 }),
  variance: (x) =>
    x.div(
      x
        .var({ dim: [1, 2, 3], keepdim: true })
        .add(1)
        .sqrt(),
    ),
}

/** How often a use of `inside` between two convolutions converts, forward and backward. */
function conversionsBetween(n: number, inside: (x: Tensor) => Tensor): number {
  const [one, two] = [new nn.Conv2d(3, 4, 3, { padding: 1 }), new nn.Conv2d(4, 2, 3)]
  const x = randn([n, 3, 6, 6])
  return conversionsOf(() =>
    two
      .forward(inside(one.forward(x)))
      .sum()
      .backward(),
  )
}

const BATCHES = [4, 17, 7, 1]

describe.each(Object.entries(INSIDE))('between convolutions, %s', (_, inside) => {
  it.each(BATCHES)('stays in lanes at a batch of %d', (n) => {
    // The net's input, and the sum of its result over the batch.
    expect(conversionsBetween(n, inside)).toBeLessThanOrEqual(3)
  })

  it.each(BATCHES)('computes what it does in rows, at a batch of %d', (n) => {
    const h = nn.functional.conv2d(randn([n, 3, 6, 6]), randn([4, 3, 1, 1]))
    const rows = tensor(h.toFloat32Array(), { shape: h.shape })
    const compute = (x: Tensor) => {
      // The same random operands.
      manualSeed(3)
      return noGrad(() => inside(x))
    }
    expectClose(compute(h), compute(rows).toFloat32Array(), { tolerance: 2e-6 })
  })
})

it.each(BATCHES)('dropout stays in lanes at a batch of %d', (n) => {
  expect(conversionsBetween(n, (x) => nn.functional.dropout(x, 0.5))).toBeLessThanOrEqual(3)
})
