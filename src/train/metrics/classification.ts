/** Figures of predictions that are classes. */
import { checkNumber, checkOptions, kindOf } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import type { Tensor } from '../../tensor/tensor.js'
import { SumsMetric, sameButForOne } from './sums.js'

/** Options of all figures of classes. */
export interface ClassMetricOptions {
  /** Targets of this class do not count. Default −100, as in `CrossEntropyLoss`. */
  ignoreIndex?: number
  /** Of a single output: class 1 is what is larger. Default 0, for logits; 0.5 for probabilities. */
  threshold?: number
}

/** Options of Accuracy. */
export interface AccuracyOptions extends ClassMetricOptions {
  /** Right is a target among so many of the classes that the net finds likeliest. Default 1. */
  topK?: number
}

/** Options of Precision, Recall and F1Score. */
export interface ScoreOptions extends ClassMetricOptions {
  /**
   * What becomes of the classes' scores. 'macro': their mean, over the classes that were a target or predicted; 'weighted':
   * weighed by how often each was a target; 'micro': that of all answers together; 'none': a list, one of each class.
   * Default 'macro'; of a single output, the score of class 1 alone.
   */
  average?: 'macro' | 'weighted' | 'micro' | 'none'
}

const OPTIONS = ['ignoreIndex', 'threshold']
const FORM =
  '[N, classes, …] and class indices [N, …], or, of a single output, the same shape and targets 0 or 1'

abstract class ClassMetric extends SumsMetric {
  readonly #ignored: number
  readonly #threshold: number

  constructor(name: string, options: ClassMetricOptions) {
    super(name)
    const { ignoreIndex = -100, threshold = 0 } = options
    checkNumber(name, 'ignoreIndex', ignoreIndex)
    checkNumber(name, 'threshold', threshold, {})
    this.#ignored = ignoreIndex
    this.#threshold = threshold
  }

  /**
   * Takes a batch in.
   *
   * @param prediction a number for each class, [N, classes, ...]; or of a single output, of the target's shape ([N] and
   *   [N, 1] are one)
   * @param target class indices [N, ...]; of a single output 0 or 1
   * @throws {ShapeError} for other shapes
   * @throws {ArgumentError} for what is no tensor, or a target that is no class
   */
  override update(prediction: Tensor, target: Tensor): void {
    this.check(prediction, target)
    const { shape } = prediction
    const single = sameButForOne(shape, target.shape)
    const classes = single ? 2 : shape[1]
    const inner = shape.slice(2)
    if (!single && !(shape.length > 1 && sameButForOne([shape[0], ...inner, 1], [...target.shape, 1]))) {
      this.misfit(prediction, target, FORM)
    }
    this.begin(classes, single, prediction, target)
    const [p, t] = [prediction.toFloat32Array(), target.toFloat32Array()]
    const places = inner.reduce((product, size) => product * size, 1)
    const right = Array.from(t, (label) => this.#classOf(label, classes))
    for (const [i, label] of right.entries()) {
      if (label === undefined) continue
      if (single) this.count(label, Number(p[i] > this.#threshold), () => 0, classes)
      else {
        const first = Math.floor(i / places) * classes * places + (i % places)
        const at = (c: number) => p[first + c * places]
        let best = 0
        // As PyTorch's argmax, NaN is the largest there is.
        for (let c = 1; c < classes && !Number.isNaN(at(best)); c++) {
          if (at(c) > at(best) || Number.isNaN(at(c))) best = c
        }
        this.count(label, best, at, classes)
      }
    }
  }

  /** A target's class; undefined where it does not count. */
  #classOf(label: number, classes: number): number | undefined {
    if (label === this.#ignored) return undefined
    if (Number.isInteger(label) && label >= 0 && label < classes) return label
    throw new ArgumentError(`${this.name}: a target is ${label}, expected a class from 0 to ${classes - 1}`)
  }

  /** Called before the answers of a batch. */
  protected abstract begin(classes: number, single: boolean, prediction: Tensor, target: Tensor): void

  /** Counts an answer: `at` gives the prediction for each class. */
  protected abstract count(label: number, best: number, at: (c: number) => number, classes: number): void
}

/**
 * The share of right answers.
 * https://lightning.ai/docs/torchmetrics/stable/classification/accuracy.html (with average 'micro')
 */
export class Accuracy extends ClassMetric {
  readonly #topK: number

  /**
   * @param options each may be left out
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  constructor(options: AccuracyOptions = {}) {
    checkOptions('Accuracy', options, [...OPTIONS, 'topK'])
    super('Accuracy', options)
    const { topK = 1 } = options
    checkNumber('Accuracy', 'topK', topK, { least: 1, whole: true })
    this.#topK = topK
  }

  protected override begin(): void {
    if (this.sums.length === 0) this.sums = [0, 0]
  }

  protected override count(label: number, best: number, at: (c: number) => number, classes: number): void {
    this.sums[1]++
    if (label === best) this.sums[0]++
    else if (this.#topK > 1) {
      // Before it in the order are the larger ones, and of equal ones the earlier. (NaN is before nobody: no answer.)
      let before = 0
      const own = at(label)
      for (let c = 0; c < classes; c++) if (at(c) > own || (at(c) === own && c < label)) before++
      if (before < this.#topK && !Number.isNaN(own)) this.sums[0]++
    }
  }

  /** From 0 to 1; NaN of no answer. */
  override compute(): number {
    const [right = 0, of = 0] = this.sums
    return right / of
  }

  /** @internal */
  get libraryUpdate(): unknown {
    return Accuracy.prototype.update
  }
}

/** Counts by target (rows) and prediction (columns). The sums: number of classes, whether of one output, the counts. */
abstract class Confusions extends ClassMetric {
  protected override begin(classes: number, single: boolean, prediction: Tensor, target: Tensor): void {
    if (this.sums.length === 0) this.sums = [classes, Number(single), ...new Array(classes * classes).fill(0)]
    else if (this.sums[0] !== classes || this.sums[1] !== Number(single)) {
      this.misfit(prediction, target, `as many classes as in the batches before, ${this.sums[0]}`)
    }
  }

  protected override count(label: number, best: number, _: unknown, classes: number): void {
    this.sums[2 + label * classes + best]++
  }

  protected get matrix(): number[][] {
    const [classes = 0] = this.sums
    return Array.from({ length: classes }, (_, row) =>
      this.sums.slice(2 + row * classes, 2 + (row + 1) * classes),
    )
  }
}

/**
 * How often each class (the row) was taken for each (the column).
 * https://lightning.ai/docs/torchmetrics/stable/classification/confusion_matrix.html
 */
export class ConfusionMatrix extends Confusions {
  /**
   * @param options each may be left out
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  constructor(options: ClassMetricOptions = {}) {
    checkOptions('ConfusionMatrix', options, OPTIONS)
    super('ConfusionMatrix', options)
  }

  /** Counts: [target][prediction]. */
  override compute(): number[][] {
    return this.matrix
  }

  /** @internal */
  get libraryUpdate(): unknown {
    return ConfusionMatrix.prototype.update
  }
}

const AVERAGES = ['macro', 'weighted', 'micro', 'none'] as const

/** What is computed of a class: right ones, those that were predicted, those that were a target. */
type Score = (right: number, predicted: number, targets: number) => number

abstract class ClassScore extends Confusions {
  readonly #average: ScoreOptions['average']
  readonly #score: Score

  constructor(name: string, options: ScoreOptions, score: Score) {
    checkOptions(name, options, [...OPTIONS, 'average'])
    super(name, options)
    const { average } = options
    if (average !== undefined && !AVERAGES.includes(average)) {
      throw new ArgumentError(
        `${name}: average is one of ${AVERAGES.map((one) => `'${one}'`).join(', ')}, got ${kindOf(average)}`,
      )
    }
    this.#average = average
    this.#score = score
  }

  /** From 0 to 1, or with average 'none' one of each class; 0 where nothing was to be divided, as in scikit-learn. */
  override compute(): number | number[] {
    const { matrix } = this
    const single = this.sums[1] === 1
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
    const counts = matrix.map((row, c) => [row[c], sum(matrix.map((other) => other[c])), sum(row)] as const)
    const score = ([right, predicted, targets]: readonly [number, number, number]) =>
      right === 0 ? 0 : this.#score(right, predicted, targets)
    const average = this.#average ?? (single ? 'positive' : 'macro')
    if (average === 'none') return counts.map(score)
    if (average === 'positive') return score(counts[1])
    if (average === 'micro') {
      const [right, all] = [sum(counts.map(([r]) => r)), sum(counts.map(([, , targets]) => targets))]
      return score([right, all, all])
    }
    const seen = counts.filter(([, predicted, targets]) => predicted + targets > 0)
    const weights = seen.map(([, , targets]) => (average === 'weighted' ? targets : 1))
    return seen.length === 0 ? 0 : sum(seen.map((each, i) => weights[i] * score(each))) / sum(weights)
  }
}

/**
 * Of what was taken for a class, the share that was it: TP / (TP + FP).
 * https://lightning.ai/docs/torchmetrics/stable/classification/precision.html
 */
export class Precision extends ClassScore {
  /**
   * @param options each may be left out
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  constructor(options: ScoreOptions = {}) {
    super('Precision', options, (right, predicted) => right / predicted)
  }

  /** @internal */
  get libraryUpdate(): unknown {
    return Precision.prototype.update
  }
}

/**
 * Of what was of a class, the share that was found: TP / (TP + FN).
 * https://lightning.ai/docs/torchmetrics/stable/classification/recall.html
 */
export class Recall extends ClassScore {
  /**
   * @param options each may be left out
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  constructor(options: ScoreOptions = {}) {
    super('Recall', options, (right, _, targets) => right / targets)
  }

  /** @internal */
  get libraryUpdate(): unknown {
    return Recall.prototype.update
  }
}

/**
 * The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN).
 * https://lightning.ai/docs/torchmetrics/stable/classification/f1_score.html
 */
export class F1Score extends ClassScore {
  /**
   * @param options each may be left out
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  constructor(options: ScoreOptions = {}) {
    super('F1Score', options, (right, predicted, targets) => (2 * right) / (predicted + targets))
  }

  /** @internal */
  get libraryUpdate(): unknown {
    return F1Score.prototype.update
  }
}
