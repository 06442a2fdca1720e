/** Saves a training while it runs, and goes on with one that was saved. */
import { mapTensors } from '../../autograd/arguments-tree.js'
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../../check.js'
import { ArgumentError, DataError, OutOfMemoryError, SimdgradError, StateDictError } from '../../errors.js'
import { decodeCheckpoint, encodeCheckpoint } from '../../io/checkpoint.js'
import type { Folder } from '../../io/folder.js'
import { zeros } from '../../tensor/create.js'
import type { Callback, EpochResult, Run } from '../training.js'
import { type Resumable, type Saved, savedOf, stateOf } from './saved.js'

/** Options of Checkpoint. */
export interface CheckpointOptions {
  /**
   * Saves after so many updates too: a training that is killed loses no more than these. Default: after each epoch, and
   * where the signal ends it.
   */
  everySteps?: number
  /** How many checkpoints are kept: the last ones. Default 3. */
  keep?: number
  /**
   * Whether the training goes on with the last checkpoint of the folder; where there is none, it begins. Default false:
   * a folder with checkpoints is then refused.
   */
  resume?: boolean
  /**
   * What must be the same for a training to go on, such as `{ net: 'cnn', batchSize: 32 }`: what JSON holds. It is saved,
   * and compared.
   */
  settings?: Readonly<Record<string, unknown>>
  /** Takes the word on a checkpoint that is damaged and passed over. Default `console.warn`. */
  onMessage?: (message: string) => void
}

const NAME = /^checkpoint-(\d{10})\.safetensors$/
const nameOf = (step: number) => `checkpoint-${String(step).padStart(10, '0')}.safetensors`

/**
 * Saves all that a training is in one safetensors file (the net under `net.`, the optimiser under `optimizer.`, …), which
 * PyTorch reads, and goes on with it to the very weights that it would have had without a stop: also in another runtime
 * (with `deterministic`), and on another number of threads. The file is written whole or not at all, and has a SHA-256 of
 * itself: one that was cut off or changed is never loaded, but the one before it.
 */
export class CheckpointIn implements Callback {
  /** Called after the other callbacks, whose state it saves. */
  readonly last = true
  /** The file that the training goes on from; undefined where it began. */
  resumedFrom: string | undefined
  readonly #folder: Folder
  readonly #options: CheckpointOptions

  /**
   * @param open gives the folder of a path
   * @param path where the checkpoints are
   * @param options as of Checkpoint
   */
  constructor(open: (path: string) => Folder, path: string, options: CheckpointOptions) {
    const name = 'Checkpoint'
    if (typeof path !== 'string' || path === '') {
      throw new ArgumentError(`${name}: expected a folder's path, got ${kindOf(path)}`)
    }
    checkOptions(name, options, ['everySteps', 'keep', 'resume', 'settings', 'onMessage'])
    const { everySteps, keep = 3, resume = false, settings = {}, onMessage = console.warn } = options
    if (everySteps !== undefined) checkNumber(name, 'everySteps', everySteps, { least: 1, whole: true })
    checkNumber(name, 'keep', keep, { least: 1, whole: true })
    checkBoolean(name, 'resume', resume)
    if (typeof settings !== 'object' || settings === null) {
      throw new ArgumentError(`${name}: settings are given by name, got ${kindOf(settings)}`)
    }
    if (typeof onMessage !== 'function') {
      throw new ArgumentError(`${name}: onMessage is a function, got ${kindOf(onMessage)}`)
    }
    this.#folder = open(path)
    this.#options = { ...options, settings: settingsOf(settings) }
  }

  /**
   * Goes on with the last checkpoint that is sound.
   *
   * @throws {ArgumentError} for a folder with checkpoints and no `resume`, or metrics that mid-epoch can't be saved of
   * @throws {StateDictError} for a checkpoint of another training; net and optimiser are then as they were
   * @throws {DataError} where all checkpoints are damaged
   * @throws {SimdgradError} for a folder that can't be made, read or written
   */
  async onFitStart(run: Run): Promise<void> {
    const { everySteps, resume, onMessage = console.warn } = this.#options
    for (const [name, metric] of Object.entries(run.options.metrics ?? {})) {
      if (everySteps === undefined || (metric.stateDict && metric.loadStateDict)) continue
      throw new ArgumentError(
        `Checkpoint: metrics.${name} has no stateDict and loadStateDict, which checkpoints in mid-epoch need`,
      )
    }
    this.resumedFrom = undefined
    await this.#folder.prepare()
    const names = await this.#names()
    if (names.length === 0) return
    if (!resume) {
      throw new ArgumentError(
        `Checkpoint: ${this.#folder.path} has checkpoints (${names[0]}); resume: true goes on with the last one, or name another folder`,
      )
    }
    for (const name of names) {
      const where = `${this.#folder.path}/${name}`
      let saved: Saved
      try {
        saved = savedOf(await decodeCheckpoint(await this.#folder.read(name), where), where)
      } catch (error) {
        if (!(error instanceof SimdgradError) || error instanceof OutOfMemoryError) throw error
        onMessage(`${error.message} The checkpoint before it is taken.`)
        continue
      }
      this.#load(run, saved, where)
      this.resumedFrom = where
      return
    }
    throw new DataError(
      `Checkpoint: none of the ${names.length} checkpoints in ${this.#folder.path} is sound; to begin anew, name another folder`,
    )
  }

  /** Saves, where it is time. */
  async onBatchEnd(run: Run): Promise<void> {
    const { everySteps } = this.#options
    const due = everySteps !== undefined && run.step % everySteps === 0
    if (!due && !run.options.signal?.aborted) return
    // After the last batch of an epoch a loader may stand at the next one; what comes then is saved by onEpochEnd.
    if (run.options.train.stateDict().position === run.pass?.batch) await this.#save(run, run.epoch)
  }

  /** Saves. */
  async onEpochEnd(run: Run, _: EpochResult): Promise<void> {
    await this.#save(run, run.epoch + 1)
  }

  async #save(run: Run, epoch: number): Promise<void> {
    const state = stateOf(run, epoch, this.#options.settings ?? {}, this)
    await this.#folder.write(nameOf(run.step), await encodeCheckpoint('Checkpoint', state))
    const { keep = 3 } = this.#options
    // What is newer than this one was damaged.
    const kept = (await this.#names()).filter((name) => name <= nameOf(run.step)).slice(0, keep)
    for (const name of await this.#names()) if (!kept.includes(name)) await this.#folder.remove(name)
  }

  /** The checkpoints, the newest first. */
  async #names(): Promise<string[]> {
    return (await this.#folder.list()).filter((name) => NAME.test(name)).sort((a, b) => (a < b ? 1 : -1))
  }

  /** All of it, or, where something does not fit, nothing. */
  #load(run: Run, saved: Saved, where: string): void {
    const wrong = (why: string, cause?: unknown) =>
      new StateDictError(`${where} is of another training: ${why}`, { cause })
    const { settings = {} } = this.#options
    for (const name of new Set([...Object.keys(saved.settings), ...Object.keys(settings)])) {
      const [then, now] = [saved.settings[name], settings[name]].map(
        (value) => JSON.stringify(value) ?? 'not set',
      )
      if (then !== now) throw wrong(`${name} was ${then}, and is ${now}`)
    }
    const done: { part: Resumable; before: unknown }[] = []
    try {
      for (const [part, state] of saved.parts(run, this)) {
        const before = mapTensors(part.stateDict(), (x) => zeros(x.shape).copy_(x))
        part.loadStateDict(state as never)
        done.push({ part, before })
      }
      saved.resume(run)
    } catch (error) {
      for (const { part, before } of done.reverse()) part.loadStateDict(before as never)
      if (!(error instanceof SimdgradError)) throw error
      throw wrong(error.message, error)
    }
  }
}

/** A copy, as JSON has it. @throws {ArgumentError} */
function settingsOf(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  try {
    return JSON.parse(JSON.stringify(settings)) as Record<string, unknown>
  } catch (cause) {
    throw new ArgumentError('Checkpoint: settings are what JSON holds', { cause })
  }
}
