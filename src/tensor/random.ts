import * as kernels from '../bindings/kernels.generated.js'
import { Storage } from '../bindings/memory.js'
import { live } from '../bindings/recording.js'
import { kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { askedFor, type LeafOptions } from './create.js'
import type { Shape } from './shape.js'
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
    throw new ArgumentError(`manualSeed: expected a whole number from 0 to 2^53 - 1, got ${kindOf(value)}`)
  }
  seed = value
  position = 0
}

/** A point of the stream as numbers that JSON holds. */
export interface StreamPoint {
  readonly seed: number
  /** Blocks of four words before it. */
  readonly position: number
}

/** Where the stream stands. */
export const streamPoint = (): StreamPoint => ({ seed, position })

/** Runs `fn` as if the stream stood at that point; afterwards it stands where it stood before. */
export function atPoint<T>(point: StreamPoint, fn: () => T): T {
  return keepingStream(() => {
    ;({ seed, position } = point)
    return fn()
  })
}

/** A place in the stream, in two words each: the same place has the same numbers again. */
export interface StreamPlace {
  readonly seedLow: number
  readonly seedHigh: number
  readonly offsetLow: number
  readonly offsetHigh: number
}

/** Runs `fn`, after which the stream stands where it stood before. */
export function keepingStream<T>(fn: () => T): T {
  const back = markStream()
  try {
    return fn()
  } finally {
    back()
  }
}

/** Remembers where the stream stands; gives what brings it back there. */
export function markStream(): () => void {
  const before = [seed, position]
  return () => {
    ;[seed, position] = before
  }
}

/** Where the stream stands; moves it on by `blocks` of four words. */
export function takeBlocks(blocks: number): StreamPlace {
  const low = (value: number) => value % 2 ** 32
  const high = (value: number) => Math.floor(value / 2 ** 32)
  const [offsetLow, offsetHigh] = [low(position), high(position)]
  const state = { seedLow: low(seed), seedHigh: high(seed), offsetLow, offsetHigh }
  position += blocks
  return state
}

/** One of many streams that go on side by side: at the same place of the stream each has other numbers. */
export interface Lane {
  /** From 0 to 2²¹. */
  readonly index: number
  /** Whether the stream moves on when it is drawn from: of lanes that draw in turn only the last one lets it. */
  readonly moves: boolean
}

/** How far the stream moves on: the same whatever was drawn, which may be as many blocks. */
const LANE_BLOCKS = 2 ** 24

let lane: Lane | undefined

/** Lets what draws while `run` runs draw from a lane. */
export function inLane<T>(next: Lane, run: () => T): T {
  const before = lane
  lane = next
  try {
    return run()
  } finally {
    lane = before
  }
}

/** How places are taken where it runs: from the stream, or from the lane at hand. */
export function placesNow(): (blocks: number) => StreamPlace {
  const from = lane
  if (!from) return takeBlocks
  return () => {
    const { offsetHigh, seedHigh, ...low } = takeBlocks(from.moves ? LANE_BLOCKS : 0)
    // Neither a seed nor a place has bits up there, above 2⁵³.
    const [offset, more] = [from.index % 2 ** 11, Math.floor(from.index / 2 ** 11)]
    return { ...low, offsetHigh: offsetHigh + offset * 2 ** 21, seedHigh: seedHigh + more * 2 ** 21 }
  }
}

const NOWHERE: StreamPlace = { seedLow: 0, seedHigh: 0, offsetLow: 0, offsetHigh: 0 }

/** Blocks of four words that a tensor's memory takes. */
const blocksOf = ({ length }: Storage) => Math.ceil(length / 4)

/** Fills a tensor with uniform numbers from [low, high). */
export function fillUniform(x: Tensor, low: number, high: number): Tensor {
  const y = x.storage
  live(() => kernels.fillUniform({ y, low, high, ...takeBlocks(blocksOf(y)) }))
  return x
}

/** Fills a tensor with normal numbers. */
export function fillNormal(x: Tensor, mean: number, std: number): Tensor {
  const y = x.storage
  live(() => kernels.fillNormal({ y, mean, std, ...takeBlocks(blocksOf(y)) }))
  return x
}

/**
 * Fills a tensor, in either layout, with `scale` with probability `keep`, else 0.
 *
 * @param place where in the stream; by default the next one, which is then taken
 * @returns the place
 */
export function fillBernoulli(x: Tensor, keep: number, scale: number, place?: StreamPlace): StreamPlace {
  const y = x.storage
  if (place) {
    kernels.fillBernoulli({ y, keep, scale, ...place })
    return place
  }
  const take = placesNow()
  let taken = NOWHERE
  live(() => {
    taken = take(blocksOf(y))
    kernels.fillBernoulli({ y, keep, scale, ...taken })
  })
  return taken
}

/** Uniform numbers from [0, 1), multiples of 2⁻²⁴. */
export function uniforms(count: number): Float32Array {
  const words = fillUniform(empty([count]), 0, 1)
  const values = words.toFloat32Array()
  words.release()
  return values
}

/** The numbers 0 … n − 1 in random order. */
export function randomPermutation(n: number): Uint32Array {
  const storage = new Storage(n)
  try {
    position += kernels.randomPermutation({ y: storage, ...takeBlocks(0) })
    return new Uint32Array(storage.copyOut().buffer)
  } finally {
    storage.release()
  }
}

/**
 * Uniform numbers from [0, 1), of the stream that `manualSeed` starts.
 * https://pytorch.org/docs/stable/generated/torch.rand.html
 *
 * @param shape sizes of the dimensions
 * @throws {ShapeError} for a shape that is no array of whole numbers of at least 0
 * @throws {ArgumentError} for an option that it does not take
 */
export function rand(shape: Shape, options: LeafOptions = {}): Tensor {
  return askedFor('rand', shape, options, () => fillUniform(empty([...shape], 'rows', 'leaf'), 0, 1))
}

/**
 * Normal numbers of mean 0 and variance 1, of the stream that `manualSeed` starts.
 * https://pytorch.org/docs/stable/generated/torch.randn.html
 *
 * @param shape sizes of the dimensions
 * @throws {ShapeError} for a shape that is no array of whole numbers of at least 0
 * @throws {ArgumentError} for an option that it does not take
 */
export function randn(shape: Shape, options: LeafOptions = {}): Tensor {
  return askedFor('randn', shape, options, () => fillNormal(empty([...shape], 'rows', 'leaf'), 0, 1))
}
