/** The samples that a net is inspected with, taken out of its data once. */

import { indexSelect } from '../../autograd/ops/indexing.js'
import { cat } from '../../autograd/ops/rearrange.js'
import { noGrad } from '../../autograd/tape.js'
import { ArgumentError } from '../../errors.js'
import { fromValues } from '../../tensor/create.js'
import type { Tensor } from '../../tensor/tensor.js'
import { type Batches, inputOf } from '../recalibrate.js'

/** A batch: the input, and the target where there is one. */
export interface Batch {
  x: Tensor
  y: Tensor | undefined
}

/** What was taken. */
export interface Samples {
  /** As the data gave them. */
  batches: readonly Batch[]
  /** Samples in all. */
  count: number
  /** Samples of the first batch. */
  batchSize: number
  /** The class of each sample, in the order of the batches; undefined without class indices. */
  labels: readonly number[] | undefined
}

/**
 * Takes samples out of the data: all or, where there are more than `most`, batches spread over all of it (of data
 * whose length is not told, the first).
 */
export async function takeSamples(data: Batches, most: number): Promise<Samples> {
  const batches: Batch[] = []
  const length: unknown = 'length' in data ? data.length : undefined
  let [at, count, batchSize] = [0, 0, 0]
  let every = 1
  for await (const batch of data) {
    const x = inputOf('inspectBatchNorm', batch)
    const n = x.shape[0] ?? 0
    if (at === 0) {
      batchSize = n
      if (typeof length === 'number' && n > 0) every = Math.max(1, Math.ceil((length * n) / most))
    }
    if (at++ % every !== 0 || n === 0) continue
    const y = Array.isArray(batch) ? (batch as readonly (Tensor | undefined)[])[1] : undefined
    batches.push({ x, y })
    count += n
    if (count >= most) break
  }
  if (count === 0) throw new ArgumentError('inspectBatchNorm: the data has no batch')
  return { batches, count, batchSize, labels: labelsOf(batches) }
}

/** Whole numbers, one a sample. */
function labelsOf(batches: readonly Batch[]): number[] | undefined {
  const all: number[] = []
  for (const { x, y } of batches) {
    if (y?.shape.length !== 1 || y.shape[0] !== x.shape[0]) return undefined
    all.push(...y.toFloat32Array())
  }
  return all.every((label) => Number.isInteger(label) && label >= 0) ? all : undefined
}

/** The same samples in another order, and in batches of `size`. */
export function rearranged({ batches }: Samples, order: readonly number[], size: number): Batch[] {
  return noGrad(() => {
    const x = cat(batches.map((batch) => batch.x))
    const targets = batches.flatMap(({ y }) => (y ? [y] : []))
    const y = targets.length === batches.length ? cat(targets) : undefined
    return Array.from({ length: Math.ceil(order.length / size) }, (_, i) => {
      const own = order.slice(i * size, (i + 1) * size)
      const indices = fromValues(own, [own.length])
      return { x: indexSelect(x, 0, indices), y: y && indexSelect(y, 0, indices) }
    })
  })
}

/** Steps through the samples that mix what lies side by side, the same each time. */
export function mixed(count: number): number[] {
  // A step near the golden section of the count, and prime to it: neighbours come far apart.
  let step = Math.max(1, Math.round(count * 0.618))
  while (gcd(step, count) !== 1) step++
  return Array.from({ length: count }, (_, i) => (i * step) % count)
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

/** The samples by class. */
export function byClass(labels: readonly number[]): number[] {
  return [...labels.keys()].sort((a, b) => labels[a] - labels[b] || a - b)
}

/** The share of the class with most samples; 0 of none. */
export function largestShare(labels: readonly number[]): number {
  const counts = new Map<number, number>()
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1)
  return Math.max(0, ...counts.values()) / Math.max(1, labels.length)
}
