import { DEFAULTS, type Settings } from './settings.js'

/** Settings to try, and what to look for. test/demo holds each sentence to its word. */
export interface Preset {
  readonly id: string
  readonly title: string
  readonly look: string
  readonly settings: Settings
}

const preset = (id: string, title: string, look: string, changed: Partial<Settings>): Preset => ({
  id,
  title,
  look,
  settings: { ...DEFAULTS, ...changed },
})

export const PRESETS: readonly Preset[] = [
  preset(
    'usual',
    'The usual',
    'Both nets get there, and batch norm gets there first: after 30 steps it reads more than 80 % of the digits, and the plain net less than half.',
    {},
  ),
  preset(
    'rate',
    'Too high a learning rate',
    'The plain net takes steps so large that it never learns: its accuracy stays under 20 %, as if it guessed. Batch norm passes 80 % at the same rate.',
    { lr: 3 },
  ),
  preset(
    'tiny',
    'Tiny batches',
    'With two digits in a batch, their mean and variance are mostly noise. Now batch norm is the one that falls behind: its training loss stays higher than the plain net’s. In its statistics the batches’ dots lie far from the running line.',
    { batch: 2, lr: 0.01 },
  ),
  preset(
    'scale',
    'Bad initial scale',
    'All weights start ten times too small. In the plain net the signal shrinks from layer to layer to a thin line, and for thousands of steps it stays under 20 %. Batch norm stretches each layer’s values back and passes 80 %.',
    { scale: 0.1, depth: 4 },
  ),
  preset(
    'swapped',
    'The notebook’s swapped momentum',
    'The notebook’s 0.1 weighs the old value, so the running statistics are little more than the last batch, and batch norm’s accuracy jumps up and down from point to point. Recalibrate: with the same weights it lands near the top of the jumps.',
    { momentum: 0.9, batch: 8, lr: 0.1 },
  ),
]

/** The preset that these settings are, whatever mode the test digits are judged in. */
export function presetOf(settings: Settings): Preset | undefined {
  const key = (s: Settings) => JSON.stringify({ ...s, evaluation: '' })
  return PRESETS.find(
    (preset) => key({ ...DEFAULTS, ...preset.settings }) === key({ ...DEFAULTS, ...settings }),
  )
}
