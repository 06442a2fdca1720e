// Trains a small convolutional net with batch norm and an MLP on the first digits of MNIST, in any runtime,
// and prints what came of it as one line of JSON.
//   node test/runtimes/train-hash.mjs [--threads 2] [--deterministic] [--core] [--steps 20] [--dist dist]
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    threads: { type: 'string' },
    deterministic: { type: 'boolean', default: false },
    core: { type: 'boolean', default: false },
    steps: { type: 'string', default: '20' },
    dist: { type: 'string', default: new URL('../../dist', import.meta.url).pathname },
  },
})
const threads = values.threads === undefined ? {} : { threads: Number(values.threads) }

/** @type {typeof import('../../src/index.node.js')} */
const simdgrad = await import(pathToFileURL(resolve(values.dist, 'index.node.js')).href)
const { chunksDone, data, hashState, init, manualSeed, nn, optim } = simdgrad

/** @type {{ kernels?: 'core' }} */
const kernels = values.core ? { kernels: 'core' } : {}
const backend = await init({ deterministic: values.deterministic, ...threads, ...kernels })
// The self-test at the start has let each worker do a chunk already; only work for the nets counts.
const before = chunksDone(backend.threads)

manualSeed(1)
const nets = {
  cnn: new nn.Sequential(
    new nn.Conv2d(1, 6, 3, { padding: 1 }),
    new nn.BatchNorm2d(6),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(6, 16, 5),
    new nn.BatchNorm2d(16),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(400, 10),
  ),
  mlp: new nn.Sequential(
    new nn.Flatten(),
    new nn.Linear(784, 100),
    new nn.BatchNorm1d(100),
    new nn.ReLU(),
    new nn.Dropout(0.1),
    new nn.Linear(100, 10),
  ),
}
const optimizers = {
  cnn: new optim.SGD(nets.cnn.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 }),
  mlp: new optim.AdamW(nets.mlp.parameters(), { lr: 1e-3 }),
}
const loss = new nn.CrossEntropyLoss()
const { train } = await data.mnist()
// 33: a batch that is no multiple of the lanes.
const batches = new data.DataLoader(train, { batchSize: 33, shuffle: true })[Symbol.iterator]()

/**
 * A step of both nets, and a pause. With more threads than cores one worker at a time is awake, and stays so while
 * there is work. In a pause it falls asleep, and another one's turn comes.
 *
 * @returns the losses
 */
async function step() {
  const [x, y] = batches.next().value ?? []
  /** @type {number[]} */
  const values = []
  for (const name of /** @type {const} */ (['cnn', 'mlp'])) {
    const result = loss.forward(nets[name].forward(x), y)
    values.push(result.item())
    nets[name].zeroGrad()
    result.backward()
    optimizers[name].step()
    await new Promise((done) => setTimeout(done, 3))
  }
  return values
}

/** @type {number[][]} */
const losses = []
for (let i = 0; i < Number(values.steps); i++) losses.push(await step())
const { runtime, simd, threads: count, shared, reason } = backend
const hash = `${await hashState(nets.cnn.stateDict())} ${await hashState(nets.mlp.stateDict())}`

// A busy machine may have given a worker no time in so few steps. It gets more, and then must have worked.
const worked = () => chunksDone(count).map((chunks, i) => chunks - before[i])
for (let more = 0; more < 500 && Math.min(...worked()) === 0; more++) await step()
batches.return(undefined)

console.log(
  JSON.stringify({
    runtime,
    simd,
    threads: count,
    shared,
    reason,
    hash,
    losses: [losses[0], losses.at(-1)].flat(),
    chunksDone: worked(),
  }),
)
