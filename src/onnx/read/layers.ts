/** Operators with weights and without windows; norms, softmax and resizing. */
import { add, mul } from '../../autograd/ops/arithmetic.js'
import { batchNorm } from '../../autograd/ops/batch-norm.js'
import { dropout } from '../../autograd/ops/dropout.js'
import { einsum } from '../../autograd/ops/einsum.js'
import { groupNorm, instanceNorm } from '../../autograd/ops/group-norm.js'
import { interpolate } from '../../autograd/ops/interpolate.js'
import { layerNorm } from '../../autograd/ops/layer-norm.js'
import { linear, matmul } from '../../autograd/ops/matmul.js'
import { reshape, slice, transpose } from '../../autograd/ops/rearrange.js'
import { logSoftmax, softmax } from '../../autograd/ops/softmax.js'
import { sizeOf } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkSize } from './host.js'
import type { Operator, Use } from './node.js'
import { asBefore, image, type Two } from './windows.js'

function general(use: Use): Tensor {
  const { node } = use
  let [a, b] = [use.tensor(0), use.tensor(1)]
  const c = use.tensorOr(2)
  const [alpha, beta] = [node.float('alpha', 1), node.float('beta', 1)]
  const [transA, transB] = [node.int('transA', 0) !== 0, node.int('transB', 0) !== 0]
  const isBias = !c || (c.shape.length === 1 && beta === 1 && c.shape[0] === b.shape[0])
  if (transB && !transA && alpha === 1 && isBias && a.shape.length === 2) return linear(a, b, c ?? null)
  if (transA) a = transpose(a, 0, 1)
  if (transB) b = transpose(b, 0, 1)
  const product = matmul(a, b)
  const scaled = alpha === 1 ? product : mul(product, alpha)
  return c ? add(scaled, beta === 1 ? c : mul(c, beta)) : scaled
}

function batchNormalization(use: Use): Tensor {
  const [runningMean, runningVar] = [use.tensor(3), use.tensor(4)]
  return batchNorm(use.tensor(0), {
    weight: use.tensor(1),
    bias: use.tensor(2),
    runningMean,
    runningVar,
    training: use.training,
    // ONNX says what of the old is kept.
    momentum: 1 - use.node.float('momentum', 0.9),
    eps: use.node.float('epsilon', 1e-5),
  })
}

function layerNormalization(use: Use): Tensor {
  const x = use.tensor(0)
  const axis = use.dim(use.node.int('axis', -1), x.shape.length)
  const shape = x.shape.slice(axis)
  const of = (i: number) => {
    const own = use.tensorOr(i)
    return own && own.shape.length !== shape.length ? reshape(own, shape) : (own ?? null)
  }
  return layerNorm(x, shape, { weight: of(1), bias: of(2), eps: use.node.float('epsilon', 1e-5) })
}

function groupNormalization(use: Use): Tensor {
  const groups = use.node.int('num_groups', 1)
  const x = use.tensor(0)
  if (use.node.opset < 21) throw use.node.fail('it is of an opset below 21, whose weights are of groups')
  return groupNorm(x, groups, {
    weight: use.tensor(1),
    bias: use.tensor(2),
    eps: use.node.float('epsilon', 1e-5),
  })
}

/** Before opset 13 it went over all dimensions from its axis on. */
const overClasses =
  (of: (x: Tensor, dim: number) => Tensor): Operator =>
  (use) => {
    const x = use.tensor(0)
    const old = use.node.opset < 13
    const axis = use.dim(use.node.int('axis', old ? 1 : -1), x.shape.length)
    if (!old || axis === x.shape.length - 1) return of(x, axis)
    const rows = sizeOf(x.shape.slice(0, axis))
    return reshape(of(reshape(x, [rows, sizeOf(x.shape.slice(axis))]), 1), x.shape)
  }

/** With the first row or column alone where one is left: pytorch_half_pixel takes that, half_pixel the middle. */
function narrowed(x: Tensor, size: Two): Tensor {
  return size.reduce((part, n, i) => (n === 1 ? slice(part, 2 + i, 0, 1) : part), x)
}

function resized(use: Use): Tensor {
  const { node } = use
  const given = use.tensor(0)
  const x = image(use, given)
  const rank = given.shape.length
  const scales = use.numbersOr(2)
  const sizes = use.numbersOr(3)
  const target =
    sizes ?? (scales && scales.length > 0 ? given.shape.map((n, d) => Math.floor(n * scales[d])) : [])
  if (target.length !== rank || target[0] !== given.shape[0] || target[1] !== given.shape[1])
    throw node.fail(`it resizes [${given.shape}] to [${target}]; only the last dimensions of images are`)
  const size: Two = rank === 4 ? [target[2], target[3]] : [1, target[2]]
  checkSize([...x.shape.slice(0, 2), ...size], node.text)
  const [mode, places] = [
    node.text8('mode', 'nearest'),
    node.text8('coordinate_transformation_mode', 'half_pixel'),
  ]
  const rounding = node.text8('nearest_mode', 'round_prefer_floor')
  const policy = node.text8('keep_aspect_ratio_policy', 'stretch')
  if (policy !== 'stretch') throw node.fail(`it keeps the ratio of its sides ('${policy}')`)
  if (node.int('antialias', 0) !== 0) throw node.fail('it smooths what it makes smaller (antialias)')
  const known = new Map<string, () => Tensor>([
    ['nearest asymmetric floor', () => interpolate(x, { size, mode: 'nearest' })],
    ['linear half_pixel', () => interpolate(x, { size, mode: 'bilinear' })],
    ['linear pytorch_half_pixel', () => interpolate(narrowed(x, size), { size, mode: 'bilinear' })],
    ['linear align_corners', () => interpolate(x, { size, mode: 'bilinear', alignCorners: true })],
  ])
  const name = mode === 'nearest' ? `${mode} ${places} ${rounding}` : `${mode} ${places}`
  const run = known.get(name)
  if (!run)
    throw node.fail(
      `it resizes by '${name}'; ${[...known.keys()].map((one) => `'${one}'`).join(', ')} are read`,
    )
  return asBefore(run(), rank)
}

export const LAYERS: Readonly<Record<string, Operator>> = {
  Gemm: general,
  MatMul: (use) => matmul(use.tensor(0), use.tensor(1)),
  Einsum: (use) => einsum(use.node.text8('equation', ''), ...use.inputs.map((_, i) => use.tensor(i))),
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  GroupNormalization: groupNormalization,
  InstanceNormalization: (use) =>
    instanceNorm(use.tensor(0), {
      weight: use.tensor(1),
      bias: use.tensor(2),
      eps: use.node.float('epsilon', 1e-5),
    }),
  Softmax: overClasses(softmax),
  LogSoftmax: overClasses(logSoftmax),
  Dropout: (use) => {
    const x = use.tensor(0)
    const p = use.numbersOr(1)?.[0] ?? use.node.float('ratio', 0.5)
    return dropout(x, p, use.training)
  },
  Resize: resized,
}
