import { checkNumber, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { checkStrays, own } from '../tensor/strays.js'
import { Tensor } from '../tensor/tensor.js'

/** What all optimisers share: their parameters, and the learning rate, which may be changed at any time. */
export abstract class Optimizer {
  /** What it changes. */
  readonly parameters: readonly Tensor[]
  readonly #name: string
  #lr = 0

  /**
   * @param name of the optimiser, for errors
   * @param parameters what it changes
   * @param lr the learning rate; it may be set at any time, as by a schedule
   * @throws {ArgumentError} for what are no tensors, none, or one given twice; for a learning rate below 0
   */
  constructor(name: string, parameters: Iterable<Tensor>, lr: number) {
    this.#name = name
    this.parameters = parametersOf(name, parameters)
    this.lr = lr
    // A gradient lies in rows; so must what it is taken from.
    for (const parameter of this.parameters) {
      parameter.toRows_()
      own(parameter)
    }
  }

  /** The learning rate. @throws {ArgumentError} when set to what is no number of at least 0 */
  get lr(): number {
    return this.#lr
  }

  set lr(lr: number) {
    checkNumber(this.#name, 'lr', lr, { least: 0 })
    this.#lr = lr
  }

  /**
   * Changes every parameter that has a gradient, in place: all of them, or, where memory does not suffice for what
   * the optimiser keeps of them, none.
   *
   * @throws {ArgumentError} where a net used a parameter with a gradient that it does not have as a field
   */
  step(): void {
    checkStrays(this.#name, this.parameters)
    for (const parameter of this.parameters) {
      const gradient = parameter.ownGradient
      if (gradient) this.prepare(parameter, gradient)
    }
    for (const parameter of this.parameters) {
      const gradient = parameter.ownGradient
      if (gradient) this.update(parameter, gradient)
    }
  }

  /** Makes what the optimiser keeps of a parameter, and brings all that `update` needs into wasm memory (`touch`). */
  protected abstract prepare(parameter: Tensor, gradient: Tensor): void

  /** One parameter's step, which can't fail any more. */
  protected abstract update(parameter: Tensor, gradient: Tensor): void

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const parameter of this.parameters) parameter.zeroGrad()
  }
}

/** The parameters, looked through. @throws {ArgumentError} */
function parametersOf(name: string, parameters: Iterable<Tensor>): Tensor[] {
  if (typeof parameters !== 'object' || parameters === null || !(Symbol.iterator in parameters)) {
    const cure =
      parameters && 'parameters' in (parameters as object)
        ? 'pass net.parameters()'
        : 'such as net.parameters()'
    throw new ArgumentError(`${name}: expected the parameters to change, got ${kindOf(parameters)}; ${cure}`)
  }
  const all = [...parameters]
  if (all.length === 0) {
    throw new ArgumentError(`${name}: got no parameters; pass net.parameters()`)
  }
  for (const [i, parameter] of all.entries()) {
    if (parameter instanceof Tensor) continue
    const group = typeof parameter === 'object' && parameter !== null && 'params' in parameter
    const cure = group ? '; parameter groups are not supported: make an optimiser for each' : ''
    throw new ArgumentError(
      `${name}: element ${i} of the parameters is no tensor but ${kindOf(parameter)}${cure}`,
    )
  }
  for (const [i, parameter] of all.entries()) {
    if (all.indexOf(parameter) === i) continue
    throw new ArgumentError(
      `${name}: element ${i} of the parameters (shape [${parameter.shape}]) is there twice, and would be stepped twice; net.parameters() has each once`,
    )
  }
  return all
}

/** Brings a tensor into wasm memory; it stays there till the step ends. */
export function touch(tensor: Tensor): void {
  void tensor.storage.address
}
