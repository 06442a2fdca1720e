// The loops that test/memory/memory.test.ts measures, each in a process of its own, on the built package:
//   node test/memory/loops.mjs <loop> <steps>
// Prints one line of JSON. Nothing here yields inside a loop, and nothing calls dispose().
import { data, fit, init, manualSeed, memory, nn, noGrad, ones, optim, tensor } from 'simdgrad'
import { JOBS } from 'simdgrad/nets'

/** @typedef {import('simdgrad').Tensor} Tensor */

const [loop, stepsText] = process.argv.slice(2)
const steps = Number(stepsText)

await init({ threads: 2 })
manualSeed(0)
const { train, test } = await data.mnist()
const loss = new nn.CrossEntropyLoss()

/** @type {{ step: number, liveBytes: number, liveTensors: number, wasmBytes: number, rss: number }[]} */
const samples = []
const sample = (/** @type {number} */ step) =>
  samples.push({ step, ...memory(), rss: process.memoryUsage.rss() })

/**
 * Batches of the test images, without end.
 * @returns {Generator<Tensor[], never>}
 */
function* forever() {
  for (;;) yield* new data.DataLoader(test, { batchSize: 32 })
}

/** @type {Record<string, unknown>} */
let kept = {}

/**
 * Trains a step and evaluates a batch, in turn; keeps some of it.
 * @param {'mlp-bn' | 'cnn-bn'} name
 */
function trainAndEvaluate(name) {
  const net = JOBS[name].make()
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const validation = forever()
  /** @type {Tensor[]} */
  const losses = []
  /** @type {number[]} */
  const lossesThen = []
  let logits = tensor(0)
  /** @type {Float32Array} */
  let logitsThen = new Float32Array()
  let evaluated = tensor(0)
  /** @type {Float32Array} */
  let evaluatedThen = new Float32Array()
  let step = 0
  for (const [x, y] of new data.DataLoader(train, { batchSize: 32, shuffle: true })) {
    net.train()
    const prediction = net.forward(x)
    const value = loss.forward(prediction, y)
    optimizer.zeroGrad()
    value.backward()
    optimizer.step()
    losses.push(value)
    lossesThen.push(value.item())
    net.eval()
    const [validX, validY] = validation.next().value
    const output = noGrad(() => {
      const result = net.forward(validX)
      loss.forward(result, validY)
      return result
    })
    if (step === 10) {
      logits = prediction
      logitsThen = prediction.toFloat32Array()
      evaluated = output
      evaluatedThen = output.toFloat32Array()
    }
    if (++step % 50 === 0) sample(step)
    if (step === steps) break
  }
  const same = (/** @type {Float32Array} */ a, /** @type {Float32Array} */ b) =>
    a.length === 320 && a.every((v, i) => Object.is(v, b[i]))
  kept = {
    losses: losses.length,
    lossesRight: losses.every((tensor, i) => Object.is(tensor.item(), lossesThen[i])),
    logitsRight: same(logits.toFloat32Array(), logitsThen),
    evaluatedRight: same(evaluated.toFloat32Array(), evaluatedThen),
    // What was kept can also be computed with.
    logitsSum: Math.abs(logits.sum().item() - logitsThen.reduce((a, b) => a + b, 0)) < 1e-2,
    first: lossesThen.slice(0, 20).reduce((a, b) => a + b) / 20,
    last: lossesThen.slice(-20).reduce((a, b) => a + b) / 20,
  }
}

/** Evaluates without noGrad, so that each forward is recorded, and never calls backward. */
function evaluateRecorded() {
  const net = JOBS['cnn-bn'].make().eval()
  const validation = forever()
  let total = 0
  for (let step = 1; step <= steps; step++) {
    const [x, y] = validation.next().value
    total += loss.forward(net.forward(x), y).item()
    if (step % 50 === 0) sample(step)
  }
  kept = { finite: Number.isFinite(total) }
}

/** Arithmetic on tensors that no gradient is asked for. */
function arithmetic() {
  let x = ones([256, 256])
  const first = x.mul(3)
  for (let step = 1; step <= steps; step++) {
    x = x
      .mul(0.5)
      .add(1)
      .sub(x.mean())
      .add(x.sum({ dim: 0 }).mul(1e-6))
    if (step % 50 === 0) sample(step)
  }
  kept = {
    finite: x.toFloat32Array().every(Number.isFinite),
    firstRight: first.toFloat32Array().every((value) => value === 3),
  }
}

/** Epochs of `fit` on a part of the images; a sample an epoch. */
async function epochs() {
  const part = (/** @type {import('simdgrad').data.Dataset} */ whole, /** @type {number} */ length) => ({
    length,
    /** @param {number} index */
    get: (index) => whole.get(index),
    /** @param {Int32Array} indices */
    getBatch: (indices) => whole.getBatch?.(indices) ?? [],
  })
  const net = JOBS['cnn-bn'].make()
  const history = await fit(net, {
    train: new data.DataLoader(part(train, 3200), { batchSize: 32, shuffle: true }),
    valid: new data.DataLoader(part(test, 1600), { batchSize: 32 }),
    optimizer: new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 }),
    loss,
    epochs: steps,
    onEpoch: ({ epoch }) => {
      sample(epoch + 1)
    },
  })
  kept = { epochs: history.epochs.length, accuracy: history.epochs.at(-1)?.validAcc }
}

if (loop === 'mlp-bn' || loop === 'cnn-bn') trainAndEvaluate(loop)
else if (loop === 'evaluate-recorded') evaluateRecorded()
else if (loop === 'arithmetic') arithmetic()
else if (loop === 'fit') await epochs()
else throw new Error(`there is no loop '${loop}'`)
console.log(JSON.stringify({ samples, kept }))
