import { recalibrate, type Tensor } from 'simdgrad'
import { nextTask } from '../next-task.js'
import { type Both, type Checkpoint, type Event, type Point, type Progress, SIDES } from '../protocol.js'
import { NORM_NAMES, othersOf, rebuilds, type Settings } from '../settings.js'
import { pack, unpack } from './checkpoint.js'
import type { Batch, DigitStream, Digits } from './digits.js'
import { eventsOf } from './events.js'
import { GraphTrap } from './graph-trap.js'
import { activationNames } from './nets.js'
import { Observer } from './observer.js'
import { epochOrder } from './order.js'
import { pixelsOf, StepStatistics } from './running.js'
import { Trainee } from './trainee.js'

/** Digits that recalibration looks at, at most, and at a time. */
const RECALIBRATED = 10_000
const RECALIBRATED_BATCH = 200

/** Trains both nets in turn on the same batches, and those with other norms, where they are compared. */
export class Trainer {
  step = 0
  /** Epochs that are over. */
  epoch = 0
  /** Digits trained with, all epochs together. */
  seen = 0
  trainees: Both<Trainee>
  /** With the other norms. */
  others: Trainee[] = []
  /** The batch of the last step. */
  last: Batch | undefined
  /** What has happened since this was emptied last. */
  events: Event[] = []
  readonly #observer: Observer
  readonly #trap = new GraphTrap()
  #order: Uint32Array = new Uint32Array(0)
  #at = 0
  #begun = false

  constructor(
    public settings: Settings,
    readonly stream: DigitStream,
  ) {
    this.#observer = new Observer(stream)
    this.trainees = this.#build()
  }

  #build(): Both<Trainee> {
    const { settings } = this
    this.others = othersOf(settings).map((norm) => new Trainee(settings, norm))
    return { norm: new Trainee(settings, settings.norm), plain: new Trainee(settings, undefined) }
  }

  get layers(): string[] {
    return activationNames(this.trainees.norm.net)
  }

  /** Both nets anew, from the seed. */
  reset(): void {
    this.trainees = this.#build()
    this.step = 0
    this.epoch = 0
    this.seen = 0
    this.events = []
    this.#order = new Uint32Array(0)
    this.#at = 0
    this.#begun = false
    this.#trap.forget()
    this.#observer.reset()
    this.#keep(undefined)
  }

  /** Takes new settings. Says whether the nets had to be built anew. */
  change(settings: Settings): boolean {
    const before = this.settings
    this.settings = settings
    if (rebuilds(before, settings)) {
      this.reset()
      return true
    }
    for (const text of eventsOf(before, settings)) this.events.push({ step: this.step, text })
    for (const trainee of this.#each()) trainee.change(settings, before.optimizer !== settings.optimizer)
    if (settings.graph === 'out') this.#trap.forget()
    return false
  }

  /** Whether the next batch has yet to come. */
  get waiting(): boolean {
    return this.#begun && this.#missing()
  }

  /** Only the first epoch goes through the digits in the order in which they come. */
  #missing(): boolean {
    return this.epoch === 0 && this.#at + this.settings.batch > this.stream.train.count && !this.#over()
  }

  #over(): boolean {
    return this.#at + this.settings.batch > this.#digits()
  }

  /** Digits of this epoch: fewer than were planned, where the download has failed meanwhile. */
  #digits(): number {
    if (this.epoch > 0) return this.#order.length
    return Math.min(
      this.#order.length,
      this.stream.blocks.reduce((sum, count) => sum + count, 0),
    )
  }

  /** One step of both nets on the next batch, where it is there. @returns a point of the curves, where one is due */
  next(): Point | undefined {
    if (!this.#begun) {
      this.#begun = true
      this.#shuffle()
      return this.point(true)
    }
    if (this.waiting) return undefined
    const batch = this.#nextBatch()
    this.step++
    const { norm } = this.trainees
    const { variance, graph } = this.settings
    const due = this.#observer.due(this.step)
    const statistics = due || variance === 'biased' ? new StepStatistics(norm.net) : undefined
    for (const trainee of this.#each()) {
      if (trainee.divergedAt !== undefined) continue
      trainee.step(batch, this.step)
      const name = trainee.norm ? NORM_NAMES[trainee.norm] : 'plain'
      if (trainee.divergedAt !== undefined) this.events.push({ step: this.step, text: `${name} diverged` })
    }
    if (variance === 'biased') statistics?.bias(batch.y.shape[0], pixelsOf(norm.net))
    if (graph === 'in') this.#trap.step(norm.net, batch.x, norm.took)
    this.#keep(batch)
    return due ? this.point(false, statistics) : undefined
  }

  #shuffle(): void {
    this.#order = epochOrder(this.stream.blocks, this.settings.seed, this.epoch)
    this.#at = 0
  }

  #nextBatch(): Batch {
    // A last batch that is not full is left out: batch norm can't train on a single digit.
    if (this.#over()) {
      this.epoch++
      this.#shuffle()
    }
    const indices = this.#order.subarray(this.#at, this.#at + this.settings.batch)
    this.#at += this.settings.batch
    this.seen += this.settings.batch
    return this.stream.train.batch(indices)
  }

  #keep(batch: Batch | undefined): void {
    this.last?.x.dispose()
    this.last?.y.dispose()
    this.last = batch
  }

  /** A point of the curves, here and now. @param whole whether all judged digits are judged anew */
  point(whole: boolean, statistics?: StepStatistics): Point {
    return this.#observer.point(this.trainees, this.others, this.step, this.settings, whole, {
      running: statistics?.after(),
      held: this.settings.graph === 'in' ? this.#trap.look() : undefined,
    })
  }

  progress(): Progress {
    const digits = this.#digits()
    return {
      epoch: this.epoch + (digits > 0 ? this.#at / digits : 0),
      step: this.step,
      digits,
      waiting: this.waiting,
      imagesPerSecond: this.#both((trainee) => trainee.speed()),
      diverged: this.#both(({ divergedAt }) => divergedAt),
    }
  }

  checkpoint(until: number | undefined): Checkpoint {
    const { settings, step, epoch, seen } = this
    return {
      ...{ settings, step, epoch, seen, until },
      at: this.#at,
      digits: this.#order.length,
      nets: this.#both(pack),
      others: this.others.map(pack),
    }
  }

  /** Goes on from a checkpoint with the same settings. */
  restore({ step, epoch, seen, at, nets, others }: Checkpoint): void {
    this.reset()
    this.step = step
    this.epoch = epoch
    this.seen = seen
    this.#begun = true
    this.#shuffle()
    this.#at = at
    for (const side of SIDES) unpack(this.trainees[side], nets[side])
    for (const [i, kept] of others.entries()) unpack(this.others[i], kept)
  }

  /** Averages batch norm's running statistics anew, over the training data. */
  async recalibrate(): Promise<{ digits: number; before: number; after: number }> {
    const settings: Settings = { ...this.settings, evaluation: 'eval' }
    const digits = Math.min(RECALIBRATED, this.stream.train.count)
    const before = this.#observer.judge(this.trainees, this.others, settings).norm
    await recalibrate(this.trainees.norm.net, batches(this.stream.train, digits))
    const after = this.#observer.judge(this.trainees, this.others, settings).norm
    this.events.push({ step: this.step, text: 'recalibrated' })
    return { digits, before, after }
  }

  *#each(): Generator<Trainee> {
    for (const side of SIDES) yield this.trainees[side]
    yield* this.others
  }

  #both<T>(of: (trainee: Trainee) => T): Both<T> {
    return { norm: of(this.trainees.norm), plain: of(this.trainees.plain) }
  }
}

/** A task for each batch, so that the worker goes on to answer. */
async function* batches(digits: Digits, count: number): AsyncGenerator<Tensor[]> {
  for (let first = 0; first + RECALIBRATED_BATCH <= count; first += RECALIBRATED_BATCH) {
    const { x, y } = digits.batch(Array.from({ length: RECALIBRATED_BATCH }, (_, i) => first + i))
    yield [x, y]
    x.dispose()
    y.dispose()
    await nextTask()
  }
}
