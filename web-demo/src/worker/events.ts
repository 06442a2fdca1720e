import { CONTROLS, EVALUATION, type Settings } from '../settings.js'

/** What a change of settings is called on the curves. */
export function eventsOf(before: Settings, after: Settings): string[] {
  return [...CONTROLS, EVALUATION]
    .filter(({ key }) => before[key] !== after[key])
    .map(({ key, label, choices }) => {
      const choice = choices.find(({ value }) => value === after[key])
      return key === 'evaluation' ? `judged in ${choice?.text.toLowerCase()}` : `${label} ${choice?.text}`
    })
}
