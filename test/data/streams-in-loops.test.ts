/** Loops over data that has to be waited for, or whose length nobody knows. */
import { data, evaluate, fit, metrics, NumericError, nn, optim } from 'simdgrad'
import { beforeAll, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const later = { length: 6, get: async (i: number) => [Float32Array.of(i, 1), [i]] }

it('evaluate waits for samples that are promises', async () => {
  const found = await evaluate(new nn.Linear(2, 1), new data.DataLoader(later, { batchSize: 4 }), {
    mae: new metrics.MeanAbsoluteError(),
  })
  expect(found.mae).toBeGreaterThan(0)
})

it('a loss that is none is told without a number of the step, where nobody knows it', async () => {
  const net = new nn.Linear(2, 1)
  const bad = (dataset: data.Dataset | data.IterableDataset) =>
    fit(net, {
      train: new data.DataLoader(dataset, { batchSize: 2 }),
      optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
      loss: new nn.MSELoss(),
    })
  const sample = [Float32Array.of(1, 1), [Number.NaN]]
  await expect(bad(new data.IterableDataset(() => [sample, sample]))).rejects.toThrow(NumericError)
  await expect(bad(new data.IterableDataset(() => [sample, sample]))).rejects.toThrow(
    / is NaN at epoch 0, batch 0;/,
  )
  await expect(bad({ length: 2, get: () => sample })).rejects.toThrow(
    / is NaN at step 0 \(epoch 0, batch 0\);/,
  )
})
