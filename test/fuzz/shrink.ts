/** Makes a failing program small: fewer steps, smaller shapes, fewer options, as long as it fails in the same way. */

import { check, type Failure } from './check.js'
import { type Evaluation, evaluate } from './evaluate.js'
import type { Operations } from './execute.js'
import { type Arg, inputsOf, isRef, keptBy, type Leaf, type Net, type Program, type Step } from './program.js'

/** A failure is shrunk for so long at most, in milliseconds. */
const PATIENCE = 10_000

type Candidates = (program: Program) => Generator<Program>

/** The argument with `change` done to every number or reference in it. */
function mapArg(arg: Arg, change: (leaf: Arg) => Arg): Arg {
  if (isRef(arg)) return change(arg)
  if (Array.isArray(arg)) return arg.map((each) => mapArg(each, change))
  if (typeof arg !== 'object' || arg === null) return change(arg)
  return Object.fromEntries(Object.entries(arg).map(([key, each]) => [key, mapArg(each, change)]))
}

const mapArgs = (step: Step, change: (leaf: Arg) => Arg): Step => ({
  ...step,
  args: step.args.map((arg) => mapArg(arg, change)),
})

const rename = (step: Step, from: string, to: string): Step =>
  mapArgs(step, (arg) => (isRef(arg) && arg.ref === from ? { ref: to } : arg))

/** Without leaves and nets that nothing reads. */
function tidy(program: Program): Program {
  const nets = program.nets.filter(({ id }) => program.steps.some(({ net }) => net === id))
  const read = new Set(program.steps.flatMap((step) => inputsOf(step, nets)))
  return { ...program, nets, leaves: program.leaves.filter(({ id }) => read.has(id)) }
}

/** What a step makes: its result, and what modules kept. */
const madeBy = (step: Step, nets: readonly Net[]): string[] => [
  step.out,
  ...keptBy(step, nets).map(([name]) => name),
]

/** Leaves with the shapes of what a step made, in its place. */
function asLeaves(names: readonly string[], at: Evaluation): Leaf[] {
  return names.flatMap((id, i) => {
    const made = at.values.get(id)
    if (!made) return []
    const kind = made.data.every((v) => v > 0.1) ? 'positive' : 'any'
    const requiresGrad = at.requiresGrad.get(id) === true
    return [{ id, shape: made.shape, kind, seed: 1000 + i + at.leaves.length, requiresGrad }]
  })
}

function* fewerSteps(program: Program): Generator<Program> {
  const { steps, nets } = program
  const at = evaluate(program)
  for (let i = steps.length - 1; i >= 0; i--) {
    const others = [...steps.slice(0, i), ...steps.slice(i + 1)]
    const made = madeBy(steps[i], nets)
    const readers = others.filter((step) => inputsOf(step, nets).some((id) => made.includes(id)))
    if (readers.length === 0) {
      yield { ...program, steps: others }
      continue
    }
    // Without all that follows from it.
    const gone = new Set(made)
    const rest = others.filter((step) => {
      if (!inputsOf(step, nets).some((id) => gone.has(id))) return true
      for (const id of madeBy(step, nets)) gone.add(id)
      return false
    })
    yield { ...program, steps: rest }
    // What reads a result may as well read what it was made of, where that has as many elements.
    const size = at.values.get(steps[i].out)?.data.length
    for (const input of new Set(inputsOf(steps[i], nets))) {
      if (at.values.get(input)?.data.length !== size) continue
      yield { ...program, steps: others.map((step) => rename(step, steps[i].out, input)) }
    }
    yield { ...program, leaves: [...program.leaves, ...asLeaves(made, at)], steps: others }
  }
}

function* fewerLayers(program: Program): Generator<Program> {
  for (const net of program.nets) {
    const withNet = (changed: Net) => ({
      ...program,
      nets: program.nets.map((each) => (each === net ? changed : each)),
    })
    for (let i = net.layers.length - 1; net.layers.length > 1 && i >= 0; i--) {
      yield withNet({ ...net, layers: net.layers.filter((_, k) => k !== i) })
    }
    if (!net.training) yield withNet({ ...net, training: true })
  }
}

/** A step's arguments with one reference, option, part or trailing argument less. */
function* fewerArguments({ op, args }: Step): Generator<readonly Arg[]> {
  const parts = args[0]
  if (op === 'cat' && Array.isArray(parts) && parts.length > 1) {
    for (let i = 0; i < parts.length; i++) yield [parts.toSpliced(i, 1), ...args.slice(1)]
  }
  for (let i = args.length - 1; i > 0; i--) {
    const arg = args[i]
    if (isRef(arg)) {
      yield args.with(i, null)
      continue
    }
    if (i === args.length - 1) yield args.slice(0, i)
    if (typeof arg !== 'object' || arg === null || Array.isArray(arg)) continue
    for (const key of Object.keys(arg)) {
      yield args.with(i, Object.fromEntries(Object.entries(arg).filter(([name]) => name !== key)))
    }
  }
}

function* plainer(program: Program): Generator<Program> {
  if (program.idle > 0) yield { ...program, idle: 0 }
  const { steps, leaves } = program
  for (const step of steps) {
    const as = (changed: Partial<Step>) => ({
      ...program,
      steps: steps.map((each) => (each === step ? { ...step, ...changed } : each)),
    })
    if (step.noGrad) yield as({ noGrad: false })
    if (step.readNow) yield as({ readNow: false })
    if (step.functional) yield as({ functional: false })
    for (const args of fewerArguments(step)) yield as({ args })
  }
  for (const leaf of leaves) {
    const as = (changed: Partial<Leaf>) => ({
      ...program,
      leaves: leaves.map((each) => (each === leaf ? { ...leaf, ...changed } : each)),
    })
    if (leaf.parameter) yield as({ parameter: false })
    if (leaf.requiresGrad) yield as({ requiresGrad: false })
    if (leaf.kind === 'any' || leaf.kind === 'positive') yield as({ kind: 'ones' })
  }
}

function* smaller(program: Program): Generator<Program> {
  const sizes = [...new Set(program.leaves.flatMap(({ shape }) => shape))].filter((s) => s > 1)
  const to = (from: number) => [...new Set([1, 2, from - 1])].filter((s) => s > 0 && s < from)
  for (const size of sizes.sort((a, b) => b - a)) {
    for (const less of to(size)) {
      const swap = (n: Arg) => (n === size ? less : n)
      const leaves = program.leaves.map((leaf) => ({
        ...leaf,
        shape: leaf.shape.map((s) => (s === size ? less : s)),
      }))
      yield { ...program, leaves }
      const layered = (net: Net) => ({
        ...net,
        layers: net.layers.map((layer) => ({ ...layer, args: layer.args.map((arg) => mapArg(arg, swap)) })),
      })
      const steps = program.steps.map((step) => mapArgs(step, swap))
      yield { ...program, leaves, nets: program.nets.map(layered), steps }
    }
  }
  for (const leaf of program.leaves) {
    const as = (shape: readonly number[]) => ({
      ...program,
      leaves: program.leaves.map((each) => (each === leaf ? { ...leaf, shape } : each)),
    })
    for (let d = 0; d < leaf.shape.length; d++) {
      for (const less of to(leaf.shape[d])) yield as(leaf.shape.with(d, less))
      if (leaf.shape[d] === 1) yield as(leaf.shape.toSpliced(d, 1))
    }
  }
}

const PASSES: readonly Candidates[] = [fewerSteps, fewerLayers, smaller, plainer]

/** Whether a program is one at all. What a candidate's twins throw, of whatever kind, says that it is not. */
function isValid(program: Program): boolean {
  try {
    evaluate(program)
    return true
  } catch {
    return false
  }
}

/** The smallest program found that fails as `failure` does, and how it fails itself. */
export function shrink(program: Program, failure: Failure, operations: Operations = {}): [Program, Failure] {
  const end = performance.now() + PATIENCE
  let best: [Program, Failure] = [program, failure]
  const better = (candidates: Candidates): boolean => {
    for (const candidate of candidates(best[0])) {
      if (performance.now() > end) return false
      const tidied = tidy(candidate)
      if (!isValid(tidied)) continue
      const outcome = check(tidied, operations)
      if (outcome.result !== 'failed' || outcome.failure.kind !== failure.kind) continue
      best = [tidied, outcome.failure]
      return true
    }
    return false
  }
  // Each change makes the program smaller, so this ends.
  while (PASSES.some(better));
  return best
}
