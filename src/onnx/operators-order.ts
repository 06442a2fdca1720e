/** What is sorted, counted and put back in ONNX. */
import { AutogradError } from '../errors.js'
import type { Size } from './formula.js'
import { maxPoolOf, type Pool } from './operators-layers.js'
import type { Written } from './written.js'

/** The places of the first `count` in order; of equals the first comes first. */
export function argsortOf({
  w,
  in: name,
  sizes,
  attributes,
}: Written<{ dim: number; descending: boolean; count: Size }>): string {
  const { dim: axis, descending, count } = attributes
  if (sizes(0).length === 0) return w.number(0)
  const [, places] = w.addAll(
    'TopK',
    [name(0), w.sizes([count])],
    { axis, largest: Number(descending), sorted: 1 },
    [true, true],
  )
  return w.fromWhole(places)
}

export function oneHotOf({ w, value, fixed, attributes }: Written<Size>): string {
  const depth = w.ints([fixed(attributes)], [])
  return w.add('OneHot', [w.indexOf(value(0)), depth, w.floats([0, 1], [2])], { axis: -1 })
}

/** ONNX counts through the whole batch. */
export function maxPoolIndicesOf(written: Written<Pool>): string {
  const { w, sizes, fixed } = written
  const [height, width] = sizes(0).slice(2).map(fixed)
  const [, places] = maxPoolOf(written, [true, true])
  return w.fromWhole(w.add('Mod', [places, w.ints([height * width], [])]))
}

/** 1 for each index [N, C, size] that comes no more in its row: the place that is written there last is its own. */
export function lastOnesOf({
  w,
  step,
  value,
  fixed,
  attributes: { plane, unique },
}: Written<{ plane: Size; unique: boolean }>): string {
  const { shape } = step
  if (w.opset < 18) {
    if (unique) return w.add('Expand', [w.number(1), w.sizes(shape)])
    throw new AutogradError(
      'maxUnpool2d: where windows overlap, a place has the last of its values, which ONNX can say from opset 18 on; export with { opset: 18 }',
    )
  }
  const index = w.indexOf(value(0))
  const size = fixed(shape[2])
  const own = w.floats(
    Float32Array.from({ length: size }, (_, i) => i),
    [1, 1, size],
  )
  const nobody = w.add('Expand', [w.number(-1), w.sizes([shape[0], shape[1], plane])])
  const last = w.add('ScatterElements', [nobody, index, w.add('Expand', [own, w.sizes(shape)])], {
    axis: 2,
    reduction: 'max',
  })
  return w.fromBoolean(w.add('Equal', [w.add('GatherElements', [last, index], { axis: 2 }), own]))
}
