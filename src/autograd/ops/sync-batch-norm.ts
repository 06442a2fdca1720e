/**
 * Batch normalisation over batches that lie in several processes, or are several parts of one: in training the
 * statistics are those of all of them together,
 *
 *   y = (x − μ) / √(σ² + eps) · weight + bias,  M = Σ nᵢ,  μ = Σ nᵢ μᵢ / M,  σ² = Σ (M2ᵢ + nᵢ (μᵢ − μ)²) / M
 *
 * with count nᵢ, mean μᵢ and sum of squared deviations M2ᵢ of each part, merged in f64 in the order of the parts (Chan,
 * Golub and LeVeque, 1979): nothing is lost where the mean is large against the spread. The gradient is that of batch
 * norm over all parts,
 *
 *   dx = weight / √(σ² + eps) · (dy − Σ dy / M − x̂ Σ (dy x̂) / M)
 *
 * with sums over all parts; those of weight and bias stay the parts' own, as in PyTorch (torch/nn/modules/_functions.py,
 * SyncBatchNorm): who averages gradients averages these too.
 *
 * There are two operations. The first takes the statistics, and gives in backward what of dx goes through them: then all
 * parts have told their sums. The second normalises one part.
 */
import {
  batchNormBackward,
  batchNormForward,
  batchNormStatistics,
  batchNormUpdateRunning,
  fill,
} from '../../bindings/kernels.generated.js'
import type { Layout, Storage } from '../../bindings/memory.js'
import { Part } from '../../bindings/part.js'
import { eachRun, live } from '../../bindings/recording.js'
import { ShapeError } from '../../errors.js'
import type { Shape } from '../../tensor/shape.js'
import { clearPaddingOf, Tensor } from '../../tensor/tensor.js'
import { defineOperation, unchanged } from '../operation.js'
import { run } from '../tape.js'

/** Who has the other parts. What is called here is called by all, in the same order. */
export interface Exchange {
  /** Numbers of this process's parts, as many for each; gives those of all parts there are, in their order. */
  gather(parts: readonly Float64Array[]): readonly Float64Array[]
  /** As `gather`, but gives the parts' sum. */
  sum(parts: readonly Float64Array[]): Float64Array
}

/** What a layer gives besides its inputs. */
export interface SyncBatchNormOptions {
  weight: Tensor | null
  bias: Tensor | null
  eps: number
  /** What errors call the layer. */
  name: string
  /** How far running statistics are moved, null to the average of all batches. */
  momentum(): number | null
  runningMean: Tensor | undefined
  runningVar: Tensor | undefined
  numBatchesTracked: Tensor | undefined
  /** What stands for weight or bias in a part. Default: itself. */
  inPart?(parameter: Tensor, index: number): Tensor
}

/** What the operations of one layer's run share. */
interface Shared {
  readonly exchange: Exchange
  readonly eps: number
  readonly name: string
  /** M, of the run at hand. */
  count: number
  /** What backward needs of each part, from its normalisation: x, Σ dy x̂, Σ dy and the weight. */
  readonly parts: (Told | undefined)[]
}

interface Told {
  x: Tensor
  products: Tensor
  sums: Tensor
  weight: Tensor | undefined
}

/** (N, C) in rows, all else in lanes, as [N, C, S]. */
function sizesOf(shape: Shape) {
  const [n, c, ...inner] = shape
  const layout: Layout = shape.length === 2 ? 'rows' : 'lanes'
  return { layout, n, c, s: inner.reduce((a, b) => a * b, 1) }
}

const inLanes = ([x]: readonly (Tensor | undefined)[]) => x?.shape.length !== 2

/** Row `i` of the statistics [3, C]: mean, its residual, biased variance. */
const rowOf = ({ storage, shape: [, c] }: Tensor, i: number) => new Part(storage, c * i, c)

const statisticsOf = (statistics: Tensor) => ({
  mean: rowOf(statistics, 0),
  residual: rowOf(statistics, 1),
  variance: rowOf(statistics, 2),
})

type Values = { copyOut(): Uint8Array<ArrayBuffer> }

/** Floats of a storage, as doubles. */
const doubles = (storage: Values) => Float64Array.from(new Float32Array(storage.copyOut().buffer))

/** Another handle on a tensor's memory, which stays. */
const kept = (x: Tensor) => new Tensor(x.storage.retain(), x.shape)

export const statisticsOperation = defineOperation<Shared>({
  name: 'syncBatchNormStatistics',
  inputs: { x: 'any' },
  variadic: true,
  output: 'rows',
  lanes: inLanes,
  gradients: { x: ['output'] },
  shape: ([x]) => [3, x.shape[1]],
  forward(call) {
    const { attributes: shared, inputs } = call
    const [, channels] = call.output.shape
    const counts: number[] = []
    const own: Storage[] = []
    for (const { shape, storage: x } of inputs) {
      const { layout, n, c, s } = sizesOf(shape)
      const [mean, residual, variance] = [0, 1, 2].map(() => call.temporary([c]).storage)
      counts.push(n * s)
      own.push(mean, residual, variance)
      if (n * s > 0) batchNormStatistics({ layout, n, c, s, x, mean, residual, variance })
    }
    eachRun([...own, call.output.storage], (now) => {
      const parts = counts.map((count, i) => {
        if (count === 0) return new Float64Array(1 + 2 * channels)
        const [mean, residual, variance] = now.slice(3 * i, 3 * i + 3).map(doubles)
        const all = mean.map((value, channel) => value + residual[channel])
        return Float64Array.from([count, ...all, ...variance.map((value) => value * count)])
      })
      const merged = merge(shared, shared.exchange.gather(parts))
      now[now.length - 1].write(merged)
    })
  },
  backward(call) {
    const { attributes: shared, output: statistics } = call
    const parts = shared.parts.filter((part) => part !== undefined)
    const [c] = parts[0].sums.shape
    const [factor, shift] = [call.temporary([c]), call.temporary([c])]
    const { weight } = parts[0]
    const sums = parts.flatMap(({ products, sums }) => [products.storage, sums.storage])
    const more = weight ? [weight.storage] : []
    eachRun([...sums, factor.storage, shift.storage, statistics.storage, ...more], (now) => {
      const own = parts.map((_, i) => Float64Array.from([...doubles(now[2 * i]), ...doubles(now[2 * i + 1])]))
      const total = shared.exchange.sum(own)
      const [toFactor, toShift, of, gamma] = now.slice(sums.length)
      const variance = doubles(of).subarray(2 * c)
      const scale = gamma ? doubles(gamma) : new Float64Array(c).fill(1)
      for (let i = 0; i < c; i++) scale[i] /= -Math.sqrt(variance[i] + shared.eps) * shared.count
      toFactor.write(scale.map((value, i) => value * total[i]))
      toShift.write(scale.map((value, i) => value * total[c + i]))
    })
    for (let i = 0; i < call.count; i++) {
      const dx = call.gradient(i)
      const part = shared.parts[i]
      if (!dx || !part) continue
      const { layout, n, s } = sizesOf(dx.shape)
      batchNormForward({
        ...{ layout, n, c, s, x: part.x.storage, ...statisticsOf(statistics), eps: shared.eps },
        ...{ weight: factor.storage, bias: shift.storage, y: dx.storage },
      })
      clearPaddingOf(dx)
    }
    forget(shared)
  },
  free: forget,
})

/** Mean, its residual and biased variance of all parts together. @throws {ShapeError} for a single value a channel */
function merge(shared: Shared, parts: readonly Float64Array[]): Float64Array {
  const c = (parts[0].length - 1) / 2
  const [mean, squares] = [new Float64Array(c), new Float64Array(c)]
  let count = 0
  for (const part of parts) {
    const [n] = part
    if (n === 0) continue
    const total = count + n
    for (let i = 0; i < c; i++) {
      const apart = part[1 + i] - mean[i]
      mean[i] += (apart * n) / total
      squares[i] += part[1 + c + i] + (apart * apart * count * n) / total
    }
    count = total
  }
  if (count < 2) {
    throw new ShapeError(
      `${shared.name}: expected more than one value per channel in training, and all ranks together have ${count}; use larger batches, or call eval()`,
    )
  }
  shared.count = count
  const merged = new Float64Array(3 * c)
  for (let i = 0; i < c; i++) {
    merged[i] = Math.fround(mean[i])
    merged[c + i] = mean[i] - merged[i]
    merged[2 * c + i] = squares[i] / count
  }
  return merged
}

function forget(shared: Shared): void {
  for (const part of shared.parts) {
    part?.x.release()
    part?.products.release()
    part?.sums.release()
    part?.weight?.release()
  }
  shared.parts.length = 0
}

interface Normalise {
  readonly shared: Shared
  /** Which part of this process it is. */
  readonly index: number
}

export const normaliseOperation = defineOperation<Normalise>({
  name: 'syncBatchNorm',
  inputs: { x: 'any', statistics: 'rows', weight: 'rows', bias: 'rows' },
  output: 'any',
  lanes: inLanes,
  gradients: {
    x: ['x', 'statistics', 'weight'],
    statistics: ['x', 'statistics', 'weight'],
    weight: ['x', 'statistics', 'weight'],
    bias: ['x', 'statistics', 'weight'],
  },
  shape: ([x]) => x.shape,
  forward({ inputs: [x, statistics, weight, bias], attributes: { shared }, output: y }) {
    const { eps } = shared
    batchNormForward({
      ...{ ...sizesOf(x.shape), x: x.storage, ...statisticsOf(statistics), eps },
      ...{ weight: weight?.storage, bias: bias?.storage, y: y.storage },
    })
  },
  repeats: unchanged,
  backward(call) {
    const { shared, index } = call.attributes
    const [x, statistics, weight] = call.inputs
    const [n, c] = x.shape
    const through = call.gradient(1)
    const products = call.gradient(2) ?? call.temporary([c])
    const sums = call.gradient(3) ?? call.temporary([c])
    const dx = call.gradient(0)
    if (n > 0) {
      batchNormBackward({
        ...{ ...sizesOf(x.shape), x: x.storage, dy: call.dy.storage, ...statisticsOf(statistics) },
        ...{ eps: shared.eps, weight: weight?.storage, training: false },
        ...{ dx: dx?.storage, dweight: products.storage, dbias: sums.storage },
      })
    } else for (const { storage: y } of [products, sums]) fill({ y, value: 0 })
    if (!through) return
    // What goes on is only that something does: the sums are in `parts`.
    fill({ y: through.storage, value: 0 })
    shared.parts[index] = {
      x: kept(x),
      products: kept(products),
      sums: kept(sums),
      weight: weight && kept(weight),
    }
  },
})

/**
 * Batch norm, in training, over parts of a batch of which this process has some and others have the rest.
 *
 * @param xs this process's parts, of the same shape but for how many samples they have: there may be none in one
 * @returns the parts, normalised
 * @throws {ShapeError} for one value per channel in all parts together
 */
export function syncBatchNorm(
  xs: readonly Tensor[],
  exchange: Exchange,
  options: SyncBatchNormOptions,
): Tensor[] {
  const { eps, name, momentum, runningMean, runningVar, numBatchesTracked } = options
  const { inPart = (parameter: Tensor) => parameter } = options
  const shared: Shared = { exchange, eps, name, count: 0, parts: [] }
  const statistics = run(statisticsOperation, xs, shared)
  const ys = xs.map((x, index) => {
    const affine = [options.weight, options.bias].map((one) => one?.size && inPart(one, index))
    const [weight, bias] = affine.map((one) => one || undefined)
    return run(normaliseOperation, [x, statistics, weight, bias], { shared, index })
  })
  if (runningMean && runningVar) {
    const [c] = runningMean.shape
    const [mean, variance] = [rowOf(statistics, 0), rowOf(statistics, 2)]
    live(() => {
      const weight = momentum()
      batchNormUpdateRunning({
        ...{ c, count: shared.count, mean, variance, momentum: weight ?? 0, average: weight === null },
        ...{ runningMean: runningMean.storage, runningVar: runningVar.storage },
        tracked: numBatchesTracked?.storage,
      })
    })
  }
  return ys
}

/** As one that has no other process: what `Exchange` is in a world of one. */
export const ALONE: Exchange = {
  gather: (parts) => parts,
  sum: (parts) => addAll(parts),
}

/** The sum of arrays, in their order. */
export function addAll(parts: readonly Float64Array[]): Float64Array {
  const [first, ...others] = parts
  const sum = first.slice()
  for (const part of others) for (let i = 0; i < sum.length; i++) sum[i] += part[i]
  return sum
}
