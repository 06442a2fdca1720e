/** What is wrong in how a net was trained, as seen in the layers' rules and in the data. */
import {
  type Cause,
  costText,
  driftText,
  type Evidence,
  isOff,
  type Look,
  named,
  type Witness,
} from './evidence.js'
import { median } from './measure.js'
import { largestShare } from './samples.js'
import { momentumText, percent, short } from './table.js'

/** Trap 2: fields that hold on to the graph. */
export const statisticsInGraph: Look = ({ inGraph, layers }) => {
  if (inGraph.length === 0) return []
  const [{ path, field, operations }] = inGraph
  const fields = inGraph.map((one) => `${one.path ? `${one.path}.` : ''}${one.field}`)
  const text =
    `${fields.join(' and ')}: ${inGraph.length > 1 ? 'these fields are' : 'this field is'} recorded in the graph and hold${inGraph.length > 1 ? '' : 's'} on to ${operations > 0 ? `${operations.toLocaleString('en')} operations, more` : 'more operations'} after each step: ` +
    `memory grows, and each epoch is slower than the last. Make the statistics buffers (registerBuffer('${field}', …)) and write them with copy_ in noGrad.`
  const witnesses = layers.filter(({ report }) => report.path === path)
  return [{ code: 'statistics-in-graph', witnesses, text }]
}

/** Trap 3, and momenta of 0 and 1. */
export const momenta: Look = (evidence, left) => {
  const of = (fits: (momentum: number) => boolean) =>
    left.filter(({ report: { momentum, mode } }) => {
      return mode !== 'frozen' && typeof momentum === 'number' && fits(momentum)
    })
  const swapped = of((m) => m >= 0.5 && m < 0.999)
  const one = of((m) => m >= 0.999)
  const zero = of((m) => m < 1e-6)
  const causes: Cause[] = []
  if (swapped.length > 0) {
    const momentum = median(swapped.map(({ report }) => report.momentum ?? 0))
    const text =
      `${named(swapped)}: ${driftText(swapped)}. A momentum of ${momentumText(momentum)}${byHand(swapped)} lets it follow the last batch; PyTorch's default is 0.1 (Keras writes that as 0.9). ` +
      `Use ${momentumText(1 - momentum)}, and recalibrate(net, loader) mends this net. ${costText(evidence)}`
    causes.push({ code: 'momentum-swapped', witnesses: swapped, text, explains: true })
  }
  if (one.length > 0) {
    const text = `${named(one)}: ${driftText(one)}. A momentum of 1 keeps the last batch alone; PyTorch's default is 0.1. recalibrate(net, loader) mends this net. ${costText(evidence)}`
    causes.push({ code: 'momentum-one', witnesses: one, text, explains: true })
  }
  if (zero.length > 0) {
    const text = `${named(zero)}: ${driftText(zero)}. ${zero.every(({ layer }) => layer.ours) ? 'A momentum of 0 never moves the running statistics' : 'The running statistics do not move in training mode'}; PyTorch's default is 0.1. recalibrate(net, loader) computes them from data. ${costText(evidence)}`
    causes.push({ code: 'momentum-zero', witnesses: zero, text, explains: true })
  }
  return causes
}

const byHand = (witnesses: readonly Witness[]) =>
  witnesses.every(({ layer }) => !layer.ours)
    ? " (measured; in PyTorch's meaning, the weight of the new batch)"
    : ''

/** Below it the difference between the two variances is 2 % of a standard deviation, and more. */
const FEW = 60

/** Trap 4: as seen in a step, or in the ratio that the statistics have. */
export const biasedVariance: Look = ({ samples }, left) => {
  const seen = left.filter(({ report, measured }) => report.biased && (measured?.perBatch ?? 0) > 0)
  const few = seen.filter((witness) => valuesPerBatch(witness, samples.batchSize) <= FEW)
  const bySize = left.filter((witness) => !seen.includes(witness) && looksBiased(witness, samples.batchSize))
  return [few, bySize]
    .filter((witnesses) => witnesses.length > 0)
    .map((witnesses) => {
      const n = valuesPerBatch(witnesses[0], samples.batchSize)
      const how =
        witnesses === few
          ? 'a step in training mode was seen to take in'
          : 'the running statistics are those of'
      const text =
        `${named(witnesses)}: ${how} the biased variance, which divides by n: at ${n} values a channel it is (n − 1)/n = ${short((n - 1) / n)} of the data's (here ${short(witnesses[0].report.varianceRatio)}), ` +
        `so outputs in evaluation are ${percent(Math.sqrt(n / (n - 1)) - 1)} too large. Multiply the batch's variance by n/(n − 1) = ${short(n / (n - 1))}, as nn.BatchNorm1d does; x.var() is unbiased.`
      return { code: 'biased-variance' as const, witnesses, text }
    })
}

/** Values of each channel in a batch as the data has them. */
function valuesPerBatch({ measured }: Witness, batchSize: number): number {
  const { n = 0 } = measured?.samples ?? {}
  const spatial = measured && n > 0 ? measured.all.n / n : 1
  return Math.round(batchSize * spatial)
}

/** Whether the variances of several channels agree on (n − 1)/n, where that is far from 1. */
function looksBiased(witness: Witness, batchSize: number): boolean {
  const { report, layer } = witness
  const n = valuesPerBatch(witness, batchSize)
  if (n < 2 || n > 8 || layer.biasedByDesign || report.channels.length < 8 || report.drift > 0.25)
    return false
  const biased = (n - 1) / n
  const apart = report.channels.map(({ varianceRatio }) => Math.log(varianceRatio)).filter(Number.isFinite)
  const centre = median(apart)
  const spread = 1.5 * median(apart.map((one) => Math.abs(one - centre)))
  const error = (1.25 * spread) / Math.sqrt(apart.length)
  return Math.abs(centre - Math.log(biased)) < 0.3 * -Math.log(biased) && centre < -4 * error
}

/** Batches of which the statistics are noise. */
const TINY = 4

export const tinyBatches: Look = ({ samples, modes }, left) => {
  const { batchSize, count } = samples
  const own = left.filter(({ report }) => report.mode !== 'frozen')
  const trained = own.filter(({ together }) => together > 0 && together <= TINY)
  const data = batchSize <= TINY && count > TINY
  if (own.length === 0 || !(data || trained.length > 0)) return []
  const size = data ? batchSize : trained[0].together
  const what = data
    ? `the data comes in batches of ${size}`
    : `${named(trained)}: trained in batches of ${size} at most`
  const { training, evaluation } = modes
  const figures =
    training === undefined
      ? 'Training mode has nothing to normalise a single value with.'
      : training.accuracy !== undefined
        ? `Accuracy in training mode is ${percent(training.accuracy)}, in evaluation ${percent(evaluation.accuracy)}.`
        : ''
  const noise = 1 / Math.sqrt(Math.max(1, size))
  const text =
    `${what}: of so few samples a batch's mean is up to ${short(noise)} σ off by chance (1/√${size}), in training as in what the running statistics are made of. ${figures} ` +
    `Take batches of 16 or more, nn.GroupNorm, or nn.BatchRenorm2d; statistics of tiny batches are mended by recalibrate(net, loader, { precise: true }).${data ? ' (If only this loader is so small, give one as in training.)' : ''}`
  return [{ code: 'tiny-batches', witnesses: data ? [] : trained, text }]
}

/** Data in which a batch has a class or two. */
export const dataSorted: Look = (evidence) => {
  const { samples, modes } = evidence
  const { labels, batches, batchSize } = samples
  if (!labels || batchSize < 4 || batches.length < 2) return []
  const classes = new Set(labels).size
  const mostly = shareOfLargest(samples)
  if (classes < 2) return []
  // Of a mixed batch the largest class has about its share of all, and some by chance.
  const share = largestShare(labels)
  const expected = share + 2.5 * Math.sqrt((share * (1 - share)) / batchSize)
  if (mostly < Math.max(expected, 0.75)) return []
  const { training, trainingSorted, evaluation } = modes
  const figures =
    training?.accuracy === undefined
      ? ''
      : ` In training mode accuracy in these batches is ${percent(training.accuracy)}, in evaluation ${percent(evaluation.accuracy)}${trainingSorted?.accuracy === undefined ? '' : `, sorted by class ${percent(trainingSorted.accuracy)}`}.`
  const text = `the data is sorted by class: on average ${percent(mostly)} of a batch is one class, of ${classes}. In training, a batch's statistics are then those of its class, and the running ones those of the last.${figures} Shuffle it: new data.DataLoader(set, { shuffle: true }).`
  return [{ code: 'sorted-by-class', witnesses: evidence.layers.filter(isOff), text, explainsAll: true }]
}

/** The mean over the batches of the largest class's share. */
function shareOfLargest({ labels = [], batches }: Evidence['samples']): number {
  let at = 0
  let sum = 0
  for (const { x } of batches) {
    sum += largestShare(labels.slice(at, at + x.shape[0]))
    at += x.shape[0]
  }
  return sum / batches.length
}
