import { nextFrame } from '../next-task.js'
import type { Event, Point } from '../protocol.js'
import { curveWords } from './curve-words.js'
import { CurveChart } from './curves.js'
import { Sight } from './sight.js'
import { byId } from './theme.js'

const WHICH = ['accuracy', 'loss'] as const

/** Both charts of the playground: their words always, the charts themselves while they are in sight. */
export class Charts {
  readonly #sight = new Sight(WHICH, () => this.#draw())
  readonly #charts = WHICH.map((which) => ({ which, chart: new CurveChart(byId(which), which) }))
  #points: readonly Point[] = []
  #events: readonly Event[] = []

  async show(points: readonly Point[], events: readonly Event[]): Promise<void> {
    this.#points = points
    this.#events = events
    for (const which of WHICH) byId(`${which}-now`).textContent = curveWords(which, points, events)
    await this.#draw()
  }

  async #draw(): Promise<void> {
    for (const { which, chart } of this.#charts) {
      if (!this.#sight.has(which)) continue
      await nextFrame()
      chart.show(this.#points, this.#events)
    }
  }
}
