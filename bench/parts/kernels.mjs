// Single kernels on one thread: shares of the multiply-add peak and of the copy bandwidth, both measured in
// the same rounds; and small operations from TypeScript.
import { messageOf } from '../children.mjs'
import { findBuilds, packageVersion, startOurs } from '../environment.mjs'
import { INSTALL, optional } from '../optional.mjs'
import { figure } from '../results.mjs'
import { ratios } from '../statistics.mjs'

/** @typedef {import('../ours/kernels.mjs').Case} Case */

/** @type {Case[]} */
const MATMUL = [
  { name: '32×784·784×100 (forward)', op: 'matmul', form: 'NT', m: 32, n: 100, k: 784 },
  { name: '32×100·100×784 (dX)', op: 'matmul', form: 'NN', m: 32, n: 784, k: 100 },
  { name: '100×32·32×784 (dW)', op: 'matmul', form: 'TN', m: 100, n: 784, k: 32 },
  { name: '128³', op: 'matmul', form: 'NN', m: 128, n: 128, k: 128 },
  { name: '512³', op: 'matmul', form: 'NN', m: 512, n: 512, k: 512 },
  { name: '1024³', op: 'matmul', form: 'NN', m: 1024, n: 1024, k: 1024 },
  { name: '64 × 64×128·128×64', op: 'matmul', form: 'NN', batch: 64, m: 64, n: 64, k: 128 },
]

const LAYERS = [
  { layer: '1→6, 3×3, 28×28', n: 32, c: 1, h: 28, w: 28, oc: 6, kernel: 3, padding: 1 },
  { layer: '6→16, 5×5, 14×14', n: 32, c: 6, h: 14, w: 14, oc: 16, kernel: 5, padding: 0 },
  { layer: '16→16, 3×3, 32×32', n: 32, c: 16, h: 32, w: 32, oc: 16, kernel: 3, padding: 1 },
  { layer: '32→64, 3×3, 16×16', n: 32, c: 32, h: 16, w: 16, oc: 64, kernel: 3, padding: 1 },
  { layer: '64→64, 3×3, 56×56', n: 32, c: 64, h: 56, w: 56, oc: 64, kernel: 3, padding: 1 },
]

/** @type {Case[]} */
const CONV2D = LAYERS.flatMap(({ layer, ...shape }) => [
  { name: `${layer} (forward)`, op: 'conv2dForward', ...shape },
  { name: `${layer} (dX)`, op: 'conv2dBackwardInput', ...shape },
  { name: `${layer} (dW)`, op: 'conv2dBackwardWeight', ...shape },
])

const GROUPED = { n: 32, c: 64, h: 28, w: 28, oc: 64, kernel: 3, padding: 1, groups: 8 }
CONV2D.push(
  { name: '64→64 in 8 groups, 3×3, 28×28 (forward)', op: 'conv2dForward', ...GROUPED },
  { name: '64→64 in 8 groups, 3×3, 28×28 (dX)', op: 'conv2dBackwardInput', ...GROUPED },
  { name: '64→64 in 8 groups, 3×3, 28×28 (dW)', op: 'conv2dBackwardWeight', ...GROUPED },
  // A transposed convolution is the gradient of the input of one from its output to its input.
  {
    ...{
      name: 'transposed, 64→32, 4×4, stride 2, 14×14',
      op: 'conv2dBackwardInput',
      n: 32,
      c: 32,
      h: 28,
      w: 28,
    },
    ...{ oc: 64, kernel: 4, padding: 1, stride: 2 },
  },
)

const HEADS = { batch: 64, t: 128, e: 64 }
const STEPS = { t: 32, n: 32, h: 128 }

/** @type {Case[]} */
const SEQUENCES = [
  { name: 'attention, 64 heads of 128×64 (forward)', op: 'attentionForward', ...HEADS },
  { name: 'attention, 64 heads of 128×64 (backward)', op: 'attentionBackward', ...HEADS },
  { name: 'LSTM, 32 steps, 32×128 (forward)', op: 'recurrentForward', cell: 'lstm', ...STEPS },
  { name: 'LSTM, 32 steps, 32×128 (backward)', op: 'recurrentBackward', cell: 'lstm', ...STEPS },
  { name: 'GRU, 32 steps, 32×128 (forward)', op: 'recurrentForward', cell: 'gru', ...STEPS },
  { name: 'GRU, 32 steps, 32×128 (backward)', op: 'recurrentBackward', cell: 'gru', ...STEPS },
]

const LARGE = [
  { size: '2.4 MB', n: 32, c: 6, h: 56, w: 56 },
  { size: '26 MB', n: 32, c: 64, h: 56, w: 56 },
]

/** @type {[name: string, op: import('../ours/streaming.mjs').Streaming['op']][]} */
const STREAMING_OPERATIONS = [
  ['batch norm forward', 'batchNormForward'],
  ['batch norm backward', 'batchNormBackward'],
  ['max pooling forward', 'maxPool2dForward'],
  ['max pooling backward', 'maxPool2dBackward'],
  ['ReLU forward', 'reluForward'],
  ['ReLU backward', 'reluBackward'],
  ['add', 'add'],
  ['multiply', 'mul'],
  ['depthwise 3×3 forward', 'depthwiseForward'],
  ['depthwise 3×3 dX', 'depthwiseBackwardInput'],
  ['depthwise 3×3 dW', 'depthwiseBackwardWeight'],
]

/** @type {Case[]} */
const STREAMING = LARGE.flatMap(({ size, ...shape }) =>
  STREAMING_OPERATIONS.map(([name, op]) => ({ name: `${name}, ${size}`, op, ...shape })),
)

/** @type {typeof STREAMING_OPERATIONS} */
const ONE_SIZE_OPERATIONS = [
  ['average pooling forward', 'avgPool2dForward'],
  ['average pooling backward', 'avgPool2dBackward'],
  ['layer norm forward', 'layerNormForward'],
  ['layer norm backward', 'layerNormBackward'],
  ['softmax forward', 'softmaxForward'],
  ['softmax backward', 'softmaxBackward'],
  ['log softmax forward', 'logSoftmaxForward'],
  ['log softmax backward', 'logSoftmaxBackward'],
  ['GELU forward', 'geluForward'],
  ['GELU backward', 'geluBackward'],
  ['embedding forward', 'embeddingForward'],
  ['embedding backward', 'embeddingBackward'],
  ['Adam step', 'adam'],
  ['NAdam step', 'nadam'],
  ['RMSprop step', 'rmsprop'],
  ['Adagrad step', 'adagrad'],
]

/** @type {Case[]} */
const ONE_SIZE = ONE_SIZE_OPERATIONS.map(([name, op]) => ({ name, op, n: 32, c: 64, h: 56, w: 56 }))

const TABLES = [
  { table: 'matmul, share of the multiply-add peak', cases: MATMUL, target: 90 },
  { table: 'conv2d, share of the multiply-add peak', cases: CONV2D, target: 70 },
  { table: 'sequences, share of the multiply-add peak', cases: SEQUENCES, target: 50 },
  { table: 'large tensors, share of the copy bandwidth', cases: STREAMING, target: 70 },
  { table: '26 MB, share of the copy bandwidth', cases: ONE_SIZE, target: 70 },
]

/** What an operation on a small tensor may cost, in µs. */
const SMALL_TARGET = 2

/**
 * @param {import('../turns.mjs').Context} context
 * @returns {Promise<import('../turns.mjs').Measured>}
 */
export async function kernels({ rounds, turn, progress }) {
  const { builds, missing } = findBuilds()
  /** @type {import('../results.mjs').Figure[]} */
  const figures = []
  /** @type {Record<string, string>} */
  const versions = {}
  const milliseconds = turn * 100
  for (const build of builds) {
    const side = await startOurs(build, 1)
    versions[build.build] = String(side.ready.runtime)
    try {
      for (const { table, cases, target } of TABLES) {
        progress(`${build.build}: ${table}`)
        const { results } = await side.ask({ do: 'kernels', cases, rounds, milliseconds })
        for (const { name, rates, bounds } of results) {
          const what = { part: 'kernels', table, row: name, column: build.build, target }
          const shares = ratios(rates, bounds).map((share) => 100 * share)
          figures.push(figure({ ...what, unit: '%', more: { rates, bounds } }, shares))
        }
      }
      if (!(await optional('tinybench'))) {
        missing.push(`small tensors: tinybench is not installed; ${INSTALL} brings it`)
        continue
      }
      progress(`${build.build}: small tensors`)
      const shapes = [
        [32, 100],
        [32, 10],
      ]
      const { results } = await side.ask({ do: 'small', shapes, milliseconds: 5 * milliseconds })
      for (const { name, shape, forward, backward } of results) {
        for (const [direction, samples] of Object.entries({ forward, backward })) {
          const row = `${name} ${shape.join('×')} ${direction}`
          const what = { part: 'kernels', table: 'small tensors, µs an operation', row, column: build.build }
          figures.push(figure({ ...what, unit: 'µs', target: SMALL_TARGET }, samples))
        }
      }
    } catch (error) {
      missing.push(`${build.build}: ${messageOf(error)}`)
    } finally {
      await side.stop()
    }
  }
  return {
    figures,
    cells: [],
    missing,
    versions: { ...versions, tinybench: packageVersion('bench/node_modules/tinybench') ?? 'missing' },
    notes: [
      `One thread. Each kernel runs ${rounds} rounds of at least ${milliseconds} ms after a round of warm-up; the peak (or a copy of the same size) runs right before and after it.`,
      'The share of a convolution is that of the products in its formula: with 16 channels or more, kernels of 3×3 take fewer (Winograd), and so may pass 100 %.',
      'Bytes that must move: batch norm forward 3 passes of the tensor, backward 5; ReLU 2 and 3; add and multiply 3; max pooling (2×2, stride 2) 1.25 and 2.5; the others as in bench/README.md. The copy runs inside of wasm memory, 2 passes, by memmove or a loop, whichever is faster.',
      'Small tensors: chains of 8 equal operations with the tape, from TypeScript, timed by tinybench; the samples in the JSON are percentiles.',
    ],
  }
}
