// The Worker: it trains, and tells the page after each epoch. Change what you like.
import { data, fit, init, nn, noGrad, optim, rand, tensor } from 'simdgrad'

const ARMS = 3
const SIDE = 100
const say = (said) => postMessage(said)

/** Points [count, 2] and the arm of a spiral, 0 to ARMS - 1, that each is on. Your own data goes here. */
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
  return { points, labels }
}

const datasetOf = ({ points, labels }) =>
  new data.TensorDataset(tensor(points, { shape: [labels.length, 2] }), tensor(labels))

/** The net's answer at each point of a grid over the plane. */
function answersOf(net) {
  const at = (i) => (2 * (i + 0.5)) / SIDE - 1
  const grid = Float32Array.from({ length: 2 * SIDE * SIDE }, (_, i) =>
    at(i % 2 === 0 ? (i / 2) % SIDE : Math.floor(i / 2 / SIDE)),
  )
  net.eval() // batch norm then uses what it has learnt, and not the batch
  const logits = noGrad(() => net.forward(tensor(grid, { shape: [SIDE * SIDE, 2] })))
  net.train()
  return Uint8Array.from(logits.argmax({ dim: 1 }).toFloat32Array())
}

async function train() {
  const { simd, threads, reason } = await init() // again with the same options it does nothing
  say({ kind: 'ready', backend: `${simd} SIMD, ${threads} thread${threads > 1 ? 's' : ''}: ${reason}` })
  const { points, labels } = spirals(3000)
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
    train: new data.DataLoader(datasetOf({ points, labels }), { batchSize: 32, shuffle: true }),
    valid: new data.DataLoader(datasetOf(spirals(1000)), { batchSize: 100 }),
    optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
    loss: new nn.CrossEntropyLoss(),
    epochs: 20,
    onEpoch: ({ epoch, validAcc = 0 }) => {
      say({ kind: 'epoch', epoch: epoch + 1, accuracy: validAcc, answers: answersOf(net), points, labels })
    },
  })
  say({ kind: 'done' })
}

const start = () => train().catch((error) => say({ kind: 'failed', message: String(error) }))
addEventListener('message', start)
start()
