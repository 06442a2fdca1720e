// Why batch norm works, as measured on one net with and without it: how much the loss changes along the gradient, how
// much the gradient itself does (Santurkar et al., 2018, https://arxiv.org/abs/1805.11604, figure 4, for a VGG), how large
// the layers' gradients are, how much their inputs move from step to step ("internal covariate shift", which Ioffe and
// Szegedy, 2015, had for the reason), and which learning rates train.
//
//   node examples/why-batch-norm.mjs                 some 30 seconds
//   node examples/why-batch-norm.mjs --steps 50
import { parseArgs } from 'node:util'
import { data, init, manualSeed, nn, noGrad, optim, tensor } from 'simdgrad'
import { accuracy, first } from './shared/mnist.mjs'

/** @import { Tensor } from 'simdgrad' */

const { values } = parseArgs({
  options: { steps: { type: 'string', default: '200' }, depth: { type: 'string', default: '6' } },
})
const [STEPS, DEPTH, WIDTH, LR] = [Number(values.steps), Number(values.depth), 64, 0.1]
/** How far along the gradient one looks, in learning rates. */
const REACH = [0.5, 1, 2, 4]

/** @typedef {'without' | "He's weights" | 'batch norm'} Kind */
/** @type {Kind[]} */
const KINDS = ['without', "He's weights", 'batch norm']

/** The same net without batch norm, with weights drawn for ReLUs (He et al., 2015), and with batch norm. @param {Kind} kind */
function makeNet(kind) {
  const blocks = Array.from({ length: DEPTH }, (_, i) => [
    new nn.Linear(i === 0 ? 784 : WIDTH, WIDTH),
    ...(kind === 'batch norm' ? [new nn.BatchNorm1d(WIDTH)] : []),
    new nn.ReLU(),
  ])
  const net = new nn.Sequential(new nn.Flatten(), ...blocks.flat(), new nn.Linear(WIDTH, 10))
  if (kind !== "He's weights") return net
  return net.apply((module) => {
    if (!(module instanceof nn.Linear)) return
    nn.init.kaimingNormal_(module.weight, { nonlinearity: 'relu' })
    module.bias?.fill_(0)
  })
}

await init()
const mnist = await data.mnist()
const [train, test] = [first(mnist.train, 6400), first(mnist.test, 1000)]
const seen = new data.DataLoader(test, { batchSize: 500 })
const loss = new nn.CrossEntropyLoss()

/** Batches without an end. */
function* batches() {
  for (;;) yield* new data.DataLoader(train, { batchSize: 32, shuffle: true, dropLast: true })
}

/** @param {number[]} numbers */
const mean = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length
/** @param {readonly ArrayLike<number>[]} all */
const sizeOf = (all) =>
  Math.sqrt(all.reduce((sum, one) => sum + Array.from(one).reduce((s, v) => s + v * v, 0), 0))
/** @param {nn.Module} net */
const gradients = (net) =>
  net.parameters().map(({ grad, size }) => grad?.toFloat32Array() ?? new Float32Array(size))

/** What a step meets on its way. @param {nn.Sequential} net @param {Tensor} x @param {Tensor} y */
function look(net, x, y) {
  const start = net.parameters().map((parameter) => parameter.toFloat32Array())
  const buffers = net.buffers().map((buffer) => buffer.toFloat32Array())
  const gradient = gradients(net)
  const losses = []
  const changes = []
  for (const reach of REACH) {
    for (const [i, parameter] of net.parameters().entries()) {
      const moved = start[i].map((value, j) => value - reach * LR * gradient[i][j])
      parameter.copy_(tensor(moved, { shape: [...parameter.shape] }))
    }
    net.zeroGrad()
    const value = loss.forward(net.forward(x), y)
    value.backward()
    losses.push(value.item())
    const there = gradients(net)
    changes.push(sizeOf(there.map((one, i) => one.map((v, j) => v - gradient[i][j]))) / sizeOf(gradient))
  }
  for (const [i, parameter] of net.parameters().entries()) {
    parameter.copy_(tensor(start[i], { shape: [...parameter.shape] }))
  }
  for (const [i, buffer] of net.buffers().entries())
    buffer.copy_(tensor(buffers[i], { shape: [...buffer.shape] }))
  return { spread: Math.max(...losses) - Math.min(...losses), change: Math.max(...changes) }
}

/** What the last hidden linear layer gives for the same images, before any batch norm: mean and standard deviation of each unit. */
function hiddenOf(/** @type {nn.Sequential} */ net, /** @type {Tensor} */ x) {
  const linear = net.modules.filter((module) => module instanceof nn.Linear)
  const before = net.modules.slice(0, net.modules.indexOf(linear[DEPTH - 1]) + 1)
  return noGrad(() => {
    let y = x
    for (const module of before) y = module.forward(y)
    return { mean: y.mean({ dim: 0 }).toFloat32Array(), spread: y.var({ dim: 0 }).sqrt().toFloat32Array() }
  })
}

/** @param {Kind} kind */
function measure(kind) {
  manualSeed(0)
  const net = makeNet(kind)
  const optimizer = new optim.SGD(net.parameters(), { lr: LR })
  const found = {
    spread: /** @type {number[]} */ ([]),
    change: /** @type {number[]} */ ([]),
    shift: /** @type {number[]} */ ([]),
  }
  /** @type {number[][]} */
  const sizes = []
  const [[probe]] = new data.DataLoader(train, { batchSize: 256 })
  let step = 0
  for (const [x, y] of batches()) {
    net.zeroGrad()
    loss.forward(net.forward(x), y).backward()
    const linear = net.modules.filter((module) => module instanceof nn.Linear)
    sizes.push(linear.map(({ weight }) => sizeOf([weight.grad?.toFloat32Array() ?? []])))
    if (step % 10 === 5) {
      const seen = look(net, x, y)
      found.spread.push(seen.spread)
      found.change.push(seen.change)
      net.zeroGrad()
      loss.forward(net.forward(x), y).backward()
    }
    const before = step % 10 === 5 ? hiddenOf(net, probe) : undefined
    optimizer.step()
    if (before) {
      const after = hiddenOf(net, probe)
      const moved = Array.from(before.mean, (m, i) => Math.abs(after.mean[i] - m) / (before.spread[i] || 1))
      found.shift.push(mean(moved))
    }
    if (++step === STEPS) break
  }
  const own = Array.from({ length: DEPTH + 1 }, (_, i) => mean(sizes.map((one) => one[i])))
  return { spread: mean(found.spread), change: mean(found.change), shift: mean(found.shift), own }
}

const found = KINDS.map(measure)
/** @param {string} title @param {string[]} cells */
const row = (title, cells) =>
  console.log(`${title.padEnd(58)}${cells.map((cell) => cell.padEnd(14)).join('')}`.trimEnd())
const digits = (/** @type {number} */ value) => String(Number(value.toPrecision(2)))
row(`${DEPTH} hidden layers of ${WIDTH}, ${STEPS} steps at learning rate ${LR}`, KINDS)
row(
  "size of the first layer's gradient",
  found.map(({ own }) => digits(own[0])),
)
row(
  "size of the last layer's",
  found.map(({ own }) => digits(own[DEPTH])),
)
row(
  'largest less smallest loss, 0.5 to 4 rates along it',
  found.map(({ spread }) => digits(spread)),
)
row(
  'largest change of the gradient there, as a share of it',
  found.map(({ change }) => digits(change)),
)
row(
  'shift of a hidden unit by a step, in standard deviations',
  found.map(({ shift }) => digits(shift)),
)

const RATES = [0.01, 0.03, 0.1, 0.3, 1, 3]
console.log(`\ntest accuracy after ${STEPS} steps, by learning rate`)
console.log(`${''.padEnd(17)}${RATES.map((lr) => String(lr).padEnd(8)).join('')}`.trimEnd())
for (const kind of KINDS) {
  const cells = RATES.map((lr) => {
    manualSeed(0)
    const net = makeNet(kind)
    const optimizer = new optim.SGD(net.parameters(), { lr })
    let step = 0
    for (const [x, y] of batches()) {
      optimizer.zeroGrad()
      loss.forward(net.forward(x), y).backward()
      optimizer.step()
      if (++step === STEPS) break
    }
    return accuracy(net.eval(), seen).toFixed(3)
  })
  console.log(`${kind.padEnd(17)}${cells.map((cell) => cell.padEnd(8)).join('')}`.trimEnd())
}
