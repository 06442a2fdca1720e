import { nn } from '../public.js'
import { BatchNormByHand } from './batch-norm-by-hand.js'

/** Units of the MLPs' hidden layer. */
const HIDDEN = 100

/**
 * A multi-layer perceptron for MNIST: 784 → 100, `normalisation` (of 100 features, or none), ReLU, → 10.
 *
 * @param normalisation such as `new nn.BatchNorm1d(100)`
 */
export function mlp(...normalisation: nn.Module[]): nn.Sequential {
  return new nn.Sequential(
    new nn.Flatten(),
    new nn.Linear(784, HIDDEN),
    ...normalisation,
    new nn.ReLU(),
    new nn.Linear(HIDDEN, 10),
  )
}

/**
 * A convolutional net for MNIST: twice convolution, batch norm where `normalised`, ReLU and max pooling; then
 * 400 → 10.
 */
export function cnn(normalised: boolean): nn.Sequential {
  const norm = (channels: number) => (normalised ? [new nn.BatchNorm2d(channels)] : [])
  return new nn.Sequential(
    new nn.Conv2d(1, 6, 3, { padding: 1 }),
    ...norm(6),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { stride: 2 }),
    new nn.Conv2d(6, 16, 5),
    ...norm(16),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { stride: 2 }),
    new nn.Flatten(),
    new nn.Linear(400, 10),
  )
}

/** The nets of the command, by name. */
export const JOB_NAMES = ['mlp-bn', 'mlp-bn-layer', 'mlp', 'cnn-bn', 'cnn'] as const

/** One of JOB_NAMES. */
export type JobName = (typeof JOB_NAMES)[number]

/** A net, and how the notebook trained it: batches of 32, SGD with learning rate 0.1. */
export interface Job {
  /** A new net, with weights from the stream of random numbers. */
  make(): nn.Sequential
  /** Passes over the training data. */
  epochs: number
  /** The fewest images that it can learn from at a time: batch norm needs two values of each channel. */
  smallestBatch: number
  /** The notebook's validation accuracy after the first and the last epoch; undefined where it had no such net. */
  notebook: readonly [first: number, last: number] | undefined
}

/** The notebook's four nets, and the MLP with the layer nn.BatchNorm1d in place of batch norm by hand. */
export const JOBS: Readonly<Record<JobName, Job>> = {
  'mlp-bn': {
    make: () => mlp(new BatchNormByHand(HIDDEN)),
    epochs: 10,
    smallestBatch: 2,
    notebook: [0.9439, 0.9677],
  },
  'mlp-bn-layer': {
    make: () => mlp(new nn.BatchNorm1d(HIDDEN)),
    epochs: 10,
    smallestBatch: 2,
    notebook: undefined,
  },
  mlp: { make: () => mlp(), epochs: 10, smallestBatch: 1, notebook: [0.9488, 0.9699] },
  'cnn-bn': { make: () => cnn(true), epochs: 5, smallestBatch: 1, notebook: [0.9706, 0.9866] },
  cnn: { make: () => cnn(false), epochs: 5, smallestBatch: 1, notebook: [0.9777, 0.9823] },
}
