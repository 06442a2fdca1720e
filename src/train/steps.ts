/** The steps of `fit`: compiled where that can be, else as they are. */
import { type Compiled, compileStep } from '../autograd/compile.js'
import { eachTime, eachValue } from '../autograd/recording.js'
import { noGrad } from '../autograd/tape.js'
import { kindOf } from '../check.js'
import { ArgumentError, NumericError, ShapeError } from '../errors.js'
import { callForward, isLibrary } from '../nn/layer.js'
import type { Answers } from '../nn/losses/loss.js'
import type { Module } from '../nn/module.js'
import { outside } from '../tensor/scope.js'
import { inLoss } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { answersOf } from './answers.js'
import type { Loss } from './loss.js'
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

/** What a net gave for a batch, and the loss. */
interface Measured {
  prediction: Tensor
  value: Tensor
}

/** [x, y, …] */
export type Batch = readonly Tensor[]
type Step = (...batches: Batch[]) => Measured[]

export class Steps {
  readonly #run: Run
  readonly #loss: Loss
  /** The step at hand, for errors in a recorded one. */
  #where: Where = { epoch: 0, batch: 0, batches: 0, training: true }
  readonly #train: Step
  readonly #evaluate: Step
  readonly #compiled: Compiled<Batch[], Measured[]>[] = []
  readonly #reason: string | undefined

  constructor(run: Run, callbacks: readonly Callback[]) {
    const { net, options } = run
    const { loss, optimizer, compile } = options
    this.#run = run
    this.#loss = loss
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
      const samples = batches.reduce((sum, [x]) => sum + x.shape[0], 0)
      const measured = batches.map((batch, i) => {
        const one = this.#measure(batch)
        if (i === 0) optimizer.zeroGrad()
        const loss = batches.length > 1 ? one.value.mul(batch[0].shape[0] / samples) : one.value
        loss.backward()
        return one
      })
      call('onBeforeOptimizerStep')
      optimizer.step()
      call('onAfterOptimizerStep')
      return measured
    }
    const evaluate: Step = (...batches) => noGrad(() => batches.map((batch) => this.#measure(batch)))
    this.#reason = whyNot(net, loss, compile)
    if (this.#reason === undefined) {
      this.#compiled = [train, evaluate].map((step) => compileStep(step, { strict: false }))
      ;[this.#train, this.#evaluate] = this.#compiled
    } else {
      ;[this.#train, this.#evaluate] = [train, evaluate]
    }
  }

  /** Whether the last training step was a replay. */
  get compiled(): boolean {
    return this.reason === undefined
  }

  /** Why not. */
  get reason(): string | undefined {
    return this.#reason ?? this.#compiled[0].report.reason
  }

  /** A step with a batch, or, in training, several of one update. To be called in a scope. */
  run(batches: Batch[], where: Where): StepResult[] {
    this.#where = where
    const { metrics = {} } = this.#run.options
    const measured = where.training ? this.#train(...batches) : this.#evaluate(...batches)
    return measured.map(({ prediction, value }, i) => {
      const [x, y] = batches[i]
      for (const name in metrics) {
        const metric = metrics[name]
        if (metric.libraryUpdate === metric.update) metric.update(prediction, y)
        else outside([prediction, y], () => metric.update(prediction, y))
      }
      return { loss: value.item(), count: x.shape[0], answers: answersOf(this.#loss, prediction, y) }
    })
  }

  #measure([x, ...targets]: Batch): Measured {
    const prediction = callForward(this.#run.net, x)
    const value = inLoss(() => callForward(this.#loss, prediction, ...(targets as [Tensor])))
    if (!(value instanceof Tensor)) {
      throw new ArgumentError(`fit: the loss's forward gives a tensor with one element, got ${kindOf(value)}`)
    }
    if (value.size !== 1) {
      throw new ShapeError(
        `fit: the loss gives one number for a batch, got shape [${value.shape}]; take its mean() or sum()`,
      )
    }
    eachValue(value, (number) => {
      if (!Number.isFinite(number)) throw notFinite(number, this.#where)
    })
    return { prediction, value }
  }

  /** Gives the memory of what was compiled back. */
  dispose(): void {
    for (const step of this.#compiled) step.dispose()
  }
}

/** Why the steps are not to be compiled, if so. */
function whyNot(net: Module, loss: Loss, compile: boolean | undefined): string | undefined {
  if (compile === true) return undefined
  if (compile === false) return 'compile is false'
  const own = net.namedModules().find(([, module]) => !isLibrary(module))
  const what = own
    ? `the net's ${own[1].constructor.name}${own[0] && ` (${own[0]})`}`
    : isLibrary(loss)
      ? undefined
      : 'the loss'
  return (
    what &&
    `${what} has a forward of its own, whose JavaScript would not run at each step; allow that with compile: true`
  )
}

function notFinite(value: number, { epoch, batch, batches, training }: Where): NumericError {
  const what = training ? 'training' : 'validation'
  // Of a stream nobody knows how many batches an epoch has.
  const step = Number.isNaN(batches) ? '' : `step ${epoch * batches + batch} (`
  return new NumericError(
    `fit: the ${what} loss is ${value} at ${step}epoch ${epoch}, batch ${batch}${Number.isNaN(batches) ? '' : ')'}; the parameters are as the step before left them. A smaller learning rate often helps, or batch normalisation; look for NaN in the data`,
  )
}
