/** The steps of `fit`: compiled where that can be, else as they are. */
import { type Compiled, compileStep } from '../autograd/compile.js'
import { eachValue } from '../autograd/recording.js'
import { noGrad } from '../autograd/tape.js'
import { kindOf } from '../check.js'
import { ArgumentError, NumericError, ShapeError } from '../errors.js'
import { callForward, isLibrary } from '../nn/layer.js'
import type { Answers } from '../nn/losses/loss.js'
import type { Module } from '../nn/module.js'
import type { Optimizer } from '../optim/optimizer.js'
import { inLoss } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { answersOf } from './answers.js'
import type { Loss } from './loss.js'

/** Where a step is, for errors. */
interface Where {
  epoch: number
  batch: number
  batches: number
  training: boolean
}

/** What a step gives: numbers only. */
interface StepResult {
  loss: number
  count: number
  answers: Answers | undefined
}

interface StepOptions {
  loss: Loss
  optimizer: Optimizer
  compile?: boolean | undefined
}

/** What a net gave for a batch, and the loss. */
interface Measured {
  prediction: Tensor
  value: Tensor
}

type Step = (x: Tensor, y: Tensor) => Measured

export class Steps {
  readonly #loss: Loss
  /** The step at hand, for errors in a recorded one. */
  #where: Where = { epoch: 0, batch: 0, batches: 0, training: true }
  readonly #train: Step
  readonly #evaluate: Step
  readonly #compiled: Compiled<[x: Tensor, y: Tensor], Measured>[] = []
  readonly #reason: string | undefined

  constructor(
    readonly net: Module,
    options: StepOptions,
  ) {
    const { loss, optimizer } = options
    this.#loss = loss
    const train = (x: Tensor, y: Tensor) => {
      const measured = this.#measure(x, y)
      optimizer.zeroGrad()
      measured.value.backward()
      optimizer.step()
      return measured
    }
    const evaluate = (x: Tensor, y: Tensor) => noGrad(() => this.#measure(x, y))
    this.#reason = whyNot(net, options)
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

  /** A step with a batch. To be called in a scope. */
  run([x, y]: readonly Tensor[], where: Where): StepResult {
    this.#where = where
    const { prediction, value } = where.training ? this.#train(x, y) : this.#evaluate(x, y)
    return { loss: value.item(), count: x.shape[0], answers: answersOf(this.#loss, prediction, y) }
  }

  #measure(x: Tensor, y: Tensor): Measured {
    const prediction = callForward(this.net, x)
    const value = inLoss(() => callForward(this.#loss, prediction, y))
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
function whyNot(net: Module, { loss, compile }: StepOptions): string | undefined {
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
  return new NumericError(
    `fit: the ${what} loss is ${value} at step ${epoch * batches + batch} (epoch ${epoch}, batch ${batch}); the parameters are as the step before left them. A smaller learning rate often helps, or batch normalisation; look for NaN in the data`,
  )
}
