// Trap 2: the moving statistics stayed in the autograd graph.
//
// What goes wrong: `movingMean = 0.9 · movingMean + 0.1 · mean` is recorded, because `mean` depends on the
// weights. So each moving mean holds on to the one before it, back to the first step. The chain grows with
// every step, none of it can be freed, and each epoch is slower than the last (the notebook: 26 s, then 40 s).
// The net still learns, since its training loss does not depend on the chain: so nobody looks for the fault.
//
// In simdgrad: nn.BatchNorm1d and nn.BatchNorm2d update their statistics outside of the graph, so the trap
// can't be met there. By hand, make the statistics buffers with `registerBuffer` and write them with `copy_`,
// which never records. Assigning to a buffer throws, so the mistake shows at the first step.
//
//   node examples/trap-2-statistics-in-the-graph.mjs
import { data, init, manualSeed, nn, optim } from 'simdgrad'
import { BatchNormByHand, mlp } from 'simdgrad/nets'

/** @typedef {import('simdgrad').Tensor} Tensor */

/** The trap: plain fields, assigned to. */
class Leaky extends BatchNormByHand {
  /** @type {Tensor} */
  mean = this.movingMean
  /** @type {Tensor} */
  variance = this.movingVar

  /**
   * @override
   * @param {Tensor} mean
   * @param {Tensor} variance
   */
  move(mean, variance) {
    const old = this.movingMomentum
    this.mean = this.mean.mul(old).add(mean.mul(1 - old))
    this.variance = this.variance.mul(old).add(variance.mul(1 - old))
  }
}

/** The trap again, with buffers: the assignment throws. */
class Caught extends BatchNormByHand {
  /**
   * @override
   * @param {Tensor} mean
   */
  move(mean) {
    const { movingMean, movingMomentum: old } = this
    this.movingMean = movingMean.mul(old).add(mean.mul(1 - old))
  }
}

/**
 * How many recorded operations a tensor holds on to.
 *
 * @param {Tensor} tensor
 */
function operationsBehind(tensor) {
  const found = new Set()
  const open = [tensor]
  for (let next = open.pop(); next; next = open.pop()) {
    if (!next.producer || found.has(next.producer)) continue
    found.add(next.producer)
    open.push(...next.producer.sources.filter((source) => source !== undefined))
  }
  return found.size
}

await init()
const { train } = await data.mnist()
const loader = new data.DataLoader(train, { batchSize: 32, shuffle: true })
const loss = new nn.CrossEntropyLoss()

/**
 * 600 steps; after every 200 what the moving mean holds on to.
 *
 * @param {BatchNormByHand} norm
 * @param {() => Tensor} movingMean
 */
function chain(norm, movingMean) {
  const net = mlp(norm)
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const counts = []
  let step = 0
  for (const [x, y] of loader) {
    optimizer.zeroGrad()
    loss.forward(net.forward(x), y).backward()
    optimizer.step()
    if (++step % 200 === 0) counts.push(operationsBehind(movingMean()))
    if (step === 600) break
  }
  return counts
}

manualSeed(0)
const leaky = new Leaky(100, 0.9)
const sound = new BatchNormByHand(100, 0.9)
console.log('operations behind the moving mean after 200, 400 and 600 steps:')
console.log(`  assigned, in the graph:      ${chain(leaky, () => leaky.mean).join(', ')}`)
console.log(`  copy_, outside of the graph: ${chain(sound, () => sound.movingMean).join(', ')}`)

try {
  leaky.mean.sum().backward()
} catch (error) {
  if (!(error instanceof Error)) throw error
  console.log(`\na loss that meets the chain: ${error.message}`)
}
try {
  chain(new Caught(100, 0.9), () => leaky.mean)
} catch (error) {
  if (!(error instanceof Error)) throw error
  console.log(`\nassigning to a buffer: ${error.name}: ${error.message}`)
}
