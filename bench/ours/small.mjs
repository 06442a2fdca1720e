// What an operation on a small tensor costs from TypeScript, with the tape: a chain of DEPTH equal operations,
// as in a net, recorded and differentiated. tinybench does the timing.
import { nn, ones, randn, zeros } from '../../dist/index.node.js'
import { needed } from '../optional.mjs'
import { quantile } from '../statistics.mjs'

/** @typedef {import('../../dist/index.node.js').Tensor} Tensor */

const DEPTH = 8

/** @type {Record<string, (shape: number[]) => (x: Tensor) => Tensor>} */
const OPERATIONS = {
  relu: () => (x) => x.relu(),
  add(shape) {
    const other = randn(shape)
    return (x) => x.add(other)
  },
  mul(shape) {
    const other = randn(shape)
    return (x) => x.mul(other)
  },
  softmax: () => (x) => x.softmax(1),
  batchNorm([, c]) {
    const [weight, bias] = [new nn.Parameter(ones([c])), new nn.Parameter(zeros([c]))]
    const [runningMean, runningVar] = [zeros([c]), ones([c])]
    const options = { runningMean, runningVar, weight, bias, training: true }
    return (x) => nn.functional.batchNorm(x, options)
  },
}

/**
 * @param {{ shapes: number[][], milliseconds: number }} request
 * @returns {Promise<{ results: { name: string, shape: number[], forward: number[], backward: number[] }[] }>}
 *   percentiles (0, 1, … 100) of thousands of samples, in µs an operation
 */
export async function measureSmall({ shapes, milliseconds }) {
  const { Bench } = await needed('tinybench')
  const results = []
  for (const shape of shapes) {
    for (const [name, make] of Object.entries(OPERATIONS)) {
      const operation = make(shape)
      const x = new nn.Parameter(randn(shape))
      const cotangent = randn(shape)
      const forward = () => {
        /** @type {Tensor} */
        let y = x
        for (let i = 0; i < DEPTH; i++) y = operation(y)
        return y
      }
      const bench = new Bench({ time: milliseconds, warmupTime: milliseconds, retainSamples: true })
      // Both run whole steps, so that memory is freed as in training; each tells the time of its half.
      bench.add('forward', () => {
        const start = performance.now()
        const y = forward()
        const overriddenDuration = performance.now() - start
        y.backward(cotangent)
        x.zeroGrad()
        return { overriddenDuration }
      })
      bench.add('backward', () => {
        const y = forward()
        const start = performance.now()
        y.backward(cotangent)
        const overriddenDuration = performance.now() - start
        x.zeroGrad()
        return { overriddenDuration }
      })
      await bench.run()
      /** @param {number} task */
      const percentiles = (task) => {
        /** @type {number[]} in milliseconds */
        const samples = bench.tasks[task].result.latency.samples
        return Array.from({ length: 101 }, (_, i) => (quantile(samples, i / 100) * 1000) / DEPTH)
      }
      results.push({ name, shape, forward: percentiles(0), backward: percentiles(1) })
    }
  }
  return { results }
}
