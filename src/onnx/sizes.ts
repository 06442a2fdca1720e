/**
 * A net of any size: what traces with inputs of some sizes have in common. Whatever number differs among them (a size, a bound,
 * a constant) must be a sum of products of the inputs' dynamic sizes; what grows otherwise can't be told apart from chance, and
 * is refused.
 */
import { AutogradError } from '../errors.js'
import { sizeOf } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { plainAttributes } from './attributes.js'
import { Formula, fitted, type Point, type Size, type Sizes } from './formula.js'
import type { Step, Traced, Value } from './trace.js'

/** As of a trace (trace.ts), with constants that may be repeated to the sizes, count them, or go on with them. */
export type AnySource =
  | Exclude<Value['source'], { kind: 'constant' }>
  | { kind: 'constant'; values: Float32Array; shape: readonly number[] }
  | { kind: 'count'; of: Formula }
  /** start, start + step … along the dimension that has a size. */
  | { kind: 'range'; start: Size; step: number; dim: number }
  /** Of the last two dimensions, below and above the diagonal, which belongs to one of them. */
  | { kind: 'triangle'; below: number; above: number; diagonal: 'below' | 'above' }

export interface AnyValue {
  readonly source: AnySource
  readonly shape: Sizes
}

export interface AnyStep {
  readonly name: string
  readonly inputs: readonly (AnyValue | undefined)[]
  readonly attributes: unknown
  readonly shape: Sizes
}

export interface AnyNet {
  readonly inputs: readonly AnyValue[]
  readonly steps: readonly AnyStep[]
  readonly outputs: readonly AnyValue[]
}

/** What traces of a net at these sizes have in common; of one, that one. @throws {AutogradError} */
export function anySize(traces: readonly Traced[], points: readonly Point[]): AnyNet {
  return new Merger(traces, points).run()
}

class Merger {
  readonly #values = new Map<Value, AnyValue>()

  constructor(
    readonly traces: readonly Traced[],
    readonly points: readonly Point[],
  ) {}

  run(): AnyNet {
    const [{ inputs, steps, outputs }] = this.traces
    for (const { steps: others } of this.traces) {
      const place = steps.findIndex(({ name }, i) => others[i]?.name !== name)
      if (place >= 0 || others.length !== steps.length) {
        throw new AutogradError(
          `the net computes otherwise with other batches or sizes: '${steps[place]?.name}' is not what comes ${place} operations after its beginning with each. ${CURE}`,
        )
      }
    }
    return {
      inputs: inputs.map((_, i) => this.#value((trace) => trace.inputs[i], 'an input')),
      steps: steps.map((step, i) => this.#step(step, i)),
      outputs: outputs.map((_, i) => this.#value((trace) => trace.outputs[i], 'an output')),
    }
  }

  #step({ name, inputs }: Step, i: number): AnyStep {
    const all = this.traces.map(({ steps }) => steps[i])
    return {
      name,
      inputs: inputs.map((x, k) => x && this.#value(({ steps }) => steps[i].inputs[k] as Value, name)),
      attributes: this.#merge(
        all.map((step) => plainAttributes(step)),
        name,
      ),
      shape: this.#merge(
        all.map(({ shape }) => shape),
        name,
      ) as Sizes,
    }
  }

  #value(of: (trace: Traced) => Value, where: string): AnyValue {
    const values = this.traces.map(of)
    const [first] = values
    const known = this.#values.get(first)
    if (known) return known
    const shape = this.#merge(
      values.map((value) => value.shape),
      where,
    ) as Sizes
    const value = { source: this.#source(values, where), shape }
    this.#values.set(first, value)
    return value
  }

  #source(values: readonly Value[], where: string): AnySource {
    const [{ source, shape }] = values
    if (source.kind !== 'constant') {
      const same = values.every(
        (one) => one.source.kind === source.kind && placeOf(one.source) === placeOf(source),
      )
      if (!same) throw this.#differs(where, 'takes other tensors')
      return source
    }
    const all = values.map((one) => (one.source.kind === 'constant' ? one.source.values : undefined))
    if (all.some((one) => one === undefined)) throw this.#differs(where, 'takes other tensors')
    if (source.values.length === 1 && shape.length === 0) {
      const number = this.#merge(
        all.map((one) => one?.[0] ?? 0),
        where,
      )
      if (number instanceof Formula) return { kind: 'count', of: number }
    }
    const going = rangeOf(values, all as Float32Array[], (starts) => this.#merge(starts, where) as Size)
    if (going) return going
    const triangle = triangleOf(values, all as Float32Array[])
    if (triangle) return triangle
    // Along what grows, all is the same.
    const kept = shape.map((size, d) => (values.every((one) => one.shape[d] === size) ? size : 1))
    const base = firstOf(source.values, shape, kept)
    for (const [i, one] of values.entries()) {
      if (!isRepeated(base, kept, all[i] ?? base, one.shape))
        throw this.#differs(where, 'takes a constant whose values change')
    }
    return { kind: 'constant', values: base, shape: kept }
  }

  #differs(where: string, how: string): AutogradError {
    return new AutogradError(
      `'${where}' ${how} with the batch or another dynamic size, in a way that is no sum of products of such sizes. ${CURE}`,
    )
  }

  /** One tree of several alike, with a `Formula` for each number that differs. */
  #merge(trees: readonly unknown[], where: string): unknown {
    const [first] = trees
    if (trees.every((tree) => Object.is(tree, first))) return first
    if (typeof first === 'number') return this.#fit(trees.map(Number), where)
    if (Array.isArray(first)) {
      if (!trees.every((tree) => Array.isArray(tree) && tree.length === first.length))
        throw this.#differs(where, 'has other dimensions')
      return first.map((_, i) =>
        this.#merge(
          trees.map((tree) => (tree as unknown[])[i]),
          where,
        ),
      )
    }
    if (typeof first === 'function' || first instanceof Tensor) return undefined
    if (typeof first !== 'object' || first === null) throw this.#differs(where, 'has other options')
    return Object.fromEntries(
      Object.keys(first).map((key) => [
        key,
        this.#merge(
          trees.map((tree) => (tree as Record<string, unknown>)[key]),
          where,
        ),
      ]),
    )
  }

  #fit(numbers: readonly number[], where: string): Size {
    const size = fitted(numbers, this.points)
    if (size === undefined) throw this.#differs(where, 'has a size that changes')
    return size
  }
}

const CURE = 'Export it for one size: { dynamicBatch: false }, or fewer dynamicAxes'

function placeOf(source: Value['source']): unknown {
  if (source.kind === 'state') return source.name
  return source.kind === 'constant' ? undefined : source.index
}

/** Where element `i` of `shape` is among the values of `kept`, in which some sizes are 1. */
function placeIn(kept: readonly number[], shape: readonly number[], i: number): number {
  let [place, step, rest] = [0, 1, i]
  for (let d = shape.length - 1; d >= 0; d--) {
    if (kept[d] === shape[d]) place += (rest % shape[d]) * step
    rest = Math.floor(rest / shape[d])
    step *= kept[d]
  }
  return place
}

function firstOf(values: Float32Array, shape: readonly number[], kept: readonly number[]): Float32Array {
  const base = new Float32Array(sizeOf(kept))
  // Backwards, so that the first of those that meet stays.
  for (let i = values.length - 1; i >= 0; i--) base[placeIn(kept, shape, i)] = values[i]
  return base
}

function isRepeated(
  base: Float32Array,
  kept: readonly number[],
  values: Float32Array,
  shape: readonly number[],
): boolean {
  return values.every((value, i) => Object.is(value, base[placeIn(kept, shape, i)]))
}

/** A constant that goes on evenly along the only dimension that grows. */
function rangeOf(
  values: readonly Value[],
  all: readonly Float32Array[],
  merge: (starts: number[]) => Size,
): AnySource | undefined {
  const [{ shape }] = values
  const growing = shape.map((_, d) => d).filter((d) => values.some((one) => one.shape[d] !== shape[d]))
  if (growing.length !== 1) return undefined
  const [dim] = growing
  const steps = new Set<number>()
  for (const [i, one] of values.entries()) {
    const kept = one.shape.map((size, d) => (d === dim ? size : 1))
    const base = firstOf(all[i], one.shape, kept)
    if (base.length < 2 || !isRepeated(base, kept, all[i], one.shape)) return undefined
    steps.add(base[1] - base[0])
    if (!base.every((value, k) => value === base[0] + k * (base[1] - base[0]))) return undefined
  }
  const [step] = steps
  if (steps.size !== 1 || step === 0) return undefined
  return { kind: 'range', start: merge(all.map((one) => one[0])), step, dim }
}

/** A mask of the last two dimensions, as for attention that looks back only. */
function triangleOf(values: readonly Value[], all: readonly Float32Array[]): AnySource | undefined {
  const [{ shape }] = values
  if (shape.length < 2 || shape.slice(-2).some((size) => size < 2)) return undefined
  if (values.every((one) => one.shape.slice(-2).every((size, d) => size === shape.at(d - 2))))
    return undefined
  const cols = shape[shape.length - 1]
  const [diagonal, above, below] = [all[0][0], all[0][1], all[0][cols]]
  if (Object.is(above, below) || !(Object.is(diagonal, above) || Object.is(diagonal, below))) return undefined
  const fits = values.every(({ shape: own }, i) => {
    const [rows, columns] = own.slice(-2)
    return all[i].every((value, k) => {
      const apart = (k % columns) - (Math.floor(k / columns) % rows)
      return Object.is(value, apart === 0 ? diagonal : apart > 0 ? above : below)
    })
  })
  if (!fits) return undefined
  return { kind: 'triangle', below, above, diagonal: Object.is(diagonal, below) ? 'below' : 'above' }
}
