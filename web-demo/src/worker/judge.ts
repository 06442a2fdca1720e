/** Answers on test digits. */
import { nn, noGrad, type Tensor } from 'simdgrad'
import { PIXELS } from '../../shards.js'
import type { Mistakes } from '../protocol.js'
import type { Settings } from '../settings.js'
import type { Digits } from './digits.js'
import { logitsInTraining } from './inspect.js'

/** Images at a time in evaluation mode, where the batch's size changes nothing. */
const SLICE = 250

/** Images that are judged together, and where they stand among those to be judged. */
interface Slice {
  x: Tensor
  start: number
}

/** Places of the first `count` digits, in the order in which they are judged. */
export function judged(digits: Digits, count: number, { evaluation }: Settings): number[] {
  const places = Array.from({ length: Math.min(count, digits.count) }, (_, i) => i)
  if (evaluation === 'sorted') places.sort((a, b) => digits.labels[a] - digits.labels[b] || a - b)
  return places
}

/**
 * In training mode batch norm takes mean and variance from the digits that are judged together, so then they
 * are judged in batches of the size that is trained with.
 */
function* slicesOf(digits: Digits, indices: readonly number[], settings: Settings): Generator<Slice> {
  const evaluating = settings.evaluation === 'eval'
  const size = evaluating ? SLICE : Math.min(settings.batch, indices.length)
  for (let first = 0; first < indices.length; first += size) {
    // A last batch of one would have no variance: it is judged with those before it.
    const start = evaluating ? first : Math.min(first, indices.length - size)
    const { x, y } = digits.batch(indices.slice(start, start + size))
    y.dispose()
    yield { x, start }
  }
}

function answersTo(net: nn.Sequential, { x }: Slice, { evaluation }: Settings): Float32Array {
  return noGrad(() => {
    net.eval()
    const logits = evaluation === 'eval' ? net.forward(x) : logitsInTraining(net, x)
    net.train()
    return logits.argmax({ dim: 1 }).toFloat32Array()
  })
}

/** The same test digits, judged again and again: they are made ready once. */
export class Exam {
  readonly #labels: Uint8Array
  readonly #slices: Slice[]

  constructor(
    digits: Digits,
    count: number,
    readonly settings: Settings,
  ) {
    const indices = judged(digits, count, settings)
    this.#labels = Uint8Array.from(indices, (index) => digits.labels[index])
    this.#slices = [...slicesOf(digits, indices, settings)]
  }

  /** Share of right answers. */
  accuracy(net: nn.Sequential): number {
    const right = new Uint8Array(this.#labels.length)
    for (const slice of this.#slices) {
      const answers = answersTo(net, slice, this.settings)
      for (let i = 0; i < answers.length; i++) {
        right[slice.start + i] = answers[i] === this.#labels[slice.start + i] ? 1 : 0
      }
    }
    return right.reduce((sum, one) => sum + one, 0) / right.length
  }

  /** Whether it is still as these settings want it. */
  fits({ evaluation, batch, net }: Settings): boolean {
    const { settings } = this
    return settings.evaluation === evaluation && settings.batch === batch && settings.net === net
  }

  dispose(): void {
    for (const { x } of this.#slices) x.dispose()
  }
}

/** The digits that the net gets wrong, with the pixels of the first `most`. */
export function mistakesOf(
  net: nn.Sequential,
  digits: Digits,
  indices: number[],
  settings: Settings,
  most: number,
): Mistakes {
  const given = new Uint8Array(indices.length)
  for (const slice of slicesOf(digits, indices, settings)) {
    given.set(answersTo(net, slice, settings), slice.start)
    slice.x.dispose()
  }
  const wrong = indices
    .map((index, i) => ({ index, label: digits.labels[index], answer: given[i] }))
    .filter(({ label, answer }) => label !== answer)
    .sort((a, b) => a.index - b.index)
  const shown = wrong.slice(0, most)
  const pixels = new Uint8Array(shown.length * PIXELS)
  for (const [i, { index }] of shown.entries()) {
    pixels.set(digits.pixels.subarray(index * PIXELS, (index + 1) * PIXELS), i * PIXELS)
  }
  return { count: wrong.length, of: indices.length, shown, pixels }
}

/** Probabilities of the ten digits for one image, in evaluation mode. */
export function probabilities(net: nn.Sequential, x: Tensor): Float32Array {
  return noGrad(() => {
    net.eval()
    const p = nn.functional.softmax(net.forward(x), 1).toFloat32Array()
    net.train()
    return p
  })
}
