import { data, fit, init, manualSeed, nn, optim, randn } from 'simdgrad/cloudflare'

export default {
  async fetch() {
    const { threads, simd, reason } = await init()
    manualSeed(1)
    const net = new nn.Sequential(
      new nn.Linear(4, 8),
      new nn.BatchNorm1d(8),
      new nn.ReLU(),
      new nn.Linear(8, 1),
    )
    const { epochs } = await fit(net, {
      train: new data.DataLoader(new data.TensorDataset(randn([64, 4]), randn([64, 1])), { batchSize: 16 }),
      optimizer: new optim.Adam(net.parameters()),
      loss: new nn.MSELoss(),
      epochs: 3,
    })
    return Response.json({ threads, simd, reason, losses: epochs.map(({ trainLoss }) => trainLoss) })
  },
}
