import * as kernels from '../bindings/kernels.js'
import { bytes, Storage } from '../bindings/memory.js'
import { ArgumentError } from '../errors.js'
import { checkShape, type Shape } from './shape.js'
import { empty, type Tensor } from './tensor.js'

/**
 * The stream of random numbers: Philox4x32-10 (Salmon et al., 2011), a function of seed and position, so
 * that threads can share it out and the numbers are the same everywhere.
 */
let seed = 0
/** Blocks of four words that were used up. */
let position = 0

/**
 * Starts the stream of random numbers (initial weights, shuffling, dropout) anew.
 *
 * https://pytorch.org/docs/stable/generated/torch.manual_seed.html (the numbers are not PyTorch's)
 *
 * @param value a whole number from 0 to 2⁵³ − 1; without a call the seed is 0
 * @throws {ArgumentError} for another value
 */
export function manualSeed(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new ArgumentError(`manualSeed: expected a whole number from 0 to 2^53 - 1, got ${value}`)
  }
  seed = value
  position = 0
}

const words = (value: number): [low: number, high: number] => [value % 2 ** 32, Math.floor(value / 2 ** 32)]

/** Where the stream stands; moves it on by `blocks`. */
function take(blocks: number): kernels.RandomState {
  const state = [...words(seed), ...words(position)] as const
  position += blocks
  return state
}

/** Fills a tensor with uniform numbers from [low, high). */
export function fillUniform(x: Tensor, low: number, high: number): Tensor {
  kernels.fillUniform(x.storage, x.size, take(Math.ceil(x.size / 4)), low, high)
  x.storage.version++
  return x
}

/** Fills a tensor with normal numbers. */
export function fillNormal(x: Tensor, mean: number, std: number): Tensor {
  kernels.fillNormal(x.storage, x.size, take(Math.ceil(x.size / 4)), mean, std)
  x.storage.version++
  return x
}

/** A mask of the shape: `scale` with probability `keep`, else 0. */
export function bernoulliMask(shape: Shape, keep: number, scale: number): Tensor {
  const mask = empty(shape)
  kernels.fillBernoulli(mask.storage, mask.size, take(Math.ceil(mask.size / 4)), keep, scale)
  return mask
}

/** The numbers 0 … n − 1 in random order. */
export function randomPermutation(n: number): Uint32Array {
  const storage = new Storage(n * 4)
  const address = storage.address
  position += kernels.randomPermutation(storage, n, take(0))
  const order = new Uint32Array(bytes().buffer, address, n).slice()
  storage.release()
  return order
}

/**
 * Uniform numbers from [0, 1), of the stream that `manualSeed` starts.
 * https://pytorch.org/docs/stable/generated/torch.rand.html
 *
 * @param shape sizes of the dimensions
 * @throws {ShapeError} for a shape that is no array of whole numbers of at least 0
 */
export function rand(shape: Shape): Tensor {
  checkShape('rand', shape)
  return fillUniform(empty([...shape], 'rows', 'leaf'), 0, 1)
}

/**
 * Normal numbers of mean 0 and variance 1, of the stream that `manualSeed` starts.
 * https://pytorch.org/docs/stable/generated/torch.randn.html
 *
 * @param shape sizes of the dimensions
 * @throws {ShapeError} for a shape that is no array of whole numbers of at least 0
 */
export function randn(shape: Shape): Tensor {
  checkShape('randn', shape)
  return fillNormal(empty([...shape], 'rows', 'leaf'), 0, 1)
}
