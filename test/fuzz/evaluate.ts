/**
 * Runs programs in float64, one step at a time, and knows what the library is to say of each value. A step that
 * is not allowed, or that float32 can't be compared at, throws Invalid: the generator then draws another, and
 * the shrinker leaves the program as it was.
 */
import { Invalid, need, sizeOf, type Value, value, watch } from '../support/interpreter/value.js'
import { LAYERS } from './layers.js'
import {
  inputsOf,
  keptBy,
  type Leaf,
  type Net,
  type Program,
  resolve,
  type Step,
  valuesOf,
} from './program.js'
import { entryOf } from './table/index.js'

/** As many elements may a value have: finite differences evaluate a program some fifty times. */
export const MOST_ELEMENTS = 4000

/** A value may not be larger: exp and pow would go over the edge of float32. */
const LARGEST = 1e4

/**
 * How near to a kink, as a share of the largest magnitude along the way, is too near: float32 is off by some
 * 1e-6 of that, and the finite differences move a value by a few times 1e-6.
 */
const KINK = 5e-5

/**
 * A step is left out where rounding each value to float32 moves the result by more than this share of the largest
 * magnitude along the way: a thirtieth of what the comparison allows, as the library rounds inside of its
 * operations too.
 */
const STRAIN = 3e-7

export type Values = ReadonlyMap<string, Value>

/** What only the library's own run can tell: the masks of dropouts, by the step's name. */
export type Told = ReadonlyMap<string, Value>

/**
 * How float32 is stood for: a number and its place in a value → what is left of it; and by what share of the
 * largest magnitude along the way that may move a result.
 */
export interface Rounding {
  readonly round: (v: number, at: number) => number
  readonly strain: number
}

const ONCE: Rounding = { round: Math.fround, strain: STRAIN }

export function largestOf({ data }: Value): number {
  return data.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
}

export class Evaluation {
  readonly nets: Net[] = []
  readonly leaves: Leaf[] = []
  readonly steps: Step[] = []
  readonly values = new Map<string, Value>()
  /** The same, with each value rounded to float32. */
  readonly #rounded = new Map<string, Value>()
  readonly requiresGrad = new Map<string, boolean>()
  /** The largest magnitude on the way to each value. */
  readonly largest = new Map<string, number>()
  /** Running statistics as they were before a step: step → leaf → value. */
  readonly before = new Map<string, Values>()
  /** A result that is its input itself: name → that of the input. */
  readonly same = new Map<string, string>()
  /** How many elements come out of each layer of a net, by the step that calls it. */
  readonly inside = new Map<string, readonly number[]>()
  /** What a value was computed from. */
  readonly inputs = new Map<string, readonly string[]>()
  /** Which step made a value. */
  readonly maker = new Map<string, Step>()
  /** Steps whose graph a backward has used up. */
  readonly spent = new Set<Step>()
  /** Leaves that some backward has reached. */
  readonly reached = new Set<string>()
  /** Running statistics that a recorded evaluation reads: they may not change any more. */
  readonly pinned = new Set<string>()

  constructor(
    readonly told: Told = new Map(),
    readonly rounding: Rounding = ONCE,
  ) {}

  /** A copy that goes its own way from here. */
  clone(): Evaluation {
    const copy = new Evaluation(this.told, this.rounding)
    for (const list of ['nets', 'leaves', 'steps'] as const) copy[list].push(...(this[list] as never[]))
    for (const [id, v] of this.#rounded) copy.#rounded.set(id, v)
    for (const map of [
      'values',
      'requiresGrad',
      'largest',
      'before',
      'same',
      'inside',
      'inputs',
      'maker',
    ] as const) {
      for (const [id, v] of this[map]) (copy[map] as Map<string, unknown>).set(id, v)
    }
    for (const set of ['spent', 'reached', 'pinned'] as const) {
      for (const each of this[set]) (copy[set] as Set<unknown>).add(each)
    }
    return copy
  }

  /** `data` in the place of the values of the leaf's seed. */
  addLeaf(leaf: Leaf, data: Float64Array = valuesOf(leaf)): void {
    const v = value(leaf.shape, data)
    this.leaves.push(leaf)
    this.values.set(leaf.id, v)
    this.#rounded.set(leaf.id, v)
    this.requiresGrad.set(leaf.id, leaf.requiresGrad)
    this.largest.set(leaf.id, largestOf(v))
  }

  /** @throws {Invalid} for a step that may not be there */
  addStep(step: Step): void {
    const inputs = inputsOf(step, this.nets)
    for (const id of inputs) need(this.values.has(id), `${id} is not known`)
    if (step.op === 'backward') {
      this.#backward(step)
      this.steps.push(step)
      return
    }
    const states = this.#states(inputs)
    watch.gap = Number.POSITIVE_INFINITY
    watch.largest = 0
    const inside: number[] = []
    const outputs = apply(
      step,
      this.nets,
      (id) => states.get(id) ?? this.get(id),
      this.told,
      (v) => {
        inside.push(v.data.length)
        return v
      },
    )
    this.inside.set(step.out, inside)
    const { gap } = watch
    const largest = Math.max(
      watch.largest,
      ...inputs.map((id) => this.largest.get(id) ?? 0),
      ...[...outputs.values()].map(largestOf),
    )
    need(gap > KINK * largest, 'near a kink')
    need(Number.isFinite(largest) && largest <= LARGEST, 'too large, or no number')
    this.#round(step, inputs, outputs, largest)

    const differentiable = entryOf(step.op)?.differentiable !== false && step.part !== 'indices'
    const records = !step.noGrad && step.op !== 'detach' && differentiable
    const recorded = (from: readonly string[]) =>
      records && from.some((id) => this.requiresGrad.get(id) === true)
    this.before.set(step.out, new Map([...states.keys()].map((id) => [id, this.get(id)])))
    for (const [id, state] of states) this.#changeState(id, state, recorded(inputs))
    for (const [id, output] of outputs) {
      need(output.data.length <= MOST_ELEMENTS, 'too many elements')
      // What gives back its input (dropout in evaluation, a user's module) makes no tensor, noGrad or not.
      const same = inputs.find((input) => this.values.get(input) === output)
      const from = id === step.out ? inputs : inputsOf(step, this.nets, id)
      this.inputs.set(id, from)
      const maker = same ? this.maker.get(same) : step
      if (same) this.same.set(id, this.same.get(same) ?? same)
      if (maker) this.maker.set(id, maker)
      this.values.set(id, output)
      this.requiresGrad.set(id, same ? this.requiresGrad.get(same) === true : recorded(from))
      this.largest.set(id, largest)
    }
    this.steps.push(step)
  }

  get(id: string): Value {
    const found = this.values.get(id)
    if (!found) throw new Invalid(`${id} is not known`)
    return found
  }

  /** Copies of the running statistics among the inputs, for a step to write to. */
  #states(inputs: readonly string[], of: Values = this.values): Map<string, Value> {
    const copies = new Map<string, Value>()
    for (const { id, state } of this.leaves) {
      const current = of.get(id)
      if (state && current && inputs.includes(id)) copies.set(id, value(current.shape, current.data.slice()))
    }
    return copies
  }

  #changeState(id: string, after: Value, recorded: boolean): void {
    const changed = after.data.some((v, i) => v !== this.get(id).data[i])
    if (changed) {
      // The library rightly throws in a backward through what read the statistics as they were before.
      need(!this.pinned.has(id), 'a running statistic that is still needed')
      this.values.set(id, after)
      this.#rounded.set(id, value(after.shape, after.data.map(this.rounding.round)))
      this.largest.set(id, Math.max(this.largest.get(id) ?? 0, largestOf(after)))
    } else if (recorded) {
      this.pinned.add(id)
    }
  }

  #round(step: Step, inputs: readonly string[], outputs: Values, largest: number): void {
    const states = this.#states(inputs, this.#rounded)
    const of = (id: string) => states.get(id) ?? this.#rounded.get(id) ?? this.get(id)
    const fround = (v: Value) => value(v.shape, v.data.map(this.rounding.round))
    for (const [id, rounded] of apply(step, this.nets, of, this.told, fround)) {
      const exact = outputs.get(id)?.data ?? []
      const strained = rounded.data.some(
        (v, i) => !(Math.abs(v - exact[i]) <= this.rounding.strain * largest),
      )
      need(!strained, 'float32 is too coarse')
      this.#rounded.set(id, rounded)
    }
  }

  #backward(step: Step): void {
    const [root, cotangent] = inputsOf(step, this.nets)
    need(this.requiresGrad.get(root) === true, 'nothing to differentiate')
    const shape = this.get(root).shape
    need(cotangent ? String(this.get(cotangent).shape) === String(shape) : sizeOf(shape) === 1, 'a cotangent')
    const behind = this.behind(root)
    need(!this.isUsed(root), 'a graph that was used')
    for (const id of behind) {
      const maker = this.maker.get(id)
      if (maker) this.spent.add(maker)
      else this.reached.add(id)
    }
  }

  /** Whether a backward has used what a value was computed by: then another one may not go through it. */
  isUsed(id: string): boolean {
    if (this.spent.size === 0 || !this.requiresGrad.get(id)) return false
    for (const each of this.behind(id)) {
      const maker = this.maker.get(each)
      if (maker && this.spent.has(maker)) return true
    }
    return false
  }

  /** What a backward from here goes through: names of results and leaves that require a gradient. */
  behind(root: string): Set<string> {
    const found = new Set([this.same.get(root) ?? root])
    for (const id of found) {
      for (const input of this.inputs.get(id) ?? []) {
        if (this.requiresGrad.get(input)) found.add(this.same.get(input) ?? input)
      }
    }
    return found
  }
}

/** What is done to the result of an operation, or of a net's layer of that number. */
export type Change = (v: Value, layer: number) => Value

/** The result of a step, and what modules kept on the way. `change` is done to every value in between. */
export function apply(
  step: Step,
  nets: readonly Net[],
  of: (id: string) => Value,
  told: Told,
  change: Change = (v) => v,
): Map<string, Value> {
  const args = step.args.map((arg) => resolve(arg, of))
  if (step.op === 'detach') return new Map([[step.out, { ...(args[0] as Value) }]])
  if (step.op !== 'sequential') {
    const twin = entryOf(step.op)?.twin as ((...args: unknown[]) => object) | undefined
    if (!twin) throw new Invalid(`no twin of ${step.op}`)
    const observed = told.get(step.out)
    const all = twin(...args, ...(observed ? [observed] : []))
    const result = (step.part === undefined ? all : Reflect.get(all, step.part)) as Value | undefined
    if (!result) throw new Invalid(`no ${step.part} of ${step.op}`)
    return new Map([[step.out, change(result, 0)]])
  }
  const net = nets.find(({ id }) => id === step.net)
  if (!net) throw new Invalid('no net')
  const found = new Map<string, Value>()
  let x = args[0] as Value
  const kept = keptBy(step, nets)
  net.layers.forEach(({ name, args: own, tensors }, i) => {
    for (const [id, layer] of kept) if (layer === i) found.set(id, x)
    const fields = Object.entries(tensors).map(([field, id]): [string, Value] => [field, of(id)])
    x = change(LAYERS[name].twin(x, own, Object.fromEntries(fields), net.training), i)
    watch.largest = Math.max(watch.largest, largestOf(x))
  })
  return found.set(step.out, x)
}

/** Evaluates a whole program. `data` may give a leaf other values. @throws {Invalid} */
export function evaluate(
  program: Program,
  told?: Told,
  { data, rounding }: { data?: (leaf: Leaf) => Float64Array; rounding?: Rounding } = {},
): Evaluation {
  const evaluation = new Evaluation(told, rounding)
  evaluation.nets.push(...program.nets)
  for (const leaf of program.leaves) evaluation.addLeaf(leaf, data?.(leaf))
  for (const step of program.steps) evaluation.addStep(step)
  return evaluation
}
