import {
  type BatchNormShape,
  type BatchNormStatistics,
  batchNormBackward,
  batchNormForward,
  batchNormMaxPool2dBackward,
  batchNormStatistics,
  batchNormUpdateRunning,
  type MaxPool2dShape,
  maxPool2dForward,
} from '../../bindings/kernels.js'
import type { Storage } from '../../bindings/memory.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { checkOptions } from '../options.js'
import { type Shape, sizeOf } from '../shape.js'
import { type Call, type Operation, run } from '../tape.js'
import { empty, type Tensor } from '../tensor.js'
import { reshape } from './rearrange.js'

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

interface Attributes {
  shape: BatchNormShape
  training: boolean
  statistics: BatchNormStatistics
  /** Tensors of the call's own. */
  own: readonly Tensor[]
  hasWeight: boolean
  hasBias: boolean
}

/** The batch's statistics, in training. */
function statisticsOf(call: Call<Attributes>, x: Storage): void {
  const { shape, own, training } = call.attributes
  for (const tensor of own) call.keep(tensor)
  if (!training) return
  const [mean, residual, variance] = own
  batchNormStatistics(shape, x, mean.storage, residual.storage, variance.storage)
}

/** The gradients that were asked for, of the three. */
function wanted(call: Call<Attributes>, dx: Tensor | undefined, dweight: Tensor, dbias: Tensor) {
  const { hasWeight, hasBias } = call.attributes
  if (!hasWeight) dweight.dispose()
  if (!hasBias) dbias.dispose()
  return [dx, ...(hasWeight ? [dweight] : []), ...(hasBias ? [dbias] : [])]
}

const operation: Operation<Attributes> = {
  name: 'batchNorm',
  shape: ([x]) => x.shape,
  layout: (_, { shape }) => shape.layout,
  forward(call) {
    const { shape, statistics } = call.attributes
    const x = call.input(0, shape.layout).storage
    statisticsOf(call, x)
    const [weight, bias] = [weightOf(call)?.storage, biasOf(call)?.storage]
    batchNormForward(shape, x, statistics, weight, bias, call.output.storage)
  },
  backward(call, dy) {
    const { shape, statistics, training } = call.attributes
    const x = call.input(0, shape.layout)
    const dx = call.needs(0) ? empty(x.shape, shape.layout) : undefined
    const [dweight, dbias] = [empty([shape.c]), empty([shape.c])]
    batchNormBackward(
      shape,
      x.storage,
      call.in(shape.layout, dy).storage,
      statistics,
      weightOf(call)?.storage,
      training,
      dx?.storage,
      dweight.storage,
      dbias.storage,
    )
    return wanted(call, dx, dweight, dbias)
  },
}

/**
 * Batch normalisation with max pooling in windows of 2 × 2 after it. The affine part is monotone, so the
 * pooling goes first: a quarter is normalised, and nothing of full size is kept but the input.
 */
const pooledOperation: Operation<Attributes & { pooled: Tensor }> = {
  name: 'batchNormMaxPool2d',
  shape: ([x]) => [x.shape[0], x.shape[1], x.shape[2] / 2, x.shape[3] / 2],
  layout: () => 'lanes',
  forward(call) {
    const { shape, statistics, pooled } = call.attributes
    const x = call.input(0, 'lanes').storage
    statisticsOf(call, x)
    const [weight, bias] = [weightOf(call)?.storage, biasOf(call)?.storage]
    const z = call.keep(pooled).storage
    maxPool2dForward(windows(call.inputs[0]), x, weight, z)
    batchNormForward({ ...shape, s: shape.s / 4 }, z, statistics, weight, bias, call.output.storage)
  },
  backward(call, dy) {
    const { shape, statistics, training, pooled } = call.attributes
    const x = call.input(0, 'lanes')
    const dx = call.needs(0) ? empty(x.shape, 'lanes') : undefined
    const [dweight, dbias] = [empty([shape.c]), empty([shape.c])]
    batchNormMaxPool2dBackward(
      windows(x),
      x.storage,
      pooled.storage,
      call.in('lanes', dy).storage,
      statistics,
      weightOf(call)?.storage,
      training,
      dx?.storage,
      dweight.storage,
      dbias.storage,
    )
    return wanted(call, dx, dweight, dbias)
  },
}

/** Windows of 2 × 2 side by side. */
function windows({ shape: [n, c, h, w] }: Tensor): MaxPool2dShape {
  return { n, c, h, w, kernel: [2, 2], stride: [2, 2], padding: [0, 0] }
}

function weightOf(call: Call<Attributes>): Tensor | undefined {
  return call.attributes.hasWeight ? call.input(1) : undefined
}

function biasOf(call: Call<Attributes>): Tensor | undefined {
  return call.attributes.hasBias ? call.input(call.attributes.hasWeight ? 2 : 1) : undefined
}

/** (N, C) in rows; (N, C, L), (N, C, H, W) and (N, C, D, H, W) as [N, C, S, 1] in lanes. */
function kernelShape(shape: Shape): BatchNormShape {
  const [n, c] = shape
  return { layout: shape.length === 2 ? 'rows' : 'lanes', n, c, s: sizeOf(shape.slice(2)) }
}

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
  return normalise(x, options, false)
}

/**
 * `maxPool2d(batchNorm(x, options), 2)` in one, for a library that sees both: the same values, and the same
 * gradients but where batch normalisation rounds two values of a window to the same.
 *
 * @param x (N, C, H, W), H and W even
 */
export function batchNormMaxPool2d(x: Tensor, options: BatchNormOptions = {}): Tensor {
  return normalise(x, options, true)
}

function normalise(x: Tensor, options: BatchNormOptions, pool: boolean): Tensor {
  checkOptions('batchNorm', options, OPTIONS)
  const { runningMean, runningVar, weight, bias, training = false, momentum = 0.1, eps = 1e-5 } = options
  const name = options.name ?? 'batchNorm'
  if (x.shape.length < 2 || x.shape.length > 5) {
    throw new ShapeError(
      `${name}: expected an input of shape (N, C), (N, C, L), (N, C, H, W) or (N, C, D, H, W), got [${x.shape}]`,
    )
  }
  const shape = kernelShape(x.shape)
  const count = shape.n * shape.s
  for (const [what, tensor] of Object.entries({ runningMean, runningVar, weight, bias })) {
    if (tensor && (tensor.shape.length !== 1 || tensor.shape[0] !== shape.c)) {
      throw new ShapeError(
        `${name}: ${what} has shape [${tensor.shape}], but the input [${x.shape}] has ${shape.c} channels`,
      )
    }
  }
  if (training && count < 2) {
    throw new ShapeError(
      `${name}: expected more than one value per channel in training, got an input of shape [${x.shape}]; use larger batches, leave the last small one out (dropLast), or call eval()`,
    )
  }
  if (!training && (!runningMean || !runningVar)) {
    throw new ArgumentError(`${name}: evaluation needs runningMean and runningVar`)
  }
  if (x.shape.length === 3 || x.shape.length === 5) {
    const flat = batchNorm(reshape(x, [shape.n, shape.c, shape.s, 1]), options)
    return reshape(flat, x.shape)
  }
  const inputs = [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])]
  // As inputs, so that backward notices when they were changed since.
  if (!training && runningMean && runningVar) inputs.push(runningMean, runningVar)
  const own = training
    ? [empty([shape.c]), empty([shape.c]), empty([shape.c])]
    : inputs.slice(-2).map((running) => running.detach())
  const storages = own.map((t) => t.storage)
  const [mean, second, third] = storages
  const statistics: BatchNormStatistics = training
    ? { mean, residual: second, var: third, eps }
    : { mean, residual: undefined, var: second, eps }
  // Kept over the run, which frees them when nothing records.
  for (const storage of storages) storage.retain()
  const attributes = { shape, training, statistics, own, hasWeight: Boolean(weight), hasBias: Boolean(bias) }
  const y = pool ? runPooled(inputs, attributes) : run(operation, inputs, attributes)
  if (training && runningMean && runningVar) {
    batchNormUpdateRunning(shape.c, statistics, count, momentum, runningMean.storage, runningVar.storage)
  }
  for (const storage of storages) storage.release()
  return y
}

function runPooled(inputs: readonly Tensor[], attributes: Attributes): Tensor {
  const [n, c, h, w] = inputs[0].shape
  const pooled = empty([n, c, h / 2, w / 2], 'lanes')
  return run(pooledOperation, inputs, { ...attributes, pooled })
}
