import { ArgumentError } from '../../errors.js'
import { checkShape, type Shape } from '../../tensor/shape.js'

/** The normalised shape. @throws {ArgumentError} for one of no dimension, or with a size below 1 */
export function normalized(name: string, shape: Shape | number): Shape {
  const sizes = typeof shape === 'number' ? [shape] : shape
  checkShape(`${name}: normalizedShape`, sizes)
  if (sizes.length === 0)
    throw new ArgumentError(`${name}: normalizedShape has at least one dimension, got []`)
  return [...sizes]
}
