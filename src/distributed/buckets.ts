/**
 * How gradients become those of all ranks: in buckets, of which one is on its way while backward computes the next. A
 * bucket has, one after the other, the gradients of some parameters, each times the rank's count of samples, and behind
 * them that count; it is summed over the ranks, and the sums' quotient is the mean over all samples.
 */
import { accumulate, fill, sgdStep } from '../bindings/kernels.generated.js'
import { type Memory, Storage } from '../bindings/memory.js'
import { Part } from '../bindings/part.js'
import { eachRun, live } from '../bindings/recording.js'
import { empty, type Tensor } from '../tensor/tensor.js'
import type { Request } from './communicator.js'
import { view, type World } from './world.js'

/** Some parameters whose gradients travel together. */
interface Bucket {
  readonly parameters: readonly Tensor[]
  /** Where each begins. */
  readonly starts: readonly number[]
  /** Floats of all, without the count behind them. */
  readonly length: number
  /** It stays where it is: MPI has its address. */
  readonly storage: Storage
  request: Request | undefined
  /** The samples of all ranks. */
  total: number
}

/** The first bucket is small, so that it leaves early: PyTorch's default. */
const FIRST_BYTES = 1 << 20

/** `y += factor · x`. */
export function addScaled(y: Memory, x: Memory, factor: () => number): void {
  live(() =>
    sgdStep({
      ...{ p: y, g: x, lr: -factor(), momentum: 0, dampening: 0, weightDecay: 0 },
      ...{ nesterov: false, maximize: false, firstStep: true },
    }),
  )
}

/**
 * The gradient that a parameter has from now on: `factor` times what lies in `sums`.
 *
 * @param before what is added to it
 */
export function setGradient(
  parameter: Tensor,
  sums: Memory,
  factor: () => number,
  before?: Tensor | undefined,
): void {
  const gradient = empty(parameter.shape)
  fill({ y: gradient.storage, value: 0 })
  addScaled(gradient.storage, sums, factor)
  if (before) accumulate({ x: before.storage, y: gradient.storage })
  parameter.zeroGrad()
  parameter.ownGradient = gradient
}

/** The buckets of a net's parameters, in the order in which backward comes to them: from the last to the first. */
export class Buckets {
  readonly #world: World
  readonly #buckets: readonly Bucket[]
  readonly #placeOf = new Map<Tensor, { bucket: number; start: number }>()
  /** Which buckets have something of what is sent together. */
  #begun: boolean[] = []

  /** @param capBytes a bucket's size, but for the first and parameters that are larger */
  constructor(world: World, parameters: readonly Tensor[], capBytes: number) {
    this.#world = world
    const groups: Tensor[][] = []
    let bytes = Number.POSITIVE_INFINITY
    for (const parameter of parameters.toReversed()) {
      const cap = groups.length === 1 ? Math.min(FIRST_BYTES, capBytes) : capBytes
      if (bytes + 4 * parameter.size > cap) {
        groups.push([])
        bytes = 0
      }
      groups[groups.length - 1].push(parameter)
      bytes += 4 * parameter.size
    }
    this.#buckets = groups.map((group, bucket) => {
      let length = 0
      const starts = group.map((parameter) => {
        const start = length
        this.#placeOf.set(parameter, { bucket, start })
        length += parameter.size
        return start
      })
      const storage = new Storage(length + 1, 'rows', 'leaf').pin()
      return { parameters: group, starts, length, storage, request: undefined, total: 0 }
    })
  }

  /** Whether a parameter is in one of them. */
  has(parameter: Tensor): boolean {
    return this.#placeOf.has(parameter)
  }

  /** Of one backward: what takes the gradients. */
  collect(of: Collected): Collection {
    if (of.first) this.#begun = []
    return new Collection(
      this.#world,
      this.#buckets,
      (parameter) => this.#placeOf.get(parameter),
      of,
      this.#begun,
    )
  }
}

/** What the gradients of one backward are. */
export interface Collected {
  /** The samples that they are the mean of, in the run at hand. */
  readonly weight: () => number
  /** The samples of this rank in all that is sent: several backwards may come before. */
  readonly count: () => number
  /** Whether they are of no sample, and so nothing. */
  readonly empty: boolean
  /** Whether they are the first of what is sent together. */
  readonly first: boolean
  /** Whether they are sent, and not added to by others. */
  readonly last: boolean
}

/** One backward's gradients. */
export class Collection {
  /** Gradients that each bucket has in all, and those that it waits for. */
  readonly #expected: number[]
  #missing: number[] = []
  /** Buckets that are on their way: always the first ones, for all ranks send them in the same order. */
  #sent = 0

  constructor(
    readonly world: World,
    readonly buckets: readonly Bucket[],
    readonly placeOf: (parameter: Tensor) => { bucket: number; start: number } | undefined,
    readonly of: Collected,
    readonly begun: boolean[],
  ) {
    this.#expected = buckets.map(() => 0)
  }

  /** Says that the gradient of a parameter will come; undefined for one that is in no bucket. */
  expect(parameter: Tensor): ((gradient: Tensor) => void) | undefined {
    const place = this.placeOf(parameter)
    if (!place) return undefined
    this.#expected[place.bucket]++
    return (gradient) => {
      this.#take(parameter, gradient, place)
      this.#missing[place.bucket]--
      const { buckets, begun, of } = this
      const isFull = () => begun[this.#sent] && this.#missing[this.#sent] === 0
      while (of.last && this.#sent < buckets.length && isFull()) this.#send()
    }
  }

  #take(parameter: Tensor, gradient: Tensor, { bucket, start }: { bucket: number; start: number }): void {
    if (this.#missing.length === 0) this.#missing = [...this.#expected]
    this.#begin(bucket)
    const part = new Part(this.buckets[bucket].storage, start, parameter.size)
    // (That of no sample may be NaN.)
    if (!this.of.empty) addScaled(part, gradient.storage, this.of.weight)
    // What was gathered without the others counts too.
    const before = parameter.ownGradient
    if (before) addScaled(part, before.storage, this.of.weight)
  }

  #begin(bucket: number): void {
    if (this.begun[bucket]) return
    this.begun[bucket] = true
    fill({ y: this.buckets[bucket].storage, value: 0 })
  }

  #send(): void {
    const at = this.#sent++
    this.#begin(at)
    const bucket = this.buckets[at]
    const { storage, length } = bucket
    eachRun([], () => {
      view(storage.address, storage.bytes)[length] = this.of.count()
      bucket.request = this.world.beginSum(storage)
    })
  }

  /** Sets the gradients. Parameters that this rank did not use get what the others have. */
  finish(): void {
    if (!this.of.last) return
    while (this.#sent < this.buckets.length) this.#send()
    // (A graph that is kept may be gone through again.)
    this.#missing = []
    this.begun.length = 0
    this.#sent = 0
    for (const bucket of this.buckets) {
      const { storage, length, parameters, starts } = bucket
      eachRun([], () => {
        bucket.request?.wait()
        bucket.total = view(storage.address, storage.bytes)[length]
      })
      const factor = () => (bucket.total > 0 ? 1 / bucket.total : 0)
      for (const [i, parameter] of parameters.entries()) {
        if (parameter.requiresGrad)
          setGradient(parameter, new Part(storage, starts[i], parameter.size), factor)
      }
    }
  }
}
