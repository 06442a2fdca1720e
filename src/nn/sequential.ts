import type { Tensor } from '../autograd/tensor.js'
import { Module } from './module.js'

/**
 * Modules one after the other. https://pytorch.org/docs/stable/generated/torch.nn.Sequential.html
 *
 * What passes between two layers of the library is seen by nobody else, so its memory is freed by
 * `backward()`, or at once when nothing records.
 */
export class Sequential extends Module {
  override readonly keepsNothing: boolean
  readonly modules: readonly Module[]

  constructor(...modules: Module[]) {
    super()
    this.modules = modules
    this.keepsNothing =
      this.forward === Sequential.prototype.forward && modules.every((module) => module.keepsNothing)
  }

  override namedChildren(): [name: string, module: Module][] {
    return this.modules.map((module, i) => [String(i), module])
  }

  override forward(x: Tensor): Tensor {
    let current = x
    /** Who made `current`; undefined where it is the input. */
    let maker: Module | undefined
    for (const module of this.modules) {
      const next = module.forward(current)
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
