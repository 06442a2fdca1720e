import { PRESETS, type Preset, presetOf } from '../presets.js'
import type { Settings } from '../settings.js'
import { byId } from './theme.js'

/** A button for each preset, and the sentence of the one that is on. */
export class PresetButtons {
  readonly #buttons: Map<Preset, HTMLButtonElement>

  constructor(onChoose: (preset: Preset) => void) {
    this.#buttons = new Map(
      PRESETS.map((preset) => {
        const button = document.createElement('button')
        button.type = 'button'
        button.id = `preset-${preset.id}`
        button.textContent = preset.title
        button.addEventListener('click', () => onChoose(preset))
        byId('presets').append(button)
        return [preset, button]
      }),
    )
  }

  /** @param free whether no step of the story is open */
  show(settings: Settings, free: boolean): void {
    const on = free ? presetOf(settings) : undefined
    for (const [preset, button] of this.#buttons) button.setAttribute('aria-pressed', String(preset === on))
    byId('look').textContent = on?.look ?? 'The address of this page holds its settings, to share.'
  }
}
