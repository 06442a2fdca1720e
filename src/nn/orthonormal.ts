/**
 * Gram and Schmidt's orthonormal columns of a matrix, the Q of A = QR with a positive diagonal of R: each column loses
 * its parts along those before it, twice, so that rounding leaves none ("twice is enough": Giraud et al., 2005).
 *
 * @param values [n, m] in rows, n ≥ m, of full rank
 * @returns the m columns
 */
export function orthonormalColumns(values: Float32Array, n: number, m: number): Float64Array[] {
  const columns: Float64Array[] = []
  for (let j = 0; j < m; j++) {
    const column = Float64Array.from({ length: n }, (_, i) => values[i * m + j])
    for (let pass = 0; pass < 2; pass++) {
      for (const before of columns) {
        let along = 0
        for (let i = 0; i < n; i++) along += before[i] * column[i]
        for (let i = 0; i < n; i++) column[i] -= along * before[i]
      }
    }
    let square = 0
    for (const value of column) square += value * value
    const length = Math.sqrt(square)
    for (let i = 0; i < n; i++) column[i] /= length
    columns.push(column)
  }
  return columns
}
