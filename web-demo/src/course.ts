import type { Event, FromWorker, Point } from './protocol.js'
import type { View } from './story/figures/figure.js'

/** What has come of the training that is shown: points, events, and the newest look into the nets. */
export class Course {
  points: Point[] = []
  events: Event[] = []
  view: Omit<View, 'settings'> = empty(this.points, [])

  /** New nets with these layers. */
  built(layers: readonly string[]): void {
    this.points = []
    this.events = []
    this.view = empty(this.points, layers)
  }

  /** Training goes on from a step; what came after it comes again. */
  resumed(step: number): void {
    this.points = this.points.filter((point) => point.step <= step)
    this.events = [...this.events.filter((event) => event.step <= step), { step, text: 'new worker' }]
    this.view = { ...this.view, points: this.points }
  }

  /** Points that come at the same step (after a change while paused) take the place of the last. */
  add({ points, events, progress, statistics, numbers, slope }: FromWorker & { kind: 'frame' }): void {
    for (const point of points) {
      const last = this.points.at(-1)
      if (last?.step === point.step) this.points.pop()
      // Statistics belong to a step that was trained; a second look at it has none, and no new losses.
      const kept =
        last?.step === point.step
          ? {
              running: point.running ?? last.running,
              loss: { ...last.loss, ...known(point.loss) },
              others: point.others.map((other, i) => ({ ...last.others[i], ...known(other) })),
            }
          : {}
      this.points.push({ ...point, ...kept })
    }
    this.events.push(...events)
    const { view } = this
    this.view = {
      points: this.points,
      layers: view.layers,
      progress,
      statistics: statistics ?? view.statistics,
      numbers: numbers ?? view.numbers,
      slope: slope ?? view.slope,
    }
  }
}

/** The fields that are not NaN. */
function known<T extends object>(all: T): T {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => !Number.isNaN(value))) as T
}

const empty = (points: Point[], layers: readonly string[]): Omit<View, 'settings'> => ({
  points,
  layers,
  progress: undefined,
  statistics: undefined,
  numbers: undefined,
  slope: undefined,
})
