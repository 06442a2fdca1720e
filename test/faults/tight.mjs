// What tight.test.ts looks at, each case in a process of its own, on the built package:
//   node test/faults/tight.mjs <work> <kilobytes>
// Does some work while wasm memory has room for so many kilobytes only (and for what it can move out), with two
// threads of which one has not worked yet, so that what it needs for itself is still to be had. Prints as JSON what
// came of it.
import { cat, init, memory, nn, noGrad, ones, optim, SimdgradError, tensor } from 'simdgrad'
import { instance } from '../../dist/internals.node.js'
import { limitMemory, outcome } from '../support/limit-memory.mjs'

/** @typedef {import('simdgrad').Tensor} Tensor */

const [work, kilobytes] = process.argv.slice(2)
limitMemory(40)
await init({ threads: 2 })
const { functional } = nn

const ramp = (/** @type {number[]} */ ...shape) => {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => (i % 7) - 3)
  return tensor(values, { shape })
}
const [image, kernel] = [ramp(32, 4, 16, 16), ramp(8, 4, 3, 3)]
const [a, b, bias] = [ramp(160, 200), ramp(200, 150), ramp(150)]
const weight = b.transpose(0, 1)

/** A net whose step takes all kinds of memory. */
class Net extends nn.Module {
  conv = new nn.Conv2d(4, 6, 3, { padding: 1 })
  norm = new nn.BatchNorm2d(6)
  fc = new nn.Linear(6 * 8 * 8, 5)

  /** @override @param {Tensor} x */
  forward(x) {
    const y = this.norm.forward(this.conv.forward(x)).relu()
    return this.fc.forward(functional.maxPool2d(y, 2).flatten(1))
  }
}
const labels = Array.from({ length: 32 }, (_, i) => i % 5)

/** A net of its own, and a step of it that gives its parameters. */
function trainer() {
  const net = new Net()
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 })
  const parameters = () => net.parameters().map((parameter) => parameter.toFloat32Array())
  const step = () => {
    const loss = functional.crossEntropy(net.forward(image), labels)
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return parameters()
  }
  return { net, parameters, step }
}
const [trained, twin] = [trainer(), trainer()]
twin.net.loadStateDict(trained.net.stateDict())
const initial = trained.parameters()

const valuesOf = (/** @type {() => Tensor} */ operation) => () => {
  const result = operation()
  const values = result.toFloat32Array()
  result.dispose()
  return [values]
}

/** @type {Record<string, () => Float32Array[]>} Each gives what can be seen of it, the same each time. */
const WORK = {
  conv2d: valuesOf(() => functional.conv2d(image, kernel)),
  matmul: valuesOf(() => a.matmul(b)),
  linear: valuesOf(() => functional.linear(a, weight, bias)),
  batchNorm: valuesOf(() => functional.batchNorm(image, { training: true })),
  maxPool2d: valuesOf(() => functional.maxPool2d(image, 2)),
  'sum over pixels': valuesOf(() => image.sum({ dim: [0, 2, 3] })),
  softmax: valuesOf(() => a.softmax(0)),
  cat: valuesOf(() => cat([a, a], 1)),
  'a training step': trained.step,
}

const same = (/** @type {Float32Array[]} */ p, /** @type {Float32Array[]} */ q) =>
  p.every((values, i) => values.every((value, j) => Object.is(value, q[i][j])))

// The first thread has had its own memory from now on; the second has not.
functional.conv2d(ones([1, 1, 3, 3]), ones([1, 1, 3, 3]))
ones([8, 8]).matmul(ones([8, 8]))

// Takes all the room but for a hole, in pieces that nobody can move out.
for (const x of [image, kernel, a, b, bias, weight, ...trained.net.parameters()]) x.copy_(x)
const live = memory().liveBytes
const { kernels } = instance()
/** @type {[address: number, size: number][]} */
const held = []
const take = (/** @type {number} */ size) => {
  const address = kernels.allocate(size)
  if (address !== 0) held.push([address, size])
  return address !== 0
}
take(Math.max(Number(kilobytes) * 1024, 64))
const hole = held.splice(0, 1)
for (let size = 2 ** 21; size >= 64; size /= 2) while (take(size));
for (const [address, size] of hole) kernels.release(address, size)

const tight = outcome(WORK[work], SimdgradError)
const parameters = trained.parameters()
for (const [address, size] of held) kernels.release(address, size)
for (let i = 0; i < 3; i++) noGrad(() => ones([1]))
const grown = memory().liveBytes - live

const failed = typeof tight === 'string'
const twinsOwn = work === 'a training step' ? twin.step() : []
const roomy = outcome(
  // A step that was done is not to be done again.
  work === 'a training step' && !failed ? () => parameters : WORK[work],
  SimdgradError,
)
console.log(
  JSON.stringify({
    tight: failed ? tight : 'done',
    roomy: typeof roomy === 'string' ? roomy : 'done',
    // Done in little room, it is what it is with room; a step that failed has changed nothing, or all.
    right: failed || (typeof roomy !== 'string' && same(tight, roomy)),
    whole: same(parameters, initial) || same(parameters, twinsOwn),
    stepRight: work !== 'a training step' || (typeof roomy !== 'string' && same(roomy, twinsOwn)),
    grown: failed && work !== 'a training step' ? grown : 0,
  }),
)
