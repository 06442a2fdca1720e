import { noGrad, type Tensor, tensor } from 'simdgrad'
import { expectClose, largest } from './all-close.js'
import { Random } from './random.js'

/** An array of float32 values with a shape. */
export interface Values {
  shape: readonly number[]
  values: Float32Array
}

/**
 * Half the distance of neighbouring points. With four points the formula is off by h⁴ and rounding by 1e-7 / h:
 * in float32 both are far below the tolerance for functions that change over distances of about 1.
 */
const STEP = 0.03
const TOLERANCE = 3e-3

/**
 * Checks the gradients of `f` by finite differences, (8 (f(h) − f(−h)) − (f(2h) − f(−2h))) / 12h, of the product
 * of its result with a random cotangent. `f` must have no kink within 2h of the inputs.
 */
export function gradCheck(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Values[],
  seed: number,
  what = 'gradient',
): void {
  const leaves = inputs.map(({ shape, values }) => tensor(values, { shape, requiresGrad: true }))
  const output = f(...leaves)
  const random = new Random(seed)
  const weights = Float32Array.from({ length: output.size }, () => random.normal())
  output.backward(tensor(weights, { shape: output.shape }))

  const points = inputs.map(({ shape, values }) => ({ shape, values: values.slice() }))
  const product = () =>
    noGrad(() => {
      const made = points.map(({ shape, values }) => tensor(values, { shape }))
      const values = f(...made).toFloat32Array()
      for (const x of made) x.dispose()
      return values.reduce((sum, value, i) => sum + value * weights[i], 0)
    })
  points.forEach(({ values }, i) => {
    const differences = values.map((at, j) => {
      const along = (distance: number) => {
        values[j] = at + distance
        const result = product()
        values[j] = at
        return result
      }
      return (8 * (along(STEP) - along(-STEP)) - (along(2 * STEP) - along(-2 * STEP))) / (12 * STEP)
    })
    // Where a gradient cancels, by what it was computed from.
    const scale = Math.max(largest(differences), largest(weights))
    expectClose(leaves[i].grad ?? [], differences, {
      tolerance: TOLERANCE,
      scale,
      what: `${what} of input ${i}`,
    })
  })
}
