/** Compares what the library makes of a program with the interpreter. */
import { Invalid, type Shape } from '../support/interpreter/value.js'
import { compareCompiled } from './compiled.js'
import { type Evaluation, evaluate, MOST_ELEMENTS } from './evaluate.js'
import { execute, type Operations, type Run, Thrown } from './execute.js'
import { gradientAlongTheWay, randomDirection, STEP, slope, unit } from './gradients.js'
import { type Leaf, noise, type Program, valuesOf } from './program.js'

/**
 * How far a value may be off, as a share of the largest magnitude on the way to it. One rounding is 6e-8 of that.
 * In 5,000 programs one value in a thousand was off by more than 5e-7, and none by more than 3.2e-6; a term that
 * is missing from a sum is more than 1e-3.
 */
const FORWARD = 1e-5

/**
 * How far a gradient may be off, as a share of the largest element, or else of the largest gradient on the way:
 * the rounding of the forward enters through every factor, and normalisations divide by small spreads. In 5,000
 * programs one in a thousand was off by more than 4e-6, and none by more than 2.5e-5. A wrong sign, factor,
 * element or term is more than 1e-2.
 */
const GRADIENT = 2e-4

/** By what share of themselves values are moved to see whether a result is stable: 16 roundings. */
const JITTER = 1e-6

/** In how many ways values on the way are moved by JITTER, to see whether a result is stable. */
const WAYS = 8

/** Leaves of up to this size are checked element by element, others along random directions. */
const SMALL = 6

/** What is wrong: a kind, by which failures are told apart, and the words. */
export interface Failure {
  readonly kind: string
  readonly message: string
}

export type Outcome =
  | { readonly result: 'passed' }
  /** A value or a gradient is not stable in float32; only what comes before it could be compared. */
  | { readonly result: 'unstable'; readonly why: string }
  | { readonly result: 'failed'; readonly failure: Failure }

const failed = (kind: string, message: string): Failure => ({ kind, message })

/** The worst element; undefined where all are within `limit`. NaN is out. */
function worst(got: Float32Array, expected: Float64Array, limit: number): string | undefined {
  let [at, most, wrong] = [-1, -1, 0]
  expected.forEach((v, i) => {
    const difference = Math.abs(got[i] - v)
    if (difference <= limit) return
    wrong++
    const size = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference
    if (size > most) [at, most] = [i, size]
  })
  if (at < 0) return undefined
  const words = `${wrong} of ${expected.length} are off by more than ${limit.toExponential(1)}`
  return `${words}; at ${at} it is ${got[at]} and should be ${Math.fround(expected[at])}`
}

const sameShape = (a: Shape, b: Shape) => a.length === b.length && a.every((s, d) => s === b[d])

function compareForward(run: Run, at: Evaluation): Failure | undefined {
  const opOf = (id: string) => at.maker.get(id)?.op ?? 'leaf'
  // In the order of the program, so that the first wrong value is the one that is told.
  for (const [id, expected] of at.values) {
    const op = opOf(id)
    const shape = run.shapes.get(id) ?? expected.shape
    if (!sameShape(shape, expected.shape)) {
      return failed(`shape of ${op}`, `${id} (${op}) has shape [${shape}], not [${expected.shape}]`)
    }
    const requiresGrad = at.requiresGrad.get(id) === true
    if ((run.requiresGrad.get(id) ?? requiresGrad) !== requiresGrad) {
      return failed('requiresGrad', `${id} (${op}): requiresGrad should be ${requiresGrad}`)
    }
    const limit = FORWARD * (at.largest.get(id) ?? 0)
    for (const [when, values] of [
      ['read at once', run.early],
      ['read at the end', run.values],
    ] as const) {
      const got = values.get(id)
      if (!got) continue
      const wrong = got.length === expected.data.length ? worst(got, expected.data, limit) : 'its length'
      if (wrong) return failed(`value of ${op}`, `${id} (${op}, ${when}): ${wrong}`)
    }
  }
  return undefined
}

function compareGradients(run: Run, at: Evaluation): Failure | undefined {
  for (const [id, grad] of run.grads) {
    const leaf = at.leaves.find((each) => each.id === (at.same.get(id) ?? id))
    const expected = leaf !== undefined && at.reached.has(leaf.id)
    if (grad && !expected) {
      const why = !leaf ? 'is no leaf' : leaf.requiresGrad ? 'no backward reaches it' : 'is frozen'
      return failed('gradient that nobody asked for', `${id} has a gradient, but ${why}`)
    }
    if (!grad && expected) return failed('gradient is missing', `${id} has no gradient`)
    if (!grad || !leaf) continue
    if (!sameShape(grad.shape, leaf.shape)) {
      return failed('shape of a gradient', `the gradient of ${id} has shape [${grad.shape}]`)
    }
    const wrong = gradientOf(at, leaf, grad.values)
    if (wrong) return failed('gradient', wrong)
  }
  return undefined
}

function directions({ shape, seed }: Leaf, length: number): Float64Array[] {
  if (length <= SMALL) return Array.from({ length }, (_, i) => unit(length, i))
  // The last element is where a kernel's tail ends; two directions see the rest.
  return [
    unit(length, length - 1),
    unit(length, (seed + shape.length) % length),
    randomDirection(seed, length),
    randomDirection(seed + 1, length),
  ]
}

/** What is wrong with a leaf's gradient. */
function gradientOf(at: Evaluation, leaf: Leaf, got: Float32Array): string | undefined {
  const own = got.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
  let alongTheWay: number | undefined
  for (const direction of directions(leaf, got.length)) {
    const expected = slope(at, leaf, direction)
    const found = direction.reduce((sum, d, i) => sum + d * got[i], 0)
    const difference = Math.abs(found - expected)
    // Errors of different elements are as good as independent: their sum grows with the root.
    const terms = Math.sqrt(direction.reduce((sum, d) => sum + d * d, 0))
    const within = (scale: number) => difference <= GRADIENT * scale * terms
    if (within(own)) continue
    alongTheWay ??= gradientAlongTheWay(at, leaf.id)
    if (within(alongTheWay)) continue
    const limit = GRADIENT * Math.max(own, alongTheWay) * terms
    const unstable = instability(at, leaf, direction, limit / 4)
    if (unstable) throw new Invalid(unstable)
    const place = terms === 1 ? `at ${direction.indexOf(1)}` : 'along a direction of +1 and -1'
    const words = `it is ${found} and should be ${expected} (${limit.toExponential(1)} may be off)`
    return `the gradient of ${leaf.id} [${leaf.shape}], ${place}: ${words}`
  }
  return undefined
}

/**
 * A second opinion, before a gradient is called wrong: why it can't be told. The slope must be the same in other
 * ranges, which it is not at a kink, and for leaves that are moved by some roundings of float32.
 */
function instability(at: Evaluation, leaf: Leaf, direction: Float64Array, limit: number): string | undefined {
  const here = slope(at, leaf, direction)
  // On one side alone too: values that are equal by chance (x − x.detach()) are a kink that none comes near to.
  const others = [
    [-10 * STEP, 10 * STEP],
    [-STEP / 10, STEP / 10],
    [-STEP, 0],
    [0, STEP],
  ] as const
  for (const range of others) {
    if (!(Math.abs(slope(at, leaf, direction, range) - here) <= limit)) return 'a kink is near'
  }
  const moved = (each: Leaf) => {
    const data = valuesOf(each)
    const by = noise(each.seed + 1, data.length)
    return data.map((v, i) => v * (1 + (each.kind === 'labels' ? 0 : JITTER * by[i])))
  }
  const { nets, leaves, steps } = at
  const elsewhere = evaluate({ nets, leaves, steps, seed: 0, idle: 0 }, at.told, { data: moved })
  if (!(Math.abs(slope(elsewhere, leaf, direction) - here) <= limit)) return 'the gradient is not stable'
  return undefined
}

/**
 * A second opinion, before a value is called wrong: whether float32 can tell it at all. The generator has rounded
 * what comes out of each operation, in one way, which may happen to be a good one (where what is nearly the same
 * in all samples is normalised).
 *
 * @throws {Invalid} where other roundings of the values on the way move one too far
 */
function checkStability(program: Program, at: Evaluation): void {
  for (let way = 1; way <= WAYS; way++) {
    const by = noise(way, MOST_ELEMENTS)
    const round = (v: number, i: number) => Math.fround(v * (1 + JITTER * by[i % by.length]))
    evaluate(program, at.told, { rounding: { round, strain: FORWARD / 2 } })
  }
}

function compareReplays(program: Program, operations: Operations): Failure | undefined {
  // With a fault planted, the operations are not the library's own.
  if (Object.keys(operations).length > 0) return undefined
  const outcome = compareCompiled(program)
  return outcome.result === 'different' ? failed('compiled', `compiled, ${outcome.what}`) : undefined
}

/** Runs a program on the library, as it is and compiled, and on the interpreter, and compares. */
export function check(program: Program, operations: Operations = {}): Outcome {
  let run: Run
  try {
    run = execute(program, operations)
  } catch (error) {
    if (!(error instanceof Thrown)) throw error
    const name = error.what instanceof Error ? error.what.name : 'something'
    return { result: 'failed', failure: failed(`throws ${name}`, error.message) }
  }
  try {
    const at = evaluate(program, run.told)
    const wrong = compareForward(run, at)
    if (wrong) checkStability(program, at)
    const failure = wrong ?? compareGradients(run, at) ?? compareReplays(program, operations)
    return failure ? { result: 'failed', failure } : { result: 'passed' }
  } catch (error) {
    if (!(error instanceof Invalid)) throw error
    return { result: 'unstable', why: error.message }
  }
}
