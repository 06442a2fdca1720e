// Rates of single kernels, each beside what the machine can do: the multiply-add peak, or a copy of as many
// bytes. The kernels are called through their typed bindings, as the operations call them, on whatever
// threads `init` started.

import { relu } from '../../dist/autograd/ops/unary.generated.js'
import { instance } from '../../dist/bindings/instance.js'
import * as kernels from '../../dist/bindings/kernels.generated.js'
import { Storage } from '../../dist/bindings/memory.js'
import { lanesLength } from '../../dist/tensor/lanes.js'
import { copyPeak, multiplyAddPeak, rate } from './peak.mjs'

/**
 * One kernel at one shape.
 *
 * @typedef {{ op: 'matmul', form: 'NN' | 'NT' | 'TN', m: number, n: number, k: number }} Matmul
 * @typedef {{ op: 'conv2dForward' | 'conv2dBackwardInput' | 'conv2dBackwardWeight', n: number, c: number,
 *   h: number, w: number, oc: number, kernel: number, padding: number }} Conv2d
 * @typedef {{ op: keyof typeof PASSES, n: number, c: number, h: number, w: number }} Streaming
 * @typedef {(Matmul | Conv2d | Streaming) & { name: string }} Case
 *
 * @typedef {{ run: () => void, work: number, free: () => void }} Prepared
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
}

/** Storages that are freed together, filled with normal random numbers. */
function workspace() {
  /** @type {Storage[]} */
  const all = []
  /** @param {number} length in floats @param {import('../../dist/bindings/memory.js').Layout} [layout] */
  const storage = (length, layout = 'rows') => {
    const made = new Storage(length, layout, 'leaf')
    const place = { seedLow: 1, seedHigh: 2, offsetLow: all.length, offsetHigh: 0 }
    kernels.fillNormal({ y: made, ...place, mean: 0, std: 1 })
    all.push(made)
    return made
  }
  return {
    storage,
    /** @param {number} n @param {number} c @param {number} area */
    lanes: (n, c, area) => storage(lanesLength([n, c * area]), 'lanes'),
    free: () => {
      for (const one of all) one.release()
    },
  }
}

/** @param {Matmul} shape @returns {Prepared} */
function prepareMatmul({ form, m, n, k }) {
  const { storage, free } = workspace()
  const [a, b, c] = [storage(m * k), storage(k * n), storage(m * n)]
  /** @type {import('../../dist/bindings/call.js').Dimensions} */
  const dims = [[], [], []]
  return { run: () => kernels.matmul({ form, m, n, k, a, b, c, dims }), work: 2 * m * n * k, free }
}

/** @param {Conv2d} shape @returns {Prepared} */
function prepareConv2d({ op, n, c, h, w, oc, kernel, padding }) {
  const { storage, lanes, free } = workspace()
  const [oh, ow] = [h + 2 * padding - kernel + 1, w + 2 * padding - kernel + 1]
  const window = { kh: kernel, kw: kernel, strideH: 1, strideW: 1, paddingH: padding, paddingW: padding }
  const apart = { dilationH: 1, dilationW: 1, groups: 1 }
  const shape = { n, c, h, w, oc, oh, ow, ...window, ...apart }
  const [x, y] = [lanes(n, c, h * w), lanes(n, oc, oh * ow)]
  const [weight, bias] = [storage(oc * c * kernel * kernel), storage(oc)]
  const run = {
    conv2dForward: () => kernels.conv2dForward({ ...shape, x, weight, bias, y }),
    conv2dBackwardInput: () => kernels.conv2dBackwardInput({ ...shape, dy: y, weight, dx: x }),
    conv2dBackwardWeight: () =>
      kernels.conv2dBackwardWeight({ ...shape, x, dy: y, dweight: weight, dbias: bias }),
  }[op]
  // As usual, products with the padding's zeros count too.
  return { run, work: 2 * n * oc * oh * ow * c * kernel * kernel, free }
}

/** @param {Streaming} shape @returns {Prepared} */
function prepareStreaming({ op, n, c, h, w }) {
  const { storage, lanes, free } = workspace()
  const tensor = () => lanes(n, c, h * w)
  const work = PASSES[op] * 4 * n * c * h * w
  const norm = { layout: /** @type {const} */ ('lanes'), n, c, s: h * w }
  const quarter = { oh: Math.floor(h / 2), ow: Math.floor(w / 2), dilationH: 1, dilationW: 1 }
  const pool = { n, c, h, w, kh: 2, kw: 2, strideH: 2, strideW: 2, paddingH: 0, paddingW: 0, ...quarter }
  const small = () => lanes(n, c, Math.floor(h / 2) * Math.floor(w / 2))
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
  }
  return { run: make[op](), work, free }
}

/**
 * A copy of as many bytes as the case's tensor has.
 *
 * @param {Streaming} shape
 * @returns {Prepared}
 */
function prepareCopy({ n, c, h, w }) {
  const { lanes, free } = workspace()
  const [from, to] = [lanes(n, c, h * w), lanes(n, c, h * w)]
  const range = { from: from.address, to: to.address, size: from.bytes }
  return { ...copyPeak(instance().memory, range), free }
}

/** @param {Case} one @returns {Prepared} */
function prepare(one) {
  if (one.op === 'matmul') return prepareMatmul(one)
  if ('kernel' in one) return prepareConv2d(one)
  return prepareStreaming(one)
}

/**
 * Rates of kernels and, in the same rounds, of what bounds them.
 *
 * @param {'strict' | 'relaxed'} build
 * @param {readonly Case[]} cases
 * @param {{ rounds: number, milliseconds: number, warmUp?: boolean, together?: boolean }} how `together`: all
 *   cases take turns in each round, so that they can be compared with each other
 * @returns {{ name: string, rates: number[], bounds: number[] }[]} flop or bytes a second
 */
export function measureKernels(build, cases, { rounds, milliseconds, warmUp = true, together = false }) {
  const peak = { ...multiplyAddPeak(build), free: () => {} }
  const groups = together ? [cases] : cases.map((one) => [one])
  return groups.flatMap((group) => {
    const measured = group.map((one) => ({
      name: one.name,
      kernel: prepare(one),
      bound: 'kernel' in one || one.op === 'matmul' ? peak : prepareCopy(one),
      rates: /** @type {number[]} */ ([]),
      bounds: /** @type {number[]} */ ([]),
    }))
    // V8 compiles twice; its better code is there after some milliseconds.
    if (warmUp) {
      for (const { kernel, bound } of measured) {
        rate(kernel, milliseconds)
        rate(bound, milliseconds)
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const { kernel, bound, rates, bounds } of measured) {
        // Before and after, since the clock rate drifts.
        const before = rate(bound, milliseconds / 4)
        rates.push(rate(kernel, milliseconds))
        bounds.push((before + rate(bound, milliseconds / 4)) / 2)
      }
    }
    return measured.map(({ name, kernel, bound, rates, bounds }) => {
      kernel.free()
      bound.free()
      return { name, rates, bounds }
    })
  })
}
