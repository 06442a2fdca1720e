// A rank's share of training steps, timed: mpirun -n 2 node bench/ours/ranks.mjs '{"net": "resnet20", "batch": 64, "threads": 1, "seconds": 1}'
// Each round rank 0 prints {"seconds" of a step, "share" of it in MPI}.

import { DistributedDataParallel, mpi } from '../../dist/distributed/index.node.js'
import { compile, init, manualSeed, nn, optim, randint, randn } from '../../dist/index.node.js'
import { NETS } from './nets.mjs'

const { net: name, batch, threads, seconds, rounds } = JSON.parse(process.argv[2])
const world = await mpi()
await init({ threads })
manualSeed(0)
const made = NETS[name].make()
const net = world.size > 1 ? new DistributedDataParallel(nn.SyncBatchNorm.convert(made), world) : made
const optimizer = new optim.SGD(net.parameters(), { lr: 0.01, momentum: 0.9 })
const own = batch / world.size
const shape = name === 'resnet20' ? [3, 32, 32] : [1, 28, 28]
const [x, y] = [randn([own, ...shape]), randint(0, 10, [own])]
const loss = new nn.CrossEntropyLoss()
const step = compile(
  (
    /** @type {import('../../dist/index.node.js').Tensor} */ x,
    /** @type {import('../../dist/index.node.js').Tensor} */ y,
  ) => {
    optimizer.zeroGrad()
    const value = loss.forward(/** @type {any} */ (net).forward(x), y)
    value.backward()
    optimizer.step()
    return value
  },
)

/** Seconds in calls of MPI, waiting for others among them. */
let inside = 0
/** @template {(...given: any[]) => any} F @param {F} call */
const timed =
  (call) =>
  (/** @type {any[]} */ ...given) => {
    const start = performance.now()
    try {
      return call(...given)
    } finally {
      inside += (performance.now() - start) / 1000
    }
  }
const calls = /** @type {Record<string, (...given: any[]) => any>} */ (
  /** @type {any} */ (world).communicator
)
for (const call of ['allreduce', 'allgather', 'allgatherInPlace', 'broadcast'])
  calls[call] = timed(calls[call])
const begin = timed(calls.iallreduce)
calls.iallreduce = (...given) => ({ wait: timed(begin(...given).wait) })

/** @param {number} steps */
function run(steps) {
  world.barrier()
  const start = performance.now()
  for (let i = 0; i < steps; i++) step(x, y).item()
  world.barrier()
  return (performance.now() - start) / 1000 / steps
}

run(8)
const [pace] = /** @type {number[]} */ (Array.from(broadcast(run(4))))
const steps = Math.max(2, Math.round(seconds / pace))
for (let round = 0; round < rounds; round++) {
  inside = 0
  const perStep = run(steps)
  if (world.rank === 0) console.log(JSON.stringify({ seconds: perStep, share: inside / steps / perStep }))
}

/** All ranks run as many steps. @param {number} value */
function broadcast(value) {
  const values = Float64Array.of(value)
  calls.broadcast(values, 0)
  return values
}
