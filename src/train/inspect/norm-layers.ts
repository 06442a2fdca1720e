/** The layers that normalise over the batch: the library's, and those that somebody has written by hand. */
import { BatchNorm } from '../../nn/batch-norm.js'
import { BatchRenorm } from '../../nn/batch-renorm.js'
import { isFrozen } from '../../nn/freeze.js'
import { GhostBatchNorm } from '../../nn/ghost-batch-norm.js'
import { InstanceNorm } from '../../nn/instance-norm.js'
import { type AnyModule, Parameter } from '../../nn/module.js'
import { Tensor } from '../../tensor/tensor.js'
import { uncounted } from '../uncounted.js'

/** A layer with running statistics. */
export interface NormLayer {
  path: string
  module: AnyModule
  /** Whether it is the library's own. */
  ours: boolean
  /** Whether freezeBatchNorm froze it. */
  frozen: boolean
  /** As declared, in PyTorch's meaning; undefined by hand. */
  momentum: number | null | undefined
  eps: number
  channels: number
  /** The tensors at the moment: by hand, they may be replaced in each step. */
  mean(): Tensor
  variance(): Tensor
  gamma: Tensor | undefined
  beta: Tensor | undefined
  /** Batches seen in training; undefined where it is not counted. */
  tracked(): number | undefined
  /** The most samples that training normalised together, at the time; 0 where nobody knows. */
  together: number
  /** Whether the variance is the paper's biased one on purpose, as in batch renormalisation. */
  biasedByDesign: boolean
}

/** The layers of a net, each once, in the order in which the net holds them. */
export function normLayersOf(net: AnyModule): NormLayer[] {
  const seen = new Set<AnyModule>()
  return net.namedModules().flatMap(([path, module]) => {
    if (seen.has(module)) return []
    seen.add(module)
    const layer = module instanceof BatchNorm ? ofLibrary(path, module) : byHand(path, module)
    return layer ? [layer] : []
  })
}

function ofLibrary(path: string, module: BatchNorm): NormLayer | undefined {
  const { runningMean, runningVar, numBatchesTracked, weight, bias, momentum, eps, numFeatures } = module
  if (!runningMean || !runningVar) return undefined
  return {
    path,
    module,
    ours: true,
    frozen: isFrozen(module),
    momentum,
    eps,
    channels: numFeatures,
    mean: () => runningMean,
    variance: () => runningVar,
    gamma: weight ?? undefined,
    beta: bias ?? undefined,
    tracked: () => numBatchesTracked?.item(),
    together: module.mostTogether,
    biasedByDesign: module instanceof BatchRenorm,
  }
}

/** One that keeps, beside its parameters, tensors of one size named after a mean and a variance. */
function byHand(path: string, module: AnyModule): NormLayer | undefined {
  if (module instanceof InstanceNorm || module.namedChildren().length > 0) return undefined
  const names = statisticsIn(module)
  const mean = names.find((name) => /mean/i.test(name))
  const variance = names.find((name) => /var/i.test(name))
  if (mean === undefined || variance === undefined) return undefined
  const tensor = (name: string) => Reflect.get(module, name) as Tensor
  if (tensor(mean).size !== tensor(variance).size || tensor(mean).size === 0) return undefined
  const parameter = (pattern: RegExp) =>
    module
      .ownEntries()
      .filter((entry): entry is [string, Parameter] => entry[1] instanceof Parameter)
      .find(([name, { size }]) => pattern.test(name) && size === tensor(mean).size)?.[1]
  const eps: unknown = Reflect.get(module, 'eps')
  return {
    path,
    module,
    ours: false,
    frozen: false,
    momentum: undefined,
    eps: typeof eps === 'number' ? eps : 1e-5,
    channels: tensor(mean).size,
    mean: () => tensor(mean),
    variance: () => tensor(variance),
    gamma: parameter(/gamma|weight|scale/i),
    beta: parameter(/beta|bias|shift/i),
    tracked: () => undefined,
    together: 0,
    biasedByDesign: false,
  }
}

/** The fields with tensors that are no parameters: buffers, and what a class keeps beside them. */
export function statisticsIn(module: AnyModule): string[] {
  return Object.getOwnPropertyNames(module).filter((name) => {
    const value: unknown = Reflect.get(module, name)
    return value instanceof Tensor && !(value instanceof Parameter)
  })
}

/** Forwards in training mode, and how many of them were steps of the optimiser; undefined where nobody can tell. */
export function stepsOf(
  net: AnyModule,
  layer: NormLayer,
  given: number | undefined,
): { forwards: number; steps: number } | undefined {
  const forwards = layer.tracked()
  // (Ghost batch norm counts the parts of a batch.)
  if (!forwards || layer.module instanceof GhostBatchNorm) return undefined
  if (given !== undefined) return { forwards, steps: given }
  // Tensors count their changes, statistics at each forward, parameters at each step. (A compiled step may count twice,
  // in both alike; the first change is that of making them.)
  const trained = net.parameters().filter(({ requiresGrad }) => requiresGrad)
  const stepped = Math.max(0, ...trained.map(({ version }) => version))
  const extra = layer.mean().version - uncounted(layer.mean()) - stepped
  return extra >= 0 && forwards > extra ? { forwards, steps: forwards - extra } : undefined
}
