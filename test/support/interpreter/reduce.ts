/** Twins of what goes over some dimensions: reductions, softmax. */
import { dimension, kink, lines, need, type Value, value } from './value.js'

export interface ReduceOptions {
  dim?: number | readonly number[]
  keepdim?: boolean
}

/** The dimensions that are meant; all where none is named. */
function chosen(x: Value, { dim }: ReduceOptions): number[] {
  const rank = x.shape.length
  const named = dim === undefined ? [] : [dim].flat()
  if (named.length === 0) return x.shape.map((_, d) => d)
  const dims = named.map((d) => dimension(d, rank))
  need(new Set(dims).size === dims.length, 'a dimension is named twice')
  return rank === 0 ? [] : dims
}

/** `f` of all the elements along the chosen dimensions. */
export function reduce(x: Value, options: ReduceOptions, f: (line: Float64Array) => number): Value {
  const dims = chosen(x, options)
  const results: number[] = []
  lines(x, dims, (line) => results.push(f(line)))
  const kept = x.shape.map((s, d) => (dims.includes(d) ? 1 : s))
  const shape = options.keepdim ? kept : x.shape.filter((_, d) => !dims.includes(d))
  return value(shape, Float64Array.from(results))
}

const total = (line: Float64Array) => line.reduce((sum, v) => sum + v, 0)
const average = (line: Float64Array) => total(line) / line.length

export const sum = (x: Value, options: ReduceOptions = {}): Value => reduce(x, options, total)

export const mean = (x: Value, options: ReduceOptions = {}): Value => reduce(x, options, average)

export function variance(x: Value, options: ReduceOptions & { unbiased?: boolean } = {}): Value {
  const { unbiased = true } = options
  return reduce(x, options, (line) => {
    const mid = average(line)
    // Of too few values there is none: 0 / 0.
    return total(line.map((v) => (v - mid) ** 2)) / Math.max(0, line.length - (unbiased ? 1 : 0))
  })
}

/** The place of the first of the largest; how near the next one is counts as a kink. */
export function largestAt(line: Float64Array): number {
  let best = 0
  for (let i = 1; i < line.length; i++) if (line[i] > line[best]) best = i
  for (const v of line) kink(line[best] - v)
  return best
}

/** `f` over one dimension or all, where there is something to choose from. */
function choice(x: Value, options: ReduceOptions, f: (line: Float64Array) => number): Value {
  need(options.dim === undefined || [options.dim].flat().length < 2, 'one dimension or none')
  need(
    chosen(x, options).every((d) => x.shape[d] > 0),
    'nothing to choose from',
  )
  return reduce(x, options, f)
}

export const max = (x: Value, options: ReduceOptions = {}): Value =>
  choice(x, options, (line) => line[largestAt(line)])

export const argmax = (x: Value, options: ReduceOptions = {}): Value => choice(x, options, largestAt)

/** `f` from each line along one dimension to a line of the same length. */
export function along(x: Value, dim: number, f: (line: Float64Array) => Float64Array): Value {
  const y = value(x.shape)
  const d = dimension(dim, x.shape.length)
  lines(x, x.shape.length === 0 ? [] : [d], (line, from) => {
    const result = f(line)
    from.forEach((at, i) => {
      y.data[at] = result[i]
    })
  })
  return y
}

export const logSoftmax = (x: Value, dim: number): Value =>
  along(x, dim, (line) => {
    const top = line.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
    const log = top + Math.log(total(line.map((v) => Math.exp(v - top))))
    return line.map((v) => v - log)
  })

export const softmax = (x: Value, dim: number): Value => {
  const { shape, data } = logSoftmax(x, dim)
  return value(shape, data.map(Math.exp))
}
