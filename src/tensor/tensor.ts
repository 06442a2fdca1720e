import { clearPadding, fill, lanesToRows, rowsToLanes } from '../bindings/kernels.generated.js'
import { type Layout, Storage } from '../bindings/memory.js'
import { recorder } from '../bindings/recording.js'
import { endStepIfLarge, type Lifetime } from '../bindings/steps.js'
import { checkNumber, kindOf } from '../check.js'
import { ArgumentError, DisposedError, ShapeError } from '../errors.js'
import { copyValues } from './copy.js'
import { lanesLength } from './lanes.js'
import { printTensor } from './print.js'
import { type Shape, sameShape, sizeOf } from './shape.js'

/** Numbers, nested as deeply as the tensor has dimensions. */
export type NestedNumbers = number | readonly NestedNumbers[]

/** The recorded operation behind a tensor, as far as a tensor knows it (`Call` in autograd/tape.ts is the whole). */
export interface Producer {
  /** What it was called with. */
  readonly sources: readonly (Tensor | undefined)[]
}

/**
 * An array of float32 values with a shape, which may take part in differentiation. Class indices are
 * whole float32 values (exact up to 2²⁴). The operations are its methods; names, arguments and defaults are
 * those of https://pytorch.org/docs/stable/tensors.html in camelCase. `tensor`, `zeros`, `randn` and so on
 * make one.
 */
export class Tensor {
  /** Sizes of the dimensions; [] for a single value. */
  readonly shape: Shape
  /** Whether gradients flow to this tensor. Set for leaves; an operation's result has it from its inputs. */
  requiresGrad: boolean
  /** The recorded operation that made this tensor. @internal */
  producer: Producer | undefined
  /** The scope that owns it; undefined where it is the user's (see scope.ts). @internal */
  scope: object | undefined
  #storage: Storage | undefined
  #compute: (() => void) | undefined
  #gradient: Tensor | undefined
  #gradientSeen = false
  #disposed = false

  /** @internal */
  constructor(storage: Storage | undefined, shape: Shape, requiresGrad = false) {
    this.#storage = storage
    this.shape = shape
    this.requiresGrad = requiresGrad
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape)
  }

  /** @internal @throws {DisposedError} after `dispose()`, also where another tensor still has the memory */
  get storage(): Storage {
    if (this.#compute) this.#compute()
    if (this.#disposed || !this.#storage) {
      throw new DisposedError(
        `this tensor of shape [${this.shape}] was disposed of; use it before dispose(), or keep a copy (toFloat32Array)`,
      )
    }
    return this.#storage
  }

  /**
   * A tensor without values, until somebody asks for them: `compute` then calls `become`. @internal
   */
  static deferred(shape: Shape, compute: () => void): Tensor {
    const x = new Tensor(undefined, shape)
    x.#compute = compute
    return x
  }

  /** Whether nobody has asked for the values yet. @internal */
  get isDeferred(): boolean {
    return this.#compute !== undefined
  }

  /** Takes over what `computed` is, the end of being deferred. @internal */
  become(computed: Tensor): void {
    this.#compute = undefined
    this.requiresGrad = computed.requiresGrad
    this.producer = computed.producer
    this.#storage = computed.#storage
    if (this.#disposed) this.#storage?.release()
  }

  /** Counts changes in place. @internal */
  get version(): number {
    return this.storage.version
  }

  /** Whether the user has disposed of it. @internal */
  get disposed(): boolean {
    return this.#disposed
  }

  /** How the values lie in memory. @internal */
  get layout(): Layout {
    return this.storage.layout
  }

  /**
   * The gradient that `backward()` has accumulated, of the tensor's shape; null before that and after
   * `zeroGrad()`. May be set, as to clip it.
   *
   * @throws {ShapeError} when set to a tensor of another shape
   */
  get grad(): Tensor | null {
    recorder?.gradient(this, 'read')
    this.#gradientSeen = true
    return this.#gradient ?? null
  }

  set grad(gradient: Tensor | null) {
    if (gradient !== null && !(gradient instanceof Tensor)) {
      throw new ArgumentError(`grad: expected a tensor or null, got ${kindOf(gradient)}`)
    }
    if (gradient && !sameShape(gradient.shape, this.shape)) {
      throw new ShapeError(`grad: expected the tensor's shape [${this.shape}], got [${gradient.shape}]`)
    }
    recorder?.gradient(this, 'set')
    this.#gradient = gradient?.toRows_()
    this.#gradientSeen = true
  }

  /** The gradient, for the library's own use: what it alone has seen is freed by `zeroGrad`. @internal */
  get ownGradient(): Tensor | undefined {
    recorder?.gradient(this, 'read')
    return this.#gradient
  }

  /** @internal */
  set ownGradient(gradient: Tensor | undefined) {
    recorder?.gradient(this, 'set')
    this.#gradient = gradient
    this.#gradientSeen = false
  }

  /** Where the gradient lies, unseen by a recorder; set, what lies there becomes the gradient. @internal */
  get gradientStorage(): Storage | undefined {
    return this.#gradient?.disposed ? undefined : this.#gradient?.storage
  }

  /** @internal */
  set gradientStorage(storage: Storage | undefined) {
    this.zeroGrad()
    this.#gradient = storage && new Tensor(storage.retain(), this.shape)
  }

  /** Forgets the gradient; one that a user has read stays readable. */
  zeroGrad(): void {
    if (this.#gradient && !this.#gradientSeen) this.#gradient.dispose()
    this.ownGradient = undefined
  }

  /** The value of a tensor with one element. @throws {ShapeError} when it has more or fewer */
  item(): number {
    if (this.size !== 1)
      throw new ShapeError(`item: expected a tensor with one element, got shape [${this.shape}]`)
    // A single element lies first in either layout.
    return this.storage.readFloat(0)
  }

  /** A copy of the values in row-major order. @throws {DisposedError} after `dispose()` */
  toFloat32Array(): Float32Array {
    // Who looks at much of what was kept has it move in, and ends no step.
    if (!this.storage.resident) endStepIfLarge()
    if (this.layout === 'lanes') {
      const rows = toLayout(this, 'rows')
      const values = rows.toFloat32Array()
      rows.release()
      return values
    }
    return new Float32Array(this.storage.copyOut().buffer)
  }

  /** A copy of the values as nested arrays; a number for a tensor of no dimension. */
  toArray(): NestedNumbers {
    const values = this.toFloat32Array()
    const nest = (d: number, at: number): NestedNumbers => {
      if (d === this.shape.length) return values[at]
      const stride = sizeOf(this.shape.slice(d + 1))
      return Array.from({ length: this.shape[d] }, (_, i) => nest(d + 1, at + i * stride))
    }
    return nest(0, 0)
  }

  /** The same values, cut off from the graph. They share memory. */
  detach(): Tensor {
    return new Tensor(this.storage.retain(), this.shape)
  }

  /**
   * Overwrites the values with `other`'s, in place and unrecorded.
   * @throws {ShapeError} unless both shapes are equal
   */
  copy_(other: Tensor): this {
    if (!(other instanceof Tensor)) {
      throw new ArgumentError(`copy_: expected a tensor to copy from, got ${kindOf(other)}`)
    }
    if (!sameShape(other.shape, this.shape)) {
      throw new ShapeError(`copy_: expected shape [${this.shape}], got [${other.shape}]`)
    }
    const source = other.layout === this.layout ? other : toLayout(other, this.layout)
    copyValues(source.storage, this.storage)
    if (source !== other) source.release()
    return this
  }

  /** Makes the values lie in rows, as what is changed in place (a parameter) must. @internal */
  toRows_(): this {
    if (this.layout === 'rows') return this
    const rows = toLayout(this, 'rows')
    // The values are the same: what remembers the version need not mind.
    rows.storage.version = this.storage.version
    this.storage.release()
    this.#storage = rows.storage
    return this
  }

  /** Overwrites every element with `value`, in place and unrecorded. @throws {ArgumentError} for what is no number */
  fill_(value: number): this {
    checkNumber('fill_', 'value', value)
    fill({ y: this.storage, value })
    return this
  }

  /** Frees the memory now instead of some steps later. Using the tensor afterwards throws. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#storage?.dispose()
  }

  /** As `dispose`, but the tape keeps what it needs for backward: for scopes, which know no user. @internal */
  release(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#storage?.release()
  }

  /** The values and the shape as PyTorch prints them, such as `tensor([[1., 2.], [3., 4.]], shape=[2, 2])`. */
  toString(): string {
    return printTensor(this)
  }

  /** What console.log prints in Node, Bun and Deno. @internal */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return printTensor(this)
  }
}

/** An uninitialised tensor. `lanes` is for shapes whose first dimension is a batch. */
export function empty(shape: Shape, layout: Layout = 'rows', lifetime: Lifetime = 'temporary'): Tensor {
  const length = layout === 'rows' ? sizeOf(shape) : lanesLength(shape)
  return new Tensor(new Storage(length, layout, lifetime), shape)
}

let conversions = 0

/** How often values were brought from one layout into the other, so that a test can ask for none. */
export function conversionsSoFar(): number {
  return conversions
}

/** The same values in another layout, always as a new, unrecorded tensor. */
export function toLayout(x: Tensor, layout: Layout): Tensor {
  conversions++
  const y = empty(x.shape, layout)
  const convert = layout === 'lanes' ? rowsToLanes : lanesToRows
  convert({ n: x.shape[0], image: sizeOf(x.shape.slice(1)), x: x.storage, y: y.storage })
  return y
}

/** The tensor, or a copy of it, in rows. */
export function inRows(x: Tensor): Tensor {
  return x.layout === 'rows' ? x : toLayout(x, 'rows')
}

/** Sets the lanes past the batch to 0, where there are any: what is computed there may be anything. */
export function clearPaddingOf(x: Tensor): void {
  const [n] = x.shape
  if (x.layout === 'lanes' && n % 4 !== 0) {
    clearPadding({ n, image: sizeOf(x.shape.slice(1)), y: x.storage })
  }
}

/** A tensor on memory that another one has too, under another shape of the same size; in lanes, of the same batch. */
export function view(x: Tensor, shape: Shape): Tensor {
  return new Tensor(x.storage.retain(), shape)
}
