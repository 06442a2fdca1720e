import { Tensor } from '../tensor/tensor.js'

/** Makes operations methods of Tensor, by their names: `this` is the first argument. */
export function addMethods(operations: {
  readonly [name: string]: (x: Tensor, ...rest: never[]) => unknown
}): void {
  for (const [name, apply] of Object.entries(operations)) {
    Object.defineProperty(Tensor.prototype, name, {
      value(this: Tensor, ...rest: never[]) {
        return apply(this, ...rest)
      },
    })
  }
}
