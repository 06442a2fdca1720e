// An autoencoder: each digit of 784 pixels becomes 16 numbers, and is painted again by transposed convolutions.
//
//   node examples/autoencoder.mjs                 12,800 digits, some 4 seconds
//
// Prints the loss of each hundred steps, and a digit beside what is left of it, as characters:
//   step 100: loss 0.27

import { parseArgs } from 'node:util'
import { data, init, manualSeed, nn, noGrad, optim } from 'simdgrad'
import { Autoencoder } from './nets/autoencoder.mjs'
import { first } from './shared/mnist.mjs'

const { values } = parseArgs({ options: { images: { type: 'string', default: '12800' } } })

await init()
manualSeed(0)
const { train, test } = await data.mnist({ transform: (x) => x })
const net = new Autoencoder()
const optimizer = new optim.AdamW(net.parameters(), { lr: 3e-3 })
const loss = new nn.BCEWithLogitsLoss()
let step = 0
for (const [x] of new data.DataLoader(first(train, Number(values.images)), {
  batchSize: 32,
  shuffle: true,
})) {
  const value = loss.forward(net.forward(x), x)
  optimizer.zeroGrad()
  value.backward()
  optimizer.step()
  if (++step % 100 === 0) console.log(`step ${step}: loss ${value.item().toFixed(2)}`)
}

/** @param {import('simdgrad').Tensor} image [28, 28], from 0 to 1 */
function lines(image) {
  const rows = /** @type {number[][]} */ (image.toArray())
  // Two rows of pixels in one of characters, which are twice as high as they are wide.
  return rows
    .filter((_, i) => i % 2 === 0)
    .map((row, i) => row.map((value, j) => ' .:*#'[Math.round(2 * (value + rows[2 * i + 1][j]))]).join(''))
}

net.eval()
const [[x]] = new data.DataLoader(first(test, 1), { batchSize: 1 })
const painted = noGrad(() => net.forward(x).sigmoid())
const [left, right] = [x, painted].map((image) => lines(image.reshape([28, 28])))
for (const [i, line] of left.entries()) console.log(`${line} | ${right[i]}`)
