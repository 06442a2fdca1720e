/** The steps of `fit`: compiled where that can be, else as they are. */
import { mapTensors } from '../autograd/arguments-tree.js'
import { Call } from '../autograd/call.js'
import { type Compiled, compileStep } from '../autograd/compile.js'
import { unfused } from '../autograd/fuse.js'
import { eachTime, eachValue } from '../autograd/recording.js'
import { noGrad } from '../autograd/tape.js'
import { isPlainObject } from '../check.js'
import { ArgumentError, NumericError } from '../errors.js'
import type { Answers } from '../nn/losses/loss.js'
import { adopt, outside } from '../tensor/scope.js'
import type { Tensor } from '../tensor/tensor.js'
import { answersOf } from './answers.js'
import { checkBatch, checkLoss, lossOf, predict, samplesOf, whyNotCompiled } from './batch.js'
import { updateMetric } from './metrics/update.js'
import type { Callback, Run } from './training.js'

/** Where a step is, for errors. */
interface Where {
  epoch: number
  batch: number
  batches: number
  training: boolean
}

/** What a step gives: numbers only. */
export interface StepResult {
  loss: number
  count: number
  answers: Answers | undefined
}

/** What a net gave for a batch, what it should have given, and the loss. */
interface Measured {
  prediction: unknown
  target: unknown
  value: Tensor
}

/** A net that adds up the gradients of an update's batches by itself, each of a mean loss. */
interface Accumulates {
  accumulating(index: number, count: number, measure: () => Measured): Measured
}

const CURE = "a collate of the DataLoader's can make one of it, or fit take a step in place of the loss"

type Step = (...batches: unknown[]) => Measured[]

export class Steps {
  readonly #run: Run
  /** The step at hand, for errors in a recorded one. */
  #where: Where = { epoch: 0, batch: 0, batches: 0, training: true }
  readonly #train: Step
  readonly #evaluate: Step
  readonly #compiled: readonly Compiled<unknown[], Measured[]>[] = []
  readonly #reason: string | undefined

  constructor(run: Run, callbacks: readonly Callback[]) {
    const { net, options } = run
    const { loss, step, optimizer, compile } = options
    this.#run = run
    // What callbacks do is JavaScript, which runs at each step, recorded or not.
    const call = (hook: 'onBeforeOptimizerStep' | 'onAfterOptimizerStep') => {
      if (!callbacks.some((callback) => callback[hook])) return
      eachTime(() =>
        outside([], () => {
          for (const callback of callbacks) callback[hook]?.(run)
        }),
      )
    }
    const train: Step = (...batches) => {
      const counts = batches.map((batch) => this.#count(batch))
      const samples = counts.reduce((sum, count) => sum + count, 0)
      const measured = batches.map((batch, i) => {
        // (Ranks add up the samples of all of them.)
        const together = batches.length > 1 && (net as Partial<Accumulates>).accumulating
        const measure = () => this.#measure(batch)
        const one = together ? together(i, batches.length, measure) : measure()
        if (i === 0) optimizer.zeroGrad()
        // (Of no sample there is nothing to weigh.)
        const share = together ? 1 : counts[i] / samples || 1
        const loss = share === 1 ? one.value : one.value.mul(share)
        loss.backward()
        return { ...one, prediction: withoutGraph(one.prediction) }
      })
      call('onBeforeOptimizerStep')
      optimizer.step()
      call('onAfterOptimizerStep')
      return measured
    }
    const evaluate: Step = (...batches) => noGrad(() => batches.map((batch) => this.#measure(batch)))
    this.#reason = whyNotCompiled(net, { losses: loss ? [loss] : [], step: step !== undefined, compile })
    let steps = [train, evaluate]
    if (this.#reason === undefined) {
      steps = this.#compiled = steps.map((step) => compileStep(step, { strict: false }))
    }
    ;[this.#train, this.#evaluate] = steps
  }

  /** Whether the last training step was a replay. */
  get compiled(): boolean {
    return this.reason === undefined
  }

  /** Why not. */
  get reason(): string | undefined {
    return this.#reason ?? this.#compiled[0].report.reason
  }

  /** The batch, if a step can take it. @throws {ArgumentError} @throws {ShapeError} */
  check(batch: unknown): unknown {
    if (!this.#run.options.step) checkBatch('fit', batch, CURE)
    this.#count(batch)
    return batch
  }

  /** A step with a batch, or, in training, several of one update. To be called in a scope. */
  run(batches: unknown[], where: Where): StepResult[] {
    this.#where = where
    const { metrics = {}, loss = {} } = this.#run.options
    const measured = where.training ? this.#train(...batches) : this.#evaluate(...batches)
    return measured.map(({ prediction, target, value }, i) => {
      for (const name in metrics) updateMetric(metrics[name], prediction, target)
      const answers = answersOf(loss, prediction, target)
      return { loss: value.item(), count: this.#count(batches[i]), answers }
    })
  }

  #count(batch: unknown): number {
    const { step } = this.#run.options
    return samplesOf('fit', step ? batch : (batch as readonly unknown[])[0])
  }

  #measure(batch: unknown): Measured {
    const { loss, step } = this.#run.options
    const measured = step ? this.#ownStep(batch) : this.#forward(batch, loss)
    eachValue(measured.value, (number) => {
      if (!Number.isFinite(number)) throw notFinite(number, this.#where)
    })
    return measured
  }

  #forward(batch: unknown, loss: Run['options']['loss']): Measured {
    const [inputs, ...rest] = checkBatch('fit', batch)
    const prediction = predict(this.#run.net, inputs)
    const value = lossOf('fit', loss as NonNullable<typeof loss>, [prediction, ...rest])
    return { prediction, target: rest[0], value }
  }

  /** @throws {ArgumentError} for what the step gives and nobody can use */
  #ownStep(batch: unknown): Measured {
    const { net, options } = this.#run
    const given: unknown = outside([batch], () =>
      unfused([batch], () => options.step?.(net as never, batch as never)),
    )
    const { loss, prediction, target } = isPlainObject(given) ? given : { loss: given }
    const value = checkLoss('fit', 'the step', loss)
    for (const name in options.metrics) {
      if (prediction !== undefined && target !== undefined) break
      throw new ArgumentError(
        `fit: metrics.${name} needs what the net gave and what it should have: let the step give { loss, prediction, target }`,
      )
    }
    return { prediction, target, value }
  }

  /** Gives the memory of what was compiled back. */
  dispose(): void {
    for (const step of this.#compiled) step.dispose()
  }
}

/** An output that the loss does not go by has a graph still, which nobody will go through. */
function withoutGraph(prediction: unknown): unknown {
  return mapTensors(prediction, (x) => {
    if (!(x.producer instanceof Call) || x.producer.spent) return x
    const cut = x.detach()
    adopt(cut)
    return cut
  })
}

function notFinite(value: number, { epoch, batch, batches, training }: Where): NumericError {
  const what = training ? 'training' : 'validation'
  // Of a stream nobody knows how many batches an epoch has.
  const step = Number.isNaN(batches) ? '' : `step ${epoch * batches + batch} (`
  return new NumericError(
    `fit: the ${what} loss is ${value} at ${step}epoch ${epoch}, batch ${batch}${Number.isNaN(batches) ? '' : ')'}; the parameters are as the step before left them. A smaller learning rate or batch normalisation often helps; look for NaN in the data`,
  )
}
