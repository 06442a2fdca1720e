/** One use of an operation: what its forward and backward see, and what the tape keeps of it. */
import { fill } from '../bindings/kernels.generated.js'
import type { Layout, Storage } from '../bindings/memory.js'
import { AutogradError, DisposedError } from '../errors.js'
import type { Shape } from '../tensor/shape.js'
import { clearPaddingOf, empty, type Producer, Tensor, toLayout } from '../tensor/tensor.js'
import { declaredLayout, type Operation, type OperationCall, readsOf } from './operation.js'

/** What is kept of an input or of the result until backward, and of which tensor it is. */
interface Saved {
  /** Undefined for a copy of the call's own (in another layout), which no change can reach. */
  of: Tensor | undefined
  storage: Storage
  version: number
  what: string
}

/** What a walk has of the gradient of a tensor, before all that depends on it was differentiated. */
type SoFar = (x: Tensor) => Tensor | undefined

let recorded = 0

/** Calls recorded so far: the sequence of the last. */
export function recordedCalls(): number {
  return recorded
}

/** Of gradients that are 0 elsewhere: what is filled, of one dimension. */
export const filledParts = new WeakMap<Tensor, { dim: number; start: number; end: number }>()

/** Shared by all that has nothing; never written to. */
const NONE: never[] = []

export class Call<A = unknown> implements OperationCall<A>, Producer {
  /** Its place among the recorded calls: after those that made its inputs, which may have been held back till now. */
  sequence = 0
  /** The last walk through the graph that came here. */
  visit = 0
  /** The gradient of the result, while a backward is under way. */
  incoming: Tensor | undefined
  /** What it was called with. Emptied when the graph is used, so that a loss on a list holds on to nothing. */
  sources: readonly (Tensor | undefined)[]
  inputs: Tensor[] = NONE
  made: Tensor[] = NONE
  #output: Tensor | undefined
  #dy: Tensor | undefined
  readonly #lanes: boolean
  #layouts: Layout[] = NONE
  readonly outputLayout: Layout
  readonly #outputShape: Shape
  /** Tensors that only this forward or backward needs. */
  #temporaries: Tensor[] = NONE
  #saved: Saved[] = NONE
  #wants: boolean[] = NONE
  #gradients: (Tensor | undefined)[] = NONE
  /** What came of a tensor's gradient before this backward. */
  #soFar: SoFar | undefined
  /** Inputs that this backward has no gradient of. */
  #skipped: Set<number> | undefined
  #spent = false

  constructor(
    readonly operation: Operation<A>,
    sources: readonly (Tensor | undefined)[],
    readonly attributes: A,
    shape: Shape,
  ) {
    this.sources = sources
    this.#outputShape = shape
    this.#lanes = operation.anyLayout && computesInLanes(operation, sources, attributes, shape)
    this.outputLayout = operation.output === 'any' ? (this.#lanes ? 'lanes' : 'rows') : operation.output
  }

  get output(): Tensor {
    return this.#there(this.#output, 'output')
  }

  get dy(): Tensor {
    return this.#there(this.#dy, 'dy')
  }

  /** (What backward reads it has to declare, and of dy there is none but in it.) */
  #there<T>(x: T | undefined, what: string): T {
    if (!x) throw new Error(`'${this.operation.name}' has no ${what} here`)
    return x
  }

  /** Whether its backward has run. */
  get spent(): boolean {
    return this.#spent
  }

  get count(): number {
    return this.sources.length
  }

  shapeOf(i: number): Shape {
    return this.#there(this.sources[i], 'such input').shape
  }

  wants(i: number): boolean {
    return this.#wants[i] ?? false
  }

  gradient(i: number): Tensor | undefined {
    const source = this.sources[i]
    if (!this.#wants[i] || !source) return undefined
    return this.#give(i, empty(source.shape, this.#layouts[i]))
  }

  gradientWithin(i: number, dim: number, start: number, end: number): Tensor | undefined {
    const source = this.sources[i]
    const before = source && this.#soFar?.(source)
    const filled = before && filledParts.get(before)
    const free = filled?.dim === dim && (end <= filled.start || filled.end <= start)
    if (free && this.#wants[i] && before?.layout === this.#layouts[i] && before.storage.exclusive) {
      filled.start = Math.min(start, filled.start)
      filled.end = Math.max(end, filled.end)
      // It is there already.
      this.skip(i)
      return before
    }
    const dx = this.gradient(i)
    if (!dx) return undefined
    fill({ y: dx.storage, value: 0 })
    filledParts.set(dx, { dim, start, end })
    return dx
  }

  pass(i: number, x: Tensor): void {
    if (this.#wants[i]) this.#give(i, new Tensor(x.storage.retain(), x.shape))
  }

  skip(i: number): void {
    this.#skipped ??= new Set()
    this.#skipped.add(i)
  }

  #give(i: number, x: Tensor): Tensor {
    if (this.#gradients[i]) throw new Error(`'${this.operation.name}' gives the gradient of input ${i} twice`)
    this.#gradients[i] = x
    return x
  }

  temporary(shape: Shape, layout: Layout = 'rows'): Tensor {
    return this.hold(empty(shape, layout))
  }

  hold(x: Tensor): Tensor {
    if (this.#temporaries === NONE) this.#temporaries = [x]
    else this.#temporaries.push(x)
    return x
  }

  /** The layout in which the operation takes input `i`. */
  #layoutOf(i: number, x: Tensor): Layout {
    const { operation } = this
    const declared = declaredLayout(operation, i)
    if (declared !== 'any') return declared
    const lanes = this.#lanes && (operation.lanes !== undefined || hasBatch(x, this.#outputShape))
    return lanes ? 'lanes' : 'rows'
  }

  /** `x` itself or, in another layout, a copy. */
  #in(layout: Layout, x: Tensor): Tensor {
    return x.layout === layout ? x : this.hold(toLayout(x, layout))
  }

  /** Runs the forward, and gives the result. Where it throws, all that it made is freed. */
  compute(): Tensor {
    const { operation, sources, attributes } = this
    try {
      // (Of their length at once: an array that grows from nothing takes room for 17.)
      this.inputs = new Array(sources.length)
      this.#layouts = new Array(sources.length)
      for (let i = 0; i < sources.length; i++) {
        const source = sources[i]
        if (!source) continue
        // Remembered: when backward comes, the source may have been let go of.
        this.#layouts[i] = this.#layoutOf(i, source)
        this.inputs[i] = this.#in(this.#layouts[i], source)
      }
      if (operation.view) {
        this.#output = operation.view(this.inputs[0], this.#outputShape)
        return this.#output
      }
      this.#output = empty(this.#outputShape, this.outputLayout)
      if (operation.made) {
        this.made = []
        for (const { shape, layout } of operation.made(this.inputs, attributes, this.outputLayout)) {
          this.made.push(this.temporary(shape, layout))
        }
      }
      operation.forward?.(this)
      if (operation.output === 'any') clearPaddingOf(this.#output)
      return this.#output
    } catch (error) {
      this.#output?.release()
      this.free()
      throw error
    }
  }

  /**
   * Ends the forward: keeps what the wanted gradients read, and frees all else.
   *
   * @param recording whether gradients may be asked for
   * @returns whether any is
   */
  end(recording: boolean): boolean {
    const { sources, operation, attributes } = this
    let [inputs, made, output]: [Tensor[], Tensor[], Tensor | undefined] = [NONE, NONE, undefined]
    let wanted = false
    for (let i = 0; recording && i < sources.length; i++) {
      const reads = sources[i]?.requiresGrad ? readsOf(operation, i, attributes) : undefined
      if (!reads) continue
      if (!wanted) this.#wants = new Array(sources.length)
      wanted = true
      this.#wants[i] = true
      for (const source of reads) {
        if (source.kind === 'output') {
          output ??= this.#save(this.output, this.output, 'the result')
        } else if (source.kind === 'made') {
          if (made === NONE) made = new Array(this.made.length)
          made[source.index] ??= this.#save(this.made[source.index], undefined, '')
        } else {
          if (inputs === NONE) inputs = new Array(sources.length)
          const { index } = source
          const input = this.inputs[index]
          if (!input || inputs[index]) continue
          // A copy in another layout can't be changed by anybody.
          const of = sources[index] === input ? input : undefined
          inputs[index] = this.#save(input, of, `input ${index}`)
        }
      }
    }
    this.#freeTemporaries()
    if (!wanted) {
      this.free()
      return false
    }
    this.sequence = ++recorded
    this.inputs = inputs
    this.made = made
    this.#output = output
    return true
  }

  /** A handle of the tape's own on the memory of `x`: whoever has `x` may let go of it. */
  #save(x: Tensor, of: Tensor | undefined, what: string): Tensor {
    const { storage, shape } = x
    const saved = { of, storage: storage.save(), version: storage.version, what }
    if (this.#saved === NONE) this.#saved = [saved]
    else this.#saved.push(saved)
    return new Tensor(storage, shape)
  }

  /** @throws {AutogradError} where the graph was used, or what backward reads was changed since */
  check(): void {
    const { name } = this.operation
    if (this.#spent) {
      throw new AutogradError(
        `backward: the graph of '${name}' was used already, and what it kept is gone; run the forward again, or give the first backward { retainGraph: true }`,
      )
    }
    for (const { of, storage, version, what } of this.#saved) {
      if (!of) continue
      if (storage.disposed) {
        throw new DisposedError(
          `backward: ${what} of '${name}' (shape [${of.shape}]) was disposed of; call backward() before dispose()`,
        )
      }
      if (storage.version === version) continue
      throw new AutogradError(
        what === 'the result'
          ? `backward: the result of '${name}' (shape [${of.shape}]) was changed in place, which is not recorded; change a detached copy, or call backward() before the change`
          : `backward: ${what} of '${name}' (shape [${of.shape}]) was changed in place after the forward; call backward() before the change, or run the forward again`,
      )
    }
  }

  /** The wanted gradients, from the result's, which it takes over; but for what it adds to those `soFar`. */
  differentiate(dy: Tensor, soFar: SoFar): readonly (Tensor | undefined)[] {
    const { operation } = this
    const wants = this.#wants
    const gradients: (Tensor | undefined)[] = new Array(wants.length)
    this.#gradients = gradients
    this.#soFar = soFar
    try {
      this.#dy = this.#in(this.outputLayout, dy)
      operation.backward(this)
      for (let i = 0; i < wants.length; i++) {
        const gradient = gradients[i]
        if (wants[i] && !gradient && !this.#skipped?.has(i))
          throw new Error(`'${operation.name}' gives no gradient of input ${i}`)
        // What passes dy on has its padding.
        if (gradient && operation.output === 'any' && gradient.storage !== this.#dy.storage) {
          clearPaddingOf(gradient)
        }
      }
      return gradients
    } catch (error) {
      for (const gradient of gradients) gradient?.release()
      throw error
    } finally {
      this.#dy = undefined
      this.#gradients = NONE
      this.#soFar = undefined
      this.#skipped = undefined
      dy.release()
      this.#freeTemporaries()
    }
  }

  #freeTemporaries(): void {
    for (const x of this.#temporaries) x.release()
    this.#temporaries = NONE
  }

  /** Frees what a backward has left here. */
  forgetIncoming(): void {
    this.incoming?.release()
    this.incoming = undefined
  }

  /** Frees what was kept: the graph is used. */
  free(): void {
    if (!this.#spent) this.operation.free?.(this.attributes)
    this.#spent = true
    this.forgetIncoming()
    this.#freeTemporaries()
    for (const { storage } of this.#saved) storage.unsave()
    this.#saved = NONE
    this.sources = NONE
    this.inputs = NONE
    this.made = NONE
    this.#output = undefined
  }
}

function computesInLanes<A>(
  operation: Operation<A>,
  sources: readonly (Tensor | undefined)[],
  attributes: A,
  shape: Shape,
): boolean {
  if (operation.lanes) return operation.lanes(sources, attributes, shape)
  for (const x of sources) if (x?.layout === 'lanes' && hasBatch(x, shape)) return true
  return false
}

/** Whether an input has the result's batch as its first dimension, and so can lie in lanes beside it. */
function hasBatch(x: Tensor, shape: Shape): boolean {
  if (x.shape.length < 2 || x.shape[0] !== shape[0]) return false
  // A batch of one, in rows, is as good as none: it is read without a conversion.
  return x.shape.length === shape.length && (x.shape[0] > 1 || x.layout === 'lanes')
}
