/** What makes tensors: from values, and filled ones. */
import { checkBytes } from '../bindings/allocate.js'
import { fill } from '../bindings/kernels.generated.js'
import { recorder } from '../bindings/recording.js'
import { endStepIfLarge } from '../bindings/steps.js'
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { checkShape, type Shape, sizeOf } from './shape.js'
import { empty, type NestedNumbers, type Tensor } from './tensor.js'

/** Options of what makes a tensor. */
export interface LeafOptions {
  /** Whether `backward()` computes its gradient. Default false. */
  requiresGrad?: boolean
}

/** Options of what makes a tensor from values. */
export interface TensorOptions extends LeafOptions {
  /** Sizes of the dimensions; must be given with a flat array, is found from a nested one. */
  shape?: Shape
}

/** @throws {ArgumentError} for options that no leaf takes */
export function checkLeafOptions(name: string, options: TensorOptions, known = ['requiresGrad']): void {
  checkOptions(name, options, known)
  checkBoolean(name, 'requiresGrad', options.requiresGrad ?? false)
}

/** A leaf with these values in row-major order. */
export function fromValues(values: ArrayLike<number>, shape: Shape, requiresGrad = false): Tensor {
  endStepIfLarge()
  const x = empty(shape, 'rows', 'leaf')
  x.storage.write(values)
  x.requiresGrad = requiresGrad
  return x
}

/** A temporary of no dimension with this value. */
export function scalar(value: number): Tensor {
  const x = empty([])
  // What is written down is what kernels do.
  if (recorder) fill({ y: x.storage, value })
  else x.storage.writeFloat(0, value)
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
  checkLeafOptions('tensor', options, ['shape', 'requiresGrad'])
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
  const shape = options.shape ?? found
  checkShape('tensor', shape)
  if (sizeOf(shape) !== source.length) {
    throw new ShapeError(
      `tensor: shape [${shape}] has ${sizeOf(shape)} elements, but ${source.length} values were given`,
    )
  }
  return fromValues(source, [...shape], options.requiresGrad)
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
      `tensor: expected numbers, nested arrays of them or a typed array, got ${kindOf(values)}`,
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

/** A leaf with every element `value`. */
export function filled(shape: Shape, value: number): Tensor {
  endStepIfLarge()
  const x = empty([...shape], 'rows', 'leaf')
  fill({ y: x.storage, value })
  return x
}

/** The leaf that a user asks for: what was given is checked before it is made. */
export function askedFor(name: string, shape: Shape, options: LeafOptions, make: () => Tensor): Tensor {
  checkShape(name, shape)
  checkLeafOptions(name, options)
  const x = make()
  x.requiresGrad = options.requiresGrad ?? false
  return x
}

/**
 * A tensor with every element `value`. https://pytorch.org/docs/stable/generated/torch.full.html
 *
 * @param shape sizes of the dimensions; [] for a single value
 * @throws {ShapeError} for a shape that is no array of whole numbers of at least 0
 * @throws {ArgumentError} for a value that is no number, or an option that it does not take
 */
export function full(shape: Shape, value: number, options: LeafOptions = {}): Tensor {
  checkNumber('full', 'the value', value)
  return askedFor('full', shape, options, () => filled(shape, value))
}

/**
 * A tensor with every element 0. https://pytorch.org/docs/stable/generated/torch.zeros.html
 *
 * @param shape sizes of the dimensions
 * @throws {ShapeError} as of `full`, and {ArgumentError}
 */
export function zeros(shape: Shape, options: LeafOptions = {}): Tensor {
  return askedFor('zeros', shape, options, () => filled(shape, 0))
}

/**
 * A tensor with every element 1. https://pytorch.org/docs/stable/generated/torch.ones.html
 *
 * @param shape sizes of the dimensions
 * @throws {ShapeError} as of `full`, and {ArgumentError}
 */
export function ones(shape: Shape, options: LeafOptions = {}): Tensor {
  return askedFor('ones', shape, options, () => filled(shape, 1))
}

/**
 * `start`, `start + step`, … up to (not including) `end`; with one argument from 0.
 * https://pytorch.org/docs/stable/generated/torch.arange.html
 *
 * @returns [⌈(end − start) / step⌉]
 * @throws {ArgumentError} for a step of 0, or one that leads away from `end`
 * @throws {OutOfMemoryError} for more values than memory can have
 */
export function arange(start: number, end?: number, step = 1, options: LeafOptions = {}): Tensor {
  for (const [what, value] of Object.entries({ start, end: end ?? 0, step })) {
    checkNumber('arange', what, value, { least: -Number.MAX_VALUE })
  }
  checkLeafOptions('arange', options)
  const [from, to] = end === undefined ? [0, start] : [start, end]
  const count = Math.ceil((to - from) / step)
  if (step === 0 || !Number.isFinite(count) || count < 0) {
    throw new ArgumentError(`arange: steps of ${step} do not lead from ${from} to ${to}`)
  }
  checkBytes(4 * count)
  return fromValues(
    Float32Array.from({ length: count }, (_, i) => from + i * step),
    [count],
    options.requiresGrad,
  )
}
