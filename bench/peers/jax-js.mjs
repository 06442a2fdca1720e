// jax-js's side: the jobs of the notebook as one jitted step on its WebAssembly backend. Needs Node 22.

import { packageVersion } from '../environment.mjs'
import { needed } from '../optional.mjs'
import { BATCH, mnistBatches, serve } from './protocol.mjs'

const MOMENTUM = 0.1
const EPS = 1e-5
const LEARNING_RATE = 0.1

await serve(async () => {
  const {
    defaultDevice,
    init,
    jit,
    lax,
    nn,
    numpy: np,
    random,
    tree,
    valueAndGrad,
  } = await needed('@jax-js/jax')
  await init('wasm')
  defaultDevice('wasm')
  const nextBatch = mnistBatches()
  let seed = 0

  // Its arrays are counted: an argument is used up unless it is passed as `.ref`.
  /** U(−1/√fanIn, 1/√fanIn), PyTorch's default. @param {number[]} shape @param {number} fanIn */
  const uniform = (shape, fanIn) => {
    const bound = fanIn ** -0.5
    return random.uniform(random.key(seed++), shape, { minval: -bound, maxval: bound })
  }
  /** @param {number} inputs @param {number} outputs */
  const linear = (inputs, outputs) => ({
    w: uniform([inputs, outputs], inputs),
    b: uniform([outputs], inputs),
  })
  /** @param {number} size @param {number} c @param {number} oc */
  const convolution = (size, c, oc) => ({
    w: uniform([oc, c, size, size], c * size * size),
    b: uniform([1, oc, 1, 1], c * size * size),
  })
  /** @param {number[]} shape of one value a channel, as it broadcasts */
  const norm = (shape) => ({ gamma: np.ones(shape), beta: np.zeros(shape) })
  /** @param {number[]} shape */
  const running = (shape) => ({ mean: np.zeros(shape), variance: np.ones(shape) })

  /**
   * @param {any} p @param {any} moving @param {any} x @param {number[]} axes
   * @returns {[any, any]} the output, and the new running statistics
   */
  const batchNorm = (p, moving, x, axes) => {
    const n = axes.reduce((count, axis) => count * x.shape[axis], 1)
    const mean = x.ref.mean(axes, { keepdims: true })
    const centred = x.sub(mean.ref)
    const variance = np.square(centred.ref).mean(axes, { keepdims: true })
    const y = centred
      .div(np.sqrt(variance.ref.add(EPS)))
      .mul(p.gamma)
      .add(p.beta)
    const next = {
      mean: moving.mean.mul(1 - MOMENTUM).add(lax.stopGradient(mean).mul(MOMENTUM)),
      variance: moving.variance
        .mul(1 - MOMENTUM)
        .add(lax.stopGradient(variance).mul((MOMENTUM * n) / (n - 1))),
    }
    return [y, next]
  }

  /** @param {boolean} normalised */
  const mlp = (normalised) => ({
    params: {
      ...{ fc1: linear(784, 100), fc2: linear(100, 10) },
      ...(normalised && { bn: norm([1, 100]) }),
    },
    moving: normalised ? { bn: running([1, 100]) } : {},
    /** @param {any} p @param {any} moving @param {any} x */
    forward(p, moving, x) {
      let h = np.dot(x.reshape([BATCH, 784]), p.fc1.w).add(p.fc1.b)
      /** @type {any} */
      let next = {}
      if (normalised) {
        const [y, bn] = batchNorm(p.bn, moving.bn, h, [0])
        h = y
        next = { bn }
      }
      return [np.dot(nn.relu(h), p.fc2.w).add(p.fc2.b), next]
    },
  })
  /** @param {boolean} normalised */
  const cnn = (normalised) => ({
    params: {
      ...{ conv1: convolution(3, 1, 6), conv2: convolution(5, 6, 16), fc: linear(400, 10) },
      ...(normalised && { bn1: norm([1, 6, 1, 1]), bn2: norm([1, 16, 1, 1]) }),
    },
    moving: normalised ? { bn1: running([1, 6, 1, 1]), bn2: running([1, 16, 1, 1]) } : {},
    /** @param {any} p @param {any} moving @param {any} x */
    forward(p, moving, x) {
      let h = x.reshape([BATCH, 1, 28, 28])
      /** @type {any} */
      const next = {}
      for (const [i, padding] of /** @type {[number, number][]} */ ([
        [1, 1],
        [2, 0],
      ])) {
        const pad = [
          [padding, padding],
          [padding, padding],
        ]
        h = lax.conv(h, p[`conv${i}`].w, [1, 1], pad).add(p[`conv${i}`].b)
        if (normalised) [h, next[`bn${i}`]] = batchNorm(p[`bn${i}`], moving[`bn${i}`], h, [0, 2, 3])
        const [n, c, height, width] = h.shape
        h = np.max(nn.relu(h).reshape([n, c, height / 2, 2, width / 2, 2]), [3, 5])
      }
      return [np.dot(h.reshape([BATCH, 400]), p.fc.w).add(p.fc.b), next]
    },
  })
  /** @type {Record<string, () => any>} */
  const nets = {
    mlp: () => mlp(false),
    'mlp-bn-layer': () => mlp(true),
    cnn: () => cnn(false),
    'cnn-bn': () => cnn(true),
  }

  /** @param {any} forward */
  const makeStep = (forward) => {
    /** @param {any} params @param {any} moving @param {any} x @param {any} y */
    const lossOf = (params, moving, x, y) => {
      const [logits, next] = forward(params, moving, x)
      const loss = nn
        .logSoftmax(logits)
        .mul(nn.oneHot(y, 10))
        .sum()
        .mul(-1 / BATCH)
      return [loss, next]
    }
    return jit(
      (/** @type {any} */ params, /** @type {any} */ moving, /** @type {any} */ x, /** @type {any} */ y) => {
        const [[loss, next], grads] = valueAndGrad(lossOf, { hasAux: true })(tree.ref(params), moving, x, y)
        const updated = tree.map(
          (/** @type {any} */ p, /** @type {any} */ g) => p.sub(g.mul(LEARNING_RATE)),
          params,
          grads,
        )
        return [updated, next, loss]
      },
    )
  }

  /** @type {Map<string, any>} */
  const jobs = new Map()
  return {
    version: packageVersion('bench/node_modules/@jax-js/jax') ?? '',
    async run({ net, steps }) {
      if (!jobs.has(net)) {
        const { params, moving, forward } = nets[net]()
        jobs.set(net, { params, moving, step: makeStep(forward) })
      }
      const job = jobs.get(net)
      const start = performance.now()
      let total = 0
      for (let i = 0; i < steps; i++) {
        const { images, labels } = nextBatch()
        const [params, moving, loss] = job.step(job.params, job.moving, np.array(images), np.array(labels))
        Object.assign(job, { params, moving })
        total += (await loss.data())[0]
      }
      return { seconds: (performance.now() - start) / 1000, loss: total / steps }
    },
  }
})
