import { checkTensor } from '../autograd/arguments.js'
import { linear } from '../autograd/ops/matmul.js'
import { checkBoolean, checkOptions, kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { Tensor } from '../tensor/tensor.js'
import { fanIn, uniformByFanIn } from './init.js'
import { Module, type Parameter } from './module.js'

/** Options of Linear. */
export interface LinearOptions {
  /** Whether to add a bias. Default true. */
  bias?: boolean
}

/**
 * `x·Wᵀ + b` on the last dimension: [..., inFeatures] → [..., outFeatures]. Initial weights and bias are uniform
 * in ±1 / √inFeatures.
 * https://pytorch.org/docs/stable/generated/torch.nn.Linear.html
 */
export class Linear extends Module {
  /** [outFeatures, inFeatures]. */
  readonly weight: Parameter
  /** [outFeatures], or null. */
  readonly bias: Parameter | null

  /**
   * @param inFeatures size of the input's last dimension
   * @param outFeatures size of the result's
   * @throws {ArgumentError} for a size below 1 or an unknown option
   */
  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    options: LinearOptions = {},
  ) {
    super()
    checkOptions('Linear', options, ['bias'])
    const { bias = true } = options
    if (![inFeatures, outFeatures].every((n) => Number.isInteger(n) && n > 0)) {
      throw new ArgumentError(
        `Linear: features are whole numbers of at least 1, got ${kindOf(inFeatures)} and ${kindOf(outFeatures)}`,
      )
    }
    checkBoolean('Linear', 'bias', bias)
    const shape = [outFeatures, inFeatures]
    this.weight = uniformByFanIn(shape, fanIn(shape))
    this.bias = bias ? uniformByFanIn([outFeatures], fanIn(shape)) : null
  }

  /** `linear(x, weight, bias)`. @throws {ShapeError} for another last dimension */
  override forward(x: Tensor): Tensor {
    if (!(x instanceof Tensor) || x.shape.at(-1) !== this.inFeatures) this.#refuse(x)
    return linear(x, this.weight, this.bias)
  }

  #refuse(x: unknown): never {
    const name = `Linear(${this.inFeatures}, ${this.outFeatures})`
    checkTensor(name, 'input', x)
    throw new ShapeError(`${name}: expected an input of shape [..., ${this.inFeatures}], got [${x.shape}]`)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return Linear.prototype.forward
  }

  override extraRepr(): string {
    return `inFeatures=${this.inFeatures}, outFeatures=${this.outFeatures}, bias=${this.bias !== null}`
  }
}
