// TensorFlow.js's side: the jobs of the notebook on its CPU or its WebAssembly backend.
//   node bench/peers/tfjs.mjs cpu|wasm
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { needed } from '../optional.mjs'
import { BATCH, mnistBatches, serve } from './protocol.mjs'

/**
 * What is used of the package, whose own types are there only where it is installed.
 *
 * @typedef {{ apply: (x: unknown, how: { training: boolean }) => unknown, trainableWeights: { val: unknown }[] }} Model
 * @typedef {(loss: () => unknown, returnCost: true, weights: unknown[]) => { dataSync: () => Float32Array }} Minimize
 */

const backend = process.argv[2]
const require = createRequire(import.meta.url)

await serve(async () => {
  const tf = await needed('@tensorflow/tfjs-core')
  const { layers, sequential } = await needed('@tensorflow/tfjs-layers')
  const module = await needed(`@tensorflow/tfjs-backend-${backend}`)
  if (backend === 'wasm') {
    module.setWasmPaths(`${join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')))}/`)
  }
  await tf.setBackend(backend)
  await tf.ready()
  const nextBatch = mnistBatches()

  const dense = (/** @type {number} */ units) => layers.dense({ units })
  /** @param {unknown[]} norm */
  const mlp = (...norm) =>
    sequential({
      layers: [layers.flatten({ inputShape: [28, 28, 1] }), dense(100), ...norm, layers.reLU(), dense(10)],
    })
  /** @param {() => unknown[]} norm */
  const cnn = (norm) => {
    const pool = () => layers.maxPooling2d({ poolSize: 2, strides: 2 })
    return sequential({
      layers: [
        layers.conv2d({ inputShape: [28, 28, 1], filters: 6, kernelSize: 3, padding: 'same' }),
        ...[...norm(), layers.reLU(), pool()],
        layers.conv2d({ filters: 16, kernelSize: 5 }),
        ...[...norm(), layers.reLU(), pool()],
        ...[layers.flatten(), dense(10)],
      ],
    })
  }
  // Keras's momentum weighs the old statistics: PyTorch's 0.1 is 0.9 here.
  const norm = () => layers.batchNormalization({ momentum: 0.9, epsilon: 1e-5 })
  /** @type {Record<string, () => Model>} */
  const nets = {
    mlp: () => mlp(),
    'mlp-bn-layer': () => mlp(norm()),
    cnn: () => cnn(() => []),
    'cnn-bn': () => cnn(() => [norm()]),
  }

  /** @type {Map<string, { model: Model, optimizer: { minimize: Minimize } }>} */
  const jobs = new Map()
  return {
    version: tf.version_core,
    // In Node, tfjs's WebAssembly backend leaves its threads off (flags_wasm.ts).
    threads: backend === 'wasm' && (await tf.env().getAsync('WASM_HAS_MULTITHREAD_SUPPORT')) ? 2 : 1,
    async run({ net, steps }) {
      const known = jobs.get(net)
      const { model, optimizer } = known ?? { model: nets[net](), optimizer: tf.train.sgd(0.1) }
      jobs.set(net, { model, optimizer })
      const start = performance.now()
      let total = 0
      for (let step = 0; step < steps; step++) {
        const { images, labels } = nextBatch()
        tf.tidy(() => {
          const x = tf.tensor4d(images, [BATCH, 28, 28, 1])
          const y = tf.oneHot(tf.tensor1d(labels, 'int32'), 10)
          const loss = optimizer.minimize(
            () => tf.losses.softmaxCrossEntropy(y, model.apply(x, { training: true })),
            true,
            model.trainableWeights.map(({ val }) => val),
          )
          // Waits for the step.
          total += loss.dataSync()[0]
        })
      }
      return { seconds: (performance.now() - start) / 1000, loss: total / steps }
    },
  }
})
