/** What all losses are: each holds its options, checked when it is made, and calls the function of nn.functional. */
import type { Tensor } from '../../tensor/tensor.js'

/** How many predictions are right, and of how many: the accuracy is their quotient. */
export interface Answers {
  /** Right ones. */
  right: number
  /** Those that count. */
  of: number
}

/** A loss of a prediction and a target. */
export interface LossLayer<Options, Target> {
  /** As given. */
  readonly options: Options
  /**
   * The function of the same name in `nn.functional`, with the options.
   *
   * @param input what the net gave, such as `prediction`
   * @param target what it is to be near to, or class indices
   * @returns the loss: [], or that of each element with reduction 'none'
   * @throws {ShapeError} where the shapes do not fit
   * @throws {ArgumentError} for what is no tensor, or a target that can't be
   */
  forward(input: Tensor, target: Target): Tensor
  /** How many answers are right, where there are right ones: undefined for others. @internal */
  answers(prediction: Tensor, target: Tensor): Answers | undefined
  /** As of a Module. @internal */
  readonly libraryForward: unknown
  /** The `answers` that the library has written. @internal */
  readonly libraryAnswers: unknown
}

/** What makes a loss. */
export interface LossClass<Options, Target> {
  /**
   * @param options as of the function; each may be left out
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  new (options?: Options): LossLayer<Options, Target>
}

/** What a loss is made from. */
interface Definition<Options, Target> {
  check(name: string, options: Options): unknown
  compute(name: string, input: Tensor, target: Target, options: Options): Tensor
  answers?(prediction: Tensor, target: Tensor, options: Options): Answers | undefined
}

/** Makes the class of a loss. */
/* @__NO_SIDE_EFFECTS__ */
export function loss<Options extends object, Target = Tensor>(
  name: string,
  { check, compute, answers }: Definition<Options, Target>,
): LossClass<Options, Target> {
  return class Loss {
    readonly options: Options

    constructor(options: Options = {} as Options) {
      check(name, options)
      this.options = options
    }

    forward(input: Tensor, target: Target): Tensor {
      return compute(name, input, target, this.options)
    }

    answers(prediction: Tensor, target: Tensor): Answers | undefined {
      return answers?.(prediction, target, this.options)
    }

    get libraryForward(): unknown {
      return Loss.prototype.forward
    }

    get libraryAnswers(): unknown {
      return Loss.prototype.answers
    }
  }
}
