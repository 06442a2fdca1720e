import { checkTensor } from '../autograd/arguments.js'
import { checkBoolean } from '../check.js'
import { Tensor } from '../tensor/tensor.js'

/** A tensor that a Module trains: `requiresGrad` is true, and a Module that has it as a field collects it. */
export class Parameter extends Tensor {
  /**
   * @param values the first values, whose memory the parameter shares
   * @param requiresGrad false freezes it. Default true
   * @throws {ArgumentError} for values that are no tensor
   */
  constructor(values: Tensor, requiresGrad = true) {
    checkTensor('Parameter', 'value', values)
    checkBoolean('Parameter', 'requiresGrad', requiresGrad)
    // Shared, so that `values` may be disposed of; what lies in lanes is copied.
    super(values.storage.retain(), values.shape, requiresGrad)
    this.toRows_()
  }

  /** As of a tensor, below a line that says that it is a parameter. */
  override toString(): string {
    return `Parameter containing:\n${super.toString()}`
  }
}
