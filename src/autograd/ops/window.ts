/** Windows that move over an image, as of convolutions and pooling. */

/** The windows of a pooling. */
export interface Windows {
  kernel: readonly [number, number]
  stride: readonly [number, number]
  padding: readonly [number, number]
}

/** The windows of a max pooling, whose elements may lie apart. */
export interface MaxWindows extends Windows {
  dilation: readonly [number, number]
  ceilMode: boolean
}

/** The elements from a window's first to its last, where they lie `dilation` apart. */
export function extentOf(taps: number, dilation: number): number {
  return (taps - 1) * dilation + 1
}

/**
 * The size of the output along one direction; with `ceil` the last window may begin inside and end outside
 * (https://pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html).
 */
export function outputSize(
  size: number,
  kernel: number,
  stride: number,
  padding: number,
  ceil = false,
): number {
  const places = (size + 2 * padding - kernel) / stride
  if (!ceil) return Math.floor(places) + 1
  const count = Math.ceil(places) + 1
  return (count - 1) * stride >= size + padding ? count - 1 : count
}
