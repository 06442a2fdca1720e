/** Operators that sort, count, rearrange, and keep triangles. */
import { add, mul } from '../../autograd/ops/arithmetic.js'
import { lt } from '../../autograd/ops/compare.js'
import { oneHot } from '../../autograd/ops/one-hot.js'
import { permute, reshape } from '../../autograd/ops/rearrange.js'
import { argmax } from '../../autograd/ops/reduce.js'
import { topk } from '../../autograd/ops/sort.js'
import { tril, triu } from '../../autograd/ops/triangle.js'
import { where } from '../../autograd/ops/where.js'
import { sizeOf } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { TYPES } from '../proto.js'
import { checkSize, Host, type Val } from './host.js'
import type { Operator, Results, Use } from './node.js'
import { kindOfType } from './values.js'

function best(use: Use): Results {
  const x = use.tensor(0)
  const dim = use.dim(use.node.int('axis', -1), x.shape.length)
  const [k] = use.numbers(1)
  if (!(Number.isInteger(k) && k >= 0 && k <= (x.shape[dim] ?? 1)))
    throw use.node.fail(`it takes ${k} of dimension ${dim} of [${x.shape}]`)
  const { values, indices } = topk(x, k, { dim, largest: use.node.int('largest', 1) !== 0 })
  return [values, use.asWhole(indices)]
}

/** The last dimension brought to place `to`. */
function lastTo(x: Tensor, to: number): Tensor {
  const order = Array.from({ length: x.shape.length - 1 }, (_, d) => d)
  order.splice(to, 0, x.shape.length - 1)
  return permute(x, order)
}

function classes(use: Use): Tensor {
  const given = use.tensor(0)
  const [depth] = use.numbers(1)
  const [off, on] = use.numbers(2)
  const rank = given.shape.length + 1
  const axis = use.dim(use.node.int('axis', -1), rank)
  checkSize([...given.shape, depth], use.node.text)
  if (depth < 1 || off === undefined || on === undefined)
    throw use.node.fail(`it has ${depth} classes, and values ${off} and ${on}`)
  // Indices may count from the end.
  const index = where(lt(given, 0), add(given, depth), given)
  const ones = lastTo(oneHot(index, depth), axis)
  const y = off === 0 && on === 1 ? ones : add(mul(ones, on - off), off)
  return use.isWhole(2) ? use.asWhole(y) : y
}

/** 1 at the largest along a dimension. */
function hardest(use: Use): Tensor {
  const x = use.tensor(0)
  const dim = use.dim(use.node.int('axis', -1), x.shape.length)
  if (use.node.opset < 13 && dim !== x.shape.length - 1)
    throw use.node.fail('it is of an opset below 13, and goes over more than the last dimension')
  return lastTo(oneHot(argmax(x, { dim }), x.shape[dim] ?? 1), dim)
}

/** Blocks of channels as blocks of pixels, and back: as pixelShuffle, or with the blocks first (DCR). */
function blocks(use: Use, toSpace: boolean): Tensor {
  const x = use.tensor(0)
  const size = use.node.int('blocksize', 0)
  const [n, c, h, w] = x.shape
  const square = size * size
  const channelsFirst = use.node.text8('mode', 'DCR') === 'CRD'
  const fits =
    x.shape.length === 4 && size > 0 && (toSpace ? c % square === 0 : h % size === 0 && w % size === 0)
  if (!fits) throw use.node.fail(`it moves blocks of ${size} of an input of shape [${x.shape}]`)
  if (!toSpace) {
    const parts = reshape(x, [n, c, h / size, size, w / size, size])
    const order = channelsFirst ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4]
    return reshape(permute(parts, order), [n, c * square, h / size, w / size])
  }
  const own = c / square
  const parts = reshape(x, channelsFirst ? [n, own, size, size, h, w] : [n, size, size, own, h, w])
  const order = channelsFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]
  return reshape(permute(parts, order), [n, own, h * size, w * size])
}

function triangle(use: Use): Val {
  const x = use.val(0)
  const k = use.numbersOr(1)?.[0] ?? 0
  const upper = use.node.int('upper', 1) === 1
  if (!(x instanceof Host)) return upper ? triu(x, k) : tril(x, k)
  const [rows, cols] = x.shape.slice(-2)
  if (x.shape.length < 2) throw use.node.fail(`it takes a triangle of [${x.shape}]`)
  const kept = Float64Array.from(x.values, (value, i) => {
    const [row, col] = [Math.floor(i / cols) % rows, i % cols]
    return (upper ? col - row >= k : col - row <= k) ? value : 0
  })
  return new Host(x.shape, kept, x.kind)
}

/** Ones along a diagonal, in the shape of its input. */
function diagonal(use: Use): Val {
  const shape = use.shape(0)
  if (shape.length !== 2) throw use.node.fail(`it makes a diagonal of [${shape}]`)
  checkSize(shape, use.node.text)
  const [k, cols] = [use.node.int('k', 0), shape[1]]
  const kind = kindOfType(use.node.int('dtype', TYPES.float)) ?? 'float'
  const values = Float64Array.from({ length: sizeOf(shape) }, (_, i) =>
    Number((i % cols) - Math.floor(i / cols) === k),
  )
  return new Host(shape, values, kind)
}

export const ORDER: Readonly<Record<string, Operator>> = {
  TopK: best,
  Trilu: triangle,
  EyeLike: diagonal,
  OneHot: classes,
  Hardmax: hardest,
  DepthToSpace: (use) => blocks(use, true),
  SpaceToDepth: (use) => blocks(use, false),
}
