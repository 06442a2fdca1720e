/** What the convolution layers share: their channels, checked, and how they are printed. */
import { checkNumber, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { pairText } from './layer.js'

/** @throws {ArgumentError} for a padding of anything but zeros */
export function checkPaddingMode(name: string, mode: unknown): void {
  if (mode === 'zeros') return
  throw new ArgumentError(
    `${name}: paddingMode is 'zeros', the only one that there is here, got ${kindOf(mode)}; pad the input before the layer`,
  )
}

/** @throws {ArgumentError} for channels below 1, or groups that do not divide them */
export function checkChannels(name: string, inChannels: number, outChannels: number, groups: number): void {
  if (![inChannels, outChannels].every((n) => Number.isInteger(n) && n > 0)) {
    throw new ArgumentError(
      `${name}: channels are whole numbers of at least 1, got ${kindOf(inChannels)} and ${kindOf(outChannels)}`,
    )
  }
  checkNumber(name, 'groups', groups, { least: 1, whole: true })
  if (inChannels % groups !== 0 || outChannels % groups !== 0) {
    throw new ArgumentError(
      `${name}: groups divides both numbers of channels, got ${groups} for ${inChannels} and ${outChannels}`,
    )
  }
}

interface Shown {
  inChannels: number
  outChannels: number
  kernel: string
  stride: readonly number[]
  padding: readonly number[] | string
  outputPadding?: readonly number[]
  dilation: readonly number[]
  groups: number
  bias: boolean
}

/** As PyTorch prints a convolution: what has its default is left out, but for the stride. */
export function convolutionText(of: Shown): string {
  const { padding, outputPadding = [0], dilation, groups, bias } = of
  const padded = typeof padding === 'string' || padding.some((p) => p > 0)
  const text = (value: readonly number[] | string) => (typeof value === 'string' ? value : pairText(value))
  return [
    of.inChannels,
    of.outChannels,
    `kernelSize=${of.kernel}`,
    `stride=${text(of.stride)}`,
    ...(padded ? [`padding=${text(padding)}`] : []),
    ...(dilation.some((d) => d > 1) ? [`dilation=${text(dilation)}`] : []),
    ...(outputPadding.some((p) => p > 0) ? [`outputPadding=${text(outputPadding)}`] : []),
    ...(groups > 1 ? [`groups=${groups}`] : []),
    ...(bias ? [] : ['bias=false']),
  ].join(', ')
}
