// Our side of every comparison, in whatever runtime: node.mjs wraps it in a line protocol, page/worker.mjs in
// messages. It uses the package as a user would, but for the kernels (see kernels.mjs).
import { data, hashState, init, manualSeed, nn, optim } from '../../dist/index.node.js'
import { JOBS } from '../../dist/nets/index.js'
import { measureKernels } from './kernels.mjs'

/**
 * What the published types leave out.
 * @typedef {{ keepsNothing?: boolean, marksKept?: boolean, kept?: boolean }} Internal
 *
 * @typedef {{ net: import('../../dist/nets/index.js').JobName, batch: number }} Job
 */

/**
 * A net in training: each call goes on where the last one stopped.
 *
 * @param {Job} job
 * @param {data.Dataset} train
 */
function trainer({ net: name, batch: batchSize }, train) {
  manualSeed(0)
  const net = JOBS[name].make()
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const loss = new nn.CrossEntropyLoss()
  const loader = new data.DataLoader(train, { batchSize, shuffle: true, dropLast: true })
  let batches = loader[Symbol.iterator]()
  const next = () => {
    const batch = batches.next()
    if (!batch.done) return batch.value
    batches = loader[Symbol.iterator]()
    return /** @type {import('../../dist/index.node.js').Tensor[]} */ (batches.next().value)
  }
  return {
    net,
    /** Shuffle, gather, forward, loss, accuracy, backward, update: what `fit` does. @param {number} steps */
    run(steps) {
      const start = performance.now()
      let [total, right] = [0, 0]
      for (let step = 0; step < steps; step++) {
        const [x, y] = next()
        const logits = net.forward(x)
        const value = loss.forward(logits, y)
        total += value.item()
        right += nn.functional.correct(logits, y)
        optimizer.zeroGrad()
        value.backward()
        optimizer.step()
        // As `fit` does with what nobody else can have seen.
        const { keepsNothing, marksKept } = /** @type {Internal} */ (net)
        if (!keepsNothing && !marksKept) continue
        for (const tensor of [x, y, logits, value]) {
          if (!(/** @type {Internal} */ (tensor).kept)) tensor.dispose()
        }
      }
      if (!Number.isFinite(total + right)) throw new Error(`${name}: the loss is ${total}`)
      return (performance.now() - start) / 1000
    },
  }
}

/**
 * Starts the package; gives what answers requests.
 *
 * @param {{ threads: number, deterministic: boolean }} options
 * @param {() => Promise<data.Dataset>} loadTrain
 */
export async function startSession(options, loadTrain) {
  const backend = await init(options)
  /** @type {Promise<data.Dataset> | undefined} */
  let train
  /** @type {Map<string, ReturnType<typeof trainer>>} */
  const trainers = new Map()

  /** @type {Record<string, (request: any) => Promise<Record<string, unknown>>>} */
  const answers = {
    /** Trains a new net for some seconds; tells seconds a step. @param {Job & { seconds: number }} job */
    async warm({ seconds: warmUp, ...job }) {
      train ??= loadTrain()
      const made = trainer(job, await train)
      trainers.set(`${job.net} ${job.batch}`, made)
      let [steps, seconds] = [0, 0]
      for (const start = performance.now(); performance.now() - start < 1000 * warmUp || steps < 20; ) {
        const some = steps === 0 ? 5 : Math.max(1, Math.round(steps / 2))
        seconds = made.run(some) / some
        steps += some
        // A step of a large batch is long: its code is warm after a few.
        if (performance.now() - start > 3000 * warmUp) break
      }
      return { seconds }
    },
    /** Some steps more of a net that is warm. @param {Job & { steps: number }} job */
    async train(job) {
      const made = trainers.get(`${job.net} ${job.batch}`)
      if (!made) throw new Error(`${job.net} at batch ${job.batch} is not warm`)
      return { seconds: made.run(job.steps) }
    },
    /** The weights of a new net after some steps. @param {Job & { steps: number }} job */
    async hash(job) {
      train ??= loadTrain()
      const made = trainer(job, await train)
      made.run(job.steps)
      return { hash: await hashState(made.net.stateDict()) }
    },
    /** @param {{ cases: import('./kernels.mjs').Case[], rounds: number, milliseconds: number, warmUp?: boolean, together?: boolean }} request */
    async kernels({ cases, ...how }) {
      return { results: measureKernels(backend.simd, cases, how) }
    },
  }
  return {
    backend,
    /** @param {Record<string, unknown>} request */
    async ask(request) {
      const answer = answers[String(request.do)]
      if (!answer) throw new Error(`no request is called '${request.do}'`)
      return answer(request)
    },
  }
}
