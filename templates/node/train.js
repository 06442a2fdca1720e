// Trains a net to tell the arms of a spiral apart, and saves it: `npm run train`. Change what you like.
import { data, fit, init, manualSeed, nn, noGrad, optim, rand, saveSafetensors, tensor } from 'simdgrad'

const ARMS = 3

/** Points [count, 2] and the arm, 0 to ARMS - 1, that each is on. Your own data goes here: data.csv, data.imageFolder … */
function spirals(count) {
  const random = rand([count, 2]).toFloat32Array()
  const points = new Float32Array(2 * count)
  const labels = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    labels[i] = i % ARMS
    const radius = random[2 * i]
    const angle = 5 * radius + (2 * Math.PI * labels[i]) / ARMS + 0.6 * random[2 * i + 1]
    points[2 * i] = radius * Math.cos(angle)
    points[2 * i + 1] = radius * Math.sin(angle)
  }
  return new data.TensorDataset(tensor(points, { shape: [count, 2] }), tensor(labels))
}

const { simd, threads } = await init() // once, before the first tensor
console.log(`${simd} SIMD, ${threads} thread${threads > 1 ? 's' : ''}`)
manualSeed(0)

const net = new nn.Sequential(
  new nn.Linear(2, 64),
  new nn.BatchNorm1d(64),
  new nn.ReLU(),
  new nn.Linear(64, 64),
  new nn.BatchNorm1d(64),
  new nn.ReLU(),
  new nn.Linear(64, ARMS),
)
await fit(net, {
  train: new data.DataLoader(spirals(6000), { batchSize: 32, shuffle: true }),
  valid: new data.DataLoader(spirals(1000), { batchSize: 100 }),
  optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
  loss: new nn.CrossEntropyLoss(),
  epochs: 10,
  onEpoch: ({ epoch, trainLoss, validAcc }) => {
    console.log(`epoch ${epoch + 1}: loss ${trainLoss.toFixed(4)}, accuracy ${validAcc?.toFixed(4)}`)
  },
})

net.eval() // batch norm then uses what it has learnt, and not the batch
const logits = noGrad(() => net.forward(tensor([[0.5, 0.5]])))
console.log(`(0.5, 0.5) is on arm ${logits.argmax({ dim: 1 }).item()}`)

await saveSafetensors('spirals.safetensors', net.stateDict())
console.log('saved as spirals.safetensors, which PyTorch reads, too')
