/**
 * Gradients whose bits do not depend on the number of ranks. A batch is cut into a fixed number of shards; each shard's
 * gradient, of the sum of its samples' losses, is computed by itself, and all of them are added up along one tree over the
 * shards: a rank adds up the subtrees that are all its own, the ranks gather these, and each does the rest.
 */
import { accumulate, copyStrided, fill } from '../bindings/kernels.generated.js'
import { type Memory, Storage } from '../bindings/memory.js'
import { Part } from '../bindings/part.js'
import { eachRun } from '../bindings/recording.js'
import type { Tensor } from '../tensor/tensor.js'
import { setGradient } from './buckets.js'
import { view, type World } from './world.js'

/** A subtree: shards from the first up to the end. */
type Node = readonly [first: number, end: number]

/** The halves of a subtree of more than one shard, by their number alone. */
function halvesOf([first, end]: Node): readonly [Node, Node] {
  const middle = first + Math.ceil((end - first) / 2)
  return [
    [first, middle],
    [middle, end],
  ]
}

/** The largest subtrees of `node` that lie within a rank's shards, in order. */
function nodesWithin(node: Node, [first, end]: Node): Node[] {
  if (node[1] <= first || node[0] >= end) return []
  if (node[0] >= first && node[1] <= end) return [node]
  return halvesOf(node).flatMap((half) => nodesWithin(half, [first, end]))
}

export class ShardedGradients {
  /** A rank's own shards: all parameters' gradients, and behind them the count of samples. */
  readonly #own: readonly Storage[]
  /** The subtrees of all ranks, one after the other. */
  readonly #all: Storage
  readonly #nodes: readonly Node[]
  readonly #counts: readonly number[]
  readonly #startOf = new Map<Tensor, number>()
  readonly #length: number
  /** Samples of each own shard, in all that is sent together. */
  #sizes: readonly number[] = []

  constructor(
    readonly world: World,
    readonly parameters: readonly Tensor[],
  ) {
    let length = 0
    for (const parameter of parameters) {
      this.#startOf.set(parameter, length)
      length += parameter.size
    }
    this.#length = length
    const [first, end] = world.shardsOf(world.rank)
    this.#own = Array.from({ length: end - first }, () => new Storage(length + 1, 'rows', 'leaf').pin())
    const perRank = Array.from({ length: world.size }, (_, rank) =>
      nodesWithin([0, world.shards], world.shardsOf(rank)),
    )
    this.#nodes = perRank.flat()
    this.#counts = perRank.map((nodes) => nodes.length * (length + 1))
    this.#all = new Storage(this.#nodes.length * (length + 1), 'rows', 'leaf').pin()
  }

  /** Whether a parameter's gradient is among them. */
  has(parameter: Tensor): boolean {
    return this.#startOf.has(parameter)
  }

  /**
   * @param sizes how many samples each own shard has
   * @param first whether what comes is not added to what there is
   */
  begin(sizes: readonly number[], first: boolean): void {
    this.#sizes = sizes.map((size, i) => size + (first ? 0 : this.#sizes[i]))
    for (const [i, y] of this.#own.entries()) {
      if (first) fill({ y, value: 0 })
      fill({ y: new Part(y, this.#length, 1), value: this.#sizes[i] })
    }
  }

  /** Takes what an own shard gives a parameter. */
  take(parameter: Tensor, shard: number, gradient: Tensor): void {
    const start = this.#startOf.get(parameter) ?? 0
    accumulate({ x: gradient.storage, y: new Part(this.#own[shard], start, parameter.size) })
  }

  /** Sets the gradients: the means over the samples of all shards. */
  finish(): void {
    const { world } = this
    const [first, end] = world.shardsOf(world.rank)
    const row = this.#length + 1
    const placeOf = ([from]: Node) =>
      new Part(this.#all, this.#nodes.findIndex(([first]) => first === from) * row, row)
    for (const node of nodesWithin([0, world.shards], [first, end])) {
      const sum = this.#addUp(
        node,
        ([shard]) => this.#own[shard - first],
        ([from, to]) => to - from === 1,
      )
      copyStrided({ xStart: 0, yStart: 0, x: sum, y: placeOf(node), dims: [[row], [1], [1]] })
    }
    eachRun([], () => {
      const { address, bytes } = this.#all
      world.communicator.allgatherInPlace(view(address, bytes), Int32Array.from(this.#counts))
    })
    const known = (node: Node) => this.#nodes.some(([from, to]) => from === node[0] && to === node[1])
    const total = this.#addUp([0, world.shards], placeOf, known)
    let samples = 0
    eachRun([], () => {
      samples = view(total.address, 4 * row)[this.#length]
    })
    for (const parameter of this.parameters) {
      if (!parameter.requiresGrad) continue
      const sums = new Part(total, this.#startOf.get(parameter) ?? 0, parameter.size)
      // What an earlier backward has left is the same in all ranks.
      setGradient(parameter, sums, () => (samples > 0 ? 1 / samples : 0), parameter.ownGradient)
    }
  }

  /** The sum of a subtree, in the memory of its first leaf. */
  #addUp(node: Node, memoryOf: (node: Node) => Memory, isLeaf: (node: Node) => boolean): Memory {
    if (isLeaf(node)) return memoryOf(node)
    const [left, right] = halvesOf(node).map((half) => this.#addUp(half, memoryOf, isLeaf))
    accumulate({ x: right, y: left })
    return left
  }
}
