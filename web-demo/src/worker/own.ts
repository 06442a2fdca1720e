/** Digits of the visitor's own: drawn, or read from files. */
import { data, type Tensor, tensor } from 'simdgrad'
import { PIXELS } from '../../shards.js'
import { type Answer, type Both, type OwnAnswers, SIDES } from '../protocol.js'
import { probabilities } from './judge.js'
import type { Trainee } from './trainee.js'

const SIDE = 28
/** Digits that are shown one by one, and judged at all. */
const SHOWN = 8
const MOST = 10_000
/** Digits that are judged together. */
const TOGETHER = 250

/** Digits as images [count, 1, 28, 28], their pixels as those of the training data. */
export function imagesOf(pixels: Uint8Array): Tensor {
  return tensor(
    Float32Array.from(pixels, (pixel) => pixel / 127.5 - 1),
    { shape: [pixels.length / PIXELS, 1, SIDE, SIDE] },
  )
}

/** What IDX files hold, as digits. @throws DataError, or RangeError for images of another size */
export function digitsOf(images: Uint8Array, labels: Uint8Array | undefined) {
  const read = data.parseIdx(images, 'the file of images')
  if (read.shape.length !== 3 || read.shape[1] !== SIDE || read.shape[2] !== SIDE) {
    throw new RangeError(`the file of images has shape [${read.shape}], and the nets read [count, 28, 28]`)
  }
  const known = labels && data.parseIdx(labels, 'the file of labels')
  if (known && (known.shape.length !== 1 || known.shape[0] !== read.shape[0])) {
    throw new RangeError(
      `the file of labels has shape [${known.shape}], and there are ${read.shape[0]} images`,
    )
  }
  const count = Math.min(MOST, read.shape[0])
  return { pixels: read.data.slice(0, count * PIXELS), labels: known?.data.slice(0, count) }
}

/** What both nets say to them, judged together. In training mode one alone can't be judged: it would have no variance. */
export function ownAnswers(
  trainees: Both<Trainee>,
  pixels: Uint8Array,
  labels: Uint8Array | undefined,
): OwnAnswers {
  const count = pixels.length / PIXELS
  const counts = { evaluation: { norm: 0, plain: 0 }, training: 0 }
  const shown: OwnAnswers['shown'] = []
  for (let first = 0; first < count; first += TOGETHER) {
    // A last one that is alone is judged with those before it.
    const start = count - first === 1 && first > 0 ? first - 1 : first
    const part = pixels.subarray(start * PIXELS, Math.min(count, first + TOGETHER) * PIXELS)
    const x = imagesOf(part)
    const of = (side: 'norm' | 'plain') => answers(probabilities(trainees[side].net, x))
    const evaluation = { norm: of('norm'), plain: of('plain') }
    const training =
      part.length > PIXELS ? answers(probabilities(trainees.norm.net, x, true)) : evaluation.norm
    x.dispose()
    for (let i = first - start; i < part.length / PIXELS; i++) {
      const label = labels?.[start + i]
      if (label !== undefined) {
        for (const side of SIDES) if (evaluation[side][i].digit === label) counts.evaluation[side]++
        if (training[i].digit === label) counts.training++
      }
      if (shown.length < SHOWN) {
        shown.push({
          pixels: part.slice(i * PIXELS, (i + 1) * PIXELS),
          label,
          evaluation: { norm: evaluation.norm[i], plain: evaluation.plain[i] },
          training: training[i],
        })
      }
    }
  }
  const { norm, plain } = counts.evaluation
  const right = labels && {
    evaluation: { norm: norm / count, plain: plain / count },
    training: counts.training / count,
  }
  return { count, right, shown }
}

function answers(p: Float32Array): Answer[] {
  return Array.from({ length: p.length / 10 }, (_, i) => {
    const row = p.subarray(i * 10, i * 10 + 10)
    const sure = Math.max(...row)
    return { digit: row.indexOf(sure), sure }
  })
}
