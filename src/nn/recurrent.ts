/** The recurrent layers. */
import { checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { scoped } from '../tensor/scope.js'
import type { Tensor } from '../tensor/tensor.js'
import { RECURRENT_OPTIONS, RecurrentBase, type RecurrentOptions } from './recurrent-base.js'

/** Options of RNN. */
export interface RNNOptions extends RecurrentOptions {
  /** The function of a step, 'tanh' or 'relu'. Default 'tanh'. */
  nonlinearity?: 'tanh' | 'relu'
}

/** @throws {ArgumentError} unless it is one of both */
export function checkNonlinearity(layer: string, value: unknown): asserts value is 'tanh' | 'relu' {
  if (value === 'tanh' || value === 'relu') return
  throw new ArgumentError(`${layer}: nonlinearity is 'tanh' or 'relu', got ${kindOf(value)}`)
}

/**
 * An Elman network: `h' = tanh(x·Wᵢₕᵀ + bᵢₕ + h·Wₕₕᵀ + bₕₕ)` from step to step.
 * https://pytorch.org/docs/stable/generated/torch.nn.RNN.html
 *
 * Parameters are `weightIhL0`, `weightHhL0`, `biasIhL0`, `biasHhL0`, `weightIhL0Reverse` and so on, uniform in
 * ±1 / √hiddenSize at first; the state dict has them by PyTorch's names (`weight_ih_l0`).
 */
export class RNN extends RecurrentBase<Tensor> {
  /** The function of a step. */
  readonly nonlinearity: 'tanh' | 'relu'

  /**
   * @param inputSize size of an input's step
   * @param hiddenSize size of a state
   * @param options numLayers, nonlinearity, bias, batchFirst, dropout, bidirectional
   * @throws {ArgumentError} for a size below 1, or an option that is unknown or out of range
   */
  constructor(inputSize: number, hiddenSize: number, options: RNNOptions = {}) {
    checkOptions('RNN', options, [...RECURRENT_OPTIONS, 'nonlinearity'])
    const { nonlinearity = 'tanh' } = options
    checkNonlinearity('RNN', nonlinearity)
    super('RNN', nonlinearity, inputSize, hiddenSize, options, [...RECURRENT_OPTIONS, 'nonlinearity'])
    this.nonlinearity = nonlinearity
  }

  /**
   * All steps, layer by layer.
   *
   * @param x [T, N, I], with `batchFirst` [N, T, I]; without a batch [T, I]
   * @param hx the first states, [layers · directions, N, H] or, without a batch, [layers · directions, H]; default 0
   * @returns all states of the last layer, [T, N, directions · H], and the last of each layer, shaped as `hx`
   * @throws {ShapeError} for other shapes, or no step
   * @throws {ArgumentError} for what is no tensor
   */
  override forward(x: Tensor, hx?: Tensor | null): [output: Tensor, h: Tensor] {
    return scoped(() => {
      const { output, h } = this.run(x, hx ? { h: hx } : undefined)
      return [output, h]
    })
  }

  /** @internal */
  override get libraryForward(): unknown {
    return RNN.prototype.forward
  }

  /** Sizes and the options that differ from their defaults. */
  override extraRepr(): string {
    const relu = this.nonlinearity === 'relu' ? ", nonlinearity='relu'" : ''
    return super.extraRepr() + relu
  }
}

/**
 * Gated recurrent units (Cho et al., 2014), with gates in the order r, z, n; parameters as of RNN.
 * https://pytorch.org/docs/stable/generated/torch.nn.GRU.html
 */
export class GRU extends RecurrentBase<Tensor> {
  /**
   * @param inputSize size of an input's step
   * @param hiddenSize size of a state
   * @param options numLayers, bias, batchFirst, dropout, bidirectional
   * @throws {ArgumentError} for a size below 1, or an option that is unknown or out of range
   */
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super('GRU', 'gru', inputSize, hiddenSize, options)
  }

  /**
   * All steps, layer by layer; errors are as of RNN.
   *
   * @param x [T, N, I], with `batchFirst` [N, T, I]; without a batch [T, I]
   * @param hx the first states, [layers · directions, N, H] or, without a batch, [layers · directions, H]; default 0
   * @returns all states of the last layer, [T, N, directions · H], and the last of each layer, shaped as `hx`
   */
  override forward(x: Tensor, hx?: Tensor | null): [output: Tensor, h: Tensor] {
    return scoped(() => {
      const { output, h } = this.run(x, hx ? { h: hx } : undefined)
      return [output, h]
    })
  }

  /** @internal */
  override get libraryForward(): unknown {
    return GRU.prototype.forward
  }
}

/** Options of LSTM. */
export interface LSTMOptions extends RecurrentOptions {
  /**
   * P, to which each step's h is projected (Sak et al., 2014): outputs and h are [.., P], and c stays [.., H]. Below
   * hiddenSize. Default 0: none.
   */
  projSize?: number
}

/** An LSTM's states: h and c. */
export type LSTMState = readonly [h: Tensor, c: Tensor]

/**
 * Long short-term memory (Hochreiter and Schmidhuber, 1997), with gates in the order i, f, g, o; parameters as of RNN.
 * https://pytorch.org/docs/stable/generated/torch.nn.LSTM.html
 */
export class LSTM extends RecurrentBase<LSTMState> {
  /**
   * @param inputSize size of an input's step
   * @param hiddenSize size of a state
   * @param options numLayers, bias, batchFirst, dropout, bidirectional, projSize
   * @throws {ArgumentError} for a size below 1, or an option that is unknown or out of range
   */
  constructor(inputSize: number, hiddenSize: number, options: LSTMOptions = {}) {
    super('LSTM', 'lstm', inputSize, hiddenSize, options, [...RECURRENT_OPTIONS, 'projSize'])
  }

  /**
   * All steps, layer by layer.
   *
   * @param x [T, N, I], with `batchFirst` [N, T, I]; without a batch [T, I]
   * @param hx the first states [h, c], each as RNN's `hx`; default 0
   * @returns all h of the last layer, [T, N, directions · H], and the last [h, c] of each layer; with `projSize` h has P
   *   in place of H
   * @throws {ShapeError} for other shapes, or no step
   * @throws {ArgumentError} for what is no tensor, or states that are no pair of them
   */
  override forward(x: Tensor, hx?: LSTMState | null): [output: Tensor, state: [h: Tensor, c: Tensor]] {
    checkPair('LSTM', hx)
    return scoped(() => {
      const { output, h, c } = this.run(x, hx ? { h: hx[0], c: hx[1] } : undefined)
      if (!c) throw new Error('an LSTM has a cell')
      return [output, [h, c]]
    })
  }

  /** @internal */
  override get libraryForward(): unknown {
    return LSTM.prototype.forward
  }
}

/** @throws {ArgumentError} unless it is a pair, or nothing */
export function checkPair(layer: string, hx: unknown): void {
  if (hx === undefined || hx === null) return
  if (!Array.isArray(hx) || hx.length !== 2 || hx[0] === undefined || hx[1] === undefined) {
    throw new ArgumentError(`${layer}: the first states are a pair [h, c], got ${kindOf(hx)}`)
  }
}
