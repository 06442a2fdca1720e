import {
  type BatchNormShape,
  type BatchNormStatistics,
  batchNormBackward,
  batchNormForward,
  batchNormStatistics,
  batchNormUpdateRunning,
} from '../../bindings/kernels.js'
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
  /** [C]. */
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

const operation: Operation<Attributes> = {
  name: 'batchNorm',
  shape: ([x]) => x.shape,
  layout: (_, { shape }) => shape.layout,
  forward(call) {
    const { shape, statistics, own } = call.attributes
    for (const x of own) call.keep(x)
    const x = call.input(0, shape.layout).storage
    if (call.attributes.training) {
      const [mean, residual, variance] = own
      batchNormStatistics(shape, x, mean.storage, residual.storage, variance.storage)
    }
    batchNormForward(
      shape,
      x,
      statistics,
      weightOf(call)?.storage,
      biasOf(call)?.storage,
      call.output.storage,
    )
  },
  backward(call, dy) {
    const { shape, statistics, training, hasWeight, hasBias } = call.attributes
    const x = call.input(0, shape.layout)
    const dx = call.needs(0) ? empty(x.shape, shape.layout) : undefined
    const [dweight, dbias] = [empty([shape.c]), empty([shape.c])]
    const gradient = call.in(shape.layout, dy).storage
    const weight = weightOf(call)?.storage
    batchNormBackward(
      shape,
      x.storage,
      gradient,
      statistics,
      weight,
      training,
      dx?.storage,
      dweight.storage,
      dbias.storage,
    )
    const wanted = [...(hasWeight ? [dweight] : []), ...(hasBias ? [dbias] : [])]
    if (!hasWeight) dweight.dispose()
    if (!hasBias) dbias.dispose()
    return [dx, ...wanted]
  },
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
  const y = run(operation, inputs, attributes)
  if (training && runningMean && runningVar) {
    batchNormUpdateRunning(shape.c, statistics, count, momentum, runningMean.storage, runningVar.storage)
  }
  for (const storage of storages) storage.release()
  return y
}
