// Trap 3: `moving_momentum` weighs the old value, PyTorch's `momentum` the new one.
//
//   the notebook (and Keras):  moving  = movingMomentum · moving + (1 − movingMomentum) · batch
//   PyTorch (and simdgrad):    running = (1 − momentum) · running + momentum · batch
//
// What goes wrong: 0.1 is PyTorch's default. Put into the notebook's formula, it keeps a tenth of the past:
// evaluation then uses little more than the last batch, and its accuracy jumps from one step to the next.
//
// In simdgrad: `momentum` has PyTorch's meaning and default, and the documentation of the option says which
// value it weighs. `momentum: null` is the plain average over all batches: nothing can be swapped, but it
// remembers the first steps too, when the weights were others. It is meant for weights that stand still.
//
//   node examples/trap-3-momentum-swapped.mjs
import { data, init, manualSeed, nn, optim } from 'simdgrad'
import { mlp } from 'simdgrad/nets'
import { accuracy, first } from './shared/mnist.mjs'

const STEPS = 600
const LOOKS = 20

await init()
const { train, test } = await data.mnist()
const part = first(test, 2000)

/**
 * Trains, and looks at the evaluation accuracy after each of the last steps. The seed is the same each time,
 * and training does not use the running statistics: so the weights are the same for every momentum.
 *
 * @param {number | null} momentum PyTorch's
 */
function run(momentum) {
  manualSeed(0)
  const norm = new nn.BatchNorm1d(100, { momentum })
  const net = mlp(norm)
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const loss = new nn.CrossEntropyLoss()
  const accuracies = []
  const means = []
  let step = 0
  for (const [x, y] of new data.DataLoader(train, { batchSize: 32, shuffle: true })) {
    optimizer.zeroGrad()
    loss.forward(net.forward(x), y).backward()
    optimizer.step()
    if (++step > STEPS - LOOKS) {
      means.push(norm.runningMean?.toFloat32Array()[0] ?? Number.NaN)
      accuracies.push(accuracy(net.eval(), new data.DataLoader(part, { batchSize: 500 })))
      net.train()
    }
    if (step === STEPS) break
  }
  return { means, accuracies }
}

/** @param {number[]} values */
const lowest = (values) => Math.min(...values).toFixed(4)
/** @param {number[]} values */
const highest = (values) => Math.max(...values).toFixed(4)
/** @param {number[]} values */
const mean = (values) => (values.reduce((a, b) => a + b, 0) / values.length).toFixed(4)

console.log(`After each of the last ${LOOKS} of ${STEPS} steps:`)
console.log('                         running mean, feature 0    accuracy in evaluation mode')
console.log('                         lowest … highest           lowest … highest, mean')
for (const [title, momentum] of /** @type {const} */ ([
  ['momentum 0.1 (PyTorch)', 0.1],
  ['momentum 0.9 (swapped)', 0.9],
  ['momentum null (average)', null],
])) {
  const { means, accuracies } = run(momentum)
  const span = `${lowest(means)} … ${highest(means)}`
  console.log(
    `${title.padEnd(25)}${span.padEnd(27)}${lowest(accuracies)} … ${highest(accuracies)}, ${mean(accuracies)}`,
  )
}
