/**
 * Shards: a function of tensors that runs on several parts of a batch at once, operation by operation (as
 * https://docs.jax.dev/en/latest/_autosummary/jax.vmap.html maps one over a dimension). Each part is computed by itself,
 * by its shape alone, so that its bits do not depend on who computes the others; and all parts come to an operation
 * before one goes on, so that batch norm over all of them can be had.
 *
 * A tensor within it stands for all parts, and has the shape of the first. A parameter has a tap in each part, so that
 * each part's gradient is had by itself.
 */
import type { Layout } from '../bindings/memory.js'
import { AutogradError } from '../errors.js'
import { inLane } from '../tensor/random.js'
import { outside } from '../tensor/scope.js'
import { Tensor } from '../tensor/tensor.js'
import { mapTensors } from './arguments-tree.js'
import { setUnheld } from './fuse.js'
import { withoutFusion } from './fusion.js'
import type { Exchange } from './ops/sync-batch-norm.js'
import { attributesOf } from './shard-attributes.js'
import { type Deferral, isRecording, run, setDeferral } from './tape.js'
import { Taps } from './taps.js'

/** All parts of a tensor: it is the first one's, and has the others. They are let go of together. */
export class Sharded extends Tensor {
  constructor(readonly parts: readonly Tensor[]) {
    const [first] = parts
    super(undefined, first.shape, first.requiresGrad)
    this.producer = first.producer
  }

  override get storage(): never {
    throw unreadable()
  }

  override get layout(): Layout {
    return this.parts[0].layout
  }

  override item(): number {
    throw unreadable()
  }

  override toFloat32Array(): Float32Array {
    throw unreadable()
  }

  override detach(): Tensor {
    return new Sharded(this.parts.map((part) => part.detach()))
  }

  override release(): void {
    super.release()
    for (const part of this.parts) part.release()
  }

  override dispose(): void {
    super.dispose()
    for (const part of this.parts) part.dispose()
  }
}

const unreadable = () =>
  new AutogradError(
    'in deterministic training a forward runs on several shards of a batch at once, and a tensor in it stands for all of them: its values can not be read there; return the tensor, and read it afterwards',
  )

/** What can not be run on parts: it has a state of the whole batch. */
const REFUSED: Readonly<Record<string, string>> = {
  batchNorm: 'batch norm in training (nn.SyncBatchNorm.convert(net) makes it one over all shards)',
  batchNormMaxPool2d: 'batch norm in training (nn.SyncBatchNorm.convert(net) makes it one over all shards)',
}

/** Parts that are computed at once. */
export abstract class Shards implements Exchange {
  abstract gather(parts: readonly Float64Array[]): readonly Float64Array[]
  abstract sum(parts: readonly Float64Array[]): Float64Array
  /** What takes the gradient that a part gives a leaf; undefined for a leaf of no interest. */
  abstract tapOf(leaf: Tensor, part: number): ((gradient: Tensor) => void) | undefined

  /** In a backward, when each part's gradients have come. */
  abstract finish(): void

  readonly #taps = new Taps(() => this.finish())
  readonly #tapped = new Map<Tensor, Tensor[]>()

  /**
   * @param count parts of this process
   * @param first how many parts other processes have before them
   */
  constructor(
    readonly count: number,
    readonly first: number,
  ) {}

  /** Runs a function of tensors that stand for all parts. */
  run<T>(fn: () => T): T {
    return withoutFusion(() => {
      const [before, unheld] = [setDeferral(this.#map), setUnheld(this.#map)]
      const outer = current
      current = this
      try {
        return fn()
      } finally {
        current = outer
        setDeferral(before)
        setUnheld(unheld)
      }
    })
  }

  /** Runs what takes all parts of `x`, and gives as many. */
  together(x: Tensor, of: (xs: readonly Tensor[]) => Tensor[]): Tensor {
    return this.#plainly(() => new Sharded(of(this.partsOf(x))))
  }

  /** What `of` gives for each part, with random numbers of the part's own. */
  #each<T>(of: (part: number) => T): T[] {
    const last = this.count - 1
    return Array.from({ length: this.count }, (_, i) =>
      inLane({ index: this.first + i, moves: i === last }, () => of(i)),
    )
  }

  /**
   * Runs what may compute anything of its inputs, but for one part at a time, which it takes for all there is.
   *
   * @returns the tensors that it gives, each with all parts
   */
  separately<T extends Tensor | readonly Tensor[]>(
    inputs: readonly unknown[],
    of: (own: readonly unknown[]) => T,
  ): T {
    return this.#plainly(() => {
      const outer = current
      current = undefined
      try {
        const own = (i: number) => mapTensors(inputs, (x) => this.partsOf(x)[i]) as readonly unknown[]
        const results = this.#each((i) => of(own(i)))
        const [first] = results
        if (first instanceof Tensor) return new Sharded(results as readonly Tensor[]) as Tensor as T
        const lists = results as readonly (readonly Tensor[])[]
        return lists[0].map((_, k) => new Sharded(lists.map((list) => list[k]))) as readonly Tensor[] as T
      } finally {
        current = outer
      }
    })
  }

  /** A tensor's parts: a leaf is the same in each, behind a tap. */
  partsOf(x: Tensor): readonly Tensor[] {
    if (x instanceof Sharded) return x.parts
    if (!x.requiresGrad || !isRecording()) return new Array(this.count).fill(x)
    const known = this.#tapped.get(x)
    if (known) return known
    if (this.#tapped.size === 0) this.#taps.begin()
    const parts = Array.from({ length: this.count }, (_, i) => {
      const tap = x.producer ? undefined : this.tapOf(x, i)
      return tap ? this.#taps.tapped(x, tap) : x
    })
    this.#tapped.set(x, parts)
    return parts
  }

  /** Runs operations as they are; what they make is nobody's but the caller's. */
  #plainly<T>(fn: () => T): T {
    const before = setDeferral(undefined)
    try {
      return outside([], fn)
    } finally {
      setDeferral(before)
    }
  }

  readonly #map: Deferral = (operation, inputs, attributes) => {
    const mapped = inputs.some((x) => x instanceof Sharded || (x?.requiresGrad && isRecording()))
    if (!mapped) return undefined
    const { name } = operation
    const { training = true } = Object(attributes) as { training?: boolean }
    if (name in REFUSED && training) {
      throw new AutogradError(
        `in deterministic training a forward runs on several shards of a batch at once, which ${REFUSED[name]} does not`,
      )
    }
    return this.#plainly(() => {
      const all = inputs.map((x) => x && this.partsOf(x))
      return new Sharded(
        this.#each((i) => {
          const own = all.map((parts) => parts?.[i])
          const first = all.map((parts) => parts?.[0])
          return run(operation, own, attributesOf(operation, attributes, first, own))
        }),
      )
    })
  }
}

let current: Shards | undefined

/** The shards that are at work; undefined outside of them. */
export function currentShards(): Shards | undefined {
  return current
}

let weight = 1

/** How much a gradient of this process counts beside those of the others, as in a mean over samples of all. */
export function currentWeight(): number {
  return weight
}

/** Lets the gradients of what `run` computes count so much. */
export function withWeight<T>(next: number, run: () => T): T {
  const before = weight
  weight = next
  try {
    return run()
  } finally {
    weight = before
  }
}
