import { type Step, settingsOf } from '../step.js'

const TINY = { batch: 2, lr: 0.01 }

export const traps: Step = {
  id: 'traps',
  title: 'Where it fails',
  text: [
    'Batch norm is also the layer whose mistakes are silent: the loss looks as it should, and nothing complains. The first of the five below is running: with two digits in a batch, their mean and variance are mostly noise. The dots are the batches, the line is the running average.',
    'On average a batch’s mean lies more than a third of a standard deviation away from the running one; with 64 digits it is less than a fifth. The other traps are those of the PyTorch notebook that this project grew from.',
  ],
  figure: 'traps',
  invitation: 'Try each trap, and watch the line against the dots.',
  tasks: [
    {
      id: 'tiny',
      label: 'A batch of 2',
      look: 'Noise: a batch’s mean lies more than a third of a deviation from the running one. Group and layer norm need no batch: the next step compares them.',
      changed: TINY,
      until: 300,
    },
    {
      id: 'sorted',
      label: 'Judged sorted, in training mode',
      look: 'Validation that forgets to call eval(): sorted digits cost batch norm over 30 points, and shuffled ones hide the mistake.',
      changed: { batch: 64, lr: 0.1, evaluation: 'sorted' },
      until: 150,
    },
    {
      id: 'swapped',
      label: 'Swapped momentum',
      look: 'The notebook’s 0.1 weighs the old value, PyTorch’s the new one. Swapped, the running line jumps with every batch: it is little more than the last one.',
      changed: { momentum: 0.9, batch: 8, lr: 0.1 },
      until: 200,
    },
    {
      id: 'biased',
      label: 'Biased variance',
      look: 'The biased variance divides by m instead of m − 1. With batches of 2 the running variance settles at about half of what it should be, so evaluation scales every channel too far.',
      changed: { ...TINY, variance: 'biased' },
      until: 300,
    },
    {
      id: 'graph',
      label: 'Statistics in the graph',
      look: 'A running mean that is recorded holds on to every step before it: at least four more operations with each step, which nothing can free. In the notebook an epoch took 26 s, then 40 s. 200 steps hold too little yet to be felt, so look at what is held, and not at the time of a step.',
      changed: { batch: 64, lr: 0.1, graph: 'in' },
      until: 200,
    },
  ],
  settings: settingsOf(TINY),
  until: 300,
}
