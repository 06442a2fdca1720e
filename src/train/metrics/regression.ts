/** Figures of predictions that are numbers. */
import type { Tensor } from '../../tensor/tensor.js'
import { SumsMetric, sameButForOne } from './sums.js'

/** A mean over all elements of a function of how far off they are. */
abstract class MeanError extends SumsMetric {
  /**
   * Takes a batch in.
   *
   * @param prediction any shape
   * @param target the same shape; [N] and [N, 1] are one
   * @throws {ShapeError} for other shapes
   * @throws {ArgumentError} for what is no tensor
   */
  override update(prediction: Tensor, target: Tensor): void {
    this.check(prediction, target)
    if (!sameButForOne(prediction.shape, target.shape)) this.misfit(prediction, target, 'the same shape')
    const [p, t] = [prediction.toFloat32Array(), target.toFloat32Array()]
    let [sum = 0, count = 0] = this.sums
    for (let i = 0; i < p.length; i++) sum += this.error(p[i] - t[i])
    count += p.length
    this.sums = [sum, count]
  }

  protected abstract error(difference: number): number

  /** The mean; NaN of no element. */
  override compute(): number {
    const [sum = 0, count = 0] = this.sums
    return sum / count
  }
}

/**
 * Mean absolute error, Σ |p − t| / n over all elements.
 * https://lightning.ai/docs/torchmetrics/stable/regression/mean_absolute_error.html
 */
export class MeanAbsoluteError extends MeanError {
  constructor() {
    super('MeanAbsoluteError')
  }

  protected override error(difference: number): number {
    return Math.abs(difference)
  }

  /** @internal */
  get libraryUpdate(): unknown {
    return MeanAbsoluteError.prototype.update
  }
}

/**
 * Mean squared error, Σ (p − t)² / n over all elements.
 * https://lightning.ai/docs/torchmetrics/stable/regression/mean_squared_error.html
 */
export class MeanSquaredError extends MeanError {
  constructor() {
    super('MeanSquaredError')
  }

  protected override error(difference: number): number {
    return difference * difference
  }

  /** @internal */
  get libraryUpdate(): unknown {
    return MeanSquaredError.prototype.update
  }
}

/**
 * The coefficient of determination, R² = 1 − Σ (t − p)² / Σ (t − mean t)², of each output by itself, and then the mean
 * of the outputs. As scikit-learn, an output whose targets are all the same has 1 where all predictions are right, else 0.
 * https://lightning.ai/docs/torchmetrics/stable/regression/r2_score.html
 *
 * The targets' spread is gathered batch after batch by Chan's formula (Chan, Golub and LeVeque, 1983), so that a large
 * mean costs no digits.
 */
export class R2Score extends SumsMetric {
  constructor() {
    super('R2Score')
  }

  /**
   * Takes a batch in.
   *
   * @param prediction [N] or [N, outputs]
   * @param target the same shape; [N] and [N, 1] are one
   * @throws {ShapeError} for other shapes
   * @throws {ArgumentError} for what is no tensor
   */
  override update(prediction: Tensor, target: Tensor): void {
    this.check(prediction, target)
    const { shape } = target
    const outputs = shape.length > 1 ? shape[1] : 1
    const fits = sameButForOne(prediction.shape, shape) && (shape.length === 1 || shape.length === 2)
    if (!fits || (this.sums.length > 0 && this.sums.length !== 1 + 3 * outputs)) {
      this.misfit(prediction, target, '[N] or [N, outputs], both the same, of each batch')
    }
    const [p, t] = [prediction.toFloat32Array(), target.toFloat32Array()]
    const n = shape[0]
    if (n === 0) return
    const [before = 0] = this.sums
    const sums = [before + n]
    for (let output = 0; output < outputs; output++) {
      const [mean0, spread0, error0] = [0, 1, 2].map((k) => this.sums[1 + 3 * output + k] ?? 0)
      let total = 0
      for (let i = output; i < t.length; i += outputs) total += t[i]
      const mean = total / n
      let [spread, error] = [0, 0]
      for (let i = output; i < t.length; i += outputs) {
        spread += (t[i] - mean) ** 2
        error += (t[i] - p[i]) ** 2
      }
      const step = mean - mean0
      const all = before + n
      sums.push(mean0 + (step * n) / all, spread0 + spread + (step * step * before * n) / all, error0 + error)
    }
    this.sums = sums
  }

  /** The mean of the outputs' R²; NaN of fewer than two samples. */
  override compute(): number {
    const [n = 0] = this.sums
    if (n < 2) return Number.NaN
    const outputs = (this.sums.length - 1) / 3
    let total = 0
    for (let output = 0; output < outputs; output++) {
      const [spread, error] = [this.sums[2 + 3 * output], this.sums[3 + 3 * output]]
      total += spread === 0 ? Number(error === 0) : 1 - error / spread
    }
    return total / outputs
  }

  /** @internal */
  get libraryUpdate(): unknown {
    return R2Score.prototype.update
  }
}
