/** Sizes that are left open: onnxruntime gives what we do for other sizes than the example's, or the size is refused by name. */
import {
  AutogradError,
  arange,
  cat,
  manualSeed,
  nn,
  noGrad,
  ones,
  randint,
  randn,
  type Tensor,
} from 'simdgrad'
import { encodeOnnx, loadOnnx, type OnnxOptions } from 'simdgrad/onnx'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { expectSame } from '../support/expect-same.js'
import { initForTest } from '../support/init.js'
import { runModel } from './runtime.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(11))

const { functional: F } = nn

/** A forward of a user's own. */
class Own extends nn.Module<Tensor[], Tensor> {
  readonly conv = new nn.Conv2d(2, 4, 3, { padding: 1 })
  readonly half = new nn.Conv2d(4, 8, 3, { stride: 2, padding: 1 })
  readonly norm = new nn.BatchNorm2d(8)
  readonly groups = new nn.GroupNorm(2, 8)
  readonly up = new nn.ConvTranspose2d(8, 4, 2, { stride: 2 })
  readonly out = new nn.Conv2d(8, 3, 1)
  readonly head = new nn.Linear(8, 3)
  readonly embedding = new nn.Embedding(11, 8)
  readonly positions = new nn.Embedding(20, 8)
  readonly layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 12, batchFirst: true })
  readonly lstm = new nn.LSTM(8, 4, { batchFirst: true, bidirectional: true, numLayers: 2 })
  readonly gru = new nn.GRU(8, 8, { batchFirst: true })
  readonly sequence = new nn.Conv1d(8, 8, 3, { padding: 1 })
  readonly #run: (self: Own, ...inputs: Tensor[]) => Tensor

  constructor(run: (self: Own, ...inputs: Tensor[]) => Tensor) {
    super()
    this.#run = run
  }

  forward(...inputs: Tensor[]): Tensor {
    return this.#run(this, ...inputs)
  }
}

const IMAGES: OnnxOptions = { dynamicAxes: { input: { 0: 'batch', 2: 'height', 3: 'width' } } }
const SEQUENCES: OnnxOptions = { dynamicAxes: { input: { 0: 'batch', 1: 'length' } } }

const images = (n: number, h: number, w: number) => randn([n, 2, h, w])
const ids = (n: number, t: number) => randint(0, 11, [n, t])

const CASES: readonly (readonly [
  string,
  (self: Own, ...x: Tensor[]) => Tensor,
  OnnxOptions,
  example: () => Tensor[],
  others: () => Tensor[][],
])[] = [
  [
    'a convolutional net of any height and width',
    ({ conv, half, norm, out }, x) => out.forward(norm.forward(half.forward(conv.forward(x).relu())).relu()),
    IMAGES,
    () => [images(1, 8, 10)],
    () => [[images(3, 13, 7)], [images(2, 40, 41)], [images(1, 1, 1)]],
  ],
  [
    'a classifier of images of any size',
    ({ conv, half, groups, head }, x) =>
      head.forward(F.adaptiveAvgPool2d(groups.forward(half.forward(conv.forward(x).relu())), 1).flatten(1)),
    IMAGES,
    () => [images(2, 9, 8)],
    () => [[images(3, 17, 12)], [images(1, 30, 5)]],
  ],
  [
    'a U-Net, whose sides are even',
    ({ conv, half, up, out }, x) => {
      const a = conv.forward(x).relu()
      return out.forward(cat([up.forward(half.forward(a).relu()), a], 1))
    },
    IMAGES,
    () => [images(1, 8, 8)],
    () => [[images(2, 12, 18)], [images(3, 6, 4)]],
  ],
  [
    'pooling, and as large again',
    ({ conv }, x) =>
      F.interpolate(F.avgPool2d(F.maxPool2d(conv.forward(x), 3, { stride: 2, padding: 1 }), 2), {
        scaleFactor: 4,
      }),
    IMAGES,
    () => [images(1, 16, 16)],
    () => [[images(2, 20, 24)], [images(2, 9, 31)]],
  ],
  [
    'a transformer of any length',
    ({ embedding, layer, head }, x) => head.forward(layer.forward(embedding.forward(x)).mean({ dim: 1 })),
    SEQUENCES,
    () => [ids(2, 6)],
    () => [[ids(1, 9)], [ids(5, 3)]],
  ],
  [
    'one that looks back only, with positions from a table',
    ({ embedding, positions, layer }, x) => {
      const t = x.shape[1]
      const given = embedding.forward(x).add(positions.forward(arange(t)))
      return layer.forward(given, { srcMask: ones([t, t]).tril(), maskType: 'boolean' } as never)
    },
    SEQUENCES,
    () => [ids(2, 20)],
    () => [[ids(1, 4)], [ids(3, 13)]],
  ],
  [
    'attention that looks back only',
    (_, q) => F.scaledDotProductAttention(q, q, q, { isCausal: true }),
    { dynamicAxes: { input: { 0: 'batch', 1: 'length' } } },
    () => [randn([2, 5, 4])],
    () => [[randn([1, 9, 4])], [randn([3, 2, 4])]],
  ],
  [
    'recurrent layers of any length',
    ({ embedding, lstm, gru }, x) => gru.forward(lstm.forward(embedding.forward(x))[0])[0],
    SEQUENCES,
    () => [ids(2, 6)],
    () => [[ids(3, 9)], [ids(1, 2)]],
  ],
  [
    'sequences of any length, sorted, turned round, and the best of each',
    ({ embedding, sequence }, x) => {
      const y = sequence.forward(embedding.forward(x).transpose(1, 2))
      return y
        .sort({ dim: 2 })
        .values.add(y.flip(2))
        .add(y.topk(1, { dim: 2 }).values)
    },
    SEQUENCES,
    () => [ids(2, 6)],
    () => [[ids(3, 9)]],
  ],
  [
    'two inputs of lengths of their own',
    (_, a, b) => F.scaledDotProductAttention(a, b, b),
    { dynamicAxes: { input_0: { 1: 'queries' }, input_1: { 1: 'keys' }, output: { 1: 'queries' } } },
    () => [randn([2, 5, 4]), randn([2, 3, 4])],
    () => [[randn([2, 7, 4]), randn([2, 9, 4])]],
  ],
]

describe('dynamicAxes', () => {
  it.each(CASES)('%s', async (_, run, options, makeExample, makeOthers) => {
    const net = new Own(run).eval()
    const [example, others] = [makeExample(), makeOthers()]
    const bytes = await encodeOnnx(net, example, options)
    const read = (await loadOnnx(bytes)).eval()
    for (const inputs of [example, ...others]) {
      const expected = noGrad(() => net.forward(...inputs))
      for (const { by, outputs } of await runModel(bytes, inputs))
        expectSame(outputs[0], expected, `[${inputs.map(({ shape }) => `[${shape}]`)}], ${by}`)
      const again = noGrad(() => read.forward(...inputs))
      expectSame({ shape: [...again.shape], values: again.toFloat32Array() }, expected, 'read again')
    }
  })

  it.each<[string, (self: Own, x: Tensor) => Tensor, () => Tensor, OnnxOptions, RegExp]>([
    [
      'a classifier that flattens',
      ({ head, conv }, x) => head.forward(F.avgPool2d(conv.forward(x), [8, 4]).flatten(1)),
      () => images(1, 8, 8),
      IMAGES,
      /does not take other sizes of 'batch', 'height', 'width'/,
    ],
    [
      'another constant for each size',
      (_, x) => x.add(squares(x.shape[3])),
      () => images(1, 8, 8),
      IMAGES,
      /'add' takes a constant whose values change/,
    ],
    [
      'a bilinear Upsample',
      (_, x) => F.interpolate(x, { scaleFactor: 2, mode: 'bilinear' }),
      () => images(1, 8, 8),
      IMAGES,
      /'resample' takes a constant whose values change/,
    ],
    [
      'windows that are rounded up',
      (_, x) => F.maxPool2d(x, 2, { ceilMode: true }),
      () => images(1, 8, 8),
      IMAGES,
      /'maxPool2d' rounds the number of windows up \(ceilMode\).*height/,
    ],
    [
      'a size in the middle of a net that rounds',
      ({ conv, half }, x) => {
        const y = half.forward(conv.forward(x))
        return y.add(ones([y.shape[2], y.shape[3]]).mul(2))
      },
      () => images(1, 8, 8),
      { dynamicAxes: { input: { 2: 'height', 3: 'width' } } },
      /needs the size .* as a number/,
    ],
    [
      'a net that takes one size only',
      (_, x) => {
        if (x.shape[2] !== 8) throw new AutogradError('only 8')
        return x.neg()
      },
      () => images(1, 8, 8),
      IMAGES,
      /only 8/,
    ],
  ])('refuses %s', async (_, run, example, options, message) => {
    const refused = encodeOnnx(new Own((self, x) => run(self, x)), example(), options)
    await expect(refused).rejects.toThrow(AutogradError)
    await expect(refused).rejects.toThrow(message)
  })

  it('refuses names and dimensions that are none', async () => {
    const net = new nn.ReLU()
    const all: [OnnxOptions, RegExp][] = [
      [{ dynamicAxes: 3 as never }, /names sizes of inputs/],
      [{ dynamicAxes: { input: [0] as never } }, /names sizes, as in/],
      [{ dynamicAxes: { input: { 0: 3 as never } } }, /is the name of a size/],
      [{ dynamicAxes: { input: { 2: 'x' } } }, /has the dimension 2, but the input has the shape \[2,3\]/],
      [
        { dynamicAxes: { inputs: { 0: 'x' } } },
        /names "inputs", which is no input \(input\) or output \(output\)/,
      ],
      [{ dynamicAxes: { input: { 0: 'x', 1: 'x' } } }, /sizes 'x' of 2 and 3/],
      [{ dynamicAxes: {}, dynamicBatch: false }, /leave dynamicBatch out/],
    ]
    for (const [options, message] of all)
      await expect(encodeOnnx(net, [2, 3], options), String(message)).rejects.toThrow(message)
  })
})

const squares = (count: number) => arange(count).pow(2)
