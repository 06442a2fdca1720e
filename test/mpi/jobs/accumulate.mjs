// Several batches an update: ranks together against one process with the same batches.
//   mpirun -n 3 node test/mpi/jobs/accumulate.mjs '{"net": "cnn-bn"}'
// Prints in rank 0 one line of JSON: the largest difference of a parameter or buffer at the end, and how often gradients
// were sent for how many updates.
import { data, fit, init, manualSeed, nn, optim, tensor } from 'simdgrad'
import { DistributedDataParallel, DistributedSampler, mpi } from 'simdgrad/distributed'
import { digits, NETS } from './nets.mjs'

const { net: name } = JSON.parse(process.argv[2])
await init({ threads: 1 })
const world = await mpi()
const calls = world.communicator
const { iallreduce } = calls
let sent = 0
calls.iallreduce = (...given) => {
  sent++
  return iallreduce(...given)
}
// Five batches an epoch, of which the last has 13 images: two updates, whose batches the ranks share unevenly.
const set = new data.Subset(
  await digits(name),
  Array.from({ length: 77 }, (_, i) => i),
)
/** @param {boolean} together */
async function train(together) {
  manualSeed(1)
  const made = NETS[name]()
  const net = together ? new DistributedDataParallel(nn.SyncBatchNorm.convert(made), world) : made
  const loss = new nn.CrossEntropyLoss()
  const samples = together ? new DistributedSampler(set, world) : set
  const history = await fit(net, {
    train: new data.DataLoader(samples, { batchSize: 16, shuffle: true, seed: 5 }),
    optimizer: new optim.SGD(net.parameters(), { lr: 0.05 }),
    loss: net instanceof DistributedDataParallel ? net.loss(loss) : loss,
    accumulate: 3,
    epochs: 4,
  })
  return { state: made.stateDict(), compiled: history.compiled }
}

const [ours, alone] = [await train(true), await train(false)]
let largest = 0
for (const [key, value] of Object.entries(ours.state)) {
  const difference = value.sub(alone.state[key]).abs().max().item()
  if (!(difference <= largest)) largest = difference
}
const difference = world.allreduce(tensor([largest]), { op: 'max' }).item()
if (world.rank === 0) console.log(JSON.stringify({ difference, sent, updates: 8, compiled: ours.compiled }))
