/** The page's address: which step of the story it is at, and how the settings differ from that step's. */
import { DEFAULTS, readQuery, type Settings, toQuery } from './settings.js'
import type { Step } from './story/step.js'
import { STEPS } from './story/steps/index.js'

export interface Place {
  /** Undefined: no story, only the playground. */
  step: Step | undefined
  settings: Settings
}

const NONE = 'none'
/** Names that the address may have besides those of settings. */
const STORY = 'story'

/** An address's query as a place, and a sentence for each part of it that can't be had. */
export function readPlace(query: string): Place & { problems: string[] } {
  const given = new URLSearchParams(query)
  const name = given.get(STORY)
  const known = STEPS.find(({ id }) => id === name)
  const problems: string[] = []
  let step = known
  if (name !== null && name !== NONE && !known) {
    const all = STEPS.map(({ id }) => id).join(', ')
    problems.push(`The story has no step “${name.slice(0, 40)}” (${all}); it begins at the first.`)
    step = STEPS[0]
  }
  // An address without anything is the beginning; one with settings only is somebody's experiment.
  if (name === null && given.size === 0) step = STEPS[0]
  const read = readQuery(query, step?.settings ?? DEFAULTS)
  for (const key of given.keys()) {
    if (key !== STORY && !(key in DEFAULTS))
      problems.push(`“${key.slice(0, 40)}” is no setting of this page.`)
  }
  return { step, settings: read.settings, problems: [...problems, ...read.problems] }
}

/** The query of a place; none for the beginning. */
export function placeQuery({ step, settings }: Place): string {
  const query = toQuery(settings, step?.settings ?? DEFAULTS)
  const name = step?.id ?? NONE
  if (name === NONE && query.size > 0) return `?${query}`
  if (step === STEPS[0] && query.size === 0) return ''
  const all = new URLSearchParams({ [STORY]: name })
  for (const [key, value] of query) all.set(key, value)
  return `?${all}`
}
