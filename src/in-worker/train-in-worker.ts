/**
 * The page's side of a training in a Worker: `simdgrad/train-in-worker`. It has nothing of the library in it but its errors:
 * what trains is the Worker's (training-worker.ts).
 */
import { checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError, SimdgradError, WorkerError } from '../errors.js'
import type { BatchProgress, EpochResult, History } from '../train/training.js'
import type { FromWorker, SentCheckpoint, SentError, SentTensor, ToWorker } from './messages.js'

export type { SentTensor } from './messages.js'

/** As much of a Worker as is needed. */
export interface WorkerLike {
  /** Sends a `message`, and hands over what it is to `transfer`. */
  postMessage(message: unknown, transfer: ArrayBuffer[]): void
  /** Calls the `listener` at an event of that `type`: messages, and what goes wrong. */
  addEventListener(type: 'message' | 'error' | 'messageerror', listener: (event: Event) => void): void
  /** Ends it at once. */
  terminate(): unknown
}

/** Options of trainInWorker. */
export interface TrainInWorkerOptions<Settings> {
  /** What the Worker's `setup` is called with: anything that can be sent. */
  settings?: Settings
  /** Ends the training: it then resolves with the history so far. */
  signal?: AbortSignal
  /** Called some times a second. */
  onProgress?: (progress: BatchProgress) => void
  /** Called after each epoch. */
  onEpoch?: (result: EpochResult) => void
  /** Called when a Worker was replaced, with the reason, and the checkpoint that the next one goes on from, if there is any. */
  onReplaced?: (reason: string, checkpoint: string | undefined) => void
  /** Milliseconds without a sign of life after which the Worker is replaced. Default 30,000. */
  timeout?: number
  /** Updates after which the Worker sends a checkpoint, besides that after each epoch. Default: none. */
  everySteps?: number
  /** How often it may be replaced without a new checkpoint in between. Default 3. */
  maxReplacements?: number
}

/** What a training in a Worker comes to. */
export interface WorkerResult {
  /** As of `fit`. */
  history: History
  /** The net's state as the bytes of a safetensors file: `decodeState` reads it. */
  state: Uint8Array
  /** How often the Worker was replaced. */
  replaced: number
}

/** A training under way in a Worker. */
export interface WorkerTraining {
  /** What it comes to. It rejects with what `setup` or `fit` threw, or with a WorkerError. */
  readonly result: Promise<WorkerResult>
  /**
   * What the net gives, in evaluation mode, as it is now: between two steps, or when it is trained, until `close`.
   *
   * @param inputs of each argument of the net's forward the values and the shape, batch included
   * @returns the tensors that the net gives, in order
   */
  predict(...inputs: SentTensor[]): Promise<readonly SentTensor[]>
  /** Ends the Worker at once; what is under way rejects. To end the training and have its history, use the `signal`. */
  close(): void
}

/**
 * Trains in a Worker, so that the page stays alive. The Worker's file calls `serveTraining`:
 *
 * ```ts
 * import { trainInWorker } from 'simdgrad/train-in-worker'
 *
 * const training = trainInWorker(() => new Worker(new URL('./train-worker.js', import.meta.url), { type: 'module' }), {
 *   settings: { epochs: 5 },
 *   onEpoch: ({ epoch, validAcc }) => show(epoch, validAcc),
 * })
 * const [{ values }] = await training.predict({ values: pixels, shape: [1, 1, 28, 28] }) // while it trains
 * const { history, state } = await training.result
 * ```
 *
 * A Worker that gives no sign of life is replaced by another, which goes on from the last checkpoint, to the very weights
 * that there would have been.
 *
 * @param source makes the Worker, as above: bundlers look for these very words. Or its script's URL, where no bundler is
 * @param options may be left out
 * @throws {ArgumentError} for a source that is neither, or an option that is unknown or of another kind
 */
export function trainInWorker<Settings = unknown>(
  source: URL | string | (() => WorkerLike),
  options: TrainInWorkerOptions<Settings> = {},
): WorkerTraining {
  check(source, options)
  const make = typeof source === 'function' ? source : () => new Worker(source, { type: 'module' })
  return new Running(make, options)
}

interface Asked {
  readonly inputs: readonly SentTensor[]
  readonly resolve: (outputs: readonly SentTensor[]) => void
  readonly reject: (error: Error) => void
}

class Running<Settings> implements WorkerTraining {
  readonly result: Promise<WorkerResult>
  #worker: WorkerLike | undefined
  #ready = false
  /** Whether any Worker was ever ready: its script can be loaded. */
  #loads = false
  #resolve: (result: WorkerResult) => void = () => {}
  #reject: (error: Error) => void = () => {}
  #over: Error | undefined
  #checkpoint: SentCheckpoint | undefined
  #replaced = 0
  /** Replacements since the last checkpoint. */
  #inVain = 0
  #silent = 0
  #asked = new Map<number, Asked>()
  #next = 0
  readonly #watch: ReturnType<typeof setInterval>

  constructor(
    readonly make: () => WorkerLike,
    readonly options: TrainInWorkerOptions<Settings>,
  ) {
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Who looks at predictions alone hears of it there.
    this.result.catch(() => {})
    const { timeout = 30_000, signal } = options
    this.#watch = setInterval(() => this.#look(timeout), timeout / 2)
    signal?.addEventListener('abort', () => this.#send({ type: 'abort' }))
    this.#start()
  }

  predict(...inputs: SentTensor[]): Promise<readonly SentTensor[]> {
    for (const one of inputs) {
      if (one?.values instanceof Float32Array && Array.isArray(one.shape)) continue
      throw new ArgumentError(
        `trainInWorker: predict takes { values: a Float32Array, shape } for each input, got ${kindOf(one)}`,
      )
    }
    if (this.#over) return Promise.reject(this.#over)
    return new Promise((resolve, reject) => {
      const id = this.#next++
      this.#asked.set(id, { inputs, resolve, reject })
      if (this.#ready) this.#send({ type: 'predict', id, inputs })
    })
  }

  close(): void {
    this.#end(new WorkerError('trainInWorker: it was closed; start another training'))
  }

  #send(message: ToWorker): void {
    if (this.#ready) this.#worker?.postMessage(message, [])
  }

  #start(): void {
    const worker = this.make()
    this.#worker = worker
    this.#ready = false
    this.#silent = 0
    worker.addEventListener('message', (event) => {
      if (this.#worker !== worker) return
      this.#silent = 0
      this.#hear((event as MessageEvent<FromWorker>).data)
    })
    const fails = (event: Event) => {
      if (this.#worker === worker)
        this.#died(String((event as Partial<ErrorEvent>).message || 'its script could not be loaded'))
    }
    worker.addEventListener('error', fails)
    worker.addEventListener('messageerror', fails)
  }

  #hear(message: FromWorker): void {
    const { onProgress, onEpoch } = this.options
    switch (message.type) {
      case 'ready':
        this.#ready = true
        this.#loads = true
        this.#begin()
        break
      case 'progress':
        onProgress?.(message.progress)
        break
      case 'epoch':
        onEpoch?.(message.result)
        break
      case 'checkpoint':
        this.#checkpoint = message.checkpoint
        this.#inVain = 0
        break
      case 'prediction':
        this.#asked.get(message.id)?.resolve(message.outputs)
        this.#asked.delete(message.id)
        break
      case 'refused':
        this.#asked.get(message.id)?.reject(errorOf(message.error))
        this.#asked.delete(message.id)
        break
      case 'done':
        this.#resolve({ history: message.history, state: message.state, replaced: this.#replaced })
        break
      case 'failed':
        this.#end(errorOf(message.error))
    }
  }

  /** Tells a Worker that is ready what to do, and asks it what the one before did not answer. */
  #begin(): void {
    const { settings, everySteps, timeout = 30_000, signal } = this.options
    const beat = Math.max(10, timeout / 8)
    this.#send({ type: 'start', settings, everySteps, beat, checkpoint: this.#checkpoint })
    if (signal?.aborted) this.#send({ type: 'abort' })
    for (const [id, { inputs }] of this.#asked) this.#send({ type: 'predict', id, inputs })
  }

  /**
   * Twice in a row nothing was heard: where the page itself stood still (a laptop that was closed), what the Worker has said
   * comes between the two.
   */
  #look(timeout: number): void {
    if (++this.#silent > 2) this.#died(`it gave no sign of life for ${timeout} ms`)
  }

  #died(reason: string): void {
    this.#worker?.terminate()
    this.#worker = undefined
    const { maxReplacements = 3, onReplaced } = this.options
    if (!this.#loads) {
      this.#end(new WorkerError(`trainInWorker: the Worker did not start: ${reason}`))
    } else if (++this.#inVain > maxReplacements) {
      this.#end(
        new WorkerError(
          `trainInWorker: ${maxReplacements} Workers were started anew in vain; of the last one: ${reason}`,
        ),
      )
    } else {
      this.#replaced++
      onReplaced?.(reason, this.#checkpoint?.name)
      this.#start()
    }
  }

  #end(error: Error): void {
    this.#over ??= error
    clearInterval(this.#watch)
    this.#worker?.terminate()
    this.#worker = undefined
    this.#reject(error)
    for (const { reject } of this.#asked.values()) reject(error)
    this.#asked.clear()
  }
}

/** The error that a Worker has told of; its name is that of its class. */
function errorOf({ name, message, code }: SentError): Error {
  return Object.assign(new SimdgradError(message), { name, ...(code !== undefined && { code }) })
}

/** @throws {ArgumentError} */
function check(source: unknown, options: TrainInWorkerOptions<unknown>): void {
  const name = 'trainInWorker'
  if (!(source instanceof URL) && typeof source !== 'string' && typeof source !== 'function') {
    throw new ArgumentError(
      `${name}: expected a function that makes the Worker, or its URL, got ${kindOf(source)}`,
    )
  }
  const known = [
    'settings',
    'signal',
    'onProgress',
    'onEpoch',
    'onReplaced',
    'timeout',
    'everySteps',
    'maxReplacements',
  ]
  checkOptions(name, options, known)
  const {
    timeout = 1,
    everySteps = 1,
    maxReplacements = 0,
    signal,
    onProgress,
    onEpoch,
    onReplaced,
  } = options
  checkNumber(name, 'timeout', timeout, { least: 1 })
  checkNumber(name, 'everySteps', everySteps, { least: 1, whole: true })
  checkNumber(name, 'maxReplacements', maxReplacements, { least: 0, whole: true })
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new ArgumentError(`${name}: signal is an AbortSignal, got ${kindOf(signal)}`)
  }
  for (const [what, value] of Object.entries({ onProgress, onEpoch, onReplaced })) {
    if (value === undefined || typeof value === 'function') continue
    throw new ArgumentError(`${name}: ${what} is a function, got ${kindOf(value)}`)
  }
}
