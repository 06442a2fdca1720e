import { type Tensor, tensor } from 'simdgrad'

/** A drawn digit as an image [1, 1, 28, 28], its pixels as those of the training data. */
export function pixelsToTensor(pixels: Uint8Array): Tensor {
  return tensor(
    Float32Array.from(pixels, (pixel) => pixel / 127.5 - 1),
    { shape: [1, 1, 28, 28] },
  )
}
