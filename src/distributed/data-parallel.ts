import { mapTensors } from '../autograd/arguments-tree.js'
import { eachTime } from '../autograd/recording.js'
import { Sharded, withWeight } from '../autograd/shards.js'
import { isRecording } from '../autograd/tape.js'
import { Taps } from '../autograd/taps.js'
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { callForward, isLibrary } from '../nn/layer.js'
import { type AnyModule, Module } from '../nn/module.js'
import { SyncBatchNorm } from '../nn/sync-batch-norm.js'
import { inLane } from '../tensor/random.js'
import { eachTensor } from '../tensor/scope.js'
import type { Tensor } from '../tensor/tensor.js'
import type { Loss } from '../train/loss.js'
import { checkAgreement } from './agreement.js'
import { BatchShards, meanOfShards, type Place } from './batch-shards.js'
import { Buckets } from './buckets.js'
import { checkNorms, samplesOf } from './data-parallel-checks.js'
import { ShardedGradients } from './sharded-gradients.js'
import { view, World } from './world.js'

/** Options of DistributedDataParallel. */
export interface DistributedDataParallelOptions {
  /** Size of the pieces in which gradients are sent, in MiB; the first has at most 1. Default 25. */
  bucketCapMb?: number
  /**
   * Whether the buffers of rank 0, as running statistics, become those of all ranks before each forward in training.
   * (SyncBatchNorm's are the same in all ranks by themselves, and are not sent.) Default true.
   */
  broadcastBuffers?: boolean
}

/**
 * A net that all ranks train together, each on its own share of every batch: data parallelism. All begin with the
 * parameters and buffers of rank 0. Backward leaves in each `grad` the mean over the samples of all ranks: each rank's
 * gradient, which is the mean over its own, weighs as many samples as it had. So the losses have to be means over the
 * batch, as they are by default. Gradients are sent in pieces while backward is still computing others.
 *
 * Each rank has to make the same calls: forward in training, backward, and so on. A parameter that some ranks did not
 * use counts as 0 there.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html
 */
export class DistributedDataParallel<
  Inputs extends readonly unknown[] = [x: Tensor],
  Output = Tensor,
> extends Module<Inputs, Output> {
  /** The net itself; as in PyTorch, names in the state dict begin with `module.`. */
  readonly module: AnyModule<Inputs, Output>
  /** All ranks. */
  readonly #world: World
  /** How gradients come together: fast, or in one order whatever the ranks. */
  readonly #gradients: Buckets | ShardedGradients
  /** What this gave, in training that is deterministic: its shards. */
  readonly #shardsOf = new WeakMap<Tensor, { shards: BatchShards; whole: Sharded }>()
  readonly #broadcastBuffers: boolean
  /** Samples of gradients that were kept back, and not yet sent. */
  #kept = 0
  #syncs = true
  /** Where the forward at hand is among those of one update, in `fit`. */
  #place: Place | undefined
  /** Whether a forward may have moved the buffers since they were sent. */
  #moved = false

  /**
   * @param module the net, the same in all ranks
   * @param world what `mpi()` gives
   * @throws {ArgumentError} for what is no net or world, a net without parameters to train, or an unknown option
   * @throws {MPIError} in all ranks, where the nets differ
   */
  constructor(module: AnyModule<Inputs, Output>, world: World, options: DistributedDataParallelOptions = {}) {
    super()
    const name = 'DistributedDataParallel'
    if (!(module instanceof Module)) {
      throw new ArgumentError(`${name}: expected a Module, got ${kindOf(module)}`)
    }
    if (!(world instanceof World)) {
      throw new ArgumentError(`${name}: expected the world that mpi() gives, got ${kindOf(world)}`)
    }
    checkOptions(name, options, ['bucketCapMb', 'broadcastBuffers'])
    const { bucketCapMb = 25, broadcastBuffers = true } = options
    checkNumber(name, 'bucketCapMb', bucketCapMb, { least: 0 })
    checkBoolean(name, 'broadcastBuffers', broadcastBuffers)
    const trained = module.parameters().filter(({ requiresGrad }) => requiresGrad)
    if (trained.length === 0) throw new ArgumentError(`${name}: the net has no parameter that is trained`)
    if (world.shards > 0) checkNorms(module)
    checkAgreement(world, module, `buckets of ${bucketCapMb} MiB, ${world.shards} shards`)
    for (const tensor of new Set(Object.values(module.stateDict()))) world.broadcast(tensor)
    this.module = module
    this.#world = world
    this.#broadcastBuffers = broadcastBuffers
    this.#gradients =
      world.shards > 0
        ? new ShardedGradients(world, trained)
        : new Buckets(world, trained, bucketCapMb * 2 ** 20)
  }

  /**
   * The net's own result for this rank's share of the batch.
   *
   * @param inputs what the net's own forward takes: the first tensor in it has the samples in front
   * @throws {ArgumentError} without a tensor that has samples in front, or where a parameter is trained that was frozen
   *   when this was made
   */
  override forward(...inputs: Inputs): Output {
    const samples = samplesOf(inputs)
    const unknown = this.parameters().some((one) => one.requiresGrad && !this.#gradients.has(one))
    if (unknown) {
      throw new ArgumentError(
        'DistributedDataParallel: a parameter is trained that was frozen when this was made; make a new one after requiresGrad_()',
      )
    }
    this.#sendBuffers()
    const gradients = this.#gradients
    if (gradients instanceof ShardedGradients) {
      return this.training
        ? this.#forwardShards(gradients, inputs, samples)
        : callForward(this.module, ...inputs)
    }
    const forward = () => callForward(this.module, ...inputs)
    // Each rank draws other numbers (of dropout) from the stream that all have.
    const { rank: index, size } = this.#world
    const output = withWeight(samples, () => (size > 1 ? inLane({ index, moves: true }, forward) : forward()))
    if (!isRecording() || size === 1) return output
    const place = this.#place
    const syncs = place?.last ?? this.#syncs
    const pass = { count: 0 }
    eachTime(() => {
      const kept = Float64Array.of(place?.first ? 0 : this.#kept)
      this.#world.communicator.note(kept)
      pass.count = kept[0] + samples
      this.#kept = syncs ? 0 : pass.count
    })
    if (!syncs && !place) return output
    const outputs: Tensor[] = []
    eachTensor(output, (x) => outputs.push(x))
    const count = () => pass.count
    const weight = place ? () => samples : count
    const collection = gradients.collect({ ...(place ?? ALONE), weight, count, empty: samples === 0 })
    new Taps(() => collection.finish()).insert(outputs, (leaf) => collection.expect(leaf))
    return output
  }

  /**
   * Runs forwards whose gradients stay in this rank, to be added up; the first backward of a forward outside of it sends
   * what has gathered, too. The forward has to be inside, as in PyTorch.
   * https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html#torch.nn.parallel.DistributedDataParallel.no_sync
   *
   * @param fn synchronous
   * @returns what `fn` returns
   * @throws {ArgumentError} for what is no function, or an asynchronous one
   */
  noSync<T>(fn: () => T): T {
    if (typeof fn !== 'function') {
      throw new ArgumentError(
        `noSync: expected a function, as noSync(() => loss.forward(net.forward(x), y).backward()), got ${kindOf(fn)}`,
      )
    }
    const before = this.#syncs
    this.#syncs = false
    try {
      const result = fn()
      if (typeof (result as { then?: unknown } | undefined)?.then === 'function') {
        throw new ArgumentError(
          'noSync: the function is asynchronous; await first, and wrap what is synchronous',
        )
      }
      return result
    } finally {
      this.#syncs = before
    }
  }

  /**
   * Runs one of several forwards whose gradients are sent together, as of one batch of all their samples; undefined where
   * nothing is sent. What `fit({ accumulate })` does.
   *
   * @internal
   */
  get accumulating(): (<T>(index: number, count: number, forward: () => T) => T) | undefined {
    if (this.#world.size === 1 && this.#world.shards === 0) return undefined
    return (index, count, forward) => {
      this.#place = { first: index === 0, last: index === count - 1 }
      try {
        return forward()
      } finally {
        this.#place = undefined
      }
    }
  }

  #forwardShards(gradients: ShardedGradients, inputs: Inputs, samples: number): Output {
    const shards = new BatchShards(this.#world, gradients, samples, this.#place ?? ALONE)
    const cut = shards.cut(inputs)
    const output = shards.run(() => callForward(this.module, ...cut))
    return mapTensors(output, (x) => {
      if (!(x instanceof Sharded)) return x
      const joined = shards.join(x)
      this.#shardsOf.set(joined, { shards, whole: x })
      return joined
    }) as Output
  }

  /**
   * The loss to train with where ranks may have no sample of a batch, or where training is deterministic: there the loss
   * too is computed for each shard by itself. Else it is `criterion` itself, in other words.
   *
   * @param criterion such as `new nn.CrossEntropyLoss()`: one that gives the mean over a batch
   * @returns a loss, for `fit` or a loop of one's own
   * @throws {ArgumentError} for what is no loss; in its forward, in deterministic training, for a prediction that is not
   *   this net's
   */
  loss<Target = Tensor>(criterion: Loss<Output, Target>): Loss<Output, Target> {
    if (typeof criterion?.forward !== 'function') {
      throw new ArgumentError(
        `loss: expected something with a forward(prediction, target), such as new nn.CrossEntropyLoss(), got ${kindOf(criterion)}`,
      )
    }
    const forward = (...given: readonly unknown[]) => this.#lossOf(criterion as Callable, given)
    const { answers } = criterion
    return {
      forward,
      ...(answers && { answers: (...given) => answers.apply(criterion, given) }),
      // The library's own where the criterion is.
      libraryForward: isLibrary(criterion as Callable) ? forward : undefined,
    }
  }

  #lossOf(criterion: Callable, given: readonly unknown[]): Tensor {
    const [prediction] = given
    const samples = samplesOf(given)
    if (!this.#world.shards || !this.training) {
      const value = callForward(criterion, ...given) as Tensor
      return samples > 0 ? value : meanOfShards([value], [0])
    }
    let found: BatchShards | undefined
    const whole = mapTensors(prediction, (x) => {
      const known = this.#shardsOf.get(x)
      found ??= known?.shards
      return known?.whole ?? x
    })
    const shards = found
    if (!shards) {
      throw new ArgumentError(
        'DistributedDataParallel: in deterministic training the loss is of what this net has given, and here it is of something else; call loss.forward(net.forward(x), y) on the results themselves',
      )
    }
    const rest = shards.cut(given.slice(1))
    const call = (given: readonly unknown[]) => callForward(criterion, ...given) as Tensor
    // (The library's have nothing that is trained, and may look at labels.)
    const separately = isLibrary(criterion)
    const all = [whole, ...rest]
    const value = shards.run(() => (separately ? shards.separately(all, call) : call(all)))
    return meanOfShards(shards.partsOf(value), shards.sizes)
  }

  /** Those of rank 0 become all ranks', in one piece. */
  #sendBuffers(): void {
    // (Where training is deterministic, no rank's may differ.)
    if (!this.#broadcastBuffers || this.#world.size === 1 || this.#world.shards > 0) return
    const { training } = this
    const buffers = [...new Set(this.#ownBuffers())]
    if (buffers.length === 0) return
    eachTime(() => {
      if (!training && !this.#moved) return
      this.#moved = training
      const sizes = buffers.map(({ size }) => size)
      const all = new Float32Array(sizes.reduce((sum, size) => sum + size, 0))
      let at = 0
      for (const [i, { storage }] of buffers.entries()) {
        all.set(view(storage.address, storage.bytes), at)
        at += sizes[i]
      }
      this.#world.communicator.broadcast(all, 0)
      at = 0
      for (const [i, { storage }] of buffers.entries()) {
        storage.write(all.subarray(at, at + sizes[i]))
        at += sizes[i]
      }
    })
  }

  /** Those that may differ from rank to rank. */
  #ownBuffers(): Tensor[] {
    return this.module
      .namedModules()
      .filter(([, module]) => !(module instanceof SyncBatchNorm && module.processGroup === this.#world))
      .flatMap(([, module]) => {
        const below = new Set(module.children().flatMap((child) => child.buffers()))
        return module.buffers().filter((buffer) => !below.has(buffer))
      })
  }

  /** @internal */
  override get libraryForward(): unknown {
    return DistributedDataParallel.prototype.forward
  }
}

/** A backward whose gradients are sent by themselves. */
const ALONE: Place = { first: true, last: true }

/** As a loss is called. */
type Callable = {
  forward(...given: readonly unknown[]): unknown
  readonly libraryForward?: unknown
}
