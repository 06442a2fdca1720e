// The kernels that the copy bandwidth bounds: what goes once or a few times over large tensors.
import {
  gelu,
  instance,
  kernels,
  lanesLength,
  relu,
  wholeKernels as whole,
} from '../../dist/internals.node.js'
import { copyPeak } from './peak.mjs'
import { workspace } from './workspace.mjs'

/**
 * @typedef {{ op: keyof typeof PASSES, n: number, c: number, h: number, w: number }} Streaming
 * @typedef {import('./workspace.mjs').Prepared} Prepared
 */

/** How often the bytes of a [n, c, h, w] tensor must move: each one that is read or written counts once. */
const PASSES = {
  reluForward: 2,
  reluBackward: 3,
  add: 3,
  mul: 3,
  // The statistics read x; then x is read and y written.
  batchNormForward: 3,
  // Two sums read x and dy; then x and dy are read and dx written.
  batchNormBackward: 5,
  // 2×2, stride 2: y and dy have a quarter of the elements.
  maxPool2dForward: 1.25,
  maxPool2dBackward: 2.5,
  avgPool2dForward: 1.25,
  avgPool2dBackward: 1.25,
  geluForward: 2,
  geluBackward: 3,
  // Rows of h · w values, which are read again from a cache.
  softmaxForward: 2,
  softmaxBackward: 3,
  logSoftmaxForward: 2,
  logSoftmaxBackward: 3,
  layerNormForward: 2,
  layerNormBackward: 3,
  // 3×3, stride 1.
  depthwiseForward: 2,
  depthwiseBackwardInput: 2,
  depthwiseBackwardWeight: 2,
  // Rows of 64 values, picked from a quarter as many.
  embeddingForward: 2,
  embeddingBackward: 1.25,
  // The gradient is read, the parameter and each of its states read and written.
  adam: 7,
  nadam: 7,
  rmsprop: 5,
  adagrad: 5,
}

/** Values of a row of the embedding. */
const WIDTH = 64

/** @param {Streaming} shape @returns {Prepared} */
export function prepareStreaming({ op, n, c, h, w }) {
  const { storage, lanes, free } = workspace()
  const tensor = () => lanes(n, c, h * w)
  const work = PASSES[op] * 4 * n * c * h * w
  const norm = { layout: /** @type {const} */ ('lanes'), n, c, s: h * w }
  const quarter = { oh: Math.floor(h / 2), ow: Math.floor(w / 2), dilationH: 1, dilationW: 1 }
  const pool = { n, c, h, w, kh: 2, kw: 2, strideH: 2, strideW: 2, paddingH: 0, paddingW: 0, ...quarter }
  const small = () => lanes(n, c, Math.floor(h / 2) * Math.floor(w / 2))
  const windows = { kh: 2, kw: 2, strideH: 2, strideW: 2, paddingH: 0, paddingW: 0 }
  const halves = { oh: Math.floor(h / 2), ow: Math.floor(w / 2), countIncludePad: true, divisorOverride: 0 }
  const mean = { n, c, h, w, ...windows, ...halves }
  const taps = { kh: 3, kw: 3, strideH: 1, strideW: 1, paddingH: 1, paddingW: 1, dilationH: 1, dilationW: 1 }
  const depthwise = { n, c, h, w, oc: c, oh: h, ow: w, groups: c, ...taps }
  const rows = { rows: n * c, cols: h * w }
  const matrix = () => storage(n * c * h * w)
  const count = Math.floor((n * c * h * w) / WIDTH)
  const picked = { outer: 1, n: Math.ceil(count / 4), inner: WIDTH, count }
  const indices = () => {
    const index = storage(count)
    const each = Float32Array.from({ length: count }, (_, i) => (i * 7919) % picked.n)
    new Float32Array(instance().memory.buffer, index.address, count).set(each)
    return index
  }
  // Such as an optimizer's second moments.
  const positive = () => {
    const made = matrix()
    kernels.fill({ y: made, value: 0.5 })
    return made
  }
  const betas = { beta1: 0.9, beta2: 0.999 }
  const rate = { lr: 1e-6, eps: 1e-8, weightDecay: 0, maximize: false }
  const length = lanesLength([n, c * h * w])
  /** @type {import('../../dist/bindings/call.js').Dimensions} */
  const dims = [[length], [1], [1]]
  const statistics = () => ({
    ...{ mean: storage(c), residual: storage(c), variance: storage(c), eps: 1e-5 },
    ...{ weight: storage(c), bias: storage(c) },
  })
  /** @type {Record<keyof typeof PASSES, () => () => void>} */
  const make = {
    reluForward() {
      const [x, y] = [tensor(), tensor()]
      return () => kernels.unaryForward({ op: relu.code, first: 0, second: 0, x, y })
    },
    reluBackward() {
      const [x, y, dy, dx] = [tensor(), tensor(), tensor(), tensor()]
      kernels.unaryForward({ op: relu.code, first: 0, second: 0, x, y })
      return () => kernels.unaryBackward({ op: relu.code, first: 0, second: 0, y, dy, dx })
    },
    add() {
      const [a, b, y] = [tensor(), tensor(), tensor()]
      return () => kernels.binary({ op: kernels.BINARY.add, dims, a, b, y })
    },
    mul() {
      const [a, b, y] = [tensor(), tensor(), tensor()]
      return () => kernels.binary({ op: kernels.BINARY.mul, dims, a, b, y })
    },
    batchNormForward() {
      const [x, y, s] = [tensor(), tensor(), statistics()]
      return () => {
        kernels.batchNormStatistics({ ...norm, x, ...s })
        kernels.batchNormForward({ ...norm, x, ...s, y })
      }
    },
    batchNormBackward() {
      const [x, dy, dx, s] = [tensor(), tensor(), tensor(), statistics()]
      const [dweight, dbias] = [storage(c), storage(c)]
      kernels.batchNormStatistics({ ...norm, x, ...s })
      return () => kernels.batchNormBackward({ ...norm, x, dy, ...s, training: true, dx, dweight, dbias })
    },
    maxPool2dForward() {
      const [x, y] = [tensor(), small()]
      return () => kernels.maxPool2dForward({ ...pool, x, y })
    },
    maxPool2dBackward() {
      const [x, y, dy, dx] = [tensor(), small(), small(), tensor()]
      kernels.maxPool2dForward({ ...pool, x, y })
      return () => kernels.maxPool2dBackward({ ...pool, x, y, dy, dx })
    },
    avgPool2dForward() {
      const [x, y] = [tensor(), small()]
      return () => whole.avgPool2dForward({ ...mean, x, y })
    },
    avgPool2dBackward() {
      const [dy, dx] = [small(), tensor()]
      return () => whole.avgPool2dBackward({ ...mean, dy, dx })
    },
    geluForward() {
      const [x, y] = [tensor(), tensor()]
      return () => kernels.unaryForward({ op: gelu.code, first: 0, second: 0, x, y })
    },
    geluBackward() {
      const [x, dy, dx] = [tensor(), tensor(), tensor()]
      return () => kernels.unaryBackward({ op: gelu.code, first: 0, second: 0, x, dy, dx })
    },
    softmaxForward() {
      const [x, y] = [matrix(), matrix()]
      return () => kernels.softmaxForward({ ...rows, x, y })
    },
    softmaxBackward() {
      const [y, dy, dx] = [matrix(), matrix(), matrix()]
      return () => kernels.softmaxBackward({ ...rows, y, dy, dx })
    },
    logSoftmaxForward() {
      const [x, y] = [matrix(), matrix()]
      return () => kernels.logSoftmaxForward({ ...rows, x, y })
    },
    logSoftmaxBackward() {
      const [y, dy, dx] = [matrix(), matrix(), matrix()]
      return () => kernels.logSoftmaxBackward({ ...rows, y, dy, dx })
    },
    layerNormForward() {
      const [x, y] = [matrix(), matrix()]
      const [weight, bias, mean, rstd] = [storage(h * w), storage(h * w), storage(n * c), storage(n * c)]
      return () => whole.layerNormForward({ ...rows, x, weight, bias, eps: 1e-5, y, mean, rstd })
    },
    layerNormBackward() {
      const [x, y, dy, dx] = [matrix(), matrix(), matrix(), matrix()]
      const [weight, bias, mean, rstd] = [storage(h * w), storage(h * w), storage(n * c), storage(n * c)]
      whole.layerNormForward({ ...rows, x, weight, bias, eps: 1e-5, y, mean, rstd })
      const [dweight, dbias] = [storage(h * w), storage(h * w)]
      return () => whole.layerNormBackward({ ...rows, x, dy, mean, rstd, weight, dx, dweight, dbias })
    },
    depthwiseForward() {
      const [x, y, weight, bias] = [tensor(), tensor(), storage(9 * c), storage(c)]
      return () => kernels.conv2dForward({ ...depthwise, x, weight, bias, y })
    },
    depthwiseBackwardInput() {
      const [dy, dx, weight] = [tensor(), tensor(), storage(9 * c)]
      return () => kernels.conv2dBackwardInput({ ...depthwise, dy, weight, dx })
    },
    depthwiseBackwardWeight() {
      const [x, dy, dweight, dbias] = [tensor(), tensor(), storage(9 * c), storage(c)]
      return () => kernels.conv2dBackwardWeight({ ...depthwise, x, dy, dweight, dbias })
    },
    embeddingForward() {
      const [x, y, index] = [storage(picked.n * WIDTH), storage(picked.count * WIDTH), indices()]
      return () => void kernels.indexSelectForward({ ...picked, x, index, y })
    },
    embeddingBackward() {
      const [dy, dx, index] = [storage(picked.count * WIDTH), storage(picked.n * WIDTH), indices()]
      return () => void kernels.indexSelectBackward({ ...picked, dy, index, dx })
    },
    adam() {
      const [p, g, m, v] = [matrix(), matrix(), matrix(), positive()]
      return () => kernels.adamStep({ p, g, m, v, decoupled: false, step: 10, ...betas, ...rate })
    },
    nadam() {
      const [p, g, m, v, muProduct] = [matrix(), matrix(), matrix(), positive(), storage(1)]
      const own = { muProduct, momentumDecay: 0.004, decoupled: false, step: 10 }
      return () => {
        kernels.fill({ y: muProduct, value: 0.5 })
        whole.nadamStep({ p, g, m, v, ...own, ...betas, ...rate })
      }
    },
    rmsprop() {
      const [p, g, v] = [matrix(), matrix(), positive()]
      return () => whole.rmspropStep({ p, g, v, alpha: 0.99, momentum: 0, ...rate })
    },
    adagrad() {
      const [p, g, sum] = [matrix(), matrix(), positive()]
      return () => whole.adagradStep({ p, g, sum, lrDecay: 0, step: 10, ...rate })
    },
  }
  return { run: make[op](), work, free }
}

/**
 * A copy of as many bytes as the case's tensor has.
 *
 * @param {Streaming} shape
 * @returns {Prepared}
 */
export function prepareCopy({ n, c, h, w }) {
  const { lanes, free } = workspace()
  const [from, to] = [lanes(n, c, h * w), lanes(n, c, h * w)]
  const range = { from: from.address, to: to.address, size: from.bytes }
  return { ...copyPeak(instance().memory, range), free }
}
