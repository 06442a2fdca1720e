import { type Step, settingsOf } from '../step.js'

export const home: Step = {
  id: 'home',
  title: 'Take it home',
  text: [
    'Four nets from the same weights, at the usual settings: with batch norm, with **group norm** or **layer norm**, which take mean and variance within one digit, and with none. Batch norm passes 80 % in less than half as many steps as any other.',
    'Given a good learning rate and time, the others get there too, and a step without a norm costs less. What batch norm buys is that the rate, the depth and the initial weights need not be just right; what it asks for is a batch.',
    'Below: draw a digit, or eight of them, or bring your own; copy the net as code, or download its weights for PyTorch.',
  ],
  figure: 'race',
  invitation: 'Race them under other conditions.',
  tasks: [
    {
      id: 'few',
      label: 'Batches of 2',
      look: 'No batch to speak of: batch norm’s curve now runs below those of the other two norms. Group and layer norm have no batch, no modes and no running statistics.',
      changed: { batch: 2, lr: 0.01 },
      until: 400,
    },
    {
      id: 'far',
      label: 'Learning rate 1',
      look: 'Batch norm takes such steps too, and passes 80 %. The others read less than 30 %.',
      changed: { lr: 1 },
      until: 120,
    },
    {
      id: 'batches',
      label: 'The usual settings',
      look: 'Batch norm is ahead again.',
      changed: {},
      until: 160,
    },
  ],
  settings: settingsOf({ compare: 'on' }),
  until: 160,
}
