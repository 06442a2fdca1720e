/** Training in short slices, and what the page gets to see of it. */
import { TOTAL } from '../../shards.js'
import { nextTask } from '../next-task.js'
import type { Both, Checkpoint, Point, Slope, Wants } from '../protocol.js'
import type { Settings } from '../settings.js'
import { whole } from '../whole.js'
import type { DigitStream } from './digits.js'
import { drawingOf } from './drawing.js'
import { numbersOf, statisticsOf } from './inspect.js'
import { mistakesOf, probabilities } from './judge.js'
import { imagesOf } from './own.js'
import { fail, send } from './send.js'
import { slopeOf } from './slope.js'
import { Trainer } from './trainer.js'

/** Milliseconds of training between two looks at the messages. */
const SLICE = 15
/** The same while digits stream in: each piece of a stream waits for the end of a slice (Firefox's are small). */
const STREAMING_SLICE = 3
/** Milliseconds between two frames, two looks into the nets, two looks at the mistakes, two checkpoints. */
const FRAME = 60
const LOOK = 250
const MISTAKES = 2500
const CHECKPOINT = 1500
const SHOWN_MISTAKES = 20
/** Training pauses by itself after so many digits (20 times all): a forgotten tab should not heat a laptop. */
const PAUSE = 20 * TOTAL.train

export class Session {
  readonly trainer: Trainer
  playing = false
  drawn: Uint8Array | undefined
  /** Whether the page has yet to show a frame. A hidden page shows none, and training waits. */
  unshown = false
  #until: number | undefined
  #running = false
  #points: Point[] = []
  #lastFrame = 0
  #lastLook = 0
  #lastMistakes = 0
  #lastCheckpoint = 0
  #pauseAt = PAUSE

  constructor(
    settings: Settings,
    readonly stream: DigitStream,
    public wants: Wants,
    public turn: number,
    until: number | undefined,
  ) {
    this.trainer = new Trainer(settings, stream)
    this.#until = until
  }

  begin(from: Checkpoint | undefined): void {
    const { trainer } = this
    if (from) {
      trainer.restore(from)
      this.#until = from.until
      send({ kind: 'resumed', step: trainer.step, layers: trainer.layers })
    } else this.#built()
    this.setPlaying(true)
  }

  /** Both nets anew with these settings; plays up to a step. */
  scene(settings: Settings, until: number | undefined): void {
    if (!this.trainer.change(settings)) this.trainer.reset()
    this.#until = until
    this.rebuilt()
    this.setPlaying(true)
  }

  play(until: number | undefined): void {
    this.#until = until
    this.setPlaying(true)
  }

  setPlaying(value: boolean, why = ''): void {
    this.playing = value
    send({ kind: 'playing', playing: value, why })
    if (value) this.#run()
  }

  async #run(): Promise<void> {
    if (this.#running) return
    this.#running = true
    const { trainer, stream } = this
    try {
      while (this.playing) {
        const start = performance.now()
        const slice = stream.busy ? STREAMING_SLICE : SLICE
        while (this.playing && !trainer.waiting && performance.now() - start < slice) {
          if (this.#arrived()) break
          this.advance()
        }
        if (start - this.#lastFrame > FRAME && !this.unshown) this.sendFrame()
        if (start - this.#lastMistakes > MISTAKES && !this.unshown) this.#sendMistakes()
        if (start - this.#lastCheckpoint > CHECKPOINT) this.sendCheckpoint()
        // Without digits there is nothing to do but to wait for them.
        if (trainer.waiting) await new Promise((done) => setTimeout(done, 20))
        else await nextTask()
        while (this.unshown && performance.now() - this.#lastFrame > 1000)
          await new Promise((done) => setTimeout(done, 50))
        this.#mayPause()
      }
    } catch (error) {
      this.stopAt(error)
    } finally {
      this.#running = false
    }
  }

  #arrived(): boolean {
    return this.#until !== undefined && this.trainer.step >= this.#until
  }

  #mayPause(): void {
    if (!this.playing) return
    const { step, seen } = this.trainer
    if (this.#arrived()) {
      this.#until = undefined
      this.setPlaying(false, `Paused at step ${whole(step)}, to look. Play goes on.`)
      this.sendAll()
    } else if (seen >= this.#pauseAt) {
      this.#pauseAt += PAUSE
      this.setPlaying(false, `Paused after ${whole(seen)} digits. Play goes on.`)
      this.sendAll()
    }
  }

  /** Training can't go on as it is (no memory, mostly): says so and waits for other settings. */
  stopAt(error: unknown): void {
    this.setPlaying(false, 'Training stopped.')
    fail(error)
  }

  advance(): void {
    const point = this.trainer.next()
    if (point) this.#points.push(point)
  }

  /** @param complete whether it holds all that the page looks at, however short ago the last look was */
  sendFrame(complete = false): void {
    const { trainer } = this
    const now = performance.now()
    const looks = complete || now - this.#lastLook > LOOK
    if (looks) this.#lastLook = now
    const points = this.#points
    send({
      kind: 'frame',
      turn: this.turn,
      resting: !this.playing && complete,
      points,
      events: trainer.events,
      progress: trainer.progress(),
      ...(looks ? this.#looks() : NO_LOOKS),
      answers: this.#answers(),
    })
    trainer.events = []
    this.#points = []
    this.unshown = true
    this.#lastFrame = performance.now()
  }

  /** Looks into the nets, on the batch of the last step. */
  #looks() {
    const { trainer, wants } = this
    const { last, trainees } = trainer
    if (!last) return NO_LOOKS
    const { net } = trainees.norm
    return {
      statistics: wants.statistics ? statisticsOf(net, last.x, wants.layer) : undefined,
      numbers: wants.numbers ? numbersOf(net, last.x, wants.layer, wants.channel) : undefined,
      slope: wants.slope ? this.#slope() : undefined,
      drawing: wants.drawing && drawingOf(trainees[wants.drawing].net, wants.drawing, last, wants.open),
    }
  }

  #slope(): Slope | undefined {
    const { last, trainees } = this.trainer
    if (!last) return undefined
    const norm = slopeOf(trainees.norm.net, last)
    const plain = slopeOf(trainees.plain.net, last)
    return {
      gradients: { norm: norm.gradients, plain: plain.gradients },
      losses: { norm: norm.losses, plain: plain.losses },
    }
  }

  #answers(): Both<Float32Array> | undefined {
    if (!this.drawn) return undefined
    const x = imagesOf(this.drawn)
    const { norm, plain } = this.trainer.trainees
    const both = { norm: probabilities(norm.net, x), plain: probabilities(plain.net, x) }
    x.dispose()
    return both
  }

  #sendMistakes(): void {
    const { trainees, settings } = this.trainer
    const of = ({ net }: typeof trainees.norm) => mistakesOf(net, this.stream.test, settings, SHOWN_MISTAKES)
    const mistakes = { norm: of(trainees.norm), plain: of(trainees.plain) }
    send({ kind: 'mistakes', mistakes }, [mistakes.norm.pixels, mistakes.plain.pixels])
    this.#lastMistakes = performance.now()
  }

  sendCheckpoint(): void {
    send({ kind: 'checkpoint', checkpoint: this.trainer.checkpoint(this.#until) })
    this.#lastCheckpoint = performance.now()
  }

  /** All that there is to see, of nets that stand still. */
  sendAll(): void {
    this.#points.push(this.trainer.point(true))
    this.sendFrame(true)
    this.#sendMistakes()
    this.sendCheckpoint()
  }

  #built(): void {
    send({ kind: 'built', layers: this.trainer.layers, settings: this.trainer.settings })
  }

  rebuilt(): void {
    this.#points = []
    this.#pauseAt = PAUSE
    this.wants = { ...this.wants, layer: Math.min(this.wants.layer, this.trainer.layers.length - 1) }
    this.#built()
  }
}

const NO_LOOKS = { statistics: undefined, numbers: undefined, slope: undefined, drawing: undefined }
