/** All processes of a job, and what they do together with tensors. */
import { floats } from '../bindings/allocate.js'
import { eachRun, type Storage } from '../bindings/recording.js'
import { checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import type { ProcessGroup } from '../nn/sync-batch-norm.js'
import { adopt } from '../tensor/scope.js'
import { empty, inRows, Tensor } from '../tensor/tensor.js'
import type { Communicator, Request } from './communicator.js'
import { MPIError } from './errors.js'

/** Options of `allreduce`. */
export interface AllreduceOptions {
  /** How the ranks' values become one. Default 'sum'. */
  op?: 'sum' | 'avg' | 'max' | 'min' | 'product'
}

/** Options of `broadcast`. */
export interface BroadcastOptions {
  /** The rank whose values all get. Default 0. */
  src?: number
}

/** Bytes that are sent at a time. */
const PIECE = 1 << 28

const OPERATORS = ['sum', 'avg', 'max', 'min', 'product'] as const

/**
 * All processes (ranks) of a job; `mpi()` gives it. What is called here, every rank has to call, in the same order and
 * with tensors of the same shape: who waits for one that never comes waits for ever. Values pass between MPI and wasm
 * memory without a copy. In a compiled step each run has its own call.
 */
export class World implements ProcessGroup {
  /** This process, from 0. */
  readonly rank: number
  /** How many processes there are. */
  readonly size: number
  /** The library, such as `Open MPI v4.1.4`; undefined in a world of one, which has none. */
  readonly library: string | undefined
  /** How many of the processes run on this machine, as far as the launcher tells; else 1. */
  readonly localSize: number
  /** Into how many shards a batch is cut where training is deterministic; 0 where it is not. */
  readonly shards: number
  readonly #communicator: Communicator
  #finalized = false

  /** @internal */
  constructor(
    communicator: Communicator,
    of: { library?: string; localSize?: number | undefined; shards?: number },
  ) {
    const { library, localSize = 1, shards = 0 } = of
    this.localSize = localSize
    this.shards = shards
    this.#communicator = communicator
    this.rank = communicator.rank
    this.size = communicator.size
    this.library = library
  }

  /** MPI's calls, while there are any. @internal @throws {MPIError} after `finalize()` */
  get communicator(): Communicator {
    if (!this.#finalized) return this.#communicator
    throw new MPIError('this world is finalized: nothing can be sent any more', 'finalized')
  }

  /**
   * Overwrites `x`, in each rank, with the ranks' sum (mean, largest, smallest, product), element by element.
   * https://docs.pytorch.org/docs/stable/distributed.html#torch.distributed.all_reduce
   *
   * @param x of the same shape in all ranks
   * @returns `x`
   * @throws {ArgumentError} for what is no tensor, or an unknown option
   * @throws {MPIError} where MPI fails
   */
  allreduce(x: Tensor, options: AllreduceOptions = {}): Tensor {
    checkTensor('allreduce', x)
    checkOptions('allreduce', options, ['op'])
    const { op = 'sum' } = options
    if (!OPERATORS.includes(op)) {
      throw new ArgumentError(`allreduce: op is one of ${OPERATORS.join(', ')}, got ${kindOf(op)}`)
    }
    this.#change(x, (values) => {
      this.communicator.allreduce(values, op === 'avg' ? 'sum' : op)
      if (op === 'avg') for (let i = 0; i < values.length; i++) values[i] /= this.size
    })
    return x
  }

  /**
   * The values of all ranks, one behind the other.
   * https://docs.pytorch.org/docs/stable/distributed.html#torch.distributed.all_gather
   *
   * @param x of the same shape in all ranks
   * @returns [size, …shape of `x`], without a graph
   * @throws {ArgumentError} for what is no tensor
   * @throws {MPIError} where MPI fails
   */
  allgather(x: Tensor): Tensor {
    checkTensor('allgather', x)
    const all = empty([this.size, ...x.shape])
    const rows = inRows(x)
    try {
      eachRun([rows.storage, all.storage], ([from, to]) => {
        to.willChange()
        // The addresses first: moving in may make the memory grow.
        const [start, end] = [from.address, to.address]
        this.communicator.allgather(view(start, from.bytes), view(end, to.bytes))
        to.version++
      })
    } finally {
      if (rows !== x) rows.release()
    }
    adopt(all)
    return all
  }

  /**
   * Overwrites `x`, in each rank, with the values that rank `src` has.
   * https://docs.pytorch.org/docs/stable/distributed.html#torch.distributed.broadcast
   *
   * @param x of the same shape in all ranks
   * @returns `x`
   * @throws {ArgumentError} for what is no tensor, an unknown option, or a rank that there is not
   * @throws {MPIError} where MPI fails
   */
  broadcast(x: Tensor, options: BroadcastOptions = {}): Tensor {
    checkTensor('broadcast', x)
    checkOptions('broadcast', options, ['src'])
    const { src = 0 } = options
    checkNumber('broadcast', 'src', src, { least: 0, most: this.size - 1, whole: true })
    this.#change(x, (values) => this.communicator.broadcast(values, src))
    return x
  }

  /** Waits until all ranks have come here. @throws {MPIError} where MPI fails */
  barrier(): void {
    eachRun([], () => this.communicator.barrier())
  }

  /**
   * Ends MPI, in all ranks; the end of the process does it too. A process that ends with an error before that ends the
   * job: the others would wait for it for ever.
   *
   * @throws {MPIError} where MPI fails
   */
  finalize(): void {
    if (this.#finalized) return
    this.#finalized = true
    this.#communicator.finalize()
  }

  /** The process ends: so does MPI, or, with an error, the job. @internal */
  end(code: number): void {
    if (this.#finalized) return
    if (code === 0) this.finalize()
    else this.#communicator.abort(code)
  }

  /** The numbers of all ranks, in their order; `counts` says how many each has. @internal */
  gatherNumbers(own: Float64Array, counts: readonly number[]): Float64Array {
    const all = new Float64Array(counts.reduce((sum, count) => sum + count, 0))
    const start = counts.slice(0, this.rank).reduce((sum, count) => sum + count, 0)
    all.set(own, start)
    this.communicator.allgatherInPlace(all, Int32Array.from(counts))
    return all
  }

  /** Rank 0's bytes, of which it alone knows how many there are. @internal */
  broadcastBytes(own: Uint8Array): Uint8Array {
    const length = Float64Array.of(own.length)
    this.communicator.broadcast(length, 0)
    const all = this.rank === 0 ? own : new Uint8Array(length[0])
    // In pieces: MPI counts with 31 bits.
    for (let at = 0; at < all.length; at += PIECE)
      this.communicator.broadcast(all.subarray(at, at + PIECE), 0)
    return all
  }

  /** Overwrites numbers with their sums over all ranks. @internal */
  sumNumbers(values: Float64Array): void {
    this.communicator.allreduce(values, 'sum')
  }

  /** The rank's own shards: the first, and the one after its last. @internal */
  shardsOf(rank: number): readonly [first: number, end: number] {
    const count = this.shards || this.size
    return [Math.floor((rank * count) / this.size), Math.floor(((rank + 1) * count) / this.size)]
  }

  /** Begins to sum up what lies in a storage that stays where it is. @internal */
  beginSum(storage: Storage): Request {
    storage.willChange()
    const request = this.communicator.iallreduce(() => view(storage.address, storage.bytes), 'sum')
    storage.version++
    return request
  }

  /** Changes a tensor's values in place, here and in each later run of a compiled step. */
  #change(x: Tensor, change: (values: Float32Array) => void): void {
    eachRun([x.toRows_().storage], ([storage]) => {
      storage.willChange()
      change(view(storage.address, storage.bytes))
      storage.version++
    })
  }
}

/** Floats of wasm memory, for the statement at hand. */
export function view(address: number, bytes: number): Float32Array {
  return floats().subarray(address / 4, (address + bytes) / 4)
}

/** @throws {ArgumentError} for what is no tensor */
function checkTensor(name: string, x: unknown): asserts x is Tensor {
  if (x instanceof Tensor) return
  throw new ArgumentError(`${name}: expected a tensor, got ${kindOf(x)}; tensor(…) makes one of numbers`)
}
