/** Every operation's backward against finite differences of its own forward, at shapes that fast-check picks. */
import fc from 'fast-check'
import { arange, full, manualSeed, nn, Tensor, tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { gradCheck, type Values } from '../support/grad-check.js'
import { initForTest } from '../support/init.js'
import { Random } from '../support/random.js'
import { INDEXING_FUNCTIONS, INDEXING_METHODS, WITHOUT_GRADIENT } from './grad-check-indexing.js'
import { LAYER_CHECKS } from './grad-check-layers.js'

const { functional: F } = nn

/**
 * How to draw an input: anything; above 0; without ties and near to 0 nowhere (for what has a kink); between the
 * values of such a one.
 */
type Kind = 'normal' | 'positive' | 'distinct' | 'between'

/** One function to check, with its inputs. */
interface Check {
  f: (...inputs: Tensor[]) => Tensor
  inputs: readonly (readonly [shape: readonly number[], kind: Kind])[]
}

const DRAW: Readonly<Record<Kind, (n: number, random: Random) => Float32Array>> = {
  normal: (n, random) => Float32Array.from({ length: n }, () => random.normal()),
  positive: (n, random) => Float32Array.from({ length: n }, () => 0.6 + 2 * random.uniform()),
  // Neighbours are 0.2 apart and the nearest to 0 is 0.1 away: more than the two steps that gradCheck takes.
  distinct: (n, random) =>
    Float32Array.from(random.permutation(n), (at) => (at - Math.floor(n / 2) + 0.5) * 0.2),
  between: (n, random) => Float32Array.from(random.permutation(n), (at) => (at - Math.floor(n / 2)) * 0.2),
}

beforeAll(initForTest)

/** Fixed, so that a run repeats another; any other seed should do as well. */
const SEED = Number(process.env.SIMDGRAD_TEST_SEED ?? 1)

function property(check: fc.Arbitrary<Check>): void {
  fc.assert(
    fc.property(check, fc.nat(), ({ f, inputs }, seed) => {
      const random = new Random(seed)
      const values: Values[] = inputs.map(([shape, kind]) => {
        return {
          shape,
          values: DRAW[kind](
            shape.reduce((a, b) => a * b, 1),
            random,
          ),
        }
      })
      gradCheck(f, values, seed, JSON.stringify(inputs))
    }),
    { seed: SEED, numRuns: 12 },
  )
}

const size = fc.integer({ min: 1, max: 7 })
const shapeOf = (minLength: number, maxLength: number) =>
  fc.array(fc.integer({ min: 1, max: 5 }), { minLength, maxLength })
const anyShape = shapeOf(0, 3)

/** Two shapes that broadcast: some dimensions of each are 1, and leading ones may be missing. */
const broadcastPair = fc
  .tuple(
    anyShape,
    fc.array(fc.constantFrom('both', 'left', 'right'), { minLength: 3, maxLength: 3 }),
    fc.nat(3),
    fc.nat(3),
  )
  .map(([shape, who, dropLeft, dropRight]) => {
    const side = (name: string, drop: number) => {
      const own = shape.map((s, d) => (who[d] === name ? 1 : s))
      return who[0] === 'both' ? own : own.slice(Math.min(drop, own.length))
    }
    return [side('left', dropLeft), side('right', dropRight)] as const
  })

const binary = (f: (a: Tensor, b: Tensor) => Tensor, left: Kind, right: Kind): fc.Arbitrary<Check> =>
  broadcastPair.map(([a, b]) => ({
    f,
    inputs: [
      [a, left],
      [b, right],
    ],
  }))

const unary = (f: (x: Tensor) => Tensor, kind: Kind = 'normal'): fc.Arbitrary<Check> =>
  anyShape.map((shape) => ({ f, inputs: [[shape, kind]] }))

/** A shape of at least one dimension, and one of the dimensions, counted from either end. */
const withDimension = fc
  .tuple(shapeOf(1, 3), fc.nat(), fc.boolean())
  .map(([shape, pick, fromEnd]) => [shape, (pick % shape.length) - (fromEnd ? shape.length : 0)] as const)

const reduction = (
  f: (x: Tensor, o: { dim?: number; keepdim: boolean }) => Tensor,
  kind: Kind = 'normal',
  least = 1,
) =>
  fc.tuple(withDimension, fc.boolean(), fc.boolean()).map(([[shape, dim], all, keepdim]): Check => {
    const grown = shape.map((s) => Math.max(s, least))
    return { f: (x) => f(x, all ? { keepdim } : { dim, keepdim }), inputs: [[grown, kind]] }
  })

const several = (f: (x: Tensor, o: { dim: number[]; keepdim: boolean }) => Tensor) =>
  fc.tuple(shapeOf(3, 4), fc.boolean()).map(([shape, keepdim]): Check => {
    return { f: (x) => f(x, { dim: [0, shape.length - 1], keepdim }), inputs: [[shape, 'normal']] }
  })

const METHODS: Readonly<Record<string, fc.Arbitrary<Check>>> = {
  ...INDEXING_METHODS,
  add: binary((a, b) => a.add(b), 'normal', 'normal'),
  sub: binary((a, b) => a.sub(b), 'normal', 'normal'),
  mul: binary((a, b) => a.mul(b), 'normal', 'normal'),
  div: binary((a, b) => a.div(b), 'normal', 'positive'),
  maximum: binary((a, b) => a.maximum(b), 'distinct', 'between'),
  minimum: binary((a, b) => a.minimum(b), 'distinct', 'between'),
  maskedFill: unary((x) => x.maskedFill(x.gt(0), 2).mul(x), 'distinct'),
  clamp: unary((x) => x.clamp({ min: -0.6, max: 0.8 }), 'distinct'),
  pow: fc.tuple(anyShape, fc.constantFrom(2, 3, -1, 0.5, 1.7)).map(([shape, exponent]) => {
    return { f: (x) => x.pow(exponent), inputs: [[shape, 'positive']] }
  }),
  neg: unary((x) => x.neg()),
  abs: unary((x) => x.abs(), 'distinct'),
  sqrt: unary((x) => x.sqrt(), 'positive'),
  exp: unary((x) => x.exp()),
  log: unary((x) => x.log(), 'positive'),
  relu: unary((x) => x.relu(), 'distinct'),
  sigmoid: unary((x) => x.sigmoid()),
  tanh: unary((x) => x.tanh()),
  gelu: fc.oneof(
    unary((x) => x.gelu()),
    unary((x) => x.gelu({ approximate: 'tanh' })),
  ),
  sin: unary((x) => x.sin()),
  cos: unary((x) => x.cos()),
  erf: unary((x) => x.erf()),
  floor: unary((x) => x.floor(), 'distinct'),
  ceil: unary((x) => x.ceil(), 'distinct'),
  round: unary((x) => x.round(), 'between'),
  sign: unary((x) => x.sign(), 'distinct'),
  rsqrt: unary((x) => x.rsqrt(), 'positive'),
  reciprocal: unary((x) => x.reciprocal(), 'positive'),
  log1p: unary((x) => x.log1p(), 'positive'),
  silu: unary((x) => x.silu()),
  hardswish: unary((x) => x.hardswish(), 'distinct'),
  mish: unary((x) => x.mish()),
  relu6: unary((x) => x.relu6(), 'distinct'),
  softplus: unary((x) => x.softplus({ beta: 1.5 })),
  elu: unary((x) => x.elu({ alpha: 0.5 }), 'distinct'),
  leakyRelu: unary((x) => x.leakyRelu({ negativeSlope: 0.3 }), 'distinct'),
  clone: unary((x) => x.clone()),
  matmul: fc.tuple(size, size, size).map(([m, k, n]) => {
    return {
      f: (a, b) => a.matmul(b),
      inputs: [
        [[m, k], 'normal'],
        [[k, n], 'normal'],
      ],
    }
  }),
  sum: fc.oneof(
    reduction((x, o) => x.sum(o)),
    several((x, o) => x.sum(o)),
  ),
  mean: fc.oneof(
    reduction((x, o) => x.mean(o)),
    several((x, o) => x.mean(o)),
  ),
  var: fc.oneof(
    reduction((x, o) => x.var(o), 'normal', 2),
    reduction((x, o) => x.var({ ...o, unbiased: false })),
  ),
  max: reduction((x, o) => x.max(o), 'distinct'),
  min: reduction((x, o) => x.min(o), 'distinct'),
  std: reduction((x, o) => x.std(o), 'distinct', 2),
  norm: fc.oneof(
    reduction((x, o) => x.norm(o), 'distinct'),
    several((x, o) => x.norm(o)),
    reduction((x, o) => x.norm({ ...o, p: 1 }), 'distinct'),
    reduction((x, o) => x.norm({ ...o, p: 3 }), 'distinct'),
  ),
  reshape: shapeOf(1, 3).map((shape) => ({
    f: (x) => x.reshape([-1, shape[0]]),
    inputs: [[shape, 'normal']],
  })),
  transpose: withDimension.map(([shape, dim]) => ({
    f: (x) => x.transpose(0, dim),
    inputs: [[shape, 'normal']],
  })),
  permute: fc
    .tuple(shapeOf(4, 4), fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }))
    .map(([shape, order]) => {
      return { f: (x) => x.permute(order), inputs: [[shape.map((s) => Math.min(s, 3)), 'normal']] }
    }),
  flatten: shapeOf(2, 4).map((shape) => ({
    f: (x) => x.flatten(1),
    inputs: [[shape.map((s) => Math.min(s, 3)), 'normal']],
  })),
  slice: fc
    .tuple(withDimension, fc.nat(4), fc.integer({ min: 1, max: 4 }))
    .map(([[shape, dim], start, length]) => {
      const from = start % (shape.at(dim) ?? 1)
      return { f: (x) => x.slice(dim, from, from + length), inputs: [[shape, 'normal']] }
    }),
  softmax: withDimension.map(([shape, dim]) => ({ f: (x) => x.softmax(dim), inputs: [[shape, 'normal']] })),
  logSoftmax: withDimension.map(([shape, dim]) => ({
    f: (x) => x.logSoftmax(dim),
    inputs: [[shape, 'normal']],
  })),
}

/** Sizes of a convolution or pooling that fit: kernel, stride, padding, and an input with room for them. */
const windows = fc
  .record({
    n: fc.integer({ min: 1, max: 5 }),
    c: fc.integer({ min: 1, max: 3 }),
    kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    stride: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    room: fc.tuple(fc.nat(2), fc.nat(2)),
    pad: fc.boolean(),
  })
  .map(({ n, c, kernel, stride, room, pad }) => {
    const padding = pad ? ([kernel[0] >> 1, kernel[1] >> 1] as const) : ([0, 0] as const)
    const shape = [n, c, kernel[0] + room[0], kernel[1] + room[1]] as const
    return { shape, kernel, options: { stride, padding } }
  })

const FUNCTIONS: Readonly<Record<string, fc.Arbitrary<Check>>> = {
  cat: fc.tuple(withDimension, size).map(([[shape, dim], other]) => {
    const d = dim < 0 ? dim + shape.length : dim
    return {
      f: (a, b) => F.cat([a, b, a], dim),
      inputs: [
        [shape, 'normal'],
        [shape.with(d, other), 'normal'],
      ],
    }
  }),
  where: binary((a, b) => F.where(a.gt(0.2), a, b), 'distinct', 'normal'),
  prelu: fc.tuple(size, size, fc.boolean()).map(([n, c, one]) => ({
    f: (x, weight) => F.prelu(x, weight),
    inputs: [
      [[n, c, 2], 'distinct'],
      [[one ? 1 : c], 'normal'],
    ],
  })),
  linear: fc.tuple(size, size, size, fc.boolean()).map(([n, i, o, bias]) => {
    return {
      f: (x, w, b) => F.linear(x, w, bias ? b : null),
      inputs: [[[n, i], 'normal'], [[o, i], 'normal'], ...(bias ? [[[o], 'normal'] as const] : [])],
    }
  }),
  conv2d: fc.tuple(windows, fc.integer({ min: 1, max: 5 })).map(([{ shape, kernel, options }, out]) => {
    const inputs: Check['inputs'] = [
      [shape, 'normal'],
      [[out, shape[1], ...kernel], 'normal'],
      [[out], 'normal'],
    ]
    return { f: (x, w, b) => F.conv2d(x, w, b, options), inputs }
  }),
  maxPool2d: windows.map(({ shape, kernel, options }) => {
    return { f: (x) => F.maxPool2d(x, kernel, options), inputs: [[shape, 'distinct']] }
  }),
  maxUnpool1d: fc.tuple(size, size, size).map(([n, c, l]) => {
    const places = tensor(
      Array.from({ length: n * c * l }, (_, i) => 2 * (i % l)),
      { shape: [n, c, l] },
    )
    return { f: (x) => F.maxUnpool1d(x, places, 2), inputs: [[[n, c, l], 'normal']] }
  }),
  maxUnpool2d: windows.map(({ shape, kernel, options }) => {
    const length = shape.reduce((a, b) => a * b)
    const x = tensor(
      Array.from({ length }, (_, i) => (i * 7919) % 101),
      { shape },
    )
    const [, places] = F.maxPool2d(x, kernel, { ...options, returnIndices: true })
    const f: Check['f'] = (y) => {
      const all = { ...options, outputSize: shape.slice(2) as [number, number] }
      return F.maxUnpool2d(y, places, kernel, all)
    }
    return { f, inputs: [[places.shape, 'normal']] }
  }),
  avgPool2d: fc
    .tuple(windows, fc.boolean(), fc.boolean(), fc.constantFrom(null, 1, 5))
    .map(([{ shape, kernel, options }, ceilMode, countIncludePad, divisorOverride]) => {
      const all = { ...options, ceilMode, countIncludePad, divisorOverride }
      return { f: (x) => F.avgPool2d(x, kernel, all), inputs: [[shape, 'normal']] }
    }),
  scaledDotProductAttention: fc.tuple(size, size, size, size, fc.boolean()).map(([t, s, e, ev, isCausal]) => {
    const f: Check['f'] = (q, k, v) => F.scaledDotProductAttention(q, k, v, { isCausal })
    return {
      f,
      inputs: [
        [[2, t, e], 'normal'],
        [[2, s, e], 'normal'],
        [[2, s, ev], 'normal'],
      ],
    }
  }),
  layerNorm: fc
    .tuple(shapeOf(1, 3), fc.integer({ min: 5, max: 9 }), fc.boolean(), fc.boolean(), fc.boolean())
    .map(([rows, cols, two, weight, bias]) => {
      const normalized = two ? [2, cols] : [cols]
      const f: Check['f'] = (x, first, second) => {
        const parameters = { weight: weight ? first : null, bias: bias ? (weight ? second : first) : null }
        return F.layerNorm(x, normalized, { ...parameters, eps: 0.1 })
      }
      const parameter = [normalized, 'normal'] as const
      const given = [...(weight ? [parameter] : []), ...(bias ? [parameter] : [])]
      return { f, inputs: [[[...rows, ...normalized], 'normal'], ...given] }
    }),
  // At least five values per channel: of two, the normalised ones are always ±1.
  batchNorm: fc
    .tuple(
      fc.constantFrom([5], [7], [3, 3], [5, 1, 3], [1, 2, 3], [3, 2, 1, 2]),
      fc.integer({ min: 1, max: 5 }),
      fc.boolean(),
    )
    .map(([[n, ...rest], c, training]) => {
      const f: Check['f'] = (x, weight, bias) => {
        const running = { runningMean: full([c], 0.3), runningVar: full([c], 1.7) }
        return F.batchNorm(x, { ...running, weight, bias, training, eps: 0.1 })
      }
      return {
        f,
        inputs: [
          [[n, c, ...rest], 'normal'],
          [[c], 'normal'],
          [[c], 'normal'],
        ],
      }
    }),
  crossEntropy: fc
    .tuple(size, size, fc.constantFrom('mean' as const, 'sum' as const, 'none' as const))
    .map(([n, classes, reduction]) => {
      const labels = Array.from({ length: n }, (_, i) => (i * 3) % classes)
      return { f: (x) => F.crossEntropy(x, labels, { reduction }), inputs: [[[n, classes], 'normal']] }
    }),
  // The same mask each time, from the same seed.
  dropout: fc.tuple(anyShape, fc.constantFrom(0, 0.1, 0.5, 0.9, 1)).map(([shape, p]) => {
    const f: Check['f'] = (x) => {
      manualSeed(5)
      return F.dropout(x, p, true)
    }
    return { f: (x) => f(x).mul(1), inputs: [[shape, 'normal']] }
  }),
  ...LAYER_CHECKS,
  ...INDEXING_FUNCTIONS,
}

const reductions = fc.constantFrom('mean' as const, 'sum' as const, 'none' as const)
type Reduced = { reduction: 'mean' | 'sum' | 'none' }

/** Of an input and a target whose differences are odd multiples of 0.1, so that a loss may bend at even ones. */
const loss = (
  f: (x: Tensor, y: Tensor, o: Reduced) => Tensor,
  kinds: readonly [Kind, Kind] = ['distinct', 'between'],
): fc.Arbitrary<Check> =>
  fc.tuple(anyShape, reductions).map(([shape, reduction]) => ({
    f: (x, y) => f(x, y, { reduction }),
    inputs: [
      [shape, kinds[0]],
      [shape, kinds[1]],
    ],
  }))

const LOSSES: Readonly<Record<string, fc.Arbitrary<Check>>> = {
  mseLoss: loss(F.mseLoss, ['normal', 'normal']),
  l1Loss: loss(F.l1Loss),
  smoothL1Loss: fc.oneof(
    loss((x, y, o) => F.smoothL1Loss(x, y, { beta: 0.4, ...o })),
    loss((x, y, o) => F.smoothL1Loss(x, y, { beta: 0, ...o })),
  ),
  huberLoss: fc.oneof(
    loss((x, y, o) => F.huberLoss(x, y, { delta: 0.4, ...o })),
    loss(F.huberLoss),
  ),
  binaryCrossEntropy: loss(
    (x, y, o) => F.binaryCrossEntropy(x.sigmoid(), y.sigmoid(), o),
    ['normal', 'normal'],
  ),
  binaryCrossEntropyWithLogits: loss(F.binaryCrossEntropyWithLogits, ['normal', 'normal']),
  klDiv: fc.oneof(
    loss(F.klDiv, ['normal', 'positive']),
    loss((x, y, o) => F.klDiv(x, y, { logTarget: true, ...o }), ['normal', 'normal']),
  ),
  nllLoss: fc.tuple(size, size, size, reductions).map(([n, classes, d, reduction]) => {
    const labels = tensor(Array.from({ length: n * d }, (_, i) => (i * 3) % classes)).reshape([n, d])
    // Not all are ignored: of those that are, there is no mean.
    const options = { reduction, weight: arange(classes).add(1), ignoreIndex: classes > 1 ? 1 : 9 }
    return { f: (x) => F.nllLoss(x, labels, options), inputs: [[[n, classes, d], 'normal']] }
  }),
}

describe('methods', () => {
  it.each(Object.entries(METHODS))('%s', (_, check) => property(check))
})

describe('functional', () => {
  it.each(Object.entries(FUNCTIONS))('%s', (_, check) => property(check))
})

describe('losses', () => {
  it.each(Object.entries(LOSSES))('%s', (_, check) => property(check))
})

describe('compositions', () => {
  it('batched matmul with a broadcast batch', () => {
    property(
      fc.tuple(size, size, size, fc.integer({ min: 1, max: 3 })).map(([m, k, n, batch]) => {
        return {
          f: (a, b) => a.matmul(b),
          inputs: [
            [[batch, 1, m, k], 'normal'],
            [[2, k, n], 'normal'],
          ],
        }
      }),
    )
  })

  it('batch normalisation by hand', () => {
    property(
      fc.tuple(fc.integer({ min: 3, max: 7 }), size).map(([n, c]) => {
        const f: Check['f'] = (x, gamma, beta) => {
          const centred = x.sub(x.mean({ dim: 0 }))
          return centred
            .div(centred.pow(2).mean({ dim: 0 }).add(0.1).sqrt())
            .mul(gamma)
            .add(beta)
        }
        return {
          f,
          inputs: [
            [[n, c], 'normal'],
            [[c], 'normal'],
            [[c], 'normal'],
          ],
        }
      }),
    )
  })

  it('a small convolutional net', () => {
    property(
      fc.integer({ min: 3, max: 6 }).map((n) => {
        const f: Check['f'] = (x, w, gamma, beta) =>
          F.maxPool2d(
            F.batchNorm(F.conv2d(x, w), { weight: gamma, bias: beta, training: true, eps: 0.1 }).tanh(),
            1,
          )
            .flatten(1)
            .logSoftmax(1)
        return {
          f,
          inputs: [
            [[n, 2, 3, 3], 'normal'],
            [[3, 2, 2, 2], 'normal'],
            [[3], 'normal'],
            [[3], 'normal'],
          ],
        }
      }),
    )
  })
})

it('leaves no operation out', () => {
  // What takes no gradient, and what is no operation.
  const others = [
    'constructor',
    'item',
    'toFloat32Array',
    'toArray',
    'detach',
    'copy_',
    'toRows_',
    'fill_',
    'dispose',
    'become',
    'release',
    'toString',
    'zeroGrad',
    'argmax',
    ...WITHOUT_GRADIENT,
    ...['eq', 'ne', 'lt', 'le', 'gt', 'ge'],
    'backward',
  ]
  const methods = Object.getOwnPropertyNames(Tensor.prototype).filter((name) => {
    return (
      typeof Object.getOwnPropertyDescriptor(Tensor.prototype, name)?.value === 'function' &&
      !others.includes(name)
    )
  })
  expect(methods.sort()).toEqual(Object.keys(METHODS).sort())
  const functions = Object.keys(F).filter((name) => name !== 'correct' && !(name in METHODS))
  expect(functions.sort()).toEqual(Object.keys({ ...FUNCTIONS, ...LOSSES }).sort())
})
