/** Nets, exported for any batch: onnxruntime gives what we do, within 1e-5 of the largest value, for other batches than the example's. */
import {
  cat,
  foldBatchNorm,
  manualSeed,
  nn,
  noGrad,
  randn,
  type Tensor,
  tensor,
  where,
  zeros,
} from 'simdgrad'
import { JOBS } from 'simdgrad/nets'
import { encodeOnnx, type OnnxOptions } from 'simdgrad/onnx'
import { beforeAll, describe, expect, it } from 'vitest'
import { EXAMPLE_NETS } from '../support/example-nets.js'
import { expectSame } from '../support/expect-same.js'
import { decodeTensor, type Encoded, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'
import { runModel } from './runtime.js'

beforeAll(initForTest)

type Net = nn.AnyModule

function answersOf(net: Net, inputs: readonly Tensor[]): Tensor[] {
  net.eval()
  const given: unknown = noGrad(() => Reflect.apply(net.forward, net, inputs))
  const tensors: Tensor[] = []
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(walk)
    else tensors.push(value as Tensor)
  }
  walk(given)
  return tensors
}

/** Exports with an example, and compares with inputs of other batches. */
async function check(
  net: Net,
  example: readonly Tensor[],
  others: readonly (readonly Tensor[])[] = [],
  options: OnnxOptions = {},
): Promise<void> {
  const bytes = await encodeOnnx(net, example, options)
  for (const inputs of [example, ...others]) {
    const expected = answersOf(net, inputs)
    for (const { by, outputs } of await runModel(bytes, inputs)) {
      expect(outputs.length).toBe(expected.length)
      for (const [i, each] of outputs.entries())
        expectSame(each, expected[i], `${net.constructor.name} [${inputs[0].shape}], ${by}`)
    }
  }
}

/** Statistics that are none of the beginning. */
function stir<N extends Net>(net: N): N {
  manualSeed(7)
  for (const [name, buffer] of net.namedBuffers()) {
    if (buffer.shape.length === 0) continue
    buffer.copy_(name.endsWith('var') ? randn(buffer.shape).abs().add(0.5) : randn(buffer.shape).mul(0.3))
  }
  for (const parameter of net.parameters()) {
    if (parameter.shape.length === 1)
      noGrad(() => parameter.copy_(parameter.add(randn(parameter.shape).mul(0.2))))
  }
  return net
}

describe('nets of examples/', () => {
  const cases =
    readFixture<
      {
        net: string
        options: Record<string, number>
        batches: { x: Encoded }[]
        state: Record<string, Encoded>
      }[]
    >('example-nets.json')

  it.each(cases.map((one) => [one.net, one] as const))('%s', async (name, { options, batches, state }) => {
    const net = EXAMPLE_NETS[name](options)
    net.loadStateDict(
      Object.fromEntries(Object.entries(state).map(([key, value]) => [key, decodeTensor(value)])),
    )
    const x = decodeTensor(batches[0].x)
    const other = cat([x, x, x.at([0, 1])], 0)
    for (const one of [net, foldBatchNorm(net, { inputs: x }).net])
      await check(one, [x], [[other], [x.at([1, 2])]])
    await check(net, [x], [[other]], { foldBatchNorm: true, opset: 22 })
  })

  it.each(Object.keys(JOBS))('%s', async (name) => {
    const net = stir(JOBS[name as keyof typeof JOBS].make())
    const x = randn([2, 1, 28, 28])
    await check(net, [x], [[randn([5, 1, 28, 28])], [randn([1, 1, 28, 28])]])
    // (One that is written by hand stays as it is, and its class can't be copied.)
    if (name !== 'mlp-bn') await check(net, [x], [], { foldBatchNorm: true })
  })
})

/** Each with the shape of its input without the batch. */
const LAYERS: readonly (readonly [string, () => Net, readonly number[]])[] = [
  ['Linear', () => new nn.Linear(5, 3), [5]],
  ['Linear of sequences', () => new nn.Linear(5, 3, { bias: false }), [4, 2, 5]],
  [
    'Conv2d',
    () => new nn.Conv2d(4, 6, 3, { stride: [2, 1], padding: [1, 2], dilation: [1, 2], groups: 2 }),
    [4, 9, 11],
  ],
  ['Conv2d same', () => new nn.Conv2d(2, 3, [2, 4], { padding: 'same', bias: false }), [2, 7, 8]],
  ['depthwise', () => new nn.Conv2d(6, 12, 3, { padding: 1, groups: 6 }), [6, 5, 5]],
  ['Conv1d', () => new nn.Conv1d(3, 4, 3, { stride: 2, padding: 1 }), [3, 10]],
  [
    'ConvTranspose2d',
    () => new nn.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
    [4, 5, 6],
  ],
  ['ConvTranspose2d 0', () => new nn.ConvTranspose2d(2, 3, 3, { stride: 2, outputPadding: 1 }), [2, 4, 4]],
  ['BatchNorm1d', () => new nn.BatchNorm1d(4), [4]],
  ['BatchNorm1d of sequences', () => new nn.BatchNorm1d(4, { affine: false }), [4, 6]],
  ['BatchNorm2d', () => new nn.BatchNorm2d(3), [3, 4, 5]],
  ['BatchNorm2d without statistics', () => new nn.BatchNorm2d(3, { trackRunningStats: false }), [3, 4, 5]],
  ['BatchNorm3d', () => new nn.BatchNorm3d(2), [2, 3, 4, 5]],
  ['BatchRenorm2d', () => new nn.BatchRenorm2d(3), [3, 4, 5]],
  ['LayerNorm', () => new nn.LayerNorm([3, 5]), [4, 3, 5]],
  ['LayerNorm without weights', () => new nn.LayerNorm(5, { elementwiseAffine: false }), [4, 5]],
  ['GroupNorm', () => new nn.GroupNorm(2, 6), [6, 4, 4]],
  ['GroupNorm of sequences', () => new nn.GroupNorm(3, 6), [6, 7]],
  ['InstanceNorm2d', () => new nn.InstanceNorm2d(3, { affine: true }), [3, 4, 5]],
  ['InstanceNorm2d with statistics', () => new nn.InstanceNorm2d(3, { trackRunningStats: true }), [3, 4, 5]],
  ['RMSNorm', () => new nn.RMSNorm(5), [3, 5]],
  ['MaxPool2d', () => new nn.MaxPool2d(3, { stride: 2, padding: 1, ceilMode: true }), [2, 8, 9]],
  ['MaxPool2d dilated', () => new nn.MaxPool2d(2, { stride: 1, dilation: 2 }), [2, 6, 7]],
  ['MaxPool1d', () => new nn.MaxPool1d(2), [3, 8]],
  ['AvgPool2d', () => new nn.AvgPool2d(3, { stride: 2, padding: 1, ceilMode: true }), [2, 8, 9]],
  [
    'AvgPool2d without the padding',
    () => new nn.AvgPool2d(3, { stride: 2, padding: 1, countIncludePad: false }),
    [2, 8, 9],
  ],
  ['AvgPool2d divided', () => new nn.AvgPool2d(2, { divisorOverride: 3 }), [2, 6, 6]],
  ['AvgPool1d', () => new nn.AvgPool1d(3, { padding: 1 }), [2, 9]],
  ['AdaptiveAvgPool2d', () => new nn.AdaptiveAvgPool2d([2, 3]), [3, 7, 8]],
  ['AdaptiveAvgPool2d of 1', () => new nn.AdaptiveAvgPool2d(1), [3, 7, 8]],
  ['AdaptiveAvgPool1d', () => new nn.AdaptiveAvgPool1d(4), [3, 10]],
  ['Upsample', () => new nn.Upsample({ scaleFactor: 2 }), [2, 3, 4]],
  ['Upsample bilinear', () => new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' }), [2, 3, 4]],
  [
    'Upsample to a size',
    () => new nn.Upsample({ size: [5, 7], mode: 'bilinear', alignCorners: true }),
    [2, 3, 4],
  ],
  ['PReLU', () => new nn.PReLU({ numParameters: 3 }), [3, 4, 4]],
  ['Softmax', () => new nn.Softmax(1), [3, 4]],
  ['LogSoftmax', () => new nn.LogSoftmax(-1), [3, 4]],
  ['Flatten', () => new nn.Flatten(), [2, 3, 4]],
  ['Dropout', () => new nn.Dropout(0.5), [4]],
  [
    'activations',
    () =>
      new nn.Sequential(
        new nn.ReLU(),
        new nn.GELU(),
        new nn.SiLU(),
        new nn.ELU(),
        new nn.Mish(),
        new nn.Softplus(),
        new nn.Hardswish(),
        new nn.LeakyReLU(),
        new nn.Tanh(),
        new nn.Sigmoid(),
        new nn.ReLU6(),
      ),
    [6],
  ],
  ['RNN', () => new nn.RNN(3, 4, { nonlinearity: 'relu', batchFirst: true }), [6, 3]],
  ['LSTM', () => new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true, batchFirst: true }), [6, 3]],
  ['GRU', () => new nn.GRU(3, 4, { bidirectional: true, batchFirst: true, bias: false }), [6, 3]],
  [
    'TransformerEncoderLayer',
    () => new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 12, batchFirst: true }),
    [5, 8],
  ],
  [
    'TransformerEncoder',
    () =>
      new nn.TransformerEncoder(
        new nn.TransformerEncoderLayer(8, 2, {
          dimFeedforward: 12,
          batchFirst: true,
          normFirst: true,
          activation: 'gelu',
        }),
        2,
      ),
    [5, 8],
  ],
]

describe('layers, for any batch', () => {
  it.each(LAYERS)('%s', async (_, make, shape) => {
    manualSeed(3)
    const net = stir(make())
    const of = (batch: number) => [randn([batch, ...shape])]
    await check(net, of(2), [of(5), of(1)])
    await check(net, of(1), [of(3)], { opset: 18 })
  })
})

/** A forward of a user's own. */
class Own extends nn.Module<Tensor[], unknown> {
  readonly linear = new nn.Linear(6, 6)
  readonly embedding = new nn.Embedding(5, 6)
  readonly #run: (self: Own, ...inputs: Tensor[]) => unknown

  constructor(run: (self: Own, ...inputs: Tensor[]) => unknown) {
    super()
    this.#run = run
  }

  forward(...inputs: Tensor[]): unknown {
    return this.#run(this, ...inputs)
  }
}

const ids = (batch: number) =>
  tensor(
    Float32Array.from({ length: batch * 4 }, (_, i) => (i * 7) % 5),
    { shape: [batch, 4] },
  )

const FORWARDS: readonly (readonly [
  string,
  (self: Own, ...x: Tensor[]) => unknown,
  (batch: number) => Tensor[],
])[] = [
  [
    'a residual, and a cat',
    ({ linear }, x) => cat([linear.forward(x).relu().add(x), x.mul(2)], 1),
    (n) => [randn([n, 6])],
  ],
  [
    'embedding, mean over words',
    ({ linear, embedding }, x) => linear.forward(embedding.forward(x).mean({ dim: 1 })),
    (n) => [ids(n)],
  ],
  [
    'tied weights',
    ({ embedding }, x) => embedding.forward(x).matmul(embedding.weight.transpose(0, 1)),
    (n) => [ids(n)],
  ],
  [
    'two inputs, two outputs',
    ({ linear }, a, b) => [linear.forward(a).add(b), { sum: b.sum({ dim: 1 }) }.sum],
    (n) => [randn([n, 6]), randn([n, 6])],
  ],
  [
    'states of the batch',
    ({ linear }, x) => linear.forward(zeros([x.shape[0], 6])).add(x),
    (n) => [randn([n, 6])],
  ],
  [
    'expand to the batch',
    ({ embedding }, x) => cat([embedding.weight.at(0).reshape([1, 1, 6]).expand([x.shape[0], 1, 6]), x], 1),
    (n) => [randn([n, 3, 6])],
  ],
  ['sizes divided by the batch', (_, x) => x.sum({ dim: 0 }).div(x.shape[0]), (n) => [randn([n, 6])]],
  ['the mean over the batch', (_, x) => x.mean({ dim: 0, keepdim: true }).add(x), (n) => [randn([n, 6])]],
  [
    'reshape of the batch with others',
    (_, x) =>
      x
        .reshape([x.shape[0] * 2, 3])
        .softmax(1)
        .reshape([x.shape[0], 6]),
    (n) => [randn([n, 6])],
  ],
  [
    'permuted, then flattened',
    (_, x) => x.permute([2, 0, 1]).reshape([x.shape[2], -1]),
    (n) => [randn([n, 3, 4])],
  ],
  [
    'parts',
    (_, x) => [x.at(null, [1, 3]), x.at(null, -1), x.at('..., ::2'), x.at(null, [null, null, -1])],
    (n) => [randn([n, 5, 6])],
  ],
  ['the last half of the batch', (_, x) => x.at([1, null]), (n) => [randn([n, 5])]],
  [
    'conditions',
    (_, x) => where(x.gt(0.5).add(x.lt(-0.5)), x, 0.25).clamp({ min: -1, max: 0.9 }),
    (n) => [randn([n, 6])],
  ],
  [
    'log, pow, exp',
    (_, x) => x.abs().add(1).log().pow(1.5).exp().sqrt().sub(x.pow(3)),
    (n) => [randn([n, 6])],
  ],
  ['argmax and gather', (_, x) => x.gather(1, x.argmax({ dim: 1, keepdim: true })), (n) => [randn([n, 6])]],
  [
    'max, min, var',
    (_, x) => [x.max({ dim: 1 }), x.min({ dim: 1 }), x.var({ dim: 1 }), x.sum()],
    (n) => [randn([n, 6])],
  ],
  [
    'attention, masked',
    (_, q, m) => nn.functional.scaledDotProductAttention(q, q, q, { attnMask: m, maskType: 'boolean' }),
    (n) => [randn([n, 2, 4, 3]), randn([n, 1, 4, 4]).gt(-0.5)],
  ],
  ['detached', ({ linear }, x) => linear.forward(x.detach()).add(x), (n) => [randn([n, 6])]],
  ['an input as it is', (_, x) => [x, zeros([2])], (n) => [randn([n, 6])]],
]

describe("forwards of a user's own", () => {
  it.each(FORWARDS)('%s', async (_, run, inputs) => {
    manualSeed(5)
    const net = new Own(run)
    await check(net, inputs(2), [inputs(5), inputs(3)])
  })

  it('LSTM of sequences, whose batch is the second dimension, with states', async () => {
    manualSeed(5)
    class Net extends nn.Module<Tensor[], unknown> {
      readonly lstm = new nn.LSTM(3, 4)
      forward(x: Tensor, h: Tensor, c: Tensor): unknown {
        return this.lstm.forward(x, [h, c])
      }
    }
    const of = (n: number) => [randn([6, n, 3]), randn([1, n, 4]), randn([1, n, 4])]
    await check(new Net(), of(2), [of(3)], { dynamicBatch: [1, 1, 1] })
  })

  it('multi-head attention with masks', async () => {
    manualSeed(5)
    class Net extends nn.Module<Tensor[], unknown> {
      readonly attention = new nn.MultiheadAttention(6, 2, { batchFirst: true })
      forward(x: Tensor, padding: Tensor): unknown {
        return this.attention.forward(x, x, x, {
          keyPaddingMask: padding,
          isCausal: true,
          needWeights: false,
        })[0]
      }
    }
    const of = (n: number) => [randn([n, 4, 6]), tensor([[0, 0, 0, 1]]).expand([n, 4])]
    await check(new Net(), of(2), [of(3)])
  })
})
