import { fusing } from '../autograd/fusion.js'
import { FUSIONS } from '../autograd/fusions.js'
import { scoped } from '../tensor/scope.js'
import type { Tensor } from '../tensor/tensor.js'
import { callForward } from './layer.js'
import { Module } from './module.js'
import { checkModules } from './module-list.js'

/**
 * Modules one after the other, by the names '0', '1' and so on. https://pytorch.org/docs/stable/generated/torch.nn.Sequential.html
 *
 * What passes between two layers of the library is seen by nobody else, so its memory is freed as soon as the next
 * layer has it and backward does not need it, and neighbours may run as one (see autograd/fusion.ts).
 */
export class Sequential extends Module {
  readonly #modules: readonly Module[]

  /**
   * @param modules any number
   * @throws {ArgumentError} for what is no module
   */
  constructor(...modules: Module[]) {
    super()
    checkModules('Sequential', modules)
    this.#modules = modules
  }

  /** In the order that they were given in. */
  get modules(): readonly Module[] {
    return this.#modules
  }

  override namedChildren(): [name: string, module: Module][] {
    return this.#modules.map((module, i) => [String(i), module])
  }

  /** The last module's result for the first one's input `x`; errors are the modules' own. */
  override forward(x: Tensor): Tensor {
    return scoped((scope) =>
      fusing(FUSIONS, () => {
        let current = x
        /** What was passed on, and may still be needed by a call that is held back. */
        let passed: Tensor[] = []
        for (const module of this.#modules) {
          const next = callForward(module, current)
          if (next === current) continue
          passed.push(current)
          current = next
          if (current.isDeferred) continue
          for (const one of passed) scope.release(one)
          passed = []
        }
        return current
      }),
    )
  }

  /** @internal */
  override get libraryForward(): unknown {
    return Sequential.prototype.forward
  }
}
