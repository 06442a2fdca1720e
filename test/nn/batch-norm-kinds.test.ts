/** Ghost batch norm and batch renormalisation, each against its paper's formula, written out in float64. */
import { compile, encodeState, hashState, manualSeed, nn, noGrad, randn, type Tensor, tensor } from 'simdgrad'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

const values = (x: Tensor | null | undefined) => [...(x?.toFloat32Array() ?? [])]
const random = (n: number) => values(randn([n]))

/** The values of each channel of [N, C, …], with their places. */
function channels(x: number[], c: number, inner: number): { at: number[]; own: number[] }[] {
  return Array.from({ length: c }, (_, k) => {
    const at = x.map((_, i) => i).filter((i) => Math.floor(i / inner) % c === k)
    return { at, own: at.map((i) => x[i]) }
  })
}

function moments(own: number[]): [mean: number, biased: number] {
  const mean = own.reduce((a, b) => a + b, 0) / own.length
  return [mean, own.reduce((sum, v) => sum + (v - mean) ** 2, 0) / own.length]
}

describe.each([
  ['1d', [11, 3]],
  ['1d', [9, 3, 4]],
  ['2d', [8, 3, 2, 3]],
] as const)('GhostBatchNorm%s of [%s]', (kind, shape) => {
  const make = (virtualBatchSize: number) => {
    const layer = new (kind === '1d' ? nn.GhostBatchNorm1d : nn.GhostBatchNorm2d)(3, { virtualBatchSize })
    layer.weight?.copy_(tensor(random(3)))
    layer.bias?.copy_(tensor(random(3)))
    return layer
  }

  it('is batch norm of each part, which moves the statistics: algorithm 1 of Hoffer et al.', () => {
    const layer = make(4)
    const x = randn([...shape])
    x.requiresGrad = true
    const y = layer.forward(x)
    const cotangent = randn([...shape])
    y.mul(cotangent).sum().backward()

    const [n] = shape
    const parts = n === 9 ? [0, 4, 9] : n === 11 ? [0, 4, 8, 11] : [0, 4, 8]
    const fresh = new (kind === '1d' ? nn.BatchNorm1d : nn.BatchNorm2d)(3)
    fresh.weight?.copy_(layer.weight as Tensor)
    fresh.bias?.copy_(layer.bias as Tensor)
    const twin = x.detach()
    twin.requiresGrad = true
    const outputs = parts.slice(1).map((end, i) => fresh.forward(twin.slice(0, parts[i], end)))
    const means = parts
      .slice(1)
      .map((end, i) => x.detach().slice(0, parts[i], end))
      .map((part) => channels(values(part), 3, part.size / part.shape[0] / 3).map(({ own }) => moments(own)))
    expectClose(values(y), outputs.flatMap(values), { tolerance: 1e-5 })
    outputs
      .map((output, i) => output.mul(cotangent.slice(0, parts[i], parts[i + 1])).sum())
      .reduce((a, b) => a.add(b))
      .backward()
    expectClose(values(x.grad), values(twin.grad), { tolerance: 1e-5 })
    // running = Σ (1 − m)^(k − i) · m · μᵢ
    const k = means.length
    for (let c = 0; c < 3; c++) {
      const expected = means.reduce((sum, own, i) => sum + 0.9 ** (k - 1 - i) * 0.1 * own[c][0], 0)
      expectClose([values(layer.runningMean)[c]], [expected], { tolerance: 1e-5 })
    }
    expect(layer.numBatchesTracked?.item()).toBe(k)
  })

  it('is batch norm in evaluation, for one part, and in a state dict', () => {
    const layer = make(64)
    const plain = new (kind === '1d' ? nn.BatchNorm1d : nn.BatchNorm2d)(3)
    plain.loadStateDict(layer.stateDict())
    const x = randn([...shape])
    expect(values(layer.forward(x))).toEqual(values(plain.forward(x)))
    const small = make(2)
    small.forward(x)
    plain.loadStateDict(small.stateDict())
    expect(values(small.eval().forward(x))).toEqual(values(plain.eval().forward(x)))
    expect(String(small)).toMatch(/virtualBatchSize=2\)$/)
  })
})

/** Algorithm 1 of Ioffe, 2017, and its gradient, for which r and d are constants. */
function renorm(
  x: number[],
  dy: number[],
  inner: number,
  state: { mean: number[]; sigma: number[]; gamma: number[]; beta: number[] },
  { rMax, dMax, momentum, eps }: { rMax: number; dMax: number; momentum: number; eps: number },
) {
  const [y, dx]: number[][] = [[], []]
  const [dgamma, dbeta]: number[][] = [[], []]
  const c = state.mean.length
  const next = channels(x, c, inner).map(({ at, own }, k) => {
    const [mu, variance] = moments(own)
    const sigma = Math.sqrt(variance + eps)
    const r = Math.min(Math.max(sigma / state.sigma[k], 1 / rMax), rMax)
    const d = Math.min(Math.max((mu - state.mean[k]) / state.sigma[k], -dMax), dMax)
    const hat = own.map((v) => (v - mu) / sigma)
    for (const [i, place] of at.entries()) y[place] = state.gamma[k] * (hat[i] * r + d) + state.beta[k]
    dgamma[k] = at.reduce((sum, place, i) => sum + dy[place] * (hat[i] * r + d), 0)
    dbeta[k] = at.reduce((sum, place) => sum + dy[place], 0)
    const g = at.map((place) => dy[place] * state.gamma[k] * r)
    const mean = g.reduce((a, b) => a + b, 0) / g.length
    const along = g.reduce((sum, v, i) => sum + v * hat[i], 0) / g.length
    for (const [i, place] of at.entries()) dx[place] = (g[i] - mean - hat[i] * along) / sigma
    return {
      mean: state.mean[k] + momentum * (mu - state.mean[k]),
      sigma: state.sigma[k] + momentum * (sigma - state.sigma[k]),
    }
  })
  return { y, dx, dgamma, dbeta, mean: next.map(({ mean }) => mean), sigma: next.map(({ sigma }) => sigma) }
}

describe.each([
  ['1d', [5, 4]],
  ['1d', [3, 4, 5]],
  ['2d', [2, 4, 3, 3]],
] as const)('BatchRenorm%s of [%s]', (kind, shape) => {
  const Layer = kind === '1d' ? nn.BatchRenorm1d : nn.BatchRenorm2d
  const inner = shape.slice(2).reduce((a, b) => a * b, 1)
  const [momentum, eps] = [0.3, 1e-3]

  it.each([
    ['batch norm at first', { begin: 5, rEnd: 5, dEnd: 5 }, [1, 0]],
    ['all of it at once', { begin: 0, rEnd: 0, dEnd: 0 }, [1.5, 0.4]],
    ['some of it in between', { begin: 0, rEnd: 4, dEnd: 8 }, [1 + 0.5 * (2 / 4), 0.4 * (2 / 8)]],
  ] as const)('computes its paper’s formula: %s', (_, schedule, [rMax, dMax]) => {
    const layer = new Layer(4, { rMax: 1.5, dMax: 0.4, schedule, momentum, eps })
    const state = {
      mean: random(4),
      sigma: random(4).map((v) => 0.5 + v * v),
      gamma: random(4),
      beta: random(4),
    }
    layer.runningMean?.copy_(tensor(state.mean))
    layer.runningVar?.copy_(tensor(state.sigma.map((s) => s * s - eps)))
    layer.numBatchesTracked?.fill_(2)
    layer.weight?.copy_(tensor(state.gamma))
    layer.bias?.copy_(tensor(state.beta))
    const x = randn([...shape])
      .mul(1.7)
      .add(0.4)
      .detach()
    x.requiresGrad = true
    const dy = randn([...shape])
    const y = layer.forward(x)
    y.backward(dy)
    const twin = renorm(values(x), values(dy), inner, state, { rMax, dMax, momentum, eps })
    const close = { tolerance: 2e-5 }
    expectClose(values(y), twin.y, close)
    expectClose(values(x.grad), twin.dx, close)
    expectClose(values(layer.weight?.grad), twin.dgamma, close)
    expectClose(values(layer.bias?.grad), twin.dbeta, close)
    expectClose(values(layer.runningMean), twin.mean, close)
    expectClose(
      values(layer.runningVar),
      twin.sigma.map((s) => s * s - eps),
      close,
    )
    expect(layer.numBatchesTracked?.item()).toBe(3)
  })

  it('computes in training what evaluation does, within the limits', () => {
    const layer = new Layer(4, { rMax: 100, dMax: 100, schedule: { begin: 0, rEnd: 0, dEnd: 0 } })
    layer.runningMean?.copy_(tensor(random(4)))
    const x = randn([...shape])
    const expected = values(layer.eval().forward(x))
    expectClose(values(layer.train().forward(x)), expected, { tolerance: 1e-4 })
  })

  it('is compiled: its limits grow from step to step', async () => {
    const make = () => new Layer(4, { schedule: { begin: 2, rEnd: 6, dEnd: 4 }, affine: false })
    const [eager, replayed] = [make(), make()]
    const step = compile((x: Tensor) => noGrad(() => replayed.forward(x)))
    for (let i = 0; i < 8; i++) {
      const x = randn([...shape])
      expect(values(step(x))).toEqual(values(noGrad(() => eager.forward(x))))
    }
    expect(step.report.reason).toBeUndefined()
    expect(await hashState(replayed.stateDict())).toBe(await hashState(eager.stateDict()))
    expect(encodeState(eager.stateDict()).length).toBeGreaterThan(0)
  })
})
