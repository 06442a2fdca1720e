// A rank's share of training steps, timed: mpirun -n 2 node bench/ours/ranks.mjs '{"net": "resnet20", "batch": 64, "threads": 1, "seconds": 1, "rounds": 3}'
// Each round rank 0 prints {"seconds" of a step, "share" of it in MPI}. With "overlaps": false gradients are sent when backward has
// ended, and not while it computes others; "bucketCapMb" is that of DistributedDataParallel.

import { DistributedDataParallel, mpi } from '../../dist/distributed/index.node.js'
import { compile, init, manualSeed, nn, optim, randint, randn } from '../../dist/index.node.js'
import { NETS } from './nets.mjs'

/** @import { Tensor } from '../../dist/index.node.js' */

const {
  net: name,
  batch,
  threads,
  seconds,
  rounds,
  overlaps = true,
  bucketCapMb = 25,
} = JSON.parse(process.argv[2])
const world = await mpi()
await init({ threads })
manualSeed(0)
/** @type {nn.Module<[x: Tensor], Tensor>} */
const made = NETS[name].make()
const net =
  world.size > 1 ? new DistributedDataParallel(nn.SyncBatchNorm.convert(made), world, { bucketCapMb }) : made
const optimizer = new optim.SGD(net.parameters(), { lr: 0.01, momentum: 0.9 })
const own = batch / world.size
const shape = name === 'resnet20' ? [3, 32, 32] : [1, 28, 28]
const [x, y] = [randn([own, ...shape]), randint(0, 10, [own])]
const loss = new nn.CrossEntropyLoss()
const step = compile((/** @type {Tensor} */ x, /** @type {Tensor} */ y) => {
  optimizer.zeroGrad()
  const value = loss.forward(net.forward(x), y)
  value.backward()
  optimizer.step()
  return value
})

/** Seconds in calls of MPI, waiting for others among them. */
let inside = 0
/** @template T @param {() => T} call */
function timed(call) {
  const start = performance.now()
  try {
    return call()
  } finally {
    inside += (performance.now() - start) / 1000
  }
}
/** @type {import('../../src/distributed/communicator.js').Communicator} */
const calls = Reflect.get(world, 'communicator')
const { allreduce, allgather, allgatherInPlace, broadcast, iallreduce } = calls
calls.allreduce = (...given) => timed(() => allreduce(...given))
calls.allgather = (...given) => timed(() => allgather(...given))
calls.allgatherInPlace = (...given) => timed(() => allgatherInPlace(...given))
calls.broadcast = (...given) => timed(() => broadcast(...given))
calls.iallreduce = (buffer, operator) => {
  if (!overlaps) return { wait: () => timed(() => allreduce(buffer(), operator)) }
  const request = timed(() => iallreduce(buffer, operator))
  return { wait: () => timed(() => request.wait()) }
}

/** @param {number} steps */
function run(steps) {
  world.barrier()
  const start = performance.now()
  for (let i = 0; i < steps; i++) step(x, y).item()
  world.barrier()
  return (performance.now() - start) / 1000 / steps
}

run(8)
// All ranks run as many steps, and as many before, until all that is hot is optimised.
const pace = Float64Array.of(run(4))
broadcast(pace, 0)
run(Math.ceil(0.5 / pace[0]))
const steps = Math.max(2, Math.round(seconds / pace[0]))
for (let round = 0; round < rounds; round++) {
  inside = 0
  const perStep = run(steps)
  if (world.rank === 0) console.log(JSON.stringify({ seconds: perStep, share: inside / steps / perStep }))
}
