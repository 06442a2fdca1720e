// Trains a net on digits, and prints in rank 0 one line of JSON: the hash of its weights, and how it went.
//   mpirun -n 4 node test/mpi/jobs/train.mjs '{"net": "cnn-bn", "images": 200, "batch": 32, "epochs": 1, "deterministic": true}'
// With "folder" it saves after each step there, and goes on with what is there; with "steps" it prints each, and with
// "pids" each rank's process; after step "hold" it waits for a minute, to be killed.
import { data, fit, hashState, init, manualSeed, nn, optim } from 'simdgrad'
import { DistributedCheckpoint, DistributedDataParallel, DistributedSampler, mpi } from 'simdgrad/distributed'
import { digits, NETS } from './nets.mjs'

const options = JSON.parse(process.argv[2])
const {
  net: name,
  images,
  batch = 32,
  epochs = 1,
  deterministic = false,
  shards,
  threads = 1,
  lr = 0.05,
} = options
const { compile, folder, momentum = 0.9, accumulate = 1 } = options
await init({ threads, deterministic: true })
const world = await mpi({ deterministic, ...(shards && { shards }) })
if (options.pids) console.log(JSON.stringify({ rank: world.rank, pid: process.pid }))
manualSeed(1)
const net = new DistributedDataParallel(nn.SyncBatchNorm.convert(NETS[name]()), world)
const set = new data.Subset(
  await digits(name),
  Array.from({ length: images }, (_, i) => i),
)
let steps = 0
const checkpoint = folder && new DistributedCheckpoint(world, folder, { everySteps: 1, resume: true })
const history = await fit(net, {
  train: new data.DataLoader(new DistributedSampler(set, world), { batchSize: batch, shuffle: true }),
  optimizer: new optim.SGD(net.parameters(), { lr, momentum, weightDecay: 1e-4 }),
  loss: net.loss(new nn.CrossEntropyLoss()),
  epochs,
  accumulate,
  ...(compile !== undefined && { compile }),
  callbacks: [
    ...(checkpoint ? [checkpoint] : []),
    {
      async onBatchEnd({ step }) {
        steps = step
        if (world.rank === 0 && options.steps) console.log(JSON.stringify({ step }))
        if (step === options.hold) await new Promise((done) => setTimeout(done, 60_000))
      },
    },
  ],
})
const hash = await hashState(net.module.stateDict())
if (world.rank === 0) {
  const { trainLoss, trainAcc } = history.epochs[0]
  const { compiled, reason } = history
  console.log(
    JSON.stringify({
      hash,
      steps,
      trainLoss,
      trainAcc,
      compiled,
      reason,
      size: world.size,
      resumed: checkpoint?.resumedFrom,
    }),
  )
}
