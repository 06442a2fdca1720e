/** Images of bytes that are changed at random while they are gathered. */
import type { Memory } from '../bindings/memory.js'
import { Part } from '../bindings/part.js'
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

/** So many images a batch that is not gathered from a whole set can be told from. */
export const MOST_SAMPLES = 2 ** 23

/**
 * A batch of images [channels, h, w] as [count, channels, outH, outW], each changed by numbers of its seed, pass and
 * index alone. (The kernel takes an image's place in the bytes for its index. Where the bytes are those of a batch alone,
 * each image is a call of its own at place 0, and its index stands where seed, 53 bits of 64, and pass, 20 of 32, leave
 * room.)
 */
export function augmentBytes(
  batch: BytesBatch,
  [outH, outW]: readonly [number, number],
  changes: Changes,
  { seed, epoch }: { readonly seed: number; readonly epoch: number },
): Tensor {
  needWhole('data.augment')
  const [channels, h, w]: Shape = batch.shape
  const sizes = { h, w, outH, outW, ...changes }
  const [seedLow, seedHigh] = [seed % 2 ** 32, Math.floor(seed / 2 ** 32)]
  const { samples } = batch
  return gatherWith(batch, [channels, outH, outW], (numbers) => {
    if (!samples) return augmentKernel({ ...sizes, seedLow, seedHigh, epoch: epoch % 2 ** 32, ...numbers })
    const [row, image] = [channels * h * w, channels * outH * outW]
    for (let i = 0; i < numbers.count; i++) {
      const sample = samples[i]
      augmentKernel({
        ...{ ...sizes, ...numbers, sourceRows: 1, first: 0, count: 1 },
        seedLow,
        seedHigh: seedHigh + (sample % 2 ** 11) * 2 ** 21,
        epoch: (epoch % 2 ** 20) + Math.floor(sample / 2 ** 11) * 2 ** 20,
        source: bytesOf(numbers.source, i * row, row),
        y: new Part(numbers.y, i * image, image),
      })
    }
    return -1
  })
}

/** Some of the bytes of a memory. */
function bytesOf(of: Memory, start: number, length: number): Memory {
  return { address: of.address + start, length, version: of.version, willChange: () => of.willChange() }
}
