import { type Step, settingsOf } from '../step.js'

export const formula: Step = {
  id: 'formula',
  title: 'Normalise one channel',
  text: [
    'Batch norm takes one **channel** at a time: one unit of a layer, and its activation for every digit of the **batch**, the 64 digits of a training step. Each dot is one digit.',
    'Take the mean μ away, and divide by the **standard deviation** σ, how far the dots lie from it. What is left has mean 0 and deviation 1, whatever came in. (ε = 0.00001 only keeps from dividing by nothing.)',
  ],
  figure: 'formula',
  invitation: 'Point at a part of the formula, or go to it with Tab; choose another channel.',
  tasks: [],
  settings: settingsOf({}),
  until: 40,
}
