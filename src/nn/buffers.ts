/** Buffers: tensors of a module's state that are not trained. */
import { checkField, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { Tensor } from '../tensor/tensor.js'

/**
 * Keeps `buffer` among a module's `buffers`, and lets the field of that name give it.
 * @throws {ArgumentError} for a name that can't be, or is taken, and for what is no tensor
 */
export function addBuffer(module: object, buffers: Map<string, Tensor>, name: string, buffer: Tensor): void {
  checkField('registerBuffer', name)
  if (name in module && !buffers.has(name)) {
    throw new ArgumentError(
      `registerBuffer: the name '${name}' is taken: ${module.constructor.name} has such a field`,
    )
  }
  if (!(buffer instanceof Tensor)) {
    throw new ArgumentError(`registerBuffer: the buffer '${name}' is a tensor, got ${kindOf(buffer)}`)
  }
  buffers.set(name, buffer)
  Object.defineProperty(module, name, {
    configurable: true,
    enumerable: false,
    get: () => buffers.get(name),
    set: () => {
      throw new ArgumentError(
        `${module.constructor.name}: the buffer '${name}' is not replaced but written, with copy_, so that it stays out of the graph`,
      )
    },
  })
}
