// Trains the net that is served, on 12,000 digits, and saves its weights.
import { data, fit, init, manualSeed, nn, optim, saveSafetensors } from 'simdgrad'
import { makeNet } from './net.mjs'

/** @param {string} path of the file to write */
export async function trainDigits(path) {
  await init()
  manualSeed(0)
  const { train } = await data.mnist()
  const net = makeNet()
  await fit(net, {
    train: new data.DataLoader(new data.Subset(train, [...Array(12_000).keys()]), {
      batchSize: 32,
      shuffle: true,
    }),
    optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
    loss: new nn.CrossEntropyLoss(),
  })
  await saveSafetensors(path, net.stateDict())
}
