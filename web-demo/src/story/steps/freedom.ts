import { type Step, settingsOf } from '../step.js'

export const freedom: Step = {
  id: 'freedom',
  title: 'γ and β give freedom back',
  text: [
    'Mean 0 and deviation 1 is a fine place to begin, and no place to stay: a ReLU would cut half of every channel away. So each channel has two weights of its own, a scale γ and a shift β, and learns them with all other weights.',
    'They begin at 1 and 0, and by now they have moved. Nothing was lost: with γ = σ and β = μ a channel is what it was before the norm.',
  ],
  figure: 'freedom',
  invitation:
    'Move γ and β of this channel, here in the picture only, and watch what the ReLU lets through; or undo the norm.',
  tasks: [],
  settings: settingsOf({ lr: 0.5 }),
  until: 150,
}
