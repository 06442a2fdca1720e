import type { Tensor } from '../autograd/tensor.js'
import { BatchNorm2d } from './batch-norm.js'
import { MaxPool2d, ReLU } from './layers.js'
import { Module } from './module.js'

/**
 * Modules one after the other, by the names '0', '1' and so on. https://pytorch.org/docs/stable/generated/torch.nn.Sequential.html
 *
 * What passes between two layers of the library is seen by nobody else, so its memory is freed by
 * `backward()`, or at once when nothing records. And neighbours whose values come out the same run in
 * another order, or as one: see `commuted` and `forward`.
 */
export class Sequential extends Module {
  /** @internal */
  override readonly keepsNothing: boolean
  /** @internal */
  override readonly marksKept: boolean
  /** In the order that they were given in. */
  readonly modules: readonly Module[]
  /** In the order in which they run. */
  readonly #order: readonly Module[]

  /** @param modules any number, none of which may be missing */
  constructor(...modules: Module[]) {
    super()
    this.modules = modules
    this.#order = commuted(modules)
    this.marksKept = this.forward === Sequential.prototype.forward
    this.keepsNothing = this.marksKept && modules.every((module) => module.keepsNothing)
  }

  override namedChildren(): [name: string, module: Module][] {
    return this.modules.map((module, i) => [String(i), module])
  }

  /** The last module's result for the first one's input `x`; errors are the modules' own. */
  override forward(x: Tensor): Tensor {
    const order = this.#order
    let current = x
    /** Who made `current`; undefined where it is the input. */
    let maker: Module | undefined
    for (let i = 0; i < order.length; i++) {
      let module = order[i]
      let next: Tensor
      if (module instanceof BatchNorm2d && module.keepsNothing && poolsIt(order[i + 1], current)) {
        next = module.forwardMaxPool2d(current)
        module = order[++i]
      } else {
        if (!module.keepsNothing && !module.marksKept) current.kept = true
        next = module.forward(current)
        if (!module.keepsNothing && !module.marksKept) next.kept = true
      }
      if (next !== current) {
        if (maker?.keepsNothing && module.keepsNothing) {
          if (current.producer || next.producer) current.internal = true
          if (!next.producer) current.dispose()
        }
        maker = module
      }
      current = next
    }
    return current
  }
}

/** Whether pooling in windows of 2 × 2 comes next, which batch normalisation can do on the way. */
function poolsIt(next: Module | undefined, { shape }: Tensor): boolean {
  const halves = next instanceof MaxPool2d && next.keepsNothing && next.halves
  return halves && shape.length === 4 && shape[2] % 2 === 0 && shape[3] % 2 === 0
}

/**
 * ReLU grows with its argument, so ReLU and max pooling commute; after the pooling it has less to do. The
 * gradients are the same too: where a window's largest value is not above 0, none passes either way.
 */
function commuted(modules: readonly Module[]): Module[] {
  const order = [...modules]
  for (let i = 0; i + 1 < order.length; i++) {
    const [first, second] = [order[i], order[i + 1]]
    if (!(first instanceof ReLU && second instanceof MaxPool2d)) continue
    if (first.keepsNothing && second.keepsNothing) order.splice(i, 2, second, first)
  }
  return order
}
