export {
  Accuracy,
  type AccuracyOptions,
  type ClassMetricOptions,
  ConfusionMatrix,
  F1Score,
  Precision,
  Recall,
  type ScoreOptions,
} from './classification.js'
export type { Metric, MetricValue, MetricValues } from './metric.js'
export { OutputMetric } from './output-metric.js'
export { MeanAbsoluteError, MeanSquaredError, R2Score } from './regression.js'
