import { trainInWorker, type WorkerTraining } from 'simdgrad/train-in-worker'
import { percent } from '../headline.js'
import type { Settings } from '../settings.js'
import { whole } from '../whole.js'
import type { WholeRun } from '../worker/whole-run.js'
import { byId } from './theme.js'

/** A Worker that is silent for as long is replaced, and the next one goes on from the last of these checkpoints. */
const TIMEOUT = 10_000
const EVERY_STEPS = 200

export interface WholeRunEvents {
  /** The net whose code is shown. */
  chosen(): { settings: Settings; norm: boolean } | undefined
  /** What is drawn, as a digit of MNIST. */
  drawn(): Uint8Array | undefined
  /** It begins: the two nets need not train meanwhile. */
  begins(): void
}

/** Runs the code that is shown, by `trainInWorker`: progress, a prediction while it trains, an end before its time. */
export class WholeRunView {
  readonly #run = byId<HTMLButtonElement>('run-code')
  readonly #stop = byId<HTMLButtonElement>('run-stop')
  readonly #progress = byId('run-progress')
  readonly #result = byId('run-result')

  constructor(readonly events: WholeRunEvents) {
    this.#run.addEventListener('click', () => this.#begin())
  }

  async #begin(): Promise<void> {
    const { events } = this
    const chosen = events.chosen()
    if (!chosen) return
    events.begins()
    const abort = new AbortController()
    const stop = () => abort.abort()
    this.#stop.addEventListener('click', stop)
    this.#shows(true)
    this.#result.textContent = 'The code runs in a Worker of its own.'
    this.#progress.textContent = ''
    const training = trainInWorker<WholeRun>(
      () => new Worker(new URL('../worker/whole-run.ts', import.meta.url), { type: 'module' }),
      {
        settings: { ...chosen, base: document.baseURI },
        signal: abort.signal,
        timeout: TIMEOUT,
        everySteps: EVERY_STEPS,
        onProgress: ({ batch, batches, loss, imagesPerSecond }) => {
          this.#progress.textContent = `Step ${whole(batch)} of ${whole(batches)}: mean loss ${loss.toFixed(3)}, ${whole(imagesPerSecond)} images/s.`
        },
        onReplaced: (reason, checkpoint) => {
          this.#result.textContent = `The Worker was replaced (${reason})${checkpoint ? ', and goes on from its last checkpoint' : ''}.`
        },
      },
    )
    try {
      const { history } = await training.result
      const [epoch] = history.epochs
      const said = epoch
        ? `After an epoch: mean loss ${epoch.trainLoss.toFixed(3)}, right on ${percent(epoch.validAcc ?? 0)} of 10,000 test digits.`
        : 'Ended before its time.'
      this.#result.textContent = `${said}${await this.#answer(training)}`
    } catch (error) {
      this.#result.textContent = `It failed: ${error instanceof Error ? error.message : String(error)}`
    } finally {
      training.close()
      this.#stop.removeEventListener('click', stop)
      this.#shows(false)
    }
  }

  /** What the net says to the digit on the pad. */
  async #answer(training: WorkerTraining): Promise<string> {
    const pixels = this.events.drawn()
    if (!pixels) return ''
    const values = Float32Array.from(pixels, (pixel) => pixel / 127.5 - 1)
    const [{ values: logits }] = await training.predict({ values, shape: [1, 1, 28, 28] })
    return ` It takes the drawn digit for a ${logits.indexOf(Math.max(...logits))}.`
  }

  #shows(running: boolean): void {
    this.#run.disabled = running
    this.#stop.hidden = !running
  }
}
