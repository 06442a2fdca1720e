// Nets of many kinds with random data in memory, as users train and ask them: our side of parts/nets.mjs. The same nets
// in PyTorch are in peers/torch_nets.py.
import {
  compile,
  foldBatchNorm,
  manualSeed,
  memory,
  nn,
  noGrad,
  optim,
  randint,
  randn,
} from '../../dist/index.node.js'
import { cnn } from '../../dist/nets/index.node.js'
import { CharGPT } from '../../examples/nets/char-gpt.mjs'
import { convBn, InvertedResidual } from '../../examples/nets/mobilenet.mjs'
import { ResNet } from '../../examples/nets/resnet20.mjs'
import { UNet } from '../../examples/nets/unet.mjs'

/**
 * @typedef {import('../../dist/index.node.js').Tensor} Tensor
 *
 * @typedef {object} Net
 * @property {() => nn.Module} make
 * @property {(parameters: Iterable<nn.Parameter>) => optim.Optimizer} optimizer
 * @property {(batch: number) => Tensor} input
 * @property {(batch: number) => Tensor} labels of classes
 *
 * @typedef {{ net: string, batch: number, compiled: boolean, infers?: boolean, folded?: boolean }} Job
 */

/**
 * The examples' types are of the sources, and here of what was built of them.
 *
 * @param {unknown} made
 */
const built = (made) => /** @type {nn.Module} */ (made)

/** Batches that a net trains on, again and again. */
const POOL = 8

/** @param {number} lr @returns {Net['optimizer']} */
const momentum = (lr) => (parameters) => new optim.SGD(parameters, { lr, momentum: 0.9 })
/** @type {Net['optimizer']} */
const adam = (parameters) => new optim.Adam(parameters)
/** @type {Net['optimizer']} */
const adamW = (parameters) => new optim.AdamW(parameters)

/** @param {...number} shape */
const numbers = (shape) => (/** @type {number} */ batch) => randn([batch, ...shape])
/** @param {number} count @param {number[]} [shape] */
const classes =
  (count, shape = []) =>
  (/** @type {number} */ batch) =>
    randint(count, [batch, ...shape])

/** The last state of a GRU over rows, and a layer on it. */
class RowGRU extends nn.Module {
  gru = new nn.GRU(28, 64, { batchFirst: true })
  head = new nn.Linear(64, 10)

  /**
   * @override
   * @param {Tensor} x [N, T, 28]
   */
  forward(x) {
    const [, hidden] = this.gru.forward(x)
    return this.head.forward(hidden.squeeze(0))
  }
}

/** A small MobileNetV2 for images of three channels. */
class MobileNetV2 extends nn.Module {
  features = new nn.Sequential(
    ...[
      convBn(3, 16, 3),
      new InvertedResidual(16, 16, 1, 1),
      new InvertedResidual(16, 24, 2, 6),
      new InvertedResidual(24, 24, 1, 6),
      new InvertedResidual(24, 32, 2, 6),
      new InvertedResidual(32, 32, 1, 6),
      convBn(32, 128, 1),
    ].map(built),
  )
  classifier = new nn.Linear(128, 10)

  /**
   * @override
   * @param {Tensor} x [N, 3, H, W]
   */
  forward(x) {
    return this.classifier.forward(this.features.forward(x).mean({ dim: [2, 3] }))
  }
}

/** @param {number} from @param {number} to */
const linearBn = (from, to) => [new nn.Linear(from, to), new nn.BatchNorm1d(to), new nn.ReLU()]

/** @param {number} from @param {number} to */
const vggStage = (from, to) => [
  new nn.Conv2d(from, to, 3, { padding: 1 }),
  new nn.BatchNorm2d(to),
  new nn.ReLU(),
  new nn.MaxPool2d(2),
]

/** @type {Record<string, Net>} */
export const NETS = {
  tabular: {
    make: () => new nn.Sequential(...linearBn(16, 64), ...linearBn(64, 64), new nn.Linear(64, 3)),
    ...{ optimizer: adam, input: numbers([16]), labels: classes(3) },
  },
  mlp: {
    make: () =>
      new nn.Sequential(
        new nn.Linear(256, 512),
        new nn.ReLU(),
        new nn.Linear(512, 512),
        new nn.ReLU(),
        new nn.Linear(512, 10),
      ),
    ...{ optimizer: adam, input: numbers([256]), labels: classes(10) },
  },
  gru: {
    make: () => new RowGRU(),
    ...{ optimizer: adam, input: numbers([28, 28]), labels: classes(10) },
  },
  'char-gpt': {
    make: () => built(new CharGPT({ vocabulary: 65, context: 32, size: 64, heads: 4, layers: 2 })),
    ...{ optimizer: adamW, input: classes(65, [32]), labels: classes(65, [32]) },
  },
  lenet: {
    make: () =>
      new nn.Sequential(
        ...[new nn.Conv2d(1, 6, 5, { padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2)],
        ...[new nn.Conv2d(6, 16, 5), new nn.ReLU(), new nn.MaxPool2d(2)],
        ...[new nn.Flatten(), new nn.Linear(400, 120), new nn.ReLU()],
        ...[new nn.Linear(120, 84), new nn.ReLU(), new nn.Linear(84, 10)],
      ),
    ...{ optimizer: momentum(0.01), input: numbers([1, 28, 28]), labels: classes(10) },
  },
  vgg: {
    make: () =>
      new nn.Sequential(
        ...[...vggStage(3, 32), ...vggStage(32, 64), ...vggStage(64, 128)],
        ...[new nn.Flatten(), new nn.Linear(2048, 10)],
      ),
    ...{ optimizer: momentum(0.001), input: numbers([3, 32, 32]), labels: classes(10) },
  },
  resnet20: {
    make: () => built(new ResNet()),
    ...{ optimizer: momentum(0.01), input: numbers([3, 32, 32]), labels: classes(10) },
  },
  mobilenet: {
    make: () => new MobileNetV2(),
    ...{ optimizer: momentum(0.01), input: numbers([3, 32, 32]), labels: classes(10) },
  },
  unet: {
    make: () => built(new UNet({ channels: 1, width: 16, classes: 2 })),
    ...{ optimizer: adam, input: numbers([1, 64, 64]), labels: classes(2, [64, 64]) },
  },
  'cnn-bn': {
    make: () => cnn(true),
    ...{ optimizer: momentum(0.01), input: numbers([1, 28, 28]), labels: classes(10) },
  },
}

/**
 * What a user writes: the parts of a training step. A language model's logits have a row for each character.
 *
 * @param {Job} job
 */
function parts({ net: name, batch }) {
  if (!(name in NETS)) throw new Error(`no net is called '${name}'`)
  manualSeed(0)
  const { make, optimizer: makeOptimizer, input, labels } = NETS[name]
  const net = make()
  const optimizer = makeOptimizer(net.parameters())
  const batches = Array.from({ length: POOL }, () => /** @type {const} */ ([input(batch), labels(batch)]))
  /** @param {Tensor} x @param {Tensor} y */
  const lossOf = (x, y) => {
    const logits = net.forward(x)
    return logits.shape.length === 3
      ? nn.functional.crossEntropy(logits.reshape([-1, logits.shape[2]]), y.reshape([-1]))
      : nn.functional.crossEntropy(logits, y)
  }
  /** @param {Tensor} x @param {Tensor} y */
  const step = (x, y) => {
    const loss = lossOf(x, y)
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss
  }
  return { net, batches, lossOf, step }
}

/** The net without batch norm. @param {nn.Module} net */
function folded(net) {
  const { net: fast, kept } = foldBatchNorm(net)
  if (kept.length > 0) throw new Error(`not all was folded: ${kept.map(({ path }) => path).join(', ')}`)
  return fast
}

/**
 * A net in training, or answering, through the public interface: its step compiled, or as a loop of a user's own has it.
 *
 * @param {Job} job
 * @returns {import('./session.mjs').Trainer}
 */
export function netTrainer(job) {
  const { net: made, batches, step } = parts(job)
  if (job.infers) made.eval()
  const net = job.folded ? folded(made) : made
  /** @param {Tensor} x */
  const infer = (x) => noGrad(() => net.forward(x))
  const compiled = job.compiled ? { train: compile(step), answer: compile(infer) } : undefined
  const { train, answer } = compiled ?? { train: step, answer: infer }
  const parameters = [...net.parameters()].reduce((sum, { size }) => sum + size, 0)
  let [at, first] = [0, 0]
  return {
    net,
    /** Tells the losses' mean, and that of the first pass over the pool. */
    run(steps) {
      const start = performance.now()
      let total = 0
      for (let i = 0; i < steps; i++) {
        const [x, y] = batches[at % POOL]
        const loss = job.infers ? answer(x).toFloat32Array()[0] : train(x, y).item()
        total += loss
        if (at++ < POOL) first += loss / POOL
      }
      const seconds = (performance.now() - start) / 1000
      if (!Number.isFinite(total)) throw new Error(`${job.net}: the loss is ${total}`)
      const reason = (job.infers ? compiled?.answer : compiled?.train)?.report.reason
      return { seconds, loss: total / steps, first, parameters, ...(reason !== undefined && { reason }) }
    },
  }
}

/**
 * Bytes that training steps take in a process of their own: of the tensors that live once forward is done, of the
 * recording of a compiled step, and of wasm memory in all.
 *
 * @param {Job} job
 */
export function measureMemory({ compiled, ...job }) {
  const before = memory().liveBytes
  const { batches, lossOf, step } = parts({ ...job, compiled })
  const [[x, y]] = batches
  if (!compiled) {
    for (let i = 0; i < 3; i++) step(x, y)
    const idle = memory().liveBytes
    const loss = lossOf(x, y)
    const afterForward = memory().liveBytes
    loss.backward()
    return { before, idle, afterForward, wasm: memory().wasmBytes }
  }
  const replayed = compile(step)
  for (let i = 0; i < 5; i++) replayed(x, y)
  const { bytes, reason } = replayed.report
  return { before, recording: bytes, live: memory().liveBytes, wasm: memory().wasmBytes, reason }
}
