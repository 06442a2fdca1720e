import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ArgumentError,
  autograd,
  cat,
  manualSeed,
  nn,
  noGrad,
  rand,
  randint,
  randn,
  type Tensor,
  tensor,
  where,
} from 'simdgrad'
import { type ExportOptions, toC, toJavaScript } from 'simdgrad/export'
import { JOBS } from 'simdgrad/nets'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { arrayOf, C_FLAGS, cc, numbersOf } from '../support/c-compiler.js'
import { EXAMPLE_NETS } from '../support/example-nets.js'
import { initForTest } from '../support/init.js'

const folder = mkdtempSync(join(tmpdir(), 'simdgrad-export-'))
let files = 0
beforeAll(initForTest)
beforeEach(() => manualSeed(0))
afterAll(() => rmSync(folder, { recursive: true }))

type Net = nn.AnyModule<readonly Tensor[], unknown>

/** What the net gives, flat, in order. */
function expectedOf(net: Net, inputs: readonly Tensor[]): Float32Array[] {
  const found: Float32Array[] = []
  const visit = (value: unknown): void => {
    if (value instanceof Float32Array) found.push(value)
    else for (const one of Object.values(value as object)) visit(one)
  }
  const values = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return []
    if ('toFloat32Array' in value) return (value as Tensor).toFloat32Array()
    return Object.values(value).map(values)
  }
  visit([values(noGrad(() => net.eval().forward(...inputs)))])
  return found
}

function expectClose(
  got: readonly Float32Array[],
  expected: readonly Float32Array[],
  tolerance = 1e-5,
): void {
  expect(got.map(({ length }) => length)).toEqual(expected.map(({ length }) => length))
  for (const [k, values] of expected.entries()) {
    const largest = Math.max(...values.map(Math.abs))
    const apart = Math.max(...values.map((value, i) => Math.abs(value - got[k][i])))
    expect(apart).toBeLessThanOrEqual(tolerance * largest)
  }
}

/** Runs the module as a file of its own. */
async function runJavaScript(code: string, inputs: readonly Tensor[]): Promise<Float32Array[]> {
  expect(code).not.toMatch(/import|require/)
  const path = join(folder, `net${files++}.mjs`)
  writeFileSync(path, code)
  const { predict } = (await import(/* @vite-ignore */ path)) as {
    predict(...values: ArrayLike<number>[]): Float32Array | Float32Array[]
  }
  const given = inputs.map((x) => x.toFloat32Array())
  // Nothing is left of a call before.
  predict(...given.map((values) => values.map((value) => value + 1)))
  const result = predict(...given)
  return Array.isArray(result) ? result : [result]
}

/** Compiles the file without a warning, and runs it in a program. */
function runC(code: string, inputs: readonly Tensor[], sizes: readonly number[]): Float32Array[] {
  expect(code).not.toMatch(/malloc|double|stdlib/)
  const path = join(folder, `net${files++}`)
  writeFileSync(`${path}.c`, code)
  const arrays = inputs.map((x, i) => arrayOf(`in${i}`, x.toFloat32Array()))
  const names = [...inputs.map((_, i) => `in${i}`), ...sizes.map((_, i) => `out${i}`)].join(', ')
  const signature = [...inputs.map(() => 'const float *'), ...sizes.map(() => 'float *')].join(', ')
  writeFileSync(
    `${path}-main.c`,
    `#include <math.h>
#include <stdio.h>
void predict(${signature});
${arrays.join('\n')}
${sizes.map((size, i) => `static float out${i}[${size}];`).join('\n')}
int main(void) {
  predict(${names});
  predict(${names});
${sizes.map((size, i) => `  for (int i = 0; i < ${size}; i++) printf("%.9g\\n", out${i}[i]);`).join('\n')}
  return 0;
}
`,
  )
  execFileSync(cc ?? 'cc', [...C_FLAGS, '-O1', `${path}.c`, `${path}-main.c`, '-lm', '-o', path])
  const all = numbersOf(execFileSync(path, { encoding: 'utf8', maxBuffer: 1 << 28 }))
  let from = 0
  return sizes.map((size) => {
    from += size
    return Float32Array.from(all.slice(from - size, from))
  })
}

async function check(net: Net, inputs: readonly Tensor[], into?: () => Net): Promise<void> {
  const asked = (): ExportOptions<Net> => ({ inputs: [...inputs], ...(into && { into: into() }) })
  const expected = expectedOf(net, inputs)
  expectClose(await runJavaScript(toJavaScript(net, asked()).code, inputs), expected)
  if (!cc) return
  const sizes = expected.map(({ length }) => length)
  expectClose(runC(toC(net, asked()).code, inputs, sizes), expected)
}

/** Statistics as after training. */
function shake<M extends Net>(net: M): M {
  for (const [, module] of net.namedModules()) {
    if (!(module instanceof nn.BatchNorm1d || module instanceof nn.BatchNorm2d)) continue
    module.runningMean?.copy_(randn([module.numFeatures]).mul(0.3))
    module.runningVar?.copy_(rand([module.numFeatures]).add(0.5))
  }
  return net
}

const image =
  (...shape: number[]) =>
  () => [randn([1, ...shape])]

/** The nets of the examples and of the notebook, each with its input. */
const NETS: Record<string, [make: () => Net, input: () => Tensor[], into?: () => Net]> = {
  ...Object.fromEntries(
    Object.entries(JOBS).map(([name, { make }]) => [name, [make, image(1, 28, 28), make] as const]),
  ),
  resnet20: [() => EXAMPLE_NETS.resnet20({}), image(3, 32, 32)],
  mobilenet: [() => EXAMPLE_NETS.mobilenet({}), image(1, 28, 28)],
  'char-gpt': [() => EXAMPLE_NETS['char-gpt']({ vocabulary: 40 }), () => [randint(0, 40, [1, 32])]],
  'sensor-gru': [() => EXAMPLE_NETS['sensor-gru']({}), image(24, 2)],
  tabular: [() => EXAMPLE_NETS.tabular({ columns: 6, width: 32 }), image(6)],
  autoencoder: [() => EXAMPLE_NETS.autoencoder({}), image(1, 28, 28)],
  unet: [() => EXAMPLE_NETS.unet({}), image(1, 28, 28)],
}

describe('the example nets as files', () => {
  it.each(Object.keys(NETS))('%s', async (name) => {
    const [make, input, into] = NETS[name]
    await check(shake(make()), input(), into)
  })
})

class Own extends nn.Module<readonly Tensor[], unknown> {
  constructor(readonly run: (...inputs: readonly Tensor[]) => unknown) {
    super()
  }
  override forward(...inputs: readonly Tensor[]) {
    return this.run(...inputs)
  }
}

const { functional: F } = nn

describe('operations as files', () => {
  const UNARY =
    'abs exp relu sigmoid tanh neg sin cos erf floor ceil sign silu hardswish mish relu6 softplus elu leakyRelu gelu reciprocal'
  it.each(UNARY.split(' '))('%s', async (name) => {
    const run = Reflect.get(F, name) as ((x: Tensor) => Tensor) | undefined
    const method = (x: Tensor) => (Reflect.get(x, name) as () => Tensor).call(x)
    await check(new Own((x) => (run ? run(x) : method(x))), [randn([3, 7]).mul(3)])
  })

  it.each<[string, (...inputs: readonly Tensor[]) => unknown, ...number[][]]>([
    ['arithmetic, broadcast', (a, b) => a.mul(b).add(2).sub(a).div(b.abs().add(1)), [2, 3, 4], [3, 1]],
    ['larger and smaller', (a, b) => [a.maximum(b), a.minimum(b), a.gt(b), a.le(0.5), a.eq(b)], [4, 3], [3]],
    [
      'pow, clamp, sqrt, log',
      (x) => [x.abs().pow(1.7), x.clamp({ min: -0.5, max: 0.7 }), x.abs().add(1).sqrt().log()],
      [9],
    ],
    [
      'sums, means and largest',
      (x) => [x.sum(), x.mean({ dim: [1, 3] }), x.max({ dim: 2 }), x.sum({ dim: 0, keepdim: true })],
      [2, 3, 4, 5],
    ],
    ['the place of the largest', (x) => x.argmax({ dim: 1 }), [3, 9, 2]],
    ['softmax, over each dimension', (x) => [x.softmax(1), x.logSoftmax(-1), x.softmax(0)], [3, 4, 5]],
    [
      'matmul, batched and broadcast',
      (a, b) => [a.matmul(b), b.transpose(-1, -2).matmul(a.transpose(1, 2))],
      [5, 3, 4],
      [4, 6],
    ],
    ['parts', (x) => [x.slice(1, 1, 3), x.permute([2, 0, 1]), x.flatten(1), x.at([0, null, 2])], [2, 4, 3]],
    ['put together', (a, b) => cat([a, b, a.neg()], 1), [2, 3, 2], [2, 1, 2]],
    ['chosen', (a, b) => [where(a.gt(0), a, b), F.oneHot(b.gt(0), 2)], [4, 5], [5]],
    ["a function of one's own", (x) => Twice.apply(x).add(1), [2, 3]],
    ['expanded and padded', (x) => [x.expand([3, 4, 2]), F.pad(x, [1, 2, 0, 1], { value: 3 })], [1, 4, 2]],
    [
      'statistics by hand',
      (x) =>
        x
          .sub(x.mean({ dim: 1, keepdim: true }))
          .div(x.var({ dim: 1, keepdim: true, unbiased: false }).add(1e-5).sqrt()),
      [3, 8],
    ],
    [
      'the input itself, a constant, and the same twice',
      (x) => {
        const y = x.mul(2)
        return [x, y, y.reshape([6]), tensor([1, 2])]
      },
      [2, 3],
    ],
    [
      'pooling',
      (x) => [
        F.maxPool2d(x, 3, { stride: 2, padding: 1 }),
        F.avgPool2d(x, 3, { stride: 2, padding: 1, countIncludePad: false, ceilMode: true }),
        F.avgPool2d(x, [2, 3], { padding: [1, 0] }),
        F.maxPool2d(x, 2, { dilation: 2, ceilMode: true }),
      ],
      [1, 2, 8, 9],
    ],
    [
      'other sizes',
      (x) => [
        F.interpolate(x, { scaleFactor: 2 }),
        F.interpolate(x, { size: [7, 5], mode: 'bilinear' }),
        F.adaptiveAvgPool2d(x, [3, 2]),
      ],
      [1, 2, 5, 4],
    ],
    [
      'sums so far, in order, the largest, rounded, a triangle',
      (x) => [
        x.cumsum(1),
        x.sort({ dim: 0, descending: true }).values,
        x.topk(2, { dim: 1 }).indices,
        x.mul(3).round(),
        x.triu(1),
        x.flip([0, 2]),
      ],
      [3, 4, 5],
    ],
    [
      'picked and put back',
      (x, y) => [
        x.gather(1, y.argsort({ dim: 1 })),
        x.indexSelect(1, [2, 0]),
        x.scatterAdd(1, y.argmax({ dim: 1, keepdim: true }), y.slice(1, 0, 1)),
      ],
      [3, 4],
      [3, 4],
    ],
    [
      'pooled and unpooled',
      (x) => {
        const options = { stride: 2, padding: 1 }
        const [y, at] = F.maxPool2d(x, 3, { ...options, returnIndices: true })
        return [at, F.maxUnpool2d(y.mul(2), at, 3, options)]
      },
      [2, 2, 7, 9],
    ],
    [
      'attention, masked',
      (q, k, mask) => [
        F.scaledDotProductAttention(q, k, k, { attnMask: mask, maskType: 'additive' }),
        F.scaledDotProductAttention(q, k, k, { attnMask: mask.gt(0.6), maskType: 'boolean' }),
      ],
      [2, 3, 5, 4],
      [2, 3, 7, 4],
      [2, 1, 5, 7],
    ],
    [
      'attention',
      (q, k) => [
        F.scaledDotProductAttention(q, k, k),
        F.scaledDotProductAttention(q, q, q, { isCausal: true }),
      ],
      [2, 3, 5, 4],
      [2, 3, 7, 4],
    ],
  ])('%s', async (_, run, ...shapes) => {
    await check(
      new Own(run),
      shapes.map((shape) => randn(shape)),
    )
  })

  it.each<[string, () => nn.AnyModule, number[]]>([
    ['Conv2d', () => new nn.Conv2d(4, 6, 3, { stride: 2, padding: 1, groups: 2, bias: false }), [2, 4, 7, 9]],
    [
      'Conv2d, dilated, same',
      () => new nn.Conv2d(2, 3, [3, 2], { dilation: 2, padding: 'same' }),
      [1, 2, 6, 5],
    ],
    ['Conv1d', () => new nn.Conv1d(3, 5, 4, { stride: 2, padding: 2 }), [1, 3, 11]],
    [
      'ConvTranspose2d',
      () => new nn.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
      [2, 4, 5, 4],
    ],
    ['BatchNorm2d of the batch', () => new nn.BatchNorm2d(3, { trackRunningStats: false }), [2, 3, 4, 4]],
    ['BatchNorm2d', () => new nn.Sequential(new nn.ReLU(), new nn.BatchNorm2d(3)), [2, 3, 4, 4]],
    ['GroupNorm', () => new nn.GroupNorm(2, 6), [2, 6, 3, 4]],
    ['InstanceNorm2d', () => new nn.InstanceNorm2d(3), [2, 3, 4, 4]],
    ['LayerNorm', () => new nn.LayerNorm([3, 4]), [2, 3, 4]],
    ['RMSNorm', () => new nn.RMSNorm(6), [4, 6]],
    ['PReLU', () => new nn.PReLU({ numParameters: 3 }), [2, 3, 5]],
    ['RNN', () => new nn.RNN(3, 4, { bidirectional: true, numLayers: 2 }), [5, 2, 3]],
    ['LSTM', () => new nn.LSTM(3, 4, { batchFirst: true, bidirectional: true }), [2, 5, 3]],
    ['GRU', () => new nn.GRU(3, 4, { bias: false, numLayers: 2 }), [5, 1, 3]],
    [
      'a TransformerEncoderLayer',
      () => new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 12, batchFirst: true }),
      [1, 5, 8],
    ],
  ])('%s', async (_, make, shape) => {
    await check(shake(make() as Net), [randn(shape)])
  })
})

describe('toC and toJavaScript', () => {
  it('have weights of eight bits in a quarter of the bytes, and say what that costs', async () => {
    const net = shake(JOBS['mlp-bn-layer'].make()) as Net
    const inputs = image(1, 28, 28)()
    const expected = expectedOf(net, inputs)
    const [x, y] = [randn([50, 1, 28, 28]), randint(0, 10, [50])]
    const options = { inputs: [1, 1, 28, 28], weights: 'int8', data: [[x, y]] } as const
    const [whole, eight] = [toC(net, { inputs: [1, 1, 28, 28] }), toC(net, options)]
    expect(eight.weightBytes).toBeLessThan(0.27 * whole.weightBytes)
    const { loss } = eight
    expect(loss?.rows).toBe(50)
    expect(loss?.difference).toBeGreaterThan(1e-4)
    expect(loss?.difference).toBeLessThan(0.03)
    expect(loss?.agreement).toBeGreaterThan(0.9)
    expect(Math.abs((loss?.accuracy ?? 1) - (loss?.int8Accuracy ?? 0))).toBeLessThan(0.1)
    expectClose(await runJavaScript(toJavaScript(net, options).code, inputs), expected, 0.03)
    if (cc) expectClose(runC(eight.code, inputs, [10]), expected, 0.03)
    // The net is as it was.
    expect(expectedOf(net, inputs)).toEqual(expected)
  })

  it('have weights of eight bits for every layer that has them', async () => {
    for (const name of ['cnn-bn', 'char-gpt', 'sensor-gru', 'autoencoder', 'unet']) {
      const [make, input] = NETS[name]
      const [net, inputs] = [shake(make()), input()]
      const expected = expectedOf(net, inputs)
      const options: ExportOptions<Net> = { inputs: [...inputs], weights: 'int8', data: [inputs] }
      const exported = toC(net, options)
      const sizes = expected.map(({ length }) => length)
      const js = await runJavaScript(toJavaScript(net, options).code, inputs)
      expectClose(js, expected, 0.1)
      // What is measured is what the file does.
      const measured = exported.loss?.difference ?? 0
      expect(measured).toBeGreaterThan(0)
      expectClose(js, expected, measured * 1.001 + 1e-5)
      if (cc) expectClose(runC(exported.code, inputs, sizes), js, 1e-4)
    }
  })

  it('guess one row of a net that takes rows, and name the function', async () => {
    const net = new nn.Sequential(new nn.Linear(5, 2), new nn.Tanh())
    const { code, inputs, outputs, bytes, memoryBytes, loss } = toC(net, { name: 'weather' })
    expect([inputs, outputs]).toEqual([[[1, 5]], [[1, 2]]])
    expect(code).toContain('void weather(const float *input, float *output)')
    expect([bytes, memoryBytes, loss]).toEqual([code.length, 8, undefined])
    const file = join(folder, 'weather.mjs')
    writeFileSync(file, toJavaScript(net, { name: 'weather' }).code)
    const { weather } = (await import(/* @vite-ignore */ file)) as { weather(x: number[]): Float32Array }
    expect(weather([1, 2, 3, 4, 5])).toHaveLength(2)
    expect(() => weather([1])).toThrow('weather: expected 5 values')
  })

  it('give memory again to what comes later', () => {
    const layers = Array.from({ length: 10 }, () => [new nn.Linear(50, 50), new nn.ReLU()]).flat()
    const { memoryBytes } = toC(new nn.Sequential(...layers))
    expect(memoryBytes).toBe(4 * 100)
  })

  it('name the operation that has no form, and what can be written down by nobody', () => {
    const x = [randn([2, 3])]
    const refused: [(x: Tensor) => unknown, RegExp][] = [
      [
        (x) => F.binaryCrossEntropy(x.sigmoid(), x.sigmoid()),
        /toC: the operation 'binaryCrossEntropy' has no form in a file/,
      ],
      [
        (x) => (x.sum().item() > 0 ? x : x.neg()),
        /the forward of Own has no form in a file: it reads a value/,
      ],
      [(x) => x.add(rand([3])), /draws random numbers/],
      [(x) => tensor(x.toFloat32Array()), /reads a value/],
      [
        (x) => {
          const y = x.mul(2)
          y.fill_(1)
          return y.add(x)
        },
        /changed in place/,
      ],
      [() => 1, /gives no tensor/],
    ]
    for (const [run, message] of refused) {
      expect(() => toC(new Own(run as never), { inputs: x })).toThrow(message)
      expect(() => toC(new Own(run as never), { inputs: x })).toThrow(ArgumentError)
    }
  })

  it('refuse options that can’t be', () => {
    const net = new nn.Linear(2, 2)
    expect(() => toC({} as never)).toThrow(ArgumentError)
    expect(() => toC(net, { name: 'a b' })).toThrow(/name is that of a function/)
    expect(() => toC(net, { name: 'linear' })).toThrow(/is taken in the file/)
    expect(() => toJavaScript(net, { weights: 'int4' as never })).toThrow(/'float32' or 'int8'/)
    expect(() => toC(net, { data: [] })).toThrow(/leave it out/)
    expect(() => toC(net, { weights: 'int8', data: [] })).toThrow(/no batch/)
    expect(() => toC(net, { weights: 'int8', data: [1] as never })).toThrow(/a batch of data/)
    expect(() => toC(net, { size: 1 } as never)).toThrow(/unknown option 'size'/)
  })
})

class Twice extends autograd.Function {
  static forward(_: autograd.FunctionContext, x: Tensor) {
    return x.mul(2)
  }
  static backward(_: autograd.FunctionContext, dy: Tensor) {
    return dy.mul(2)
  }
}
