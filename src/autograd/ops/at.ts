/** NumPy's square brackets. */
import { kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { scoped } from '../../tensor/scope.js'
import { type Shape, stridesOf } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation } from '../operation.js'
import { copyRegion } from '../strided.js'
import { run } from '../tape.js'
import { flip } from './indexing.js'
import { reshape } from './rearrange.js'

/** `start:end:step` of Python, what is missing being null, undefined or left out. */
export type IndexRange = readonly [start?: number | null, end?: number | null, step?: number | null]

/**
 * What `at` takes for a dimension: a number, of which the dimension goes; a range; null or undefined for all of it;
 * or text as in Python, such as `'1:3'`, `'::-1'`, `'...'`, `'newaxis'`, several with commas between.
 */
export type IndexItem = number | IndexRange | string | null | undefined

/** What an item says once it is read. */
type Item = number | IndexRange | '...' | 'newaxis'

const ALL: IndexRange = []

/** A dimension of the result, and how it walks through one of `x`. */
interface Walk {
  start: number
  count: number
  step: number
}

/** A part of a text between commas. */
function readPart(text: string): Item {
  const part = text.trim()
  if (part === '...') return '...'
  if (part === 'newaxis' || part === 'None') return 'newaxis'
  const numbers = part.split(':').map((each) => (each.trim() === '' ? null : Number(each)))
  const whole = numbers.every((each) => each === null || Number.isInteger(each))
  if (part === '' || numbers.length > 3 || !whole) {
    throw new ArgumentError(`at: '${part}' is no index, such as '0', '1:3', '::-1', '...' or 'newaxis'`)
  }
  return numbers.length === 1 ? (numbers[0] ?? 0) : (numbers as unknown as IndexRange)
}

function read(item: IndexItem): Item[] {
  if (item === null || item === undefined) return [ALL]
  if (typeof item === 'string') return item.split(',').map(readPart)
  const numbers: unknown[] = Array.isArray(item) ? item : [item]
  const fits = numbers.every(
    (each) => Number.isInteger(each) || (Array.isArray(item) && (each === null || each === undefined)),
  )
  if (!fits || numbers.length > 3) {
    throw new ArgumentError(
      `at: an index is a whole number, a range [start, end, step], null for all, or text such as '1:3', got ${Array.isArray(item) ? `[${item}]` : kindOf(item)}; for a list of indices there are indexSelect and gather`,
    )
  }
  return [item]
}

/** The items with as many ranges for all as are missing, in the place of '...' or at the end. */
function complete(items: readonly Item[], shape: Shape): Item[] {
  const named = items.filter((item) => item !== '...' && item !== 'newaxis').length
  const dots = items.filter((item) => item === '...').length
  if (named > shape.length || dots > 1) {
    throw new ShapeError(
      dots > 1
        ? "at: '...' may be there once"
        : `at: ${named} indices for the ${shape.length} dimensions of [${shape}]`,
    )
  }
  const rest = new Array<Item>(shape.length - named).fill(ALL)
  if (dots === 0) return [...items, ...rest]
  return items.flatMap((item) => (item === '...' ? rest : [item]))
}

/** As Python's slice(start, end, step).indices(size). */
function walk([start, end, step]: IndexRange, size: number): Walk {
  const by = step ?? 1
  if (by === 0) throw new ArgumentError('at: the step of a range is not 0')
  const [least, most] = by > 0 ? [0, size] : [-1, size - 1]
  const place = (at: number | null | undefined, missing: number) =>
    at === null || at === undefined ? missing : Math.min(Math.max(at < 0 ? at + size : at, least), most)
  const [from, to] = [place(start, by > 0 ? 0 : most), place(end, by > 0 ? size : -1)]
  return { start: from, count: Math.max(0, Math.ceil((to - from) / by)), step: by }
}

interface Part {
  shape: Shape
  start: number
  strides: readonly number[]
  /** A dimension of `x`, and from where to where in it all lies. */
  within: readonly [dim: number, start: number, end: number]
}

const operation = defineOperation<Part>({
  name: 'at',
  inputs: { x: 'rows' },
  output: 'rows',
  gradients: { x: [] },
  shape: (_, { shape }) => shape,
  forward({ inputs: [x], output, attributes: { start, strides } }) {
    copyRegion(output.shape, { of: x, start, strides }, { of: output })
  },
  backward(call) {
    const { start, strides, within } = call.attributes
    const dx = call.gradientWithin(0, ...within)
    if (!dx) return
    copyRegion(call.dy.shape, { of: call.dy }, { of: dx, start, strides })
  },
})

/**
 * The part of a tensor that NumPy's square brackets give: `x.at(0, [1, 3], null, -1)` or
 * `x.at('0, 1:3, :, -1')` is `x[0, 1:3, :, -1]`. A copy. (It is called `at` as the method of JavaScript's arrays
 * that also counts from the end; `slice` is the cut along one dimension.)
 * https://numpy.org/doc/stable/user/basics.indexing.html
 *
 * @param x any shape
 * @param indices one for each dimension; what is missing at the end, or in the place of `'...'`, is taken whole.
 *   A number (−1 is the last) drops its dimension; a range `[start, end, step]` is Python's, `[null, null, -1]`
 *   turns it round; null is all; `'newaxis'` is a new dimension of size 1; text is as in Python
 * @returns what is left of the dimensions
 * @throws {ShapeError} for more indices than dimensions
 * @throws {ArgumentError} for a number that is out of range, a step of 0, or what is no index
 */
export function at(x: Tensor, ...indices: IndexItem[]): Tensor {
  checkTensor('at', 'input', x)
  const steps = stridesOf(x.shape)
  const [kept, strides, turned, result]: [number[], number[], number[], number[]] = [[], [], [], []]
  let [start, d] = [0, 0]
  let within: Part['within'] | undefined
  for (const item of complete(indices.flatMap(read), x.shape)) {
    if (item === 'newaxis' || item === '...') {
      result.push(1)
      continue
    }
    const size = x.shape[d]
    if (typeof item === 'number') {
      const place = item < 0 ? item + size : item
      if (place < 0 || place >= size) {
        throw new ArgumentError(
          `at: index ${item} is out of range for dimension ${d}, which has ${size} (shape [${x.shape}])`,
        )
      }
      start += place * steps[d]
      within ??= [d, place, place + 1]
    } else {
      const { start: from, count, step } = walk(item, size)
      // Backwards is forwards from the other end, and then turned round.
      const first = step > 0 || count === 0 ? from : from + (count - 1) * step
      start += first * steps[d]
      if (count < size) within ??= [d, first, first + count * Math.abs(step)]
      if (step < 0) turned.push(kept.length)
      kept.push(count)
      strides.push(Math.abs(step) * steps[d])
      result.push(count)
    }
    d++
  }
  const part = { shape: kept, start, strides, within: within ?? [0, 0, x.shape[0] ?? 1] }
  return scoped(() => {
    const y = run(operation, [x], part)
    return reshape(turned.length > 0 ? flip(y, turned) : y, result)
  })
}
