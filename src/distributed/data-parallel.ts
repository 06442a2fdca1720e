import { eachTime } from '../autograd/recording.js'
import { withWeight } from '../autograd/shards.js'
import { isRecording } from '../autograd/tape.js'
import { tapGradients } from '../autograd/taps.js'
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { callForward } from '../nn/layer.js'
import { type AnyModule, Module } from '../nn/module.js'
import { SyncBatchNorm } from '../nn/sync-batch-norm.js'
import { eachTensor } from '../tensor/scope.js'
import type { Tensor } from '../tensor/tensor.js'
import { checkAgreement } from './agreement.js'
import { Buckets } from './buckets.js'
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
  readonly #buckets: Buckets
  readonly #broadcastBuffers: boolean
  /** Samples of gradients that were kept back, and not yet sent. */
  #kept = 0
  #syncs = true
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
    checkAgreement(world, module)
    for (const tensor of new Set(Object.values(module.stateDict()))) world.broadcast(tensor)
    this.module = module
    this.#world = world
    this.#broadcastBuffers = broadcastBuffers
    this.#buckets = new Buckets(world, trained, bucketCapMb * 2 ** 20)
  }

  /**
   * The net's own result for this rank's share of the batch.
   *
   * @throws {ArgumentError} without a tensor that has samples in front, or where a parameter is trained that was frozen
   *   when this was made
   */
  override forward(...inputs: Inputs): Output {
    const samples = samplesOf(inputs)
    const unknown = this.parameters().some((one) => one.requiresGrad && !this.#buckets.has(one))
    if (unknown) {
      throw new ArgumentError(
        'DistributedDataParallel: a parameter is trained that was frozen when this was made; make a new one after requiresGrad_()',
      )
    }
    this.#sendBuffers()
    const output = withWeight(samples, () => callForward(this.module, ...inputs))
    if (!isRecording() || this.#world.size === 1) return output
    const syncs = this.#syncs
    const pass = { weight: 0 }
    eachTime(() => {
      this.#kept += samples
      pass.weight = this.#kept
      if (syncs) this.#kept = 0
    })
    if (!syncs) return output
    const outputs: Tensor[] = []
    eachTensor(output, (x) => outputs.push(x))
    const collection = this.#buckets.collect(() => pass.weight, samples === 0)
    tapGradients(outputs, (leaf) => collection.expect(leaf))
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

  /** Those of rank 0 become all ranks', in one piece. */
  #sendBuffers(): void {
    if (!this.#broadcastBuffers || this.#world.size === 1) return
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

/** How many samples the first tensor of the inputs has. @throws {ArgumentError} for none */
function samplesOf(inputs: readonly unknown[]): number {
  let samples: number | undefined
  eachTensor(inputs, ({ shape }) => {
    samples ??= shape[0]
  })
  if (samples !== undefined) return samples
  throw new ArgumentError(
    'DistributedDataParallel: forward needs a tensor with the samples in front, [N, …]: gradients are weighted by their number',
  )
}
