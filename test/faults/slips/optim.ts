/** Slips with learning-rate schedulers, averages of weights and the clipping of gradients. */
import { ArgumentError, nn, ones, optim, SimdgradError, StateDictError } from 'simdgrad'
import { linear, made, parameters, type Slip } from './slip.js'

const argument = { error: ArgumentError }
const sgd = made('optimizer', () => new optim.SGD([new nn.Parameter(ones([1]))], { lr: 0.1 }))
const adagrad = made('adagrad', () => new optim.Adagrad([new nn.Parameter(ones([1]))]))
const step = made('StepLR', () => new optim.lrScheduler.StepLR(sgd.make() as optim.Optimizer, 3))
const plateau = made(
  'ReduceLROnPlateau',
  () => new optim.lrScheduler.ReduceLROnPlateau(sgd.make() as optim.Optimizer),
)
const half = made('() => 0.5', () => () => 0.5)

/** The rest of a right call. */
const RIGHT: Record<string, unknown[]> = {
  StepLR: [3],
  MultiStepLR: [[3]],
  ExponentialLR: [0.9],
  LinearLR: [],
  CosineAnnealingLR: [10],
  CosineAnnealingWarmRestarts: [10],
  OneCycleLR: [0.1, { totalSteps: 10 }],
  ReduceLROnPlateau: [],
  LambdaLR: [half],
}

export const SCHEDULERS: Slip[] = [
  ...Object.entries(RIGHT).flatMap(([name, rest]): Slip[] => [
    [`optim.lrScheduler.${name}`, [linear, ...rest], /optimi[sz]er/, argument],
    [`optim.lrScheduler.${name}`, [undefined, ...rest], /optimi[sz]er/, argument],
  ]),
  ['optim.lrScheduler.StepLR', [sgd], /stepSize/, argument],
  ['optim.lrScheduler.StepLR', [sgd, 0], /stepSize/, argument],
  ['optim.lrScheduler.StepLR', [sgd, { stepSize: 3 }], /stepSize/, argument],
  ['optim.lrScheduler.StepLR', [sgd, 3, 0.1], /by name/, argument],
  ['optim.lrScheduler.StepLR', [sgd, 3, { gamma: '0.1' }], /gamma/, argument],
  ['optim.lrScheduler.MultiStepLR', [sgd, 30], /list/, argument],
  ['optim.lrScheduler.MultiStepLR', [sgd, ['a']], /milestones/, argument],
  ['optim.lrScheduler.MultiStepLR', [sgd, [30], 0.1], /by name/, argument],
  ['optim.lrScheduler.ExponentialLR', [sgd], /gamma/, argument],
  ['optim.lrScheduler.ExponentialLR', [sgd, { gamma: 0.9 }], /gamma/, argument],
  ['optim.lrScheduler.LinearLR', [sgd, { startFactor: 0 }], /startFactor/, argument],
  ['optim.lrScheduler.LinearLR', [sgd, { endFactor: 2 }], /endFactor/, argument],
  ['optim.lrScheduler.LinearLR', [sgd, { totalIters: 0 }], /totalIters/, argument],
  ['optim.lrScheduler.LinearLR', [sgd, 0.1], /by name/, argument],
  ['optim.lrScheduler.CosineAnnealingLR', [sgd], /tMax/, argument],
  ['optim.lrScheduler.CosineAnnealingLR', [sgd, 10, { etaMin: -1 }], /etaMin/, argument],
  ['optim.lrScheduler.CosineAnnealingLR', [sgd, 10, { eta_min: 0 }], /etaMin/, argument],
  ['optim.lrScheduler.CosineAnnealingWarmRestarts', [sgd, 0], /t0/, argument],
  ['optim.lrScheduler.CosineAnnealingWarmRestarts', [sgd, 5, { tMult: 1.5 }], /tMult/, argument],
  ['optim.lrScheduler.OneCycleLR', [sgd], /totalSteps/, argument],
  ['optim.lrScheduler.OneCycleLR', [sgd, 0.1, { epochs: 3 }], /stepsPerEpoch/, argument],
  ['optim.lrScheduler.OneCycleLR', [sgd, undefined, { totalSteps: 3 }], /maxLr/, argument],
  [
    'optim.lrScheduler.OneCycleLR',
    [sgd, [0.1, 0.2], { totalSteps: 3 }],
    /maxLr.*one for each group/,
    argument,
  ],
  ['optim.lrScheduler.OneCycleLR', [sgd, 0.1, { totalSteps: 3, pctStart: 30 }], /pctStart/, argument],
  [
    'optim.lrScheduler.OneCycleLR',
    [sgd, 0.1, { totalSteps: 9, annealStrategy: 'sin' }],
    /'cos' or/,
    argument,
  ],
  ['optim.lrScheduler.OneCycleLR', [sgd, 0.1, { totalSteps: 10, pctStart: 0.1 }], /no step/, argument],
  ['optim.lrScheduler.OneCycleLR', [adagrad, 0.1, { totalSteps: 10 }], /cycleMomentum/, argument],
  ['optim.lrScheduler.ReduceLROnPlateau', [sgd, { mode: 'minimum' }], /'min' or 'max'/, argument],
  ['optim.lrScheduler.ReduceLROnPlateau', [sgd, 'min'], /by name/, argument],
  ['optim.lrScheduler.ReduceLROnPlateau', [sgd, { factor: 1 }], /factor/, argument],
  ['optim.lrScheduler.ReduceLROnPlateau', [sgd, { patience: -1 }], /patience/, argument],
  ['optim.lrScheduler.ReduceLROnPlateau', [sgd, { thresholdMode: 'relative' }], /thresholdMode/, argument],
  ['optim.lrScheduler.ReduceLROnPlateau', [sgd, { minLr: [0, 0] }], /minLr/, argument],
  ['optim.lrScheduler.LambdaLR', [sgd], /function/, argument],
  ['optim.lrScheduler.LambdaLR', [sgd, 0.5], /function/, argument],
  ['optim.lrScheduler.LambdaLR', [sgd, [half, half]], /one for each group/, argument],
  ['optim.lrScheduler.LambdaLR', [sgd, made('() => x', () => () => 'x')], /number/, argument],
  ['optim.lrScheduler.SequentialLR', [sgd], /list/, argument],
  ['optim.lrScheduler.SequentialLR', [sgd, [step], []], /another optimi[sz]er/, argument],
  ['optim.lrScheduler.SequentialLR', [sgd, [plateau], []], /metric/, argument],
  ['optim.lrScheduler.SequentialLR', [sgd, [], []], /list/, argument],
  [
    'optim.swaUtils.AveragedModel',
    [made('net.parameters()', () => new nn.Linear(1, 1).parameters())],
    /Module/,
    argument,
  ],
  ['optim.swaUtils.AveragedModel', [], /Module/, argument],
  ['optim.swaUtils.AveragedModel', [linear, 0.999], /by name/, argument],
  ['optim.swaUtils.AveragedModel', [linear, { decay: 1.5 }], /decay/, argument],
  ['optim.swaUtils.AveragedModel', [linear, { use_buffers: true }], /useBuffers/, argument],
  // Errors give the name with the underscore.
  ...['clipGradNorm_', 'clipGradNorm', 'clipGradValue_', 'clipGradValue'].flatMap((name): Slip[] => {
    const expected = { ...argument, names: new RegExp(name) }
    return [
      [`nn.utils.${name}`, [], /parameters/, expected],
      [`nn.utils.${name}`, [linear, 1], /parameters\(\)/, expected],
      [`nn.utils.${name}`, [[1, 2], 1], /tensor/, expected],
      [`nn.utils.${name}`, [parameters], /at least 0/, expected],
      [`nn.utils.${name}`, [parameters, -1], /at least 0/, expected],
      [`nn.utils.${name}`, [parameters, { maxNorm: 1 }], /at least 0/, expected],
    ]
  }),
  ['nn.utils.clipGradNorm_', [parameters, 1, 2], /by name/, argument],
  ['nn.utils.clipGradNorm_', [parameters, 1, { normType: 0 }], /normType/, argument],
  ['nn.utils.clipGradNorm_', [parameters, 1, { normType: 'inf' }], /Infinity/, argument],
  ['nn.utils.clipGradNorm_', [parameters, 1, { errorIfNonfinite: 1 }], /errorIfNonfinite/, argument],
]

/** Methods: of what is made with `new`, as a user calls them. */
const loads = { error: SimdgradError, names: /loadStateDict/ }
export const OPTIMIZER_METHODS: Slip[] = [
  ['optim.SGD.addParamGroup', [sgd, parameters], /group/, argument],
  ['optim.SGD.addParamGroup', [sgd, undefined], /group/, argument],
  ['optim.SGD.addParamGroup', [sgd, { params: parameters, momentum: -1 }], /momentum/, argument],
  ['optim.SGD.loadStateDict', [sgd, undefined], /state dict/, loads],
  ['optim.SGD.loadStateDict', [sgd, { state: {}, paramGroups: [] }], /param_groups/, loads],
  ['optim.SGD.loadStateDict', [sgd, { state: {}, param_groups: [] }], /0 groups, expected 1/, loads],
].map(
  ([of, args, expects, expected]) =>
    [of, args, expects, { ...(expected as object), names: /SGD|loadStateDict/ }] as Slip,
)
export const SCHEDULER_METHODS: Slip[] = [
  ['optim.lrScheduler.ReduceLROnPlateau.step', [plateau], /metric/, { names: /ReduceLROnPlateau/ }],
  ['optim.lrScheduler.StepLR.loadStateDict', [step, undefined], /state dict/, loads],
  [
    'optim.lrScheduler.StepLR.loadStateDict',
    [step, {}],
    /missing: .*step_size/,
    { ...loads, error: StateDictError },
  ],
]
