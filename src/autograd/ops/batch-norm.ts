/** Batch normalisation. */
import {
  batchNormBackward,
  batchNormForward,
  batchNormMaxPool2dBackward,
  batchNormStatistics,
  batchNormUpdateRunning,
  maxPool2dForward,
} from '../../bindings/kernels.generated.js'
import type { Layout, Memory } from '../../bindings/memory.js'
import { live } from '../../bindings/recording.js'
import { checkBoolean, checkNumber, checkOptions } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import type { Shape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkOptionalTensor, checkTensor } from '../arguments.js'
import { defineOperation, type OperationCall, type Repeat } from '../operation.js'
import { run } from '../tape.js'
import { type MaxWindows, maxPoolSizes } from './max-pool2d.js'

/** What `batchNorm` takes besides its input. */
export interface BatchNormOptions {
  /** [C]; what evaluation normalises with, and training moves towards the batch. */
  runningMean?: Tensor | null
  /** [C]; the unbiased variance that goes with `runningMean`. */
  runningVar?: Tensor | null
  /** [C]; default 1. */
  weight?: Tensor | null
  /** [C]; default 0. */
  bias?: Tensor | null
  /** Whether to normalise with the batch's statistics. Default false. */
  training?: boolean
  /** The weight of the batch in the running statistics (PyTorch's meaning). Default 0.1. */
  momentum?: number
  /** Added to the variance. Default 1e-5. */
  eps?: number
  /** Who asks, for error messages. */
  name?: string
}

const OPTIONS = ['runningMean', 'runningVar', 'weight', 'bias', 'training', 'momentum', 'eps', 'name']

/** What a layer adds: the count of batches, which goes up with the running statistics. */
interface Counted extends Omit<BatchNormOptions, 'momentum'> {
  numBatchesTracked?: Tensor | undefined
  momentum?: (() => number | null) | undefined
}

export interface BatchNormAttributes {
  training: boolean
  /**
   * How far the running statistics are moved, to be asked at each step; null is to the average of all batches.
   * undefined where there are none.
   */
  momentum: (() => number | null) | undefined
  eps: number
  numBatchesTracked: Tensor | undefined
}

type BatchNormCall = OperationCall<BatchNormAttributes>

/** (N, C) in rows; (N, C, L), (N, C, H, W) and (N, C, D, H, W) in lanes, as [N, C, S]. */
function sizesOf(shape: Shape) {
  const [n, c] = shape
  const layout: Layout = shape.length === 2 ? 'rows' : 'lanes'
  let s = 1
  for (let d = 2; d < shape.length; d++) s *= shape[d]
  return { layout, n, c, s }
}

/** What normalises: the batch's own statistics, the mean in two floats, or the running ones. */
interface Statistics {
  mean: Memory
  residual: Memory | undefined
  variance: Memory
}

/** `own` are the tensors that the batch's statistics were made in. */
function statisticsOf({ inputs, attributes }: BatchNormCall, own: readonly Tensor[]): Statistics {
  const [mean, residual, variance] = attributes.training ? own : [inputs[3], undefined, inputs[4]]
  return { mean: mean.storage, residual: residual?.storage, variance: (variance as Tensor).storage }
}

/** Fills the batch's own statistics, in training. */
function takeStatistics({ inputs: [x], attributes }: BatchNormCall, own: readonly Tensor[]): void {
  if (!attributes.training) return
  const { layout, n, c, s } = sizesOf(x.shape)
  const [mean, residual, variance] = [own[0].storage, own[1].storage, own[2].storage]
  batchNormStatistics({ layout, n, c, s, x: x.storage, mean, residual, variance })
}

function normalise(call: BatchNormCall, x: Tensor, { mean, residual, variance }: Statistics): void {
  const { layout, n, c, s } = sizesOf(x.shape)
  const [weight, bias] = [call.inputs[1]?.storage, call.inputs[2]?.storage]
  const { eps } = call.attributes
  const y = call.output.storage
  batchNormForward({ layout, n, c, s, x: x.storage, mean, residual, variance, eps, weight, bias, y })
}

/** Moves the running statistics: the last thing that a forward does, when nothing can fail any more. */
function moveRunning({ inputs, attributes }: BatchNormCall, own: readonly Tensor[]): void {
  const { training, momentum, numBatchesTracked } = attributes
  if (!training || momentum === undefined) return
  const { n, c, s } = sizesOf(inputs[0].shape)
  const [mean, variance] = [own[0].storage, own[2].storage]
  const [runningMean, runningVar] = [inputs[3].storage, inputs[4].storage]
  const tracked = numBatchesTracked?.storage
  live(() => {
    const weight = momentum()
    batchNormUpdateRunning({
      c,
      count: n * s,
      mean,
      variance,
      momentum: weight ?? 0,
      average: weight === null,
      runningMean,
      runningVar,
      tracked,
    })
  })
}

/** Made again, it moves nothing: training reads the batch, weight and bias alone. */
const repeated = (attributes: BatchNormAttributes): Repeat<BatchNormAttributes> =>
  attributes.training ? [{ ...attributes, momentum: undefined }, 3] : [attributes]

const STATISTICS = ['mean', 'residual', 'variance']

/** What the gradients read, in training and in evaluation. */
function readsFor(...more: readonly string[]) {
  const training = ['x', ...STATISTICS, ...more]
  const evaluation = ['x', 'runningMean', 'runningVar', ...more]
  return (attributes: BatchNormAttributes) => (attributes.training ? training : evaluation)
}

const madeOf = ([{ shape }]: readonly Tensor[], { training }: BatchNormAttributes) =>
  training ? STATISTICS.map(() => ({ shape: [shape[1]] })) : []

export const batchNormOperation = defineOperation<BatchNormAttributes>({
  name: 'batchNorm',
  inputs: { x: 'any', weight: 'rows', bias: 'rows', runningMean: 'rows', runningVar: 'rows' },
  output: 'any',
  // Matrices in rows, all else in lanes.
  lanes: ([x]) => x?.shape.length !== 2,
  makes: STATISTICS,
  made: madeOf,
  gradients: { x: readsFor('weight'), weight: readsFor(), bias: readsFor() },
  shape: ([x]) => x.shape,
  forward(call) {
    takeStatistics(call, call.made)
    normalise(call, call.inputs[0], statisticsOf(call, call.made))
    moveRunning(call, call.made)
  },
  repeats: repeated,
  backward(call) {
    const [x, weight] = call.inputs
    const { layout, n, c, s } = sizesOf(x.shape)
    const { mean, residual, variance } = statisticsOf(call, call.made)
    const [dx, dweight, dbias] = [call.gradient(0), call.gradient(1), call.gradient(2)]
    batchNormBackward({
      layout,
      n,
      c,
      s,
      x: x.storage,
      dy: call.dy.storage,
      mean,
      residual,
      variance,
      eps: call.attributes.eps,
      weight: weight?.storage,
      training: call.attributes.training,
      dx: dx?.storage,
      dweight: dweight?.storage,
      dbias: dbias?.storage,
    })
  },
})

/** Windows of 2 × 2 side by side. */
const QUARTER: MaxWindows = {
  kernel: [2, 2],
  stride: [2, 2],
  padding: [0, 0],
  dilation: [1, 1],
  ceilMode: false,
}

/**
 * Batch normalisation with max pooling in windows of 2 × 2 after it: the same values, and the same gradients but
 * where batch normalisation rounds two values of a window to the same. The affine part is monotone, so the pooling
 * goes first: a quarter is normalised, and nothing of full size is kept but the input.
 */
export const batchNormMaxPool2dOperation = defineOperation<BatchNormAttributes>({
  name: 'batchNormMaxPool2d',
  inputs: { x: 'lanes', weight: 'rows', bias: 'rows', runningMean: 'rows', runningVar: 'rows' },
  output: 'lanes',
  makes: ['pooled', ...STATISTICS],
  made: ([x], attributes) => [{ shape: quarterOf(x.shape), layout: 'lanes' }, ...madeOf([x], attributes)],
  gradients: { x: readsFor('weight', 'pooled'), weight: readsFor('pooled'), bias: readsFor('pooled') },
  shape: ([x]) => quarterOf(x.shape),
  forward(call) {
    const [x, weight] = call.inputs
    const [pooled, ...own] = call.made
    takeStatistics(call, own)
    const sizes = maxPoolSizes(x.shape, QUARTER)
    maxPool2dForward({ x: x.storage, factors: weight?.storage, y: pooled.storage, ...sizes })
    normalise(call, pooled, statisticsOf(call, own))
    moveRunning(call, own)
  },
  repeats: repeated,
  backward(call) {
    const [x, weight] = call.inputs
    const [n, c, h, w] = x.shape
    const [pooled, ...own] = call.made
    const { mean, residual, variance } = statisticsOf(call, own)
    const [dx, dweight, dbias] = [call.gradient(0), call.gradient(1), call.gradient(2)]
    batchNormMaxPool2dBackward({
      n,
      c,
      h,
      w,
      x: x.storage,
      z: pooled.storage,
      dy: call.dy.storage,
      mean,
      residual,
      variance,
      eps: call.attributes.eps,
      weight: weight?.storage,
      training: call.attributes.training,
      dx: dx?.storage,
      dweight: dweight?.storage,
      dbias: dbias?.storage,
    })
  },
})

const quarterOf = ([n, c, h, w]: Shape): Shape => [n, c, h / 2, w / 2]

/**
 * Batch normalisation, `(x − mean) / √(var + eps) · weight + bias` for each channel.
 * https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html (Ioffe and Szegedy, 2015)
 *
 * The biased variance normalises; the unbiased one enters `runningVar`. Statistics are those of the whole
 * batch, whatever the number of threads. In training, running statistics that are given change in place:
 * `running = (1 − momentum) · running + momentum · batch`, outside of the graph.
 *
 * @param x (N, C), (N, C, L), (N, C, H, W) or (N, C, D, H, W)
 * @throws {ShapeError} for other shapes, or in training for one value per channel
 * @throws {ArgumentError} in evaluation without running statistics
 */
export function batchNorm(x: Tensor, options: BatchNormOptions = {}): Tensor {
  checkOptions('batchNorm', options, OPTIONS)
  const { momentum = 0.1, ...rest } = options
  checkNumber(options.name ?? 'batchNorm', 'momentum', momentum)
  return countedBatchNorm(x, { ...rest, momentum: () => momentum })
}

function checkChannels(name: string, what: string, tensor: Tensor | null | undefined, x: Tensor): void {
  checkOptionalTensor(name, what, tensor)
  if (!tensor || (tensor.shape.length === 1 && tensor.shape[0] === x.shape[1])) return
  throw new ShapeError(
    `${name}: ${what} has shape [${tensor.shape}], but the input [${x.shape}] has ${x.shape[1]} channels`,
  )
}

/** As `batchNorm`, for a layer, whose count of batches goes up too. */
export function countedBatchNorm(x: Tensor, options: Counted): Tensor {
  const { runningMean, runningVar, weight, bias, training = false, momentum, eps = 1e-5 } = options
  const name = options.name ?? 'batchNorm'
  checkTensor(name, 'input', x)
  if (x.shape.length < 2 || x.shape.length > 5) {
    throw new ShapeError(
      `${name}: expected an input of shape (N, C), (N, C, L), (N, C, H, W) or (N, C, D, H, W), got [${x.shape}]`,
    )
  }
  const { n, s } = sizesOf(x.shape)
  checkChannels(name, 'runningMean', runningMean, x)
  checkChannels(name, 'runningVar', runningVar, x)
  checkChannels(name, 'weight', weight, x)
  checkChannels(name, 'bias', bias, x)
  checkBoolean(name, 'training', training)
  checkNumber(name, 'eps', eps, { least: 0 })
  if (training && n * s < 2) {
    throw new ShapeError(
      `${name}: expected more than one value per channel in training, got an input of shape [${x.shape}]; use larger batches, leave the last small one out (dropLast), or call eval()`,
    )
  }
  if (!training && (!runningMean || !runningVar)) {
    throw new ArgumentError(`${name}: evaluation needs runningMean and runningVar`)
  }
  const running = runningMean && runningVar ? [runningMean, runningVar] : []
  return run(batchNormOperation, [x, weight ?? undefined, bias ?? undefined, ...running], {
    training,
    eps,
    momentum: running.length > 0 ? momentum : undefined,
    numBatchesTracked: options.numBatchesTracked,
  })
}
