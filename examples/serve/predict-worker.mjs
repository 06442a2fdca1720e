// One of the pool's workers: loads the weights, and answers batches. It keeps nothing of a request, so that it may be
// replaced at any moment.
import { parentPort, workerData } from 'node:worker_threads'
import { init, loadSafetensors, predictor } from 'simdgrad'
import { ANSWER, BATCH_SIZES, makeNet, ROW } from './net.mjs'

const port = parentPort
if (!port) throw new Error('this is a worker of pool.mjs')

// One thread each: many requests at once are more work than one request's rows.
await init({ threads: 1 })
const net = makeNet()
net.loadStateDict(await loadSafetensors(workerData.weights))
const predicts = predictor(net, { inputs: [1, ROW], batchSizes: BATCH_SIZES })
const rows = new Float32Array(ROW * BATCH_SIZES[BATCH_SIZES.length - 1])
const answers = new Float32Array(ANSWER * BATCH_SIZES[BATCH_SIZES.length - 1])

port.on('message', ({ values, count }) => {
  // (For the tests: a request that kills, and one that hangs.)
  if (workerData.kill !== undefined && values.includes(workerData.kill)) process.exit(1)
  if (workerData.hang !== undefined && values.includes(workerData.hang)) for (;;);
  const size = BATCH_SIZES.find((one) => one >= count) ?? count
  rows.fill(0, count * ROW, size * ROW)
  rows.set(values)
  predicts.predictInto(answers, rows.subarray(0, size * ROW))
  const result = answers.slice(0, count * ANSWER)
  port.postMessage(result, [result.buffer])
})
port.postMessage('ready')
