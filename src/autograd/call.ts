/** One use of an operation: what its forward and backward see, and what the tape keeps of it. */
import type { Layout, Storage } from '../bindings/memory.js'
import { AutogradError, DisposedError } from '../errors.js'
import type { Shape } from '../tensor/shape.js'
import { clearPaddingOf, empty, type Producer, Tensor, toLayout } from '../tensor/tensor.js'
import { declaredLayout, type Operation, type OperationCall, readsOf, type Source } from './operation.js'

/** What is kept of an input or of the result until backward, and of which tensor it is. */
interface Saved {
  /** Undefined for a copy of the call's own (in another layout), which no change can reach. */
  of: Tensor | undefined
  storage: Storage
  version: number
  what: string
}

let sequence = 0

export class Call<A = unknown> implements OperationCall<A>, Producer {
  readonly sequence = sequence++
  /** The last walk through the graph that came here. */
  visit = 0
  /** The gradient of the result, while a backward is under way. */
  incoming: Tensor | undefined
  /** What it was called with. Emptied when the graph is used, so that a loss on a list holds on to nothing. */
  sources: readonly (Tensor | undefined)[]
  inputs: Tensor[] = []
  made: Tensor[] = []
  #output: Tensor | undefined
  #dy: Tensor | undefined
  readonly #layouts: Layout[]
  readonly outputLayout: Layout
  readonly #outputShape: Shape
  /** The call's own tensors, and those that only a forward or a backward needs. */
  #own: Tensor[] = []
  #temporaries: Tensor[] = []
  #saved: Saved[] = []
  #gradients: (Tensor | undefined)[] = []
  #wants: boolean[] = []
  #spent = false

  constructor(
    readonly operation: Operation<A>,
    sources: readonly (Tensor | undefined)[],
    readonly attributes: A,
    shape: Shape,
  ) {
    this.sources = sources
    this.#outputShape = shape
    const lanes = computesInLanes(operation, sources, attributes, shape)
    this.#layouts = sources.map((source, i) => {
      const declared = declaredLayout(operation, i)
      if (declared !== 'any') return declared
      return lanes && source && (operation.lanes || hasBatch(source, shape)) ? 'lanes' : 'rows'
    })
    this.outputLayout = operation.output === 'any' ? (lanes ? 'lanes' : 'rows') : operation.output
  }

  get output(): Tensor {
    if (!this.#output) throw new Error(`'${this.operation.name}' does not declare that it reads its output`)
    return this.#output
  }

  get dy(): Tensor {
    if (!this.#dy) throw new Error(`'${this.operation.name}': there is no dy outside of backward`)
    return this.#dy
  }

  get count(): number {
    return this.sources.length
  }

  shapeOf(i: number): Shape {
    const source = this.sources[i]
    if (!source) throw new Error(`'${this.operation.name}' was called without input ${i}`)
    return source.shape
  }

  wants(i: number): boolean {
    return this.#wants[i] ?? false
  }

  gradient(i: number): Tensor | undefined {
    if (!this.#wants[i]) return undefined
    return this.#give(i, empty(this.shapeOf(i), this.#layouts[i]))
  }

  pass(i: number, x: Tensor): void {
    if (this.#wants[i]) this.#give(i, new Tensor(x.storage.retain(), x.shape))
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
    this.#temporaries.push(x)
    return x
  }

  /** Runs the forward, and gives the result. Where it throws, all that it made is freed. */
  compute(): Tensor {
    const { operation, sources, attributes } = this
    try {
      for (let i = 0; i < sources.length; i++) {
        const source = sources[i]
        if (source) this.inputs[i] = this.#in(this.#layouts[i], source)
      }
      if (operation.view) {
        this.#output = operation.view(this.inputs[0], this.#outputShape)
        return this.#output
      }
      this.#output = empty(this.#outputShape, this.outputLayout)
      for (const { shape, layout } of operation.made?.(this.inputs, attributes, this.outputLayout) ?? []) {
        const made = empty(shape, layout)
        this.made.push(made)
        this.#own.push(made)
      }
      operation.forward?.(this)
      if (operation.output === 'any') clearPaddingOf(this.#output)
      return this.#output
    } catch (error) {
      this.#output?.release()
      this.free()
      throw error
    } finally {
      this.#freeTemporaries()
    }
  }

  /** `x` itself or, in another layout, a copy of the call's own. */
  #in(layout: Layout, x: Tensor): Tensor {
    if (x.layout === layout) return x
    const copy = toLayout(x, layout)
    this.#own.push(copy)
    return copy
  }

  /** Keeps what the wanted gradients read, and nothing more; false where there are none. */
  record(): boolean {
    const { sources, operation, attributes, inputs, made } = this
    const kept = new Set<Tensor>()
    const [readInputs, readMade]: [Tensor[], Tensor[]] = [[], []]
    let readOutput: Tensor | undefined
    const keep = (source: Source) => {
      if (source.kind === 'made') {
        readMade[source.index] = made[source.index]
        kept.add(made[source.index])
      } else if (source.kind === 'output') {
        readOutput ??= this.#save(this.output, this.output, 'the result')
      } else {
        const { index } = source
        const [from, input] = [sources[index], inputs[index]]
        if (!from || readInputs[index]) return
        kept.add(input)
        readInputs[index] = this.#save(input, from === input ? from : undefined, `input ${index}`)
      }
    }
    for (let i = 0; i < sources.length; i++) {
      const reads = sources[i]?.requiresGrad ? readsOf(operation, i, attributes) : undefined
      this.#wants[i] = reads !== undefined
      reads?.forEach(keep)
    }
    if (!this.#wants.includes(true)) return false
    this.#own = this.#own.filter((x) => {
      if (kept.has(x)) return true
      x.release()
      return false
    })
    this.inputs = readInputs
    this.made = readMade
    this.#output = readOutput
    return true
  }

  /** A handle of the tape's own on the memory of `x`: whoever has `x` may let go of it. */
  #save(x: Tensor, of: Tensor | undefined, what: string): Tensor {
    const { storage, shape } = x
    this.#saved.push({ of, storage: storage.save(), version: storage.version, what })
    return new Tensor(storage, shape)
  }

  /** @throws {AutogradError} where the graph was used, or what backward reads was changed since */
  check(): void {
    const { name } = this.operation
    if (this.#spent) {
      throw new AutogradError(
        `backward: the graph of '${name}' was used already, and what it kept is gone; run the forward again`,
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

  /** The wanted gradients, from the result's, which it takes over. */
  differentiate(dy: Tensor): readonly (Tensor | undefined)[] {
    const { operation } = this
    this.#gradients = []
    try {
      this.#dy = dy.layout === this.outputLayout ? dy : this.hold(toLayout(dy, this.outputLayout))
      operation.backward(this)
      for (let i = 0; i < this.#wants.length; i++) {
        const gradient = this.#gradients[i]
        if (this.#wants[i] && !gradient)
          throw new Error(`'${operation.name}' gives no gradient of input ${i}`)
        // What passes dy on has its padding.
        if (gradient && operation.output === 'any' && gradient.storage !== this.#dy.storage) {
          clearPaddingOf(gradient)
        }
      }
      return this.#gradients
    } catch (error) {
      for (const gradient of this.#gradients) gradient?.release()
      throw error
    } finally {
      this.#dy = undefined
      this.#gradients = []
      dy.release()
      this.#freeTemporaries()
    }
  }

  #freeTemporaries(): void {
    for (const x of this.#temporaries) x.release()
    this.#temporaries = []
  }

  /** Frees what was kept: the graph is used. */
  free(): void {
    this.#spent = true
    this.incoming?.release()
    this.incoming = undefined
    for (const { storage } of this.#saved) storage.unsave()
    for (const x of this.#own) x.release()
    this.#saved = []
    this.#own = []
    this.sources = []
    this.inputs = []
    this.made = []
    this.#output = undefined
  }
}

function computesInLanes<A>(
  operation: Operation<A>,
  sources: readonly (Tensor | undefined)[],
  attributes: A,
  shape: Shape,
): boolean {
  if (operation.output !== 'any' && !operation.layouts.includes('any')) return false
  if (operation.lanes) return operation.lanes(sources, attributes, shape)
  return sources.some((x) => x?.layout === 'lanes' && hasBatch(x, shape))
}

/** Whether an input has the result's batch as its first dimension, and so can lie in lanes beside it. */
function hasBatch(x: Tensor, shape: Shape): boolean {
  if (x.shape.length < 2 || x.shape[0] !== shape[0]) return false
  // A batch of one, in rows, is as good as none: it is read without a conversion.
  return x.shape.length === shape.length && (x.shape[0] > 1 || x.layout === 'lanes')
}
