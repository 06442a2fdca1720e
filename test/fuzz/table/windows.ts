/** What slides windows over sequences, transposed convolution, and resampling. */
import * as resample from '../../support/interpreter/resample.js'
import { maxUnpool2d } from '../../support/interpreter/windows.js'
import type { Draw } from '../draw.js'
import type { Arg, Ref } from '../program.js'
import type { Table } from './entry.js'
import { optional, pair, some, weight } from './nets.js'

/** Sequences [N, C, L]. */
const sequence = (d: Draw): Ref =>
  d.value(
    (v) => v.shape.length === 3 && v.shape.slice(1).every((s) => s > 0),
    () => [d.batch(), d.between(1, 5), d.between(1, 9)],
  )

/** Places of a plane, which may come again. */
const placesOf = (d: Draw, shape: readonly number[], classes: number): Ref =>
  d.leaf(shape, { kind: 'labels', classes, requiresGrad: false, parameter: false })

function conv1dArguments(d: Draw): Arg[] {
  const x = sequence(d)
  const [, c, length] = d.known(x).shape
  const groups = d.pick([1, 1, c, ...[2, 3].filter((g) => c % g === 0)])
  const out = groups * d.between(1, 3)
  const own = weight(d, [out, c / groups, d.between(1, Math.min(4, length))])
  const word = d.pick(['same', 'valid', undefined])
  const moves = word ? { padding: word } : { padding: d.below(3), stride: d.between(1, 3) }
  return [x, own, optional(d, [out]), { groups, ...some(d, { dilation: d.between(1, 3), ...moves }) }]
}

function convTranspose2dArguments(d: Draw): Arg[] {
  const x = d.image()
  const [, c] = d.known(x).shape
  const groups = d.pick([1, 1, c, ...[2, 3].filter((g) => c % g === 0)])
  const ofGroup = d.between(1, 3)
  const own = weight(d, [c, ofGroup, d.between(1, 3), d.between(1, 3)])
  const options = some(d, {
    stride: pair(d, 1, 3),
    padding: d.below(2),
    outputPadding: d.below(2),
    dilation: pair(d, 1, 2),
  })
  return [x, own, optional(d, [ofGroup * groups]), { groups, ...options }]
}

const poolArguments = (d: Draw, more: () => { [key: string]: Arg }): Arg[] => {
  const x = sequence(d)
  const kernel = d.between(1, 3)
  const padding = d.between(0, Math.floor(kernel / 2))
  const options = some(d, { stride: d.between(1, 3), padding, ceilMode: d.chance(0.5), ...more() })
  return [x, kernel, ...(d.chance(0.8) ? [options] : [])]
}

function interpolateArguments(d: Draw): Arg[] {
  const images = d.chance(0.7)
  const x = images ? d.image() : sequence(d)
  const inner = d.known(x).shape.slice(2)
  const mode = d.pick([undefined, 'nearest', images ? 'bilinear' : 'linear'])
  const size = d.chance(0.5) ? inner.map(() => d.between(1, 9)) : d.between(1, 7)
  const factor = d.chance(0.3) ? inner.map(() => d.pick([1, 2, 1.5])) : d.pick([2, 2, 3, 1.5, 0.7])
  const corners = mode?.endsWith('linear') && d.chance(0.5) ? { alignCorners: d.chance(0.5) } : {}
  return [
    x,
    { ...(d.chance(0.5) ? { size } : { scaleFactor: factor }), ...(mode ? { mode } : {}), ...corners },
  ]
}

export const windows: Table = {
  conv1d: { draw: conv1dArguments, twin: resample.conv1d },
  convTranspose2d: { draw: convTranspose2dArguments, twin: resample.convTranspose2d },
  maxUnpool1d: {
    draw: (d) => {
      const x = sequence(d)
      const { shape } = d.known(x)
      const [kernel, stride] = [d.between(1, 3), d.between(1, 3)]
      const places = (shape[2] - 1) * stride + kernel
      return [x, placesOf(d, shape, places), kernel, { stride }]
    },
    twin: resample.maxUnpool1d,
  },
  maxUnpool2d: {
    draw: (d) => {
      const x = d.image()
      const { shape } = d.known(x)
      const [kernel, stride] = [pair(d, 1, 3), d.between(1, 2)]
      const [kh, kw] = Array.isArray(kernel) ? (kernel as number[]) : [kernel as number, kernel as number]
      const places = ((shape[2] - 1) * stride + kh) * ((shape[3] - 1) * stride + kw)
      return [x, placesOf(d, shape, places), kernel, { stride }]
    },
    twin: maxUnpool2d,
  },
  maxPool1d: {
    draw: (d) => poolArguments(d, () => ({ dilation: d.between(1, 2) })),
    twin: resample.maxPool1d,
  },
  avgPool1d: {
    draw: (d) => poolArguments(d, () => ({ countIncludePad: d.chance(0.5) })),
    twin: resample.avgPool1d,
  },
  adaptiveAvgPool1d: {
    draw: (d) => [sequence(d), d.pick([1, 2, 3, 4, 7, null])],
    twin: resample.adaptiveAvgPool1d,
  },
  adaptiveAvgPool2d: {
    draw: (d) => {
      const size = () => d.pick([1, 2, 3, 4, 5, null])
      return [d.image(), d.chance(0.5) ? d.between(1, 5) : [size(), size()]]
    },
    twin: resample.adaptiveAvgPool2d,
  },
  interpolate: { draw: interpolateArguments, twin: resample.interpolate },
}
