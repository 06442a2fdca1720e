import { Tensor } from 'simdgrad'
import { expect } from 'vitest'

/** How close is close. */
export interface Closeness {
  /** The largest difference, as a share of `scale`. */
  tolerance: number
  /** What differences are measured by. Default: the largest expected magnitude (1 where all are 0). */
  scale?: number
  /** What is compared, for the message. */
  what?: string
}

/** The largest magnitude; 0 of nothing. */
export function largest(values: ArrayLike<number>): number {
  let most = 0
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]))
  return most
}

/** Checks that every value is near the expected one, measured by the largest expected magnitude. */
export function expectClose(
  actual: Tensor | ArrayLike<number>,
  expected: ArrayLike<number>,
  { tolerance, scale = largest(expected) || 1, what = 'values' }: Closeness,
): void {
  const values = actual instanceof Tensor ? actual.toFloat32Array() : actual
  expect(values.length, `${what}: how many`).toBe(expected.length)
  const limit = tolerance * scale
  let [worst, at, wrong] = [0, -1, 0]
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(values[i] - expected[i])
    // Written so that NaN is wrong.
    if (values[i] === expected[i] || difference <= limit) continue
    wrong++
    if (at < 0 || difference > worst || Number.isNaN(difference)) [worst, at] = [difference, i]
  }
  if (wrong > 0) {
    expect.fail(
      `${what}: ${wrong} of ${expected.length} differ by more than ${limit.toExponential(2)} ` +
        `(${tolerance} of ${scale.toExponential(2)}); worst at ${at}: got ${values[at]}, expected ${expected[at]}`,
    )
  }
}
