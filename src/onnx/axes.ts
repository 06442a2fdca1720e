/** Which sizes of a net's inputs are dynamic, and what the net does for all of them. */
import { isPlainObject, kindOf } from '../check.js'
import { ArgumentError, AutogradError, SimdgradError } from '../errors.js'
import type { AnyModule } from '../nn/module.js'
import { fromValues } from '../tensor/create.js'
import { sizeOf } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { type Point, pointsOf } from './formula.js'
import { type AnyNet, anySize } from './sizes.js'
import { traceNet } from './trace.js'

/** A dynamic size: its name, and the dimensions that have it. */
export interface OpenSize {
  readonly name: string
  readonly places: readonly { readonly input: number; readonly dim: number }[]
  /** In the example. */
  readonly size: number
}

/** More would be looked at in too many combinations. */
const MOST = 5

/** @throws {ArgumentError} for options that fit no input */
export function axesOf(
  by: string,
  { dynamicBatch, dynamicAxes }: { dynamicBatch?: unknown; dynamicAxes?: unknown },
  inputs: readonly Tensor[],
  names: readonly string[],
): OpenSize[] {
  const found = new Map<string, { input: number; dim: number }[]>()
  if (dynamicAxes === undefined) {
    const dims = batchDims(by, dynamicBatch ?? true, inputs)
    const places = dims.flatMap((dim, input) => (dim === null ? [] : [{ input, dim }]))
    if (places.length > 0) found.set('batch', places)
  } else {
    if (dynamicBatch !== undefined) {
      throw new ArgumentError(
        `${by}: dynamicAxes says which sizes are dynamic, the batch too; leave dynamicBatch out`,
      )
    }
    for (const [input, dim, name] of placesOf(by, dynamicAxes, inputs, names))
      found.set(name, [...(found.get(name) ?? []), { input, dim }])
  }
  if (found.size > MOST)
    throw new ArgumentError(`${by}: ${found.size} sizes are dynamic, ${MOST} can be at most`)
  return [...found].map(([name, places]) => {
    const sizes = new Set(places.map(({ input, dim }) => inputs[input].shape[dim]))
    const [size] = sizes
    if (sizes.size > 1 || size === 0) {
      const cure =
        dynamicAxes === undefined
          ? ' (dynamicBatch says which dimension it is: [0, null] for an input without)'
          : ''
      throw new ArgumentError(
        `${by}: the inputs have ${name === 'batch' ? 'batches' : `sizes '${name}'`} of ${[...sizes].join(' and ')}; expected one of at least 1 for all${cure}`,
      )
    }
    return { name, places, size }
  })
}

/** The dimension of each input that is the batch; null for those that have none. @throws {ArgumentError} */
function batchDims(by: string, dynamic: unknown, inputs: readonly Tensor[]): (number | null)[] {
  if (dynamic === false) return inputs.map(() => null)
  const dims = dynamic === true ? inputs.map(({ shape }) => (shape.length > 0 ? 0 : null)) : dynamic
  const fits =
    Array.isArray(dims) &&
    dims.length === inputs.length &&
    dims.every(
      (dim, i) => dim === null || (Number.isInteger(dim) && dim >= 0 && dim < inputs[i].shape.length),
    )
  if (!fits) {
    throw new ArgumentError(
      `${by}: dynamicBatch is true, false, or for each of the ${inputs.length} inputs the dimension that is the batch, or null, got ${Array.isArray(dims) ? JSON.stringify(dims) : kindOf(dims)}`,
    )
  }
  return dims
}

/** @throws {ArgumentError} */
function placesOf(
  by: string,
  axes: unknown,
  inputs: readonly Tensor[],
  names: readonly string[],
): [input: number, dim: number, name: string][] {
  const example = "{ input: { 0: 'batch', 1: 'length' } }"
  if (!isPlainObject(axes))
    throw new ArgumentError(`${by}: dynamicAxes names sizes of inputs, as ${example}, got ${kindOf(axes)}`)
  return Object.entries(axes).flatMap(([called, dims]) => {
    const input = names.indexOf(called)
    if (!isPlainObject(dims))
      throw new ArgumentError(
        `${by}: dynamicAxes.${called} names sizes, as in ${example}, got ${kindOf(dims)}`,
      )
    return Object.entries(dims).flatMap(([d, name]): [number, number, string][] => {
      if (typeof name !== 'string' || name === '')
        throw new ArgumentError(
          `${by}: dynamicAxes.${called}[${d}] is the name of a size, got ${kindOf(name)}`,
        )
      // An output's size follows, and is only named.
      if (input < 0) return []
      if (!/^\d+$/.test(d) || Number(d) >= inputs[input].shape.length) {
        throw new ArgumentError(
          `${by}: dynamicAxes.${called} has the dimension ${d}, but the input has the shape [${inputs[input].shape}]`,
        )
      }
      return [[input, Number(d), name]]
    })
  })
}

/** What a net does for all sizes, and which of these other sizes follow in steps only. */
export interface AnySizedNet {
  readonly net: AnyNet
  readonly coarse: readonly boolean[]
}

/**
 * The net's operations for any of the dynamic sizes, from runs with some. Batches go on by ones, and are never 1, which
 * broadcasts. Other sizes do so, too; where a net rounds (strides, pooling), or takes no larger ones (a table of positions), they
 * go on by 32, or down.
 *
 * @throws {AutogradError} for sizes that can't be open; whatever the forward throws
 */
export function traceAny(net: AnyModule, inputs: readonly Tensor[], axes: readonly OpenSize[]): AnySizedNet {
  let first: unknown
  for (const way of WAYS) {
    const sizes = axes.map((axis) => (isBatch(axis) ? UP : way)(axis.size))
    if (sizes.some(({ small }) => small < 2)) continue
    try {
      const points = pointsOf(sizes)
      const traces = points.map((point) =>
        traceNet(
          net,
          inputs.map((x, i) => resized(x, i, axes, point)),
        ),
      )
      const coarse = axes.map((axis) => way === BY_32 && !isBatch(axis))
      return { net: anySize(traces, points), coarse }
    } catch (error) {
      first ??= error
      if (!(error instanceof SimdgradError)) throw error
      if (axes.every(isBatch)) throw error
    }
  }
  if (first instanceof AutogradError || !(first instanceof SimdgradError)) throw first
  throw new AutogradError(
    `${net.constructor.name}: its forward does not take other sizes of ${axes.map(({ name }) => `'${name}'`).join(', ')}: ${first.message}`,
    { cause: first },
  )
}

/** In which a net does hardly ever round. */
const isBatch = ({ places }: OpenSize) => places.every(({ dim }) => dim === 0)

type Way = (size: number) => { small: number; large: number; other: number }

const UP: Way = (size) => ({ small: size + 1, large: size + 2, other: size + 4 })
const BY_32: Way = (size) => ({ small: size, large: size + 32, other: size + 96 })
const DOWN: Way = (size) => ({ small: size - 2, large: size - 1, other: size })
const WAYS = [UP, BY_32, DOWN]

/** The example of input `i` with other sizes: its own values, again and again. */
function resized(x: Tensor, i: number, axes: readonly OpenSize[], point: Point): Tensor {
  let [values, shape] = [x.toFloat32Array(), [...x.shape]]
  for (const [k, { places }] of axes.entries()) {
    for (const { input, dim } of places) {
      if (input !== i) continue
      const [size, next] = [shape[dim], point[k]]
      const inner = sizeOf(shape.slice(dim + 1))
      shape = shape.map((n, d) => (d === dim ? next : n))
      const result = new Float32Array(sizeOf(shape))
      for (let e = 0; e < result.length; e++) {
        const [outer, at, rest] = [Math.floor(e / (next * inner)), Math.floor(e / inner) % next, e % inner]
        result[e] = values[(outer * size + (at % size)) * inner + rest]
      }
      values = result
    }
  }
  return fromValues(values, shape)
}
