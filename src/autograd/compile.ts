/** A step that is recorded, and from then on runs as one list of kernels. */
import { Storage } from '../bindings/memory.js'
import { marks, Program, Unforeseen } from '../bindings/program.js'
import { difference, Recorded } from '../bindings/recorded.js'
import { recordedBy, recorder } from '../bindings/recording.js'
import { endStep } from '../bindings/steps.js'
import { kindOf } from '../check.js'
import { ArgumentError, AutogradError, OutOfMemoryError } from '../errors.js'
import { copyValues } from '../tensor/copy.js'
import { markStream } from '../tensor/random.js'
import { adopt } from '../tensor/scope.js'
import { Tensor } from '../tensor/tensor.js'
import { flatten, type Leaf, mapTensors, sameLeaves } from './arguments-tree.js'
import { Call } from './call.js'
import { isRecording } from './tape.js'

/** How a compiled step has run so far. */
export interface CompileReport {
  /** How often it ran as a recorded list of kernels. */
  replayed: number
  /** How often it ran as it is: the first times, which record, and whenever it could not be replayed. */
  eager: number
  /** Recordings that are kept: one for each set of shapes and modes. */
  recordings: number
  /** Bytes of wasm memory that they have for themselves. */
  bytes: number
  /** Why it ran as it is the last time; undefined where it was replayed. */
  reason: string | undefined
}

/** What `compile` gives: the step, to be called as before. */
export interface Compiled<Inputs extends readonly unknown[], Result> {
  /**
   * Runs the step: as a replay, where it can be one.
   *
   * @param inputs what the step takes
   */
  (...inputs: Inputs): Result
  /** How it has run so far. */
  readonly report: Readonly<CompileReport>
  /** Gives the recordings' memory back. The next call records anew. */
  dispose(): void
}

/** A step is recorded until two recordings in a row are alike, and so often at most. */
const TRIES = 6
/** Recordings that are kept for arguments of one kind: of training, of evaluation, with a part frozen. */
const MODES = 8
/** Kinds of arguments: the shapes of batches. */
const KINDS = 16

/** A tensor of the result: an argument, one that was there before, or one of the step's, of which a run gives a copy. */
type Output = { argument: number } | { tensor: Tensor } | { storage: Storage; shape: Tensor['shape'] }

/** A recording that runs again, and how its result is put together. */
interface Replay {
  readonly program: Program
  readonly result: unknown
  readonly outputs: ReadonlyMap<Tensor, Output>
}

/** What is known of calls with arguments of one kind. */
interface Kind {
  readonly leaves: readonly Leaf[]
  readonly recordsGradients: boolean
  /** The last recording, if no other was like it yet. */
  last: Recorded | undefined
  replays: Replay[]
  tries: number
  /** Why it is never replayed, if so. */
  never: string | undefined
}

/**
 * Records what a step runs, and from then on runs that: one list of kernels in wasm, whose memory was planned once.
 * As `torch.compile` (https://docs.pytorch.org/docs/stable/generated/torch.compile.html) with CUDA graphs; the results
 * are the same bits as without.
 *
 * The first calls run `step` as it is, and record it; once two recordings were alike, later calls with arguments of the
 * same shapes replay it. So the step must do the same each time: its own JavaScript (a counter, a `console.log`, a
 * hook, a random number of JavaScript's) does not run again, and what it reads from variables stays as it was.
 * What the library counts by goes on: dropout, the optimiser's steps and learning rates, running statistics,
 * `train()` and `eval()`, frozen parameters. Tensors that the step does not return have no values after a replay but
 * for parameters, buffers and `grad`, which the next replay overwrites in place.
 *
 * @param step a function of tensors (or arrays and objects of them), such as
 *   `(x, y) => { optimizer.zeroGrad(); const l = loss.forward(net.forward(x), y); l.backward(); optimizer.step(); return l }`
 * @returns the step; its `report` tells whether it is replayed, or why not
 * @throws {ArgumentError} for what is no function; when called, where the step is asynchronous
 * @throws {AutogradError} when called, where the step reads a value (`item()`, `toArray()`) that a replay could not
 *   read again: return the tensor, and read it afterwards
 */
export function compile<Inputs extends readonly unknown[], Result>(
  step: (...inputs: Inputs) => Result,
): Compiled<Inputs, Result> {
  if (typeof step !== 'function') {
    throw new ArgumentError(`compile: expected a function, as compile((x, y) => …), got ${kindOf(step)}`)
  }
  return compileStep(step, { strict: true })
}

/** As `compile`; unless `strict`, a step that reads values is no error but is never replayed. */
export function compileStep<Inputs extends readonly unknown[], Result>(
  step: (...inputs: Inputs) => Result,
  options: { strict: boolean },
): Compiled<Inputs, Result> {
  const own = new CompiledStep(step as (...inputs: readonly unknown[]) => unknown, options.strict)
  const call = (...inputs: Inputs) => own.call(inputs) as Result
  return Object.defineProperties(call, {
    report: { get: () => own.report },
    dispose: { value: () => own.dispose() },
  }) as Compiled<Inputs, Result>
}

marks.push(markStream)

class CompiledStep {
  #kinds: Kind[] = []
  #replayed = 0
  #eager = 0
  #reason: string | undefined = 'no step ran yet'

  constructor(
    readonly step: (...inputs: readonly unknown[]) => unknown,
    readonly strict: boolean,
  ) {}

  get report(): CompileReport {
    const replays = this.#kinds.flatMap((kind) => kind.replays)
    const bytes = replays.reduce((sum, { program }) => sum + program.bytes, 0)
    const counts = { replayed: this.#replayed, eager: this.#eager, recordings: replays.length, bytes }
    return { ...counts, reason: this.#reason }
  }

  dispose(): void {
    for (const { last, replays } of this.#kinds) {
      last?.free()
      for (const { program } of replays) program.free()
    }
    this.#kinds = []
  }

  call(inputs: readonly unknown[]): unknown {
    // Inside of another's recording it is a part of that.
    if (recorder) return this.step(...inputs)
    const leaves = flatten(inputs)
    const tensors: Tensor[] = []
    for (const leaf of leaves) if (leaf instanceof Tensor) tensors.push(leaf)
    if (tensors.some(({ requiresGrad }) => requiresGrad)) {
      this.#eager++
      this.#reason = 'an argument requires a gradient: the step uses what it trains, and is not given it'
      return this.step(...inputs)
    }
    const kind = this.#kindOf(leaves)
    const replay = kind?.replays.find(({ program }) => program.holds())
    if (replay) {
      try {
        replay.program.run(storagesOf(tensors))
        this.#replayed++
        this.#reason = undefined
        return resultOf(replay, tensors)
      } catch (error) {
        if (!(error instanceof Unforeseen)) throw error
        this.#reason = 'the recording has no case for a label or an index'
      } finally {
        endStep()
      }
      this.#eager++
      return this.step(...inputs)
    }
    this.#eager++
    const reason = kind
      ? kind.never
      : `its arguments were of more than ${KINDS} kinds (a number is one by its value: give it as a tensor)`
    if (kind && reason === undefined) return this.#record(kind, inputs, tensors)
    this.#reason = reason
    return this.step(...inputs)
  }

  /** What is known of such arguments; undefined where there are too many kinds. */
  #kindOf(leaves: readonly unknown[]): Kind | undefined {
    const recordsGradients = isRecording()
    for (const kind of this.#kinds) {
      if (kind.recordsGradients === recordsGradients && sameLeaves(kind.leaves, leaves)) return kind
    }
    if (this.#kinds.length === KINDS) return undefined
    const kind: Kind = {
      leaves: describe(leaves),
      recordsGradients,
      last: undefined,
      replays: [],
      tries: 0,
      never: undefined,
    }
    this.#kinds.push(kind)
    return kind
  }

  #record(kind: Kind, inputs: readonly unknown[], tensors: readonly Tensor[]): unknown {
    const recorded = new Recorded(storagesOf(tensors), this.strict)
    let result: unknown
    let outputs: Map<Tensor, Output>
    try {
      ;[result, outputs] = recordedBy(recorded, () => {
        const given = this.step(...inputs)
        if (typeof (given as { then?: unknown } | undefined)?.then === 'function') {
          throw new ArgumentError(
            'compile: the step is asynchronous; await what it needs first, and compile what is synchronous',
          )
        }
        return [given, outputsOf(given, tensors, recorded)] as const
      })
    } catch (error) {
      recorded.free()
      throw error
    } finally {
      endStep()
    }
    this.#reason = this.#keep(kind, recorded, result, outputs)
    // What a recording has made is written again by each replay.
    const replay = kind.replays.find((one) => one.outputs === outputs)
    return replay ? resultOf(replay, tensors) : result
  }

  /** Keeps a recording, if it is of use. @returns why the next call may not be a replay */
  #keep(kind: Kind, recorded: Recorded, result: unknown, outputs: Map<Tensor, Output>): string {
    const { last } = kind
    kind.last = undefined
    if (recorded.problem) {
      last?.free()
      recorded.free()
      kind.never = recorded.problem
      return recorded.problem
    }
    const changes = last ? difference(last, recorded) : 'it is being recorded'
    last?.free()
    if (changes !== undefined) {
      kind.last = recorded
      kind.tries++
      if (kind.tries < TRIES) return changes
      recorded.free()
      kind.last = undefined
      kind.never = `it changes from call to call: ${changes}`
      return kind.never
    }
    try {
      kind.replays.unshift({ program: new Program(recorded), result, outputs })
    } catch (error) {
      recorded.free()
      if (!(error instanceof OutOfMemoryError)) throw error
      const reason = 'no memory for a recording'
      if (++kind.tries === TRIES) kind.never = reason
      return reason
    }
    kind.tries = 0
    for (const { program } of kind.replays.splice(MODES)) program.free()
    return 'it is being recorded'
  }
}

/** The memory of tensors, each piece once. */
function storagesOf(tensors: readonly Tensor[]): Storage[] {
  const storages: Storage[] = []
  for (const { storage } of tensors) if (!storages.includes(storage)) storages.push(storage)
  return storages
}

/** Leaves as later ones are compared with: of tensors only what counts. */
function describe(leaves: readonly unknown[]): Leaf[] {
  return leaves.map((leaf) =>
    leaf instanceof Tensor
      ? {
          shape: leaf.shape,
          layout: leaf.layout,
          first: leaves.findIndex((one) => one instanceof Tensor && one.storage === leaf.storage),
        }
      : leaf,
  )
}

/** Where a result's tensors come from. To be called while recording: what is not computed yet, is now. */
function outputsOf(result: unknown, tensors: readonly Tensor[], recorded: Recorded): Map<Tensor, Output> {
  const outputs = new Map<Tensor, Output>()
  mapTensors(result, (x) => {
    const { storage, shape } = x
    const argument = tensors.indexOf(x)
    if (argument >= 0) outputs.set(x, { argument })
    else if (recorded.made.has(storage)) {
      if (x.producer instanceof Call && !x.producer.spent) hasGraph(recorded)
      recorded.pin(storage)
      outputs.set(x, { storage, shape })
    } else if (recorded.inputs.includes(storage)) {
      recorded.problem ??= 'it returns a view of an argument'
    } else outputs.set(x, { tensor: x })
    return x
  })
  return outputs
}

/** @throws {AutogradError} where nobody else would tell */
function hasGraph(recorded: Recorded): void {
  recorded.problem ??= 'it returns a tensor that has a graph'
  if (!recorded.strict) return
  throw new AutogradError(
    'compile: the step returns a tensor whose backward() was not called, which a replay has no graph for; call backward() in the step, or compute in noGrad',
  )
}

function resultOf({ result, outputs }: Replay, tensors: readonly Tensor[]): unknown {
  return mapTensors(result, (x) => {
    const output = outputs.get(x)
    if (!output) return x
    if ('argument' in output) return tensors[output.argument]
    if ('tensor' in output) return output.tensor
    const { storage, shape } = output
    const own = new Storage(storage.length, storage.layout)
    copyValues(storage, own)
    const y = new Tensor(own, shape)
    adopt(y)
    return y
  })
}
