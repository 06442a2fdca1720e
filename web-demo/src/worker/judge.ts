/** Answers on test digits. */
import { nn, noGrad, type Tensor } from 'simdgrad'
import { JUDGED, PIXELS } from '../../shards.js'
import type { Both, Mistakes } from '../protocol.js'
import type { Settings } from '../settings.js'
import type { Digits } from './digits.js'
import { logitsInTraining } from './inspect.js'

/** Images at a time in evaluation mode, where the batch's size changes nothing. */
const SLICE = 250
/** Batches of a part that are judged in training mode where only the curve asks for it. */
const BATCHES = 32

/** Parts into which the judged digits are cut: each point of the curves looks at one. */
export const PARTS = { mlp: 4, conv: 10 } as const

/** Images that are judged together. */
interface Slice {
  x: Tensor
  labels: Uint8Array
}

/** Places of the first `count` digits; sorted by what they show, where the settings say so. */
export function judged(digits: Digits, count: number, { evaluation }: Settings): number[] {
  const places = Array.from({ length: Math.min(count, digits.count) }, (_, i) => i)
  if (evaluation === 'sorted') places.sort((a, b) => digits.labels[a] - digits.labels[b] || a - b)
  return places
}

/**
 * In training mode batch norm takes mean and variance from the digits that are judged together, so then they
 * are judged in batches of the size that is trained with. What is left over is left out.
 */
function slicesOf(digits: Digits, indices: readonly number[], size: number): Slice[] {
  const slices: Slice[] = []
  for (let first = 0; first + size <= indices.length; first += size) {
    const places = indices.slice(first, first + size)
    const { x, y } = digits.batch(places)
    y.dispose()
    slices.push({ x, labels: Uint8Array.from(places, (place) => digits.labels[place]) })
  }
  return slices
}

function answersTo(net: nn.Sequential, x: Tensor, training: boolean): Float32Array {
  return noGrad(() => {
    net.eval()
    const logits = training ? logitsInTraining(net, x) : net.forward(x)
    net.train()
    return logits.argmax({ dim: 1 }).toFloat32Array()
  })
}

/** Share of right answers on the slices. */
function shareOf(net: nn.Sequential, slices: readonly Slice[], training: boolean): number {
  let [right, all] = [0, 0]
  for (const { x, labels } of slices) {
    const answers = answersTo(net, x, training)
    for (const [i, label] of labels.entries()) if (answers[i] === label) right++
    all += labels.length
  }
  return right / all
}

export interface Marks {
  accuracy: Both<number>
  training: number
  /** Of the nets with other norms, in evaluation mode. */
  others: number[]
}

/**
 * JUDGED test digits in parts, made ready once. A mark is the average over all parts, each as it was judged last: so it
 * is smoothed over as many looks as there are parts.
 */
export class Exam {
  readonly #evaluation: Slice[][] = []
  readonly #training: Slice[][] = []
  #marks: (Marks | undefined)[] = []
  #next = 0

  constructor(
    readonly digits: Digits,
    readonly settings: Settings,
  ) {
    const parts = PARTS[settings.net]
    const each = JUDGED / parts
    const plain = judged(digits, JUDGED, { ...settings, evaluation: 'eval' })
    const inTraining = judged(digits, JUDGED, settings)
    const size = Math.min(settings.batch, each)
    // The number that stands for the nets is of all digits; the curve beside it may be of fewer.
    const most = settings.evaluation === 'eval' ? Math.min(each, BATCHES * size) : each
    for (let part = 0; part < parts; part++) {
      this.#evaluation.push(
        slicesOf(digits, plain.slice(part * each, (part + 1) * each), Math.min(SLICE, each)),
      )
      this.#training.push(slicesOf(digits, inTraining.slice(part * each, part * each + most), size))
    }
  }

  /** Test digits behind a mark in training mode. */
  get inTraining(): number {
    return this.#training.flat().reduce((sum, { labels }) => sum + labels.length, 0)
  }

  /** Judges one part, or all of them, and gives the marks. */
  mark(nets: Both<nn.Sequential>, others: readonly nn.Sequential[], all: boolean): Marks {
    const parts = this.#evaluation.length
    if (all || this.#marks.length === 0) {
      this.#marks = Array.from({ length: parts }, (_, part) => this.#judge(nets, others, part))
    } else {
      this.#marks[this.#next] = this.#judge(nets, others, this.#next)
      this.#next = (this.#next + 1) % parts
    }
    const mean = (of: (marks: Marks) => number) =>
      this.#marks.reduce((sum, marks) => sum + (marks ? of(marks) : 0), 0) / parts
    return {
      accuracy: {
        norm: mean(({ accuracy }) => accuracy.norm),
        plain: mean(({ accuracy }) => accuracy.plain),
      },
      training: mean(({ training }) => training),
      others: others.map((_, i) => mean((marks) => marks.others[i])),
    }
  }

  #judge({ norm, plain }: Both<nn.Sequential>, others: readonly nn.Sequential[], part: number): Marks {
    const slices = this.#evaluation[part]
    return {
      accuracy: { norm: shareOf(norm, slices, false), plain: shareOf(plain, slices, false) },
      training: shareOf(norm, this.#training[part], true),
      others: others.map((net) => shareOf(net, slices, false)),
    }
  }

  /** Forgets what was judged: the nets are others. */
  forget(): void {
    this.#marks = []
    this.#next = 0
  }

  /** Whether it is still as these settings want it. */
  fits({ evaluation, batch, net }: Settings): boolean {
    const { settings } = this
    return settings.evaluation === evaluation && settings.batch === batch && settings.net === net
  }

  dispose(): void {
    for (const { x } of [...this.#evaluation.flat(), ...this.#training.flat()]) x.dispose()
  }
}

/** The first `most` of the digits that the net gets wrong, in the mode of the settings. */
export function mistakesOf(net: nn.Sequential, digits: Digits, settings: Settings, most: number): Mistakes {
  const training = settings.evaluation !== 'eval'
  const indices = judged(digits, JUDGED, settings)
  const size = training ? settings.batch : SLICE
  const shown: Mistakes['shown'] = []
  for (let first = 0; first + size <= indices.length && shown.length < most; first += size) {
    const places = indices.slice(first, first + size)
    const { x, y } = digits.batch(places)
    const answers = answersTo(net, x, training)
    x.dispose()
    y.dispose()
    for (const [i, index] of places.entries()) {
      const label = digits.labels[index]
      if (answers[i] !== label && shown.length < most) shown.push({ index, label, answer: answers[i] })
    }
  }
  const pixels = new Uint8Array(shown.length * PIXELS)
  for (const [i, { index }] of shown.entries()) {
    pixels.set(digits.pixels.subarray(index * PIXELS, (index + 1) * PIXELS), i * PIXELS)
  }
  return { shown, pixels }
}

/** Probabilities of the ten digits for each image of `x`, row by row. */
export function probabilities(net: nn.Sequential, x: Tensor, training = false): Float32Array {
  return noGrad(() => {
    net.eval()
    const logits = training ? logitsInTraining(net, x) : net.forward(x)
    const p = nn.functional.softmax(logits, 1).toFloat32Array()
    net.train()
    return p
  })
}
