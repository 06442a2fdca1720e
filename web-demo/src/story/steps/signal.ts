import { type Step, settingsOf } from '../step.js'

export const signal: Step = {
  id: 'signal',
  title: 'A deep net’s signal dies',
  text: [
    'Six layers, one after the other, with PyTorch’s usual initial weights. What a layer computes, before its ReLU, are its **activations**: each row is a histogram of one layer’s.',
    'In the plain net each layer passes on less: an activation of the sixth moves less than a tenth as far from digit to digit as one of the first. With batch norm every layer’s keep a standard deviation near 1, and the net reads digits while the plain one still guesses.',
  ],
  figure: 'signal',
  invitation: 'Make it worse: begin with weights that are ten times too small.',
  tasks: [
    {
      id: 'small',
      label: 'Weights × 0.1',
      look: 'The plain net’s sixth layer moves less than a thousandth as far as its first: nothing of the digit is left. Batch norm divides the scale away again: its activations are as before, and it reads more than half of the digits.',
      changed: { scale: 0.1 },
      until: 60,
    },
    {
      id: 'usual',
      label: 'The usual weights',
      look: 'Back at the usual weights, the plain net’s signal dies more slowly, and dies all the same.',
      changed: {},
      until: 60,
    },
  ],
  settings: settingsOf({ depth: 6 }),
  until: 60,
}
