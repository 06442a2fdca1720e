// What several examples need: a part of MNIST, and accuracy in batches.
import { data, nn, noGrad } from 'simdgrad'

/**
 * The first `count` samples of a dataset, as a dataset of their own.
 *
 * @param {data.Dataset} dataset
 * @param {number} count
 * @returns {data.Dataset}
 */
export function first(dataset, count) {
  if (count >= dataset.length) return dataset
  const [batch] = new data.DataLoader(dataset, { batchSize: count })
  return new data.TensorDataset(...batch)
}

/**
 * The share of right answers, in the mode that the net is in. (`fit` does this by itself, in evaluation
 * mode; here we want to be able to do it wrongly.)
 *
 * @param {nn.Module} net
 * @param {data.DataLoader} loader
 */
export function accuracy(net, loader) {
  let right = 0
  let samples = 0
  for (const [x, y] of loader) {
    right += noGrad(() => nn.functional.correct(net.forward(x), y))
    samples += y.shape[0]
  }
  return right / samples
}
