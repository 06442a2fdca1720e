/** Runs programs on the library, by its public names, and reads what came of it. */
import { nn, noGrad, Tensor, tensor } from 'simdgrad'
import type { Shape, Value } from '../support/interpreter/value.js'
import { isMethod } from './operation-names.js'
import {
  keptBy,
  type Layer,
  type Leaf,
  type Net,
  type Program,
  resolve,
  type Step,
  valuesOf,
} from './program.js'
import { entryOf } from './table/index.js'

/**
 * What a step calls, by the operation's name. A test that plants a fault gives other functions for some; the
 * library's own are `call`.
 */
export type Operations = Readonly<Record<string, (...args: unknown[]) => unknown>>

/** Where the library threw: the step, or 'reading x1'. */
export class Thrown extends Error {
  constructor(
    readonly what: unknown,
    readonly where: string,
  ) {
    super(`${what instanceof Error ? `${what.name}: ${what.message}` : what} (${where})`, { cause: what })
  }
}

/** What the library gave. */
export interface Run {
  /** Results by name, as they are at the end. */
  readonly values: Map<string, Float32Array>
  /** Those that were read at once too. */
  readonly early: Map<string, Float32Array>
  readonly shapes: Map<string, Shape>
  readonly requiresGrad: Map<string, boolean>
  readonly grads: Map<string, { shape: Shape; values: Float32Array } | null>
  readonly told: Map<string, Value>
}

class Keeps extends nn.Module {
  kept: Tensor | undefined

  override forward(x: Tensor): Tensor {
    this.kept = x
    return x
  }
}

class Same extends nn.Module {
  override forward(x: Tensor): Tensor {
    return x
  }
}

class Doubles extends nn.Module {
  override forward(x: Tensor): Tensor {
    return x.add(x)
  }
}

const CLASSES: object = { ...nn, Keeps, Same, Doubles }

/** The library's own function or method of that name, on a row of arguments. */
export function call(op: string, functional: boolean, args: readonly unknown[]): unknown {
  const [first, ...rest] = args
  const [owner, given]: [object, readonly unknown[]] =
    isMethod(op, functional) && first instanceof Tensor ? [first, rest] : [nn.functional, args]
  const f: unknown = Reflect.get(owner, op)
  if (typeof f !== 'function') throw new Error(`there is no operation '${op}'`)
  return f.apply(owner, given)
}

/** A program under way. */
export class Execution {
  readonly tensors = new Map<string, Tensor>()
  readonly modules = new Map<string, nn.Sequential>()
  readonly run: Run = {
    values: new Map(),
    early: new Map(),
    shapes: new Map(),
    requiresGrad: new Map(),
    grads: new Map(),
    told: new Map(),
  }

  constructor(
    readonly program: Program,
    readonly operations: Operations = {},
    /** Whether values may be read between the steps. */
    readonly reads = true,
  ) {
    for (const leaf of program.leaves) this.tensors.set(leaf.id, makeLeaf(leaf))
    for (const net of program.nets) this.#addNet(net)
  }

  #addNet({ id, layers, training }: Net): void {
    const modules = layers.map((layer) => {
      const module = makeLayer(layer)
      for (const [field, leaf] of Object.entries(layer.tensors)) {
        const own: unknown = Reflect.get(module, field)
        if (!(own instanceof Tensor)) throw new Error(`${layer.name} has no ${field}`)
        const { requiresGrad } = this.get(leaf)
        own.copy_(this.get(leaf))
        own.requiresGrad = requiresGrad
        this.tensors.set(leaf, own)
      }
      return module
    })
    const net = new nn.Sequential(...modules)
    net.train(training)
    this.modules.set(id, net)
  }

  get(id: string): Tensor {
    const found = this.tensors.get(id)
    if (!found) throw new Error(`${id} is not known`)
    return found
  }

  /** One step, without regard to noGrad. */
  step(step: Step): void {
    const args = step.args.map((arg) => resolve(arg, (id) => this.get(id)))
    const planted = this.operations[step.op]
    const done = planted ? planted(...args) : this.#call(step, args)
    if (step.op === 'backward') return
    if (!(done instanceof Tensor)) throw new Error(`${step.op} gave no tensor`)
    this.#add(step.out, done)
    this.#readKept(step)
    if (!this.reads) return
    const observe = entryOf(step.op)?.observe
    if (observe) {
      const known = args.map((arg) => (arg instanceof Tensor ? arg.toFloat32Array() : arg))
      this.run.told.set(step.out, observe(done.toFloat32Array(), known))
    }
    if (step.readNow) this.run.early.set(step.out, done.toFloat32Array())
  }

  #call(step: Step, args: readonly unknown[]): unknown {
    if (step.op !== 'sequential') {
      const all = call(step.op, step.functional === true, args)
      return step.part === undefined ? all : Reflect.get(all as object, step.part)
    }
    const net = this.modules.get(step.net ?? '')
    const [x] = args
    if (!net || !(x instanceof Tensor)) throw new Error('a net is called with a tensor')
    return net.forward(x)
  }

  #add(id: string, x: Tensor): void {
    this.tensors.set(id, x)
    this.run.shapes.set(id, x.shape)
    this.run.requiresGrad.set(id, x.requiresGrad)
  }

  /** All steps. @throws {Thrown} */
  steps(): void {
    const { steps } = this.program
    for (let i = 0; i < steps.length; i++) {
      const one = (step: Step) => at(`${step.out} = ${step.op}`, () => this.step(step))
      if (!steps[i].noGrad) one(steps[i])
      else {
        // Neighbours are in one noGrad.
        noGrad(() => {
          for (one(steps[i]); steps[i + 1]?.noGrad; i++) one(steps[i + 1])
        })
      }
    }
  }

  #readKept(step: Step): void {
    for (const [id, layer] of keptBy(step, this.program.nets)) {
      const module = this.modules.get(step.net ?? '')?.modules[layer]
      if (module instanceof Keeps && module.kept) this.#add(id, module.kept)
    }
  }
}

function makeLeaf(leaf: Leaf): Tensor {
  const x = tensor(Float32Array.from(valuesOf(leaf)), { shape: leaf.shape, requiresGrad: leaf.requiresGrad })
  return leaf.parameter ? new nn.Parameter(x, leaf.requiresGrad) : x
}

function makeLayer({ name, args }: Layer): nn.Module {
  const made: unknown = Reflect.construct(Reflect.get(CLASSES, name), args)
  if (!(made instanceof nn.Module)) throw new Error(`${name} is no layer`)
  return made
}

/** Calls `f`; what it throws is told with its place. */
function at<T>(where: string, f: () => T): T {
  try {
    return f()
  } catch (error) {
    throw error instanceof Thrown ? error : new Thrown(error, where)
  }
}

/** Steps of training on something else, after which what is kept may have moved. */
function idle(steps: number): void {
  for (let i = 0; i < steps; i++) tensor([1, 2], { requiresGrad: true }).mul(3).sum().backward()
}

/** @throws {Thrown} with what the library threw, and where */
export function execute(program: Program, operations: Operations = {}): Run {
  const execution = at('making leaves and nets', () => new Execution(program, operations))
  const { run, tensors } = execution
  execution.steps()
  idle(program.idle)
  for (const [id, x] of tensors) {
    run.values.set(
      id,
      at(`reading ${id}`, () => x.toFloat32Array()),
    )
    const { grad } = x
    const read = () => grad && { shape: grad.shape, values: grad.toFloat32Array() }
    run.grads.set(id, at(`reading the gradient of ${id}`, read))
  }
  return run
}
