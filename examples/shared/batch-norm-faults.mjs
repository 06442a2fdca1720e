// Nets that were trained with a fault in their batch norm, and healthy ones: what inspectBatchNorm is to find, and what
// it is to be silent about.
import { data, fit, freezeBatchNorm, manualSeed, nn, noGrad, optim, tensor } from 'simdgrad'
import { BatchNormByHand, cnn, JOBS, mlp } from 'simdgrad/nets'
import { ResNet } from '../nets/resnet20.mjs'

/** @import { AdviceCode, Tensor } from 'simdgrad' */
/** @typedef {Iterable<Tensor[]>} Batches */
/** @typedef {{ net: nn.Module, data: Batches }} Case */
/** @typedef {{ train: data.Dataset, test: data.Dataset }} Digits */

/** Trap 2: plain fields, assigned to. */
class InTheGraph extends BatchNormByHand {
  /** @type {Tensor} */
  mean = this.movingMean
  /** @type {Tensor} */
  variance = this.movingVar

  /**
   * @override
   * @param {Tensor} mean
   * @param {Tensor} variance
   */
  move(mean, variance) {
    const old = this.movingMomentum
    this.mean = this.mean.mul(old).add(mean.mul(1 - old))
    this.variance = this.variance.mul(old).add(variance.mul(1 - old))
  }
}

/** Trap 4: the moving variance is the biased one. */
class Biased extends BatchNormByHand {
  /**
   * @override
   * @param {Tensor} mean
   * @param {Tensor} variance
   */
  move(mean, variance) {
    super.move(mean, variance, 1e9)
  }
}

/** The same samples, class after class. @param {data.Dataset} dataset */
export function sortedByClass(dataset) {
  const [[x, y]] = new data.DataLoader(dataset, { batchSize: dataset.length })
  const labels = y.toFloat32Array()
  const order = Array.from(labels.keys()).sort((a, b) => labels[a] - labels[b])
  return new data.TensorDataset(x.indexSelect(0, order), tensor(order.map((i) => labels[i])))
}

/**
 * Trains with SGD, as the notebook does.
 *
 * @template {nn.Module} M
 * @param {M} net
 * @param {data.Dataset} set
 * @param {{ batchSize?: number, epochs?: number, lr?: number, shuffle?: boolean }} options
 */
async function trained(net, set, { batchSize = 32, epochs = 1, lr = 0.1, shuffle = true } = {}) {
  const train = new data.DataLoader(set, { batchSize, shuffle, dropLast: true })
  const optimizer = new optim.SGD(net.parameters(), { lr })
  await fit(net, { train, optimizer, loss: new nn.CrossEntropyLoss(), epochs })
  return net
}

/** @param {nn.Module} net @param {Digits} digits @param {number} [epochs] */
function validatedInTraining(net, { train, test }, epochs = 2) {
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const loss = new nn.CrossEntropyLoss()
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const [x, y] of new data.DataLoader(train, { batchSize: 32, shuffle: true, dropLast: true })) {
      optimizer.zeroGrad()
      loss.forward(net.forward(x), y).backward()
      optimizer.step()
    }
    for (const [x] of new data.DataLoader(test, { batchSize: 32 })) noGrad(() => net.forward(x))
  }
  return net
}

/** @param {number | null} momentum */
function convolutional(momentum) {
  const net = cnn(true)
  for (const layer of net) if (layer instanceof nn.BatchNorm2d) layer.momentum = momentum
  return net
}

/** @param {nn.BatchNormLayerOptions} [options] */
const layered = (options) => mlp(new nn.BatchNorm1d(100, options))

/** @param {Digits} digits @param {(x: Tensor) => Tensor} change @returns {Batches} */
const changed = ({ test }, change) => {
  return Array.from(new data.DataLoader(test, { batchSize: 32 }), ([x, y]) => [change(x), y])
}

/** @param {Digits} digits */
const loaded = ({ test }, batchSize = 32) => new data.DataLoader(test, { batchSize })

/** Trains all but one layer, which stays in evaluation mode. @param {nn.Sequential} net @param {number} at @param {data.Dataset} set */
async function trainedBut(net, at, set) {
  const layer = net.at(at)
  if (!layer) throw new Error(`there is no layer ${at}`)
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const loss = new nn.CrossEntropyLoss()
  for (const [x, y] of new data.DataLoader(set, { batchSize: 32, shuffle: true, dropLast: true })) {
    net.train()
    layer.eval()
    optimizer.zeroGrad()
    loss.forward(net.forward(x), y).backward()
    optimizer.step()
  }
  return net
}

/** @type {[name: string, code: AdviceCode, make: (digits: Digits) => Promise<Case>][]} */
export const FAULTS = [
  [
    'trap 1: validated in training mode',
    'validated-in-training-mode',
    async (digits) => ({ net: validatedInTraining(layered(), digits), data: loaded(digits) }),
  ],
  [
    'trap 2: statistics in the graph',
    'statistics-in-graph',
    async (digits) => ({ net: await trained(mlp(new InTheGraph(100)), digits.train), data: loaded(digits) }),
  ],
  [
    'trap 3: momentum swapped',
    'momentum-swapped',
    async (digits) => ({
      net: await trained(layered({ momentum: 0.9 }), digits.train),
      data: loaded(digits),
    }),
  ],
  [
    'trap 3, convolutional',
    'momentum-swapped',
    async (digits) => ({ net: await trained(convolutional(0.9), digits.train), data: loaded(digits) }),
  ],
  [
    'trap 3, by hand',
    'momentum-swapped',
    async (digits) => ({
      net: await trained(mlp(new BatchNormByHand(100, 0.1)), digits.train),
      data: loaded(digits),
    }),
  ],
  [
    'trap 4: biased variance',
    'biased-variance',
    async (digits) => ({ net: await trained(mlp(new Biased(100)), digits.train), data: loaded(digits) }),
  ],
  ...[1, 2, 4].map(
    /** @returns {[string, AdviceCode, (digits: Digits) => Promise<Case>]} */ (batchSize) => [
      `batches of ${batchSize}`,
      'tiny-batches',
      async (digits) => ({
        net: await trained(convolutional(0.1), part(digits.train, 400 * batchSize), { batchSize, lr: 0.01 }),
        data: loaded(digits, batchSize),
      }),
    ],
  ),
  ...[2, 4].map(
    /** @returns {[string, AdviceCode, (digits: Digits) => Promise<Case>]} */ (batchSize) => [
      `trained in batches of ${batchSize}, and inspected in larger ones`,
      'tiny-batches',
      async (digits) => ({
        net: await trained(layered(), part(digits.train, 400 * batchSize), { batchSize, lr: 0.01 }),
        data: loaded(digits),
      }),
    ],
  ),
  [
    'trained on sorted classes',
    'sorted-by-class',
    async (digits) => ({
      net: await trained(convolutional(0.1), sortedByClass(digits.train), { shuffle: false }),
      data: loaded(digits),
    }),
  ],
  [
    'trained on sorted classes, fully connected',
    'sorted-by-class',
    async (digits) => ({
      net: await trained(layered(), sortedByClass(digits.train), { shuffle: false }),
      data: loaded(digits),
    }),
  ],
  [
    'inspected on sorted classes',
    'sorted-by-class',
    async (digits) => ({
      net: await trained(layered(), digits.train),
      data: new data.DataLoader(sortedByClass(digits.test), { batchSize: 32 }),
    }),
  ],
  [
    'inputs x/255 instead of (x/255 − 0.5)/0.5',
    'input-scale',
    async (digits) => ({
      net: await trained(convolutional(0.1), digits.train),
      data: changed(digits, (x) => x.add(1).div(2)),
    }),
  ],
  [
    'inputs three times as large',
    'input-scale',
    async (digits) => ({
      net: await trained(layered(), digits.train),
      data: changed(digits, (x) => x.mul(3)),
    }),
  ],
  [
    'a layer in evaluation mode',
    'evaluation-mode',
    async (digits) => ({ net: await trainedBut(convolutional(0.1), 5, digits.train), data: loaded(digits) }),
  ],
  [
    'a layer that was in evaluation mode, and is no more',
    'evaluation-mode',
    async (digits) => ({
      net: (await trainedBut(convolutional(0.1), 5, digits.train)).eval(),
      data: loaded(digits),
    }),
  ],
  [
    'frozen under a domain shift',
    'frozen-shift',
    async (digits) => ({
      net: freezeBatchNorm(await trained(convolutional(0.1), digits.train)),
      data: changed(digits, (x) => x.neg().mul(0.5).add(0.3)),
    }),
  ],
  ...[0, 1].map(
    /** @returns {[string, AdviceCode, (digits: Digits) => Promise<Case>]} */ (momentum) => [
      `momentum ${momentum}`,
      momentum === 0 ? 'momentum-zero' : 'momentum-one',
      async (digits) => ({ net: await trained(convolutional(momentum), digits.train), data: loaded(digits) }),
    ],
  ),
  [
    'a cumulative average that has stalled',
    'stalled-average',
    async (digits) => ({
      net: await trained(layered({ momentum: null }), digits.train, { epochs: 4 }),
      data: loaded(digits),
    }),
  ],
]

/** @param {data.Dataset} dataset @param {number} count */
function part(dataset, count) {
  const [batch] = new data.DataLoader(dataset, { batchSize: Math.min(count, dataset.length) })
  return new data.TensorDataset(...batch)
}

/** Fully connected with `depth` hidden layers. @param {number} depth @param {number} width */
function deep(depth, width) {
  const block = (/** @type {number} */ from) => [
    new nn.Linear(from, width),
    new nn.BatchNorm1d(width),
    new nn.ReLU(),
  ]
  const blocks = Array.from({ length: depth }, (_, i) => block(i === 0 ? 784 : width))
  return new nn.Sequential(new nn.Flatten(), ...blocks.flat(), new nn.Linear(width, 10))
}

/** Twenty nets that nothing is wrong with. @type {[name: string, seed: number, make: () => nn.Module, lr?: number][]} */
export const HEALTHY = [
  .../** @type {const} */ (['mlp-bn', 'mlp-bn-layer', 'cnn-bn']).flatMap((job) =>
    [0, 1, 2].map(/** @returns {[string, number, () => nn.Module]} */ (seed) => [job, seed, JOBS[job].make]),
  ),
  ['mlp', 0, JOBS.mlp.make],
  ['cnn', 0, JOBS.cnn.make],
  ...[2, 3, 5].map(
    /** @returns {[string, number, () => nn.Module]} */ (depth) => [
      `depth ${depth}`,
      3,
      () => deep(depth, 48),
    ],
  ),
  ['depth 2, wide', 4, () => deep(2, 256)],
  ['dropout', 5, () => mlp(new nn.BatchNorm1d(100), new nn.ReLU(), new nn.Dropout(0.2))],
  ['before the convolution', 6, () => new nn.Sequential(new nn.BatchNorm2d(1), ...cnn(true))],
  ['no affine', 7, () => mlp(new nn.BatchNorm1d(100, { affine: false }))],
  ['ResNet-20', 8, () => new ResNet({ channels: 1, width: 8 }), 0.03],
  ['ResNet-20', 9, () => new ResNet({ channels: 1, width: 8 }), 0.1],
]

/**
 * One of the healthy nets, trained.
 *
 * @param {Digits} digits
 * @param {(typeof HEALTHY)[number]} healthy
 * @returns {Promise<Case>}
 */
export async function healthyCase(digits, [name, seed, make, lr = 0.1]) {
  manualSeed(seed)
  const net = make()
  if (!name.startsWith('ResNet'))
    return { net: await trained(net, digits.train, { lr }), data: loaded(digits) }
  // Images of 7 × 7: a test is to be done with it soon. As with any ResNet the rate falls at the end.
  const small = (/** @type {data.Dataset} */ set) => {
    const [[x, y]] = new data.DataLoader(set, { batchSize: set.length })
    return new data.TensorDataset(nn.functional.avgPool2d(x, 4), y)
  }
  const [train, test] = [small(digits.train), small(digits.test)]
  await trained(net, train, { lr, epochs: 2 })
  return { net: await trained(net, train, { lr: lr / 10 }), data: loaded({ train, test }) }
}
