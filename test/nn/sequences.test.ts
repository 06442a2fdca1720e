/**
 * Layers of sequences against PyTorch: sequences.json has their parameters, inputs, outputs and all gradients, in
 * float64 from float32 (see sequences.py).
 */
import { ArgumentError, manualSeed, nn, noGrad, ShapeError, Tensor, tensor, zeros } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose, largest } from '../support/all-close.js'
import { decode, decodeTensor, type Encoded, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'
import { refuses } from '../support/refuses.js'

interface Case {
  name: string
  layer: string
  args: unknown[]
  options: Record<string, unknown>
  forward: Record<string, unknown>
  masks: Record<string, Encoded>
  inputs: (Encoded | Encoded[])[]
  state: Record<string, Encoded>
  outputs: Encoded[]
  cotangents: Encoded[]
  inputGrads: Encoded[]
  grads: Record<string, Encoded>
}

type AnyForward = nn.Module<readonly unknown[], unknown>

const cases = readFixture<Case[]>('sequences.json')

beforeAll(initForTest)

function layerOf({ layer, args, options }: Case): AnyForward {
  if (layer === 'TransformerEncoder') {
    const [size, heads, count, norm] = args as [number, number, number, boolean]
    const inner = new nn.TransformerEncoderLayer(size, heads, options)
    const encoder = new nn.TransformerEncoder(inner, count, { norm: norm ? new nn.LayerNorm(size) : null })
    return encoder as unknown as AnyForward
  }
  const make = Reflect.get(nn, layer) as new (...args: unknown[]) => AnyForward
  return new make(...args, options)
}

/** The tensors of an output, one after the other. */
function flat(output: unknown): Tensor[] {
  if (output instanceof Tensor) return [output]
  return output === null ? [] : (output as unknown[]).flatMap(flat)
}

/** Everything that a case's layer gives. */
function run(each: Case) {
  const layer = layerOf(each)
  const state = Object.fromEntries(
    Object.entries(each.state).map(([key, value]) => [key, decodeTensor(value)]),
  )
  layer.loadStateDict(state)
  layer.train(each.name.includes('without a batch') && each.options.dropout === 0)
  const inputs = each.inputs.map((input) =>
    Array.isArray(input) ? input.map((one) => decodeTensor(one, true)) : decodeTensor(input, true),
  )
  const masks = Object.fromEntries(Object.entries(each.masks).map(([key, mask]) => [key, decodeTensor(mask)]))
  const options = { ...each.forward, ...masks }
  const outputs = flat(layer.forward(...inputs, ...(Object.keys(options).length > 0 ? [options] : [])))
  return { layer, inputs: inputs.flat(), outputs }
}

/** The gradients of all outputs at once. */
function backward(outputs: readonly Tensor[], cotangents: readonly Encoded[]): void {
  const [first, ...rest] = outputs.map((y, i) => y.mul(decodeTensor(cotangents[i])).sum())
  rest.reduce((sum, one) => sum.add(one), first).backward()
}

describe.each([...new Set(cases.map(({ layer }) => layer))])('%s', (name) => {
  const own = cases.filter(({ layer }) => layer === name)
  it.each(own.map((each) => [each.name, each] as const))('%s', (_, each) => {
    const { layer, inputs, outputs } = run(each)
    expect(Object.keys(layer.stateDict())).toEqual(Object.keys(each.state))
    expect(outputs.map(({ shape }) => shape)).toEqual(each.outputs.map(({ shape }) => shape))
    outputs.forEach((output, i) => {
      expectClose(output, decode(each.outputs[i]), { tolerance: 1e-5, what: `output ${i}` })
    })
    backward(outputs, each.cotangents)
    const scale = (values: Float32Array) => Math.max(largest(values), 1e-2)
    inputs.forEach(({ grad }, i) => {
      const expected = decode(each.inputGrads[i])
      expectClose(grad ?? [], expected, { tolerance: 1e-4, scale: scale(expected), what: `input ${i}` })
    })
    for (const [key, parameter] of layer.namedParameters()) {
      const expected = decode(each.grads[key])
      expectClose(parameter.grad ?? [], expected, { tolerance: 1e-4, scale: scale(expected), what: key })
    }
  })
})

describe('recurrent layers', () => {
  it('are initialised uniformly in ±1 / √hiddenSize', () => {
    manualSeed(1)
    const layer = new nn.LSTM(30, 25, { numLayers: 2, bidirectional: true })
    for (const [name, parameter] of layer.namedParameters()) {
      const most = largest(parameter.toFloat32Array())
      expect(most, name).toBeLessThanOrEqual(0.2)
      expect(most, name).toBeGreaterThan(0.18)
    }
    expect(layer.weightIhL1Reverse.shape).toEqual([100, 50])
    expect(layer.biasHhL0?.shape).toEqual([100])
  })

  it('drop what passes between layers, in training only', () => {
    manualSeed(2)
    const layer = new nn.GRU(3, 4, { numLayers: 2, dropout: 1 })
    const [x, other] = [3, 4].map((seed) => {
      manualSeed(seed)
      return noGrad(() =>
        zeros([5, 2, 3]).add(
          nn.functional.dropout(tensor(new Float32Array(30).fill(1)), 0.5).reshape([5, 2, 3]),
        ),
      )
    })
    const outputs = () => [x, other].map((each) => layer.forward(each)[0].toFloat32Array())
    // The second layer sees nothing but zeros.
    expect(outputs()[0]).toEqual(outputs()[1])
    layer.eval()
    expect(outputs()[0]).not.toEqual(outputs()[1])
  })

  it('give no gradient to what has none, and the same states without recording', () => {
    const layer = new nn.LSTM(3, 4)
    layer.weightHhL0.requiresGrad = false
    const x = tensor(new Float32Array(30).fill(0.3)).reshape([5, 2, 3])
    const [output, [h]] = layer.forward(x)
    output.sum().backward()
    expect(layer.weightHhL0.grad).toBeNull()
    expect(layer.weightIhL0.grad).not.toBeNull()
    const [again] = noGrad(() => layer.forward(x))
    expect(again.toFloat32Array()).toEqual(output.toFloat32Array())
    expect(h.toFloat32Array()).toEqual(output.toFloat32Array().slice(-8))
  })

  it('refuse what does not fit', () => {
    const layer = new nn.LSTM(3, 4)
    refuses(
      () => layer.forward(zeros([5, 2, 4])),
      ShapeError,
      'LSTM: expected an input of shape [T, N, 3] or [T, 3]',
    )
    refuses(() => layer.forward(zeros([0, 2, 3])), ShapeError, 'at least one step')
    refuses(
      () => layer.forward(zeros([5, 2, 3]), [zeros([1, 2, 4]), zeros([1, 3, 4])]),
      ShapeError,
      'first state c of shape [1,2,4]',
    )
    refuses(() => layer.forward(zeros([5, 2, 3]), zeros([1, 2, 4]) as never), ArgumentError, 'a pair [h, c]')
    refuses(
      () => new nn.GRU(3, 4).forward(zeros([5, 2, 3]), [zeros([1, 2, 4])] as never),
      ArgumentError,
      'first state h is a tensor',
    )
    refuses(() => new nn.RNN(3, 4, { nonlinearity: 'sigmoid' as never }), ArgumentError, "'tanh' or 'relu'")
    refuses(() => new nn.RNN(3, 0), ArgumentError, 'hiddenSize')
  })
})

describe('attention', () => {
  const x = () => tensor(Array.from({ length: 24 }, (_, i) => Math.sin(i))).reshape([1, 6, 4])

  it('has the same output with and without its weights, and under dropout weights of 0', () => {
    manualSeed(3)
    const layer = new nn.MultiheadAttention(4, 2, { batchFirst: true, dropout: 0.5 })
    layer.eval()
    const [plain] = layer.forward(x(), x(), x(), { needWeights: false, isCausal: true })
    const [output, weights] = layer.forward(x(), x(), x(), { isCausal: true })
    expectClose(plain, output.toFloat32Array(), { tolerance: 1e-6, what: 'output' })
    expect(weights?.toFloat32Array().slice(0, 6)).toEqual(Float32Array.of(1, 0, 0, 0, 0, 0))
    layer.train()
    const [, dropped] = layer.forward(x(), x(), x(), { averageAttnWeights: false })
    expect(dropped?.toFloat32Array().some((weight) => weight === 0)).toBe(true)
  })

  it.each([true, false])('lets every query see what stands behind the keys: weights %s', (needWeights) => {
    const layer = new nn.MultiheadAttention(4, 2, { batchFirst: true, addBiasKv: true, addZeroAttn: true })
    const attnMask = tensor(Array.from({ length: 36 }, (_, i) => Number(i % 6 > Math.floor(i / 6)))).reshape([
      6, 6,
    ])
    const [causal, seen] = layer.forward(x(), x(), x(), { isCausal: true, needWeights })
    const [masked] = layer.forward(x(), x(), x(), { attnMask, maskType: 'boolean', needWeights })
    expectClose(causal, masked.toFloat32Array(), { tolerance: 1e-6, what: 'output' })
    if (!seen) return
    expect(seen.shape).toEqual([1, 6, 8])
    const [first] = (seen.toArray() as number[][][])[0]
    expect(first.map((weight) => weight > 0)).toEqual([true, ...Array<boolean>(5).fill(false), true, true])
  })

  it('of keys and values of other sizes says what it expects', () => {
    const layer = new nn.MultiheadAttention(4, 2, { kdim: 3, vdim: 5 })
    const [q, k, v] = [zeros([2, 1, 4]), zeros([3, 1, 3]), zeros([3, 1, 5])]
    expect(layer.forward(q, k, v)[0].shape).toEqual([2, 1, 4])
    refuses(() => layer.forward(q, v, k), ShapeError, 'a key [S, N, 3] and a value [S, N, 5]')
    refuses(() => layer.forward(q, k, zeros([2, 1, 5])), ShapeError, 'a key [S, N, 3] and a value [S, N, 5]')
    refuses(() => new nn.MultiheadAttention(4, 2, { kdim: 0 }), ArgumentError, 'kdim')
    refuses(() => new nn.LSTM(3, 4, { projSize: 4 }), ArgumentError, 'projSize')
    const lstm = new nn.LSTM(3, 4, { projSize: 2 })
    refuses(
      () => lstm.forward(zeros([5, 2, 3]), [zeros([1, 2, 4]), zeros([1, 2, 4])]),
      ShapeError,
      'first state h of shape [1,2,2] (layers · directions, N, projSize)',
    )
    expect(String(lstm)).toBe('LSTM(3, 4, projSize=2)')
  })

  it('drops weights with the probability, and its gradient is that of the same weights', () => {
    manualSeed(4)
    const [n, s] = [200, 50]
    const [q, k] = [zeros([n, 1, 4]), zeros([n, s, 4])]
    // All weights are alike, so a mean of ones is how many were kept.
    const v = tensor(new Float32Array(n * s).fill(1), { requiresGrad: true, shape: [n, s, 1] })
    const y = nn.functional.scaledDotProductAttention(q, k, v, { dropoutP: 0.25 })
    expect(Math.abs(y.mean().item() - 1)).toBeLessThan(0.03)
    y.sum().backward()
    const grad = v.grad?.toFloat32Array() ?? new Float32Array()
    const kept = 1 / 0.75 / s
    expect([...new Set(grad)].sort()).toEqual([0, Math.fround(kept)].map((value) => expect.closeTo(value, 6)))
    const sums = Array.from({ length: n }, (_, i) => grad.slice(i * s, (i + 1) * s).reduce((a, b) => a + b))
    expectClose(y, Float32Array.from(sums), { tolerance: 1e-5, what: 'rows' })
  })

  it('gives 0 where nothing is seen', () => {
    const mask = tensor([
      [0, 0],
      [1, 0],
    ])
    const v = tensor([[1], [2]], { requiresGrad: true })
    const y = nn.functional.scaledDotProductAttention(zeros([2, 3]), zeros([2, 3]), v, {
      attnMask: mask,
      maskType: 'boolean',
    })
    expect(y.toArray()).toEqual([[0], [1]])
    y.sum().backward()
    expect(v.grad?.toArray()).toEqual([[1], [0]])
  })

  it('refuses what does not fit', () => {
    const { scaledDotProductAttention } = nn.functional
    const q = zeros([2, 3, 4])
    refuses(
      () => scaledDotProductAttention(q, zeros([2, 5, 3]), q),
      ShapeError,
      'got [2,3,4], [2,5,3] and [2,3,4]',
    )
    refuses(() => scaledDotProductAttention(q, q, q, { attnMask: zeros([3, 3]) }), ArgumentError, 'maskType')
    const mask = { attnMask: zeros([2, 4]), maskType: 'additive' } as const
    refuses(() => scaledDotProductAttention(q, q, q, mask), ShapeError, 'broadcasts to [2,3,3]')
    const both = { attnMask: zeros([3, 3]), maskType: 'additive', isCausal: true } as const
    refuses(() => scaledDotProductAttention(q, q, q, both), ArgumentError, 'exclude each other')
    const trained = tensor([[0, 0, 0]], { requiresGrad: true })
    refuses(
      () => scaledDotProductAttention(q, q, q, { attnMask: trained, maskType: 'additive' }),
      ArgumentError,
      'detach()',
    )
    const layer = new nn.MultiheadAttention(4, 2)
    refuses(
      () => layer.forward(q, q, zeros([2, 3, 5])),
      ShapeError,
      'MultiheadAttention: expected a query [T, N, 4]',
    )
    refuses(() => layer.forward(q, q, q, { keyPaddingMask: zeros([3, 3]) }), ShapeError, '[3,2] ([N, S])')
    const padding = tensor([
      [-1, 0],
      [0, 0],
      [0, 0],
    ])
    refuses(
      () => layer.forward(q, q, q, { keyPaddingMask: padding }),
      ArgumentError,
      'a 1 for each key that nobody sees',
    )
    refuses(() => new nn.MultiheadAttention(5, 2), ArgumentError, 'multiple of numHeads')
    refuses(
      () => new nn.TransformerEncoder(new nn.Linear(2, 2) as never, 2),
      ArgumentError,
      'to copy, got a Linear',
    )
  })
})
