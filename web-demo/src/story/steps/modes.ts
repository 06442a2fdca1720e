import { type Step, settingsOf } from '../step.js'

export const modes: Step = {
  id: 'modes',
  title: 'Training against evaluation',
  text: [
    'In **training mode** batch norm uses the mean and variance of the batch. In **evaluation mode** a digit may come alone, so it uses the **running mean** and **running variance**: averages that each training step moves towards its batch by a share, the **momentum**, here 0.03.',
    'They begin at 0 and 1 and need some hundred steps to arrive. Until then evaluation mode judges a net that does not exist: early on it gets at least 10 points less than training mode does. At step 150 both agree to 5 points.',
  ],
  figure: 'modes',
  invitation: 'Now judge in the wrong mode: training mode, and the test digits sorted, zeros beside zeros.',
  tasks: [
    {
      id: 'wrong',
      label: 'Judge sorted digits in training mode',
      look: 'The net is the same, to the bit, and gets over 30 points less: in a batch of zeros the mean is the zero itself, and is taken away. The plain net does not care.',
      changed: { evaluation: 'sorted' },
      until: undefined,
    },
    {
      id: 'right',
      label: 'Judge in evaluation mode',
      look: 'In evaluation mode an answer depends on its own digit alone. This is how a net is meant to be judged.',
      changed: {},
      until: undefined,
    },
  ],
  settings: settingsOf({ momentum: 0.03 }),
  until: 150,
}
