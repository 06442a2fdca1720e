// Trap 4: the moving variance was the biased one.
//
// A batch of n samples has two variances. The biased one divides by n: it normalises the batch. The unbiased
// one divides by n − 1: it estimates the variance of the data, and that is what evaluation needs.
//
// What goes wrong: the biased one is too small by (n − 1)/n on average. So evaluation divides by too little,
// and what the net sees is larger than what it was trained on: hardly at batches of 32, much at small ones.
//
// In simdgrad: nn.BatchNorm1d and nn.BatchNorm2d normalise with the biased variance and keep the unbiased one,
// as PyTorch does. `tensor.var()` is the unbiased one too, unless `{ unbiased: false }` is given.
//
//   node examples/trap-4-biased-variance.mjs
import { init, manualSeed, nn, noGrad, randn } from 'simdgrad'

const BATCHES = 2000
const FEATURES = 64

await init()
manualSeed(0)
// The data has standard deviation 3, so variance 9.
const sample = (/** @type {number} */ n) => randn([n, FEATURES]).mul(3)
const fresh = sample(10_000)

console.log('batch   average variance    runningVar of      standard deviation of fresh data after')
console.log('        biased   unbiased   nn.BatchNorm1d     evaluation: biased   simdgrad (1 is right)')
for (const n of [2, 4, 8, 32]) {
  // momentum null: the average over all batches, so that little chance is left in the figures.
  const layer = new nn.BatchNorm1d(FEATURES, { momentum: null })
  let biased = 0
  let unbiased = 0
  noGrad(() => {
    for (let batch = 0; batch < BATCHES; batch++) {
      const x = sample(n)
      layer.forward(x)
      biased += x.var({ dim: 0, unbiased: false }).mean().item() / BATCHES
      unbiased += x.var({ dim: 0 }).mean().item() / BATCHES
    }
  })
  layer.eval()
  const kept = layer.runningVar?.mean().item() ?? Number.NaN
  const spread = layer.forward(fresh).var().sqrt().item()
  const spreadOfBiased = fresh.var().div(biased).sqrt().item()
  const cells = [
    biased.toFixed(3),
    unbiased.toFixed(3),
    kept.toFixed(3),
    spreadOfBiased.toFixed(3),
    spread.toFixed(3),
  ]
  const widths = [9, 11, 19, 21, 0]
  console.log(
    `${String(n).padEnd(8)}${cells
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('')
      .trimEnd()}`,
  )
}
