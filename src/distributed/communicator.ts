/** MPI's calls on memory, each checked. Addresses and views are made for each call: wasm memory may grow between two. */
import { MPIError } from './errors.js'
import type { ElementType, Library, Operator } from './library.js'

/** Memory that a call reads or writes: a view of wasm memory, or numbers of JavaScript's own. */
export type Buffer = Uint8Array | Float32Array | Float64Array

/** A call that goes on while this process computes; its buffer must not move. */
export interface Request {
  /** Waits for its end. @throws {MPIError} */
  wait(): void
}

/** All processes of a job. */
export interface Communicator {
  readonly rank: number
  readonly size: number
  allreduce(buffer: Float32Array | Float64Array, operator: Operator): void
  /**
   * Begins it; progress may wait for calls of MPI. Ranks may begin these at other places among the other calls, but in
   * the same order.
   *
   * @param buffer where its memory is now, which stays there
   */
  iallreduce(buffer: () => Float32Array, operator: Operator): Request
  /** `all` has as many elements as `own` has in each rank. */
  allgather(own: Buffer, all: Buffer): void
  /** Rank r's elements have `counts[r]` elements, and lie in `all` behind those of the ranks before; the own ones are there already. */
  allgatherInPlace(all: Buffer, counts: Int32Array): void
  broadcast(buffer: Buffer, root: number): void
  barrier(): void
  /** Tells nobody; a step that is taken back and runs again finds the values that were here the first time. */
  note(values: Float64Array): void
  /** Ends MPI: the last call. */
  finalize(): void
  /** Ends the processes of all ranks. */
  abort(code: number): void
}

const typeOf = (buffer: Buffer): ElementType =>
  buffer instanceof Float64Array ? 'double' : buffer instanceof Float32Array ? 'float' : 'byte'

/**
 * Initialises MPI. Its errors come back as codes from here on.
 *
 * @throws {MPIError}
 */
export function communicator(library: Library): Communicator {
  const { handles, func } = library
  const { world, types, operators, inPlace, noStatus } = handles
  const errorString = func('MPI_Error_string', 'ipp')
  const check = (what: string, code: number) => {
    if (code === 0) return
    const text = new Uint8Array(2048)
    const length = new Int32Array(1)
    errorString(code, text, length)
    const words = new TextDecoder().decode(text.subarray(0, length[0])).replace(/\s+/g, ' ')
    throw new MPIError(
      `${what}: ${library.version} says '${words}'; the job can't go on: end it, and start it again from its last checkpoint`,
      'call-failed',
    )
  }
  // 1 is MPI_THREAD_FUNNELED: there are other threads, but this one alone calls MPI.
  check('MPI_Init_thread', func('MPI_Init_thread', 'hhip')(0, 0, 1, new Int32Array(1)))
  check('MPI_Comm_set_errhandler', func('MPI_Comm_set_errhandler', 'hh')(world, handles.errorsReturn))
  const number = (name: string) => {
    const value = new Int32Array(1)
    check(name, func(name, 'hp')(world, value))
    return value[0]
  }
  const allreduce = func('MPI_Allreduce', 'hpihhh')
  const iallreduce = func('MPI_Iallreduce', 'hpihhhp')
  const wait = func('MPI_Wait', 'ph')
  const allgather = func('MPI_Allgather', 'pihpihh')
  const allgatherv = func('MPI_Allgatherv', 'hihppphh')
  const broadcast = func('MPI_Bcast', 'pihih')
  const barrier = func('MPI_Barrier', 'h')
  // For what goes on in the background: calls of one communicator are in one order in all ranks, and where a gradient is
  // complete among the layers' own calls is not, if ranks use different parameters.
  const own = new BigInt64Array(1)
  check('MPI_Comm_dup', func('MPI_Comm_dup', 'hp')(world, own))
  const background = library.make === 'MPICH' ? new Int32Array(own.buffer)[0] : own[0]
  const size = number('MPI_Comm_size')
  return {
    rank: number('MPI_Comm_rank'),
    size,
    allreduce(buffer, operator) {
      const type = types[typeOf(buffer)]
      check('MPI_Allreduce', allreduce(inPlace, buffer, buffer.length, type, operators[operator], world))
    },
    iallreduce(bufferNow, operator) {
      const buffer = bufferNow()
      // Eight bytes hold an address, or an int.
      const request = new BigInt64Array(1)
      const code = iallreduce(
        inPlace,
        buffer,
        buffer.length,
        types.float,
        operators[operator],
        background,
        request,
      )
      check('MPI_Iallreduce', code)
      return { wait: () => check('MPI_Wait', wait(request, noStatus)) }
    },
    allgather(own, all) {
      const type = types[typeOf(own)]
      check('MPI_Allgather', allgather(own, own.length, type, all, own.length, type, world))
    },
    allgatherInPlace(all, counts) {
      const type = types[typeOf(all)]
      const starts = new Int32Array(size)
      for (let r = 1; r < size; r++) starts[r] = starts[r - 1] + counts[r - 1]
      check('MPI_Allgatherv', allgatherv(inPlace, 0, type, all, counts, starts, type, world))
    },
    broadcast(buffer, root) {
      check('MPI_Bcast', broadcast(buffer, buffer.length, types[typeOf(buffer)], root, world))
    },
    barrier: () => check('MPI_Barrier', barrier(world)),
    note() {},
    finalize: () => check('MPI_Finalize', func('MPI_Finalize', '')()),
    abort: (code) => void func('MPI_Abort', 'hi')(world, code),
  }
}

/** A world of one, which needs no MPI. */
export function alone(): Communicator {
  return {
    rank: 0,
    size: 1,
    allreduce() {},
    iallreduce: () => ({ wait() {} }),
    allgather: (own, all) => all.set(own),
    allgatherInPlace() {},
    broadcast() {},
    barrier() {},
    note() {},
    finalize() {},
    abort() {},
  }
}
