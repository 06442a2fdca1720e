/** What is told of a net's outputs. */

/** The class that is answered most often, and its share of the answers. */
export function mostFrequent(
  outputs: readonly Float32Array[],
  classes: number,
): { label: number; share: number } | undefined {
  if (classes < 2) return undefined
  const counts = new Float64Array(classes)
  for (const values of outputs) {
    for (let at = 0; at < values.length; at += classes) {
      const row = values.subarray(at, at + classes)
      counts[row.indexOf(Math.max(...row))]++
    }
  }
  const most = Math.max(...counts)
  return { label: counts.indexOf(most), share: most / counts.reduce((a, b) => a + b, 0) }
}

/** The larger ones of both. */
export function larger(a: Float32Array | undefined, b: Float32Array): Float32Array {
  return a ? a.map((value, c) => Math.max(value, b[c])) : b
}

/** The mean square of the differences. */
export function squared(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  let sum = 0
  let count = 0
  for (const [i, values] of a.entries()) {
    for (let j = 0; j < values.length; j++) {
      sum += (values[j] - (b[i]?.[j] ?? 0)) ** 2
      count++
    }
  }
  return count > 0 ? sum / count : 0
}

/** The variance of the outputs. */
export function spreadOf(outputs: readonly Float32Array[]): number {
  let [n, mean, squares] = [0, 0, 0]
  for (const values of outputs) {
    for (const value of values) {
      const apart = value - mean
      mean += apart / ++n
      squares += apart * (value - mean)
    }
  }
  return squares > 0 ? squares / n : 1
}
