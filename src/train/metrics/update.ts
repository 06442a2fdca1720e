import { outside } from '../../tensor/scope.js'
import type { Metric } from './metric.js'

/** Shows a metric what a net gave: one of a user's own may keep it. To be called in a scope. */
export function updateMetric(metric: Metric<never, never>, prediction: unknown, target: unknown): void {
  const [given, expected] = [prediction as never, target as never]
  if (metric.libraryUpdate === metric.update) metric.update(given, expected)
  else outside([prediction, target], () => metric.update(given, expected))
}
