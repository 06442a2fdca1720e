/** What the initialisers fill. */
import { kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { Tensor } from '../tensor/tensor.js'

/** In rows, as what is filled must be. @throws {ArgumentError} for what is no tensor */
export function rows(name: string, x: Tensor): Tensor {
  if (!(x instanceof Tensor)) {
    throw new ArgumentError(`${name}: expected the tensor to fill, such as layer.weight, got ${kindOf(x)}`)
  }
  return x.toRows_()
}
