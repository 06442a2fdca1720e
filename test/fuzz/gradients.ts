/**
 * Gradients of a program in float64, by finite differences of the interpreter: no second reverse mode that could
 * have the first one's faults. What is differentiated is the sum over all backwards of ⟨cotangent, root⟩. What
 * detach, noGrad and frozen leaves hold back stays as it was, and so do running statistics.
 */
import { type Value, value } from '../support/interpreter/value.js'
import { apply, type Evaluation, type Values } from './evaluate.js'
import { inputsOf, keptBy, noise, type Step } from './program.js'

/** Central differences in float64 are off by h² and by 1e-16 / h, both far below what is compared. */
export const STEP = 1e-6

/** What is moved: a value, or what comes out of a layer inside of the step that makes it. */
export interface Place {
  readonly id: string
  readonly layer?: number
}

const plus = ({ shape, data }: Value, direction: Float64Array, h: number): Value =>
  value(
    shape,
    data.map((v, i) => v + h * direction[i]),
  )

/** The values that change when a place is moved along `direction` by `h`, and all that follows from it. */
function moved(at: Evaluation, { id, layer }: Place, direction: Float64Array, h: number): Map<string, Value> {
  const changed = new Map<string, Value>()
  const maker = at.maker.get(id)
  const own = maker ? at.steps.indexOf(maker) : -1
  if (layer === undefined) changed.set(id, plus(at.get(id), direction, h))
  else if (maker) {
    const inside = (v: Value, i: number) => (i === layer ? plus(v, direction, h) : v)
    for (const [output, found] of apply(maker, at.nets, reader(at, maker, changed), at.told, inside)) {
      changed.set(output, found)
    }
  }
  for (const step of at.steps.slice(own + 1)) {
    if (step.op === 'backward') continue
    const inputs = inputsOf(step, at.nets)
    if (!inputs.some((input) => changed.has(input) && at.requiresGrad.get(input))) continue
    for (const [output, found] of apply(step, at.nets, reader(at, step, changed), at.told)) {
      if (output !== id && at.requiresGrad.get(output)) changed.set(output, found)
    }
  }
  return changed
}

/** What a step reads: what has changed, running statistics as they were before it, and all else as it is. */
function reader(at: Evaluation, step: Step, changed: Values): (id: string) => Value {
  const before = at.before.get(step.out)
  return (id) => {
    const state = before?.get(id)
    // A copy: the twin writes to it.
    if (state) return value(state.shape, state.data.slice())
    return changed.get(id) ?? at.get(id)
  }
}

/** Where the objective is looked at for a slope: on both sides of where it is. */
const BOTH_SIDES: readonly [from: number, to: number] = [-STEP, STEP]

/** The slope of the objective when a place is moved along `direction`. */
export function slope(
  at: Evaluation,
  place: Place,
  direction: Float64Array,
  [from, to] = BOTH_SIDES,
): number {
  const [up, down] = [moved(at, place, direction, to), moved(at, place, direction, from)]
  let sum = 0
  for (const step of at.steps) {
    if (step.op !== 'backward') continue
    const [root, cotangent] = inputsOf(step, at.nets)
    const [high, low] = [up.get(root), down.get(root)]
    if (!high || !low) continue
    // Elements are subtracted before they are summed, so that a large objective costs no digits.
    for (let i = 0; i < high.data.length; i++) {
      sum += (cotangent ? at.get(cotangent).data[i] : 1) * (high.data[i] - low.data[i])
    }
  }
  return sum / (to - from)
}

/** A direction of +1 and −1, along which no element's gradient is hidden by its neighbours' size. */
export function randomDirection(seed: number, length: number): Float64Array {
  return Float64Array.from(noise(seed, length), (v) => (v < 0 ? -1 : 1))
}

/** The direction of one element. */
export function unit(length: number, at: number): Float64Array {
  const direction = new Float64Array(length)
  direction[at] = 1
  return direction
}

/**
 * About the largest gradient on the way from the roots to a leaf: what the leaf's own is the sum or difference
 * of, where it cancels. From one random direction at each value in between: |⟨d, g⟩| / √n is about the root of
 * g's mean square.
 */
export function gradientAlongTheWay(at: Evaluation, leaf: string): number {
  let most = 0
  const behind = new Set([leaf])
  for (const step of at.steps) {
    if (step.op === 'backward') {
      const [root, cotangent] = inputsOf(step, at.nets)
      if (!behind.has(root)) continue
      most = Math.max(most, ...(cotangent ? at.get(cotangent).data.map(Math.abs) : [1]))
      continue
    }
    if (!inputsOf(step, at.nets).some((input) => behind.has(input) && at.requiresGrad.get(input))) continue
    const { out } = step
    for (const id of [out, ...keptBy(step, at.nets).map(([name]) => name)]) {
      if (at.requiresGrad.get(id)) behind.add(id)
    }
    if (!at.requiresGrad.get(out)) continue
    at.inside.get(out)?.forEach((n, layer) => {
      if (n === 0) return
      const along = slope(at, { id: out, layer }, randomDirection(17, n))
      most = Math.max(most, (2 * Math.abs(along)) / Math.sqrt(n))
    })
  }
  return most
}
