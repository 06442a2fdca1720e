/** The layers that normalise, beside batch and layer normalisation, for the table of layers. */
import { batchNorm, groupNorm, instanceNorm, rmsNorm } from '../support/interpreter/normalise.js'
import { cat, slice } from '../support/interpreter/rearrange.js'
import { need } from '../support/interpreter/value.js'
import { type LayerEntry, parameters } from './layer-entry.js'
import type { Kind } from './program.js'

interface NormOptions {
  eps?: number
  momentum?: number
  affine?: boolean
  trackRunningStats?: boolean
}

const instanceNormLayer = (rank: number): LayerEntry => ({
  draw(d, shape, training) {
    const [n, c, ...inner] = shape
    if (shape.length !== rank || n === 0 || c === 0) return undefined
    const tracks = d.chance(0.5)
    if ((training || !tracks) && inner.reduce((size, s) => size * s, 1) < 2) return undefined
    const affine = d.chance(0.5)
    const options = {
      ...(d.chance(0.5) ? { eps: d.pick([1e-5, 0.1]) } : {}),
      ...(d.chance(0.5) ? { momentum: d.pick([0.1, 0.5]) } : {}),
      ...(affine ? { affine } : {}),
      ...(tracks ? { trackRunningStats: true } : {}),
    }
    const state = (own: readonly number[], kind: Kind) =>
      d.leaf(own, { kind, state: true, requiresGrad: false }).ref
    const running = () => ({
      runningMean: state([c], 'any'),
      runningVar: state([c], 'positive'),
      numBatchesTracked: state([], 'zeros'),
    })
    const own = affine ? parameters(d, { weight: [c], bias: [c] }) : {}
    return { args: [c, options], tensors: { ...own, ...(tracks ? running() : {}) } }
  },
  twin(x, [c, given], tensors, training) {
    need(x.shape.length === rank && x.shape[1] === c, `${c} channels`)
    const { momentum, eps } = (given ?? {}) as NormOptions
    const { runningMean, runningVar, weight, bias } = tensors
    return instanceNorm(x, {
      runningMean,
      runningVar,
      weight,
      bias,
      useInputStats: training || !runningMean,
      ...(momentum === undefined ? {} : { momentum }),
      ...(eps === undefined ? {} : { eps }),
    })
  },
})

const ghostBatchNormLayer = (ranks: readonly number[]): LayerEntry => ({
  draw(d, shape) {
    const [n, c, ...inner] = shape
    if (!ranks.includes(shape.length) || n === 0 || c === 0) return undefined
    if (n * inner.reduce((size, s) => size * s, 1) < 2) return undefined
    const options = { virtualBatchSize: d.pick([2, 3, 4]), momentum: d.pick([0.1, 0.5]) }
    const state = (own: readonly number[], kind: Kind) =>
      d.leaf(own, { kind, state: true, requiresGrad: false }).ref
    const running = {
      runningMean: state([c], 'any'),
      runningVar: state([c], 'positive'),
      numBatchesTracked: state([], 'zeros'),
    }
    return { args: [c, options], tensors: { ...parameters(d, { weight: [c], bias: [c] }), ...running } }
  },
  twin(x, [c, given], { numBatchesTracked, ...tensors }, training) {
    need(ranks.includes(x.shape.length) && x.shape[1] === c, `${c} channels`)
    const { momentum, virtualBatchSize: size } = given as { momentum: number; virtualBatchSize: number }
    if (!training) return batchNorm(x, tensors)
    const [n] = x.shape
    // Where each part begins; one of less than half the size, or of one, goes with the part before.
    const starts = Array.from({ length: Math.ceil(n / size) }, (_, i) => i * size)
    const left = n - (starts.at(-1) ?? 0)
    if (starts.length > 1 && (left < size / 2 || left < 2)) starts.pop()
    const parts = starts.map((start, i) => {
      if (numBatchesTracked) numBatchesTracked.data[0]++
      return batchNorm(slice(x, 0, start, starts[i + 1] ?? n), { ...tensors, training, momentum })
    })
    return cat(parts, 0)
  },
})

export const NORMS: Readonly<Record<string, LayerEntry>> = {
  GhostBatchNorm1d: ghostBatchNormLayer([2, 3]),
  GhostBatchNorm2d: ghostBatchNormLayer([4]),
  InstanceNorm1d: instanceNormLayer(3),
  InstanceNorm2d: instanceNormLayer(4),
  GroupNorm: {
    draw(d, shape) {
      const [, c] = shape
      if (shape.length < 2 || shape.includes(0)) return undefined
      const groups = d.pick([1, 2, 3, 4, 5, 6, 7].filter((g) => c % g === 0))
      // (Of a single value nothing is left but rounding: see LayerNorm.)
      if (shape.slice(1).reduce((size, s) => size * s, 1) === groups) return undefined
      const affine = d.chance(0.7)
      const eps = d.pick([undefined, 1e-5, 0.1])
      const options = { ...(eps ? { eps } : {}), ...(affine ? {} : { affine }) }
      return { args: [groups, c, options], tensors: affine ? parameters(d, { weight: [c], bias: [c] }) : {} }
    },
    twin: (x, [groups, c, options], { weight, bias }) => {
      need(x.shape[1] === c, `${c} channels`)
      return groupNorm(x, groups as number, { weight, bias, ...(options as { eps?: number } | undefined) })
    },
  },
  RMSNorm: {
    draw(d, shape) {
      if (shape.length === 0 || shape.includes(0)) return undefined
      const inner = shape.slice(d.below(shape.length))
      const eps = d.pick([undefined, null, 0.1])
      const args = [inner, ...(eps === undefined ? [] : [{ eps }])]
      return { args, tensors: parameters(d, { weight: inner }) }
    },
    twin: (x, [inner, options], { weight }) =>
      rmsNorm(x, inner as number[], { weight, ...(options as { eps?: number } | undefined) }),
  },
}
