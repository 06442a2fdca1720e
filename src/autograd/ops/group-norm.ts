/**
 * Group and instance normalisation. That of groups of images is a kernel, in lanes as the convolutions' results are; all
 * else is layer normalisation of the channels' values, then weight and bias by channel.
 */
import { needWhole } from '../../bindings/whole.js'
import { groupNormBackward, groupNormForward } from '../../bindings/whole-kernels.generated.js'
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { lanesLength } from '../../tensor/lanes.js'
import { scoped } from '../../tensor/scope.js'
import { type Shape, sizeOf } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkOptionalTensor, checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import '../recipe.js'
import { run } from '../tape.js'
import { add, mul } from './arithmetic.js'
import { batchNorm } from './batch-norm.js'
import { layerNorm } from './layer-norm.js'
import { reshape } from './rearrange.js'
import { mean } from './reduce.js'
import { variance } from './variance.js'

/** What `groupNorm` takes besides its input and the number of groups. */
export interface GroupNormOptions {
  /** [C]; default 1. */
  weight?: Tensor | null
  /** [C]; default 0. */
  bias?: Tensor | null
  /** Added to the variance. Default 1e-5. */
  eps?: number
}

/** What `instanceNorm` takes besides its input. */
export interface InstanceNormOptions extends GroupNormOptions {
  /** [C]; moved towards the instances' mean, and what is normalised with where `useInputStats` is false. */
  runningMean?: Tensor | null
  /** [C]; the unbiased variance that goes with `runningMean`. */
  runningVar?: Tensor | null
  /** Whether to normalise with the input's own statistics. Default true. */
  useInputStats?: boolean
  /** The weight of the batch in the running statistics (PyTorch's meaning). Default 0.1. */
  momentum?: number
}

const operation = defineOperation<{ groups: number; eps: number }>({
  name: 'groupNorm',
  inputs: { x: 'lanes', weight: 'rows', bias: 'rows' },
  output: 'lanes',
  makes: ['mean', 'residual', 'rstd'],
  made: ([{ shape }], { groups }) => {
    const ofGroups = { shape: [lanesLength([shape[0], groups])] }
    return [ofGroups, ofGroups, ofGroups]
  },
  gradients: {
    x: ['x', 'weight', 'mean', 'residual', 'rstd'],
    weight: ['x', 'mean', 'residual', 'rstd'],
    bias: ['x', 'mean', 'residual', 'rstd'],
  },
  shape: ([x]) => x.shape,
  forward({ inputs: [x, weight, bias], output, made: [mean, residual, rstd], attributes: { groups, eps } }) {
    const [n, c, h, w] = output.shape
    const made = { mean: mean.storage, residual: residual.storage, rstd: rstd.storage }
    const own = { weight: weight?.storage, bias: bias?.storage }
    groupNormForward({ n, c, s: h * w, groups, x: x.storage, ...own, eps, y: output.storage, ...made })
  },
  repeats: unchanged,
  backward(call) {
    const [x, weight] = call.inputs
    const [mean, residual, rstd] = call.made
    const [dx, dweight, dbias] = [call.gradient(0), call.gradient(1), call.gradient(2)]
    const [n, c, h, w] = call.dy.shape
    groupNormBackward({
      n,
      c,
      s: h * w,
      groups: call.attributes.groups,
      x: x.storage,
      dy: call.dy.storage,
      mean: mean.storage,
      residual: residual.storage,
      rstd: rstd.storage,
      weight: weight?.storage,
      dx: dx?.storage,
      dweight: dweight?.storage,
      dbias: dbias?.storage,
    })
  },
})

/** @throws {ShapeError} unless a tensor of a channel's values fits the input */
function checkOfChannels(name: string, what: string, own: Tensor | null | undefined, x: Tensor): void {
  checkOptionalTensor(name, what, own)
  if (!own || (own.shape.length === 1 && own.shape[0] === x.shape[1])) return
  throw new ShapeError(
    `${name}: ${what} has shape [${own.shape}], but the input [${x.shape}] has ${x.shape[1]} channels`,
  )
}

/** `x · weight + bias` by channel, which is dimension 1. */
function affine(x: Tensor, weight: Tensor | null | undefined, bias: Tensor | null | undefined): Tensor {
  const shape: Shape = [x.shape[1], ...x.shape.slice(2).map(() => 1)]
  const scaled = weight ? mul(x, reshape(weight, shape)) : x
  return bias ? add(scaled, reshape(bias, shape)) : scaled
}

/** Each of `groups` equal parts of a sample normalised by its own mean and variance, then weight and bias by channel. */
function normalise(
  name: string,
  x: Tensor,
  groups: number,
  { weight, bias, eps }: { weight: Tensor | null | undefined; bias: Tensor | null | undefined; eps: number },
): Tensor {
  needWhole(name)
  if (x.shape.length === 4 && x.size > 0) {
    return run(operation, [x, weight ?? undefined, bias ?? undefined], { groups, eps })
  }
  // (Of no channels there are no groups.)
  const width = groups === 0 ? 1 : sizeOf(x.shape.slice(1)) / groups
  const rows = layerNorm(reshape(x, [x.shape[0] * groups, width]), [width], { eps })
  return affine(reshape(rows, x.shape), weight, bias)
}

/**
 * `(x − mean) / √(var + eps) · weight + bias`, mean and biased variance being those of a group of a sample's
 * channels (Wu and He, 2018); weight and bias are the channel's.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.group_norm.html
 *
 * @param x [N, C, ...]
 * @param numGroups into how many groups the channels are cut, in order; it divides C
 * @returns the shape of `x`
 * @throws {ShapeError} where the sizes do not fit, or for one value in all
 * @throws {ArgumentError} for a number of groups that does not divide C, an unknown option, or an eps below 0
 * @throws {InitError} where `init` loaded the binary without its kernels, see `kernels` there
 */
export function groupNorm(x: Tensor, numGroups: number, options: GroupNormOptions = {}): Tensor {
  const name = 'groupNorm'
  checkTensor(name, 'input', x)
  checkNumber(name, 'numGroups', numGroups, { least: 1, whole: true })
  checkOptions(name, options, ['weight', 'bias', 'eps'])
  const { weight, bias, eps = 1e-5 } = options
  checkNumber(name, 'eps', eps, { least: 0 })
  if (x.shape.length < 2)
    throw new ShapeError(`${name}: expected an input of shape [N, C, ...], got [${x.shape}]`)
  if (x.shape[1] % numGroups !== 0) {
    throw new ArgumentError(
      `${name}: numGroups divides the channels, got ${numGroups} for ${x.shape[1]} channels (input [${x.shape}])`,
    )
  }
  checkOfChannels(name, 'weight', weight, x)
  checkOfChannels(name, 'bias', bias, x)
  if (x.size === numGroups) {
    throw new ShapeError(
      `${name}: expected more than one value in a group, got an input of shape [${x.shape}]`,
    )
  }
  return scoped(() => normalise(name, x, numGroups, { weight, bias, eps }))
}

const INSTANCE_OPTIONS = ['runningMean', 'runningVar', 'weight', 'bias', 'useInputStats', 'momentum', 'eps']

/**
 * `(x − mean) / √(var + eps) · weight + bias`, mean and biased variance being those of one channel of one sample
 * (Ulyanov, Vedaldi and Lempitsky, 2016). Running statistics that are given move as PyTorch's:
 * `running = (1 − momentum) · running + momentum · the mean over the batch`, outside of the graph.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.instance_norm.html
 *
 * @param x (N, C, L), (N, C, H, W) or (N, C, D, H, W)
 * @returns the shape of `x`
 * @throws {ShapeError} for other shapes, or with `useInputStats` for one value per channel
 * @throws {ArgumentError} without `useInputStats` and running statistics, or for an unknown option
 */
export function instanceNorm(x: Tensor, options: InstanceNormOptions = {}): Tensor {
  checkOptions('instanceNorm', options, INSTANCE_OPTIONS)
  return namedInstanceNorm('instanceNorm', x, options)
}

/** As `instanceNorm`, for a layer, which names itself in errors. */
export function namedInstanceNorm(name: string, x: Tensor, options: InstanceNormOptions): Tensor {
  checkTensor(name, 'input', x)
  const { runningMean, runningVar, weight, bias, useInputStats = true, momentum = 0.1, eps = 1e-5 } = options
  if (x.shape.length < 3 || x.shape.length > 5) {
    throw new ShapeError(
      `${name}: expected an input of shape (N, C, L), (N, C, H, W) or (N, C, D, H, W), got [${x.shape}]`,
    )
  }
  checkOfChannels(name, 'runningMean', runningMean, x)
  checkOfChannels(name, 'runningVar', runningVar, x)
  checkOfChannels(name, 'weight', weight, x)
  checkOfChannels(name, 'bias', bias, x)
  checkBoolean(name, 'useInputStats', useInputStats)
  checkNumber(name, 'momentum', momentum)
  checkNumber(name, 'eps', eps, { least: 0 })
  if (!useInputStats) {
    if (!runningMean || !runningVar) {
      throw new ArgumentError(
        `${name}: without useInputStats it needs runningMean and runningVar, got ${kindOf(runningMean)} and ${kindOf(runningVar)}`,
      )
    }
    return batchNorm(x, { runningMean, runningVar, weight, bias, eps, name })
  }
  const [n, c] = x.shape
  const inner = sizeOf(x.shape.slice(2))
  if (inner === 1) {
    throw new ShapeError(
      `${name}: expected more than one value per channel of a sample, got an input of shape [${x.shape}]`,
    )
  }
  return scoped(() => {
    const y = normalise(name, x, c, { weight, bias, eps })
    // Of no values there are no statistics.
    if (x.size > 0 && (runningMean || runningVar)) {
      const values = reshape(x.detach(), [n, c, inner])
      const moved = (running: Tensor, of: Tensor) =>
        add(mul(running.detach(), 1 - momentum), mul(mean(of, { dim: 0 }), momentum))
      const newMean = runningMean && moved(runningMean, mean(values, { dim: 2 }))
      const newVar = runningVar && moved(runningVar, variance(values, { dim: 2 }))
      if (runningMean && newMean) runningMean.copy_(newMean)
      if (runningVar && newVar) runningVar.copy_(newVar)
    }
    return y
  })
}
