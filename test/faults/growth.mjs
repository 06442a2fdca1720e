// What growth.test.ts looks at, each scenario in a process of its own, on the built package:
//   node test/faults/growth.mjs <scenario> <threads>
// Prints as JSON whether every value is right. Each scenario works on tensors that were idle for some steps, so that
// they may have left wasm memory, while that has no room: bringing them back makes it grow in the midst of a call.
import { data, init, memory, nn, noGrad, ones, optim, SimdgradError, tensor, zeros } from 'simdgrad'
import { instance } from '../../dist/internals.node.js'
import { outcome } from '../support/limit-memory.mjs'

/** @typedef {import('simdgrad').Tensor} Tensor */

const [scenario, threads] = process.argv.slice(2)
await init({ threads: Number(threads) })

const N = 1_000_000
/** @type {Tensor[]} */
const held = []

/** Ends some steps, each of which makes new tensors that stay. */
function idle() {
  for (let i = 0; i < 6; i++) {
    held.push(zeros([1_500_000]))
    noGrad(() => ones([1000]).add(1))
  }
}

/**
 * Fills what room there is for tensors of a size, so that the next one makes the memory grow: with pieces that nobody
 * moves out.
 */
function fill(size = N) {
  const before = memory().wasmBytes
  while (memory().wasmBytes === before) if (!instance().kernels.allocate(4 * size)) throw new Error('no room')
}

/** The numbers 1, 2, 3, … 1000, 1, 2, … */
const ramp = (/** @type {number} */ n) => Float32Array.from({ length: n }, (_, i) => (i % 1000) + 1)

/** @param {Tensor} x @param {(i: number) => number} expected */
const all = (x, expected) => x.toFloat32Array().every((value, i) => value === expected(i))

/** A convolution with a kernel of one 1 gives its input, laid out as convolutions lay it out. */
const asConvolution = (/** @type {Tensor} */ x) => nn.functional.conv2d(x, ones([1, 1, 1, 1]))

/** @type {Record<string, () => boolean>} */
const SCENARIOS = {
  copy_() {
    const best = zeros([N])
    idle()
    const source = tensor(ramp(N))
    fill()
    best.copy_(source)
    return all(best, (i) => (i % 1000) + 1)
  },
  'copy_ of an idle one'() {
    const source = tensor(ramp(N))
    idle()
    const best = zeros([N])
    fill()
    best.copy_(source)
    return all(best, (i) => (i % 1000) + 1)
  },
  'copy_ between two idle ones'() {
    const [best, source] = [zeros([N]), tensor(ramp(N))]
    idle()
    fill()
    best.copy_(source)
    return all(best, (i) => (i % 1000) + 1) && all(source, (i) => (i % 1000) + 1)
  },
  'copy_ of a convolution'() {
    const best = zeros([10, 1, 100, 1000])
    const source = asConvolution(tensor(ramp(N), { shape: [10, 1, 100, 1000] }))
    idle()
    fill()
    best.copy_(source)
    return all(best, (i) => (i % 1000) + 1)
  },
  'copy_ to a convolution'() {
    const best = asConvolution(zeros([10, 1, 100, 1000]))
    const source = tensor(ramp(N), { shape: [10, 1, 100, 1000] })
    idle()
    fill()
    best.copy_(source)
    return all(best, (i) => (i % 1000) + 1)
  },
  loadStateDict() {
    const net = new nn.Linear(1000, 1000)
    const state = { weight: tensor(ramp(N), { shape: [1000, 1000] }), bias: tensor(ramp(1000)) }
    idle()
    fill()
    net.loadStateDict(state)
    return all(net.weight, (i) => (i % 1000) + 1)
  },
  fill_() {
    const x = zeros([N])
    idle()
    fill()
    return all(x.fill_(3), () => 3)
  },
  'a sum of idle ones'() {
    const [a, b] = [tensor(ramp(N)), tensor(ramp(N))]
    idle()
    fill()
    return all(a.add(b), (i) => 2 * ((i % 1000) + 1))
  },
  'a product of idle matrices'() {
    const [a, b] = [ones([700, 700]), ones([700, 700])]
    idle()
    fill(490_000)
    return all(a.matmul(b), () => 700)
  },
  'an optimizer with momentum'() {
    const parameter = zeros([N])
    const optimizer = new optim.SGD([parameter], { lr: 1, momentum: 0.5 })
    parameter.grad = ones([N])
    optimizer.step()
    idle()
    parameter.grad = ones([N])
    fill()
    optimizer.step()
    return all(parameter, () => -2.5)
  },
  'a batch of an idle dataset'() {
    const set = new data.TensorDataset(tensor(ramp(N), { shape: [1000, 1000] }))
    idle()
    fill()
    const [[x]] = new data.DataLoader(set, { batchSize: 900 })
    return all(x, (i) => (i % 1000) + 1)
  },
  'a backward whose inputs were idle'() {
    const [a, b] = [tensor(ramp(N)), tensor(ramp(N), { requiresGrad: true })]
    const y = a.mul(b)
    for (let i = 0; i < 4; i++) held.push(ones([500_000]).add(1))
    fill()
    y.backward(ones([N]))
    return b.grad !== null && all(b.grad, (i) => (i % 1000) + 1)
  },
}

console.log(JSON.stringify(outcome(SCENARIOS[scenario], SimdgradError)))
