// Batch normalisation in five lines of tensor operations, beside nn.BatchNorm1d.
//
// Each column of x is a feature and each row a sample. Every column loses its mean and is divided by its
// standard deviation over the batch, so that it has mean 0 and variance 1. The variance is the biased one
// (divided by n, not n − 1), as in PyTorch.
//
//   node examples/batch-norm-by-hand.mjs
import { arange, init, nn } from 'simdgrad'

await init()
const x = arange(15).reshape([5, 3])

const mean = x.mean({ dim: 0, keepdim: true })
const centred = x.sub(mean)
const variance = centred.pow(2).mean({ dim: 0, keepdim: true })
const byHand = centred.div(variance.add(1e-5).sqrt())

const layer = new nn.BatchNorm1d(3)
const byLayer = layer.forward(x)

/**
 * @param {string} title
 * @param {import('simdgrad').Tensor} matrix
 */
function print(title, matrix) {
  const rows = /** @type {number[][]} */ (matrix.toArray())
  console.log(title)
  for (const row of rows) console.log(row.map((value) => value.toFixed(4).padStart(9)).join(''))
}

print('x, arange(15) as (5, 3):', x)
print('mean of each column:', mean)
print('variance of each column (biased):', variance)
print('batch norm by hand:', byHand)
print('nn.BatchNorm1d(3), in training mode:', byLayer)
console.log(`largest difference: ${byHand.sub(byLayer).abs().max().item().toExponential(1)}`)

// The layer has moved its statistics a tenth of the way to the batch's. This variance is the unbiased one.
/** @param {import('simdgrad').Tensor | undefined} statistic */
const words = (statistic) =>
  Array.from(statistic?.toFloat32Array() ?? [], (value) => value.toFixed(4)).join(' ')
console.log(`running mean: ${words(layer.runningMean)} (0.9 · 0 + 0.1 · mean)`)
console.log(`running variance: ${words(layer.runningVar)} (0.9 · 1 + 0.1 · 22.5)`)
