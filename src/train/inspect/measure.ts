/** What is measured of each layer: the statistics of its inputs, how it moves its own, and what comes out. */

import { max as maxOf, mean as meanOf } from '../../autograd/ops/reduce.js'
import { noGrad } from '../../autograd/tape.js'
import type { AnyModule, HookHandle } from '../../nn/module.js'
import { Tensor } from '../../tensor/tensor.js'
import { type ChannelMoments, merge, momentsOf } from '../moments.js'
import type { NormLayer } from './norm-layers.js'

/** Of a layer's inputs in training mode. */
export interface Measured {
  /** Over all samples. */
  all: ChannelMoments
  /** Of the means of each sample: the same without spatial dimensions. */
  samples: ChannelMoments
  /** How the layer moves its statistics; undefined where it did not. */
  rule: UpdateRule | undefined
  /** Values of each channel in a batch, as the data has them. */
  perBatch: number
}

/** `running = (1 − momentum) · running + momentum · batch`, as observed. */
export interface UpdateRule {
  momentum: number
  /** The variance that it takes in, as a share of the unbiased one: 1, or (n − 1)/n for the biased. */
  ofUnbiased: number
  /** Values of each channel in that batch. */
  n: number
}

export class Measuring {
  readonly #all = new Map<AnyModule, ChannelMoments>()
  readonly #samples = new Map<AnyModule, ChannelMoments>()
  readonly #rules = new Map<AnyModule, UpdateRule[]>()
  readonly #perBatch = new Map<AnyModule, number>()
  readonly #handles: HookHandle[]

  constructor(readonly layers: readonly NormLayer[]) {
    this.#handles = layers.flatMap((layer) => this.#watch(layer))
  }

  #watch(layer: NormLayer): HookHandle[] {
    const { module } = layer
    let before: { mean: Float32Array; variance: Float32Array } | undefined
    return [
      module.registerForwardPreHook(() => {
        before = { mean: layer.mean().toFloat32Array(), variance: layer.variance().toFloat32Array() }
      }),
      module.registerForwardHook((_, inputs) => {
        const [x] = inputs as readonly unknown[]
        if (!(x instanceof Tensor) || x.size === 0 || x.shape[1] !== layer.channels) return
        const own = momentsOf(x)
        const perSample = noGrad(() => (x.shape.length > 2 ? perSampleMeans(x) : undefined))
        this.#all.set(module, merge(this.#all.get(module), own))
        this.#samples.set(module, merge(this.#samples.get(module), perSample ? momentsOf(perSample) : own))
        if (!this.#perBatch.has(module)) this.#perBatch.set(module, own.n)
        const rule = before && ruleOf(before, layer, own)
        if (rule) this.#rules.set(module, [...(this.#rules.get(module) ?? []), rule])
      }),
    ]
  }

  of({ module }: NormLayer): Measured | undefined {
    const [all, samples] = [this.#all.get(module), this.#samples.get(module)]
    if (!all || !samples) return undefined
    const rules = this.#rules.get(module) ?? []
    return { all, samples, rule: middle(rules), perBatch: this.#perBatch.get(module) ?? 0 }
  }

  end(): void {
    for (const handle of this.#handles) handle.remove()
  }
}

/** [N, C, …] → [N, C]. */
function perSampleMeans(x: Tensor): Tensor {
  return meanOf(x, { dim: x.shape.map((_, d) => d).slice(2) })
}

/**
 * The rule by which the statistics went from `before` to what they are, given the batch's: by least squares over the
 * channels, from the means the momentum, and then from the variances which of the two it was.
 */
function ruleOf(
  before: { mean: Float32Array; variance: Float32Array },
  layer: NormLayer,
  { n, mean, variance }: ChannelMoments,
): UpdateRule | undefined {
  const [mean1, variance1] = [layer.mean().toFloat32Array(), layer.variance().toFloat32Array()]
  if (n < 2 || mean1.length !== before.mean.length) return undefined
  let [along, squares] = [0, 0]
  for (let c = 0; c < mean.length; c++) {
    const way = mean[c] - before.mean[c]
    along += (mean1[c] - before.mean[c]) * way
    squares += way * way
  }
  if (squares === 0) return undefined
  const momentum = along / squares
  if (Math.abs(momentum) < 1e-7) return { momentum: 0, ofUnbiased: Number.NaN, n }
  const shares = Array.from(variance, (biased, c) => {
    const taken = (variance1[c] - (1 - momentum) * before.variance[c]) / momentum
    return taken / ((biased * n) / (n - 1))
  }).filter(Number.isFinite)
  return { momentum, ofUnbiased: median(shares), n }
}

/** The rule whose momentum is in the middle: a batch that was like the one before tells little. */
function middle(rules: readonly UpdateRule[]): UpdateRule | undefined {
  const sorted = [...rules].sort((a, b) => a.momentum - b.momentum)
  return sorted[Math.floor(sorted.length / 2)]
}

/** The value in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/** The largest value of each channel of [N, C, …]. */
export function largestOf(x: Tensor): Float32Array {
  return noGrad(() => {
    let y = x
    for (let d = x.shape.length - 1; d >= 0; d--) if (d !== 1) y = maxOf(y, { dim: d })
    return y.toFloat32Array()
  })
}
