// What small.test.ts looks at, on the built package:
//   node test/faults/small.mjs <mebibytes>
// Starts in a runtime that grants no more shared memory than so much, and computes. Prints as JSON what came of it.
import { init, ones, SimdgradError } from 'simdgrad'
import { limitMemory, outcome } from '../support/limit-memory.mjs'

limitMemory(Number(process.argv[2]))

/** @type {unknown} */
let product
try {
  await init({ threads: 2 })
  product = outcome(
    () =>
      ones([100, 100])
        .matmul(ones([100, 100]))
        .toFloat32Array()
        .every((value) => value === 100),
    SimdgradError,
  )
} catch (error) {
  product = error instanceof SimdgradError ? error.name : String(error)
}
console.log(JSON.stringify({ product }))
