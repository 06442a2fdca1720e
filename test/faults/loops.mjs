// What loops.test.ts looks at, each loop in a process of its own, on the built package:
//   node test/faults/loops.mjs <loop> <times> <yields: 0 or 1>
// Nothing in a loop calls dispose(). Prints as JSON how many tensors and bytes were live at most in the first and in the
// second half, whether the results are right, and the time of 1,000 rounds, once warm: the median, and the longest.
import { cat, data, init, manualSeed, memory, nn, noGrad, optim, randn, tensor } from 'simdgrad'

/** @typedef {import('simdgrad').Tensor} Tensor */

const [loop, timesText, yields] = process.argv.slice(2)
const times = Number(timesText)
await init({ threads: 1 })
manualSeed(0)

const single = tensor(1)
const trained = tensor([1, 2, 3], { requiresGrad: true })
const vector = tensor(Float32Array.from({ length: 16 }, (_, i) => i))
const net = new nn.Sequential(new nn.Linear(8, 16), new nn.ReLU(), new nn.Linear(16, 1))
const served = new nn.Sequential(
  new nn.Linear(8, 16),
  new nn.BatchNorm1d(16),
  new nn.ReLU(),
  new nn.Linear(16, 3),
).eval()
const row = new Float32Array(8).fill(0.5)
const answer = noGrad(() => net.forward(tensor(row, { shape: [1, 8] })).item())
const set = new data.TensorDataset(randn([10, 4]), randn([10]))
const optimizer = new optim.SGD(net.parameters(), { lr: 0 })
/** @type {[number, Tensor][]} */
const kept = []

/** @type {Record<string, (i: number) => boolean>} Each says whether its round went well. */
const LOOPS = {
  // Arithmetic of which nothing is kept.
  'a sum with a number': (i) => single.add(i).shape.length === 0,
  'a tensor of its own': (i) => tensor([i, i]).size === 2,
  'a graph that is never used': (i) => trained.mul(i).sum().requiresGrad,
  'slices and views': (i) =>
    vector
      .slice(0, i % 8, 9)
      .reshape([-1])
      .detach().size > 0,
  'joined tensors': (i) => cat([single.reshape([1]), tensor([i])]).size === 2,
  'sums read at once': (i) => single.add(i % 1000).item() === (i % 1000) + 1,
  'a few that are kept'(i) {
    const x = single.add(i)
    if (i % 5000 === 0) kept.push([i + 1, x])
    return true
  },
  // Serving: a row in, a number out.
  'a row a time': () => noGrad(() => net.forward(tensor(row, { shape: [1, 8] })).item()) === answer,
  'a row a time, recorded': () => net.forward(tensor(row, { shape: [1, 8] })).item() === answer,
  'a row a time, made outside of noGrad'() {
    const x = tensor(row, { shape: [1, 8] })
    return noGrad(() => net.forward(x).item()) === answer
  },
  'a class a time': () =>
    noGrad(() =>
      served
        .forward(tensor(row, { shape: [1, 8] }))
        .softmax(1)
        .argmax({ dim: 1 })
        .item(),
    ) >= 0,
  'a loss a time': (i) =>
    noGrad(() => nn.functional.crossEntropy(served.forward(tensor(row, { shape: [1, 8] })), [i % 3]).item()) >
    0,
  'batches that nobody reads'() {
    for (const [x] of new data.DataLoader(set, { batchSize: 1 })) if (x.size !== 4) return false
    return true
  },
  'training on a row'() {
    const loss = net
      .forward(tensor(row, { shape: [1, 8] }))
      .pow(2)
      .mean()
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return true
  },
}

const round = LOOPS[loop]
/** @type {{ tensors: number, bytes: number }[]} */
const most = [
  { tensors: 0, bytes: 0 },
  { tensors: 0, bytes: 0 },
]
/** @type {number[]} */
const blocks = []
let right = true
let { user, system } = process.cpuUsage()
for (let i = 0; i < times; i++) {
  right = round(i) && right
  if (i % 100 === 0) {
    const { liveTensors, liveBytes } = memory()
    const half = most[i < times / 2 ? 0 : 1]
    half.tensors = Math.max(half.tensors, liveTensors)
    half.bytes = Math.max(half.bytes, liveBytes)
  }
  if (i % 1000 !== 999) continue
  const now = process.cpuUsage()
  blocks.push((now.user - user + now.system - system) / 1000)
  ;({ user, system } = now)
  if (yields === '1') await new Promise((resolve) => setImmediate(resolve))
}
right = right && kept.every(([value, x]) => x.item() === value)
// At first the engine still compiles, on threads of its own.
const warm = blocks.slice(Math.floor(blocks.length / 4)).sort((a, b) => a - b)
const [median, longest] = [warm[Math.floor(warm.length / 2)], warm.at(-1)]
console.log(JSON.stringify({ most, right, kept: kept.length, median, longest }))
