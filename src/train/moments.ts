/**
 * Mean and variance of each channel of what layers are given, over many batches: each batch's by kernels, all together
 * in float64 (Chan, Golub and LeVeque, 1979: Σ(x − μ)² of two parts together is the sum of theirs and
 * (μ₁ − μ₂)² · n₁n₂ / (n₁ + n₂)). The order is that of the batches, whatever the number of threads.
 */
import { mean } from '../autograd/ops/reduce.js'
import { variance as varianceOf } from '../autograd/ops/variance.js'
import { noGrad } from '../autograd/tape.js'
import type { AnyModule, HookHandle } from '../nn/module.js'
import { Tensor } from '../tensor/tensor.js'

/** Of some values of each channel. */
export interface ChannelMoments {
  /** Values of each channel. */
  n: number
  mean: Float64Array
  /** Biased: Σ (x − mean)² / n. */
  variance: Float64Array
}

/** The moments of [N, C, …], over all but the channels. */
export function momentsOf(x: Tensor): ChannelMoments {
  const [, channels] = x.shape
  const dim = x.shape.map((_, d) => d).filter((d) => d !== 1)
  return noGrad(() => ({
    n: x.size / channels,
    mean: Float64Array.from(mean(x, { dim }).toFloat32Array()),
    variance: Float64Array.from(varianceOf(x, { dim, unbiased: false }).toFloat32Array()),
  }))
}

/** Both together. */
export function merge(a: ChannelMoments | undefined, b: ChannelMoments): ChannelMoments {
  if (a === undefined) return b
  const n = a.n + b.n
  const share = b.n / n
  return {
    n,
    mean: a.mean.map((m, c) => m + (b.mean[c] - m) * share),
    variance: a.variance.map((v, c) => {
      const apart = b.mean[c] - a.mean[c]
      return v + (b.variance[c] - v) * share + apart * apart * share * (1 - share)
    }),
  }
}

const NONE: ChannelMoments = { n: 0, mean: new Float64Array(), variance: new Float64Array() }

/** Watches what layers are given, until `end`. */
export class Moments {
  readonly #seen = new Map<AnyModule, ChannelMoments>()
  readonly #handles: HookHandle[]

  private constructor(layers: Iterable<AnyModule>) {
    this.#handles = [...layers].map((layer) =>
      layer.registerForwardHook((_, inputs) => {
        const [x] = inputs as readonly unknown[]
        if (x instanceof Tensor && x.size > 0) {
          this.#seen.set(layer, merge(this.#seen.get(layer), momentsOf(x)))
        }
      }),
    )
  }

  /** Begins to watch. */
  static of(layers: Iterable<AnyModule>): Moments {
    return new Moments(layers)
  }

  /** What a layer was given so far; nothing at first. */
  get(layer: AnyModule): ChannelMoments {
    return this.#seen.get(layer) ?? NONE
  }

  /** Takes the hooks away. */
  end(): void {
    for (const handle of this.#handles) handle.remove()
  }
}
