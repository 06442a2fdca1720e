/** Batch renormalisation. Classes of their own: a page with ordinary batch norm does not download them. */
import { add, div, maximum, minimum, mul, sub } from '../autograd/ops/arithmetic.js'
import { batchNorm } from '../autograd/ops/batch-norm.js'
import { clamp } from '../autograd/ops/clamp.js'
import { mean as meanOf } from '../autograd/ops/reduce.js'
import { reciprocal, sqrt } from '../autograd/ops/unary.generated.js'
import { variance as varianceOf } from '../autograd/ops/variance.js'
import { reliesOn } from '../autograd/recording.js'
import { noGrad } from '../autograd/tape.js'
import { checkNumber, checkOptions } from '../check.js'
import { ArgumentError } from '../errors.js'
import { scoped } from '../tensor/scope.js'
import type { Tensor } from '../tensor/tensor.js'
import { BatchNorm } from './batch-norm.js'
import { checkInput } from './layer.js'

/** At which training steps the limits of batch renormalisation grow. */
export interface RenormSchedule {
  /** Up to here it is batch norm: rMax 1 and dMax 0. Default 5,000. */
  begin?: number
  /** Here rMax is reached, linearly. Default 40,000. */
  rEnd?: number
  /** Here dMax is reached, linearly. Default 25,000. */
  dEnd?: number
}

/** Options of BatchRenorm1d and BatchRenorm2d. */
export interface BatchRenormLayerOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number
  /** The weight of each new batch in the running statistics, as of BatchNorm1d. Default 0.1; the paper has 0.01. */
  momentum?: number
  /** Whether weight and bias are trained. Default true. */
  affine?: boolean
  /** The largest r, at least 1; its smallest is 1 / rMax. Default 3, the paper's. */
  rMax?: number
  /** The largest |d|, at least 0. Default 5, the paper's. */
  dMax?: number
  /** When they grow, by `numBatchesTracked`. Default the paper's; all 0 has the whole of both at once. */
  schedule?: RenormSchedule
}

const OPTIONS = ['eps', 'momentum', 'affine', 'rMax', 'dMax', 'schedule']

/** What BatchRenorm1d and BatchRenorm2d share. */
export abstract class BatchRenorm extends BatchNorm {
  /** The largest r. */
  readonly rMax: number
  /** The largest |d|. */
  readonly dMax: number
  /** When they grow. */
  readonly schedule: Required<RenormSchedule>

  /**
   * @param numFeatures channels C of the input, at least 1
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  constructor(numFeatures: number, options: BatchRenormLayerOptions = {}) {
    const { rMax = 3, dMax = 5, schedule = {}, ...rest } = Object(options) as BatchRenormLayerOptions
    super(numFeatures, rest)
    const name = this.constructor.name
    checkOptions(name, options, OPTIONS)
    checkNumber(name, 'rMax', rMax, { least: 1 })
    checkNumber(name, 'dMax', dMax, { least: 0 })
    checkOptions(name, schedule, ['begin', 'rEnd', 'dEnd'])
    const { begin = 5000, rEnd = Math.max(begin, 40_000), dEnd = Math.max(begin, 25_000) } = schedule
    checkNumber(name, 'schedule.begin', begin, { least: 0, whole: true })
    checkNumber(name, 'schedule.rEnd', rEnd, { least: begin, whole: true })
    checkNumber(name, 'schedule.dEnd', dEnd, { least: begin, whole: true })
    if (rest.momentum === null) throw new ArgumentError(`${name}: momentum is a number from 0 to 1, got null`)
    this.rMax = rMax
    this.dMax = dMax
    this.schedule = { begin, rEnd, dEnd }
  }

  /**
   * The batch, renormalised, and in training the running statistics moved.
   *
   * @param x of the class's shapes, C being `numFeatures`
   * @returns the shape of `x`
   * @throws {ShapeError} for another shape, or in training for one value per channel
   * @throws {ArgumentError} where momentum was set to null
   */
  override forward(x: Tensor): Tensor {
    const { runningMean, runningVar, numBatchesTracked, weight, bias, eps, momentum } = this
    if (!this.training || !runningMean || !runningVar || !numBatchesTracked) return super.forward(x)
    const name = `${this.constructor.name}(${this.numFeatures})`
    checkInput(name, x, this.ranks, this.numFeatures, `${this.numFeatures} features`)
    reliesOn(this, () => this.momentum === momentum)
    if (momentum === null) throw new ArgumentError(`${name}: momentum is a number from 0 to 1, got null`)
    const own = x.shape.map((_, d) => d).filter((d) => d !== 1)
    return scoped(() => {
      const { mean, deviation, r, d } = noGrad(() => {
        const mean = meanOf(x, { dim: own })
        const deviation = sqrt(add(varianceOf(x, { dim: own, unbiased: false }), eps))
        const running = sqrt(add(runningVar, eps))
        const { begin, rEnd, dEnd } = this.schedule
        const rMax = add(mul(grown(numBatchesTracked, begin, rEnd), this.rMax - 1), 1)
        const dMax = mul(grown(numBatchesTracked, begin, dEnd), this.dMax)
        return {
          mean,
          deviation,
          r: minimum(maximum(div(deviation, running), reciprocal(rMax)), rMax),
          d: minimum(maximum(div(sub(mean, runningMean), running), mul(dMax, -1)), dMax),
        }
      })
      // x̂ · r + d, scaled and shifted: batch norm with other factors, through which weight's gradient flows.
      const scale = weight ? mul(weight, r) : r
      const shift = weight ? mul(weight, d) : d
      const y = batchNorm(x, {
        weight: scale,
        bias: bias ? add(shift, bias) : shift,
        training: true,
        eps,
        name,
      })
      noGrad(() => {
        const moved = (old: Tensor, now: Tensor) => add(old, mul(sub(now, old), momentum))
        const running = moved(sqrt(add(runningVar, eps)), deviation)
        runningMean.copy_(moved(runningMean, mean))
        runningVar.copy_(sub(mul(running, running), eps))
        numBatchesTracked.copy_(add(numBatchesTracked, 1))
      })
      return y
    })
  }

  /** @internal */
  override get libraryForward(): unknown {
    return BatchRenorm.prototype.forward
  }

  /** The options, as the net is printed. */
  override extraRepr(): string {
    return `${super.extraRepr()}, rMax=${this.rMax}, dMax=${this.dMax}`
  }
}

/** How far a limit has grown after `steps`, from 0 at `begin` to 1 at `end`: tensors, so that a compiled step goes on. */
function grown(steps: Tensor, begin: number, end: number): Tensor {
  // Where both are the same, a step.
  const length = Math.max(end - begin, 1e-6)
  return clamp(div(sub(steps, begin - (end === begin ? length : 0)), length), { min: 0, max: 1 })
}

/**
 * Batch renormalisation of (N, C) or (N, C, L): in training
 *
 *   y = weight · (x̂ · r + d) + bias,  x̂ = (x − μ) / σ,  σ = √(var + eps)
 *   r = σ / σ_running, from 1 / rMax to rMax;  d = (μ − runningMean) / σ_running, from −dMax to dMax
 *
 * with the batch's mean and biased variance, through r and d no gradient. So within the limits training computes what
 * evaluation does, also with batches of a few samples, or of few classes. The running statistics move after it, the
 * standard deviation by itself and biased, as in the paper: σ_running += momentum · (σ − σ_running); `runningVar` is its
 * square less eps. The limits begin at batch norm's (rMax 1, dMax 0) and grow by `schedule`.
 * (Ioffe, 2017, https://arxiv.org/abs/1702.03275, algorithm 1.) In evaluation, and in a state dict, it is BatchNorm1d.
 */
export class BatchRenorm1d extends BatchRenorm {
  protected override readonly ranks = [2, 3]
}

/** Batch renormalisation of (N, C, H, W): see BatchRenorm1d. */
export class BatchRenorm2d extends BatchRenorm {
  protected override readonly ranks = [4]
}
