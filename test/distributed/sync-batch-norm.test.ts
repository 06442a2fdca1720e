/** SyncBatchNorm: its formulas against PyTorch's answers, and the layer. Several processes are in test/mpi. */
import { compile, manualSeed, nn, noGrad, ones, randn, type Tensor, zeros } from 'simdgrad'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ALONE, type Exchange, syncBatchNorm } from '../../src/autograd/ops/sync-batch-norm.js'
import type { ProcessGroup } from '../../src/nn/sync-batch-norm.js'
import { expectClose } from '../support/all-close.js'
import { decode, decodeTensor, type Encoded, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

interface Case {
  name: string
  options: { eps?: number; momentum?: number | null; affine?: boolean }
  channels: number
  weight: Encoded | null
  bias: Encoded | null
  before: [Encoded, Encoded]
  after: [Encoded, Encoded]
  parts: (Record<'x' | 'cotangent' | 'y' | 'dx', Encoded> & Gradients)[]
}

interface Gradients {
  dweight: Encoded | null
  dbias: Encoded | null
}

const cases = readFixture<Case[]>('sync-batch-norm.json')

const values = (x: Tensor | null | undefined) => x?.toFloat32Array() ?? new Float32Array()

/** The sum of arrays, as float64. */
const total = (arrays: readonly Float32Array[]) =>
  [...arrays[0]].map((_, i) => arrays.reduce((sum, array) => sum + array[i], 0))

describe.each(cases)('syncBatchNorm of $name', ({
  options,
  channels,
  weight,
  bias,
  before,
  after,
  parts,
}) => {
  const of = (encoded: Encoded | null, requiresGrad = true) => encoded && decodeTensor(encoded, requiresGrad)

  function make() {
    const [runningMean, runningVar] = before.map((encoded) => decodeTensor(encoded))
    return {
      ...{ weight: of(weight), bias: of(bias), eps: options.eps ?? 1e-5, name: 'SyncBatchNorm' },
      ...{ momentum: () => (options.momentum === undefined ? 0.1 : options.momentum) },
      ...{ runningMean, runningVar, numBatchesTracked: zeros([]) },
    }
  }

  it('has the values, gradients and running statistics of the whole batch', () => {
    const layer = make()
    const xs = parts.map(({ x }) => decodeTensor(x, true))
    const ys = syncBatchNorm(xs, ALONE, layer)
    ys.map((y, i) => y.mul(decodeTensor(parts[i].cotangent)).sum())
      .reduce((a, b) => a.add(b))
      .backward()
    const tolerance = { tolerance: 2e-5 }
    for (const [i, part] of parts.entries()) {
      expect(ys[i].shape).toEqual(part.x.shape)
      expectClose(values(ys[i]), decode(part.y), tolerance)
      expectClose(values(xs[i].grad), decode(part.dx), tolerance)
    }
    if (layer.weight && layer.bias) {
      const shares = (name: keyof Gradients) => total(parts.map((part) => decode(part[name] as Encoded)))
      expectClose(values(layer.weight.grad), shares('dweight'), tolerance)
      expectClose(values(layer.bias.grad), shares('dbias'), tolerance)
    }
    expectClose(values(layer.runningMean), decode(after[0]), tolerance)
    expectClose(values(layer.runningVar), decode(after[1]), tolerance)
    expect(layer.numBatchesTracked.item()).toBe(1)
    expect(channels).toBe(layer.runningMean.size)
  })
})

/** A group of two processes, of which the other one has always sent `other`, and its sums. */
class Pair implements ProcessGroup {
  readonly size = 2
  readonly asked: string[] = []
  constructor(
    readonly rank: number,
    readonly other: { gathered: Float64Array; sums: Float64Array },
  ) {}

  gatherNumbers(own: Float64Array): Float64Array {
    this.asked.push('gather')
    const both = this.rank === 0 ? [own, this.other.gathered] : [this.other.gathered, own]
    return Float64Array.from(both.flatMap((part) => [...part]))
  }

  sumNumbers(sums: Float64Array): void {
    this.asked.push('sum')
    for (let i = 0; i < sums.length; i++) sums[i] += this.other.sums[i]
  }
}

/** Two parts in one process, and what the second one's process sends. */
function bothParts(a: Tensor, b: Tensor, da: Tensor, db: Tensor) {
  const sent: Float64Array[] = []
  const exchange: Exchange = {
    gather(parts) {
      sent.push(parts[1])
      return parts
    },
    sum(parts) {
      sent.push(parts[1])
      return ALONE.sum(parts)
    },
  }
  const [xa, xb] = [a.detach(), b.detach()]
  xa.requiresGrad = true
  xb.requiresGrad = true
  const options = { weight: null, bias: null, eps: 1e-5, name: '', momentum: () => 0.1 }
  const none = { runningMean: undefined, runningVar: undefined, numBatchesTracked: undefined }
  const [ya, yb] = syncBatchNorm([xa, xb], exchange, { ...options, ...none })
  ya.mul(da).sum().add(yb.mul(db).sum()).backward()
  const [gathered, sums] = sent
  return { y: values(ya), dx: values(xa.grad), other: { gathered, sums } }
}

describe('nn.SyncBatchNorm', () => {
  const [a, b, da, db] = [
    [4, 3, 2, 2],
    [6, 3, 2, 2],
    [4, 3, 2, 2],
    [6, 3, 2, 2],
  ] as const

  it.each([
    false,
    true,
  ])('sends count, mean and deviations, and two sums a channel (compiled: %s)', (compiled) => {
    const [x, other, dx, dother] = [a, b, da, db].map((shape) => randn([...shape]))
    const both = bothParts(x, other, dx, dother)
    const group = new Pair(0, both.other)
    const scale = new nn.Parameter(ones([1]))
    const layer = new nn.SyncBatchNorm(3, { processGroup: group, affine: false })
    const step = (input: Tensor, cotangent: Tensor) => {
      scale.zeroGrad()
      const y = layer.forward(input.mul(scale))
      y.mul(cotangent).sum().backward()
      return y.detach()
    }
    const run = compiled ? compile(step) : step
    for (let i = 0; i < 4; i++) {
      expectClose(values(run(x, dx)), both.y, { tolerance: 1e-5 })
      const gradient = values(x).reduce((sum, value, k) => sum + value * both.dx[k], 0)
      expect(scale.grad?.item()).toBeCloseTo(gradient, 4)
    }
    expect(group.asked).toEqual(Array.from({ length: 4 }, () => ['gather', 'sum']).flat())
    expect(layer.numBatchesTracked?.item()).toBe(4)
    expect(layer.runningMean?.toFloat32Array().every((value) => value !== 0)).toBe(true)
  })

  it('is batch norm alone, and in evaluation, and asks nobody then', () => {
    const group = new Pair(1, { gathered: new Float64Array(), sums: new Float64Array() })
    const x = randn([8, 3])
    const [plain, alone] = [new nn.BatchNorm1d(3), new nn.SyncBatchNorm(3)]
    expect(values(alone.forward(x))).toEqual(values(plain.forward(x)))
    const layer = new nn.SyncBatchNorm(3, { processGroup: group }).eval()
    layer.loadStateDict(plain.stateDict())
    expect(values(noGrad(() => layer.forward(x)))).toEqual(values(plain.eval().forward(x)))
    expect(group.asked).toEqual([])
  })

  it('converts the layers of a net in their places, with all that they have', () => {
    const net = new nn.Sequential(
      new nn.Conv2d(1, 4, 3),
      new nn.BatchNorm2d(4, { eps: 0.01, momentum: null }),
      new nn.Sequential(new nn.ReLU(), new nn.Flatten(), new nn.BatchNorm1d(16)),
      new nn.GhostBatchNorm1d(16, { virtualBatchSize: 4 }),
    )
    const [before, inner] = [net.at(1) as nn.BatchNorm2d, net.getSubmodule('2.2') as nn.BatchNorm1d]
    const state = net.stateDict()
    const group = new Pair(0, { gathered: new Float64Array(), sums: new Float64Array() })
    expect(nn.SyncBatchNorm.convert(net, group)).toBe(net)
    expect(net.at(1)).toBe(before)
    for (const layer of [before, inner] as unknown[]) {
      expect(layer).toBeInstanceOf(nn.SyncBatchNorm)
      expect((layer as nn.SyncBatchNorm).processGroup).toBe(group)
    }
    expect(net.at(3)).toBeInstanceOf(nn.GhostBatchNorm1d)
    expect(String(net)).toContain('SyncBatchNorm(4, eps=0.01, momentum=null')
    expect(Object.values(net.stateDict())).toEqual(Object.values(state))
    expect(() => before.forward(randn([2, 4]))).toThrow(
      /SyncBatchNorm\(4\): expected an input of shape \[N, 4, H, W\]/,
    )
    expect(nn.SyncBatchNorm.convert(new nn.BatchNorm3d(2))).toBeInstanceOf(nn.SyncBatchNorm)
  })

  it('says what can not be', () => {
    const own = new Pair(0, { gathered: Float64Array.of(0, 0, 0, 0, 0), sums: new Float64Array(4) })
    const layer = new nn.SyncBatchNorm(2, { processGroup: own })
    expect(() => layer.forward(randn([1, 2]))).toThrow(
      'SyncBatchNorm(2): expected more than one value per channel in training, and all ranks together have 1; use larger batches, or call eval()',
    )
    expect(layer.numBatchesTracked?.item()).toBe(0)
    expect(() => layer.forward(randn([2, 3]))).toThrow(/expected an input of shape/)
    expect(() => nn.SyncBatchNorm.convert({} as nn.Module)).toThrow(/expected a Module, got an object/)
    expect(() => nn.SyncBatchNorm.convert(layer, {} as ProcessGroup)).toThrow(/processGroup is what mpi\(\)/)
    expect(() => new nn.SyncBatchNorm(2, { proces: own } as object)).toThrow(/unknown option 'proces'/)
  })
})
