/** The story on the page: its steps as buttons, one step's text, task and figure. */
import { nextFrame } from '../next-task.js'
import { onResize } from '../views/sight.js'
import { byId, onThemeChange } from '../views/theme.js'
import type { Asks, Figure, View } from './figures/figure.js'
import { makeFigure } from './figures/index.js'
import type { Step, Task } from './step.js'
import { STEPS } from './steps/index.js'

export interface StoryEvents extends Asks {
  go(step: Step): void
  do(step: Step, task: Task): void
}

export class Story {
  figure: Figure | undefined
  #step: Step | undefined
  /** When the figure is in the page. */
  #placed: Promise<void> | undefined
  readonly #buttons = new Map<Step, HTMLButtonElement>()
  readonly #tasks = new Map<Task, HTMLButtonElement>()

  constructor(readonly events: StoryEvents) {
    for (const [i, step] of STEPS.entries()) {
      const button = document.createElement('button')
      button.type = 'button'
      button.id = `story-${step.id}`
      button.className = 'step-button'
      const title = document.createElement('span')
      title.textContent = step.title
      button.append(`${i + 1}`, title)
      button.addEventListener('click', () => events.go(step))
      const item = document.createElement('li')
      item.append(button)
      byId('story-steps').append(item)
      this.#buttons.set(step, button)
    }
    // Also while training rests and sends nothing.
    onResize(byId('story-figure'), events.redraw)
    onThemeChange(events.redraw)
    byId('story-back').addEventListener('click', () => this.#move(-1))
    byId('story-next').addEventListener('click', () => this.#move(1))
  }

  async #move(by: number): Promise<void> {
    const at = this.#step ? STEPS.indexOf(this.#step) + by : 0
    const step = STEPS[at]
    if (!step) return
    this.events.go(step)
    await nextFrame()
    // Whoever goes on by key or screen reader begins to read at the top of the step.
    byId('story-title').focus({ preventScroll: true })
    byId('story').scrollIntoView({ block: 'start' })
  }

  /** Goes to a step; undefined: the story is closed, and only its buttons stay. */
  open(step: Step | undefined): void {
    if (step === this.#step && this.figure) return
    this.#step = step
    this.#tasks.clear()
    for (const [each, button] of this.#buttons) {
      if (each === step) button.setAttribute('aria-current', 'step')
      else button.removeAttribute('aria-current')
    }
    byId('story-body').hidden = step === undefined
    byId('story-figure').replaceChildren()
    this.figure = undefined
    if (!step) return
    const at = STEPS.indexOf(step)
    byId('story-title').textContent = `${at + 1}. ${step.title}`
    byId('story-text').replaceChildren(...step.text.map(paragraph))
    byId('story-invitation').textContent = step.invitation
    byId('story-look').textContent = ''
    byId('story-tasks').replaceChildren(...step.tasks.map((task) => this.#task(step, task)))
    byId<HTMLButtonElement>('story-back').disabled = at === 0
    byId<HTMLButtonElement>('story-next').disabled = at === STEPS.length - 1
    const figure = makeFigure(step.figure, this.events)
    this.figure = figure
    // What was seen of the nets before is not shown beside these words.
    figure.wait()
    // The words first: to lay out both takes a phone long.
    this.#placed = nextFrame().then(() => {
      if (this.figure === figure) byId('story-figure').append(figure.box)
    })
  }

  #task(step: Step, task: Task): HTMLButtonElement {
    const button = document.createElement('button')
    button.type = 'button'
    button.id = `task-${task.id}`
    button.textContent = task.label
    button.addEventListener('click', () => {
      this.events.do(step, task)
      byId('story-look').textContent = task.look
      for (const [each, other] of this.#tasks) other.setAttribute('aria-pressed', String(each === task))
    })
    this.#tasks.set(task, button)
    return button
  }

  async show(view: View): Promise<void> {
    await this.#placed
    await this.figure?.show(view)
  }
}

/** Text in which words between ** are terms. */
function paragraph(text: string): HTMLParagraphElement {
  const p = document.createElement('p')
  for (const [i, part] of text.split('**').entries()) {
    if (i % 2 === 0) p.append(part)
    else p.append(Object.assign(document.createElement('dfn'), { textContent: part }))
  }
  return p
}
