import { checkNumber, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { manualSeed, type StreamPoint, streamPoint, takeBlocks } from './random.js'

/** Where the stream of random numbers stands: plain numbers, which JSON holds. */
export type RngState = StreamPoint

/**
 * Where the stream of random numbers stands (initial weights, shuffling, dropout).
 * https://pytorch.org/docs/stable/generated/torch.get_rng_state.html (which gives a tensor of bytes)
 */
export function getRngState(): RngState {
  return streamPoint()
}

/**
 * Goes on with the random numbers that came next when `getRngState` gave `state`.
 * https://pytorch.org/docs/stable/generated/torch.set_rng_state.html
 *
 * @param state `{ seed, position }`
 * @throws {ArgumentError} for anything else
 */
export function setRngState(state: RngState): void {
  if (typeof state !== 'object' || state === null) {
    throw new ArgumentError(
      `setRngState: expected what getRngState gave, { seed, position }, got ${kindOf(state)}`,
    )
  }
  const { seed, position } = state
  const range = { least: 0, most: Number.MAX_SAFE_INTEGER, whole: true }
  checkNumber('setRngState', 'seed', seed, range)
  checkNumber('setRngState', 'position', position, range)
  manualSeed(seed)
  takeBlocks(position)
}
