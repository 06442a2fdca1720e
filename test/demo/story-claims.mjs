// The sentences of the story, each with what must be true of the figure's numbers (its `data-values`) where it stands.
// Every sentence of the page is here: one without a claim explains a word or says what to do.

/** @typedef {Record<string, any>} Values */
/** @typedef {{ says: string, holds?: (now: Values, before: Values) => boolean }} Claim `before`: the step's own figure, before the task */
/** @typedef {{ id: string, claims: readonly Claim[] }} TaskClaims */
/** @typedef {{ id: string, claims: readonly Claim[], tasks: readonly TaskClaims[] }} StepClaims */

const last = (/** @type {number[]} */ values) => values[values.length - 1]
const every = (/** @type {number[]} */ values, /** @type {(value: number, i: number) => boolean} */ holds) =>
  values.every(holds)
/** What the nets beside batch norm's come to. */
const others = (/** @type {Values} */ v, /** @type {'Reached' | 'Accuracy'} */ what) =>
  ['group', 'layer', 'plain'].map((name) => /** @type {number} */ (v[`${name}${what}`]))
const nearOne = (/** @type {number[]} */ values) => every(values, (value) => value > 0.8 && value < 1.25)

/** @type {readonly StepClaims[]} */
export const STORY = [
  {
    id: 'signal',
    claims: [
      {
        says: 'Six layers, one after the other, with PyTorch’s usual initial weights.',
        holds: (v) => v.plainSignal.length === 6,
      },
      {
        says: 'What a layer computes, before its ReLU, are its activations: each row is a histogram of one layer’s.',
      },
      {
        says: 'In the plain net each layer passes on less: an activation of the sixth moves less than a tenth as far from digit to digit as one of the first.',
        holds: (v) =>
          every(v.plainSignal, (value, i) => i === 0 || value < v.plainSignal[i - 1]) &&
          last(v.plainSignal) < 0.1 * v.plainSignal[0],
      },
      {
        says: 'With batch norm every layer’s keep a standard deviation near 1, and the net reads digits while the plain one still guesses.',
        holds: (v) => nearOne(v.normDeviation) && v.normAccuracy > 0.7 && v.plainAccuracy < 0.25,
      },
    ],
    tasks: [
      {
        id: 'small',
        claims: [
          {
            says: 'The plain net’s sixth layer moves less than a thousandth as far as its first: nothing of the digit is left.',
            holds: (v) => last(v.plainSignal) < 0.001 * v.plainSignal[0] && v.plainAccuracy < 0.15,
          },
          {
            says: 'Batch norm divides the scale away again: its activations are as before, and it reads more than half of the digits.',
            holds: (v) => nearOne(v.normDeviation) && v.normAccuracy > 0.5,
          },
        ],
      },
      {
        id: 'usual',
        claims: [
          {
            says: 'Back at the usual weights, the plain net’s signal dies more slowly, and dies all the same.',
            holds: (v) =>
              last(v.plainSignal) < 0.1 * v.plainSignal[0] && last(v.plainSignal) > 0.001 * v.plainSignal[0],
          },
        ],
      },
    ],
  },
  {
    id: 'formula',
    claims: [
      {
        says: 'Batch norm takes one channel at a time: one unit of a layer, and its activation for every digit of the batch, the 64 digits of a training step.',
        holds: (v) => v.count === 64,
      },
      { says: 'Each dot is one digit.' },
      {
        says: 'Take the mean μ away, and divide by the standard deviation σ, how far the dots lie from it.',
        holds: (v) => Math.abs((v.first - v.mean) / v.deviation - v.normalisedFirst) < 1e-3,
      },
      {
        says: 'What is left has mean 0 and deviation 1, whatever came in.',
        holds: (v) =>
          Math.abs(v.normalisedMean) < 1e-6 &&
          Math.abs(v.normalisedDeviation - 1) < 1e-3 &&
          (Math.abs(v.mean) > 0.01 || Math.abs(v.deviation - 1) > 0.01),
      },
      { says: '(ε = 0.00001 only keeps from dividing by nothing.)' },
    ],
    tasks: [],
  },
  {
    id: 'freedom',
    claims: [
      {
        says: 'Mean 0 and deviation 1 is a fine place to begin, and no place to stay: a ReLU would cut half of every channel away.',
        holds: (v) => v.passes > 0.2 && v.passes < 0.8,
      },
      {
        says: 'So each channel has two weights of its own, a scale γ and a shift β, and learns them with all other weights.',
      },
      {
        says: 'They begin at 1 and 0, and by now they have moved.',
        holds: (v) => v.gammaMoved > 0.01 && v.betaMoved > 0.01,
      },
      { says: 'Nothing was lost: with γ = σ and β = μ a channel is what it was before the norm.' },
    ],
    tasks: [],
  },
  {
    id: 'speed',
    claims: [
      { says: 'The gradient says in which direction each weight should go; the learning rate says how far.' },
      {
        says: 'Weights begin three times as large as usual here, so that no signal dies, and at the small rate of 0.01 both nets learn: the plain one no worse.',
        holds: (v) => v.lr === 0.01 && v.normAccuracy > 0.5 && v.plainAccuracy > v.normAccuracy - 0.03,
      },
      { says: 'But look along the step.' },
      {
        says: 'After a step of 0.3 the loss of the net with batch norm is lower than before; the plain net’s is more than five times as high.',
        holds: (v) => v.normRatio < 1 && v.plainRatio > 5,
      },
      {
        says: 'Its gradient is right only close by.',
        holds: (v) => v.plainLosses[1] < v.plainLosses[0],
      },
      { says: 'A smoother loss is what batch norm gives, and it lets the steps be large.' },
    ],
    tasks: [
      {
        id: 'large',
        claims: [
          {
            says: 'Only one survives. The plain net’s loss becomes NaN, which is no number any more, and it stays under 20 %, as if it guessed; batch norm passes 80 %.',
            holds: (v) =>
              v.lr === 0.3 && v.plainLoss === 'NaN' && v.plainAccuracy < 0.2 && v.normAccuracy > 0.8,
          },
        ],
      },
      {
        id: 'small',
        claims: [
          {
            says: 'At the small rate both learn again, and slowly.',
            holds: (v) =>
              v.normAccuracy > 0.5 && v.plainAccuracy > 0.5 && v.normAccuracy < 0.9 && v.plainAccuracy < 0.9,
          },
        ],
      },
    ],
  },
  {
    id: 'modes',
    claims: [
      { says: 'In training mode batch norm uses the mean and variance of the batch.' },
      {
        says: 'In evaluation mode a digit may come alone, so it uses the running mean and running variance: averages that each training step moves towards its batch by a share, the momentum, here 0.03.',
      },
      {
        says: 'They begin at 0 and 1 and need some hundred steps to arrive.',
        holds: (v) =>
          Math.abs(v.firstRunningMean) < 0.1 &&
          v.firstRunningVariance > 0.9 &&
          Math.abs(v.runningMean) > 2 * Math.abs(v.firstRunningMean),
      },
      {
        says: 'Until then evaluation mode judges a net that does not exist: early on it gets at least 10 points less than training mode does.',
        holds: (v) => v.earlyGap > 0.1,
      },
      {
        says: 'At step 150 both agree to 5 points.',
        holds: (v) => v.step === 150 && Math.abs(v.training - v.evaluation) < 0.05,
      },
    ],
    tasks: [
      {
        id: 'wrong',
        claims: [
          {
            says: 'The net is the same, to the bit, and gets over 30 points less: in a batch of zeros the mean is the zero itself, and is taken away.',
            holds: (v, before) =>
              v.step === before.step &&
              v.training < before.evaluation - 0.3 &&
              v.evaluation === before.evaluation,
          },
          { says: 'The plain net does not care.', holds: (v, before) => v.plain === before.plain },
        ],
      },
      {
        id: 'right',
        claims: [
          {
            says: 'In evaluation mode an answer depends on its own digit alone.',
            holds: (v, before) => v.evaluation === before.evaluation,
          },
          { says: 'This is how a net is meant to be judged.' },
        ],
      },
    ],
  },
  {
    id: 'traps',
    claims: [
      {
        says: 'Batch norm is also the layer whose mistakes are silent: the loss looks as it should, and nothing complains.',
      },
      {
        says: 'The first of the five below is running: with two digits in a batch, their mean and variance are mostly noise.',
        holds: (v) => v.batch === 2,
      },
      { says: 'The dots are the batches, the line is the running average.' },
      {
        says: 'On average a batch’s mean lies more than a third of a standard deviation away from the running one;',
        holds: (v) => v.distance > 1 / 3,
      },
      { says: 'with 64 digits it is less than a fifth.' },
      { says: 'The other traps are those of the PyTorch notebook that this project grew from.' },
    ],
    tasks: [
      {
        id: 'tiny',
        claims: [
          {
            says: 'Noise: a batch’s mean lies more than a third of a deviation from the running one.',
            holds: (v) => v.batch === 2 && v.distance > 1 / 3,
          },
          { says: 'Group and layer norm need no batch: the next step compares them.' },
        ],
      },
      {
        id: 'sorted',
        claims: [
          {
            says: 'Validation that forgets to call eval(): sorted digits cost batch norm over 30 points, and shuffled ones hide the mistake.',
            // The text of the step says of 64 digits that they lie within a fifth of a deviation.
            holds: (v) => v.batch === 64 && v.distance < 0.2 && v.training < v.evaluation - 0.3,
          },
        ],
      },
      {
        id: 'swapped',
        claims: [
          { says: 'The notebook’s 0.1 weighs the old value, PyTorch’s the new one.' },
          {
            says: 'Swapped, the running line jumps with every batch: it is little more than the last one.',
            holds: (v) => v.jumpiness > 0.15 && v.distance < 0.1,
          },
        ],
      },
      {
        id: 'biased',
        claims: [
          { says: 'The biased variance divides by m instead of m − 1.' },
          {
            says: 'With batches of 2 the running variance settles at about half of what it should be, so evaluation scales every channel too far.',
            holds: (v) => v.varianceRatio > 0.3 && v.varianceRatio < 0.75,
          },
        ],
      },
      {
        id: 'graph',
        claims: [
          {
            says: 'A running mean that is recorded holds on to every step before it: at least four more operations with each step, which nothing can free.',
            holds: (v) => v.operations >= 4 * v.step,
          },
          { says: 'In the notebook an epoch took 26 s, then 40 s.' },
          {
            says: '200 steps hold too little yet to be felt, so look at what is held, and not at the time of a step.',
            holds: (v) => v.step === 200 && v.milliseconds > 0,
          },
        ],
      },
    ],
  },
  {
    id: 'home',
    claims: [
      {
        says: 'Four nets from the same weights, at the usual settings: with batch norm, with group norm or layer norm, which take mean and variance within one digit, and with none.',
        holds: (v) =>
          v.batch === 64 && ['batch', 'group', 'layer', 'plain'].every((name) => `${name}Accuracy` in v),
      },
      {
        says: 'Batch norm passes 80 % in less than half as many steps as any other.',
        holds: (v) =>
          v.batchReached > 0 &&
          others(v, 'Reached').every((step) => (step < 0 ? v.step : step) > 2 * v.batchReached),
      },
      {
        says: 'Given a good learning rate and time, the others get there too, and a step without a norm costs less.',
        holds: (v) => others(v, 'Accuracy').every((accuracy) => accuracy > 0.5),
      },
      {
        says: 'What batch norm buys is that the rate, the depth and the initial weights need not be just right; what it asks for is a batch.',
      },
      {
        says: 'Below: draw a digit, or eight of them, or bring your own; copy the net as code, or download its weights for PyTorch.',
      },
    ],
    tasks: [
      {
        id: 'few',
        claims: [
          {
            says: 'No batch to speak of: batch norm’s curve now runs below those of the other two norms.',
            holds: (v) => v.batch === 2 && Math.min(v.groupLately, v.layerLately) > v.batchLately + 0.03,
          },
          { says: 'Group and layer norm have no batch, no modes and no running statistics.' },
        ],
      },
      {
        id: 'far',
        claims: [
          {
            says: 'Batch norm takes such steps too, and passes 80 %.',
            holds: (v) => v.batchReached > 0,
          },
          {
            says: 'The others read less than 30 %.',
            holds: (v) => others(v, 'Accuracy').every((accuracy) => accuracy < 0.3),
          },
        ],
      },
      {
        id: 'batches',
        claims: [
          {
            says: 'Batch norm is ahead again.',
            holds: (v, before) =>
              v.batchAccuracy === before.batchAccuracy &&
              v.batchAccuracy > Math.max(...others(v, 'Accuracy')),
          },
        ],
      },
    ],
  },
]
