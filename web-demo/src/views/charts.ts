import { nextTask } from '../next-task.js'
import type { Event, Point } from '../protocol.js'
import { curveWords } from './curve-words.js'
import type { CurveChart } from './curves.js'
import { Sight } from './sight.js'
import { byId } from './theme.js'

const WHICH = ['accuracy', 'loss'] as const

/** Both charts of the playground: their words always, the charts themselves once they come into sight. */
export class Charts {
  readonly #sight = new Sight(WHICH, () => this.#draw())
  #charts: Partial<Record<(typeof WHICH)[number], CurveChart>> = {}
  #points: readonly Point[] = []
  #events: readonly Event[] = []

  async show(points: readonly Point[], events: readonly Event[]): Promise<void> {
    this.#points = points
    this.#events = events
    for (const which of WHICH) byId(`${which}-now`).textContent = curveWords(which, points, events)
    await this.#draw()
  }

  async #draw(): Promise<void> {
    for (const which of WHICH) {
      if (!this.#sight.has(which)) continue
      // The charts' library takes its time to start, so it gets a task of its own.
      const { CurveChart } = await import('./curves.js')
      await nextTask()
      this.#charts[which] ??= new CurveChart(byId(which), which)
      this.#charts[which]?.show(this.#points, this.#events)
      await nextTask()
    }
  }
}
