// Medians and quartiles, which stray turns on a shared machine move little.

/**
 * The quantile `q` (0 to 1) by linear interpolation between the sorted values (numpy's default).
 *
 * @param {readonly number[]} values at least one
 * @param {number} q
 */
export function quantile(values, q) {
  if (values.length === 0) throw new RangeError('quantile: there are no values')
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const [below, above] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]]
  return below + (above - below) * (at - Math.floor(at))
}

/** @param {readonly number[]} values */
export const median = (values) => quantile(values, 0.5)

/**
 * @param {readonly number[]} values
 * @returns {{ median: number, q1: number, q3: number }}
 */
export function summarize(values) {
  return { median: median(values), q1: quantile(values, 0.25), q3: quantile(values, 0.75) }
}

/**
 * `a[i] / b[i]`: both were measured in the same round.
 *
 * @param {readonly number[]} a
 * @param {readonly number[]} b
 */
export function ratios(a, b) {
  if (a.length !== b.length) throw new RangeError(`ratios: ${a.length} values against ${b.length}`)
  return a.map((value, i) => value / b[i])
}
