import { fill, lanesLength, lanesToRows, rowsToLanes } from '../bindings/kernels.js'
import { bytes, type Layout, type Lifetime, Storage } from '../bindings/memory.js'
import { ArgumentError, DisposedError, ShapeError } from '../errors.js'
import { checkOptions } from './options.js'
import { checkShape, type Shape, sizeOf } from './shape.js'

/** Numbers, nested as deeply as the tensor has dimensions. */
export type NestedNumbers = number | readonly NestedNumbers[]

/** The recorded operation behind a tensor, as far as a tensor knows it (`Call` in tape.ts is the whole). */
export interface Producer {
  readonly inputs: readonly Tensor[]
  readonly sequence: number
  /** The last walk through the graph that came here. */
  visit: number
  /** The gradient of the result, while a backward is under way. */
  gradient: Tensor | undefined
  /** Throws if the graph can't be used (again). */
  check(): void
  /** The inputs' gradients from the result's. */
  differentiate(dy: Tensor): readonly (Tensor | undefined)[]
  /** Frees what only the graph has kept. */
  free(): void
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
  /** True for what never left a library layer: `backward()` frees it. @internal */
  internal = false
  /** True for what a module of a user's has seen, and so may have kept. @internal */
  kept = false
  #storage: Storage
  #gradient: Tensor | undefined
  #gradientSeen = false
  #disposed = false

  /** @internal */
  constructor(storage: Storage, shape: Shape, requiresGrad = false) {
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
    if (this.#disposed) {
      throw new DisposedError(
        `this tensor of shape [${this.shape}] was disposed of; use it before dispose(), or keep a copy (toFloat32Array)`,
      )
    }
    return this.#storage
  }

  /** Counts changes in place. @internal */
  get version(): number {
    return this.#storage.version
  }

  /** How the values lie in memory. @internal */
  get layout(): Layout {
    return this.#storage.layout
  }

  /**
   * The gradient that `backward()` has accumulated, of the tensor's shape; null before that and after
   * `zeroGrad()`. May be set, as to clip it.
   *
   * @throws {ShapeError} when set to a tensor of another shape
   */
  get grad(): Tensor | null {
    this.#gradientSeen = true
    return this.#gradient ?? null
  }

  set grad(gradient: Tensor | null) {
    if (gradient && !sameShape(gradient.shape, this.shape)) {
      throw new ShapeError(`grad: expected the tensor's shape [${this.shape}], got [${gradient.shape}]`)
    }
    this.#gradient = gradient?.toRows_()
    this.#gradientSeen = true
  }

  /** The gradient, for the library's own use: what it alone has seen is freed by `zeroGrad`. @internal */
  get ownGradient(): Tensor | undefined {
    return this.#gradient
  }

  /** @internal */
  set ownGradient(gradient: Tensor | undefined) {
    this.#gradient = gradient
    this.#gradientSeen = false
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
    if (this.layout === 'lanes') {
      const rows = toLayout(this, 'rows')
      const values = rows.toFloat32Array()
      rows.dispose()
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
    if (!sameShape(other.shape, this.shape)) {
      throw new ShapeError(`copy_: expected shape [${this.shape}], got [${other.shape}]`)
    }
    const source = other.layout === this.layout ? other : toLayout(other, this.layout)
    const from = source.storage.address
    bytes().copyWithin(this.storage.address, from, from + source.storage.size)
    this.#storage.version++
    if (source !== other) source.dispose()
    return this
  }

  /** Makes the values lie in rows, as what is changed in place (a parameter) must. @internal */
  toRows_(): this {
    if (this.layout === 'rows') return this
    const rows = toLayout(this, 'rows')
    // The values are the same: what remembers the version need not mind.
    rows.storage.version = this.#storage.version
    this.#storage.release()
    this.#storage = rows.storage
    return this
  }

  /** Overwrites every element with `value`, in place and unrecorded. */
  fill_(value: number): this {
    fill(this.storage, value)
    this.#storage.version++
    return this
  }

  /** Frees the memory now instead of some steps later. Using the tensor afterwards throws. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#storage.release()
  }

  /** Such as `Tensor(shape=[2,3], requiresGrad=true)`. */
  toString(): string {
    return `Tensor(shape=[${this.shape}]${this.requiresGrad ? ', requiresGrad=true' : ''})`
  }
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false
  for (let d = 0; d < a.length; d++) if (a[d] !== b[d]) return false
  return true
}

/** An uninitialised tensor. `lanes` is for shapes of four dimensions. */
export function empty(shape: Shape, layout: Layout = 'rows', lifetime: Lifetime = 'temporary'): Tensor {
  const length = layout === 'rows' ? sizeOf(shape) : lanesLength(shape[0], sizeOf(shape.slice(1)))
  return new Tensor(new Storage(length * 4, layout, lifetime), shape)
}

/** The same values in another layout, always as a new, unrecorded tensor. */
export function toLayout(x: Tensor, layout: Layout): Tensor {
  const y = empty(x.shape, layout)
  const convert = layout === 'lanes' ? rowsToLanes : lanesToRows
  convert(x.storage, y.storage, x.shape[0], sizeOf(x.shape.slice(1)))
  return y
}

/** A tensor on memory that another one has too, under another shape of the same size. Rows only. */
export function view(x: Tensor, shape: Shape): Tensor {
  return new Tensor(x.storage.retain(), shape)
}

/** Options of what makes a tensor from values. */
export interface TensorOptions {
  /** Sizes of the dimensions; must be given with a flat array, is found from a nested one. */
  shape?: Shape
  /** Whether `backward()` computes its gradient. Default false. */
  requiresGrad?: boolean
}

/** A leaf with these values in row-major order. */
export function fromValues(values: ArrayLike<number>, shape: Shape, requiresGrad = false): Tensor {
  const x = empty(shape, 'rows', 'leaf')
  const address = x.storage.address
  new Float32Array(bytes().buffer, address, values.length).set(values)
  x.requiresGrad = requiresGrad
  return x
}

/** A temporary of no dimension with this value. */
export function scalar(value: number): Tensor {
  const x = empty([])
  fill(x.storage, value)
  return x
}

/**
 * A tensor with the given values: a number (shape []), nested arrays, or a flat or typed array, whose
 * shape is [length] unless `shape` says otherwise.
 *
 * https://pytorch.org/docs/stable/generated/torch.tensor.html
 *
 * @param values numbers; they are rounded to float32
 * @throws {ShapeError} when nested arrays are ragged, or `shape` does not hold as many elements
 * @throws {ArgumentError} for values that are no numbers
 */
export function tensor(values: NestedNumbers | ArrayLike<number>, options: TensorOptions = {}): Tensor {
  checkOptions('tensor', options, ['shape', 'requiresGrad'])
  const flat: number[] = []
  const found: number[] = []
  let source: ArrayLike<number> = flat
  if (ArrayBuffer.isView(values)) {
    if (!('length' in values) || values instanceof BigInt64Array || values instanceof BigUint64Array) {
      throw new ArgumentError(`tensor: expected a typed array of numbers, got ${values.constructor.name}`)
    }
    source = values as unknown as ArrayLike<number>
    found.push(source.length)
  } else {
    flatten(values as NestedNumbers, 0, found, flat)
  }
  const shape = options.shape ? [...options.shape] : found
  checkShape('tensor', shape)
  if (sizeOf(shape) !== source.length) {
    throw new ShapeError(
      `tensor: shape [${shape}] has ${sizeOf(shape)} elements, but ${source.length} values were given`,
    )
  }
  return fromValues(source, shape, options.requiresGrad)
}

function flatten(values: NestedNumbers, depth: number, shape: number[], flat: number[]): void {
  if (typeof values === 'number') {
    if (depth !== shape.length)
      throw new ShapeError(
        `tensor: a number stands where an array of ${shape[depth]} was expected (dimension ${depth})`,
      )
    flat.push(values)
    return
  }
  if (!Array.isArray(values)) {
    throw new ArgumentError(
      `tensor: expected numbers, nested arrays of them or a typed array, got ${typeof values}`,
    )
  }
  if (depth === shape.length) {
    if (flat.length > 0)
      throw new ShapeError(`tensor: an array stands where a number was expected (dimension ${depth})`)
    shape.push(values.length)
  } else if (shape[depth] !== values.length) {
    throw new ShapeError(
      `tensor: the arrays of dimension ${depth} have different lengths, ${shape[depth]} and ${values.length}`,
    )
  }
  for (const value of values) flatten(value, depth + 1, shape, flat)
}
