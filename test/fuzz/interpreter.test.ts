/**
 * The interpreter itself, so that it is not the library that tests it: the twins against PyTorch's answers, and
 * their finite differences against PyTorch's gradients.
 */
import { describe, expect, it } from 'vitest'
import { expectClose, largest } from '../support/all-close.js'
import { decode, type OperationCase, readFixture } from '../support/fixtures.js'
import { erf } from '../support/interpreter/elementwise.js'
import { maskOf } from '../support/interpreter/losses.js'
import { permute, transpose } from '../support/interpreter/rearrange.js'
import { maxPool1dAndPlaces } from '../support/interpreter/resample.js'
import { Invalid, kink, type Value, value, watch } from '../support/interpreter/value.js'
import { avgPool2d, conv2d, maxPool2d, maxPool2dAndPlaces } from '../support/interpreter/windows.js'
import { STEP } from './gradients.js'
import { entryOf } from './table/index.js'

const cases = readFixture<OperationCase[]>('operations.json')
/** The answers are float32. */
const TOLERANCE = 1e-6

/** The arguments of a case, with Values in the place of tensors. */
function argument(arg: unknown, inputs: readonly Value[]): unknown {
  if (Array.isArray(arg)) return arg.map((each) => argument(each, inputs))
  if (typeof arg !== 'object' || arg === null) return arg
  if (!('tensor' in arg)) {
    return Object.fromEntries(Object.entries(arg).map(([key, each]) => [key, argument(each, inputs)]))
  }
  const of = arg as { tensor: number; transpose?: [number, number]; permute?: number[] }
  const x = inputs[of.tensor]
  if (of.transpose) return transpose(x, ...of.transpose)
  return of.permute ? permute(x, of.permute) : x
}

/** Twins of what gives more than what the fuzz draws: by operation, for cases of one part of the result. */
const OF_PARTS: Readonly<Record<string, unknown>> = {
  maxPool1d: maxPool1dAndPlaces,
  maxPool2d: maxPool2dAndPlaces,
}

function run({ op, args, part }: OperationCase, inputs: readonly Value[]): Value {
  const twin = ((part !== undefined && OF_PARTS[op]) || entryOf(op)?.twin) as
    | ((...args: unknown[]) => object)
    | undefined
  if (!twin) throw new Error(`no twin of ${op}`)
  const all = twin(...args.map((arg) => argument(arg, inputs)))
  return (part === undefined ? all : Reflect.get(all, part)) as Value
}

const inputsOf = ({ inputs }: OperationCase) =>
  inputs.map((input) => value(input.shape, Float64Array.from(decode(input))))

describe.each([...new Set(cases.map(({ op }) => op))])('PyTorch has the values of %s', (op) => {
  it.each(
    cases.filter((each) => each.op === op).map((each) => [each.name, each] as const),
  )('%s', (_, each) => {
    const inputs = inputsOf(each)
    const output = run(each, inputs)
    expect(output.shape).toEqual(each.output.shape)
    expectClose(output.data, decode(each.output), { tolerance: TOLERANCE, what: 'output' })
    for (const [key, running] of Object.entries(each.expect ?? {})) {
      const options = argument(each.args.at(-1), inputs) as Record<string, Value>
      expectClose(options[key].data, decode(running), { tolerance: TOLERANCE, what: key })
    }
    // (A gradient that is scaled by how often a row was looked up is no slope.)
    if (!each.cotangent || JSON.stringify(each.args).includes('scaleGradByFreq')) return

    const cotangent = decode(each.cotangent)
    const product = (at: number, place: number, h: number) => {
      const moved = inputsOf(each)
      moved[at].data[place] += h
      return run(each, moved).data
    }
    each.grads.forEach((expected, i) => {
      if (!expected) return
      const values = decode(expected)
      // A few elements of each, the last among them: what is tested is the method, not the library.
      const some = [...new Set([0, Math.floor(values.length / 2), values.length - 1])].filter((p) => p >= 0)
      const slopes = some.map((place) => {
        watch.gap = Number.POSITIVE_INFINITY
        const [up, down] = [product(i, place, STEP), product(i, place, -STEP)]
        return watch.gap < 10 * STEP
          ? Number.NaN
          : up.reduce((sum, v, k) => sum + cotangent[k] * (v - down[k]), 0) / (2 * STEP)
      })
      const smooth = some.filter((_, k) => !Number.isNaN(slopes[k]))
      expectClose(
        slopes.filter((v) => !Number.isNaN(v)),
        smooth.map((place) => values[place]),
        { tolerance: 1e-5, scale: largest(values) + largest(cotangent), what: `gradient ${i}` },
      )
    })
  })
})

describe('twins without a fixture', () => {
  it('erf is that of the tables', () => {
    // https://dlmf.nist.gov/7.23, and both formulas near to where they meet.
    for (const [x, y] of [
      [0, 0],
      [0.5, 0.520499877813046],
      [1, 0.842700792949715],
      [2, 0.995322265018953],
      [-2.999999, -0.9999779095],
      [3.000001, 0.9999779096],
      [-4, -0.9999999845827421],
    ]) {
      expect(erf(x)).toBeCloseTo(y, 9)
    }
  })

  it('average pooling divides as PyTorch documents', () => {
    const x = value([1, 1, 1, 5], Float64Array.of(1, 2, 3, 4, 5))
    const of = (options: object) => [...avgPool2d(x, [1, 2], options).data]
    expect(of({})).toEqual([1.5, 3.5])
    expect(of({ ceilMode: true })).toEqual([1.5, 3.5, 5])
    expect(of({ padding: [0, 1] })).toEqual([0.5, 2.5, 4.5])
    expect(of({ padding: [0, 1], countIncludePad: false })).toEqual([1, 2.5, 4.5])
    expect(of({ divisorOverride: 4 })).toEqual([0.75, 1.75])
  })

  it('pooling and convolution leave out what a dilation steps over', () => {
    const x = value([1, 1, 1, 5], Float64Array.of(1, 9, 3, 4, 5))
    expect([...maxPool2d(x, [1, 2], { stride: 1, dilation: [1, 2] }).data]).toEqual([3, 9, 5])
    const weight = value([1, 1, 1, 2], Float64Array.of(1, 10))
    expect([...conv2d(x, weight, null, { dilation: [1, 2] }).data]).toEqual([31, 49, 53])
  })

  it('convolution in groups keeps their channels apart', () => {
    const x = value([1, 2, 1, 1], Float64Array.of(3, 5))
    const weight = value([4, 1, 1, 1], Float64Array.of(1, 10, 100, 1000))
    expect([...conv2d(x, weight, null, { groups: 2 }).data]).toEqual([3, 30, 500, 5000])
  })

  it('layer normalisation is batch normalisation of one sample', () => {
    const x = value([2, 2], Float64Array.of(1, 3, -2, 2))
    const twin = entryOf('layerNorm')?.twin as (x: Value, shape: number[], options: object) => Value
    const weight = value([2], Float64Array.of(1, 10))
    expectClose(twin(x, [2], { weight, eps: 0 }).data, [-1, 10, -1, 10], { tolerance: 1e-12 })
  })
})

describe('what the interpreter says of itself', () => {
  it('a kink that is near is seen, and a tie is none', () => {
    watch.gap = Number.POSITIVE_INFINITY
    kink(0)
    expect(watch.gap).toBe(Number.POSITIVE_INFINITY)
    kink(-1e-7)
    kink(2)
    expect(watch.gap).toBe(1e-7)
  })

  it('what does not fit is Invalid', () => {
    const [a, b] = [value([2, 3]), value([2, 2])]
    const twin = (op: string) => entryOf(op)?.twin as (...args: unknown[]) => Value
    expect(() => twin('add')(a, b)).toThrow(Invalid)
    expect(() => twin('matmul')(a, b)).toThrow(Invalid)
    expect(() => twin('cat')([a, b], 0)).toThrow(Invalid)
    expect(() => twin('max')(value([0]))).toThrow(Invalid)
    expect(() => twin('conv2d')(value([1, 2, 3, 3]), value([1, 1, 2, 2]))).toThrow(Invalid)
    expect(() => twin('batchNorm')(value([1, 2]), { training: true })).toThrow(Invalid)
  })

  it('a mask is read off, and what is no dropout is not taken for one', () => {
    expect([...maskOf([1, 2, 0], [0, 4, 0], 0.5, true)]).toEqual([0, 2, 2])
    expect(() => maskOf([1, 2], [0, 3], 0.5, true)).toThrow('dropout of 2 gave 3')
    expect(() => maskOf([1], [0], 0.5, false)).toThrow('dropout of 1 gave 0')
  })
})
