// A worker of examples/serve's pool that asks onnxruntime-node, for bench/serve.mjs: one thread, as ours.
import { parentPort, workerData } from 'node:worker_threads'
import { ANSWER, ROW } from '../../examples/serve/net.mjs'
import { needed } from '../optional.mjs'

const port = parentPort
if (!port) throw new Error('this is a worker of the pool')
const { InferenceSession, Tensor } = await needed('onnxruntime-node')
const session = await InferenceSession.create(workerData.weights, {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
})
port.on('message', async ({ values, count }) => {
  const { y } = await session.run({ x: new Tensor('float32', values, [count, ROW]) })
  const result = Float32Array.from(y.data.subarray(0, count * ANSWER))
  port.postMessage(result, [result.buffer])
})
port.postMessage('ready')
