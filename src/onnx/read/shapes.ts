/** Operators on shapes. */
import { expand, repeat } from '../../autograd/ops/expand.js'
import { pad } from '../../autograd/ops/pad.js'
import { padConstant } from '../../autograd/ops/pad-constant.js'
import { cat, permute, reshape } from '../../autograd/ops/rearrange.js'
import { sizeOf, stridesOf } from '../../tensor/shape.js'
import { broadcast, checkSize, expanded, Host, picked, type Val, whole } from './host.js'
import type { Operator, Use } from './node.js'

/** The same elements under another shape. */
function reshaped(use: Use, x: Val, shape: readonly number[]): Val {
  if (sizeOf(shape) !== sizeOf(x.shape) || shape.some((n) => !Number.isInteger(n) || n < 0))
    throw use.node.fail(`a value of shape [${x.shape}] can't become [${shape}]`)
  if (x instanceof Host) return new Host(shape, x.values, x.kind)
  const y = reshape(x, shape)
  return use.sameKind(x, y)
}

function reshapeTo(use: Use): Val {
  const x = use.val(0)
  const asked = use.option(1, 'shape') ?? []
  const keepsZero = use.node.int('allowzero', 0) === 1
  const sizes = asked.map((n, d) => (n === 0 && !keepsZero ? (x.shape[d] ?? -2) : n))
  const open = sizes.indexOf(-1)
  if (open >= 0) sizes[open] = sizeOf(x.shape) / sizeOf(sizes.filter((_, d) => d !== open))
  return reshaped(use, x, sizes)
}

function flattened(use: Use): Val {
  const x = use.val(0)
  const axis = use.node.int('axis', 1)
  const d = axis < 0 ? axis + x.shape.length : axis
  return reshaped(use, x, [sizeOf(x.shape.slice(0, d)), sizeOf(x.shape.slice(d))])
}

function squeezed(use: Use): Val {
  const x = use.val(0)
  const axes = use.option(1, 'axes')?.map((d) => use.dim(d, x.shape.length))
  const shape = x.shape.filter((n, d) => (axes ? !axes.includes(d) : n !== 1))
  return reshaped(use, x, shape)
}

function unsqueezed(use: Use): Val {
  const x = use.val(0)
  const axes = use.option(1, 'axes') ?? []
  const rank = x.shape.length + axes.length
  const places = axes.map((d) => use.dim(d, rank))
  const rest = [...x.shape]
  return reshaped(
    use,
    x,
    Array.from({ length: rank }, (_, d) => (places.includes(d) ? 1 : (rest.shift() ?? 1))),
  )
}

function transposed(use: Use): Val {
  const x = use.val(0)
  const perm = use.node.ints('perm') ?? x.shape.map((_, d) => d).reverse()
  if (!(x instanceof Host)) return permute(x, perm)
  if ([...perm].sort((a, b) => a - b).some((d, i) => d !== i) || perm.length !== x.shape.length)
    throw use.node.fail(`[${perm}] is no order of ${x.shape.length} dimensions`)
  const strides = stridesOf(x.shape)
  return picked(
    x,
    perm.map((d) => x.shape[d]),
    (index) => index.reduce((place, i, d) => place + i * strides[perm[d]], 0),
    use.node.text,
  )
}

function joined(use: Use): Val {
  const { hosts } = use
  const rank = use.shape(0).length
  const axis = use.dim(use.node.int('axis', 0), rank)
  if (!hosts) {
    const y = cat(
      use.inputs.map((_, i) => use.tensor(i)),
      axis,
    )
    return use.inputs.every((_, i) => use.isWhole(i)) ? use.asWhole(y) : y
  }
  const [first] = hosts
  if (
    rank === 0 ||
    !hosts.every(
      (x) => x.shape.length === rank && x.shape.every((n, d) => d === axis || n === first.shape[d]),
    )
  )
    throw use.node.fail(`it joins the shapes ${hosts.map(({ shape }) => `[${shape}]`).join(', ')}`)
  const outer = sizeOf(first.shape.slice(0, axis))
  const values: number[] = []
  for (let i = 0; i < outer; i++) {
    for (const x of hosts) {
      const part = x.size / outer
      for (let k = 0; k < part; k++) values.push(x.values[i * part + k])
    }
  }
  const shape = first.shape.map((n, d) => (d === axis ? hosts.reduce((sum, x) => sum + x.shape[d], 0) : n))
  return new Host(shape, values, first.kind)
}

function spread(use: Use): Val {
  const x = use.val(0)
  const shape = broadcast(x.shape, use.numbers(1), use.node.text)
  if (x instanceof Host) return expanded(x, shape, use.node.text)
  checkSize(shape, use.node.text)
  const y = expand(x, shape)
  return use.sameKind(x, y)
}

function tiled(use: Use): Val {
  const x = use.val(0)
  const times = use.numbers(1)
  if (times.length !== x.shape.length) throw use.node.fail(`it repeats [${x.shape}] [${times}] times`)
  const shape = x.shape.map((n, d) => n * times[d])
  checkSize(shape, use.node.text)
  if (!(x instanceof Host)) return repeat(x, times)
  const strides = stridesOf(x.shape)
  return picked(
    x,
    shape,
    (index) => index.reduce((at, i, d) => at + (i % x.shape[d]) * strides[d], 0),
    use.node.text,
  )
}

function padded(use: Use): Val {
  const x = use.tensor(0)
  const rank = x.shape.length
  const pads = use.option(1, 'pads') ?? []
  const axes = use.numbersOr(3)?.map((d) => use.dim(d, rank)) ?? x.shape.map((_, d) => d)
  if (pads.length !== 2 * axes.length || !pads.every(Number.isInteger))
    throw use.node.fail(`it pads [${x.shape}] by [${pads}]`)
  const [before, after] = [x.shape.map(() => 0), x.shape.map(() => 0)]
  for (const [i, d] of axes.entries()) {
    before[d] = pads[i]
    after[d] = pads[axes.length + i]
  }
  checkSize(
    x.shape.map((n, d) => n + before[d] + after[d]),
    use.node.text,
  )
  const mode = use.node.text8('mode', 'constant')
  if (mode === 'constant')
    return padConstant(x, { before, after, value: use.numbersOr(2)?.[0] ?? use.node.float('value', 0) })
  const modes: Readonly<Record<string, 'reflect' | 'replicate' | 'circular'>> = {
    reflect: 'reflect',
    edge: 'replicate',
    wrap: 'circular',
  }
  if (!Object.hasOwn(modes, mode)) throw use.node.fail(`it pads by '${mode}'`)
  // The last dimension first, and only as many as are padded.
  const first = before.findIndex((n, d) => n !== 0 || after[d] !== 0)
  if (first < 0) return x
  const pairs = before.flatMap((_, i) => {
    const d = rank - 1 - i
    return d < first ? [] : [before[d], after[d]]
  })
  return pad(x, pairs, { mode: modes[mode] })
}

function filled(use: Use): Val {
  const shape = use.numbers(0)
  const value = use.node.tensor('value') ?? new Host([1], [0], 'float')
  checkSize(shape, use.node.text)
  return expanded(new Host([], value.values, value.kind), shape, use.node.text)
}

function counted(use: Use): Val {
  const [start] = use.numbers(0)
  const [limit] = use.numbers(1)
  const [delta] = use.numbers(2)
  const count = Math.max(0, Math.ceil((limit - start) / delta))
  checkSize([count], use.node.text)
  return new Host(
    [count],
    Float64Array.from({ length: count }, (_, i) => start + i * delta),
    (use.val(0) as Host).kind,
  )
}

function constant(use: Use): Val {
  const { node } = use
  const tensor = node.tensor('value')
  if (tensor) return tensor
  if (node.has('value_float')) return new Host([], [node.float('value_float', 0)], 'float')
  if (node.has('value_int')) return new Host([], [node.int('value_int', 0)], 'whole')
  const floats = node.has('value_floats') ? node.floats('value_floats') : undefined
  if (floats) return new Host([floats.length], floats, 'float')
  const ints = node.has('value_ints') ? node.ints('value_ints') : undefined
  if (ints) return whole(ints)
  throw node.fail('it has no value that is read')
}

function shapeOf(use: Use): Val {
  const shape = use.shape(0)
  const [start, end] = [use.node.int('start', 0), use.node.int('end', shape.length)]
  return whole(shape.slice(start, end))
}

export const SHAPES: Readonly<Record<string, Operator>> = {
  Constant: constant,
  ConstantOfShape: filled,
  Shape: shapeOf,
  Size: (use) => whole([sizeOf(use.shape(0))], []),
  Reshape: reshapeTo,
  Flatten: flattened,
  Squeeze: squeezed,
  Unsqueeze: unsqueezed,
  Transpose: transposed,
  Concat: joined,
  Expand: spread,
  Tile: tiled,
  Pad: padded,
  Range: counted,
}
