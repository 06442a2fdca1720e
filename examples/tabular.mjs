// A binary classifier for a table: two classes that no straight line parts, one of them rare.
//
//   node examples/tabular.mjs                     some 2 seconds
//
// Prints how often it is right on rows that it has not seen, and how many of the rare class it finds, without and
// with a weight for it (posWeight):
//   posWeight 1: accuracy 0.97, of the rare class found 0.93
//   posWeight 5: accuracy 0.95, of the rare class found 0.99
import { data, fit, init, manualSeed, nn, noGrad, optim, rand, randn, tensor } from 'simdgrad'
import { tabularNet } from './nets/tabular.mjs'

const ROWS = 4000

await init()

/** Rows of six columns, of which two matter: a ring of the rare class around the other. */
function table() {
  const [angle, choice] = [rand([ROWS]).toFloat32Array(), rand([ROWS]).toFloat32Array()]
  const noise = randn([ROWS, 6]).toFloat32Array()
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const rare = choice[i] < 0.15
    const radius = (rare ? 2.2 : 0.9) + 0.35 * noise[6 * i]
    const columns = [radius * Math.cos(6.283 * angle[i]), radius * Math.sin(6.283 * angle[i])]
    return { columns: [...columns, ...noise.slice(6 * i + 2, 6 * i + 6)], label: Number(rare) }
  })
  /** @param {number} from @param {number} to */
  const part = (from, to) =>
    new data.TensorDataset(
      tensor(rows.slice(from, to).map(({ columns }) => columns)),
      tensor(rows.slice(from, to).map(({ label }) => [label])),
    )
  return { train: part(0, 3000), test: part(3000, ROWS) }
}

for (const weight of [1, 5]) {
  manualSeed(0)
  const { train, test } = table()
  const net = tabularNet(6)
  const { epochs } = await fit(net, {
    train: new data.DataLoader(train, { batchSize: 64, shuffle: true }),
    valid: new data.DataLoader(test, { batchSize: 500 }),
    optimizer: new optim.AdamW(net.parameters(), { lr: 3e-3 }),
    loss: new nn.BCEWithLogitsLoss({ posWeight: tensor([weight]) }),
    epochs: 5,
  })
  const [x, y] = test.tensors
  net.eval()
  const found = noGrad(() => net.forward(x).gt(0).mul(y).sum().item() / y.sum().item())
  console.log(
    `posWeight ${weight}: accuracy ${epochs.at(-1)?.validAcc?.toFixed(2)}, of the rare class found ${found.toFixed(2)}`,
  )
}
