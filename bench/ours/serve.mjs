// A server for bench/serve.mjs: the example's own, with its worker or with one that asks onnxruntime-node.
//   node serve.mjs simdgrad|onnxruntime-node FILE WORKERS
// Prints its port, and stops at SIGTERM.
import { once } from 'node:events'
import { ANSWER, BATCH_SIZES } from '../../examples/serve/net.mjs'
import { Pool } from '../../examples/serve/pool.mjs'
import { serve } from '../../examples/serve/server.mjs'

const [engine, weights, workers] = process.argv.slice(2)
const script =
  engine === 'simdgrad'
    ? new URL('../../examples/serve/predict-worker.mjs', import.meta.url)
    : new URL('../peers/serve-onnx-worker.mjs', import.meta.url)
const maxBatch = BATCH_SIZES[BATCH_SIZES.length - 1]
const pool = new Pool({ script, workerData: { weights }, workers: Number(workers), answer: ANSWER, maxBatch })
while (pool.ready < Number(workers)) await new Promise((resolve) => setTimeout(resolve, 10))
const { server, stop } = serve(pool)
server.listen(0, '127.0.0.1')
await once(server, 'listening')
console.log(/** @type {import('node:net').AddressInfo} */ (server.address()).port)
process.once('SIGTERM', async () => {
  await stop()
  process.exit()
})
