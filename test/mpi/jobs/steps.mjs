// Training steps of which something is another in one rank: compiled they have to do what they do as they are, to the bit,
// and every rank has to come to the same parameters. Prints in rank 0 one line of JSON, {"cases": …, "taken": how often a replay was taken back}.
//   mpirun -n 3 node test/mpi/jobs/steps.mjs [case …]
import assert from 'node:assert/strict'
import { cat, compile, hashState, init, manualSeed, nn, optim, randint, randn, tensor } from 'simdgrad'
import { DistributedDataParallel, mpi } from 'simdgrad/distributed'

/** @import { Tensor } from 'simdgrad' */
/** @typedef {(net: DistributedDataParallel<any, Tensor>, x: Tensor, y: Tensor) => Tensor} Step gives the loss, after backward */

await init({ threads: 1 })
const world = await mpi()
const { rank, size } = world
const STEPS = 9

const plain = () =>
  new nn.Sequential(
    ...[new nn.Linear(6, 16), new nn.BatchNorm1d(16), new nn.ReLU()],
    ...[new nn.Linear(16, 16), new nn.SyncBatchNorm(16), new nn.ReLU(), new nn.Linear(16, 4)],
  )

/** The last rank leaves the middle out. */
class Skips extends nn.Module {
  first = new nn.Sequential(new nn.Linear(6, 16), new nn.SyncBatchNorm(16), new nn.ReLU())
  middle = new nn.Sequential(new nn.Linear(16, 16), new nn.ReLU())
  last = new nn.Sequential(new nn.SyncBatchNorm(16), new nn.Linear(16, 4))

  /** @override @param {Tensor} x */
  forward(x) {
    const y = this.first.forward(x)
    return this.last.forward(rank === size - 1 && size > 1 ? y.mul(1) : this.middle.forward(y))
  }
}

/** Two inputs, a recurrent layer, and a part that is frozen. */
class Sentences extends nn.Module {
  words = new nn.Embedding(12, 8)
  states = new nn.GRU(8, 10, { batchFirst: true })
  beside = new nn.Linear(6, 10)
  last = new nn.Sequential(new nn.SyncBatchNorm(20), new nn.Linear(20, 4))

  constructor() {
    super()
    this.words.weight.requiresGrad = false
  }

  /** @override @param {Tensor} x @param {Tensor} words */
  forward(x, words) {
    const [states] = this.states.forward(this.words.forward(words))
    const end = states.slice(1, 4, 5).flatten(1)
    return this.last.forward(cat([end, this.beside.forward(x)], 1))
  }
}

const loss = new nn.CrossEntropyLoss()

/** @type {Step} */
const simple = (net, x, y) => {
  const value = net.loss(loss).forward(net.forward(x), y)
  value.backward()
  return value
}

/** In halves, of which the first's gradients are kept back, or sent at once. @param {boolean} keeps @returns {Step} */
const halves = (keeps) => (net, x, y) => {
  const half = Math.floor(x.shape[0] / 2)
  const run = (/** @type {number} */ from, /** @type {number} */ to) =>
    simple(net, x.slice(0, from, to), y.slice(0, from, to))
  if (keeps) net.noSync(() => run(0, half))
  else run(0, half)
  return run(half, x.shape[0])
}

/** This rank's samples in step i. */
const full = () => 8
const last = (/** @type {number} */ i) => (i === STEPS - 2 ? Math.max(0, 5 - 3 * rank) : 8)
/** (Batch norm that is a rank's own needs two.) */
const lastOfTwo = (/** @type {number} */ i) => Math.max(2, last(i))
/** A label that counts for nothing, in one rank alone and once every replay is there; in the second half. */
const ignored = (/** @type {number} */ i) => i === STEPS - 2 && rank === size - 1

/** @type {Record<string, { make: () => nn.Module<any, Tensor>, step: Step, count: (i: number) => number, ignores?: (i: number) => boolean, bucketCapMb?: number }>} */
const CASES = {
  last: { make: plain, step: simple, count: lastOfTwo },
  ignored: { make: plain, step: simple, count: full, ignores: ignored },
  'ignored, kept back': { make: plain, step: halves(true), count: full, ignores: ignored },
  'ignored, under way': { make: plain, step: halves(false), count: full, ignores: ignored },
  unused: { make: () => new Skips(), step: simple, count: full, bucketCapMb: 0.0005 },
  sentences: {
    make: () => new Sentences(),
    step: (net, x, y) => {
      const words = x.abs().mul(3).slice(1, 0, 5).floor().clamp({ max: 11 })
      const value = net.loss(loss).forward(net.forward(x, words), y)
      value.backward()
      return value
    },
    count: last,
  },
}

let taken = 0
const chosen = process.argv.slice(2)
for (const [name, { make, step, count, ignores = () => false, bucketCapMb }] of Object.entries(CASES)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  const trainings = [true, false].map((compiled) => {
    manualSeed(3)
    const net = new DistributedDataParallel(make(), world, bucketCapMb === undefined ? {} : { bucketCapMb })
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 })
    const all = (/** @type {Tensor} */ x, /** @type {Tensor} */ y) => {
      optimizer.zeroGrad()
      const value = step(net, x, y)
      optimizer.step()
      return value
    }
    return { net, run: compiled ? compile(all) : all }
  })
  for (let i = 0; i < STEPS; i++) {
    manualSeed(100 * i + rank)
    const n = count(i)
    const x = randn([n, 6])
    const labels = randint(0, 4, [n]).toFloat32Array()
    if (ignores(i)) labels[n - 1] = -100
    const y = tensor(labels, { shape: [n] })
    const values = trainings.map(({ run }) => run(x, y).item())
    assert.equal(values[0], values[1], `${name}, step ${i}: the loss`)
  }
  const report = /** @type {{ report: import('simdgrad').CompileReport }} */ (
    /** @type {unknown} */ (trainings[0].run)
  ).report
  assert.ok(report.replayed > 2, `${name}: ${report.reason}`)
  const [hash, expected] = await Promise.all(trainings.map(({ net }) => hashState(net.stateDict())))
  assert.equal(hash, expected, `${name}: compiled and not`)
  // (Running statistics that are not synchronised are each rank's own, until the next forward.)
  const parameters = Object.fromEntries(trainings[0].net.namedParameters())
  const number = Number.parseInt((await hashState(parameters)).slice(0, 6), 16)
  const everybody = world.allgather(tensor([number])).toFloat32Array()
  assert.ok(
    everybody.every((one) => one === number),
    `${name}: the ranks differ`,
  )
  // A replay that is taken back runs as it is, once more than in the others.
  const eager = world.allgather(tensor([report.eager])).toFloat32Array()
  if (eager[size - 1] > eager[0]) taken++
}
if (rank === 0) console.log(JSON.stringify({ cases: chosen.length || Object.keys(CASES).length, taken }))
