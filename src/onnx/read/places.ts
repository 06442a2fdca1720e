/** Operators that take or put what lies at some places. */
import { at } from '../../autograd/ops/at.js'
import { embedding } from '../../autograd/ops/embedding.js'
import { flip, gather, indexSelect, scatterAdd } from '../../autograd/ops/indexing.js'
import { reshape } from '../../autograd/ops/rearrange.js'
import { stridesOf } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { Host, picked, tensorOf, type Val } from './host.js'
import type { Operator, Use } from './node.js'

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
  return use.sameKind(x, z)
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
    return use.sameKind(x, reshape(y, shape))
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

export const PLACES: Readonly<Record<string, Operator>> = {
  Slice: sliced,
  Split: split,
  Gather: gathered,
  GatherElements: picks,
  ScatterElements: scattered,
}
