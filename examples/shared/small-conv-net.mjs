// The net in which norms are compared.
import { nn } from 'simdgrad'

/**
 * Two convolutions for digits [N, 1, 28, 28], each with a norm behind it.
 *
 * @param {(channels: number) => nn.Module} norm
 */
export const smallConvNet = (norm) =>
  new nn.Sequential(
    new nn.Conv2d(1, 8, 3, { padding: 1, stride: 2 }),
    norm(8),
    new nn.ReLU(),
    new nn.Conv2d(8, 16, 3, { padding: 1, stride: 2 }),
    norm(16),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(784, 10),
  )
