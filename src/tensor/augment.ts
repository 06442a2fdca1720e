/** Images of bytes that are changed at random while they are gathered. */
import { needWhole } from '../bindings/whole.js'
import { type Augment, augment as augmentKernel } from '../bindings/whole-kernels.generated.js'
import { type BytesBatch, gatherWith } from './gather.js'
import type { Shape } from './shape.js'
import type { Tensor } from './tensor.js'

/** How, and how much; see the kernel. */
export type Changes = Pick<
  Augment,
  | 'padding'
  | 'shift'
  | 'cutout'
  | 'flip'
  | 'flipVertical'
  | 'degrees'
  | 'scaleLeast'
  | 'scaleMost'
  | 'noise'
  | 'fill'
>

/**
 * A batch of images [channels, h, w] as [count, channels, outH, outW], each changed by numbers of its seed, pass and
 * index alone.
 */
export function augmentBytes(
  batch: BytesBatch,
  [outH, outW]: readonly [number, number],
  changes: Changes,
  { seed, epoch }: { readonly seed: number; readonly epoch: number },
): Tensor {
  needWhole('data.augment')
  const [channels, h, w]: Shape = batch.shape
  const words = { seedLow: seed % 2 ** 32, seedHigh: Math.floor(seed / 2 ** 32), epoch: epoch % 2 ** 32 }
  return gatherWith(batch, [channels, outH, outW], (numbers) =>
    augmentKernel({ h, w, outH, outW, ...changes, ...words, ...numbers }),
  )
}
