import { DEFAULTS, type Settings } from '../settings.js'

/** What draws a step's figure: see figures/index.ts. */
export type FigureName = 'signal' | 'formula' | 'freedom' | 'slope' | 'modes' | 'traps' | 'race'

/** Something to do at a step: a button, and what is then to be seen. test/demo holds `look` to its word. */
export interface Task {
  readonly id: string
  readonly label: string
  readonly look: string
  /** How the settings differ from the step's. */
  readonly changed: Partial<Settings>
  /** Steps after which training pauses. Undefined: the nets stay as they are, and only what is looked at changes. */
  readonly until: number | undefined
}

/** A step of the story. test/demo holds its sentences to their word, for three seeds. */
export interface Step {
  /** In the address: `?story=id`. */
  readonly id: string
  readonly title: string
  /** Paragraphs. A word between ** is a term of the field that is explained there. */
  readonly text: readonly string[]
  readonly figure: FigureName
  /** What to do, in a sentence. */
  readonly invitation: string
  readonly tasks: readonly Task[]
  readonly settings: Settings
  /** Training pauses here by itself, so that the text can be read beside the figure. */
  readonly until: number
}

export const settingsOf = (changed: Partial<Settings>): Settings => ({ ...DEFAULTS, ...changed })

/** The settings of a task. */
export const taskSettings = (step: Step, task: Task, seed: number): Settings => ({
  ...step.settings,
  ...task.changed,
  seed,
})
