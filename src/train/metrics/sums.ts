/** What the library's metrics share: sums in float64, in which a batch is taken in after another. */
import { kindOf } from '../../check.js'
import { ArgumentError, ShapeError, StateDictError } from '../../errors.js'
import { Tensor } from '../../tensor/tensor.js'
import type { Metric, MetricValue } from './metric.js'

/** A metric that is computed from some sums. */
export abstract class SumsMetric implements Metric {
  protected sums: number[] = []

  /** @param name what errors call it */
  constructor(protected readonly name: string) {}

  /** Begins anew. */
  reset(): void {
    this.sums = []
  }

  abstract update(prediction: Tensor, target: Tensor): void

  abstract compute(): MetricValue

  /** The sums so far, as JSON holds them. */
  stateDict(): { sums: number[] } {
    return { sums: [...this.sums] }
  }

  /**
   * Goes on from there.
   *
   * @param state as `stateDict()` gives it
   * @throws {StateDictError} for anything else
   */
  loadStateDict(state: { sums: number[] }): void {
    const sums: unknown = state?.sums
    if (!Array.isArray(sums) || !sums.every((sum) => typeof sum === 'number')) {
      throw new StateDictError(`${this.name}: the state is { sums: [numbers] }, got ${kindOf(state)}`)
    }
    this.sums = [...sums]
  }

  /** @throws {ArgumentError} for what is no tensor */
  protected check(prediction: unknown, target: unknown): void {
    for (const [what, value] of Object.entries({ prediction, target })) {
      if (!(value instanceof Tensor)) {
        throw new ArgumentError(
          `${this.name}: the ${what} is a tensor, got ${kindOf(value)}; of several, metrics.OutputMetric takes one`,
        )
      }
    }
  }

  /** @throws {ShapeError} */
  protected misfit(prediction: Tensor, target: Tensor, expected: string): never {
    throw new ShapeError(
      `${this.name}: a prediction of shape [${prediction.shape}] and a target of shape [${target.shape}] do not fit; expected ${expected}`,
    )
  }
}

/** Whether two shapes are one but for a last dimension of 1: [N, 1] and [N]. */
export function sameButForOne(a: readonly number[], b: readonly number[]): boolean {
  const bare = (shape: readonly number[]) =>
    shape.length > 1 && shape.at(-1) === 1 ? shape.slice(0, -1) : shape
  return bare(a).join() === bare(b).join()
}
