// Batch, group, layer, instance norm, and none, at batch sizes from 2 to 256: the test accuracy of a small
// convolutional net after as many images each. Of a batch of 2 batch norm learns least; the others do not
// mind, but from few large steps batch and instance norm learn most.
//
//   node examples/norms.mjs                       5 × 5 trainings, some 25 seconds
//
// Prints a table, a row for each batch size:
//   batch    batch    group    layer    instance none
//   2        0.839    0.921    0.909    0.885    0.464
//   …
//   256      0.920    0.854    0.700    0.914    0.873
import { parseArgs } from 'node:util'
import { data, fit, init, manualSeed, nn, optim } from 'simdgrad'
import { first } from './shared/mnist.mjs'
import { smallConvNet } from './shared/small-conv-net.mjs'

const { values } = parseArgs({ options: { images: { type: 'string', default: '10240' } } })
const SIZES = [2, 8, 32, 128, 256]

/** @type {Record<string, (channels: number) => nn.Module>} */
const NORMS = {
  batch: (channels) => new nn.BatchNorm2d(channels),
  group: (channels) => new nn.GroupNorm(4, channels),
  // Over all of an image, as Ba et al. have it for convolutions: one group.
  layer: (channels) => new nn.GroupNorm(1, channels),
  instance: (channels) => new nn.InstanceNorm2d(channels, { affine: true }),
  none: () => new nn.Identity(),
}

await init()
const { train, test } = await data.mnist()
const [part, seen] = [first(train, Number(values.images)), first(test, 1000)]
console.log(
  ['batch', ...Object.keys(NORMS)]
    .map((name) => name.padEnd(9))
    .join('')
    .trimEnd(),
)
for (const batchSize of SIZES) {
  const row = [String(batchSize)]
  for (const norm of Object.values(NORMS)) {
    manualSeed(0)
    const net = smallConvNet(norm)
    const { epochs } = await fit(net, {
      train: new data.DataLoader(part, { batchSize, shuffle: true }),
      valid: new data.DataLoader(seen, { batchSize: 500 }),
      // The rate grows with the root of the batch (Krizhevsky, 2014).
      optimizer: new optim.SGD(net.parameters(), { lr: 0.01 * Math.sqrt(batchSize), momentum: 0.9 }),
      loss: new nn.CrossEntropyLoss(),
    })
    row.push(epochs[0].validAcc?.toFixed(3) ?? '')
  }
  console.log(
    row
      .map((cell) => cell.padEnd(9))
      .join('')
      .trimEnd(),
  )
}
