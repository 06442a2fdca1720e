/**
 * A net of any batch: what traces with some batches have in common. Whatever number differs among them (a size, a bound, a
 * constant) must grow evenly with the batch; what grows otherwise can't be told apart from chance, and is refused.
 */
import { AutogradError } from '../errors.js'
import { sizeOf } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { plainAttributes } from './attributes.js'
import type { Step, Traced, Value } from './trace.js'

/** A number that grows with the batch: `slope · batch + offset`. */
export class Linear {
  constructor(
    readonly slope: number,
    readonly offset: number,
  ) {}
}

/** A size: fixed, or by the batch. */
export type Size = number | Linear

export type Sizes = readonly Size[]

/** As of a trace (trace.ts), with constants that may be repeated to the batch, or count it. */
export type AnySource =
  | Exclude<Value['source'], { kind: 'constant' }>
  | { kind: 'constant'; values: Float32Array; shape: readonly number[] }
  | { kind: 'count'; of: Linear }

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

export const sameSize = (a: Size, b: Size): boolean =>
  typeof a === 'number' || typeof b === 'number' ? a === b : a.slope === b.slope && a.offset === b.offset

/** What traces of a net with these batches have in common; of one, that one. @throws {AutogradError} */
export function anyBatch(traces: readonly Traced[], batches: readonly number[]): AnyNet {
  return new Merger(traces, batches).run()
}

class Merger {
  readonly #values = new Map<Value, AnyValue>()

  constructor(
    readonly traces: readonly Traced[],
    readonly batches: readonly number[],
  ) {}

  run(): AnyNet {
    const [{ inputs, steps, outputs }] = this.traces
    for (const { steps: others } of this.traces) {
      const place = steps.findIndex(({ name }, i) => others[i]?.name !== name)
      if (place >= 0 || others.length !== steps.length) {
        throw new AutogradError(
          `the net computes otherwise with other batches: '${steps[place]?.name}' is not what comes ${place} operations after its beginning with each. Export it for one batch: { dynamicBatch: false }`,
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
      if (number instanceof Linear) return { kind: 'count', of: number }
    }
    // Along what grows with the batch, all is the same.
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
      `'${where}' ${how} with the batch, in a way that grows not evenly with it. Export the net for one batch: { dynamicBatch: false }`,
    )
  }

  /** One tree of several alike, with a `Linear` for each number that differs. */
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

  #fit(numbers: readonly number[], where: string): Linear {
    const [b0, b1] = this.batches
    const slope = (numbers[1] - numbers[0]) / (b1 - b0)
    const offset = numbers[0] - slope * b0
    const fits = numbers.every((number, i) => number === slope * this.batches[i] + offset)
    if (!fits || !Number.isInteger(slope) || !Number.isInteger(offset))
      throw this.#differs(where, 'has a size')
    return new Linear(slope, offset)
  }
}

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
