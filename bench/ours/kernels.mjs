// Rates of single kernels, each beside what the machine can do: the multiply-add peak, or a copy of as many
// bytes. The kernels are called through their typed bindings, as the operations call them, on whatever
// threads `init` started.
import { instance } from '../../dist/bindings/instance.js'
import * as kernels from '../../dist/bindings/kernels.js'
import { Storage } from '../../dist/bindings/memory.js'
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
    const made = new Storage(4 * length, layout, 'leaf')
    kernels.fillNormal(made, length, [1, 2, all.length, 0], 0, 1)
    all.push(made)
    return made
  }
  return {
    storage,
    /** @param {number} n @param {number} c @param {number} area */
    lanes: (n, c, area) => storage(kernels.lanesLength(n, c * area), 'lanes'),
    free: () => {
      for (const one of all) one.release()
    },
  }
}

/** @param {Matmul} shape @returns {Prepared} */
function prepareMatmul({ form, m, n, k }) {
  const { storage, free } = workspace()
  const [a, b, c] = [storage(m * k), storage(k * n), storage(m * n)]
  return { run: () => kernels.matmul(form, [m, n, k], a, b, undefined, c), work: 2 * m * n * k, free }
}

/** @param {Conv2d} shape @returns {Prepared} */
function prepareConv2d({ op, n, c, h, w, oc, kernel, padding }) {
  const { storage, lanes, free } = workspace()
  const [oh, ow] = [h + 2 * padding - kernel + 1, w + 2 * padding - kernel + 1]
  /** @type {import('../../dist/bindings/kernels.js').Conv2dShape} */
  const shape = { n, c, h, w, oc, kernel: [kernel, kernel], stride: [1, 1], padding: [padding, padding] }
  const [x, y] = [lanes(n, c, h * w), lanes(n, oc, oh * ow)]
  const [weight, bias] = [storage(oc * c * kernel * kernel), storage(oc)]
  const run = {
    conv2dForward: () => kernels.conv2dForward(shape, x, weight, bias, y),
    conv2dBackwardInput: () => kernels.conv2dBackwardInput(shape, y, weight, x),
    conv2dBackwardWeight: () => kernels.conv2dBackwardWeight(shape, x, y, weight, bias),
  }[op]
  // As usual, products with the padding's zeros count too.
  return { run, work: 2 * n * oc * oh * ow * c * kernel * kernel, free }
}

/** @param {Streaming} shape @returns {Prepared} */
function prepareStreaming({ op, n, c, h, w }) {
  const { storage, lanes, free } = workspace()
  const length = kernels.lanesLength(n, c * h * w)
  const tensor = () => lanes(n, c, h * w)
  const work = PASSES[op] * 4 * n * c * h * w
  /** @type {import('../../dist/bindings/kernels.js').BatchNormShape} */
  const norm = { layout: 'lanes', n, c, s: h * w }
  /** @type {import('../../dist/bindings/kernels.js').MaxPool2dShape} */
  const pool = { n, c, h, w, kernel: [2, 2], stride: [2, 2], padding: [0, 0] }
  const small = () => lanes(n, c, Math.floor(h / 2) * Math.floor(w / 2))
  /** @type {import('../../dist/bindings/kernels.js').Dimensions} */
  const flat = [[length], [1], [1]]
  const statistics = () => ({
    ...{ mean: storage(c), residual: storage(c), var: storage(c), eps: 1e-5 },
    ...{ weight: storage(c), bias: storage(c) },
  })
  /** @type {Record<keyof typeof PASSES, () => () => void>} */
  const make = {
    reluForward() {
      const [x, y] = [tensor(), tensor()]
      return () => kernels.reluForward(x, y, length)
    },
    reluBackward() {
      const [x, y, dy, dx] = [tensor(), tensor(), tensor(), tensor()]
      kernels.reluForward(x, y, length)
      return () => kernels.reluBackward(x, y, dy, dx, length)
    },
    add() {
      const [a, b, y] = [tensor(), tensor(), tensor()]
      return () => kernels.add(flat, a, b, y, length)
    },
    mul() {
      const [a, b, y] = [tensor(), tensor(), tensor()]
      return () => kernels.mul(flat, a, b, y, length)
    },
    batchNormForward() {
      const [x, y, s] = [tensor(), tensor(), statistics()]
      return () => {
        kernels.batchNormStatistics(norm, x, s.mean, s.residual, s.var)
        kernels.batchNormForward(norm, x, s, s.weight, s.bias, y)
      }
    },
    batchNormBackward() {
      const [x, dy, dx, s] = [tensor(), tensor(), tensor(), statistics()]
      const [dweight, dbias] = [storage(c), storage(c)]
      kernels.batchNormStatistics(norm, x, s.mean, s.residual, s.var)
      return () => kernels.batchNormBackward(norm, x, dy, s, s.weight, true, dx, dweight, dbias)
    },
    maxPool2dForward() {
      const [x, y] = [tensor(), small()]
      return () => kernels.maxPool2dForward(pool, x, undefined, y)
    },
    maxPool2dBackward() {
      const [x, y, dy, dx] = [tensor(), small(), small(), tensor()]
      kernels.maxPool2dForward(pool, x, undefined, y)
      return () => kernels.maxPool2dBackward(pool, x, y, dy, dx)
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
  const range = { from: from.address, to: to.address, size: from.size }
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
