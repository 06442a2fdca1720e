// The kernels that the multiply-add peak bounds: products, convolutions, attention, recurrent layers.
import { kernels, wholeKernels as whole } from '../../dist/internals.node.js'
import { workspace } from './workspace.mjs'

/**
 * `batch` products; a convolution in `groups`; attention of `batch` heads with `t` queries and keys of `e` values; all
 * `t` steps of a recurrent layer whose input's part of the gates is there.
 *
 * @typedef {{ op: 'matmul', form: 'NN' | 'NT' | 'TN', batch?: number, m: number, n: number, k: number }} Matmul
 * @typedef {{ op: 'conv2dForward' | 'conv2dBackwardInput' | 'conv2dBackwardWeight', n: number, c: number, h: number,
 *   w: number, oc: number, kernel: number, padding: number, stride?: number, groups?: number }} Conv2d
 * @typedef {{ op: 'attentionForward' | 'attentionBackward', batch: number, t: number, e: number }} Attention
 * @typedef {{ op: 'recurrentForward' | 'recurrentBackward', cell: 'lstm' | 'gru', t: number, n: number, h: number }} Recurrent
 * @typedef {Matmul | Conv2d | Attention | Recurrent} Arithmetic
 * @typedef {import('./workspace.mjs').Prepared} Prepared
 */

/** @type {Record<Arithmetic['op'], true>} */
const OPERATIONS = {
  matmul: true,
  conv2dForward: true,
  conv2dBackwardInput: true,
  conv2dBackwardWeight: true,
  attentionForward: true,
  attentionBackward: true,
  recurrentForward: true,
  recurrentBackward: true,
}

/** @param {{ op: string }} one @returns {one is Arithmetic} */
export const isArithmetic = (one) => one.op in OPERATIONS

/** @param {Matmul} shape @returns {Prepared} */
function prepareMatmul({ form, batch, m, n, k }) {
  const { storage, free } = workspace()
  const count = batch ?? 1
  const [a, b, c] = [storage(count * m * k), storage(count * k * n), storage(count * m * n)]
  /** @type {import('../../dist/bindings/call.js').Dimensions} */
  const dims = batch === undefined ? [[], [], []] : [[batch], [m * k], [k * n]]
  return { run: () => kernels.matmul({ form, m, n, k, a, b, c, dims }), work: 2 * count * m * n * k, free }
}

/** @param {Conv2d} shape @returns {Prepared} */
function prepareConv2d({ op, n, c, h, w, oc, kernel, padding, stride = 1, groups = 1 }) {
  const { storage, lanes, free } = workspace()
  const windows = (/** @type {number} */ size) => Math.floor((size + 2 * padding - kernel) / stride) + 1
  const [oh, ow] = [windows(h), windows(w)]
  const window = {
    kh: kernel,
    kw: kernel,
    strideH: stride,
    strideW: stride,
    paddingH: padding,
    paddingW: padding,
  }
  const apart = { dilationH: 1, dilationW: 1, groups }
  const shape = { n, c, h, w, oc, oh, ow, ...window, ...apart }
  const [x, y] = [lanes(n, c, h * w), lanes(n, oc, oh * ow)]
  const [weight, bias] = [storage((oc * c * kernel * kernel) / groups), storage(oc)]
  const run = {
    conv2dForward: () => kernels.conv2dForward({ ...shape, x, weight, bias, y }),
    conv2dBackwardInput: () => kernels.conv2dBackwardInput({ ...shape, dy: y, weight, dx: x }),
    conv2dBackwardWeight: () =>
      kernels.conv2dBackwardWeight({ ...shape, x, dy: y, dweight: weight, dbias: bias }),
  }[op]
  // As usual, products with the padding's zeros count too.
  return { run, work: (2 * n * oc * oh * ow * c * kernel * kernel) / groups, free }
}

/** @param {Attention} shape @returns {Prepared} */
function prepareAttention({ op, batch, t, e }) {
  const { storage, free } = workspace()
  const [q, k, v, y, dy, dq, dk, dv] = Array.from({ length: 8 }, () => storage(batch * t * e))
  const logSums = storage(batch * t)
  const inputs = { qOuter: t * e, qHead: 0, qRow: e, kOuter: t * e, kHead: 0, kRow: e }
  const rows = { heads: 1, ...inputs, vOuter: t * e, vHead: 0, vRow: e, yOuter: t * e, yHead: 0, yRow: e }
  const ofResult = { dyOuter: t * e, dyHead: 0, dyRow: e, dqOuter: t * e, dqHead: 0, dqRow: e }
  const ofKeys = { dkOuter: t * e, dkHead: 0, dkRow: e, dvOuter: t * e, dvHead: 0, dvRow: e }
  const gradients = { ...ofResult, ...ofKeys, dqStart: 0, dkStart: 0, dvStart: 0, all: undefined }
  /** @type {import('../../dist/bindings/call.js').Dimensions} */
  const dims = [[], [], []]
  const options = { boolean: false, causal: false, scale: 1 / Math.sqrt(e), p: 0, dims, ...rows }
  const shape = { batch, t, s: t, e, ev: e, q, k, v, ...options }
  const forward = () => whole.attentionForward({ ...shape, y, logSums })
  forward()
  const backward = () => whole.attentionBackward({ ...shape, ...gradients, y, logSums, dy, dq, dk, dv })
  // Forward has two products; backward, which computes the scores again, five.
  const [run, products] = op === 'attentionForward' ? [forward, 2] : [backward, 5]
  return { run, work: products * 2 * batch * t * t * e, free }
}

/** @param {Recurrent} shape @returns {Prepared} */
function prepareRecurrent({ op, cell, t, n, h }) {
  const { storage, free } = workspace()
  const width = (cell === 'lstm' ? 4 : 3) * h
  const states = () => storage(t * n * h)
  const [weight, bias, gates, y, kept, dy] = [
    storage(width * h),
    storage(width),
    storage(t * n * width),
    states(),
    states(),
    states(),
  ]
  const [lastCell, dlastCell] = cell === 'lstm' ? [storage(n * h), storage(n * h)] : []
  const [dp, dq] = [storage(t * n * width), cell === 'gru' ? storage(t * n * width) : undefined]
  const shape = { cell, t, n, h, weight, reverse: false }
  // (Where forward runs again, the gates of the last time are its input's part: numbers as good as others.)
  const forward = () => whole.recurrentForward({ ...shape, bias, gates, y, kept, lastCell })
  forward()
  const backward = () => whole.recurrentBackward({ ...shape, gates, y, kept, dy, dlastCell, dp, dq })
  return { run: op === 'recurrentForward' ? forward : backward, work: 2 * t * n * width * h, free }
}

/** @param {Arithmetic} one @returns {Prepared} */
export function prepareArithmetic(one) {
  if (one.op === 'matmul') return prepareMatmul(one)
  if ('e' in one) return prepareAttention(one)
  return 'cell' in one ? prepareRecurrent(one) : prepareConv2d(one)
}
