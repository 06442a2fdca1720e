// Prints the hash of statistics that were recalibrated at a number of threads. It uses the built package.
import { data, hashState, init, manualSeed, nn, rand, recalibrate } from '../../dist/index.node.js'

await init({ threads: Number(process.argv[2]), deterministic: true })
manualSeed(0)
const net = new nn.Sequential(
  new nn.Conv2d(3, 8, 3),
  new nn.BatchNorm2d(8),
  new nn.ReLU(),
  new nn.Conv2d(8, 16, 3),
  new nn.BatchNorm2d(16),
)
const set = new data.TensorDataset(rand([96, 3, 33, 31]))
for (const precise of [false, true]) {
  await recalibrate(net, new data.DataLoader(set, { batchSize: 40, shuffle: true }), { precise })
  console.log(await hashState(net.stateDict()))
}
