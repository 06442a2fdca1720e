/** Slips with layers and modules. */
import { ArgumentError, nn, ShapeError, StateDictError } from 'simdgrad'
import { linear, made, type Slip, t } from './slip.js'

const tensor = /tensor/i
const argument = { error: ArgumentError }
const byName = /by name|option/

/** Each layer, with nested arrays and nothing as its input. */
const FORWARDS: [string, () => nn.Module][] = [
  ['Linear', () => new nn.Linear(2, 3)],
  ['Conv2d', () => new nn.Conv2d(1, 2, 3)],
  ['BatchNorm1d', () => new nn.BatchNorm1d(2)],
  ['BatchNorm2d', () => new nn.BatchNorm2d(2)],
  ['MaxPool2d', () => new nn.MaxPool2d(2)],
  ['AvgPool2d', () => new nn.AvgPool2d(2)],
  ['LayerNorm', () => new nn.LayerNorm(2)],
  ['GELU', () => new nn.GELU()],
  ['ReLU', () => new nn.ReLU()],
  ['Flatten', () => new nn.Flatten()],
  ['Dropout', () => new nn.Dropout()],
]

const sequential = made('Sequential(Linear(2, 3))', () => new nn.Sequential(new nn.Linear(2, 3)))
const loss = made('CrossEntropyLoss()', () => new nn.CrossEntropyLoss())
const inSequential = { error: ArgumentError, names: /Sequential|Linear/ }

export const LAYERS: Slip[] = [
  ...FORWARDS.flatMap(([name, make]): Slip[] => [
    [`nn.${name}.forward`, [made(`${name}(…)`, make), [[1, 2]]], tensor, argument],
    [`nn.${name}.forward`, [made(`${name}(…)`, make)], tensor, argument],
    [`nn.${name}.forward`, [made(`${name}(…)`, make), new Float32Array(2)], tensor, argument],
  ]),
  ['nn.Sequential.forward', [sequential, [[1, 2]]], tensor, inSequential],
  ['nn.Sequential.forward', [sequential], tensor, inSequential],
  ['nn.Linear', [], /whole number/],
  ['nn.Linear', [0, 3], /at least 1/],
  ['nn.Linear', ['2', 3], /whole number/],
  ['nn.Linear', [2, 3, false], byName],
  ['nn.Linear', [2, 3, { biases: false }], /bias/],
  ['nn.Linear', [2, 3, { bias: 'no' }], /bias/],
  ['nn.Conv2d', [], /whole number/],
  ['nn.Conv2d', [1, 6], /kernelSize/],
  ['nn.Conv2d', [1, 6, '3'], /kernelSize/],
  ['nn.Conv2d', [1, 6, 3, 1], byName],
  ['nn.Conv2d', [1, 6, 3, { stride: 0 }], /stride/],
  ['nn.Conv2d', [1, 6, 3, { dilation: 2 }], /stride, padding, bias/],
  ['nn.BatchNorm1d', [], /whole number/],
  ['nn.BatchNorm1d', [3, { momentum: 2 }], /0 to 1/],
  ['nn.BatchNorm1d', [3, 1e-5], byName],
  ['nn.BatchNorm2d', ['6'], /whole number/],
  ['nn.BatchNorm2d', [6, { track_running_stats: false }], /trackRunningStats/],
  ['nn.BatchNorm2d', [6, { affine: 'no' }], /affine/],
  ['nn.AvgPool2d', [], /kernelSize/],
  ['nn.AvgPool2d', [2, 2], byName],
  ['nn.AvgPool2d', [2, { padding: -1 }], /padding/],
  ['nn.LayerNorm', [], /normalizedShape/],
  ['nn.LayerNorm', [0], /normalizedShape/],
  ['nn.LayerNorm', ['2'], /normalizedShape/],
  ['nn.LayerNorm', [2, 1e-5], byName],
  ['nn.LayerNorm', [2, { eps: -1 }], /eps/],
  ['nn.LayerNorm', [2, { elementwise_affine: false }], /elementwiseAffine/],
  ['nn.MaxPool2d', [], /kernelSize/],
  ['nn.MaxPool2d', ['2'], /kernelSize/],
  ['nn.MaxPool2d', [2, 2], byName],
  ['nn.MaxPool2d', [2, { stride: 0 }], /stride/],
  ['nn.Flatten', ['a'], /startDim|dim/],
  ['nn.Flatten', [1.5], /startDim|dim/],
  ['nn.Dropout', [2], /0 to 1/],
  ['nn.Dropout', [{ p: 0.5 }], /probability/],
  ['nn.Sequential', [[linear, linear]], /module/i, argument],
  ['nn.Sequential', [linear, null], /module/i, argument],
  ['nn.Sequential', [linear, made('x => x.relu()', () => () => null)], /module/i, argument],
  ['nn.Sequential', [made('nn.ReLU', () => nn.ReLU)], /module|new/i, argument],
  ['nn.CrossEntropyLoss', ['mean'], byName],
  ['nn.CrossEntropyLoss', [{ weight: t(3) }], /reduction/],
  ['nn.CrossEntropyLoss', [{ reduction: 'avg' }], /mean/],
  ['nn.CrossEntropyLoss.forward', [loss, t(1, 2), null], /class|label/],
  ['nn.CrossEntropyLoss.forward', [loss, [[1, 2]], [0]], tensor],
  ['nn.Parameter', [], tensor, argument],
  ['nn.Parameter', [[1, 2]], tensor, argument],
  ['nn.Parameter', [3], tensor, argument],
  ['nn.Module.loadStateDict', [linear], /state/i],
  ['nn.Module.loadStateDict', [linear, null], /state/i],
  ['nn.Module.loadStateDict', [linear, linear], /state/i],
  ['nn.Module.loadStateDict', [linear, 'linear.safetensors'], /state/i],
  ['nn.Module.loadStateDict', [linear, { weight: [[1, 2]], bias: t(3) }], /tensor/],
  ['nn.Module.loadStateDict', [linear, { weight: t(3, 2), bias: null }], /tensor|missing/],
  ['nn.Module.loadStateDict', [linear, { weight: t(3, 2) }], /missing: bias/, { error: StateDictError }],
  ['nn.Module.loadStateDict', [linear, { weight: t(3, 2), bias: t(3) }, false], byName],
  ['nn.Module.registerBuffer', [linear, 'mean', [1, 2]], tensor, argument],
  ['nn.Module.registerBuffer', [linear, 'mean'], tensor, argument],
  ['nn.Module.registerBuffer', [linear, 5, t(2)], /name/],
  ['nn.Module.registerBuffer', [linear, 'weight', t(2)], /weight/],
  ['nn.Module.registerBuffer', [linear, 'a.b', t(2)], /a\.b/],
  ['nn.Module.train', [linear, 'no'], /true or false|boolean/],
  ['nn.Module.train', [linear, null], /true or false|boolean/],
  ['nn.Linear.forward', [linear, t(4, 5)], /expected an input of shape/, { error: ShapeError }],
]
