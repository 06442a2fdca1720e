// What is trained, in a Worker and, to be compared, outside of one.
import { data, manualSeed, nn, optim, randint, randn } from 'simdgrad'

/** @param {{ epochs: number }} settings */
export function training({ epochs }) {
  manualSeed(3)
  const net = new nn.Sequential(
    new nn.Linear(6, 16),
    new nn.BatchNorm1d(16),
    new nn.ReLU(),
    new nn.Dropout(0.2),
    new nn.Linear(16, 3),
  )
  const samples = new data.TensorDataset(randn([96, 6]), randint(0, 3, [96]))
  return {
    net,
    train: new data.DataLoader(samples, { batchSize: 8, shuffle: true }),
    optimizer: new optim.Adam(net.parameters(), { lr: 0.01 }),
    loss: new nn.CrossEntropyLoss(),
    epochs,
  }
}
