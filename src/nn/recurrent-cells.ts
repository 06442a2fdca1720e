/** One step of the recurrent layers, for loops of a user's own. */
import { reshape } from '../autograd/ops/rearrange.js'
import { type Cell, GATES, recurrent } from '../autograd/ops/recurrent.js'
import { checkBoolean, checkOptions, kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { scoped } from '../tensor/scope.js'
import { sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { uniformByFanIn } from './init.js'
import { type AnyModule, Module, type Parameter } from './module.js'
import { checkNonlinearity, checkPair, type LSTMState } from './recurrent.js'
import { checkSizes, type States } from './recurrent-base.js'

/** Options of the cells. */
export interface CellOptions {
  /** Whether there are biases. Default true. */
  bias?: boolean
}

/** Options of RNNCell. */
export interface RNNCellOptions extends CellOptions {
  /** The function of a step, 'tanh' or 'relu'. Default 'tanh'. */
  nonlinearity?: 'tanh' | 'relu'
}

/** A cell: `State` is what it takes and gives. */
export abstract class CellBase<State> extends Module<[x: Tensor, hx?: State | null], State> {
  /** [gates · H, I]. */
  readonly weightIh: Parameter
  /** [gates · H, H]. */
  readonly weightHh: Parameter
  /** [gates · H], or null. */
  readonly biasIh: Parameter | null
  /** [gates · H], or null. */
  readonly biasHh: Parameter | null
  readonly #cell: Cell
  readonly #name: string

  /** @internal */
  constructor(
    name: string,
    cell: Cell,
    /** Size of an input. */
    readonly inputSize: number,
    /** Size of a state. */
    readonly hiddenSize: number,
    bias: boolean,
  ) {
    super()
    checkSizes(name, inputSize, hiddenSize)
    checkBoolean(name, 'bias', bias)
    this.#name = name
    this.#cell = cell
    const rows = GATES[cell] * hiddenSize
    this.weightIh = uniformByFanIn([rows, inputSize], hiddenSize)
    this.weightHh = uniformByFanIn([rows, hiddenSize], hiddenSize)
    this.biasIh = bias ? uniformByFanIn([rows], hiddenSize) : null
    this.biasHh = bias ? uniformByFanIn([rows], hiddenSize) : null
  }

  /** One of its class whose fields are to be copied from this one (copy.ts). @internal */
  blank(): AnyModule {
    const given = [this.#name, this.#cell, this.inputSize, this.hiddenSize, false]
    return Reflect.construct(CellBase, given, this.constructor)
  }

  /** One step; to be called in a scope. */
  protected run(x: Tensor, given: States | undefined): States {
    if (!(x instanceof Tensor)) {
      throw new ArgumentError(
        `${this.#name}: the input is a tensor, got ${kindOf(x)}; make one with tensor(…)`,
      )
    }
    const { inputSize, hiddenSize } = this
    if (x.shape.length < 1 || x.shape.length > 2 || x.shape.at(-1) !== inputSize) {
      throw new ShapeError(
        `${this.#name}: expected an input of shape [N, ${inputSize}] or [${inputSize}] (inputSize), got [${x.shape}]`,
      )
    }
    const batch = x.shape.slice(0, -1)
    const n = batch[0] ?? 1
    const first = (what: string, state: unknown) => {
      if (state === undefined) return undefined
      if (!(state instanceof Tensor)) {
        throw new ArgumentError(`${this.#name}: the state ${what} is a tensor, got ${kindOf(state)}`)
      }
      if (!sameShape(state.shape, [...batch, hiddenSize])) {
        throw new ShapeError(
          `${this.#name}: expected a state ${what} of shape [${[...batch, hiddenSize]}], got [${state.shape}]`,
        )
      }
      return reshape(state, [n, hiddenSize])
    }
    const [h0, c0] = [first('h', given?.h), first('c', given?.c)]
    const weights = {
      weightIh: this.weightIh,
      weightHh: this.weightHh,
      biasIh: this.biasIh ?? undefined,
      biasHh: this.biasHh ?? undefined,
    }
    const attributes = { cell: this.#cell, reverse: false }
    const { h, c } = recurrent(reshape(x, [1, n, inputSize]), weights, h0, c0, attributes)
    const shaped = (state: Tensor) => reshape(state, [...batch, hiddenSize])
    return { h: shaped(h), c: c && shaped(c) }
  }

  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.biasIh === null ? ', bias=false' : ''}`
  }
}

/** One step of RNN. https://pytorch.org/docs/stable/generated/torch.nn.RNNCell.html */
export class RNNCell extends CellBase<Tensor> {
  /** The function of a step. */
  readonly nonlinearity: 'tanh' | 'relu'

  /**
   * @param inputSize size of an input
   * @param hiddenSize size of a state
   * @param options bias, nonlinearity
   * @throws {ArgumentError} for a size below 1, or an option that is unknown or out of range
   */
  constructor(inputSize: number, hiddenSize: number, options: RNNCellOptions = {}) {
    checkOptions('RNNCell', options, ['bias', 'nonlinearity'])
    const { bias = true, nonlinearity = 'tanh' } = options
    checkNonlinearity('RNNCell', nonlinearity)
    super('RNNCell', nonlinearity, inputSize, hiddenSize, bias)
    this.nonlinearity = nonlinearity
  }

  /**
   * One step.
   *
   * @param x [N, I] or [I]
   * @param hx the state before, [N, H] or [H]; default 0
   * @returns the next state
   * @throws {ShapeError} for other shapes
   * @throws {ArgumentError} for what is no tensor
   */
  override forward(x: Tensor, hx?: Tensor | null): Tensor {
    return scoped(() => this.run(x, hx ? { h: hx } : undefined).h)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return RNNCell.prototype.forward
  }
}

/** One step of GRU. https://pytorch.org/docs/stable/generated/torch.nn.GRUCell.html */
export class GRUCell extends CellBase<Tensor> {
  /**
   * @param inputSize size of an input
   * @param hiddenSize size of a state
   * @param options bias
   * @throws {ArgumentError} for a size below 1, or an option that is unknown or out of range
   */
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    checkOptions('GRUCell', options, ['bias'])
    super('GRUCell', 'gru', inputSize, hiddenSize, options.bias ?? true)
  }

  /**
   * One step; errors are as of RNNCell.
   *
   * @param x [N, I] or [I]
   * @param hx the state before, [N, H] or [H]; default 0
   * @returns the next state
   */
  override forward(x: Tensor, hx?: Tensor | null): Tensor {
    return scoped(() => this.run(x, hx ? { h: hx } : undefined).h)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return GRUCell.prototype.forward
  }
}

/** One step of LSTM. https://pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html */
export class LSTMCell extends CellBase<LSTMState> {
  /**
   * @param inputSize size of an input
   * @param hiddenSize size of a state
   * @param options bias
   * @throws {ArgumentError} for a size below 1, or an option that is unknown or out of range
   */
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    checkOptions('LSTMCell', options, ['bias'])
    super('LSTMCell', 'lstm', inputSize, hiddenSize, options.bias ?? true)
  }

  /**
   * One step.
   *
   * @param x [N, I] or [I]
   * @param hx the states [h, c] before, each [N, H] or [H]; default 0
   * @returns the next [h, c]
   * @throws {ShapeError} for other shapes
   * @throws {ArgumentError} for what is no tensor, or states that are no pair of them
   */
  override forward(x: Tensor, hx?: LSTMState | null): [h: Tensor, c: Tensor] {
    checkPair('LSTMCell', hx)
    return scoped(() => {
      const { h, c } = this.run(x, hx ? { h: hx[0], c: hx[1] } : undefined)
      if (!c) throw new Error('an LSTM has a cell')
      return [h, c]
    })
  }

  /** @internal */
  override get libraryForward(): unknown {
    return LSTMCell.prototype.forward
  }
}
