import { nn, type optim, recalibrate, type Tensor } from 'simdgrad'
import { FIRST_EPOCH } from '../../shards.js'
import { type Both, type Point, type Progress, SIDES, type Side } from '../protocol.js'
import { rebuilds, type Settings } from '../settings.js'
import type { Batch, DigitStream, Digits } from './digits.js'
import { histograms } from './inspect.js'
import { Exam } from './judge.js'
import { activationNames, buildNet, buildOptimizer, isBatchNorm } from './nets.js'
import { shuffled } from './order.js'

/** How much is looked at, so that looking takes a small part of the time: a convolution costs more. */
const LOOKS = {
  mlp: { judged: 500, probed: 200, mistakes: 10_000 },
  conv: { judged: 200, probed: 32, mistakes: 1000 },
}
/** Points lie further and further apart, as on the curves' logarithmic axis. */
const SPACING = { mlp: 1.025, conv: 1.08 }
/** Digits that recalibration looks at, at most, and at a time. */
const RECALIBRATED = 10_000
const RECALIBRATED_BATCH = 200

/** A net in training. */
interface Trainee {
  net: nn.Sequential
  optimizer: optim.Optimizer
  /** Sum and number of losses since the last point. */
  loss: number
  losses: number
  divergedAt: number | undefined
  /** Images and milliseconds since the last report of speed. */
  images: number
  milliseconds: number
  imagesPerSecond: number
}

/** Trains both nets in turn on the same batches. */
export class Trainer {
  step = 0
  epoch = 0
  /** Digits trained with, all epochs together. */
  seen = 0
  trainees: Both<Trainee>
  /** The batch of the last step, for batch norm's statistics. */
  last: Batch | undefined
  readonly #loss = new nn.CrossEntropyLoss()
  #nextPoint = 1
  #order: Uint32Array = new Uint32Array(0)
  #at = 0
  #exam: Exam | undefined
  #probe: Batch | undefined

  constructor(
    public settings: Settings,
    readonly stream: DigitStream,
  ) {
    this.trainees = this.#build()
  }

  #build(): Both<Trainee> {
    const trainee = (norm: boolean): Trainee => {
      const net = buildNet(this.settings, norm)
      const optimizer = buildOptimizer(this.settings, net)
      const counts = { loss: 0, losses: 0, images: 0, milliseconds: 0, imagesPerSecond: 0 }
      return { net, optimizer, divergedAt: undefined, ...counts }
    }
    return { norm: trainee(true), plain: trainee(false) }
  }

  get layers(): string[] {
    return activationNames(this.trainees.norm.net)
  }

  /** Test digits among which mistakes are looked for: fewer where many small batches are judged. */
  get looksAt(): number {
    const { net, evaluation } = this.settings
    return evaluation === 'eval' ? LOOKS[net].mistakes : 1000
  }

  /** Both nets anew, from the seed. */
  reset(): void {
    this.trainees = this.#build()
    this.step = 0
    this.epoch = 0
    this.seen = 0
    this.#nextPoint = 1
    this.#order = new Uint32Array(0)
    this.#at = 0
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
    for (const { net, optimizer } of this.#each()) {
      optimizer.lr = settings.lr
      for (const module of net.modules) if (isBatchNorm(module)) module.momentum = settings.momentum
    }
    if (before.optimizer !== settings.optimizer) {
      for (const trainee of this.#each()) trainee.optimizer = buildOptimizer(settings, trainee.net)
    }
    return false
  }

  /** One step of both nets on the next batch. @returns a point of the curves, where one is due */
  next(): Point | undefined {
    if (this.step === 0 && this.#order.length === 0) return this.#begin()
    const batch = this.#nextBatch()
    this.step++
    for (const trainee of this.#each()) this.#train(trainee, batch)
    this.#keep(batch)
    return this.step >= this.#nextPoint ? this.point() : undefined
  }

  /** The point before the first step. */
  #begin(): Point {
    this.#shuffle()
    return this.point()
  }

  #shuffle(): void {
    const { count } = this.stream.train
    const digits = this.epoch === 0 ? Math.min(FIRST_EPOCH, count) : count
    this.#order = shuffled(digits, this.settings.seed, this.epoch)
    this.#at = 0
  }

  #nextBatch(): Batch {
    // A last batch that is not full is left out: batch norm can't train on a single digit.
    if (this.#at + this.settings.batch > this.#order.length) {
      this.epoch++
      this.#shuffle()
    }
    const indices = this.#order.subarray(this.#at, this.#at + this.settings.batch)
    this.#at += this.settings.batch
    this.seen += this.settings.batch
    return this.stream.train.batch(indices)
  }

  #train(trainee: Trainee, { x, y }: Batch): void {
    if (trainee.divergedAt !== undefined) return
    const start = performance.now()
    const loss = this.#loss.forward(trainee.net.forward(x), y)
    const value = loss.item()
    if (!Number.isFinite(value)) {
      trainee.divergedAt = this.step
      return
    }
    trainee.optimizer.zeroGrad()
    loss.backward()
    trainee.optimizer.step()
    trainee.loss += value
    trainee.losses++
    trainee.images += y.shape[0]
    trainee.milliseconds += performance.now() - start
  }

  #keep(batch: Batch | undefined): void {
    this.last?.x.dispose()
    this.last?.y.dispose()
    this.last = batch
  }

  /** A point of the curves, here and now. */
  point(): Point {
    const { net } = this.settings
    this.#nextPoint = Math.max(this.step + 1, Math.ceil(this.step * SPACING[net]))
    const { exam, probe } = this.#lookers()
    return {
      step: this.step,
      loss: this.#both((trainee) => {
        const mean = trainee.losses > 0 ? trainee.loss / trainee.losses : Number.NaN
        trainee.loss = 0
        trainee.losses = 0
        return mean
      }),
      accuracy: this.#both(({ net }) => exam.accuracy(net)),
      histograms: this.#both(({ net }) => histograms(net, probe.x)),
    }
  }

  /** The digits that every point looks at, made anew where settings have changed. */
  #lookers(): { exam: Exam; probe: Batch } {
    const { test } = this.stream
    const looks = LOOKS[this.settings.net]
    if (!this.#exam?.fits(this.settings)) {
      this.#exam?.dispose()
      this.#probe?.x.dispose()
      this.#exam = new Exam(test, looks.judged, this.settings)
      this.#probe = undefined
    }
    this.#probe ??= test.batch(Array.from({ length: looks.probed }, (_, i) => i))
    return { exam: this.#exam, probe: this.#probe }
  }

  progress(): Progress {
    return {
      epoch: this.epoch,
      step: this.step,
      imagesPerSecond: this.#both((trainee) => {
        // Long enough to be steady, short enough to follow a change of the batch size.
        if (trainee.milliseconds > 200) {
          trainee.imagesPerSecond = (trainee.images / trainee.milliseconds) * 1000
          trainee.images = 0
          trainee.milliseconds = 0
        }
        return trainee.imagesPerSecond
      }),
      diverged: this.#both(({ divergedAt }) => divergedAt),
    }
  }

  /** Averages batch norm's running statistics anew, over the training data. */
  async recalibrate(): Promise<{ digits: number; before: number; after: number }> {
    const { net } = this.trainees.norm
    const { train, test } = this.stream
    const settings: Settings = { ...this.settings, evaluation: 'eval' }
    const exam = new Exam(test, LOOKS[settings.net].mistakes, settings)
    const digits = Math.min(RECALIBRATED, train.count)
    const before = exam.accuracy(net)
    await recalibrate(net, batches(train, digits))
    const after = exam.accuracy(net)
    exam.dispose()
    return { digits, before, after }
  }

  *#each(): Generator<Trainee> {
    for (const side of SIDES) yield this.trainees[side]
  }

  #both<T>(of: (trainee: Trainee, side: Side) => T): Both<T> {
    return { norm: of(this.trainees.norm, 'norm'), plain: of(this.trainees.plain, 'plain') }
  }
}

function* batches(digits: Digits, count: number): Generator<Tensor[]> {
  for (let first = 0; first + RECALIBRATED_BATCH <= count; first += RECALIBRATED_BATCH) {
    const { x, y } = digits.batch(Array.from({ length: RECALIBRATED_BATCH }, (_, i) => first + i))
    yield [x, y]
    x.dispose()
    y.dispose()
  }
}
