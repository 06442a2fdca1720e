/** The losses. */
import * as classes from '../../support/interpreter/losses.js'
import * as elements from '../../support/interpreter/losses-of-elements.js'
import type { Draw } from '../draw.js'
import type { Arg, Kind, Ref } from '../program.js'
import type { Entry, Table } from './entry.js'

type Options = { [key: string]: Arg }

/** Options, each of which is there or left out. */
const some = (d: Draw, options: Options): Options =>
  Object.fromEntries(Object.entries(options).filter(() => d.chance(0.5)))

const reduction = (d: Draw, more: readonly string[] = []): Options =>
  some(d, { reduction: d.pick(['mean', 'sum', 'none', ...more]) })

/** A value, or a leaf, of the shape of `x`; sometimes a single one for all. */
function like(d: Draw, x: Ref, kind: Kind = 'any'): Ref {
  const { shape } = d.known(x)
  const found = d.candidates((v) => String(v.shape) === String(shape) && v.shape.length === shape.length)
  if (kind === 'any' && found.length > 0 && d.chance(0.4)) return { ref: d.pick(found) }
  return d.leaf(d.chance(0.1) ? [] : shape, { kind })
}

/** A factor that broadcasts to `x`. */
function factor(d: Draw, x: Ref): Ref {
  const { shape } = d.known(x)
  const own = shape.map((size) => (d.chance(0.3) ? 1 : size))
  return d.leaf(own.slice(d.below(own.length + 1)), { kind: 'positive' })
}

/** Of numbers: the arguments beside input and target are drawn by `more`. */
const ofNumbers = (twin: Entry['twin'], more: (d: Draw) => Options = () => ({})): Entry => ({
  draw(d) {
    const x = d.value()
    return [x, like(d, x), { ...reduction(d), ...more(d) }]
  },
  twin,
})

/** A value between 0 and 1, or what a sigmoid makes of one. */
function share(d: Draw): Ref {
  const found = d.candidates(({ data }) => data.every((v) => v >= 0.05 && v <= 0.95))
  if (found.length > 0 && d.chance(0.3)) return { ref: d.pick(found) }
  const x = d.value()
  return d.fresh === 1 ? d.leaf(d.known(x).shape, { kind: 'share' }) : d.step('sigmoid', [x])
}

/** Input, class indices, and options. */
function ofClasses(d: Draw, more: (d: Draw) => Options): Arg[] {
  const x = d.value(
    ({ shape }) => shape.length > 0 && shape[Math.min(1, shape.length - 1)] > 0,
    () =>
      d.chance(0.7) ? [d.batch(), d.between(1, 9)] : [...d.shape(1, 1), d.between(1, 5), ...d.shape(0, 2)],
  )
  const { shape } = d.known(x)
  const dim = Math.min(1, shape.length - 1)
  const own = shape.filter((_, i) => i !== dim)
  const many = shape[dim]
  const labels: Arg =
    own.length === 1 && d.chance(0.5)
      ? Array.from({ length: own[0] }, () => d.below(many))
      : d.leaf(own, { kind: 'labels', classes: many, requiresGrad: false, parameter: false })
  const weight = d.chance(0.3) ? { weight: d.leaf([many], { kind: 'positive', requiresGrad: false }) } : {}
  const ignored = d.chance(0.3) ? { ignoreIndex: d.below(many + 1) } : {}
  const options = { ...reduction(d), ...weight, ...ignored, ...more(d) }
  return [x, labels, ...(Object.keys(options).length > 0 ? [options] : [])]
}

/** Input, class probabilities, and options. */
function ofProbabilities(d: Draw, smoothing: Options): Arg[] {
  const x = d.value(
    ({ shape }) => shape.length > 0,
    () => d.shape(1, 4),
  )
  const { shape } = d.known(x)
  const target = d.leaf(shape, { kind: 'share' })
  const many = shape[Math.min(1, shape.length - 1)]
  const weight = d.chance(0.3) ? { weight: d.leaf([many], { kind: 'positive', requiresGrad: false }) } : {}
  return [x, target, { ...reduction(d), ...weight, ...smoothing }]
}

const smoothing = (d: Draw): Options => (d.chance(0.3) ? { labelSmoothing: d.pick([0.1, 0.5, 1]) } : {})

export const losses: Table = {
  mseLoss: ofNumbers(elements.mseLoss),
  l1Loss: ofNumbers(elements.l1Loss),
  smoothL1Loss: ofNumbers(elements.smoothL1Loss, (d) => some(d, { beta: d.pick([0, 0.3, 2]) })),
  huberLoss: ofNumbers(elements.huberLoss, (d) => some(d, { delta: d.pick([0.3, 2]) })),
  binaryCrossEntropy: {
    draw(d) {
      const x = share(d)
      const weight = d.chance(0.3) ? { weight: factor(d, x) } : {}
      return [x, like(d, x, 'share'), { ...reduction(d), ...weight }]
    },
    twin: elements.binaryCrossEntropy,
  },
  binaryCrossEntropyWithLogits: {
    draw(d) {
      const x = d.value()
      const weight = d.chance(0.3) ? { weight: factor(d, x) } : {}
      const posWeight = d.chance(0.3) ? { posWeight: factor(d, x) } : {}
      return [x, like(d, x, d.pick(['share', 'any'])), { ...reduction(d), ...weight, ...posWeight }]
    },
    twin: elements.binaryCrossEntropyWithLogits,
  },
  klDiv: {
    draw(d) {
      const x = d.value()
      const logTarget = d.chance(0.5)
      const batch = d.known(x).shape.length > 0 ? ['batchmean'] : []
      const target = like(d, x, logTarget ? 'any' : 'positive')
      return [x, target, { ...reduction(d, batch), ...(logTarget ? { logTarget } : {}) }]
    },
    twin: elements.klDiv,
  },
  nllLoss: { draw: (d) => ofClasses(d, () => ({})), twin: classes.nllLoss },
  crossEntropy: {
    draw: (d) => (d.chance(0.3) ? ofProbabilities(d, smoothing(d)) : ofClasses(d, smoothing)),
    twin: classes.crossEntropy,
  },
}
