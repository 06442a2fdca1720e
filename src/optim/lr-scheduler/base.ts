import type { Tensor } from '../../tensor/tensor.js'
import type { Optimizer } from '../optimizer.js'

/** As much of a scheduler as `fit` needs: a page that has none downloads none. */
export abstract class AnyScheduler {
  /** Whose learning rates it sets. */
  abstract readonly optimizer: Optimizer
  /** Whether a step takes a metric. @internal */
  readonly goesByMetric: boolean = false

  /**
   * Sets the learning rates of the next epoch, or of the next step where it is called after each.
   *
   * @param metrics what ReduceLROnPlateau goes by; the others take none
   */
  abstract step(metrics?: number | Tensor): void

  /** @throws {ArgumentError} where it is of no use to a `fit` with that optimiser. @internal */
  abstract checkFit(optimizer: Optimizer, validates: boolean): void
}
