/** Causes of running statistics that are not those of the data, and of channels that carry nothing. */
import {
  type Cause,
  CLASS_DRIFT,
  costText,
  driftText,
  hurts,
  isOff,
  type Look,
  named,
  type Witness,
} from './evidence.js'
import { rootMeanSquare } from './layer-report.js'
import { median } from './measure.js'
import { largestShare } from './samples.js'
import { percent, short } from './table.js'

/** Trap 1: more forwards in training mode than steps. */
export const extraForwards: Look = ({ layers, modes }) => {
  const [witness] = layers.filter(({ steps }) => {
    if (!steps || steps.steps < 10 || steps.forwards <= steps.steps) return false
    // Accumulated gradients, or parts of a batch, are a whole number of forwards a step.
    const times = steps.forwards / steps.steps
    return Math.abs(times - Math.round(times)) * steps.steps >= 5
  })
  if (!witness?.steps) return []
  const { forwards, steps } = witness.steps
  const { training, trainingSorted, evaluation } = modes
  const figures =
    training?.accuracy === undefined
      ? ''
      : ` Accuracy in training mode is ${percent(training.accuracy)}${trainingSorted?.accuracy === undefined ? '' : `, and ${percent(trainingSorted.accuracy)} where the batches are sorted by class`}; in evaluation it is ${percent(evaluation.accuracy)}.`
  const text =
    `${named([witness])}: of ${forwards.toLocaleString('en')} forwards in training mode only ${steps.toLocaleString('en')} were steps of the optimiser; the other ${(forwards - steps * Math.floor(forwards / steps)).toLocaleString('en')} look like validation without net.eval(). ` +
    `In training mode an answer depends on the samples beside it, and each pass moves the running statistics.${figures} Call net.eval() before validation and net.train() after it; fit does.`
  return [{ code: 'validated-in-training-mode', witnesses: [witness], text }]
}

/** Layers that did not train with the others. */
export const evaluationMode: Look = (evidence, left) => {
  const { layers, rootTraining } = evidence
  const counts = layers.flatMap(({ report }) => report.batchesTracked ?? [])
  const usual = median(counts)
  const own = left.filter((witness) => {
    const { mode, batchesTracked } = witness.report
    if (mode === 'frozen') return false
    if (mode === 'evaluation' && rootTraining) return true
    if (batchesTracked === undefined || !(usual > 0)) return false
    return (batchesTracked === 0 || batchesTracked < 0.95 * usual) && isOff(witness)
  })
  if (own.length === 0) return []
  const [{ report }] = own
  const others = median(
    layers.filter((one) => !own.includes(one)).flatMap(({ report }) => report.batchesTracked ?? []),
  )
  const modes =
    report.mode === 'evaluation' && rootTraining
      ? 'is in evaluation mode while the net is in training mode'
      : 'was in evaluation mode while the net trained'
  const counted =
    report.batchesTracked === undefined
      ? ''
      : ` (it has seen ${report.batchesTracked.toLocaleString('en')} batches, ${Number.isNaN(others) ? 'and no other is there' : `the others ${others.toLocaleString('en')}`})`
  const text = `${named(own)}: ${modes}${counted}, so its running statistics stand still: ${driftText(own)}. Call net.train() before training; where it is meant, freezeBatchNorm(layer) says so. ${costText(evidence)}`
  return [{ code: 'evaluation-mode', witnesses: own, text, explains: true }]
}

/** Frozen layers whose data has become another. */
export const frozenShift: Look = (evidence, left) => {
  const own = left.filter((witness) => witness.report.mode === 'frozen' && isOff(witness))
  if (own.length === 0) return []
  const text = `${named(own)}: frozen, and the data is not what the statistics were taken from: ${driftText(own)}. Recalibrate on the new data before freezing (unfreezeBatchNorm, recalibrate, freezeBatchNorm), or train with the layers unfrozen. ${costText(evidence)}`
  return [{ code: 'frozen-shift', witnesses: own, text, explains: true }]
}

/** Classes one after the other: statistics, or answers, of one class alone. */
export const classDrift: Look = (evidence, left) => {
  const { classMeans, layers, answer, samples } = evidence
  const trained = layers.some(
    ({ report }) => report.batchesTracked === undefined || report.batchesTracked >= 20,
  )
  const usual = largestShare(samples.labels ?? [])
  if (answer && trained && answer.share > 0.75 && usual < 0.5) {
    const text = `the net answers class ${answer.label} for ${percent(answer.share)} of the samples, of which the largest class has ${percent(usual)}, also with the data's statistics: as where its classes came one after the other, and the last was learned alone. Shuffle the training data, new data.DataLoader(set, { shuffle: true }), and train anew.`
    return [{ code: 'sorted-by-class', witnesses: [], text, explainsAll: true }]
  }
  if (!classMeans || classMeans.length < 3) return []
  const found = left.filter((witness) => {
    const { mode, drift, channels } = witness.report
    if (mode === 'frozen' || drift < CLASS_DRIFT || channels.length < 4) return false
    const at = layers.indexOf(witness)
    const overall = distance(witness, (c) => meanOfClasses(classMeans, at, c))
    return Math.min(...classMeans.map((own) => distance(witness, (c) => own[at][c]))) < 0.6 * overall
  })
  if (found.length === 0) return []
  const text = `${named(found)}: the running statistics are nearer to those of one class than to those of the data (${driftText(found)}): the net saw its classes one after the other. Shuffle the training data, new data.DataLoader(set, { shuffle: true }), and train anew. ${costText(evidence)}`
  return [{ code: 'sorted-by-class', witnesses: found, text, explainsAll: true }]
}

/** How far the running means are from others, in standard deviations. */
function distance({ report, layer }: Witness, mean: (c: number) => number): number {
  return rootMeanSquare(
    report.channels.map(
      ({ runningMean, trueVar }, c) => (runningMean - mean(c)) / Math.sqrt(trueVar + layer.eps),
    ),
  )
}

function meanOfClasses(classMeans: readonly (readonly Float64Array[])[], layer: number, c: number): number {
  return classMeans.reduce((sum, own) => sum + own[layer][c], 0) / classMeans.length
}

/** An average over all batches that no longer follows the weights. */
export const stalledAverage: Look = (evidence, left) => {
  const own = left.filter(({ report: { momentum, batchesTracked, mode, drift } }) => {
    return momentum === null && mode !== 'frozen' && (batchesTracked ?? 0) >= 50 && drift > 0.12
  })
  if (own.length === 0) return []
  const { batchesTracked = 0 } = own[0].report
  const text = `${named(own)}: ${driftText(own)}. momentum: null averages over all ${(batchesTracked ?? 0).toLocaleString('en')} batches since the start, when the weights were others, and the next one counts 1/${((batchesTracked ?? 0) + 1).toLocaleString('en')}: the average has stalled. Train with momentum 0.1, or recalibrate(net, loader) at the end. ${costText(evidence)}`
  return [{ code: 'stalled-average', witnesses: own, text, explains: true }]
}

/** Inputs in other units: the first layer is off, in all channels alike, and those behind it are not. */
export const inputScale: Look = (evidence, left) => {
  const [first, ...others] = evidence.layers
  if (first === undefined || !left.includes(first) || !isOff(first)) return []
  if (first.report.mode === 'frozen' || first.report.batchesTracked === 0) return []
  const logs = first.report.channels
    .filter(({ dead }) => dead !== 'variance')
    .map(({ varianceRatio }) => Math.log(varianceRatio))
  const centre = median(logs)
  const alike = 1.5 * median(logs.map((log) => Math.abs(log - centre))) < 0.5
  const behind = others.filter((witness) => left.includes(witness) && isOff(witness))
  if (!alike || behind.length > others.length / 2) return []
  const times = Math.exp(-centre / 2)
  const scale =
    Math.abs(Math.log(times)) > 0.15
      ? `what it is given is about ${short(times)} times as large as in training, in all channels alike`
      : 'what it is given is shifted against training, in all channels'
  const text = `${named([first])}, the first: ${scale} (${driftText([first])}). The inputs are scaled otherwise than in training: check the transform (x/255, or (x/255 − 0.5)/0.5?) and the units. ${costText(evidence)}`
  return [{ code: 'input-scale', witnesses: [first], text, explainsAll: true }]
}

/** Whatever else is off. */
export const drift: Look = (evidence, left) => {
  const own = left.filter(isOff)
  const unexplained = left.length === evidence.layers.length && hurts(evidence)
  if (own.length === 0 && !unexplained) return []
  const about: readonly Witness[] = own.length > 0 ? own : worst(left)
  if (about.length === 0) return []
  const never = about.every(({ report }) => report.batchesTracked === 0)
  const why = never
    ? 'They have seen no batch in training'
    : 'The weights were changed after the statistics were taken, or the data is another'
  const text = `${named(about)}: ${driftText(about)}. ${why}. recalibrate(net, loader) computes them for the weights as they are. ${costText(evidence)}`
  return [{ code: 'drift', witnesses: about, text }]
}

const worst = (witnesses: readonly Witness[]) =>
  [...witnesses].sort((a, b) => b.report.errorShare - a.report.errorShare).slice(0, 1)

/** How large a share of a layer's channels may be dead, by what they are dead by. */
const DEAD = { gamma: 0.05, variance: 0.1, relu: 0.3 }
const WHY = {
  gamma: [
    'their weight (gamma) is about 0',
    'The layers behind can do without them; weight decay on gamma makes it so (leave batch norm out of it)',
  ],
  variance: [
    'the variance of what they are given is about 0',
    'The layer before gives them a constant: look for dead units or constant inputs; eps alone is then divided by',
  ],
  relu: [
    'the ReLU behind them never fires on this data',
    'A lower learning rate, or LeakyReLU, keeps them alive',
  ],
} as const

export const deadChannels: Look = ({ layers }) =>
  (['gamma', 'variance', 'relu'] as const).flatMap((kind): Cause[] => {
    const share = ({ report: { channels } }: Witness) =>
      channels.filter(({ dead }) => dead === kind).length / channels.length
    const own = layers.filter((witness) => share(witness) > DEAD[kind])
    if (own.length === 0) return []
    const channels = own[0].report.channels
    const dead = channels.filter((channel) => channel.dead === kind).map(({ channel }) => channel)
    const which = `${dead.slice(0, 8).join(', ')}${dead.length > 8 ? ' …' : ''}`
    const [what, cure] = WHY[kind]
    const text = `${named(own)}: ${dead.length} of ${channels.length} channels are dead (${which}): ${what}. ${cure}.`
    return [{ code: 'dead-channels', witnesses: own, text }]
  })
