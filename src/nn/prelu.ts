import { prelu } from '../autograd/ops/prelu.js'
import { checkNumber, checkOptions } from '../check.js'
import { full } from '../tensor/create.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module, Parameter } from './module.js'

/** Options of PReLU. */
export interface PReLUOptions {
  /** How many slopes are learnt: 1 (default), or as many as the input has channels. */
  numParameters?: number
  /** What they are at first. Default 0.25. */
  init?: number
}

/**
 * `x` above 0, `weight · x` below, with a slope that is learnt: one, or one for each channel (dimension 1).
 * https://pytorch.org/docs/stable/generated/torch.nn.PReLU.html
 */
export class PReLU extends Module {
  /** [numParameters], the slopes. */
  readonly weight: Parameter
  /** How many slopes there are. */
  readonly numParameters: number

  /**
   * @param options numParameters and init
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  constructor(options: PReLUOptions = {}) {
    super()
    checkOptions('PReLU', options, ['numParameters', 'init'])
    const { numParameters = 1, init = 0.25 } = options
    checkNumber('PReLU', 'numParameters', numParameters, { least: 1, whole: true })
    checkNumber('PReLU', 'init', init)
    this.numParameters = numParameters
    this.weight = new Parameter(full([numParameters], init))
  }

  /** `prelu(x, weight)`: [N, C, …], or any shape with one slope. @throws {ShapeError} for other channels than slopes */
  override forward(x: Tensor): Tensor {
    return prelu(x, this.weight)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return PReLU.prototype.forward
  }

  override extraRepr(): string {
    return `numParameters=${this.numParameters}`
  }
}
