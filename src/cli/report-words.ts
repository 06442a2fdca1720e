/** What the report says in words: networks, figures and what they mean. */
import type { EpochResult } from '../index.node.js'
import type { Tone } from './report-page.js'

/** The figures of one epoch; also the keys of a line of `--json`. */
export interface EpochRecord extends EpochResult {
  net: string
  /** Hexadecimal; see io/hash.ts. */
  weightsHash: string
}

/** One network's training. */
export interface RunHistory {
  net: string
  seed: number
  epochs: EpochRecord[]
  /** Why there are no more epochs, where there should be; such as "interrupted before it began". */
  unfinished?: string
}

/** A figure that has a chart. */
export interface Metric {
  key: 'trainLoss' | 'validLoss' | 'trainAcc' | 'validAcc'
  title: string
  meaning: string
}

/** In the order of their charts. */
export const METRICS: Metric[] = [
  {
    key: 'trainLoss',
    title: 'Training loss',
    meaning:
      'How wrong the network is on the images that it learns from, averaged over each epoch ' +
      'while it learns. Lower is better.',
  },
  {
    key: 'validLoss',
    title: 'Validation loss',
    meaning:
      'How wrong it is, after each epoch, on images that it never learns from. Lower is better; ' +
      'a curve that turns up means that it begins to learn its training images by heart.',
  },
  {
    key: 'trainAcc',
    title: 'Training accuracy',
    meaning: 'The share of training images named rightly while it learns. Higher is better.',
  },
  {
    key: 'validAcc',
    title: 'Validation accuracy',
    meaning:
      'The share of unseen images named rightly after each epoch: the figure to compare nets by. ' +
      'Higher is better.',
  },
]

const KINDS: Record<Tone, string> = {
  norm: 'batch norm',
  layer: 'nn.BatchNorm1d',
  plain: 'no batch norm',
  other: '',
}

/** Batch norm has one colour, none has another, whatever the family. */
export function toneOf(net: string): Tone {
  if (/-bn-layer$/.test(net)) return 'layer'
  if (/-bn$/.test(net)) return 'norm'
  return /^(mlp|cnn)$/.test(net) ? 'plain' : 'other'
}

/** "mlp-bn", and the seed where one net ran more than once. */
export function shortNameOf(run: RunHistory, runs: RunHistory[]): string {
  const several = runs.filter(({ net }) => net === run.net).length > 1
  return several ? `${run.net}, seed ${run.seed}` : run.net
}

/** "mlp-bn (batch norm)", "mlp-bn, seed 1 (batch norm)". */
export function nameOf(run: RunHistory, runs: RunHistory[]): string {
  const kind = KINDS[toneOf(run.net)]
  return shortNameOf(run, runs) + (kind === '' ? '' : ` (${kind})`)
}

/** An accuracy as percent, a loss with four decimals; a dash where there is none. */
export function show(key: Metric['key'], value: number | undefined): string {
  if (value === undefined) return '–'
  if (!Number.isFinite(value)) return String(value)
  return key.endsWith('Acc') ? `${(100 * value).toFixed(2)}\u00a0%` : value.toFixed(4)
}

/** "mlp (no batch norm) ends at 0.0612; best 0.0598 in epoch 7." Epochs count from 1 in all that people read. */
export function sentence(run: RunHistory, key: Metric['key'], runs: RunHistory[]): string {
  const name = nameOf(run, runs)
  const values = run.epochs.flatMap(({ epoch, [key]: value }) =>
    value === undefined ? [] : [{ epoch, value }],
  )
  if (values.length === 0 && run.epochs.length > 0) return `${name} has no answers that are right or wrong.`
  const last = values.at(-1)
  const better = key.endsWith('Acc') ? -1 : 1
  const best = values
    .filter(({ value }) => Number.isFinite(value))
    .sort((a, b) => better * (a.value - b.value) || a.epoch - b.epoch)[0]
  if (last === undefined || best === undefined) return `${name} has no finite value.`
  const end = `${name} ends at ${show(key, last.value)}`
  if (best.value === last.value) return values.length > 1 ? `${end}, its best.` : `${end}.`
  return `${end}; best ${show(key, best.value)} in epoch ${best.epoch + 1}.`
}
