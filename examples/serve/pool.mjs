// A pool of workers that answer rows. Rows that wait go to the next idle worker together, as many as a batch may have: so
// a lone request never waits for others, and under load batches grow by themselves. What a worker had in hand when it died
// or stood still is given to another.
import { Worker } from 'node:worker_threads'

/** There is no room for more requests, or the pool is closing: to be asked again later, or elsewhere. */
export class BusyError extends Error {
  /** @override */
  name = 'BusyError'
}

/** A row that was answered by nobody: `tries` workers died of it, or stood still. */
export class LostError extends Error {
  /** @override */
  name = 'LostError'
}

/**
 * @typedef {object} Job
 * @property {Float32Array} row
 * @property {(answer: Float32Array) => void} resolve
 * @property {(error: Error) => void} reject
 * @property {number} tries
 * @property {boolean} alone whether it goes into a batch of its own: it may be what killed the last one
 *
 * @typedef {object} Slot a worker, and what it has in hand
 * @property {Worker} worker
 * @property {Job[]} jobs
 * @property {boolean} ready
 * @property {NodeJS.Timeout | undefined} limit
 */

export class Pool {
  /** @type {Set<Slot>} */
  #slots = new Set()
  /** @type {Job[]} */
  #waiting = []
  #closing = false
  /** How long it waits before it starts a worker anew, where they die before they are ready. */
  #delay = 0
  /** @type {(() => void)[]} */
  #watching = []

  /**
   * @param {object} options
   * @param {URL} options.script of the workers: it says 'ready', and answers { values, count } with a Float32Array
   * @param {Record<string, unknown>} options.workerData
   * @param {number} options.workers
   * @param {number} options.answer numbers of an answer
   * @param {number} [options.maxBatch] rows that a worker takes at once
   * @param {number} [options.maxWaiting] rows that may wait; more are refused
   * @param {number} [options.timeout] milliseconds that a batch may take, before its worker is replaced
   * @param {number} [options.maxTries] workers that a row may have been in the hands of when they died
   */
  constructor({
    script,
    workerData,
    workers,
    answer,
    maxBatch = 32,
    maxWaiting = 1024,
    timeout = 10_000,
    maxTries = 3,
  }) {
    this.options = { script, workerData, workers, answer, maxBatch, maxWaiting, timeout, maxTries }
    this.answered = 0
    this.batches = 0
    this.replaced = 0
    for (let i = 0; i < workers; i++) this.#start()
  }

  /** Workers that are ready. */
  get ready() {
    return [...this.#slots].filter(({ ready }) => ready).length
  }

  /** Rows that wait. */
  get waiting() {
    return this.#waiting.length
  }

  /**
   * The answer to a row.
   *
   * @param {Float32Array} row
   * @param {AbortSignal} [signal] of a client that may go away: what still waits then is dropped
   * @returns {Promise<Float32Array>}
   */
  predict(row, signal) {
    if (this.#closing) return Promise.reject(new BusyError('the service is stopping'))
    if (this.#waiting.length >= this.options.maxWaiting) {
      return Promise.reject(new BusyError(`${this.#waiting.length} rows are waiting already`))
    }
    return new Promise((resolve, reject) => {
      const job = { row, resolve, reject, tries: 0, alone: false }
      this.#waiting.push(job)
      signal?.addEventListener('abort', () => this.#drop(job), { once: true })
      this.#feed()
    })
  }

  /** Takes no more rows, answers those that it has, and ends the workers. */
  async close() {
    this.#closing = true
    while (this.#waiting.length > 0 || [...this.#slots].some(({ jobs }) => jobs.length > 0)) {
      await new Promise((resolve) => this.#watching.push(() => resolve(undefined)))
    }
    const slots = [...this.#slots]
    this.#slots.clear()
    await Promise.all(slots.map(({ worker }) => worker.terminate()))
  }

  /** @param {Job} job */
  #drop(job) {
    const at = this.#waiting.indexOf(job)
    if (at < 0) return
    this.#waiting.splice(at, 1)
    job.reject(new Error('the client is gone'))
    this.#changed()
  }

  #changed() {
    for (const look of this.#watching.splice(0)) look()
  }

  #start() {
    const { script, workerData } = this.options
    /** @type {Slot} */
    const slot = { worker: new Worker(script, { workerData }), jobs: [], ready: false, limit: undefined }
    this.#slots.add(slot)
    slot.worker.on('message', (message) => {
      if (!this.#slots.has(slot)) return
      if (message === 'ready') {
        slot.ready = true
        this.#delay = 0
      } else this.#answered(slot, message)
      this.#feed()
    })
    // What it dies of is said by 'error', and 'exit' comes in any case.
    slot.worker.on('error', (error) => console.error(`a worker died: ${error.message}`))
    slot.worker.on('exit', () => this.#replace(slot))
  }

  /** @param {Slot} slot @param {Float32Array} answers */
  #answered(slot, answers) {
    clearTimeout(slot.limit)
    const { jobs } = slot
    const { answer } = this.options
    slot.jobs = []
    this.answered += jobs.length
    this.batches++
    for (const [i, { resolve }] of jobs.entries()) resolve(answers.slice(i * answer, (i + 1) * answer))
    this.#changed()
  }

  /** Gives what a worker had in hand to others, and starts another in its place. @param {Slot} slot */
  #replace(slot) {
    if (!this.#slots.delete(slot)) return
    clearTimeout(slot.limit)
    this.replaced++
    for (const job of slot.jobs.reverse()) {
      job.tries++
      // One of them may be what the worker died of: it takes no others with it again.
      job.alone = true
      if (job.tries < this.options.maxTries) this.#waiting.unshift(job)
      else job.reject(new LostError(`${job.tries} workers died of this row, or stood still`))
    }
    if (!slot.ready) this.#delay = Math.min(5000, 2 * this.#delay + 50)
    setTimeout(() => {
      // While it closes, what is left still wants workers.
      if (!this.#closing || this.#waiting.length > 0) this.#start()
    }, this.#delay)
    this.#changed()
    this.#feed()
  }

  /** Gives waiting rows to idle workers. */
  #feed() {
    for (const slot of this.#slots) {
      if (this.#waiting.length === 0) return
      if (!slot.ready || slot.jobs.length > 0) continue
      slot.jobs = this.#take()
      const size = slot.jobs[0].row.length
      const values = new Float32Array(size * slot.jobs.length)
      for (const [i, { row }] of slot.jobs.entries()) values.set(row, i * size)
      this.#watch(slot)
      slot.worker.postMessage({ values, count: slot.jobs.length }, [values.buffer])
    }
  }

  /** Ends a worker that stands still. @param {Slot} slot */
  #watch(slot) {
    const { jobs } = slot
    const { timeout } = this.options
    const end = () => {
      if (slot.jobs !== jobs) return
      console.error(`a worker stood still for ${timeout} ms`)
      void slot.worker.terminate()
    }
    // Where it was this thread that stood still, the answer is here, and comes first.
    slot.limit = setTimeout(() => setImmediate(() => setImmediate(end)), timeout)
  }

  /** The next batch. */
  #take() {
    const [first] = this.#waiting
    if (first.alone) return this.#waiting.splice(0, 1)
    const end = this.#waiting.findIndex(({ alone }) => alone)
    const most = Math.min(this.options.maxBatch, end < 0 ? this.#waiting.length : end)
    return this.#waiting.splice(0, most)
  }
}
