import type { Tensor } from 'simdgrad'
import { expect } from 'vitest'

/** What is smaller is nothing: onnxruntime has no such small numbers. */
const NOTHING = 1e-38

/** As a share of the largest value. */
export const TOLERANCE = 1e-5

/** Checks that an output is ours, within 1e-5 of the largest value. */
export function expectSame(
  got: { shape: number[]; values: ArrayLike<number> },
  expected: Tensor,
  what: string,
): void {
  expect(got.shape, what).toEqual([...expected.shape])
  const values = expected.toFloat32Array()
  const largest = values.reduce(
    (most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
    0,
  )
  for (const [i, value] of values.entries()) {
    const other = Number(got.values[i])
    const same =
      Object.is(value, other) ||
      value === other ||
      Math.abs(value - other) <= Math.max(NOTHING, TOLERANCE * largest)
    if (!same) expect.fail(`${what}: value ${i} is ${other}, expected ${value} (the largest is ${largest})`)
  }
}
