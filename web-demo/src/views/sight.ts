import { nextTask } from '../next-task.js'

/** Calls back in a task of its own when an element's width has changed: the browser tells it in the middle of a frame. */
export function onResize(element: Element, redraw: () => unknown): void {
  let width = -1
  new ResizeObserver(async () => {
    if (element.clientWidth === width) return
    width = element.clientWidth
    await nextTask()
    redraw()
  }).observe(element)
}

/** Which parts of the page are in sight, or nearly: what nobody sees need not be drawn. */
export class Sight {
  readonly #seen = new Set<string>()

  /** @param onSeen called with the id of a part that has come into sight, in a task of its own */
  constructor(ids: readonly string[], onSeen: (id: string) => unknown) {
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          if (isIntersecting) {
            this.#seen.add(target.id)
            nextTask().then(() => onSeen(target.id))
          } else this.#seen.delete(target.id)
        }
      },
      { rootMargin: '200px' },
    )
    for (const id of ids) {
      const part = document.getElementById(id)
      if (part) observer.observe(part)
    }
  }

  has(id: string): boolean {
    return this.#seen.has(id)
  }
}
