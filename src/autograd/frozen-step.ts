/**
 * A step that computes results and trains nothing, recorded for inputs of some shapes: from then on it runs as one list
 * of kernels, on inputs and results that have their memory for good. Unlike `compile`'s, a call makes no tensor.
 */
import { floats } from '../bindings/allocate.js'
import { Program, Unforeseen } from '../bindings/program.js'
import { difference, Recorded } from '../bindings/recorded.js'
import { recordedBy, recorder, type Storage } from '../bindings/recording.js'
import { AutogradError, OutOfMemoryError } from '../errors.js'
import { zeros } from '../tensor/create.js'
import { keepingStream } from '../tensor/random.js'
import { scoped } from '../tensor/scope.js'
import type { Shape } from '../tensor/shape.js'
import { type Tensor, toLayout } from '../tensor/tensor.js'
import { mapTensors } from './arguments-tree.js'
import { noGrad } from './tape.js'

/** A step is recorded until two recordings in a row are alike, and so often at most. */
const TRIES = 4

/** Where a tensor of the result lies after each run. */
export interface Place {
  readonly shape: Shape
  /** Its values in row-major order, which the next run overwrites. No view of wasm memory outlives a call. */
  read(): Float32Array
}

/** One result of a step, with places where the step gives tensors. */
interface Replay {
  readonly program: Program
  readonly result: unknown
}

export class FrozenStep {
  /** What a run reads: write to them first. */
  readonly inputs: readonly Tensor[]
  readonly #step: (...inputs: readonly Tensor[]) => unknown
  readonly #replay: Replay | undefined
  readonly #storages: readonly Storage[]
  /** Why it runs as it is each time, if so. */
  readonly reason: string | undefined

  /**
   * @param step a function of tensors that changes nothing
   * @param shapes of its arguments
   * @throws {AutogradError} within a compiled step, and whatever the step throws
   */
  constructor(step: (...inputs: readonly Tensor[]) => unknown, shapes: readonly Shape[]) {
    notRecording()
    this.#step = step
    this.inputs = shapes.map((shape) => zeros(shape))
    this.#storages = this.inputs.map(({ storage }) => storage.pin() as Storage)
    try {
      const made = this.#record()
      this.reason = typeof made === 'string' ? made : undefined
      this.#replay = typeof made === 'string' ? undefined : made
    } catch (error) {
      this.#freeInputs()
      throw error
    }
  }

  /** The program, or why there is none. */
  #record(): Replay | string {
    let last: Recorded | undefined
    let reason = ''
    for (let tries = 0; tries < TRIES; tries++) {
      const recorded = new Recorded(this.#storages, false)
      let result: unknown
      try {
        result = recordedBy(recorded, () => this.#compute((x) => placeOf(x, recorded)))
      } catch (error) {
        last?.free()
        recorded.free()
        throw error
      }
      const changes = recorded.problem ?? (last ? difference(last, recorded) : 'it is being recorded')
      last?.free()
      if (changes === undefined) {
        try {
          return { program: new Program(recorded), result }
        } catch (error) {
          recorded.free()
          if (error instanceof OutOfMemoryError) return 'there is no memory for a recording'
          throw error
        }
      }
      if (recorded.problem !== undefined) {
        recorded.free()
        return recorded.problem
      }
      reason = `it changes from call to call: ${changes}`
      last = recorded
    }
    last?.free()
    return reason
  }

  /** Runs the step as it is; what it gives is put together of what `take` makes of its tensors, all in rows. */
  #compute(take: (x: Tensor) => unknown): unknown {
    return keepingStream(() =>
      noGrad(() => {
        let taken: unknown
        // What is made within is let go of at the end; what is taken is not.
        scoped(() => {
          taken = mapTensors(this.#step(...this.inputs), (x) => {
            if (x.layout === 'rows') return take(x)
            const rows = toLayout(x, 'rows')
            const one = take(rows)
            rows.release()
            return one
          })
        })
        return taken
      }),
    )
  }

  /**
   * Computes from what the inputs hold now.
   *
   * @returns what the step gives, with a `Place` for each tensor
   */
  run(): unknown {
    notRecording()
    if (this.#replay?.program.holds()) {
      try {
        keepingStream(() => this.#replay?.program.run(this.#storages))
        return this.#replay.result
      } catch (error) {
        // An index that the recording had no case for: as it is, the step says what is wrong.
        if (!(error instanceof Unforeseen)) throw error
      }
    }
    return this.#compute((x) => {
      const values = x.toFloat32Array()
      return { shape: x.shape, read: () => values } satisfies Place
    })
  }

  /** Whether it runs as a recorded list of kernels. */
  get replays(): boolean {
    return this.#replay !== undefined
  }

  /** Bytes of wasm memory that it has for itself. */
  get bytes(): number {
    const inputs = this.#storages.reduce((sum, { bytes }) => sum + bytes, 0)
    return inputs + (this.#replay?.program.bytes ?? 0)
  }

  /** Gives the memory back. */
  free(): void {
    this.#replay?.program.free()
    this.#freeInputs()
  }

  #freeInputs(): void {
    for (const storage of this.#storages) storage.unpin()
    for (const x of this.inputs) x.release()
  }
}

/** Keeps what a step gave where it is, for all runs. */
function placeOf({ storage, shape }: Tensor, recorded: Recorded): Place {
  recorded.pin(storage)
  const length = storage.bytes / 4
  return {
    shape,
    read() {
      const from = storage.address / 4
      return floats().subarray(from, from + length)
    },
  }
}

/** @throws {AutogradError} */
function notRecording(): void {
  if (!recorder) return
  throw new AutogradError(
    'predictor: values can be predicted outside of a compiled step only; call net.forward in it, or predict before or after it',
  )
}
