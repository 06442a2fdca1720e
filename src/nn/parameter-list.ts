import { kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { Module, Parameter } from './module.js'

/**
 * Parameters in a list, by the names '0', '1' and so on: what a field of several must be, since parameters in a plain
 * array are not found. https://pytorch.org/docs/stable/generated/torch.nn.ParameterList.html
 */
export class ParameterList extends Module implements Iterable<Parameter> {
  readonly #parameters: Parameter[] = []

  /**
   * @param parameters any number. (PyTorch makes parameters of tensors; here each is one.)
   * @throws {ArgumentError} for what is no array of parameters
   */
  constructor(parameters: Iterable<Parameter> = []) {
    super()
    this.#add('ParameterList', parameters)
  }

  #add(name: string, parameters: Iterable<Parameter>): void {
    if (typeof parameters !== 'object' || parameters === null || !(Symbol.iterator in parameters)) {
      throw new ArgumentError(`${name}: expected an array of parameters, got ${kindOf(parameters)}`)
    }
    const all = [...parameters]
    for (const [i, one] of all.entries()) {
      if (one instanceof Parameter) continue
      throw new ArgumentError(
        `${name}: element ${i} is no parameter but ${kindOf(one)}; make one with new nn.Parameter(…)`,
      )
    }
    this.#parameters.push(...all)
  }

  /** How many there are. */
  get length(): number {
    return this.#parameters.length
  }

  /** The parameter at `index`, which may count from the end; undefined where there is none. */
  at(index: number): Parameter | undefined {
    return this.#parameters.at(index)
  }

  /** Adds a `parameter` at the end. @throws {ArgumentError} for what is no parameter */
  append(parameter: Parameter): this {
    this.#add('ParameterList.append', [parameter])
    return this
  }

  /** Adds several `parameters` at the end: all or, where one is no parameter, none. @throws {ArgumentError} for what is no array of parameters */
  extend(parameters: Iterable<Parameter>): this {
    this.#add('ParameterList.extend', parameters)
    return this
  }

  /** The parameters in their order. */
  [Symbol.iterator](): Iterator<Parameter> {
    return this.#parameters[Symbol.iterator]()
  }

  /** @internal */
  override ownEntries(): [name: string, value: unknown][] {
    return [
      ...super.ownEntries(),
      ...this.#parameters.map((parameter, i): [string, unknown] => [String(i), parameter]),
    ]
  }

  override extraRepr(): string {
    return this.#parameters.map(({ shape }, i) => `(${i}): Parameter of shape [${shape}]`).join(', ')
  }

  /** A list computes nothing. @throws {ArgumentError} always */
  override forward(): never {
    throw new ArgumentError('ParameterList: a list has no forward; use its parameters')
  }
}
