import type { Tensor } from '../../tensor/tensor.js'

/** A figure of a whole pass, such as `metrics.Accuracy`; any object with these functions will do. */
export interface Metric<Prediction = Tensor, Target = Tensor> {
  /** Begins anew. */
  reset(): void
  /**
   * Takes a batch in.
   *
   * @param prediction what the net gave
   * @param target the second of the batch
   */
  update(prediction: Prediction, target: Target): void
  /** The figure of all batches since `reset`: a number, or lists of numbers. */
  compute(): MetricValue
  /** What a checkpoint keeps in mid-pass: what JSON holds. Without it, such a pass begins anew. */
  readonly stateDict?: (() => unknown) | undefined
  /** Goes on from `state`, which `stateDict` gave. */
  readonly loadStateDict?: ((state: never) => void) | undefined
  /** The `update` that the library has written: it keeps none of the tensors. @internal */
  readonly libraryUpdate?: unknown
}

/** What a metric comes to. */
export type MetricValue = number | MetricValue[]

/** Figures by the names under which their metrics were given. */
export type MetricValues = Record<string, MetricValue>
