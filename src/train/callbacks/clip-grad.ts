import { checkNumber, checkOptions } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import { clipGradNorm_, clipGradValue_ } from '../../nn/clip-grad.js'
import type { Callback, Run } from '../training.js'

/** Options of ClipGrad: one of the two. */
export interface ClipGradOptions {
  /** The norm of all gradients together is at most this: see `nn.utils.clipGradNorm_`. */
  norm?: number
  /** Each element is at most this, and at least its negative: see `nn.utils.clipGradValue_`. */
  value?: number
}

/** Clips the gradients before each update, those of all batches of it together. */
export class ClipGrad implements Callback {
  /** The norm of the last update's gradients, before they were clipped; undefined with `value`. */
  lastNorm: number | undefined
  readonly #options: ClipGradOptions

  /**
   * @param options `{ norm }` or `{ value }`, at least 0
   * @throws {ArgumentError} for neither or both, and an option that is unknown or out of range
   */
  constructor(options: ClipGradOptions) {
    checkOptions('ClipGrad', options, ['norm', 'value'])
    const given = Object.entries(options).filter(([, bound]) => bound !== undefined)
    if (given.length !== 1) {
      throw new ArgumentError('ClipGrad: expected { norm } or { value }, and not both')
    }
    for (const [what, bound] of given) checkNumber('ClipGrad', what, bound, { least: 0 })
    this.#options = { ...options }
  }

  /** Clips. */
  onBeforeOptimizerStep({ options }: Run): void {
    const { norm, value } = this.#options
    const { parameters } = options.optimizer
    if (norm !== undefined) this.lastNorm = clipGradNorm_(parameters, norm)
    else if (value !== undefined) clipGradValue_(parameters, value)
  }
}
