/** What RNN, LSTM and GRU share: their options, parameters, checks, and the walk through layers and directions. */
import { dropout } from '../autograd/ops/dropout.js'
import { projected } from '../autograd/ops/projected.js'
import { cat, permute, reshape, slice } from '../autograd/ops/rearrange.js'
import { type Cell, GATES, type RecurrentWeights, recurrent } from '../autograd/ops/recurrent.js'
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { type Shape, sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { uniformByFanIn } from './init.js'
import { type AnyModule, Module, Parameter } from './module.js'

/** Options of the recurrent layers. */
export interface RecurrentOptions {
  /** Layers, each of which has the outputs of the one before as its input. Default 1. */
  numLayers?: number
  /** Whether there are biases. Default true. */
  bias?: boolean
  /** Whether inputs and outputs are [N, T, …] instead of [T, N, …]; states stay [layers, N, H]. Default false. */
  batchFirst?: boolean
  /** Probability of dropout on the outputs of each layer but the last, in training. Default 0. */
  dropout?: number
  /** Whether each layer goes both ways; its outputs are then 2·H wide. Default false. */
  bidirectional?: boolean
}

export const RECURRENT_OPTIONS = ['numLayers', 'bias', 'batchFirst', 'dropout', 'bidirectional'] as const

/** @throws {ArgumentError} unless both are whole numbers of at least 1 */
export function checkSizes(layer: string, inputSize: number, hiddenSize: number): void {
  checkNumber(layer, 'inputSize', inputSize, { least: 1, whole: true })
  checkNumber(layer, 'hiddenSize', hiddenSize, { least: 1, whole: true })
}

/** All states of all layers, by name: an LSTM has two. */
export interface States {
  h: Tensor
  c?: Tensor | undefined
}

/** A recurrent layer: `State` is what it takes as its first state and gives as its last. */
export abstract class RecurrentBase<State> extends Module<
  [x: Tensor, hx?: State | null],
  [output: Tensor, state: State]
> {
  /** `weightIhL0` [gates · H, I], `weightHhL0` [gates · H, H], with `projSize` P [gates · H, P] and `weightHrL0` [P, H]; `weightIhL1`, `weightIhL0Reverse` and so on. */
  readonly [weight: `weight${string}`]: Parameter
  /** `biasIhL0` and `biasHhL0`, [gates · H], and so on; undefined without biases. */
  readonly [bias: `bias${string}`]: Parameter | undefined
  /** Layers. */
  readonly numLayers: number
  /** Whether inputs and outputs are [N, T, …]. */
  readonly batchFirst: boolean
  /** Probability of dropout between layers. */
  readonly dropout: number
  /** Whether each layer goes both ways. */
  readonly bidirectional: boolean
  /** Whether there are biases. */
  readonly hasBias: boolean
  /** Size of a step's output, and of h: the hidden size, or an LSTM's `projSize`. */
  readonly outputSize: number
  readonly #cell: Cell
  readonly #name: string

  /** @internal */
  constructor(
    name: string,
    cell: Cell,
    /** Size of an input's step. */
    readonly inputSize: number,
    /** Size of a state. */
    readonly hiddenSize: number,
    options: RecurrentOptions & { projSize?: number },
    known: readonly string[] = RECURRENT_OPTIONS,
  ) {
    super()
    checkOptions(name, options, known)
    const { numLayers = 1, bias = true, batchFirst = false, dropout = 0, bidirectional = false } = options
    checkSizes(name, inputSize, hiddenSize)
    checkNumber(name, 'numLayers', numLayers, { least: 1, whole: true })
    checkBoolean(name, 'bias', bias)
    checkBoolean(name, 'batchFirst', batchFirst)
    checkNumber(name, 'dropout', dropout, { least: 0, most: 1 })
    checkBoolean(name, 'bidirectional', bidirectional)
    this.#name = name
    this.#cell = cell
    this.numLayers = numLayers
    this.batchFirst = batchFirst
    this.dropout = dropout
    this.bidirectional = bidirectional
    this.hasBias = bias
    const { projSize = 0 } = options
    checkNumber(name, 'projSize', projSize, { least: 0, below: hiddenSize, whole: true })
    this.outputSize = projSize || hiddenSize
    const rows = GATES[cell] * hiddenSize
    for (let layer = 0; layer < numLayers; layer++) {
      const size = layer === 0 ? inputSize : this.directions * this.outputSize
      for (const suffix of this.#suffixes(layer)) {
        const make = (field: string, shape: Shape) =>
          Object.assign(this, { [field + suffix]: uniformByFanIn(shape, hiddenSize) })
        make('weightIh', [rows, size])
        make('weightHh', [rows, this.outputSize])
        if (bias) {
          make('biasIh', [rows])
          make('biasHh', [rows])
        }
        if (projSize > 0) make('weightHr', [projSize, hiddenSize])
      }
    }
  }

  /** One of its class whose fields are to be copied from this one (copy.ts). @internal */
  blank(): AnyModule {
    // (Biases that it has and this one has not would stay.)
    const given = [this.#name, this.#cell, this.inputSize, this.hiddenSize, { bias: this.hasBias }]
    return Reflect.construct(RecurrentBase, given, this.constructor)
  }

  /** 1 or, going both ways, 2. */
  get directions(): 1 | 2 {
    return this.bidirectional ? 2 : 1
  }

  #suffixes(layer: number): string[] {
    return this.bidirectional ? [`L${layer}`, `L${layer}Reverse`] : [`L${layer}`]
  }

  #weights(suffix: string): RecurrentWeights & { weightHr: Tensor | undefined } {
    const field = (name: string): Tensor | undefined => {
      const found: unknown = Reflect.get(this, name + suffix)
      return found instanceof Parameter ? found : undefined
    }
    const [weightIh, weightHh] = [field('weightIh'), field('weightHh')]
    if (!weightIh || !weightHh) {
      throw new ArgumentError(`${this.#name}: the weights weightIh${suffix} and weightHh${suffix} are gone`)
    }
    return {
      ...{ weightIh, weightHh, biasIh: field('biasIh'), biasHh: field('biasHh') },
      weightHr: field('weightHr'),
    }
  }

  /** Runs all layers; to be called in a scope. `given` are the first states, which the caller knows to be tensors. */
  protected run(x: Tensor, given: States | undefined): { output: Tensor; h: Tensor; c: Tensor | undefined } {
    this.#check(x)
    const batched = x.shape.length === 3
    const h0 = this.#state('h', given?.h, x.shape, this.outputSize)
    const c0 = this.#state('c', given?.c, x.shape, this.hiddenSize)
    let current = x
    if (!batched) current = reshape(x, [x.shape[0], 1, this.inputSize])
    else if (this.batchFirst) current = permute(x, [1, 0, 2])
    if (current.shape[0] === 0) {
      throw new ShapeError(`${this.#name}: expected a sequence of at least one step, got [${x.shape}]`)
    }
    const n = current.shape[1]
    const [hs, cs]: [Tensor[], Tensor[]] = [[], []]
    for (let layer = 0; layer < this.numLayers; layer++) {
      const outputs: Tensor[] = []
      for (const [direction, suffix] of this.#suffixes(layer).entries()) {
        const i = layer * this.directions + direction
        const first = (states: Tensor | undefined) =>
          states && reshape(slice(states, 0, i, i + 1), [n, states.shape[2]])
        const attributes = { cell: this.#cell, reverse: direction === 1 }
        const { weightHr, ...weights } = this.#weights(suffix)
        const { output, h, c } = weightHr
          ? projected(current, { ...weights, weightHr }, first(h0), first(c0), attributes)
          : recurrent(current, weights, first(h0), first(c0), attributes)
        outputs.push(output)
        hs.push(h)
        if (c) cs.push(c)
      }
      current = outputs.length === 1 ? outputs[0] : cat(outputs, 2)
      if (layer < this.numLayers - 1) current = dropout(current, this.dropout, this.training)
    }
    const joined = (states: Tensor[]) => {
      const all = states.length === 1 ? states[0] : cat(states, 0)
      return batched ? all : reshape(all, [states.length, all.shape[2]])
    }
    if (!batched) current = reshape(current, [x.shape[0], this.directions * this.outputSize])
    else if (this.batchFirst) current = permute(current, [1, 0, 2])
    return { output: current, h: joined(hs), c: cs.length > 0 ? joined(cs) : undefined }
  }

  #check(x: unknown): asserts x is Tensor {
    if (!(x instanceof Tensor)) {
      throw new ArgumentError(
        `${this.#name}: the input is a tensor, got ${kindOf(x)}; make one with tensor(…)`,
      )
    }
    const rank = x.shape.length
    if ((rank !== 2 && rank !== 3) || x.shape[rank - 1] !== this.inputSize) {
      const batch = this.batchFirst ? '[N, T' : '[T, N'
      throw new ShapeError(
        `${this.#name}: expected an input of shape ${batch}, ${this.inputSize}] or [T, ${this.inputSize}] (inputSize), got [${x.shape}]`,
      )
    }
  }

  /** The first states as [layers · directions, N, H]. */
  #state(what: string, state: unknown, input: Shape, size: number): Tensor | undefined {
    if (state === undefined) return undefined
    if (!(state instanceof Tensor)) {
      throw new ArgumentError(`${this.#name}: the first state ${what} is a tensor, got ${kindOf(state)}`)
    }
    const count = this.numLayers * this.directions
    const batched = input.length === 3
    const n = batched ? input[this.batchFirst ? 0 : 1] : 1
    const expected = batched ? [count, n, size] : [count, size]
    if (!sameShape(state.shape, expected)) {
      throw new ShapeError(
        `${this.#name}: expected a first state ${what} of shape [${expected}] (layers · directions${batched ? ', N' : ''}, ${size === this.hiddenSize ? 'hiddenSize' : 'projSize'}), got [${state.shape}]`,
      )
    }
    return batched ? state : reshape(state, [count, 1, size])
  }

  override extraRepr(): string {
    const { numLayers, hasBias, batchFirst, dropout: p, bidirectional } = this
    return [
      `${this.inputSize}, ${this.hiddenSize}`,
      ...(this.outputSize !== this.hiddenSize ? [`projSize=${this.outputSize}`] : []),
      ...(numLayers !== 1 ? [`numLayers=${numLayers}`] : []),
      ...(hasBias ? [] : ['bias=false']),
      ...(batchFirst ? ['batchFirst=true'] : []),
      ...(p !== 0 ? [`dropout=${p}`] : []),
      ...(bidirectional ? ['bidirectional=true'] : []),
    ].join(', ')
  }
}
