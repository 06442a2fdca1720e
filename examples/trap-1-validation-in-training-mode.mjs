// Trap 1: the validation pass ran in training mode.
//
// What goes wrong: in training mode batch norm uses the statistics of the batch at hand. So the answer for an
// image depends on the images beside it, and the accuracy on the batch size and the order. The moving
// statistics also learn from the validation data. Nothing complains, and with shuffled batches of 32 the
// figure even looks right.
//
// In simdgrad: `fit` sets evaluation mode before each validation pass and puts the mode back afterwards, so
// the trap can't be met there. In a loop of your own, call `net.eval()`. A batch of one image, where training
// mode has nothing to normalise with, throws.
//
//   node examples/trap-1-validation-in-training-mode.mjs
import {
  data,
  encodeState,
  fit,
  hashState,
  init,
  loadSafetensors,
  manualSeed,
  nn,
  noGrad,
  optim,
  SimdgradError,
  tensor,
} from 'simdgrad'
import { mlp } from 'simdgrad/nets'
import { accuracy, first } from './shared/mnist.mjs'

await init()
manualSeed(0)
const mnist = await data.mnist()
const train = first(mnist.train, 12_800)
const test = first(mnist.test, 2000)
const net = mlp(new nn.BatchNorm1d(100))
const history = await fit(net, {
  train: new data.DataLoader(train, { batchSize: 32, shuffle: true }),
  valid: new data.DataLoader(test, { batchSize: 32 }),
  optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
  loss: new nn.CrossEntropyLoss(),
})

// The test images once more, ordered by digit: the same images, so the same accuracy is due.
const [[x, y]] = new data.DataLoader(test, { batchSize: test.length })
const labels = y.toFloat32Array()
const order = Array.from(labels.keys()).sort((a, b) => labels[a] - labels[b])
const pixels = x.toFloat32Array()
const ordered = new Float32Array(pixels.length)
for (const [to, from] of order.entries()) ordered.set(pixels.subarray(from * 784, (from + 1) * 784), to * 784)
const byDigit = new data.TensorDataset(
  tensor(ordered, { shape: [...x.shape] }),
  tensor(order.map((i) => labels[i])),
)

const state = net.stateDict()
const trained = await loadSafetensors(encodeState(state)) // a copy
const cases = /** @type {const} */ ([
  ['batches of 32 as they come', test, 32],
  ['batches of 2 as they come', test, 2],
  ['batches of 32, ordered by digit', byDigit, 32],
])
console.log('accuracy on the 2,000 test images    training mode   evaluation mode')
for (const [title, dataset, batchSize] of cases) {
  const loader = new data.DataLoader(dataset, { batchSize })
  const inTraining = accuracy(net.train(), loader)
  net.loadStateDict(trained) // undoes what the pass did to the moving statistics
  const inEvaluation = accuracy(net.eval(), loader)
  console.log(`${title.padEnd(37)}${inTraining.toFixed(4).padEnd(16)}${inEvaluation.toFixed(4)}`)
}
console.log(`fit's own validation pass${' '.repeat(28)}${history.epochs[0].validAcc?.toFixed(4)}`)

const before = await hashState(state)
accuracy(net.eval(), new data.DataLoader(test, { batchSize: 32 }))
console.log(`\na pass in evaluation mode changes the state: ${(await hashState(state)) !== before}`)
accuracy(net.train(), new data.DataLoader(test, { batchSize: 32 }))
console.log(`a pass in training mode changes the state: ${(await hashState(state)) !== before}`)

try {
  const [[image]] = new data.DataLoader(test, { batchSize: 1 })
  noGrad(() => net.train().forward(image))
} catch (error) {
  if (!(error instanceof SimdgradError)) throw error
  console.log(`\none image in training mode: ${error.message}`)
}
