/** Answers on test digits. */
import { nn, noGrad, type Tensor } from 'simdgrad'
import { PIXELS } from '../../shards.js'
import type { Mistakes } from '../protocol.js'
import type { Settings } from '../settings.js'
import type { Digits } from './digits.js'
import { logitsInTraining } from './inspect.js'

/** Images at a time in evaluation mode, where the batch's size changes nothing. */
const SLICE = 250

/**
 * The net's answers for these test digits. In training mode batch norm takes mean and variance from the
 * digits that are judged together, so then they are judged in batches of the size that is trained with.
 */
export function answersOf(
  net: nn.Sequential,
  digits: Digits,
  indices: readonly number[],
  { evaluation, batch }: Settings,
): Uint8Array {
  const answers = new Uint8Array(indices.length)
  const size = evaluation === 'eval' ? SLICE : Math.min(batch, indices.length)
  noGrad(() => {
    net.eval()
    for (let first = 0; first < indices.length; first += size) {
      // A last batch of one would have no variance: it is judged with those before it.
      const start = evaluation === 'eval' ? first : Math.min(first, indices.length - size)
      const { x, y } = digits.batch(indices.slice(start, start + size))
      const logits = evaluation === 'eval' ? net.forward(x) : logitsInTraining(net, x)
      answers.set(logits.argmax({ dim: 1 }).toFloat32Array(), start)
      for (const tensor of [x, y]) tensor.dispose()
    }
    net.train()
  })
  return answers
}

/** Places of the first `count` digits, in the order in which they are judged. */
export function judged(digits: Digits, count: number, { evaluation }: Settings): number[] {
  const places = Array.from({ length: Math.min(count, digits.count) }, (_, i) => i)
  if (evaluation === 'sorted') places.sort((a, b) => digits.labels[a] - digits.labels[b] || a - b)
  return places
}

export function accuracyOf(
  net: nn.Sequential,
  digits: Digits,
  indices: number[],
  settings: Settings,
): number {
  const answers = answersOf(net, digits, indices, settings)
  return answers.filter((answer, i) => answer === digits.labels[indices[i]]).length / indices.length
}

/** The digits that the net gets wrong, with the pixels of the first `most`. */
export function mistakesOf(
  net: nn.Sequential,
  digits: Digits,
  indices: number[],
  settings: Settings,
  most: number,
): Mistakes {
  const answers = answersOf(net, digits, indices, settings)
  const wrong = indices
    .map((index, i) => ({ index, label: digits.labels[index], answer: answers[i] }))
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
