import { accumulate, fill } from '../bindings/kernels.js'
import { endStep, endStepIfLarge, type Layout } from '../bindings/memory.js'
import { ArgumentError, AutogradError, ShapeError } from '../errors.js'
import type { Shape } from './shape.js'
import { empty, type Producer, sameShape, Tensor, toLayout } from './tensor.js'

/** What the tape needs of an operation. */
export interface Differentiable<A> {
  readonly name: string
  /** The gradient of each input (undefined where `call.needs(i)` is false), from the result's. */
  backward(call: Call<A>, dy: Tensor): readonly (Tensor | undefined)[]
}

/**
 * A differentiable operation: its shape rule, its forward and its backward, side by side in one file.
 * `A` are its attributes: what it takes besides tensors.
 */
export interface Operation<A> extends Differentiable<A> {
  /** The result's shape. Throws ShapeError or ArgumentError for what the operation can't take. */
  shape(inputs: readonly Tensor[], attributes: A): Shape
  /** The result's layout; rows if not given. */
  layout?(inputs: readonly Tensor[], attributes: A): Layout
  /** Computes `call.output`. */
  forward(call: Call<A>): void
}

let recording = true
let sequence = 0
/** Calls recorded since the last `backward()`. */
let pending = 0
/** Walks through graphs so far. */
let visits = 0

/** One use of an operation: its inputs and result, and what its backward needs. */
export class Call<A> implements Producer {
  readonly sequence = sequence++
  visit = 0
  gradient: Tensor | undefined
  /** Emptied when the graph is used, so that a loss on a list holds on to nothing. */
  inputs: readonly Tensor[]
  readonly #converted: (Tensor | undefined)[] = []
  #temporaries: Tensor[] = []
  #versions: number[] = []
  #outputVersion = 0
  #spent = false

  constructor(
    readonly operation: Differentiable<A>,
    inputs: readonly Tensor[],
    readonly attributes: A,
    readonly output: Tensor,
  ) {
    this.inputs = inputs
  }

  /** Whether backward must give the gradient of input `i`. */
  needs(i: number): boolean {
    return this.inputs[i].requiresGrad
  }

  /** Input `i` in the given layout; a conversion is kept until the backward is done. */
  input(i: number, layout: Layout = 'rows'): Tensor {
    const input = this.inputs[i]
    if (input.layout === layout) return input
    this.#converted[i] ??= this.keep(toLayout(input, layout))
    return this.#converted[i]
  }

  /** Keeps a tensor of the operation's own (not its result) until the backward is done. */
  keep(x: Tensor): Tensor {
    this.#temporaries.push(x)
    return x
  }

  /** A tensor (a gradient, the result) in the layout that the backward wants. */
  in(layout: Layout, x: Tensor): Tensor {
    return x.layout === layout ? x : this.keep(toLayout(x, layout))
  }

  /** Remembers what the inputs and the result are now, for `check`. */
  remember(): void {
    for (const input of this.inputs) this.#versions.push(input.version)
    this.#outputVersion = this.output.version
  }

  check(): void {
    const { name } = this.operation
    if (this.#spent) {
      throw new AutogradError(
        `backward: the graph of '${name}' was used already, and what it kept is gone; run the forward again`,
      )
    }
    for (let i = 0; i < this.inputs.length; i++) {
      const input = this.inputs[i]
      if (input.version !== this.#versions[i]) {
        throw new AutogradError(
          `backward: input ${i} of '${name}' (shape [${input.shape}]) was changed in place after the forward; call backward() before the change, or run the forward again`,
        )
      }
    }
    if (this.output.version !== this.#outputVersion) {
      throw new AutogradError(
        `backward: the result of '${name}' (shape [${this.output.shape}]) was changed in place, which is not recorded; change a detached copy, or call backward() before the change`,
      )
    }
  }

  differentiate(dy: Tensor): readonly (Tensor | undefined)[] {
    return this.operation.backward(this, dy)
  }

  free(): void {
    this.#spent = true
    for (const x of this.#temporaries) x.dispose()
    this.#temporaries = []
    // An internal input that no call has made (a view of the data) is freed by the one that uses it.
    for (const input of this.inputs) if (input.internal && !input.producer) input.dispose()
    this.inputs = []
    if (this.output.internal) this.output.dispose()
  }
}

/**
 * The one way in which operations run: checks shapes at once, allocates the result, runs the forward, and
 * records the call when a gradient may be asked for. (Behind this seam a call could also join a list that
 * runs later.)
 */
export function run<A>(operation: Operation<A>, inputs: readonly Tensor[], attributes: A): Tensor {
  const shape = operation.shape(inputs, attributes)
  endStepIfLarge()
  const output = empty(shape, operation.layout?.(inputs, attributes) ?? 'rows')
  const call = new Call(operation, inputs, attributes, output)
  operation.forward(call)
  return finish(call)
}

/** As `run`, for an operation whose result is a view of its first input's memory. */
export function runView<A>(
  operation: Differentiable<A>,
  x: Tensor,
  attributes: A,
  make: (x: Tensor) => Tensor,
): Tensor {
  const source = x.layout === 'rows' ? x : toLayout(x, 'rows')
  const call = new Call(operation, [x], attributes, make(source))
  if (source !== x) source.dispose()
  return finish(call)
}

function finish<A>(call: Call<A>): Tensor {
  const { output } = call
  if (recording && requiresGrad(call.inputs)) {
    call.remember()
    output.requiresGrad = true
    output.producer = call
    pending++
  } else {
    call.free()
  }
  return output
}

function requiresGrad(inputs: readonly Tensor[]): boolean {
  for (const input of inputs) if (input.requiresGrad) return true
  return false
}

/** Whether operations are recorded now. */
export function isRecording(): boolean {
  return recording
}

/**
 * Runs `fn` without recording: no gradients, and what only the library has seen is freed at once.
 * Synchronous, so that two loops can't switch it under each other.
 * https://pytorch.org/docs/stable/generated/torch.no_grad.html
 *
 * @returns what `fn` returns
 * @throws {ArgumentError} when `fn` is asynchronous
 */
export function noGrad<T>(fn: () => T): T {
  const before = recording
  recording = false
  try {
    const result = fn()
    if (typeof (result as { then?: unknown } | undefined)?.then === 'function') {
      throw new ArgumentError(
        'noGrad: the function is asynchronous, but recording is switched off only while it runs; await first, and wrap the synchronous part',
      )
    }
    return result
  } finally {
    recording = before
    // The end of a step, unless this was a short look aside in the midst of a forward.
    if (before && pending === 0) endStep()
  }
}

/**
 * Computes the gradients of all leaves that `root` depends on and adds them to their `grad`
 * (https://pytorch.org/docs/stable/generated/torch.Tensor.backward.html). What the graph kept is freed.
 *
 * @param cotangent the gradient of `root`, of its shape; needed unless it has one element
 */
export function backward(root: Tensor, cotangent?: Tensor): void {
  if (!root.requiresGrad) {
    throw new AutogradError(
      'backward: this tensor depends on nothing that requires a gradient (or was made inside noGrad)',
    )
  }
  if (!cotangent && root.size !== 1) {
    throw new ShapeError(
      `backward: a tensor of shape [${root.shape}] needs a cotangent of that shape; only one with a single element goes without`,
    )
  }
  if (cotangent && !sameShape(cotangent.shape, root.shape)) {
    throw new ShapeError(`backward: expected a cotangent of shape [${root.shape}], got [${cotangent.shape}]`)
  }
  const producers = producersBehind(root)
  for (const producer of producers) producer.check()

  const seed = cotangent ? new Tensor(cotangent.storage.retain(), cotangent.shape) : empty(root.shape)
  if (!cotangent) fill(seed.storage, 1)
  pass(root, seed)
  for (const producer of producers) {
    const dy = producer.gradient
    if (dy) {
      producer.gradient = undefined
      const gradients = producer.differentiate(dy)
      for (let i = 0; i < gradients.length; i++) {
        const gradient = gradients[i]
        if (!gradient) continue
        pass(producer.inputs[i], gradient === dy ? new Tensor(dy.storage.retain(), dy.shape) : gradient)
      }
      dy.dispose()
    }
    producer.free()
  }
  pending = 0
  endStep()
}

/** The recorded calls that `root` depends on, last first. */
function producersBehind(root: Tensor): Producer[] {
  const visit = ++visits
  const found: Producer[] = []
  const enter = ({ producer }: Tensor) => {
    if (!producer || producer.visit === visit) return
    producer.visit = visit
    found.push(producer)
  }
  enter(root)
  for (let i = 0; i < found.length; i++) for (const input of found[i].inputs) enter(input)
  return found.sort((a, b) => b.sequence - a.sequence)
}

/** Hands a gradient to the tensor's producer or, at a leaf, to its `grad`. Takes it over. */
function pass(to: Tensor, gradient: Tensor): void {
  const { producer } = to
  const before = producer ? producer.gradient : to.ownGradient
  const sum = before ? add(before, gradient) : gradient
  if (producer) {
    if (before && sum !== before) before.dispose()
    producer.gradient = sum
  } else if (!before) {
    to.ownGradient = rowsOf(sum)
  } else if (sum !== before) {
    // Disposes of the old one, unless a user has read it.
    to.zeroGrad()
    to.ownGradient = sum
  }
}

/** `a + b`, in `a`'s memory if nobody else has it, or else as a new tensor. Takes `b` over. */
function add(a: Tensor, b: Tensor): Tensor {
  let sum = a
  if (!a.storage.exclusive) {
    sum = empty(a.shape, a.layout)
    sum.copy_(a)
  }
  const other = b.layout === sum.layout ? b : toLayout(b, sum.layout)
  accumulate(other.storage, sum.storage)
  sum.storage.version++
  if (other !== b) other.dispose()
  b.dispose()
  return sum
}

/** In rows and in memory of its own: what a user may read as `grad`. */
function rowsOf(gradient: Tensor): Tensor {
  if (gradient.layout === 'rows' && gradient.storage.exclusive) return gradient
  const own = gradient.layout === 'rows' ? empty(gradient.shape) : toLayout(gradient, 'rows')
  if (gradient.layout === 'rows') own.copy_(gradient)
  gradient.dispose()
  return own
}
