import { nn, Tensor } from 'simdgrad'
import { type OperationCase, resolve } from './fixtures.js'

/** A net that is one operation: a case of operations.json. */
export class OperationNet extends nn.Module<Tensor[]> {
  constructor(readonly own: OperationCase) {
    super()
  }

  forward(...tensors: Tensor[]): Tensor {
    const { op, target, args, part } = this.own
    const resolved = resolve(args, tensors) as unknown[]
    const owner: object = target === 'method' ? (resolved[0] as Tensor) : nn.functional
    const operation = Reflect.get(owner, op) as (...given: unknown[]) => unknown
    const all = operation.apply(owner, target === 'method' ? resolved.slice(1) : resolved)
    const result: unknown = part === undefined ? all : Reflect.get(all as object, part)
    if (!(result instanceof Tensor)) throw new Error(`${op} did not give a tensor`)
    return result
  }
}
