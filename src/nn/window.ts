/** The windows of pooling layers. */
import { type Pair, pair } from '../check.js'
import { pairText } from './layer.js'

interface WindowOptions {
  stride?: Pair
  padding?: Pair
}

/** @throws {ArgumentError} for a size below 1, or a padding below 0 */
export function checkWindow(
  name: string,
  kernelSize: Pair,
  { stride = kernelSize, padding = 0 }: WindowOptions,
): void {
  pair(name, 'kernelSize', kernelSize, 1)
  pair(name, 'stride', stride, 1)
  pair(name, 'padding', padding, 0)
}

/** A window as PyTorch prints it. */
export function windowText(kernelSize: Pair, { stride = kernelSize, padding = 0 }: WindowOptions): string {
  return `kernelSize=${pairText(kernelSize)}, stride=${pairText(stride)}, padding=${pairText(padding)}`
}
