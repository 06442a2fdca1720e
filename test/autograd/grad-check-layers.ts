/** Arguments of the normalisations, convolutions, poolings and resampling that came later, for grad-check.test.ts. */
import fc from 'fast-check'
import { nn, type Tensor } from 'simdgrad'

const { functional: F } = nn

/** As there: one function to check, with its inputs. */
interface Check {
  f: (...inputs: Tensor[]) => Tensor
  inputs: readonly (readonly [shape: readonly number[], kind: 'normal' | 'distinct'])[]
}

const between = (min: number, max: number) => fc.integer({ min, max })

/** A sequence [n, c, length], a kernel that fits, and how it moves. */
const sequences = fc
  .tuple(between(1, 5), between(1, 3), between(1, 3), between(1, 3), between(1, 2), fc.nat(3), fc.boolean())
  .map(([n, c, kernel, stride, dilation, room, pad]) => {
    const shape = [n, c, (kernel - 1) * dilation + 1 + room] as const
    return { shape, kernel, stride, dilation, padding: pad ? kernel >> 1 : 0 }
  })

const images = fc.tuple(between(1, 5), between(1, 3), between(1, 4), between(1, 4))

/** At least five values: of two, the normalised ones are always ±1. */
const inner = fc.constantFrom([5], [2, 3], [3, 1, 2])

export const LAYER_CHECKS: Readonly<Record<string, fc.Arbitrary<Check>>> = {
  groupNorm: fc.tuple(between(1, 3), between(1, 3), between(1, 2), inner).map(([n, groups, each, rest]) => {
    const c = groups * each
    return {
      f: (x, weight, bias) => F.groupNorm(x, groups, { weight, bias, eps: 0.1 }),
      inputs: [
        [[n, c, ...rest], 'normal'],
        [[c], 'normal'],
        [[c], 'normal'],
      ],
    }
  }),
  instanceNorm: fc.tuple(between(1, 4), between(1, 3), inner).map(([n, c, rest]) => ({
    f: (x, weight, bias) => F.instanceNorm(x, { weight, bias, eps: 0.1 }),
    inputs: [
      [[n, c, ...rest], 'normal'],
      [[c], 'normal'],
      [[c], 'normal'],
    ],
  })),
  rmsNorm: fc.tuple(between(1, 4), between(1, 7)).map(([rows, cols]) => ({
    f: (x, weight) => F.rmsNorm(x, cols, { weight, eps: 0.1 }),
    inputs: [
      [[rows, cols], 'normal'],
      [[cols], 'normal'],
    ],
  })),
  conv1d: fc
    .tuple(sequences, between(1, 3), fc.boolean())
    .map(([{ shape, kernel, ...moves }, out, apart]) => {
      const groups = apart ? shape[1] : 1
      return {
        f: (x, w, b) => F.conv1d(x, w, b, { ...moves, groups }),
        inputs: [
          [shape, 'normal'],
          [[out * groups, shape[1] / groups, kernel], 'normal'],
          [[out * groups], 'normal'],
        ],
      }
    }),
  convTranspose2d: fc
    .tuple(images, between(1, 3), between(1, 3), between(1, 3), between(1, 2), fc.boolean())
    .map(([shape, out, kernel, stride, dilation, apart]) => {
      const groups = apart ? shape[1] : 1
      const options = { stride, dilation, groups, outputPadding: Math.max(stride, dilation) - 1 }
      return {
        f: (x, w, b) => F.convTranspose2d(x, w, b, options),
        inputs: [
          [shape, 'normal'],
          [[shape[1], out, kernel, 2], 'normal'],
          [[out * groups], 'normal'],
        ],
      }
    }),
  maxPool1d: sequences.map(({ shape, kernel, ...moves }) => ({
    f: (x) => F.maxPool1d(x, kernel, { ...moves, dilation: 1, ceilMode: moves.dilation > 1 }),
    inputs: [[shape, 'distinct']],
  })),
  avgPool1d: sequences.map(({ shape, kernel, stride, padding, dilation }) => ({
    f: (x) => F.avgPool1d(x, kernel, { stride, padding, ceilMode: dilation > 1 }),
    inputs: [[shape, 'normal']],
  })),
  adaptiveAvgPool1d: fc.tuple(sequences, between(1, 5)).map(([{ shape }, size]) => ({
    f: (x) => F.adaptiveAvgPool1d(x, size),
    inputs: [[shape, 'normal']],
  })),
  adaptiveAvgPool2d: fc.tuple(images, between(1, 5), between(1, 5)).map(([shape, h, w]) => ({
    f: (x) => F.adaptiveAvgPool2d(x, [h, w]),
    inputs: [[shape, 'normal']],
  })),
  interpolate: fc
    .tuple(images, between(1, 6), fc.constantFrom('nearest' as const, 'bilinear' as const), fc.boolean())
    .map(([shape, size, mode, factor]) => ({
      f: (x) => F.interpolate(x, { mode, ...(factor ? { scaleFactor: size } : { size }) }),
      inputs: [[shape, 'normal']],
    })),
}
