import { type Step, settingsOf } from '../step.js'

export const home: Step = {
  id: 'home',
  title: 'Take it home',
  text: [
    'The usual settings, from the start. Batch norm passes 80 % in less than half as many steps as the plain net. Given a good learning rate and time, the plain net gets there too, and each of its steps costs less: what batch norm buys is that the rate, the depth and the initial weights need not be just right.',
    'Below: draw a digit, or eight of them, or bring your own; compare batch, group and layer norm; copy the net as code, or download its weights for PyTorch.',
  ],
  figure: 'race',
  invitation:
    'Put another norm in its place. Group and layer norm look at one digit only: no batch, no modes, no running statistics.',
  tasks: [
    {
      id: 'group',
      label: 'Group norm',
      look: 'Group norm judges alike in both modes, and reads more than 60 % by now: here it learns more slowly than batch norm.',
      changed: { norm: 'group' },
      until: 240,
    },
    {
      id: 'layer',
      label: 'Layer norm',
      look: 'Layer norm judges alike in both modes, and reads more than 60 % by now: here it learns more slowly than batch norm.',
      changed: { norm: 'layer' },
      until: 240,
    },
    {
      id: 'batch',
      label: 'Batch norm',
      look: 'Batch norm again.',
      changed: {},
      until: 240,
    },
  ],
  settings: settingsOf({}),
  until: 240,
}
