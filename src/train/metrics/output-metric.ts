import { kindOf } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import { Tensor } from '../../tensor/tensor.js'
import type { Tensors } from '../batch.js'
import type { Metric, MetricValue } from './metric.js'

/**
 * A metric of one of a net's several outputs, and of the target at the same place: where one of both is a single tensor, it
 * is taken as it is. As one task of
 * https://lightning.ai/docs/torchmetrics/stable/wrappers/multi_task_wrapper.html
 */
export class OutputMetric implements Metric<Tensors, Tensors> {
  readonly #key: string | number
  readonly #metric: Metric

  /**
   * @param key the output's name, or its place in an array
   * @param metric of that output, such as `new metrics.Accuracy()`
   * @throws {ArgumentError} for what is no name or place, or no metric
   */
  constructor(key: string | number, metric: Metric) {
    if (typeof key !== 'string' && !(Number.isInteger(key) && key >= 0)) {
      throw new ArgumentError(
        `OutputMetric: the output is a name, or a place in an array, got ${kindOf(key)}`,
      )
    }
    if (typeof metric?.update !== 'function' || typeof metric.compute !== 'function') {
      throw new ArgumentError(
        `OutputMetric: expected a metric, such as new metrics.Accuracy(), got ${kindOf(metric)}`,
      )
    }
    this.#key = key
    this.#metric = metric
  }

  /** Begins anew. */
  reset(): void {
    this.#metric.reset()
  }

  /**
   * Takes a batch in.
   *
   * @param prediction what the net gave: an array or an object, or a tensor
   * @param target as well
   * @throws {ArgumentError} where there is no tensor of that name, or at that place
   * @throws {ShapeError} as of the metric
   */
  update(prediction: Tensors, target: Tensors): void {
    this.#metric.update(this.#part('prediction', prediction), this.#part('target', target))
  }

  #part(what: string, value: Tensors): Tensor {
    if (value instanceof Tensor) return value
    const part: unknown =
      typeof value === 'object' && value !== null && Object.hasOwn(value, this.#key)
        ? Reflect.get(value, this.#key)
        : undefined
    if (part instanceof Tensor) return part
    const there = typeof value === 'object' && value !== null ? Object.keys(value).join(', ') : kindOf(value)
    throw new ArgumentError(`OutputMetric: the ${what} has no tensor '${this.#key}'; there is ${there}`)
  }

  /** The metric's figure. */
  compute(): MetricValue {
    return this.#metric.compute()
  }

  /** The metric's state; undefined where it has none. */
  get stateDict(): Metric['stateDict'] {
    return this.#metric.stateDict?.bind(this.#metric)
  }

  /** Gives the metric its state back. */
  get loadStateDict(): Metric['loadStateDict'] {
    return this.#metric.loadStateDict?.bind(this.#metric)
  }

  /** @internal */
  get libraryUpdate(): unknown {
    return this.#metric.libraryUpdate === this.#metric.update ? OutputMetric.prototype.update : undefined
  }
}
