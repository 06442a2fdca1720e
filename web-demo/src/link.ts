/** The page's end of the training Worker: starts it, watches over it, and replaces one that is dead or hangs. */
import type { Checkpoint, FromWorker, ToWorker } from './protocol.js'
import { whole } from './whole.js'

/** Milliseconds between two looks, and of silence after which a worker counts as hanging: together under 3 s. */
const WATCH = 400
const SILENCE = 1600
/** Until the worker's script has come and runs it may take longer, and until the binary is ready: that is told, and waited for. */
const SLOW = 3000
const PATIENCE = 12_000
/** On a slow machine a long step looks like a hang, on a slow line a download: the next worker has so many times as long. */
const MORE = 3
/** Workers that are tried one after the other until one is ready. */
const STARTS = 3

type Start = Omit<ToWorker & { kind: 'start' }, 'kind' | 'from' | 'base'>

export interface LinkEvents {
  receive(message: FromWorker): void
  /** What a visitor should know. */
  tell(text: string): void
  /** What a worker starts with; and whether it can go on from a checkpoint. */
  start(): Start
  fits(checkpoint: Checkpoint): boolean
}

export class Link {
  #worker: Worker
  #checkpoint: Checkpoint | undefined
  #starts = 0
  #silence = SILENCE
  #patience = PATIENCE
  #state: 'loading' | 'starting' | 'ready' = 'loading'
  #startedAt = 0
  #askedAt: number | undefined
  #lookedAt = performance.now()
  #slow = false
  #over = false

  constructor(readonly events: LinkEvents) {
    this.#worker = this.#start()
    setInterval(() => this.#look(), WATCH)
  }

  send(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  /** What was kept is of no use any more: the nets are others. */
  forget(): void {
    this.#checkpoint = undefined
  }

  #start(): Worker {
    this.#starts++
    this.#state = 'loading'
    this.#startedAt = performance.now()
    this.#askedAt = undefined
    const worker = new Worker(new URL('./worker/main.ts', import.meta.url), { type: 'module' })
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#take(data)
    worker.onerror = (event) => {
      event.preventDefault()
      this.#replace(`The training Worker ended (${event.message ?? 'no reason was given'}).`)
    }
    const kept = this.#checkpoint
    const from = kept && this.events.fits(kept) ? { from: kept } : {}
    worker.postMessage({
      kind: 'start',
      base: document.baseURI,
      ...this.events.start(),
      ...from,
    } satisfies ToWorker)
    return worker
  }

  #take(message: FromWorker): void {
    this.#askedAt = undefined
    switch (message.kind) {
      case 'hello':
        this.#state = 'starting'
        break
      case 'ready':
        this.#state = 'ready'
        this.#starts = 0
        break
      case 'failed':
        // It lives and says so itself.
        if (this.#state !== 'ready') this.#over = true
        break
      case 'checkpoint':
        this.#checkpoint = message.checkpoint
        return
      case 'pong':
        return
    }
    this.events.receive(message)
  }

  #look(): void {
    const now = performance.now()
    // The page itself stood still (a hidden tab, a machine that slept): that says nothing of the worker.
    const late = now - this.#lookedAt > 3 * WATCH || document.hidden
    this.#lookedAt = now
    if (this.#over) return
    if (late) {
      this.#askedAt = undefined
      return
    }
    const since = now - this.#startedAt
    if (this.#state !== 'ready') {
      if (since > this.#patience) {
        this.#patience *= MORE
        this.#replace('The training Worker does not start.')
        return
      }
      if (since > SLOW && !this.#slow) {
        this.#slow = true
        this.events.tell('The training Worker is slow to start.')
      }
    }
    if (this.#state === 'loading') return
    if (this.#askedAt === undefined) {
      this.#askedAt = now
      this.send({ kind: 'ping' })
    } else if (now - this.#askedAt > this.#silence) {
      this.#silence *= MORE
      this.#replace('The training Worker stopped answering.')
    }
  }

  #replace(why: string): void {
    this.#worker.onmessage = null
    this.#worker.onerror = null
    this.#worker.terminate()
    if (this.#starts >= STARTS) {
      this.#over = true
      this.events.receive({ kind: 'failed', message: `${why} Reload the page to try again.` })
      return
    }
    const kept = this.#checkpoint
    const step = kept && this.events.fits(kept) ? kept.step : 0
    this.#worker = this.#start()
    this.events.tell(
      step > 0 ? `${why} A new one goes on from step ${whole(step)}.` : `${why} A new one starts.`,
    )
  }
}
