/** Slips with metrics, callbacks and weighted losses. */
import { ArgumentError, metrics, nn, optim } from 'simdgrad'
import { linear, made, type Slip, t } from './slip.js'

const argument = { error: ArgumentError }
const byName = /by name|option/

const accuracy = made('accuracy', () => new metrics.Accuracy())

const plateau = made('plateau', () => {
  const optimizer = new optim.SGD([new nn.Parameter(t(1).make() as never)], { lr: 0.1 })
  return new optim.lrScheduler.ReduceLROnPlateau(optimizer)
})

const SCORES = ['Precision', 'Recall', 'F1Score'].flatMap((name): Slip[] => [
  [`metrics.${name}`, ['macro'], byName, argument],
  [`metrics.${name}`, [{ average: 'mean' }], /average.*macro/, argument],
  [`metrics.${name}`, [{ classes: 3 }], /average/, argument],
])

export const CALLBACKS: Slip[] = [
  ...SCORES,
  ['metrics.Accuracy', [5], byName, argument],
  ['metrics.Accuracy', [{ top_k: 5 }], /topK/, argument],
  ['metrics.Accuracy', [{ topK: 0 }], /topK/, argument],
  ['metrics.Accuracy', [{ threshold: 'x' }], /threshold/, argument],
  ['metrics.OutputMetric', [accuracy], /name, or a place/, argument],
  ['metrics.OutputMetric', ['kind'], /metric/, argument],
  ['metrics.OutputMetric', [-1, accuracy], /place/, argument],
  ['metrics.ConfusionMatrix', [3], byName, argument],
  ['metrics.ConfusionMatrix', [{ ignoreIndex: null }], /ignoreIndex/, argument],
  ['callbacks.ClipGrad', [1], byName, argument],
  ['callbacks.ClipGrad', [{}], /norm.*value/, argument],
  ['callbacks.ClipGrad', [{ norm: 1, value: 1 }], /norm.*value/, argument],
  ['callbacks.ClipGrad', [{ norm: -1 }], /norm/, argument],
  ['callbacks.ClipGrad', [{ maxNorm: 1 }], /norm/, argument],
  ['callbacks.EarlyStopping', [5], byName, argument],
  ['callbacks.EarlyStopping', [{ patience: 0 }], /patience/, argument],
  ['callbacks.EarlyStopping', [{ minDelta: -1 }], /minDelta/, argument],
  ['callbacks.EarlyStopping', [{ monitor: 5 }], /monitor/, argument],
  ['callbacks.EarlyStopping', [{ monitor: 'valid.mae' }], /mode/, argument],
  ['callbacks.EarlyStopping', [{ mode: 'less' }], /mode/, argument],
  ['callbacks.EarlyStopping', [{ restoreBest: 'yes' }], /restoreBest/, argument],
  ['callbacks.ModelAverage', [], /AveragedModel/, argument],
  ['callbacks.ModelAverage', [linear], /AveragedModel/, argument],
  ['callbacks.StepScheduler', [], /lrScheduler/, argument],
  ['callbacks.StepScheduler', [plateau], /scheduler/, argument],
  ['callbacks.Checkpoint', [], /folder/, argument],
  ['callbacks.Checkpoint', [{ folder: 'a' }], /folder/, argument],
  ['callbacks.Checkpoint', ['a', { every: 5 }], /everySteps/, argument],
  ['callbacks.Checkpoint', ['a', { everySteps: 0 }], /everySteps/, argument],
  ['callbacks.Checkpoint', ['a', { keep: 0 }], /keep/, argument],
  ['callbacks.Checkpoint', ['a', { resume: 'yes' }], /resume/, argument],
  ['callbacks.Checkpoint', ['a', { settings: 5 }], /settings/, argument],
  ['callbacks.Checkpoint', ['a', { onMessage: 5 }], /onMessage/, argument],
  ['nn.WeightedLoss', [], /reduction 'none'/, argument],
  ['nn.WeightedLoss', [made('mse', () => nn.functional.mseLoss)], /reduction 'none'/, argument],
  ['nn.WeightedLoss', [made('MSELoss', () => new nn.MSELoss())], /reduction: 'none'/, argument],
  [
    'nn.WeightedLoss.forward',
    [made('loss', () => new nn.WeightedLoss(new nn.MSELoss({ reduction: 'none' }))), t(2), t(2)],
    /weights/,
    argument,
  ],
]
