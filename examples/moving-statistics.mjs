// Train/eval batch normalisation with moving statistics, on real MNIST, with two momenta side by side.
//
// In training a batch is normalised with its own mean and variance. In evaluation there may be one image
// only, so the layer uses statistics that moved along with the training batches:
//
//   moving = movingMomentum · moving + (1 − movingMomentum) · batch
//
// The notebook has movingMomentum = 0.1: nine tenths of what evaluation uses come from the last batch of 32.
// PyTorch's momentum = 0.1 means the opposite: nine tenths of the old value stay. Same number, other meaning.
//
//   node examples/moving-statistics.mjs                 10 epochs, as the notebook
//   node examples/moving-statistics.mjs --epochs 2
//   node examples/moving-statistics.mjs --images 6400   only the first images of the training data
import { parseArgs } from 'node:util'
import { data, fit, init, manualSeed, nn, optim } from 'simdgrad'
import { BatchNormByHand, mlp } from 'simdgrad/nets'
import { first } from './shared/mnist.mjs'

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '10' },
    images: { type: 'string', default: '60000' },
    seed: { type: 'string', default: '0' },
  },
})

await init()
const { train, test } = await data.mnist()
const part = first(train, Number(values.images))

/**
 * @param {string} title
 * @param {number} movingMomentum
 */
async function run(title, movingMomentum) {
  manualSeed(Number(values.seed))
  const norm = new BatchNormByHand(100, movingMomentum)
  const net = mlp(norm)
  const { epochs } = await fit(net, {
    train: new data.DataLoader(part, { batchSize: 32, shuffle: true, dropLast: true }),
    valid: new data.DataLoader(test, { batchSize: 32 }),
    optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
    loss: new nn.CrossEntropyLoss(),
    epochs: Number(values.epochs),
  })
  const mean = norm.movingMean.toFloat32Array().subarray(0, 10)
  return { title, accuracies: epochs.map(({ validAcc = Number.NaN }) => validAcc), mean }
}

const runs = [
  await run("the notebook's, 0.1 of the old value", 0.1),
  await run("PyTorch's, 0.9 of the old value", 0.9),
]
console.log(`Validation accuracy in evaluation mode, seed ${values.seed}`)
console.log(`epoch  ${runs.map(({ title }) => title).join('  ')}`)
for (const epoch of runs[0].accuracies.keys()) {
  const cells = runs.map(({ title, accuracies }) => accuracies[epoch].toFixed(4).padEnd(title.length))
  console.log(`${String(epoch).padEnd(5)}  ${cells.join('  ').trimEnd()}`)
}
for (const { title, mean } of runs) {
  console.log(`\nmoving mean after training, first ten values (${title}):`)
  console.log(Array.from(mean, (value) => value.toFixed(4)).join(' '))
}
