// What workers.test.ts looks at, on the built package:
//   node test/faults/workers.mjs <threads>
// Ends the workers of the team behind its back, as a runtime may, and goes on computing. Prints as JSON what came of
// each product: whether it is right, or the error.
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { outcome } from '../support/limit-memory.mjs'

const threads = Number(process.argv[2])

/** @type {typeof import('node:worker_threads')} */
const workerThreads = createRequire(import.meta.url)('node:worker_threads')
/** @type {import('node:worker_threads').Worker[]} */
const workers = []
workerThreads.Worker = class extends workerThreads.Worker {
  /** @param {ConstructorParameters<typeof workerThreads.Worker>} args */
  constructor(...args) {
    super(...args)
    workers.push(this)
  }
}
syncBuiltinESMExports()

const { init, ones, SimdgradError } = await import('simdgrad')
const { threads: started } = await init({ threads })
const product = () =>
  outcome(
    () =>
      ones([400, 400])
        .matmul(ones([400, 400]))
        .toFloat32Array()
        .every((value) => value === 400),
    SimdgradError,
  )

const before = product()
for (const worker of workers) await worker.terminate()
/** @type {unknown[]} */
const after = []
for (let i = 0; i < 3; i++) {
  after.push(product())
  await new Promise((resolve) => setTimeout(resolve, 20))
}
console.log(JSON.stringify({ threads: started, ended: workers.length, before, after }))
