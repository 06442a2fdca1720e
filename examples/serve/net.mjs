// The net that is served, and what a request is for it: the page that trains, the server and its workers agree on it.
import { nn } from 'simdgrad'

/** Numbers of a request's row, and of its answer. */
export const ROW = 784
export const ANSWER = 10

/** Batches that a worker computes are filled up with zeros to one of these sizes, each of which is recorded once. */
export const BATCH_SIZES = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]

export function makeNet() {
  return new nn.Sequential(
    new nn.Flatten(),
    new nn.Linear(ROW, 100),
    new nn.BatchNorm1d(100),
    new nn.ReLU(),
    new nn.Linear(100, ANSWER),
  )
}
