// Our epoch beside PyTorch's, for each of the notebook's jobs: both sides train the same net on the same
// data (in memory), in turns of some hundred steps in one run, and the ratio of the medians is printed.
//
//   node bench/jobs.mjs [--nets mlp,cnn] [--steps 300] [--rounds 7] [--threads 2]
//
// Needs `npm run build`, and a Python with torch and numpy: `python3`, or what SIMDGRAD_PYTHON names.
// PyTorch runs eagerly with 1 and with 2 threads, and the better of both counts.
import { spawn } from 'node:child_process'
import { loadavg } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { JOBS } from '../dist/cli/nets.js'
import { data, init, manualSeed, nn, optim } from '../dist/index.node.js'

const { values } = parseArgs({
  options: {
    nets: { type: 'string', default: 'mlp,mlp-bn-layer,mlp-bn,cnn,cnn-bn' },
    steps: { type: 'string', default: '300' },
    rounds: { type: 'string', default: '7' },
    threads: { type: 'string', default: '2' },
    batch: { type: 'string', default: '32' },
  },
})
const steps = Number(values.steps)
const BATCH = Number(values.batch)
const STEPS_PER_EPOCH = 1875

/** Starts PyTorch's side; undefined where there is no Python with torch. */
async function startTorch() {
  const script = fileURLToPath(new URL('./torch_jobs.py', import.meta.url))
  const child = spawn(process.env.SIMDGRAD_PYTHON ?? 'python3', [script], { stdio: ['pipe', 'pipe', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (text) => {
    complaint += text
  })
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const first = await lines.next()
  if (first.done) {
    console.log(
      `No PyTorch here, so our side runs alone (set SIMDGRAD_PYTHON): ${complaint.trim().split('\n').at(-1)}`,
    )
    return undefined
  }
  return {
    version: JSON.parse(first.value).torch,
    /** @param {string} net @param {number} threads */
    async run(net, threads) {
      child.stdin.write(`${JSON.stringify({ net, threads, steps })}\n`)
      const answer = JSON.parse((await lines.next()).value)
      if (answer.error) throw new Error(answer.error)
      return answer.seconds
    },
    stop: () => child.kill(),
  }
}

/**
 * Our side: keeps training from one call to the next.
 * @param {import('../dist/cli/options.js').NetName} name
 * @param {import('../dist/data/dataset.js').Dataset} train
 */
function ours(name, train) {
  manualSeed(0)
  const net = JOBS[name].make()
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const loss = new nn.CrossEntropyLoss()
  const loader = new data.DataLoader(train, { batchSize: BATCH, shuffle: true })
  let batches = loader[Symbol.iterator]()
  return () => {
    const start = performance.now()
    let [total, right] = [0, 0]
    for (let step = 0; step < steps; step++) {
      let batch = batches.next()
      if (batch.done) {
        batches = loader[Symbol.iterator]()
        batch = batches.next()
      }
      const [x, y] = batch.value
      const logits = net.forward(x)
      const value = loss.forward(logits, y)
      total += value.item()
      right += nn.functional.correct(logits, y)
      optimizer.zeroGrad()
      value.backward()
      optimizer.step()
      // As `fit` does where nobody else can have seen them.
      if (net.keepsNothing) for (const tensor of [x, y, logits, value]) tensor.dispose()
    }
    if (!Number.isFinite(total + right)) throw new Error(`${name}: the loss is ${total}`)
    return (performance.now() - start) / 1000
  }
}

/** @param {number[]} values */
const sorted = (values) => [...values].sort((a, b) => a - b)
/** @param {number[]} values @param {number} q */
const quantile = (values, q) => sorted(values)[Math.round((values.length - 1) * q)]
/** @param {number[]} values */
const median = (values) => quantile(values, 0.5)

const backend = await init({ threads: Number(values.threads) })
const { train } = await data.mnist()
const torch = await startTorch()
console.log(
  `${backend.runtime}, ${backend.simd} SIMD, ${backend.threads} threads${torch ? `; PyTorch ${torch.version}` : ''}; load ${loadavg()[0].toFixed(1)}`,
)
console.log(
  `epoch seconds from ${values.rounds} rounds of ${steps} steps of batch ${BATCH}, interleaved; medians, in brackets the quartiles of the ratio\n`,
)
/** @param {number} seconds */
const perEpoch = (seconds) => (seconds * STEPS_PER_EPOCH) / steps
for (const name of /** @type {import('../dist/cli/options.js').NetName[]} */ (values.nets.split(','))) {
  const run = ours(name, train)
  run()
  /** @type {{ ours: number[], torch1: number[], torch2: number[] }} */
  const samples = { ours: [], torch1: [], torch2: [] }
  for (let round = 0; round < Number(values.rounds); round++) {
    // PyTorch's threads spin on for some 200 ms after their last work.
    if (torch) await new Promise((resolve) => setTimeout(resolve, 400))
    samples.ours.push(run())
    if (torch) samples.torch1.push(await torch.run(name, 1))
    if (torch) samples.torch2.push(await torch.run(name, 2))
  }
  const mine = perEpoch(median(samples.ours))
  if (!torch) {
    console.log(`${name.padEnd(13)} ours ${mine.toFixed(2)} s`)
    continue
  }
  const [one, two] = [median(samples.torch1), median(samples.torch2)]
  const best = one < two ? samples.torch1 : samples.torch2
  const ratios = best.map((seconds, i) => seconds / samples.ours[i])
  console.log(
    `${name.padEnd(13)} ours ${mine.toFixed(2)} s, PyTorch ${perEpoch(one).toFixed(2)} s (1 thread), ${perEpoch(two).toFixed(2)} s (2): ` +
      `${(Math.min(one, two) / median(samples.ours)).toFixed(2)} times as fast [${quantile(ratios, 0.25).toFixed(2)}–${quantile(ratios, 0.75).toFixed(2)}]`,
  )
}
torch?.stop()
