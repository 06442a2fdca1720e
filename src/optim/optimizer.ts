import type { Tensor } from '../autograd/tensor.js'
import { ArgumentError } from '../errors.js'

/** What all optimisers share: their parameters, and the learning rate, which may be changed at any time. */
export abstract class Optimizer {
  /** What it changes. */
  readonly parameters: readonly Tensor[]

  /**
   * @param name of the optimiser, for errors
   * @param parameters what it changes
   * @param lr the learning rate; it may be set at any time, as by a schedule
   * @throws {ArgumentError} for no parameters, or a learning rate below 0
   */
  constructor(
    name: string,
    parameters: Iterable<Tensor>,
    public lr: number,
  ) {
    this.parameters = [...parameters]
    if (this.parameters.length === 0) {
      throw new ArgumentError(`${name}: got no parameters; pass net.parameters()`)
    }
    atLeast(name, 'lr', lr, 0)
    // A gradient lies in rows; so must what it is taken from.
    for (const parameter of this.parameters) parameter.toRows_()
  }

  /** Changes every parameter that has a gradient, in place. */
  abstract step(): void

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const parameter of this.parameters) parameter.zeroGrad()
  }
}

/** @throws {ArgumentError} unless `value` is a number of at least `least` (and, if given, below `below`) */
export function atLeast(name: string, option: string, value: number, least: number, below?: number): void {
  if (!(value >= least) || (below !== undefined && !(value < below)) || !Number.isFinite(value)) {
    const range = below === undefined ? `of at least ${least}` : `from ${least} to below ${below}`
    throw new ArgumentError(`${name}: ${option} is a number ${range}, got ${value}`)
  }
}
