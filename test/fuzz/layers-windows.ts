/** The layers that slide windows or resample, beside Conv2d and 2-D pooling, for the table of layers. */
import * as resample from '../support/interpreter/resample.js'
import type { Shape, Value } from '../support/interpreter/value.js'
import type { AvgPoolOptions, ConvolutionOptions } from '../support/interpreter/windows.js'
import { type LayerEntry, parameters } from './layer-entry.js'

const isImage = (shape: Shape) => shape.length === 4 && shape.slice(1).every((s) => s > 0)
const isSequence = (shape: Shape) => shape.length === 3 && shape.slice(1).every((s) => s > 0)

const poolLayer = (twin: (x: Value, kernel: number, options: AvgPoolOptions) => Value): LayerEntry => ({
  draw(d, shape) {
    const kernel = d.between(1, 3)
    if (!isSequence(shape) || kernel > shape[2]) return undefined
    const options = d.chance(0.5) ? { stride: d.pick([kernel, 1]), ceilMode: d.chance(0.5) } : {}
    return { args: [kernel, options], tensors: {} }
  },
  twin: (x, [kernel, options]) => twin(x, kernel as number, (options ?? {}) as AvgPoolOptions),
})

export const WINDOWS: Readonly<Record<string, LayerEntry>> = {
  Conv1d: {
    draw(d, shape) {
      if (!isSequence(shape)) return undefined
      const [, c, length] = shape
      const groups = d.chance(0.3) ? c : 1
      const out = groups * d.between(1, 3)
      const kernel = d.between(1, Math.min(3, length))
      const bias = d.chance(0.7)
      const options = {
        ...(groups > 1 ? { groups } : {}),
        ...(d.chance(0.5) ? { padding: d.pick([1, 'same']) } : {}),
        ...(bias ? {} : { bias }),
      }
      const own = { weight: [out, c / groups, kernel], ...(bias ? { bias: [out] } : {}) }
      return { args: [c, out, kernel, options], tensors: parameters(d, own) }
    },
    twin(x, [, , , given], { weight, bias }) {
      if (!weight) throw new Error('a weight')
      const { padding, groups } = (given ?? {}) as ConvolutionOptions
      return resample.conv1d(x, weight, bias ?? null, { padding, groups })
    },
  },
  ConvTranspose2d: {
    draw(d, shape) {
      if (!isImage(shape) || shape[2] * shape[3] > 60) return undefined
      const [, c] = shape
      const groups = d.chance(0.3) ? c : 1
      const [ofGroup, kernel, stride] = [d.between(1, 3), d.between(1, 3), d.between(1, 2)]
      const bias = d.chance(0.7)
      const options = {
        ...(groups > 1 ? { groups } : {}),
        ...(stride > 1 ? { stride, outputPadding: d.below(2) } : {}),
        ...(kernel > 1 && d.chance(0.3) ? { dilation: 2 } : {}),
        ...(bias ? {} : { bias }),
      }
      const own = { weight: [c, ofGroup, kernel, kernel], ...(bias ? { bias: [ofGroup * groups] } : {}) }
      return { args: [c, ofGroup * groups, kernel, options], tensors: parameters(d, own) }
    },
    twin(x, [, , , given], { weight, bias }) {
      if (!weight) throw new Error('a weight')
      const { stride, outputPadding, dilation, groups } = (given ?? {}) as resample.ConvTransposeOptions
      return resample.convTranspose2d(x, weight, bias ?? null, { stride, outputPadding, dilation, groups })
    },
  },
  MaxPool1d: poolLayer(resample.maxPool1d),
  AvgPool1d: poolLayer(resample.avgPool1d),
  AdaptiveAvgPool1d: {
    draw: (d, shape) => (isSequence(shape) ? { args: [d.pick([1, 2, 3, 5, null])], tensors: {} } : undefined),
    twin: (x, [size]) => resample.adaptiveAvgPool1d(x, size as number | null),
  },
  AdaptiveAvgPool2d: {
    draw: (d, shape) =>
      isImage(shape) ? { args: [d.pick([1, 2, 3, [2, 3], [null, 2]])], tensors: {} } : undefined,
    twin: (x, [size]) => resample.adaptiveAvgPool2d(x, size as resample.AdaptiveSize),
  },
  Upsample: {
    draw(d, shape) {
      if (!(isImage(shape) || isSequence(shape)) || shape.slice(2).some((s) => s > 9)) return undefined
      const mode = d.pick(['nearest', isImage(shape) ? 'bilinear' : 'linear'])
      const size = d.chance(0.3) ? { size: d.between(1, 6) } : { scaleFactor: d.pick([2, 2, 1.5]) }
      const corners = mode === 'nearest' ? {} : { alignCorners: d.chance(0.5) }
      return { args: [{ ...size, mode, ...corners }], tensors: {} }
    },
    twin: (x, [options]) => resample.interpolate(x, options as resample.InterpolateOptions),
  },
}
