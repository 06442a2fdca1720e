/** Every row of the table of fusions against its fallback: the pattern's operations, run as they come. */
import fc from 'fast-check'
import { nn, noGrad, type Tensor, tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Fusion, fusing, withoutFusion } from '../../src/autograd/fusion.js'
import { FUSIONS } from '../../src/autograd/fusions.js'
import { expectClose, largest } from '../support/all-close.js'
import { initForTest } from '../support/init.js'
import { Random } from '../support/random.js'

beforeAll(initForTest)

/** A layer for each operation that stands in a pattern. A new row with another operation adds it here. */
const LAYERS: Readonly<Record<string, (channels: number, random: Random) => nn.Module>> = {
  relu: () => new nn.ReLU(),
  maxPool2d: (_, random) => {
    const size = random.below(3) > 0 ? 2 : 3
    return new nn.MaxPool2d(size, {
      stride: random.below(4) > 0 ? size : 1,
      padding: random.below(4) > 0 ? 0 : 1,
    })
  },
  batchNorm: (channels, random) => {
    const layer = new nn.BatchNorm2d(channels, {
      affine: random.below(4) > 0,
      trackRunningStats: random.below(4) > 0,
    })
    // Of either sign, and 0: what pooling before normalising must mind.
    layer.weight?.copy_(tensor(Array.from({ length: channels }, () => [-1.5, 0, 0.7, 2][random.below(4)])))
    layer.bias?.copy_(tensor(Array.from({ length: channels }, () => random.normal())))
    if (random.below(4) === 0 && layer.runningMean) layer.eval()
    if (random.below(4) === 0 && layer.weight) layer.weight.requiresGrad = false
    return layer
  },
}

const name = ({ pattern }: Fusion) => pattern.map((operation) => operation.name).join(', ')

/** The output, the gradients and the state after one use. */
function results(
  layers: readonly nn.Module[],
  x: Float32Array,
  shape: readonly number[],
  seed: number,
  use: (fn: () => Tensor) => Tensor,
) {
  const input = tensor(x, { shape, requiresGrad: true })
  const y = use(() => layers.reduce((current, layer) => layer.forward(current), input as Tensor))
  const random = new Random(seed)
  y.backward(
    tensor(
      Float32Array.from({ length: y.size }, () => random.normal()),
      { shape: y.shape },
    ),
  )
  const parameters = layers.flatMap((layer) => layer.parameters())
  const all = [
    y.toFloat32Array(),
    input.grad?.toFloat32Array(),
    ...parameters.map(({ grad }) => grad?.toFloat32Array()),
    ...layers.flatMap((layer) => layer.namedBuffers().map(([, buffer]) => buffer.toFloat32Array())),
  ]
  for (const parameter of parameters) parameter.zeroGrad()
  return { shape: y.shape, all }
}

describe.each(FUSIONS.map((row) => [name(row), row] as const))('%s', (_, row) => {
  it('gives what its fallback gives, over random shapes', () => {
    let fused = 0
    const counted: Fusion = {
      ...row,
      fuse(calls) {
        fused++
        return row.fuse(calls)
      },
    }
    // Even ones more often: only they have windows side by side.
    const size = fc.constantFrom(3, 4, 4, 6, 6, 7, 8)
    const shapes = fc.tuple(
      fc.constantFrom(1, 2, 3, 4, 5, 16, 17, 33),
      fc.integer({ min: 1, max: 4 }),
      size,
      size,
    )
    fc.assert(
      fc.property(shapes, fc.nat(), (shape, seed) => {
        const random = new Random(seed)
        const x = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal())
        const make = () => {
          const choices = new Random(seed + 1)
          return row.pattern.map(({ name }) => LAYERS[name](shape[1], choices))
        }
        const one = results(make(), x, shape, seed, (fn) => fusing([counted], fn))
        const two = results(make(), x, shape, seed, withoutFusion)
        expect(one.shape).toEqual(two.shape)
        for (const [i, expected] of two.all.entries()) {
          if (!expected) {
            expect(one.all[i]).toBeUndefined()
            continue
          }
          // Where batch norm's gradient cancels, by the cotangent, which is about 1.
          const scale = Math.max(1, largest(expected))
          expectClose(one.all[i] ?? [], expected, { tolerance: 1e-5, scale, what: `result ${i}` })
        }
      }),
      { seed: 1, numRuns: 150 },
    )
    expect(fused, 'how often the row matched').toBeGreaterThan(20)
  })
})

describe('fusion', () => {
  const chain = () => [new nn.BatchNorm2d(2), new nn.ReLU(), new nn.MaxPool2d(2)]

  it('rewrites until no row matches: batch norm, ReLU, pooling become two', () => {
    const used: string[] = []
    const rows = FUSIONS.map((row) => ({
      ...row,
      fuse: (calls: Parameters<Fusion['fuse']>[0]) => {
        used.push(name(row))
        return row.fuse(calls)
      },
    }))
    const x = tensor(
      Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)),
      { shape: [2, 2, 4, 4] },
    )
    fusing(rows, () => chain().reduce((current, layer) => layer.forward(current), x as Tensor))
    expect(used).toEqual(['relu, maxPool2d', 'batchNorm, maxPool2d'])
  })

  it('gives a result that was fused away when it is asked for all the same', () => {
    const x = tensor([
      [
        [
          [1, -2],
          [3, -4],
        ],
      ],
    ])
    const relu = new nn.ReLU()
    let between: Tensor | undefined
    const pooled = fusing(FUSIONS, () => {
      between = relu.forward(x)
      return nn.functional.maxPool2d(between, 2)
    })
    expect(pooled.toArray()).toEqual([[[[3]]]])
    expect(between?.toArray()).toEqual([
      [
        [
          [1, 0],
          [3, 0],
        ],
      ],
    ])
  })

  it("holds nothing back in a user's module, which may look at everything", () => {
    const seen: number[] = []
    class Looks extends nn.Module {
      norm = new nn.BatchNorm2d(1)
      override forward(x: Tensor): Tensor {
        const h = this.norm.forward(x)
        const y = nn.functional.maxPool2d(h, 2)
        seen.push(h.sum().item(), this.norm.numBatchesTracked?.item() ?? -1)
        return y
      }
    }
    const net = new nn.Sequential(new nn.ReLU(), new Looks(), new nn.ReLU())
    noGrad(() =>
      net.forward(
        tensor([
          [
            [
              [1, 2],
              [3, 4],
            ],
          ],
        ]),
      ),
    )
    expect(seen[1]).toBe(1)
    expect(seen[0]).toBeCloseTo(0, 5)
  })
})
