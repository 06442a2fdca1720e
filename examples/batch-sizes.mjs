// Batch norm and its kinds at batch sizes from 2 to 1,024: the test accuracy of a small convolutional net after as many
// images each. "recalibrated" is the first column's net with precise statistics.
//
//   node examples/batch-sizes.mjs                     10 × 4 trainings, about a minute
//   node examples/batch-sizes.mjs --images 2048 --sizes 2,32
//
// Prints a table, a row for each batch size:
//   batch    batch        recalibrated ghost (16)   renorm       group
import { parseArgs } from 'node:util'
import { data, fit, init, manualSeed, nn, optim, recalibrate } from 'simdgrad'
import { accuracy, first } from './shared/mnist.mjs'
import { smallConvNet } from './shared/small-conv-net.mjs'

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '10240' },
    sizes: { type: 'string', default: '2,4,8,16,32,64,128,256,512,1024' },
  },
})
const images = Number(values.images)

/** Each takes channels, and how many steps there will be. @type {Record<string, (channels: number, steps: number) => nn.Module>} */
const NORMS = {
  batch: (channels) => new nn.BatchNorm2d(channels),
  'ghost (16)': (channels) => new nn.GhostBatchNorm2d(channels, { virtualBatchSize: 16 }),
  // The paper's schedule, for fewer steps: batch norm for a tenth of them, all of it from half on.
  renorm: (channels, steps) => {
    const [begin, end] = [Math.round(steps / 10), Math.round(steps / 2)]
    return new nn.BatchRenorm2d(channels, { schedule: { begin, rEnd: end, dEnd: end } })
  },
  group: (channels) => new nn.GroupNorm(4, channels),
}

/** @param {readonly string[]} cells */
const print = (cells) =>
  console.log(
    cells
      .map((cell, i) => cell.padEnd(i === 0 ? 9 : 13))
      .join('')
      .trimEnd(),
  )

await init()
const { train, test } = await data.mnist()
const part = first(train, images)
const seen = new data.DataLoader(first(test, 2000), { batchSize: 500 })
const [batch, ...others] = Object.keys(NORMS)
print(['batch', batch, 'recalibrated', ...others])
for (const batchSize of values.sizes.split(',').map(Number)) {
  const row = [String(batchSize)]
  for (const [name, norm] of Object.entries(NORMS)) {
    manualSeed(0)
    const net = smallConvNet((channels) => norm(channels, images / batchSize))
    await fit(net, {
      train: new data.DataLoader(part, { batchSize, shuffle: true }),
      // The rate grows with the root of the batch (Krizhevsky, 2014).
      optimizer: new optim.SGD(net.parameters(), { lr: 0.01 * Math.sqrt(batchSize), momentum: 0.9 }),
      loss: new nn.CrossEntropyLoss(),
    })
    row.push(accuracy(net.eval(), seen).toFixed(3))
    if (name !== 'batch') continue
    await recalibrate(net, new data.DataLoader(part, { batchSize: 64 }), { precise: true, batches: 32 })
    row.push(accuracy(net.eval(), seen).toFixed(3))
  }
  print(row)
}
