// Memory and latency over a long time:
//   npm run test:soak                              200 epochs of cnn-bn on 5,000 digits, twice 1,000,000 predictions
//   npm run test:soak -- --epochs 20 --predictions 50000
// After the first tenth, resident memory may not grow by more than 2 % (its mean over the last tenth against that over the
// second), and no prediction, by the net's forward or by a predictor, may take more than 20 ms: on a quiet machine, for it is the clock's time. The last line is
// `N passed, M failed`.
import { parseArgs } from 'node:util'
import { data, fit, init, manualSeed, memory, nn, noGrad, optim, predictor, rand } from 'simdgrad'
import { JOBS } from 'simdgrad/nets'

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '200' },
    predictions: { type: 'string', default: '1000000' },
  },
})
const [epochs, predictions] = [Number(values.epochs), Number(values.predictions)]

await init()
manualSeed(0)
let [passed, failed] = [0, 0]

/** @param {string} what @param {boolean} holds */
function check(what, holds) {
  if (holds) passed++
  else failed++
  console.log(`${holds ? 'passed' : 'FAILED'}: ${what}`)
}

const megabytes = (/** @type {number} */ bytes) => (bytes / 2 ** 20).toFixed(1)
const mean = (/** @type {number[]} */ all) => all.reduce((a, b) => a + b, 0) / all.length

/** @param {string} what @param {{ rss: number, wasm: number, live: number }[]} samples in order, evenly spaced */
function flat(what, samples) {
  const tenth = Math.max(1, Math.floor(samples.length / 10))
  for (const key of /** @type {const} */ (['rss', 'wasm', 'live'])) {
    const all = samples.map((sample) => sample[key])
    const [early, late] = [mean(all.slice(tenth, 2 * tenth)), mean(all.slice(-tenth))]
    const growth = early === late ? 0 : ((late - early) / early) * 100
    check(
      `${what}, ${key}: ${megabytes(early)} MB, then ${megabytes(late)} MB (${growth.toFixed(2)} %)`,
      growth <= 2,
    )
  }
}

const sample = () => {
  const { wasmBytes, liveBytes } = memory()
  return { rss: process.memoryUsage.rss(), wasm: wasmBytes, live: liveBytes }
}

const digits = await data.mnist()
/** The first of a set. @param {data.ImageDataset} set @param {number} n */
function first(set, n) {
  const [x, y] = new data.DataLoader(set, { batchSize: n })[Symbol.iterator]().next().value ?? []
  return new data.TensorDataset(x, y)
}
const net = JOBS['cnn-bn'].make()
/** @type {ReturnType<typeof sample>[]} */
const training = []
await fit(net, {
  train: new data.DataLoader(first(digits.train, 5000), { batchSize: 32, shuffle: true }),
  valid: new data.DataLoader(first(digits.test, 500), { batchSize: 100 }),
  optimizer: new optim.SGD(net.parameters(), { lr: 0.05 }),
  loss: new nn.CrossEntropyLoss(),
  epochs,
  onEpoch: () => {
    training.push(sample())
  },
})
flat(`${epochs} epochs`, training)

net.eval()
const row = rand([1, 1, 28, 28])
const every = Math.max(1, Math.floor(predictions / 200))

/** @param {string} how @param {() => unknown} predict */
async function predictAll(how, predict) {
  const samples = []
  let [longest, total, tenth] = [0, 0, predictions / 10]
  for (let i = 0; i < predictions; i++) {
    const start = performance.now()
    predict()
    const took = performance.now() - start
    total += took
    if (i >= tenth) longest = Math.max(longest, took)
    if (i % every === 0) {
      samples.push(sample())
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  flat(`${predictions.toLocaleString('en')} predictions of one row, ${how}`, samples)
  check(
    `the longest prediction ${how} took ${longest.toFixed(2)} ms, the mean ${((total / predictions) * 1000).toFixed(0)} µs`,
    longest <= 20,
  )
}

await predictAll('by forward', () => noGrad(() => net.forward(row)).toFloat32Array())
const predicts = predictor(net, { inputs: [1, 1, 28, 28] })
const pixels = row.toFloat32Array()
await predictAll('by a predictor', () => predicts.predict(pixels))
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
