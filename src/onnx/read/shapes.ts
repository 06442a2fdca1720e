/** Operators on shapes and places. */

import { at } from '../../autograd/ops/at.js'
import { embedding } from '../../autograd/ops/embedding.js'
import { expand, repeat } from '../../autograd/ops/expand.js'
import { flip, gather, indexSelect, scatterAdd } from '../../autograd/ops/indexing.js'
import { pad } from '../../autograd/ops/pad.js'
import { padConstant } from '../../autograd/ops/pad-constant.js'
import { cat, permute, reshape } from '../../autograd/ops/rearrange.js'
import { sizeOf, stridesOf } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { broadcast, checkSize, expanded, Host, picked, tensorOf, type Val, whole } from './host.js'
import type { Operator, Use } from './node.js'

/** The same elements under another shape. */
function reshaped(use: Use, x: Val, shape: readonly number[]): Val {
  if (sizeOf(shape) !== sizeOf(x.shape) || shape.some((n) => !Number.isInteger(n) || n < 0))
    throw use.node.fail(`a value of shape [${x.shape}] can't become [${shape}]`)
  if (x instanceof Host) return new Host(shape, x.values, x.kind)
  const y = reshape(x, shape)
  return use.wholes.has(x) ? use.asWhole(y) : y
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

/** What a range of Python takes of a dimension. */
interface Range {
  start: number
  count: number
  step: number
}

function rangeOf(size: number, start: number, end: number, step: number): Range {
  const [least, most] = step > 0 ? [0, size] : [-1, size - 1]
  const place = (n: number) => Math.min(Math.max(n < 0 ? n + size : n, least), most)
  const from = Math.min(Math.max(place(start), 0), Math.max(0, size - (step > 0 ? 0 : 1)))
  return { start: from, count: Math.max(0, Math.ceil((place(end) - from) / step)), step }
}

function sliced(use: Use): Val {
  const x = use.val(0)
  const [starts, ends] = [use.option(1, 'starts') ?? [], use.option(2, 'ends') ?? []]
  const axes = use.option(3, 'axes') ?? starts.map((_, i) => i)
  const steps = use.numbersOr(4) ?? starts.map(() => 1)
  const all: Range[] = x.shape.map((count) => ({ start: 0, count, step: 1 }))
  for (const [i, axis] of axes.entries()) {
    const d = use.dim(axis, x.shape.length)
    const step = steps[i]
    if (!Number.isInteger(step) || step === 0 || starts[i] === undefined || ends[i] === undefined)
      throw use.node.fail(`it takes steps of ${step} of dimension ${d}`)
    all[d] = rangeOf(x.shape[d], starts[i], ends[i], step)
  }
  if (x instanceof Host) {
    const strides = stridesOf(x.shape)
    return picked(
      x,
      all.map(({ count }) => count),
      (index) => index.reduce((place, i, d) => place + (all[d].start + i * all[d].step) * strides[d], 0),
      use.node.text,
    )
  }
  return part(use, x, all)
}

/** Backwards is forwards, turned round. */
function part(use: Use, x: Tensor, all: readonly Range[]): Tensor {
  const turned = all.flatMap(({ step }, d) => (step < 0 ? [d] : []))
  const y = at(
    x,
    ...all.map(({ start, count, step }): [number, number, number] => {
      const by = Math.abs(step)
      const first = step > 0 ? start : start - (count - 1) * by
      return count === 0 ? [0, 0, 1] : [first, first + (count - 1) * by + 1, by]
    }),
  )
  const z = turned.length > 0 ? flip(y, turned) : y
  return use.wholes.has(x) ? use.asWhole(z) : z
}

function gathered(use: Use): Val {
  const [x, index] = [use.val(0), use.val(1)]
  const axis = use.dim(use.node.int('axis', 0), x.shape.length)
  const shape = [...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)]
  const size = x.shape[axis] ?? 0
  if (x.shape.length === 0) throw use.node.fail('it picks from a single value')
  if (index instanceof Host) {
    const places = Float64Array.from(index.values, (i) => (i < 0 ? i + size : i))
    const wrong = places.find((i) => !(Number.isInteger(i) && i >= 0 && i < size))
    if (wrong !== undefined) throw use.node.fail(`it picks ${wrong} of ${size}`)
    if (x instanceof Host) {
      const strides = stridesOf(x.shape)
      const own = stridesOf(index.shape)
      const rank = index.shape.length
      return picked(
        x,
        shape,
        (at) =>
          at.reduce((place, i, d) => {
            if (d < axis) return place + i * strides[d]
            return d < axis + rank ? place : place + i * strides[d - rank + 1]
          }, 0) +
          places[index.shape.reduce((place, _, d) => place + at[axis + d] * own[d], 0)] * strides[axis],
        use.node.text,
      )
    }
    const y = indexSelect(x, axis, Float32Array.from(places))
    return use.wholes.has(x) ? use.asWhole(reshape(y, shape)) : reshape(y, shape)
  }
  const table = tensorOf(x)
  if (axis === 0 && table.shape.length === 2) return embedding(index, table)
  return reshape(indexSelect(table, axis, reshape(index, [index.size])), shape)
}

function split(use: Use): Val[] {
  const x = use.val(0)
  const axis = use.dim(use.node.int('axis', 0), x.shape.length)
  const size = x.shape[axis]
  const count = use.node.proto.output.length
  if (use.node.int('num_outputs', count) !== count)
    throw use.node.fail(`it has ${count} outputs and says another number`)
  const even = Math.ceil(size / count)
  const sizes =
    use.option(1, 'split') ??
    Array.from({ length: count }, (_, i) => Math.max(0, Math.min(even, size - i * even)))
  let start = 0
  return sizes.map((n) => {
    const ranges = x.shape.map((count, d) =>
      d === axis ? { start, count: n, step: 1 } : { start: 0, count, step: 1 },
    )
    if (!(n >= 0 && start + n <= size)) throw use.node.fail(`it cuts ${size} into [${sizes}]`)
    const from = start
    start += n
    if (!(x instanceof Host)) return part(use, x, ranges)
    const strides = stridesOf(x.shape)
    return picked(
      x,
      ranges.map(({ count }) => count),
      (index) => index.reduce((place, i, d) => place + (d === axis ? i + from : i) * strides[d], 0),
      use.node.text,
    )
  })
}

function spread(use: Use): Val {
  const x = use.val(0)
  const shape = broadcast(x.shape, use.numbers(1), use.node.text)
  if (x instanceof Host) return expanded(x, shape, use.node.text)
  checkSize(shape, use.node.text)
  const y = expand(x, shape)
  return use.wholes.has(x) ? use.asWhole(y) : y
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

function picks(use: Use): Val {
  const x = use.tensor(0)
  const axis = use.dim(use.node.int('axis', 0), x.shape.length)
  const index = use.val(1)
  const own =
    index instanceof Host
      ? tensorOf(
          new Host(
            index.shape,
            Float64Array.from(index.values, (i) => (i < 0 ? i + x.shape[axis] : i)),
            'whole',
          ),
        )
      : index
  return gather(x, axis, own)
}

function scattered(use: Use): Val {
  if (use.node.text8('reduction', 'none') !== 'add')
    throw use.node.fail("its reduction is another than 'add'")
  const x = use.tensor(0)
  return scatterAdd(x, use.dim(use.node.int('axis', 0), x.shape.length), use.tensor(1), use.tensor(2))
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
  Slice: sliced,
  Split: split,
  Gather: gathered,
  GatherElements: picks,
  ScatterElements: scattered,
  Expand: spread,
  Tile: tiled,
  Pad: padded,
  Range: counted,
}

export const isTensor = (x: Val): x is Tensor => x instanceof Tensor
