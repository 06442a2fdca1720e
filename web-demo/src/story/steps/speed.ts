import { type Step, settingsOf } from '../step.js'

export const speed: Step = {
  id: 'speed',
  title: 'Why it speeds learning',
  text: [
    'The **gradient** says in which direction each weight should go; the **learning rate** says how far. Weights begin three times as large as usual here, so that no signal dies, and at the small rate of 0.01 both nets learn: the plain one no worse.',
    'But look along the step. After a step of 0.3 the loss of the net with batch norm is lower than before; the plain net’s is more than five times as high. Its gradient is right only close by. A smoother loss is what batch norm gives, and it lets the steps be large.',
  ],
  figure: 'slope',
  invitation: 'Take the large step: train both at a rate of 0.3.',
  tasks: [
    {
      id: 'large',
      label: 'Learning rate 0.3',
      look: 'Only one survives. The plain net’s loss becomes NaN, which is no number any more, and it stays under 20 %, as if it guessed; batch norm passes 80 %.',
      changed: { lr: 0.3 },
      until: 120,
    },
    {
      id: 'small',
      label: 'Learning rate 0.01',
      look: 'At the small rate both learn again, and slowly.',
      changed: {},
      until: 120,
    },
  ],
  settings: settingsOf({ depth: 4, scale: 3, lr: 0.01 }),
  until: 120,
}
