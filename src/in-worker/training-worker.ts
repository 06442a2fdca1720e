/** The Worker's side of a training in a Worker: `simdgrad/training-worker`. */
import { isPlainObject, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import type { Folder } from '../io/folder.js'
import { keepModes } from '../nn/modes.js'
import type { AnyModule } from '../nn/module.js'
import { encodeState, fit, type InitOptions, init, noGrad, tensor } from '../public.js'
import { keepingStream } from '../tensor/random.js'
import { eachTensor } from '../tensor/scope.js'
import { CheckpointIn } from '../train/callbacks/checkpoint.js'
import type { FitOptions, History } from '../train/training.js'
import type { FromWorker, SentCheckpoint, SentError, SentTensor, ToWorker } from './messages.js'

/** What `setup` gives: the net, and what `fit` takes with it. */
export interface WorkerTrainingSetup {
  /** The net. */
  readonly net: AnyModule
  /** What else `fit` takes: `train`, `optimizer`, `loss` or `step`, and so on, but for what the page has. */
  readonly [option: string]: unknown
}

/** What the Worker's messages go through: its own global scope, or a port of Node's. */
export interface WorkerPort {
  /** Sends a `message` to the page, and hands over what it is to `transfer`. */
  postMessage(message: unknown, transfer: ArrayBuffer[]): void
  /** Calls the `listener` at an event of that `type`: what the page says. */
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
  /** Begins to hear, where that is to be said. */
  start?(): void
}

/** Options of serveTraining. */
export interface ServeTrainingOptions {
  /** As of `init`, which is called before `setup`. */
  init?: InitOptions
  /** What to talk through. Default: the Worker's global scope. */
  port?: WorkerPort
}

/**
 * Makes of a Worker's file one that `trainInWorker` in the page trains in:
 *
 * ```ts
 * // train-worker.js
 * import { data, nn, optim } from 'simdgrad'
 * import { serveTraining } from 'simdgrad/training-worker'
 *
 * serveTraining(async ({ epochs }) => {
 *   const net = new nn.Sequential(…)
 *   return { net, train, valid, optimizer: new optim.Adam(net.parameters()), loss: new nn.CrossEntropyLoss(), epochs }
 * })
 * ```
 *
 * A Worker that stood still is replaced by another, which calls `setup` again and goes on from the last checkpoint: so
 * `setup` makes everything anew from its settings, and seeds what is random (`manualSeed`).
 *
 * @param setup gives the net and what `fit` takes, for the page's settings
 * @param options may be left out
 * @throws {ArgumentError} for a `setup` that is no function, or where there is nothing to talk through
 */
export function serveTraining<Settings = unknown>(
  setup: (settings: Settings) => WorkerTrainingSetup | Promise<WorkerTrainingSetup>,
  options: ServeTrainingOptions = {},
): void {
  if (typeof setup !== 'function') {
    throw new ArgumentError(
      `serveTraining: setup is a function that gives { net, train, … }, got ${kindOf(setup)}`,
    )
  }
  const port = options.port ?? (globalThis as unknown as WorkerPort)
  if (typeof port.postMessage !== 'function' || typeof port.addEventListener !== 'function') {
    throw new ArgumentError(
      'serveTraining: it runs in a Worker; elsewhere give it a port, as { port: parentPort }',
    )
  }
  const send = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
  const training = new Training(setup as (settings: unknown) => unknown, options.init ?? {}, send)
  port.addEventListener('message', ({ data }) => {
    const message = data as ToWorker
    if (message?.type === 'start') void training.run(message)
    else if (message?.type === 'abort') training.abort()
    else if (message?.type === 'predict') training.predict(message.id, message.inputs)
  })
  port.start?.()
  send({ type: 'ready' })
}

class Training {
  readonly #abort = new AbortController()
  #net: AnyModule | undefined
  /** Predictions that were asked for before there was a net. */
  #early: (() => void)[] = []

  constructor(
    readonly setup: (settings: unknown) => unknown,
    readonly options: InitOptions,
    readonly send: (message: FromWorker, transfer?: ArrayBuffer[]) => void,
  ) {}

  abort(): void {
    this.#abort.abort()
  }

  async run({ settings, everySteps, beat, checkpoint }: Extract<ToWorker, { type: 'start' }>): Promise<void> {
    const { send } = this
    setInterval(() => send({ type: 'beat' }), beat)
    try {
      await init(this.options)
      const given: unknown = await this.setup(settings)
      if (!isPlainObject(given) || given.net === undefined) {
        throw new ArgumentError(
          `serveTraining: setup gives { net, train, optimizer, loss, … }, got ${kindOf(given)}`,
        )
      }
      const {
        net,
        callbacks = [],
        ...others
      } = given as WorkerTrainingSetup & { callbacks?: readonly object[] }
      const saves = new CheckpointIn(() => this.#folder(checkpoint), 'the page', {
        resume: true,
        ...(everySteps !== undefined && { everySteps }),
      })
      const history: History = await fit(net as never, {
        ...(others as never as FitOptions),
        // When the checkpoint is loaded there are weights to predict with.
        callbacks: [...callbacks, saves, { last: true, onFitStart: () => this.#begin(net) }],
        signal: this.#abort.signal,
        onProgress: (progress) => send({ type: 'progress', progress }),
        onEpoch: (result) => send({ type: 'epoch', result }),
      })
      this.#begin(net)
      const state = encodeState(net.stateDict())
      send({ type: 'done', history, state }, [state.buffer as ArrayBuffer])
    } catch (error) {
      send({ type: 'failed', error: sent(error) })
    }
  }

  /** From now on there are predictions. */
  #begin(net: AnyModule): void {
    this.#net = net
    for (const predict of this.#early.splice(0)) predict()
  }

  /** The page as a folder: checkpoints go there, and one may have come from there. */
  #folder(checkpoint: SentCheckpoint | undefined): Folder {
    const names = new Set(checkpoint ? [checkpoint.name] : [])
    return {
      path: 'the page',
      prepare: async () => {},
      list: async () => [...names],
      read: async () => checkpoint?.bytes ?? new Uint8Array(),
      write: async (name, bytes) => {
        names.add(name)
        this.send({ type: 'checkpoint', checkpoint: { name, bytes } }, [bytes.buffer as ArrayBuffer])
      },
      remove: async (name) => void names.delete(name),
    }
  }

  predict(id: number, inputs: readonly SentTensor[]): void {
    const net = this.#net
    if (!net) {
      this.#early.push(() => this.predict(id, inputs))
      return
    }
    try {
      const outputs = predictions(net, inputs)
      this.send(
        { type: 'prediction', id, outputs },
        outputs.map(({ values }) => values.buffer as ArrayBuffer),
      )
    } catch (error) {
      this.send({ type: 'refused', id, error: sent(error) })
    }
  }
}

/** What the net gives as it is, in evaluation mode; the training goes on as if nobody had asked. */
function predictions(net: AnyModule, inputs: readonly SentTensor[]): SentTensor[] {
  const restore = keepModes(net)
  const outputs: SentTensor[] = []
  try {
    const given = inputs.map(({ values, shape }) => tensor(values, { shape }))
    const result = keepingStream(() => noGrad(() => Reflect.apply(net.eval().forward, net, given)))
    eachTensor(result, (x) => outputs.push({ values: x.toFloat32Array(), shape: x.shape }))
  } finally {
    restore()
  }
  return outputs
}

function sent(error: unknown): SentError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const { name, message } = error
  const code: unknown = (error as { code?: unknown }).code
  return { name, message, ...(typeof code === 'string' && { code }) }
}
