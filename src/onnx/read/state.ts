/** A graph's weights as a tree of modules, under the names that the file has for them: as of a state dict. */
import { ArgumentError } from '../../errors.js'
import { AnyModule } from '../../nn/module.js'
import { Parameter } from '../../nn/parameter.js'
import type { Tensor } from '../../tensor/tensor.js'

/** Weights and further branches, by name. */
abstract class OnnxTree<Inputs extends readonly unknown[], Output> extends AnyModule<Inputs, Output> {
  readonly #children = new Map<string, OnnxBranch>()
  readonly #parameters = new Map<string, Parameter>()

  /** @internal Puts a tensor under a path such as `stage1.0.weight`; gives the path that it got. */
  put(path: string, tensor: Tensor): string {
    const parts = path.split('.').map((part) => part || '_')
    const last = parts.pop() ?? '_'
    let branch: Walked = this
    const names: string[] = []
    for (const part of parts) {
      const [name, child] = branch.child(part)
      names.push(name)
      branch = child
    }
    return [...names, branch.keep(last, tensor)].join('.')
  }

  /** @internal Keeps a tensor under a name, or one like it that is free. */
  keep(wanted: string, tensor: Tensor): string {
    let name = wanted
    while (this.#isTaken(name, tensor)) name += '_'
    if (tensor instanceof Parameter) this.#parameters.set(name, tensor)
    else this.registerBuffer(name, tensor)
    return name
  }

  /** @internal The branch of a name, or of one like it that is free. */
  child(part: string): [name: string, child: OnnxBranch] {
    let name = part
    while (this.#parameters.has(name) || this.namedBuffers().some(([path]) => path === name)) name += '_'
    const known = this.#children.get(name)
    if (known) return [name, known]
    const child = new OnnxBranch()
    this.#children.set(name, child)
    return [name, child]
  }

  #isTaken(name: string, tensor: Tensor): boolean {
    if (this.#parameters.has(name) || this.#children.has(name)) return true
    // A buffer is a field.
    return !(tensor instanceof Parameter) && name in this
  }

  /** @internal */
  override ownEntries(): [name: string, value: unknown][] {
    return [...super.ownEntries(), ...this.#children, ...this.#parameters]
  }
}

/** What can be walked down. */
interface Walked {
  child(part: string): [name: string, child: Walked]
  keep(wanted: string, tensor: Tensor): string
}

/** A part of an `OnnxNet`: its weights below a dot. */
export class OnnxBranch extends OnnxTree<readonly never[], never> {
  /** A branch computes nothing. @throws {ArgumentError} always */
  override forward(): never {
    throw new ArgumentError('OnnxBranch: it has weights alone; call the forward of the whole net')
  }
}

export { OnnxTree }
