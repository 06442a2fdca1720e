/** Slips with optimisers, loops, data and files. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ArgumentError,
  type data as Data,
  DataError,
  data,
  nn,
  ones,
  optim,
  ShapeError,
  tensor,
} from 'simdgrad'
import { OWN_DATA } from './data.js'
import { linear, made, parameters, type Slip, t } from './slip.js'

const argument = { error: ArgumentError }
const byName = /by name|option/

const twice = made('[p, p]', () => {
  const parameter = new nn.Parameter(ones([2]))
  return [parameter, parameter]
})

export const OPTIMIZERS: Slip[] = [
  ...['SGD', 'Adam', 'AdamW', 'NAdam', 'RMSprop', 'Adagrad'].flatMap((name): Slip[] => [
    [`optim.${name}`, [linear], /parameters/, argument],
    [`optim.${name}`, [linear, { lr: 0.1 }], /parameters/, argument],
    [`optim.${name}`, [{ params: parameters, lr: 0.1 }], /list/, argument],
    [`optim.${name}`, [[{ params: parameters, learningRate: 0.1 }]], /option.*lr/, argument],
    [`optim.${name}`, [[{ params: parameters, lr: -1 }]], /lr/, argument],
    [`optim.${name}`, [[{ params: linear }]], /parameters\(\)/, argument],
    [`optim.${name}`, [[{ parameters }]], /tensor/, argument],
    [`optim.${name}`, [[{ params: parameters }, linear]], /group/, argument],
    [`optim.${name}`, [[{ params: [] }]], /no parameters/, argument],
    [`optim.${name}`, [[{ params: twice }]], /twice/, argument],
    [`optim.${name}`, [], /parameters/, argument],
    [`optim.${name}`, [null], /parameters/, argument],
    [`optim.${name}`, [[]], /no parameters/, argument],
    [`optim.${name}`, [[1, 2]], /tensor|parameter/i, argument],
    [`optim.${name}`, [twice], /twice|more than once/, argument],
    [`optim.${name}`, [parameters, 0.1], byName, argument],
    [`optim.${name}`, [parameters, { lr: '0.1' }], /lr/, argument],
    [`optim.${name}`, [parameters, { lr: Number.NaN }], /lr/, argument],
    [`optim.${name}`, [parameters, { weight_decay: 1 }], /weightDecay/, argument],
    [`optim.${name}`, [parameters, { weightDecay: -1 }], /weightDecay/, argument],
  ]),
  [
    'optim.SGD',
    [made('net.namedParameters()', () => new nn.Linear(1, 1).namedParameters())],
    /parameters/,
    argument,
  ],
  ['optim.SGD', [made('net.stateDict()', () => new nn.Linear(1, 1).stateDict())], /parameters/, argument],
  ['optim.SGD', [parameters, { dampening: -5 }], /dampening/, argument],
  ['optim.SGD', [parameters, { dampening: Number.NaN }], /dampening/, argument],
  ['optim.SGD', [parameters, { momentum: -1 }], /momentum/, argument],
  ['optim.SGD', [parameters, { momentum: '0.9' }], /momentum/, argument],
  ['optim.SGD', [parameters, { nesterov: true }], /momentum/, argument],
  ['optim.SGD', [parameters, { nesterov: 'yes', momentum: 0.9 }], /nesterov/, argument],
  ['optim.Adam', [parameters, { betas: [0.9] }], /betas/, argument],
  ['optim.Adam', [parameters, { betas: 0.9 }], /betas/, argument],
  ['optim.Adam', [parameters, { betas: [0.9, 1.5] }], /betas/, argument],
  ['optim.AdamW', [parameters, { eps: -1 }], /eps/, argument],
]

const set = made('set', () => new data.TensorDataset(ones([4, 2]), tensor([0, 1, 0, 1])))
const loader = made('loader', () => new data.DataLoader(set.make() as Data.Dataset, { batchSize: 2 }))
const sgd = made('optimizer', () => new optim.SGD([new nn.Parameter(ones([1]))], { lr: 0.1 }))
const loss = made('loss', () => new nn.CrossEntropyLoss())
const all = { train: loader, optimizer: sgd, loss }
const norm = made('BatchNorm1d(2)', () => new nn.BatchNorm1d(2))

const states = made('[a, b]', () => [new nn.Linear(1, 1).stateDict(), new nn.Linear(1, 1).stateDict()])

export const LOOPS: Slip[] = [
  ['compile', [], /function/, argument],
  ['compile', [linear], /function/, argument],
  ['compile', [t(2)], /function/, argument],
  ['fit', [], /net|module/i, argument],
  ['fit', [linear], /option|train/, argument],
  ['fit', [linear, {}], /train/, argument],
  ['fit', [null, all], /net|module/i, argument],
  ['fit', [made('x => x', () => (x: unknown) => x), all], /net|module/i, argument],
  ['fit', [linear, { train: loader, loss }], /optimizer/, argument],
  ['fit', [linear, { train: loader, optimizer: sgd }], /loss/, argument],
  ['fit', [linear, { optimizer: sgd, loss }], /train/, argument],
  ['fit', [linear, loader], /option|train/, argument],
  ['fit', [linear, { ...all, train: set }], /DataLoader/, argument],
  ['fit', [linear, { ...all, train: [[t(4, 2), [0, 1, 0, 1]]] }], /DataLoader/, argument],
  ['fit', [linear, { ...all, valid: set }], /DataLoader/, argument],
  ['fit', [linear, { ...all, optimizer: made('optim.SGD', () => optim.SGD) }], /optimizer/, argument],
  ['fit', [linear, { ...all, optimizer: { lr: 0.1 } }], /optimizer/, argument],
  [
    'fit',
    [linear, { ...all, loss: made('crossEntropy', () => nn.functional.crossEntropy) }],
    /loss/,
    argument,
  ],
  ['fit', [linear, { ...all, loss: made('() => 1', () => ({ forward: () => 1 })) }], /loss/, argument],
  [
    'fit',
    [linear, { ...all, loss: made('() => tensor([1, 2])', () => ({ forward: () => ones([2]) })) }],
    /loss/,
  ],
  ['fit', [linear, { ...all, scheduler: 0.9 }], /scheduler/, argument],
  [
    'fit',
    [
      linear,
      {
        ...all,
        scheduler: made('another', () => new optim.lrScheduler.StepLR(sgd.make() as optim.Optimizer, 1)),
      },
    ],
    /scheduler/,
    argument,
  ],
  ['fit', [linear, { ...all, epochs: '3' }], /epochs/, argument],
  ['fit', [linear, { ...all, epochs: Number.POSITIVE_INFINITY }], /epochs/, argument],
  ['fit', [linear, { ...all, signal: made('controller', () => new AbortController()) }], /signal/, argument],
  ['fit', [linear, { ...all, onEpoch: 5 }], /onEpoch/, argument],
  ['fit', [linear, { ...all, onProgress: 'yes' }], /onProgress/, argument],
  ['fit', [linear, { ...all, metrics: { accuracy: 0.5 } }], /metrics by name/, argument],
  ['fit', [linear, { ...all, callbacks: { onEpochEnd: 1 } }], /callbacks.*array/, argument],
  ['fit', [linear, { ...all, callbacks: [null] }], /callbacks.*array/, argument],
  ['fit', [linear, { ...all, accumulate: 0 }], /accumulate.*at least 1/, argument],
  ['fit', [linear, { ...all, accumulate: '4' }], /accumulate.*whole number/, argument],
  ['evaluate', [], /net|module/i, argument],
  ['evaluate', [linear], /batch/, argument],
  ['evaluate', [linear, loader], /metrics/, argument],
  ['evaluate', [linear, loader, [loss]], /by name/, argument],
  ['evaluate', [linear, loader, { loss: 'mse' }], /metrics\.loss.*loss/, argument],
  ['evaluate', [linear, [1, 2], { loss }], /a batch is an array \[x, y\]/, argument],
  ['evaluate', [linear, loader, { loss }, { compile: 'no' }], /compile/, argument],
  ['evaluate', [linear, loader, { loss }, { onReport: true }], /onReport/, argument],
  ['evaluate', [linear, loader, { loss }, 5], byName, argument],
  ['recalibrate', [], /net|module/i, argument],
  ['recalibrate', [norm], /data|batch/, argument],
  ['recalibrate', [norm, []], /batch/, argument],
  ['recalibrate', [norm, 5], /data|batch/, argument],
  ['recalibrate', [norm, [1, 2]], /batch|tensor/, argument],
  ['recalibrate', [null, loader], /net|module/i, argument],
  ['recalibrate', [norm, loader, { batches: 0 }], /batches/, argument],
  ['recalibrate', [norm, loader, { precise: 1 }], /precise/, argument],
  ['recalibrate', [norm, loader, { signal: true }], /signal/, argument],
  ['recalibrate', [norm, loader, { onProgress: 1 }], /onProgress/, argument],
  ['recalibrate', [norm, loader, { samples: 1 }], /option/, argument],
  ['freezeBatchNorm', [], /Module/, argument],
  ['freezeBatchNorm', [norm, true], byName, argument],
  ['freezeBatchNorm', [norm, { affine: 'yes' }], /affine/, argument],
  ['unfreezeBatchNorm', [null], /Module/, argument],
  ['inspectBatchNorm', [], /Module/, argument],
  ['inspectBatchNorm', [norm], /data|batches/, argument],
  ['inspectBatchNorm', [norm, []], /no batch/, argument],
  ['inspectBatchNorm', [norm, [1]], /tensors/, argument],
  ['inspectBatchNorm', [norm, loader, { loss: 1 }], /loss/, argument],
  ['inspectBatchNorm', [norm, loader, { samples: 0 }], /samples/, argument],
  ['inspectBatchNorm', [norm, loader, { steps: 'many' }], /steps/, argument],
  ['inspectBatchNorm', [norm, loader, { batches: 1 }], /option/, argument],
  ['foldBatchNorm', [], /Module/, argument],
  ['foldBatchNorm', [norm, [1, 2]], byName, argument],
  ['foldBatchNorm', [norm, { inputs: 2 }], /inputs/, argument],
  ['foldBatchNorm', [norm, { inputs: ['a'] }], /shape/, {}],
  ['foldBatchNorm', [norm, { into: 1 }], /into/, argument],
  ['foldBatchNorm', [norm, { tolerance: -1 }], /tolerance/, argument],
  ['predictor', [], /Module/, argument],
  ['predictor', [norm, [1, 2]], byName, argument],
  ['predictor', [norm, { batchSizes: 4 }], /batchSizes/, argument],
  ['predictor', [norm, { batchSizes: [1.5] }], /batch size/, argument],
  ['predictor', [norm, { fold: 'no' }], /fold/, argument],
  ['predictor', [norm, { inputs: 2 }], /inputs/, { ...argument, names: /foldBatchNorm/ }],
  ['averageStates', [], /array/, argument],
  ['averageStates', [[]], /array/, argument],
  ['averageStates', [[norm]], /stateDict\(\)/, argument],
  ['averageStates', [states, 2], /weights/, argument],
  ['averageStates', [states, [1]], /2 states/, argument],
  ['averageStates', [states, [1, -1]], /at least 0/, argument],
  ['averageStates', [states, [0, 0]], /only 0/, argument],
]

const images = { shape: [2, 3, 3], data: new Uint8Array(18) }
const labels = { shape: [2], data: new Uint8Array(2) }

export const DATA: Slip[] = [
  ...OWN_DATA,
  ['data.DataLoader', [], /dataset/i, argument],
  ['data.DataLoader', [null], /dataset/i, argument],
  ['data.DataLoader', [t(4, 2)], /dataset/i, argument],
  ['data.DataLoader', [[[1, 2]]], /dataset/i, argument],
  ['data.DataLoader', [set, 32], byName, argument],
  ['data.DataLoader', [set, { batch_size: 2 }], /batchSize/, argument],
  ['data.DataLoader', [set, { batchSize: '2' }], /batchSize/, argument],
  ['data.DataLoader', [set, { shuffle: 'yes' }], /shuffle/, argument],
  ['data.TensorDataset', [], /tensor/, argument],
  ['data.TensorDataset', [[1, 2]], /tensor/, argument],
  ['data.TensorDataset', [t(2), null], /tensor/, argument],
  ['data.TensorDataset', [[t(2), t(2)]], /tensor/, argument],
  ['data.TensorDataset', [t(2), t(3)], /dimension/, { error: ShapeError }],
  ['data.ImageDataset', [], /images/],
  ['data.ImageDataset', [images], /label/],
  ['data.ImageDataset', [images, [0, 1]], /label/],
  ['data.ImageDataset', [t(2, 3, 3), labels], /images|bytes/],
  ['data.ImageDataset', [images, labels, 5], /transform/, argument],
  ['data.ImageDataset', [images, labels, { scale: 'a', shift: 0 }], /transform|scale/, argument],
  ['data.normalize', [], /mean/, argument],
  ['data.normalize', ['a', 1], /mean/, argument],
  ['data.normalize', [0, 0], /std/, argument],
  ['data.normalize', [[0.5], [0.5, 1]], /mean/, argument],
  ['data.parseIdx', [], /bytes/],
  ['data.parseIdx', ['train-images', 'file'], /bytes/],
  ['data.mnist', ['folder'], byName, argument],
  ['data.mnist', [{ path: 'folder' }], /root/, argument],
  ['data.mnist', [{ root: 5 }], /root|folder/],
  ['data.mnist', [{ root: 'no/such/folder' }], /no\/such\/folder/, { error: DataError, names: /mnist/i }],
]

const named = (name: string) => ({ names: new RegExp(`${name}|safetensors|state`, 'i') })

/** Nothing is written there; if it were, it would be in no one's way. */
const path = made('path', () => join(tmpdir(), 'simdgrad-slip.safetensors'))

export const FILES: Slip[] = [
  ['loadSafetensors', [], /path|bytes/],
  ['loadSafetensors', [5], /path|bytes/],
  ['loadSafetensors', [['a.safetensors']], /path|bytes/],
  ['loadMetadata', [], /path|bytes/],
  ['loadMetadata', [5], /path|bytes/],
  ['saveSafetensors', [], /path/],
  ['saveSafetensors', [path, { w: t(2) }, { classes: ['a'] }], /metadata/],
  ['saveSafetensors', [path, { w: t(2) }, { metadata: ['a'] }], /metadata.*by name/],
  ['encodeState', [{ w: t(2) }, { metadata: { f: made('f', () => () => 1) } }], /JSON/],
  ['decodeMetadata', [], /bytes/],
  ['decodeMetadata', ['text'], /bytes/],
  ['setRngState', [], /seed, position/],
  ['setRngState', [{ seed: 1 }], /position/],
  ['setRngState', [{ seed: -1, position: 0 }], /seed/],
  ['saveSafetensors', [path], /state/],
  ['saveSafetensors', [{ w: t(2) }], /path/],
  ['saveSafetensors', [path, linear], /state/],
  ['saveSafetensors', [path, { w: [1, 2] }], /tensor/],
  ['encodeState', [], /state/, named('encodeState')],
  ['encodeState', [{ w: [1, 2] }], /tensor/, named('encodeState')],
  ['encodeState', [linear], /state/, named('encodeState')],
  ['decodeState', [], /bytes/, named('decodeState')],
  ['decodeState', ['text', 'file'], /bytes/, named('decodeState')],
  ['hashState', [null], /state/, named('hashState')],
  ['hashState', [{ w: [1, 2] }], /tensor/, named('hashState')],
  ['init', [2], byName, argument],
  ['init', [null], byName, argument],
  ['init', [{ thread: 2 }], /threads/, argument],
  ['init', [{ threads: '2' }], /threads/, argument],
  ['chunksDone', [], /threads/],
  ['chunksDone', [-1], /threads/],
]
