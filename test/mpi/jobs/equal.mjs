// Ranks train together, and each trains a copy of the net on the whole batch by itself: after every step both must have
// the same parameters and buffers. The copy then goes on from the common ones.
//   mpirun -n 4 node test/mpi/jobs/equal.mjs '{"net": "cnn-bn", "steps": 5, "sizes": [10, 5, 17, 0], "compiled": true}'
// Prints in rank 0 one line of JSON: the largest difference of a parameter or buffer after a step.
import { compile, init, manualSeed, nn, optim } from 'simdgrad'
import { DistributedDataParallel, mpi } from 'simdgrad/distributed'
import { digits, NETS } from './nets.mjs'

const { net: name, steps, sizes, compiled, lr = 0.1 } = JSON.parse(process.argv[2])
await init({ threads: 1 })
const world = await mpi()
manualSeed(1)
const alone = NETS[name]()
// Other ranks begin with other weights: the first of all have to come.
manualSeed(1 + world.rank)
const shared = nn.SyncBatchNorm.convert(NETS[name]())
const together = new DistributedDataParallel(shared, world)
const batch = sizes.reduce((/** @type {number} */ sum, /** @type {number} */ size) => sum + size, 0)
const start = sizes
  .slice(0, world.rank)
  .reduce((/** @type {number} */ sum, /** @type {number} */ size) => sum + size, 0)
const loss = new nn.CrossEntropyLoss()

/** @param {nn.Module} net */
function stepOf(net) {
  const optimizer = new optim.SGD(net.parameters(), { lr })
  const step = (/** @type {import('simdgrad').Tensor} */ x, /** @type {import('simdgrad').Tensor} */ y) => {
    optimizer.zeroGrad()
    const value = loss.forward(net.forward(x), y)
    value.backward()
    optimizer.step()
    return value
  }
  return compiled ? compile(step) : Object.assign(step, { report: undefined })
}

const [joint, single] = [stepOf(together), stepOf(alone)]
const set = await digits(name)
let largest = 0
for (let i = 0; i < steps; i++) {
  const [x, y] = set.getBatch(Int32Array.from({ length: batch }, (_, k) => i * batch + k))
  const end = start + sizes[world.rank]
  joint(x.slice(0, start, end), y.slice(0, start, end))
  single(x, y)
  const [ours, theirs] = [shared.stateDict(), alone.stateDict()]
  for (const [key, value] of Object.entries(ours)) {
    const difference = value.sub(theirs[key]).abs().max().item()
    if (!(difference <= largest)) largest = difference
  }
  alone.loadStateDict(ours)
}
const all = world.allgather((await import('simdgrad')).tensor([largest]))
if (world.rank === 0) {
  const { report } = joint
  console.log(
    JSON.stringify({ difference: all.max().item(), library: world.library, replayed: report?.replayed }),
  )
}
