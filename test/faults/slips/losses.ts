/** Slips with losses: as functions of nn.functional, and as layers. */
import { ArgumentError, nn, ShapeError, tensor } from 'simdgrad'
import { made, type Slip, t } from './slip.js'

const argument = { error: ArgumentError }
const shape = { error: ShapeError }
const ofTensors = /tensor/i

/** The losses of an input and a target of its shape: function, layer, and how it is made. */
const ELEMENTWISE: [string, string, () => unknown][] = [
  ['mseLoss', 'MSELoss', () => new nn.MSELoss()],
  ['l1Loss', 'L1Loss', () => new nn.L1Loss()],
  ['smoothL1Loss', 'SmoothL1Loss', () => new nn.SmoothL1Loss()],
  ['huberLoss', 'HuberLoss', () => new nn.HuberLoss()],
  ['binaryCrossEntropy', 'BCELoss', () => new nn.BCELoss()],
  ['binaryCrossEntropyWithLogits', 'BCEWithLogitsLoss', () => new nn.BCEWithLogitsLoss()],
  ['klDiv', 'KLDivLoss', () => new nn.KLDivLoss()],
]

const nll = made('NLLLoss()', () => new nn.NLLLoss())
const cross = made('CrossEntropyLoss()', () => new nn.CrossEntropyLoss())
const values = (...of: number[]) => made(`tensor([${of}])`, () => tensor(of))

export const LOSSES: Slip[] = [
  ...ELEMENTWISE.flatMap(([name, layer, make]): Slip[] => {
    const own = made(`${layer}()`, make)
    return [
      [`nn.functional.${name}`, [], ofTensors, argument],
      [`nn.functional.${name}`, [t(2)], ofTensors, argument],
      [`nn.functional.${name}`, [[1, 2], t(2)], ofTensors, argument],
      [`nn.functional.${name}`, [t(2), [1, 2]], ofTensors, argument],
      [`nn.functional.${name}`, [t(2), 1], ofTensors, argument],
      [`nn.functional.${name}`, [t(2), t(2), 'sum'], /by name/, argument],
      [`nn.functional.${name}`, [t(2), t(2), { reduction: 'avg' }], /'mean'/, argument],
      [`nn.functional.${name}`, [t(2), t(2), { size_average: true }], /reduction/, argument],
      [`nn.functional.${name}`, [t(4, 1), t(4)], /\[4,1\].*\[4\].*\[4,4\].*reshape\(\[-1,1\]\)/, shape],
      [`nn.functional.${name}`, [t(4), t(4, 1)], /\[4\].*\[4,1\].*\[4,4\].*reshape\(\[-1\]\)/, shape],
      [`nn.functional.${name}`, [t(4, 3), t(3)], /\[4,3\].*\[3\]/, shape],
      [`nn.functional.${name}`, [t(2, 3), t(3, 2)], /\[2,3\].*\[3,2\]/, shape],
      [`nn.functional.${name}`, [t(3), t(1)], /\[3\].*\[1\].*\[\]/, shape],
      [`nn.${layer}`, ['mean'], /by name/, argument],
      [`nn.${layer}`, [{ reduction: 'avg' }], /'mean'/, argument],
      [`nn.${layer}`, [{ reduce: false }], /reduction/, argument],
      [`nn.${layer}.forward`, [own, t(4, 1), t(4)], /\[4,1\].*\[4\].*\[4,4\]/, shape],
      [`nn.${layer}.forward`, [own, t(2)], ofTensors, argument],
      [`nn.${layer}.forward`, [own, [1, 2], [1, 2]], ofTensors, argument],
    ]
  }),
  ['nn.functional.smoothL1Loss', [t(2), t(2), { beta: -1 }], /beta/, argument],
  ['nn.functional.smoothL1Loss', [t(2), t(2), { delta: 1 }], /beta/, argument],
  ['nn.SmoothL1Loss', [{ beta: '1' }], /beta/, argument],
  ['nn.functional.huberLoss', [t(2), t(2), { delta: 0 }], /delta/, argument],
  ['nn.HuberLoss', [{ delta: -1 }], /delta/, argument],
  ['nn.HuberLoss', [{ beta: 1 }], /delta/, argument],
  ['nn.functional.klDiv', [t(2), t(2), { logTarget: 'yes' }], /logTarget/, argument],
  ['nn.functional.klDiv', [t(), t(), { reduction: 'batchmean' }], /batchmean/, shape],
  ['nn.KLDivLoss', [{ log_target: true }], /logTarget/, argument],
  ['nn.functional.mseLoss', [t(2), t(2), { reduction: 'batchmean' }], /'mean'/, argument],
  [
    'nn.functional.binaryCrossEntropy',
    [values(0.5, 1.5), t(2)],
    /0 to 1.*element 1 is 1.5.*WithLogits/,
    argument,
  ],
  ['nn.functional.binaryCrossEntropy', [values(0.5, Number.NaN), t(2)], /0 to 1.*NaN/, argument],
  ['nn.functional.binaryCrossEntropy', [t(2), values(-1, 1)], /0 to 1.*element 0 is -1/, argument],
  ['nn.functional.binaryCrossEntropy', [t(2, 3), t(2, 3), { weight: [1, 2, 3] }], ofTensors, argument],
  ['nn.functional.binaryCrossEntropy', [t(2, 3), t(2, 3), { weight: t(2) }], /weight.*\[2\].*\[2,3\]/, shape],
  ['nn.functional.binaryCrossEntropy', [t(4), t(4), { weight: t(4, 1) }], /weight.*\[4,1\].*\[4\]/, shape],
  ['nn.functional.binaryCrossEntropy', [t(2), t(2), { posWeight: t(2) }], /weight/, argument],
  ['nn.BCELoss', [{ weight: 2 }], ofTensors, argument],
  [
    'nn.functional.binaryCrossEntropyWithLogits',
    [t(4), t(4), { posWeight: t(4, 1) }],
    /posWeight.*\[4,1\]/,
    shape,
  ],
  ['nn.functional.binaryCrossEntropyWithLogits', [t(4), t(4), { pos_weight: t(4) }], /posWeight/, argument],
  ['nn.BCEWithLogitsLoss', [{ posWeight: 3 }], ofTensors, argument],
  ...['nllLoss', 'crossEntropy'].flatMap((name): Slip[] => [
    [`nn.functional.${name}`, [t(), t()], /\[classes\]|\[N, classes/, shape],
    [`nn.functional.${name}`, [t(2, 3), [0, 1], { weight: t(2) }], /weight.*3 classes.*\[2\]/, shape],
    [`nn.functional.${name}`, [t(2, 3), [0, 1], { weight: [1, 1, 2] }], ofTensors, argument],
    [`nn.functional.${name}`, [t(2, 3), [0, 1], { ignore_index: 1 }], /ignoreIndex/, argument],
    [`nn.functional.${name}`, [t(2, 3), [0, 1], { ignoreIndex: 0.5 }], /ignoreIndex/, argument],
    [`nn.functional.${name}`, [t(2, 3), [0, -1], { weight: t(3) }], /label 1 is -1.*0 to 2/, argument],
    [
      `nn.functional.${name}`,
      [t(2, 3), [0, 9], { ignoreIndex: 1 }],
      /label 1 is 9.*0 to 2 or ignoreIndex 1/,
      argument,
    ],
    [`nn.functional.${name}`, [t(2, 3), t(2, 1)], /\[2,3\].*\[2\].*\[2,1\].*reshape\(\[2\]\)/, shape],
    [`nn.functional.${name}`, [t(2, 3, 4), t(2, 3)], /\[2,4\].*\[2,3\]/, shape],
    [`nn.functional.${name}`, [t(2, 3, 4), [0, 1]], /\[2,4\].*\[2\]/, shape],
  ]),
  ['nn.functional.nllLoss', [[[1, 2]], [0]], ofTensors, argument],
  ['nn.functional.nllLoss', [t(2, 3)], /class/, argument],
  ['nn.functional.nllLoss', [t(2, 3), [0]], /\[2\].*\[1\]/, shape],
  ['nn.functional.nllLoss', [t(2, 3), t(2, 3)], /class indices of shape \[2\]/, shape],
  ['nn.functional.nllLoss', [t(2, 3), [0, 1], { labelSmoothing: 0.1 }], /ignoreIndex/, argument],
  ['nn.NLLLoss', ['mean'], /by name/, argument],
  ['nn.NLLLoss', [{ weight: [1, 2] }], ofTensors, argument],
  ['nn.NLLLoss.forward', [nll, t(2, 3), [0, 3]], /0 to 2/, argument],
  ['nn.functional.crossEntropy', [t(2, 3), [0, 1], { labelSmoothing: 1.5 }], /labelSmoothing/, argument],
  ['nn.functional.crossEntropy', [t(2, 3), [0, 1], { label_smoothing: 0.1 }], /labelSmoothing/, argument],
  [
    'nn.functional.crossEntropy',
    [t(2, 3), t(2, 3), { ignoreIndex: 1 }],
    /ignoreIndex.*probabilities/,
    argument,
  ],
  ['nn.functional.crossEntropy', [t(2, 3), t(2, 3), { weight: t(2) }], /weight.*3 classes/, shape],
  ['nn.CrossEntropyLoss', [{ labelSmoothing: -1 }], /labelSmoothing/, argument],
  ['nn.CrossEntropyLoss.forward', [cross, t(2, 3), t(3, 2)], /class probabilities/, shape],
]
