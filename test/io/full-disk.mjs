// Trains and saves into a folder that may have no room: prints 'done', or the error.
//   node test/io/full-disk.mjs FOLDER EPOCHS
import { callbacks, data, fit, init, nn, ones, optim, SimdgradError } from 'simdgrad'

const [folder, epochs] = process.argv.slice(2)
await init({ threads: 1 })
const net = new nn.Linear(100, 100)
try {
  await fit(net, {
    train: new data.DataLoader(new data.TensorDataset(ones([1, 100]), ones([1, 100]))),
    optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
    loss: new nn.MSELoss(),
    epochs: Number(epochs),
    callbacks: [new callbacks.Checkpoint(folder, { keep: 1, resume: true })],
  })
  console.log('done')
} catch (error) {
  if (!(error instanceof SimdgradError)) throw error
  console.log(`${error.name}: ${error.message}`)
}
