// Our side of every comparison, in whatever runtime: node.mjs wraps it in a line protocol, page/worker.mjs in
// messages. It uses the package as a user would, but for the kernels (see kernels.mjs).
import { compile, data, hashState, init, manualSeed, nn, optim } from '../../dist/index.node.js'
import { JOBS } from '../../dist/nets/index.node.js'
import { callForward } from '../../dist/nn/layer.js'
import { scoped } from '../../dist/tensor/scope.js'
import { measureKernels } from './kernels.mjs'

/**
 * @typedef {import('../../dist/index.node.js').Tensor} Tensor
 *
 * @typedef {{ net: import('../../dist/nets/index.node.js').JobName, batch: number }} Job
 *
 * A net in training: each call goes on where the last one stopped.
 *
 * @typedef {{ net: nn.Module, run: (steps: number) => { seconds: number } & Record<string, unknown> }} Trainer
 */

/**
 * One of the notebook's nets; its step is compiled, as `fit` does.
 *
 * @param {Job} job
 * @param {data.Dataset} train
 * @returns {Trainer}
 */
function trainer({ net: name, batch: batchSize }, train) {
  manualSeed(0)
  const net = JOBS[name].make()
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const loss = new nn.CrossEntropyLoss()
  const step = compile((/** @type {Tensor} */ x, /** @type {Tensor} */ y) => {
    const logits = callForward(net, x)
    const value = callForward(loss, logits, y)
    optimizer.zeroGrad()
    value.backward()
    optimizer.step()
    return { logits, value }
  })
  const loader = new data.DataLoader(train, { batchSize, shuffle: true, dropLast: true })
  let batches = loader[Symbol.iterator]()
  const next = () => {
    const batch = batches.next()
    if (!batch.done) return batch.value
    batches = loader[Symbol.iterator]()
    return /** @type {Tensor[]} */ (batches.next().value)
  }
  return {
    net,
    /** Shuffle, gather, forward, loss, accuracy, backward, update: what `fit` does. @param {number} steps */
    run(steps) {
      const start = performance.now()
      let [total, right] = [0, 0]
      for (let i = 0; i < steps; i++) {
        // What nobody else can have seen is freed at the end of the step, as in `fit`.
        scoped(() => {
          const [x, y] = next()
          const { logits, value } = step(x, y)
          total += value.item()
          right += nn.functional.correct(logits, y)
        })
      }
      if (!Number.isFinite(total + right)) throw new Error(`${name}: the loss is ${total}`)
      return { seconds: (performance.now() - start) / 1000 }
    },
  }
}

/**
 * Starts the package; gives what answers requests.
 *
 * @param {{ threads: number, deterministic: boolean }} options
 * @param {() => Promise<data.Dataset>} loadTrain
 * @param {(job: never) => Trainer | undefined} [other] knows jobs besides the notebook's, which are as who asks writes them
 */
export async function startSession(options, loadTrain, other) {
  const backend = await init(options)
  /** @type {Promise<data.Dataset> | undefined} */
  let train
  /** @type {Map<string, Trainer>} */
  const trainers = new Map()
  /** @param {Job} job */
  const make = async (job) => {
    const made = other?.(/** @type {never} */ (job))
    if (made) return made
    train ??= loadTrain()
    return trainer(job, await train)
  }

  /** @type {Record<string, (request: never) => Promise<Record<string, unknown>>>} */
  const answers = {
    /** Trains a new net for some seconds; tells seconds a step. @param {Job & { seconds: number }} job */
    async warm({ seconds: warmUp, ...job }) {
      const made = await make(job)
      trainers.set(JSON.stringify(job), made)
      let [steps, seconds] = [0, 0]
      for (const start = performance.now(); performance.now() - start < 1000 * warmUp || steps < 20; ) {
        const some = steps === 0 ? 5 : Math.max(1, Math.round(steps / 2))
        seconds = made.run(some).seconds / some
        steps += some
        // A step of a large batch is long: its code is warm after a few.
        if (performance.now() - start > 3000 * warmUp) break
      }
      return { seconds }
    },
    /** Some steps more of a net that is warm. @param {Job & { steps: number }} job */
    async train({ steps, ...job }) {
      const made = trainers.get(JSON.stringify(job))
      if (!made) throw new Error(`${job.net} at batch ${job.batch} is not warm`)
      return made.run(steps)
    },
    /** The weights of a new net after some steps. @param {Job & { steps: number }} job */
    async hash({ steps, ...job }) {
      const made = await make(job)
      made.run(steps)
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
      const { do: _, ...rest } = request
      return answer(/** @type {never} */ (rest))
    },
  }
}
